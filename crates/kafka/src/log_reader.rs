//! What a shard has written, read back: only what is committed.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::metadata::Metadata;
use rdkafka::{Offset, TopicPartitionList};
use serde::de::DeserializeOwned;
use wardwatch_event_time::Timestamp;

use crate::reader::GROUP;
use crate::topics::PATIENCE;
use crate::worker::now;
use crate::{ClientSettings, EngineConfig, EngineError, JournalRecord, LineageRecord, contact, settings};

/// How many places from the end the last record is looked for first; then twice as many.
const BACK: i64 = 500;

/// How long one look takes when nothing comes.
const LOOK: Duration = Duration::from_millis(50);

/// Reads one partition of a topic of our own.
pub(crate) struct LogReader<'c> {
    consumer: BaseConsumer,
    topic: &'c str,
    shard: i32,
}

/// Records with their offsets, in order.
pub(crate) type Tail<T = JournalRecord> = Vec<(i64, T)>;

// === impl LogReader ===

impl<'c> LogReader<'c> {
    /// A reader of the shard's journal.
    pub(crate) fn of_journal(config: &'c EngineConfig, shard: i32) -> Result<Self, EngineError> {
        Self::open(config, &config.topics.journal, shard)
    }

    /// A reader of the shard's partition of a topic.
    pub(crate) fn open(config: &'c EngineConfig, topic: &'c str, shard: i32) -> Result<Self, EngineError> {
        let consumer = settings::consumer(&config.brokers, &config.group, &config.settings)
            .create()
            .map_err(EngineError::client)?;
        Ok(Self {
            consumer,
            topic,
            shard,
        })
    }

    /// The records from offset `from` to the end; without it at least the last one, if there is any.
    ///
    /// # Errors
    /// [`EngineError::Journal`] when the broker does not answer in time.
    pub(crate) fn tail<T: DeserializeOwned>(&self, from: Option<i64>) -> Result<Tail<T>, EngineError> {
        let (low, high) = self
            .consumer
            .fetch_watermarks(self.topic, self.shard, PATIENCE)
            .map_err(|error| EngineError::Journal(error).or_not_allowed())?;
        let mut back = BACK;
        loop {
            let start = from.unwrap_or(high - back).max(low);
            let mut tail = Vec::new();
            self.read(Offset::Offset(start), |offset, record| {
                tail.push((offset, record));
                ControlFlow::Continue(())
            })?;
            if from.is_some() || !tail.is_empty() || start <= low {
                return Ok(tail);
            }
            back *= 2;
        }
    }

    /// Of a journal, the begin of a lineage of the pipeline with this hash, if it is still there.
    ///
    /// # Errors
    /// [`EngineError::Journal`] when the broker does not answer in time.
    pub(crate) fn begin_of(&self, hash: &str) -> Result<Option<Box<LineageRecord>>, EngineError> {
        let mut found = None;
        self.read(Offset::Beginning, |_, step: JournalRecord| {
            found = step.begins.filter(|begins| *begins.pipeline_hash == *hash);
            break_at(found.is_some())
        })?;
        Ok(found)
    }

    /// The offset of the first record that the broker took at a time or later; the end when there is none.
    ///
    /// # Errors
    /// [`EngineError::Journal`] when the broker does not answer in time.
    pub(crate) fn offset_at(&self, time: Timestamp) -> Result<Offset, EngineError> {
        let mut wanted = TopicPartitionList::new();
        wanted
            .add_partition_offset(self.topic, self.shard, Offset::Offset(time.millis().max(0)))
            .map_err(EngineError::Journal)?;
        let found = self.consumer.offsets_for_times(wanted, PATIENCE);
        let found = found.map_err(|error| EngineError::Journal(error).or_not_allowed())?;
        let found = found.find_partition(self.topic, self.shard);
        Ok(found.map_or(Offset::End, |found| found.offset()))
    }

