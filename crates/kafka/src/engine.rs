//! The engine's configuration, its start and its end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use wardwatch_event_time::Span;
use wardwatch_pipeline::{Pipeline, PipelineError};

use crate::conditions::{Probe, Seen, Watch};
use crate::health::{Ending, Health, Stats};
use crate::member::{EngineConsumer, Member, MemberContext};
use crate::reload::{RunningPipeline, Wanted};
use crate::snapshot_writer::SnapshotWriter;
use crate::snapshots::{Place, SnapshotStore};
use crate::worker::{Surroundings, now};
use crate::{
    BrokerClock, ClientSettings, EngineClock, EngineError, TopicNames, meter, program, settings, topics,
};

/// So many times an engine joins anew after its name was taken; more is no accident.
const MOST_REPLACED: u32 = 3;

/// Two of one name throw each other out within a heartbeat or two; whoever was a member for so long was not replaced by another.
const FORGIVEN: Duration = Duration::from_secs(15);

/// Makes a pipeline of a text.
pub type LoadPipeline = Arc<dyn Fn(&str) -> Result<Pipeline, PipelineError> + Send + Sync>;

/// What an engine runs, and on which brokers.
#[derive(Clone)]
pub struct EngineConfig {
    /// Bootstrap addresses, `HOST:PORT` separated by commas.
    pub brokers: String,
    /// The group whose members share the shards.
    pub group: String,
    /// This engine's own name in the group, kept over restarts; then a restart moves no shard to another engine.
    pub instance: Option<String>,
    /// What it runs.
    pub pipeline: Arc<Pipeline>,
    /// Where context comes from and outputs go.
    pub topics: TopicNames,
    /// What time it is for the log.
    pub clock: Arc<dyn EngineClock>,
    /// By how much a tick stays behind the clock, so that records on their way are not overtaken.
    pub tick_lag: Span,
    /// Where snapshots are kept. Without them a restart steps the whole journal again, or rebuilds.
    pub snapshots: Option<Arc<SnapshotStore>>,
    /// Between two snapshots of a shard: as much of the log has to be stepped again after a crash.
    pub snapshot_every: Duration,
    /// Outputs and offsets in one transaction. Without it alerts may be lost or come twice: only to measure what it costs.
    pub exactly_once: bool,
    /// Take the topics' settings for right: the broker in this process does not tell them.
    pub trusts_topics: bool,
    /// Makes a pipeline of the text of another version, to go on from its state or to explain its alerts; without it the state is
    /// rebuilt, and such alerts are not explained.
    pub load: Option<LoadPipeline>,
    /// Further settings of librdkafka.
    pub settings: ClientSettings,
    /// Which program this is.
    pub build: Arc<str>,
}

/// Starts engines.
#[derive(Debug)]
pub struct Engine;

/// An engine that runs. Dropping it does not stop it; [`stop`](Self::stop) does.
pub struct EngineHandle {
    config: Arc<EngineConfig>,
    stop: Arc<AtomicBool>,
    health: Arc<Health>,
    wanted: Arc<Wanted>,
    thread: JoinHandle<Result<(), EngineError>>,
}

// === impl EngineConfig ===

impl EngineConfig {
    /// An engine with the usual topics on the brokers' clock, without snapshots.
    pub fn new(brokers: impl Into<String>, group: impl Into<String>, pipeline: Arc<Pipeline>) -> Self {
        Self {
            brokers: brokers.into(),
            group: group.into(),
            instance: None,
            pipeline,
            topics: TopicNames::default(),
            clock: Arc::new(BrokerClock::default()),
            tick_lag: Span::from_millis(500),
            snapshots: None,
            snapshot_every: Duration::from_secs(60),
            exactly_once: true,
            trusts_topics: false,
            load: None,
            settings: ClientSettings::new(),
            build: program::identity(),
        }
    }

    /// Where a shard's snapshots are.
    pub(crate) fn snapshots_of(&self, shard: i32) -> Place<'_> {
        Place {
            pipeline: &self.pipeline.name,
            journal: &self.topics.journal,
            shard,
        }
    }
}

// === impl Engine ===

