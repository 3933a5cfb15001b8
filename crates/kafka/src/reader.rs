//! The engine's outputs, read back for a screen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::metadata::Metadata;
use rdkafka::{Offset, TopicPartitionList};
use serde::de::DeserializeOwned;
use wardwatch_alarms::{Alarm, Alert, ScoreRecord, SystemCondition};

use crate::{ClientSettings, EngineError, JournalRecord, TopicNames, contact, settings};

/// How long one look takes when nothing comes; an end is noticed within it.
const LOOK: Duration = Duration::from_millis(100);

/// The group of readers. They commit nothing, so one name serves all.
pub(crate) const GROUP: &str = "wardwatch-reader";

/// A record of an output topic.
#[derive(Clone, Debug)]
pub enum Output {
    /// Of `alerts`.
    Alert(Box<Alert>),
    /// Of `alarms`.
    Alarm(Box<Alarm>),
    /// Of `scores`.
    Score(Box<ScoreRecord>),
    /// Of `journal`: how far a shard came, about once a second at least.
    Journal(Box<JournalRecord>),
    /// Of `conditions.system`.
    Condition(Box<SystemCondition>),
}

/// A thread that reads output topics from their start and tells what comes.
#[derive(Debug)]
pub struct OutputReader {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<(), EngineError>>,
}

type Decode = fn(&[u8]) -> Result<Output, serde_json::Error>;

// === impl OutputReader ===

impl OutputReader {
    /// Starts to read. `tell` gets each record with the partition that it stands in, in order of each partition, on the
    /// reader's thread.
    ///
    /// # Errors
    /// [`EngineError`]: settings refused, no broker, topics missing.
    pub fn start(
        brokers: &str,
        more: &ClientSettings,
        names: &TopicNames,
        mut tell: impl FnMut(i32, Output) + Send + 'static,
    ) -> Result<Self, EngineError> {
        let decoders: BTreeMap<String, Decode> = [
            (names.alerts.clone(), alert as Decode),
            (names.alarms.clone(), alarm),
            (names.scores.clone(), score),
            (names.journal.clone(), journal),
            (names.conditions.clone(), condition),
        ]
        .into();
        let topics = decoders.keys().map(String::as_str);
        let consumer = open(brokers, more, topics, Offset::Beginning, Beyond::Wait)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let read = move || {
            while !stopped.load(Ordering::Acquire) {
                match consumer.poll(LOOK) {
                    None => {}
                    Some(Ok(message)) => {
                        if let Some(output) = decode(&decoders, &message) {
                            tell(message.partition(), output);
                        }
                    }
                    Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => {
                        return Err(EngineError::Consume(error).or_not_allowed());
                    }
                    Some(Err(error)) => tracing::warn!(%error, "reading outputs is disturbed"),
                }
            }
            Ok(())
        };
        let thread = thread::Builder::new()
            .name("wardwatch-reader".to_owned())
            .spawn(read)
            .map_err(EngineError::Thread)?;
        Ok(Self { stop, thread })
    }

    /// Ends the thread.
    ///
    /// # Errors
    /// Why it had ended by itself.
    pub fn stop(self) -> Result<(), EngineError> {
        self.stop.store(true, Ordering::Release);
        self.thread.join().map_err(|_| EngineError::Panicked)?
    }
}

/// What a consumer does at the end of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beyond {
    /// Waits for more.
    Wait,
    /// Says so, as an error of a poll.
    Tell,
}

/// A consumer of all partitions of some topics, from an offset on, that goes on beyond their ends.
pub(crate) fn open<'t>(
    brokers: &str,
    more: &ClientSettings,
    topics: impl Iterator<Item = &'t str>,
    from: Offset,
    beyond: Beyond,
) -> Result<BaseConsumer, EngineError> {
    let metadata = contact::metadata(brokers, more)?;
    let mut config = settings::consumer(brokers, GROUP, more);
    config.set("enable.partition.eof", (beyond == Beyond::Tell).to_string());
    let consumer: BaseConsumer = config.create().map_err(EngineError::client)?;
    consumer
        .assign(&everything(&metadata, topics, from)?)
        .map_err(EngineError::Consume)?;
    Ok(consumer)
}

/// All partitions of some topics, from an offset on.
fn everything<'t>(
    metadata: &Metadata,
    topics: impl Iterator<Item = &'t str>,
    from: Offset,
) -> Result<TopicPartitionList, EngineError> {
    let mut assignment = TopicPartitionList::new();
    let mut missing = Vec::new();
    for name in topics {
        let Some(topic) = metadata.topics().iter().find(|topic| topic.name() == name) else {
            missing.push(name.to_owned());
            continue;
        };
        for partition in topic.partitions() {
            assignment
                .add_partition_offset(name, partition.id(), from)
                .map_err(EngineError::Consume)?;
        }
    }
    if missing.is_empty() {
        Ok(assignment)
    } else {
        Err(EngineError::MissingTopics { names: missing })
    }
}

fn decode(decoders: &BTreeMap<String, Decode>, message: &BorrowedMessage<'_>) -> Option<Output> {
    let decoder = decoders.get(message.topic())?;
    // A tombstone of a compacted topic.
    let payload = message.payload()?;
    match decoder(payload) {
        Ok(output) => Some(output),
        Err(error) => {
            // Position and kind only: serde's own words may quote the record.
            tracing::error!(
                topic = message.topic(),
                partition = message.partition(),
                offset = message.offset(),
                kind = ?error.classify(),
                "a record of an output topic is not of this version"
            );
            None
        }
    }
}

fn boxed<T: DeserializeOwned>(payload: &[u8]) -> Result<Box<T>, serde_json::Error> {
    serde_json::from_slice(payload).map(Box::new)
}

fn alert(payload: &[u8]) -> Result<Output, serde_json::Error> {
    boxed(payload).map(Output::Alert)
}

fn alarm(payload: &[u8]) -> Result<Output, serde_json::Error> {
    boxed(payload).map(Output::Alarm)
}

fn score(payload: &[u8]) -> Result<Output, serde_json::Error> {
    boxed(payload).map(Output::Score)
}

fn journal(payload: &[u8]) -> Result<Output, serde_json::Error> {
    boxed(payload).map(Output::Journal)
}

fn condition(payload: &[u8]) -> Result<Output, serde_json::Error> {
    boxed(payload).map(Output::Condition)
}
