//! The engine's configuration, its start and its end. One engine is one thread, which runs every shard of its pipeline.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use wardwatch_event_time::Span;
use wardwatch_pipeline::Pipeline;

use crate::lane::EngineContext;
use crate::outbox::Outbox;
use crate::turn::{self, Turn};
use crate::{ClientSettings, EngineClock, EngineError, SystemClock, TopicNames, settings, topics};

/// An engine that has not made a turn for so long hangs.
const HANGS_AFTER: Duration = Duration::from_secs(5);

/// What an engine runs, and on which brokers.
#[derive(Clone)]
pub struct EngineConfig {
    /// Bootstrap addresses, `HOST:PORT` separated by commas.
    pub brokers: String,
    /// The group under which offsets are committed.
    pub group: String,
    /// What it runs.
    pub pipeline: Arc<Pipeline>,
    /// Where context comes from and outputs go.
    pub topics: TopicNames,
    /// What time it is for the log.
    pub clock: Arc<dyn EngineClock>,
    /// By how much a tick stays behind the clock, so that records on their way are not overtaken.
    pub tick_lag: Span,
    /// Further settings of librdkafka.
    pub settings: ClientSettings,
}

/// Starts engines.
#[derive(Debug)]
pub struct Engine;

/// An engine that runs. Dropping it does not stop it; [`stop`](Self::stop) does.
#[derive(Debug)]
pub struct EngineHandle {
    stop: Arc<AtomicBool>,
    health: Arc<Health>,
    thread: JoinHandle<Result<(), EngineError>>,
}

/// How an engine fares, for whoever asks from another thread.
#[derive(Debug)]
pub struct Health {
    started: Instant,
    /// Milliseconds after `started`.
    last_turn: AtomicU64,
    caught_up: AtomicBool,
    ended: AtomicBool,
    records: AtomicU64,
    steps: AtomicU64,
    windows: AtomicU64,
    alerts: AtomicU64,
    quarantined: AtomicU64,
}

/// What an engine did since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Records taken from Kafka and stepped.
    pub records: u64,
    /// Steps of all shards.
    pub steps: u64,
    /// Windows evaluated.
    pub windows: u64,
    /// Alerts acknowledged by the broker.
    pub alerts: u64,
    /// Records acknowledged on the quarantine topic.
    pub quarantined: u64,
}

// === impl EngineConfig ===

impl EngineConfig {
    /// An engine with the usual topics on the wall clock.
    pub fn new(brokers: impl Into<String>, group: impl Into<String>, pipeline: Arc<Pipeline>) -> Self {
        Self {
            brokers: brokers.into(),
            group: group.into(),
            pipeline,
            topics: TopicNames::default(),
            clock: Arc::new(SystemClock),
            tick_lag: Span::from_millis(500),
            settings: ClientSettings::new(),
        }
    }
}

// === impl Engine ===

impl Engine {
    /// Checks brokers and topics, then starts the engine's thread. Blocks for as long as the check takes.
    ///
    /// # Errors
    /// [`EngineError`]: settings refused, no broker, topics missing or of unequal partitions.
    pub fn start(config: EngineConfig) -> Result<EngineHandle, EngineError> {
        let consumer: BaseConsumer<EngineContext> =
            settings::consumer(&config.brokers, &config.group, &config.settings)
                .create_with_context(EngineContext)
                .map_err(EngineError::Client)?;
        let metadata = consumer
            .fetch_metadata(None, topics::PATIENCE)
            .map_err(|source| EngineError::Unreachable {
                brokers: config.brokers.clone(),
                source,
            })?;
        let shards = topics::shards(&metadata, &config.pipeline, &config.topics)?;
        let outbox = Outbox::new(&config.brokers, &config.settings)?;

        let stop = Arc::new(AtomicBool::new(false));
        let health = Arc::new(Health::new());
        let (stopped, watched) = (stop.clone(), health.clone());
        let thread = thread::Builder::new()
            .name("wardwatch-engine".to_owned())
            .spawn(move || {
                let watched = Ending(watched);
                let turn = Turn::new(&config, &watched.0, outbox);
                let outcome = turn::run(turn, Arc::new(consumer), shards, &stopped);
                if let Err(error) = &outcome {
                    tracing::error!(error = error as &dyn std::error::Error, "the engine stops");
                }
                outcome
            })
            .map_err(EngineError::Thread)?;
        Ok(EngineHandle { stop, health, thread })
    }
}

// === impl EngineHandle ===

impl EngineHandle {
    /// Finishes the turn at hand, commits, and ends.
    ///
    /// # Errors
    /// Why the engine had stopped by itself, or what failed at the end.
    pub fn stop(self) -> Result<(), EngineError> {
        self.stop.store(true, Ordering::Release);
        self.thread.thread().unpark();
        self.thread.join().map_err(|_| EngineError::Panicked)?
    }

    /// How it fares.
    pub fn health(&self) -> Arc<Health> {
        self.health.clone()
    }

    /// What it did so far.
    pub fn stats(&self) -> Stats {
        self.health.stats()
    }
}

// === impl Health ===

impl Health {
    #[allow(
        clippy::disallowed_methods,
        reason = "measures whether the engine's thread hangs"
    )]
    fn new() -> Self {
        Self {
            started: Instant::now(),
            last_turn: AtomicU64::new(0),
            caught_up: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            records: AtomicU64::new(0),
            steps: AtomicU64::new(0),
            windows: AtomicU64::new(0),
            alerts: AtomicU64::new(0),
            quarantined: AtomicU64::new(0),
        }
    }

    /// Whether the engine turns, and has once read every topic to its end with no window left to evaluate.
    pub fn is_ready(&self) -> bool {
        let last = Duration::from_millis(self.last_turn.load(Ordering::Relaxed));
        let hangs = self.started.elapsed().saturating_sub(last) > HANGS_AFTER;
        self.caught_up.load(Ordering::Relaxed) && !hangs && !self.has_ended()
    }

    /// Whether the engine's thread has ended, by itself or because it was told to.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// What it did so far.
    pub fn stats(&self) -> Stats {
        Stats {
            records: self.records.load(Ordering::Relaxed),
            steps: self.steps.load(Ordering::Relaxed),
            windows: self.windows.load(Ordering::Relaxed),
            alerts: self.alerts.load(Ordering::Relaxed),
            quarantined: self.quarantined.load(Ordering::Relaxed),
        }
    }

    /// Called after each turn, with what it did.
    pub(crate) fn turned(&self, did: Stats, caught_up: bool) {
        let elapsed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_turn.store(elapsed, Ordering::Relaxed);
        self.records.fetch_add(did.records, Ordering::Relaxed);
        self.steps.fetch_add(did.steps, Ordering::Relaxed);
        self.windows.fetch_add(did.windows, Ordering::Relaxed);
        self.alerts.fetch_add(did.alerts, Ordering::Relaxed);
        self.quarantined.fetch_add(did.quarantined, Ordering::Relaxed);
        if caught_up {
            self.caught_up.store(true, Ordering::Relaxed);
        }
    }
}

/// Marks the end of the engine's thread, also by a panic.
struct Ending(Arc<Health>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Release);
    }
}
