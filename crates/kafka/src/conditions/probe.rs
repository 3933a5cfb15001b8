//! The look itself: what a cluster says of topics, of partitions, and of their newest records.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Offset, TopicPartitionList};
use wardwatch_event_time::Timestamp;

use super::breaks::{Break, Known, breaks, needs_times};
use super::facts::{LogFacts, PartitionFacts, TopicFacts};
use super::keys::{Keys, NEWEST};
use super::steps::{NewestStep, NewestSteps};
use super::topic_ids;
use crate::journal::LogView;
use crate::worker::now;
use crate::{EngineConfig, EngineError, JournalRecord, contact, settings};

/// So many places from its end the journal is read: the last are markers of transactions.
const BACK: i64 = 20;

/// How long one look for a record takes when nothing comes.
const LOOK: Duration = Duration::from_millis(100);

/// How long a broker may take to answer, and how long to tell ids. No shard waits for those: there are other ways to see that a
/// topic is another one.
const PATIENCE: Duration = Duration::from_secs(5);
const IDS: Duration = Duration::from_secs(2);

/// After a cluster did not tell ids.
const COOL_DOWN: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// Looks at a cluster.
pub(crate) struct Probe {
    committed: BaseConsumer,
    uncommitted: BaseConsumer,
    /// Until then the cluster is not asked what it calls its topics besides their names, since it did not answer.
    no_ids_until: Mutex<Option<Instant>>,
}

// === impl Probe ===

impl Probe {
    pub(crate) fn new(config: &EngineConfig) -> Result<Self, EngineError> {
        let mut client = settings::consumer(&config.brokers, &config.group, &config.settings);
        let committed = client.create().map_err(EngineError::client)?;
        client.set("isolation.level", "read_uncommitted");
        let uncommitted = client.create().map_err(EngineError::client)?;
        Ok(Self {
            committed,
            uncommitted,
            // The broker in this process does not tell them.
            no_ids_until: Mutex::new(config.trusts_topics.then(|| now() + DAY)),
        })
    }

    /// Of these topics those that exist.
    ///
    /// # Errors
    /// [`EngineError::Consume`]: no broker answers in time.
    pub(crate) fn topics(&self, names: &[&str]) -> Result<BTreeMap<String, TopicFacts>, EngineError> {
        let mut no_ids_until = self.no_ids_until.lock().expect("no panic while it is held");
        if no_ids_until.is_none_or(|until| now() >= until) {
            match topic_ids::describe(self.committed.client(), names, IDS) {
                Ok(topics) => return Ok(topics),
                Err(error) => {
                    tracing::debug!(%error, "the cluster does not tell the ids of topics");
                    *no_ids_until = Some(now() + COOL_DOWN);
                }
            }
        }
        drop(no_ids_until);
        let metadata = self.committed.fetch_metadata(None, PATIENCE);
        let metadata = metadata.map_err(EngineError::Consume)?;
        let topics = metadata.topics().iter();
        let facts = topics.filter(|topic| names.contains(&topic.name())).map(|topic| {
            let facts = TopicFacts {
                id: None,
                partitions: topic.partitions().len() as i32,
            };
            (topic.name().to_owned(), facts)
        });
        Ok(facts.collect())
    }

    /// These topics, and their partitions of these numbers.
    ///
    /// # Errors
    /// As [`Probe::topics`].
    pub(crate) fn log(&self, names: &[&str], shards: &[i32]) -> Result<LogFacts, EngineError> {
        let topics = self.topics(names)?;
        let partitions = self.partitions(&topics, shards)?;
        Ok(LogFacts { topics, partitions })
    }

    /// Where the partitions of these numbers begin and end, of topics that exist.
    ///
    /// # Errors
    /// As [`Probe::topics`].
    pub(crate) fn partitions(
        &self,
        topics: &BTreeMap<String, TopicFacts>,
        shards: &[i32],
    ) -> Result<BTreeMap<(String, i32), PartitionFacts>, EngineError> {
        let wanted = topics.iter().flat_map(|(topic, facts)| {
            let there = shards.iter().filter(|shard| **shard < facts.partitions);
            there.map(move |shard| (topic.as_str(), *shard))
        });
        let wanted: Vec<(&str, i32)> = wanted.collect();
        // The stable end comes first: what is written in between only makes the other larger.
        let starts = offsets(&self.committed, &wanted, Offset::Beginning)?;
        let stable = offsets(&self.committed, &wanted, Offset::End)?;
        let ends = offsets(&self.uncommitted, &wanted, Offset::End)?;
        let facts = wanted.iter().filter_map(|place| {
            let facts = PartitionFacts {
                start: *starts.get(place)?,
                stable: *stable.get(place)?,
                end: *ends.get(place)?,
            };
            Some(((place.0.to_owned(), place.1), facts))
        });
        Ok(facts.collect())
    }

    /// Where the log is no longer the one that a shard knew when it stood there: what it took it for, its offsets by topic, and its
    /// log time.
    ///
    /// # Errors
    /// As [`Probe::topics`].
    pub(crate) fn breaks(
        &self,
        facts: &LogFacts,
        inputs: &[&str],
        shard: i32,
        (log, offsets, log_time): (&LogView, &BTreeMap<String, i64>, Timestamp),
    ) -> Result<Vec<Break>, EngineError> {
        let mut known = Vec::new();
        for (ordinal, name) in (0..).zip(inputs) {
            let is_asked = needs_times(log, facts, name) && facts.partition(name, shard).is_some();
            known.push(Known {
                ordinal,
                name,
                offset: offsets.get(*name).copied(),
                first_younger: match is_asked {
                    true => self.first_after(name, shard, log_time)?,
                    false => None,
                },
            });
        }
        Ok(breaks(log, facts, shard, &known))
    }

