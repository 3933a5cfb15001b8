//! The thread that looks at the cluster while an engine runs, tells what is wrong, and tells the shards what they cannot see.
//!
//! | every | looks at |
//! |---|---|
//! | second | where partitions begin and end |
//! | 5 s | which topics there are, their ids and partitions |
//! | 20 s | settings, clocks, versions, the newest keys, the place of snapshots: what `doctor` looks at besides |

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use wardwatch_alarms::SystemCondition;

use super::condition::Condition;
use super::facts::{LogFacts, TopicFacts};
use super::probe::Probe;
use super::registry::Observer;
use super::stalls::Stalls;
use crate::doctor;
use crate::health::Health;
use crate::log_reader::read_all;
use crate::reload::Wanted;
use crate::worker::now;
use crate::{EngineConfig, EngineError, settings};

/// Between two looks at partitions.
const LOOK: Duration = Duration::from_secs(1);

/// Between two looks at topics.
const TOPICS: Duration = Duration::from_secs(5);

/// Between two looks at the rest.
const CLUSTER: Duration = Duration::from_secs(20);

/// How long the broker may take to have what was noticed.
const WRITTEN: Duration = Duration::from_secs(5);

/// What the newest look has shown, for the shards.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    looks: AtomicU64,
    log: Mutex<SeenLog>,
}

/// The log as it was seen.
#[derive(Debug, Default)]
pub(crate) struct SeenLog {
    pub facts: LogFacts,
    pub stalls: Stalls,
}

/// Looks at the cluster.
pub(crate) struct Watch {
    config: Arc<EngineConfig>,
    wanted: Arc<Wanted>,
    health: Arc<Health>,
    seen: Arc<Seen>,
    probe: Arc<Probe>,
    producer: BaseProducer,
    topics: BTreeMap<String, TopicFacts>,
    stalls: Stalls,
    /// The shards whose conditions have been taken over.
    shards: Vec<i32>,
    topics_at: Option<Instant>,
    cluster_at: Option<Instant>,
}

// === impl Seen ===

impl Seen {
    /// What was seen, if there has been a look since the one of that number.
    pub(crate) fn since(&self, look: &mut u64) -> Option<MutexGuard<'_, SeenLog>> {
        let newest = self.looks.load(Ordering::Acquire);
        (std::mem::replace(look, newest) != newest)
            .then(|| self.log.lock().expect("no panic while it is held"))
    }

    fn show(&self, log: SeenLog) {
        *self.log.lock().expect("no panic while it is held") = log;
        self.looks.fetch_add(1, Ordering::Release);
    }
}

// === impl Watch ===

impl Watch {
    /// Starts the thread; it ends once `stop` is set. Nobody need wait for it: it holds nothing that has to be put down.
    ///
    /// # Errors
    /// [`EngineError::Client`], [`EngineError::Thread`].
    pub(crate) fn start(
        config: &Arc<EngineConfig>,
        wanted: &Arc<Wanted>,
        health: &Arc<Health>,
        seen: &Arc<Seen>,
        probe: &Arc<Probe>,
        stop: &Arc<AtomicBool>,
    ) -> Result<(), EngineError> {
        let producer = settings::producer(&config.brokers, &config.settings)
            .create()
            .map_err(EngineError::client)?;
        let mut watch = Self {
            config: Arc::clone(config),
            wanted: Arc::clone(wanted),
            health: Arc::clone(health),
            seen: Arc::clone(seen),
            probe: Arc::clone(probe),
            producer,
            topics: BTreeMap::new(),
            stalls: Stalls::default(),
            shards: Vec::new(),
            topics_at: None,
            cluster_at: None,
        };
        let stop = Arc::clone(stop);
        thread::Builder::new()
            .name("wardwatch-watch".to_owned())
            .spawn(move || {
                while !stop.load(Ordering::Acquire) {
                    watch.look();
                    thread::park_timeout(LOOK);
                }
            })
            .map(drop)
            .map_err(EngineError::Thread)
    }