    /// Tells the records from `start` to the end, unless `tell` breaks off.
    ///
    /// # Errors
    /// [`EngineError::Journal`] when the broker does not answer in time.
    pub(crate) fn read<T: DeserializeOwned>(
        &self,
        start: Offset,
        mut tell: impl FnMut(i64, T) -> ControlFlow<()>,
    ) -> Result<(), EngineError> {
        let mut assignment = TopicPartitionList::new();
        assignment
            .add_partition_offset(self.topic, self.shard, start)
            .and_then(|()| self.consumer.assign(&assignment))
            .map_err(EngineError::Journal)?;
        let mut heard = now();
        while heard.elapsed() < PATIENCE {
            match self.consumer.poll(LOOK) {
                None => continue,
                Some(Ok(message)) => {
                    if let Some((offset, record)) = decode(&message)
                        && tell(offset, record).is_break()
                    {
                        return Ok(());
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(()),
                Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => {
                    return Err(EngineError::Journal(error));
                }
                Some(Err(error)) => match EngineError::Journal(error).or_not_allowed() {
                    error if error.is_final() => return Err(error),
                    error => {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "reading back is disturbed"
                        );
                        continue;
                    }
                },
            }
            heard = now();
        }
        Err(EngineError::JournalSilent { shard: self.shard })
    }
}

/// Reads every partition of a topic from its start to its end, unless `tell` breaks off. Blocks.
///
/// # Errors
/// [`EngineError`]: no broker answers, or the topic does not exist.
pub(crate) fn read_all(
    brokers: &str,
    more: &ClientSettings,
    topic: &str,
    mut tell: impl FnMut(&BorrowedMessage<'_>) -> ControlFlow<()>,
) -> Result<(), EngineError> {
    let metadata = contact::metadata(brokers, more)?;
    let consumer: BaseConsumer = settings::consumer(brokers, GROUP, more)
        .create()
        .map_err(EngineError::client)?;
    let mut unread = assign_all(&consumer, &metadata, topic)?;
    let mut heard = now();
    while !unread.is_empty() {
        match consumer.poll(LOOK) {
            Some(Ok(message)) => {
                if tell(&message).is_break() {
                    break;
                }
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                unread.remove(&partition);
            }
            Some(Err(error)) => return Err(EngineError::Consume(error).or_not_allowed()),
            None if heard.elapsed() < PATIENCE => continue,
            None => return Err(EngineError::Consume(KafkaError::Canceled)),
        }
        heard = now();
    }
    Ok(())
}

/// Breaks off once what is looked for is there.
pub(crate) fn break_at(is_found: bool) -> ControlFlow<()> {
    if is_found {
        ControlFlow::Break(())
    } else {
        ControlFlow::Continue(())
    }
}

/// Every partition from its start; returns their numbers.
fn assign_all(
    consumer: &BaseConsumer,
    metadata: &Metadata,
    topic: &str,
) -> Result<BTreeSet<i32>, EngineError> {
    let topics = metadata.topics().iter().filter(|found| found.name() == topic);
    let partitions = topics.flat_map(|topic| topic.partitions());
    let partitions: BTreeSet<i32> = partitions.map(|partition| partition.id()).collect();
    if partitions.is_empty() {
        return Err(EngineError::MissingTopics {
            names: vec![topic.to_owned()],
        });
    }
    let mut all = TopicPartitionList::new();
    for partition in &partitions {
        all.add_partition_offset(topic, *partition, Offset::Beginning)
            .map_err(EngineError::Consume)?;
    }
    consumer.assign(&all).map_err(EngineError::Consume)?;
    Ok(partitions)
}

fn decode<T: DeserializeOwned>(message: &BorrowedMessage<'_>) -> Option<(i64, T)> {
    match serde_json::from_slice(message.payload()?) {
        Ok(record) => Some((message.offset(), record)),
        Err(error) => {
            tracing::error!(
                topic = message.topic(),
                partition = message.partition(),
                offset = message.offset(),
                kind = ?error.classify(),
                "a record is not of this version; it is passed over"
            );
            None
        }
    }
}