    /// The first record of a partition that the broker took after a time.
    fn first_after(&self, topic: &str, partition: i32, time: Timestamp) -> Result<Option<i64>, EngineError> {
        let after = Offset::Offset(time.millis().max(0) + 1);
        Ok(offsets(&self.uncommitted, &[(topic, partition)], after)?
            .into_values()
            .next())
    }

    /// Lets the clients tell what they have to, so that nothing piles up.
    pub(crate) fn hear(&self) {
        [&self.committed, &self.uncommitted]
            .into_iter()
            .for_each(contact::hear);
    }
}

/// What lies at logical offsets or times of partitions; nothing where there is no such record.
fn offsets<'w>(
    consumer: &BaseConsumer,
    wanted: &[(&'w str, i32)],
    at: Offset,
) -> Result<BTreeMap<(&'w str, i32), i64>, EngineError> {
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut list = TopicPartitionList::new();
    for (topic, partition) in wanted {
        list.add_partition_offset(topic, *partition, at)
            .map_err(EngineError::Consume)?;
    }
    let found = consumer.offsets_for_times(list, PATIENCE);
    let found = found.map_err(|error| EngineError::Consume(error).or_not_allowed())?;
    let offset = |place: &(&'w str, i32)| {
        let found = found.find_partition(place.0, place.1)?;
        match (found.error(), found.offset()) {
            (Ok(()), Offset::Offset(offset)) => Some((*place, offset)),
            _ => None,
        }
    };
    Ok(wanted.iter().filter_map(offset).collect())
}

/// Where the newest records of these topics lie, against their keys. Of a topic with another number of partitions than there are
/// shards nothing follows from that. Blocks while they are read.
///
/// # Errors
/// [`EngineError`]: no broker answers, or topics may not be read.
pub(crate) fn newest_keys(
    config: &EngineConfig,
    topics: &BTreeMap<&str, TopicFacts>,
    shards: &[i32],
    shard_count: i32,
) -> Result<BTreeMap<(String, i32), Keys>, EngineError> {
    let whole = topics.iter().filter(|(_, facts)| facts.partitions == shard_count);
    let places = whole.flat_map(|(topic, _)| {
        let there = shards.iter().filter(|shard| **shard < shard_count);
        there.map(|shard| (*topic, *shard))
    });
    let places: Vec<(&str, i32)> = places.collect();
    let mut keys: BTreeMap<(String, i32), Keys> = BTreeMap::new();
    newest(&consumer(config)?, &places, NEWEST as i64, |message| {
        let (topic, partition) = (message.topic().to_owned(), message.partition());
        let of = keys.entry((topic, partition)).or_default();
        of.note(message.key(), taken(message), partition, shard_count);
    })?;
    Ok(keys)
}

/// By shard, its newest step. Blocks while the journal's end is read.
///
/// # Errors
/// [`EngineError`]: no broker answers, or the journal may not be read.
pub(crate) fn newest_steps(config: &EngineConfig) -> Result<NewestSteps, EngineError> {
    let (consumer, journal) = (consumer(config)?, config.topics.journal.as_str());
    let metadata = consumer.fetch_metadata(Some(journal), PATIENCE);
    let metadata = metadata.map_err(|error| EngineError::Journal(error).or_not_allowed())?;
    let shards = metadata
        .topics()
        .first()
        .map_or(0, |topic| topic.partitions().len());
    let places: Vec<(&str, i32)> = (0..shards as i32).map(|shard| (journal, shard)).collect();
    let mut steps = NewestSteps::new();
    newest(&consumer, &places, BACK, |message| {
        let payload = message.payload().unwrap_or_default();
        if let Ok(record) = serde_json::from_slice::<JournalRecord>(payload) {
            let step = NewestStep {
                taken: taken(message),
                at: record.at,
                version: record.pipeline_version,
                edit_refused: record.edit_refused,
                log: record.log,
                offsets: record.offsets,
                log_time: record.log_time,
            };
            steps.insert(message.partition(), step);
        }
    })?;
    Ok(steps)
}

fn consumer(config: &EngineConfig) -> Result<BaseConsumer, EngineError> {
    settings::consumer(&config.brokers, &config.group, &config.settings)
        .create()
        .map_err(EngineError::client)
}

/// Tells the newest records of partitions, as many as there are among the last `back` places of each.
fn newest(
    consumer: &BaseConsumer,
    places: &[(&str, i32)],
    back: i64,
    mut tell: impl FnMut(&BorrowedMessage<'_>),
) -> Result<(), EngineError> {
    let failed = |error| EngineError::Consume(error).or_not_allowed();
    let mut assignment = TopicPartitionList::new();
    for (topic, partition) in places {
        assignment
            .add_partition_offset(topic, *partition, Offset::OffsetTail(back))
            .map_err(failed)?;
    }
    consumer.assign(&assignment).map_err(failed)?;
    let (mut left, begun) = (places.len(), now());
    while left > 0 && begun.elapsed() < PATIENCE {
        match consumer.poll(LOOK) {
            Some(Ok(message)) => tell(&message),
            Some(Err(KafkaError::PartitionEOF(_))) => left -= 1,
            Some(Err(error)) => return Err(failed(error)),
            None => {}
        }
    }
    Ok(())
}

fn taken(message: &BorrowedMessage<'_>) -> Timestamp {
    Timestamp::from_millis(message.timestamp().to_millis().unwrap_or(0))
}