    fn look(&mut self) {
        self.probe.hear();
        let clock = Arc::clone(&self.config.clock);
        let conditions = self.look_at_log().unwrap_or_else(|error| {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "the log cannot be looked at"
            );
            let reason = error.to_string();
            vec![Condition::Unreachable { reason }]
        });
        let is_reached = !matches!(conditions[..], [Condition::Unreachable { .. }]);
        self.health
            .conditions
            .observe(Observer::Partitions, conditions, clock.now());
        if !is_reached {
            return;
        }
        if self.cluster_at.is_none_or(|at| at.elapsed() >= CLUSTER) {
            self.cluster_at = Some(now());
            let config = self.wanted.config(&self.config);
            let found = doctor::notice(&config, &self.topics, &self.shards);
            self.health
                .conditions
                .observe(Observer::Cluster, found, clock.now());
        }
        if let Err(error) = self.write() {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "what was noticed cannot be written yet; it is tried again"
            );
        }
    }

    /// Looks at topics and partitions, and shows the shards what was seen.
    fn look_at_log(&mut self) -> Result<Vec<Condition>, EngineError> {
        let probe = Arc::clone(&self.probe);
        let names = &self.config.topics;
        let inputs = names.inputs(&self.config.pipeline);
        if self.topics_at.is_none_or(|at| at.elapsed() >= TOPICS) {
            let all: Vec<&str> = inputs.iter().copied().chain(names.outputs()).collect();
            self.topics = probe.topics(&all)?;
            self.topics_at = Some(now());
            let found = doctor::topic_counts(&self.config, &self.topics);
            let clock = &self.config.clock;
            self.health
                .conditions
                .observe(Observer::Topics, found, clock.now());
        }
        let shards = self.health.shards();
        if shards != self.shards {
            self.shards = shards;
            if let Err(error) = self.take_over() {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "what was noticed before cannot be read"
                );
            }
        }
        let read = self
            .topics
            .iter()
            .filter(|(name, _)| inputs.contains(&name.as_str()));
        let topics: BTreeMap<String, TopicFacts> =
            read.map(|(name, facts)| (name.clone(), facts.clone())).collect();
        let partitions = probe.partitions(&topics, &self.shards)?;
        let facts = LogFacts { topics, partitions };
        self.stalls.look(&facts, now());
        let stalls = self.stalls.clone();
        let conditions = stalls.conditions();
        self.seen.show(SeenLog { facts, stalls });
        Ok(conditions)
    }

    /// Reads what a predecessor has left in the topic.
    fn take_over(&self) -> Result<(), EngineError> {
        let config = &self.config;
        let mut left: BTreeMap<Vec<u8>, SystemCondition> = BTreeMap::new();
        read_all(
            &config.brokers,
            &config.settings,
            &config.topics.conditions,
            |message| {
                let record = message
                    .payload()
                    .and_then(|payload| serde_json::from_slice(payload).ok());
                if let (Some(key), Some(record)) = (message.key(), record) {
                    left.insert(key.to_vec(), record);
                }
                ControlFlow::Continue(())
            },
        )?;
        self.health
            .conditions
            .take_over(left.into_values(), config.clock.now());
        Ok(())
    }

    /// Writes what has changed to the topic.
    fn write(&self) -> Result<(), EngineError> {
        let records = self.health.conditions.take_unwritten();
        if records.is_empty() {
            return Ok(());
        }
        let written = self.write_all(&records);
        if written.is_err() {
            self.health.conditions.give_back(records);
        }
        written
    }

    fn write_all(&self, records: &[SystemCondition]) -> Result<(), EngineError> {
        let topic = &self.config.topics.conditions;
        let failed = |source| {
            EngineError::Produce {
                topic: topic.clone(),
                source,
            }
            .or_not_allowed()
        };
        for record in records {
            let payload = serde_json::to_vec(record).map_err(|source| EngineError::Encode {
                topic: topic.clone(),
                source,
            })?;
            let key = record.key();
            let outgoing = BaseRecord::to(topic).key(key.as_bytes()).payload(&payload[..]);
            self.producer.send(outgoing).map_err(|(error, _)| failed(error))?;
        }
        self.producer.flush(WRITTEN).map_err(failed)
    }
}