impl Engine {
    /// Checks brokers and topics, then starts the engine's threads. Blocks for as long as the check takes.
    ///
    /// # Errors
    /// [`EngineError`]: settings refused, no broker, topics missing or of unequal partitions.
    pub fn start(config: EngineConfig) -> Result<EngineHandle, EngineError> {
        settings::check_settings(&config.settings)?;
        topics::check(&config)?;
        let config = Arc::new(config);
        let stop = Arc::new(AtomicBool::new(false));
        let health = Arc::new(Health::new(&config.group));
        let wanted = Arc::new(Wanted::new(Arc::clone(&config.pipeline)));
        meter::edit_refused(false);
        let (stopped, watched, pipeline) = (stop.clone(), health.clone(), wanted.clone());
        let started = Arc::clone(&config);
        let thread = thread::Builder::new()
            .name("wardwatch-engine".to_owned())
            .spawn(move || {
                let ending = Ending(watched);
                let outcome = run(&started, &ending.0, &pipeline, &stopped);
                if let Err(error) = &outcome {
                    tracing::error!(error = error as &dyn std::error::Error, "the engine stops");
                }
                outcome
            })
            .map_err(EngineError::Thread)?;
        Ok(EngineHandle {
            config,
            stop,
            health,
            wanted,
            thread,
        })
    }
}

fn run(
    config: &Arc<EngineConfig>,
    health: &Arc<Health>,
    wanted: &Arc<Wanted>,
    stop: &Arc<AtomicBool>,
) -> Result<(), EngineError> {
    let (writer, writing) = SnapshotWriter::start(config)?.unzip();
    let seen = Arc::new(Seen::default());
    let probe = Arc::new(Probe::new(config)?);
    Watch::start(config, wanted, health, &seen, &probe, stop)?;
    let outcome = join(config, health, wanted, &writer, (&probe, &seen), stop);
    drop(writer);
    // The last snapshots are on their way.
    let written = writing.map_or(Ok(()), JoinHandle::join);
    outcome.and(written.map_err(|_| EngineError::Panicked))
}

/// Joins the group, and anew when the group takes this engine for another one of its name: a coordinator that dies while
/// members join leaves some of them fenced.
fn join(
    config: &Arc<EngineConfig>,
    health: &Arc<Health>,
    wanted: &Arc<Wanted>,
    writer: &Option<SnapshotWriter>,
    (probe, seen): (&Arc<Probe>, &Arc<Seen>),
    stop: &Arc<AtomicBool>,
) -> Result<(), EngineError> {
    let mut parked = BTreeMap::new();
    let (mut replaced, mut last) = (0, now());
    loop {
        let instance = config.instance.as_deref();
        let consumer: EngineConsumer = Arc::new(
            settings::member(&config.brokers, &config.group, instance, &config.settings)
                .create_with_context(MemberContext::default())
                .map_err(EngineError::client)?,
        );
        let around = Surroundings {
            config: Arc::clone(config),
            health: health.clone(),
            wanted: wanted.clone(),
            consumer,
            writer: writer.clone(),
            probe: Arc::clone(probe),
            seen: Arc::clone(seen),
            stop: Arc::clone(stop),
        };
        let (outcome, kept) = Member::new(around, parked).run();
        match outcome {
            Err(error @ EngineError::Replaced(_)) => {
                if last.elapsed() > FORGIVEN {
                    replaced = 0;
                }
                (replaced, last) = (replaced + 1, now());
                if replaced > MOST_REPLACED {
                    return Err(error);
                }
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the engine joins its group anew"
                );
                parked = kept;
            }
            outcome => return outcome,
        }
    }
}

// === impl EngineHandle ===

impl EngineHandle {
    /// Takes no more records, commits what is stepped, writes snapshots, and ends.
    ///
    /// # Errors
    /// Why the engine had stopped by itself, or what failed at the end.
    pub fn stop(self) -> Result<(), EngineError> {
        self.stop.store(true, Ordering::Release);
        self.thread.join().map_err(|_| EngineError::Panicked)?
    }

    /// What it runs, for whoever edits that.
    pub fn running(&self) -> RunningPipeline {
        RunningPipeline {
            wanted: Arc::clone(&self.wanted),
            config: Arc::clone(&self.config),
        }
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
