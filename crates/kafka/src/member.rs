//! The engine as a member of its group: which shards are its own, and a thread for each.
//!
//! ```text
//!   subscribe ─▶ assigned ─▶ open every shard ─▶ assign ─▶ threads run ─▶ revoked ─▶ threads park ─▶ unassign ─▶ …
//! ```
//!
//! The group shares the partitions of the journal among its members: each is a shard, with the partitions of that number of every
//! topic. So partitions that somebody adds to a source move no shard. What is revoked stays in memory until the next assignment:
//! a shard that comes back at once goes on where it stood.
//!
//! MEMBER-1: a shard's thread has ended, committed, before its partitions are given up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Offset, TopicPartitionList};

use crate::journal::Position;
use crate::lane::consumer_error;
use crate::recovery::{self, Opened, Parked};
use crate::worker::{self, Surroundings};
use crate::{EngineError, meter};

/// How long one look at the group takes; an end is noticed within it.
const LOOK: Duration = Duration::from_millis(50);

/// So many times in a row a shard may have to begin anew before the engine gives up.
const MOST_RESTARTS: u32 = 5;

/// Before a shard begins anew: two heartbeats, after which a member that was taken for dead knows it.
const REST: Duration = Duration::from_secs(3);

pub(crate) type EngineConsumer = Arc<BaseConsumer<MemberContext>>;

/// Callbacks of the engine's consumer: they only take note; what follows happens outside of them.
#[derive(Debug, Default)]
pub(crate) struct MemberContext {
    changes: Mutex<Vec<Change>>,
    /// The end has come: what is revoked is given up at once.
    is_closing: AtomicBool,
}

/// A change of what is assigned.
#[derive(Debug)]
enum Change {
    Assigned(TopicPartitionList),
    Revoked,
}

/// A shard's thread.
struct Running {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Parked, EngineError>>,
}

/// The engine in its group.
pub(crate) struct Member {
    around: Surroundings,
    running: BTreeMap<i32, Running>,
    parked: BTreeMap<i32, Parked>,
    /// Shards whose snapshots led astray.
    distrusted: BTreeSet<i32>,
    /// What is assigned.
    assigned: Vec<i32>,
    restarts: u32,
    /// When to begin anew with what is assigned.
    begin_at: Option<Instant>,
}

// === impl MemberContext ===

impl ClientContext for MemberContext {}

impl ConsumerContext for MemberContext {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        error: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        if self.is_closing.load(Ordering::Acquire) {
            if let Err(error) = consumer.unassign() {
                tracing::warn!(%error, "giving up the assignment failed");
            }
            return;
        }
        let change = match error {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Change::Assigned(partitions.clone()),
            _ => Change::Revoked,
        };
        self.changes
            .lock()
            .expect("no panic while it is held")
            .push(change);
    }
}

// === impl Member ===

impl Member {
    /// A member that keeps these shards in memory.
    pub(crate) fn new(around: Surroundings, parked: BTreeMap<i32, Parked>) -> Self {
        Self {
            around,
            running: BTreeMap::new(),
            parked,
            distrusted: BTreeSet::new(),
            assigned: Vec::new(),
            restarts: 0,
            begin_at: None,
        }
    }

    /// Joins the group and runs what it is given, until told to stop. Returns also the shards that it then keeps in memory.
    pub(crate) fn run(mut self) -> (Result<(), EngineError>, BTreeMap<i32, Parked>) {
        let stop = Arc::clone(&self.around.stop);
        let outcome = self.look_until(&stop);
        self.park_all();
        self.around.health.revoked();
        self.around
            .consumer
            .context()
            .is_closing
            .store(true, Ordering::Release);
        (outcome, self.parked)
    }

    fn look_until(&mut self, stop: &AtomicBool) -> Result<(), EngineError> {
        let consumer = self.around.consumer.clone();
        let journal = self.around.config.topics.journal.as_str();
        let journal = [journal];
        consumer.subscribe(&journal).map_err(EngineError::Consume)?;
        while !stop.load(Ordering::Acquire) {
            match consumer.poll(LOOK) {
                // Records come by the queues of their partitions.
                None | Some(Ok(_)) => {}
                Some(Err(KafkaError::PartitionEOF(_))) => {}
                Some(Err(error)) => consumer_error(error)?,
            }
            let changes = std::mem::take(
                &mut *consumer
                    .context()
                    .changes
                    .lock()
                    .expect("no panic while it is held"),
            );
            for change in changes {
                match change {
                    Change::Assigned(partitions) => {
                        self.assigned = self.shards_of(&partitions)?;
                        self.begin(stop)?;
                    }
                    Change::Revoked => {
                        self.begin_at = None;
                        tracing::info!(shards = ?self.assigned, "the group takes the shards back");
                        self.park_all();
                        self.assigned.clear();
                        self.around.health.revoked();
                        consumer.unassign().map_err(EngineError::Consume)?;
                    }
                }
            }
            self.look_after(stop)?;
        }
        Ok(())
    }

    /// The shards whose partitions of the journal are assigned, as far as every topic that they read has that partition. Others
    /// cannot run; that is told of where topics are looked at.
    fn shards_of(&self, partitions: &TopicPartitionList) -> Result<Vec<i32>, EngineError> {
        let config = &self.around.config;
        let inputs = config.topics.inputs(&config.pipeline);
        let topics = self.around.probe.topics(&inputs)?;
        let fewest = topics.values().map(|topic| topic.partitions).min().unwrap_or(0);
        let all = partitions.elements();
        let all = all.iter().map(|partition| partition.partition());
        let mut shards: Vec<i32> = all.filter(|shard| *shard < fewest).collect();
        shards.sort_unstable();
        Ok(shards)
    }

    /// Opens every assigned shard, then begins to read and runs them.
    fn begin(&mut self, stop: &AtomicBool) -> Result<(), EngineError> {
        self.begin_at = None;
        let shards = std::mem::take(&mut self.assigned);
        tracing::info!(?shards, "the group gives shards");
        let opened = self.open(&shards, stop);
        // What did not come back belongs to others now.
        self.parked.clear();
        let opened = opened?;
        let consumer = self.around.consumer.clone();
        let config = Arc::clone(&self.around.config);
        let topics = config.topics.inputs(&config.pipeline);
        let mut assignment = TopicPartitionList::new();
        let mut all_queues = Vec::new();
        for shard in &opened {
            let queues = split_off(&consumer, &topics, shard.number, &shard.position, &mut assignment)?;
            all_queues.push(queues);
        }
        consumer.assign(&assignment).map_err(EngineError::Consume)?;
        self.around.health.assigned(&shards);
        self.assigned = shards;
        for (shard, queues) in opened.into_iter().zip(all_queues) {
            self.start(shard, queues)?;
        }
        Ok(())
    }

    fn open(&mut self, shards: &[i32], stop: &AtomicBool) -> Result<Vec<Opened>, EngineError> {
        let config = self.around.wanted.config(&self.around.config);
        thread::scope(|scope| {
            let mut opening = Vec::new();
            for number in shards {
                let parked = self.parked.remove(number);
                let distrusted = self.distrusted.remove(number);
                let (config, probe) = (&config, &*self.around.probe);
                opening.push(
                    scope.spawn(move || recovery::open(config, probe, *number, parked, distrusted, stop)),
                );
            }
            let opened = opening
                .into_iter()
                .map(|one| one.join().map_err(|_| EngineError::Panicked)?);
            opened.collect::<Vec<_>>().into_iter().collect()
        })
    }

    fn start(
        &mut self,
        opened: Opened,
        queues: Vec<PartitionQueue<MemberContext>>,
    ) -> Result<(), EngineError> {
        let stop = Arc::new(AtomicBool::new(false));
        let (around, stopped, number) = (self.around.clone(), Arc::clone(&stop), opened.number);
        let thread = thread::Builder::new()
            .name(format!("shard-{number}"))
            .spawn(move || worker::run(&around, opened, queues, &stopped))
            .map_err(EngineError::Thread)?;
        self.running.insert(number, Running { stop, thread });
        Ok(())
    }

    /// A shard that ended by itself: some begin anew, else the engine ends.
    fn look_after(&mut self, stop: &AtomicBool) -> Result<(), EngineError> {
        if self.begin_at.is_some_and(|at| worker::now() >= at) {
            return self.begin(stop);
        }
        let ended = self
            .running
            .iter()
            .find(|(_, running)| running.thread.is_finished());
        let Some(number) = ended.map(|(number, _)| *number) else {
            return Ok(());
        };
        let running = self.running.remove(&number).expect("it was just found");
        let error = match running.thread.join() {
            Err(_) => return Err(EngineError::Panicked),
            Ok(Ok(parked)) => {
                if parked.log_has_changed {
                    self.parked.insert(number, parked);
                    return self.begin_anew(&EngineError::LogChanged { shard: number });
                }
                return Ok(());
            }
            Ok(Err(error @ EngineError::LogChanged { .. })) => return self.begin_anew(&error),
            Ok(Err(error)) => error,
        };
        self.restarts += 1;
        let is_curable = match &error {
            EngineError::Diverged { .. } => {
                self.distrusted.insert(number);
                meter::diverged();
                true
            }
            EngineError::Overtaken { .. } | EngineError::LogSilent { .. } => true,
            _ => false,
        };
        if !is_curable || self.restarts > MOST_RESTARTS {
            return Err(error);
        }
        self.begin_anew(&error)
    }

    /// Opens every shard once more, after a rest. Every reader is set anew, so the others pause too; they go on with what they
    /// have in memory.
    fn begin_anew(&mut self, why: &EngineError) -> Result<(), EngineError> {
        tracing::error!(error = why as &dyn std::error::Error, "the shard begins anew");
        self.park_all();
        self.around.consumer.unassign().map_err(EngineError::Consume)?;
        self.begin_at = Some(worker::now() + REST);
        Ok(())
    }

    /// Ends all threads, each with what it has at hand committed.
    fn park_all(&mut self) {
        for running in self.running.values() {
            running.stop.store(true, Ordering::Release);
            running.thread.thread().unpark();
        }
        for (number, running) in std::mem::take(&mut self.running) {
            match running.thread.join() {
                Ok(Ok(parked)) => {
                    self.parked.insert(number, parked);
                }
                Ok(Err(error)) => tracing::warn!(
                    shard = number,
                    error = &error as &dyn std::error::Error,
                    "the shard ended without a commit; whoever takes it over steps again"
                ),
                Err(_) => tracing::error!(shard = number, "the shard's thread panicked"),
            }
        }
    }
}

/// Adds a shard's partitions to an assignment, from where the shard stands; each gets a queue of its own. They are split off
/// before the assignment, so that nothing arrives in the common queue first.
pub(crate) fn split_off(
    consumer: &EngineConsumer,
    topics: &[&str],
    shard: i32,
    position: &Position,
    assignment: &mut TopicPartitionList,
) -> Result<Vec<PartitionQueue<MemberContext>>, EngineError> {
    let mut queues = Vec::new();
    for (ordinal, topic) in (0..).zip(topics) {
        let offset = Offset::Offset(position.offset(ordinal));
        assignment
            .add_partition_offset(topic, shard, offset)
            .map_err(EngineError::Consume)?;
        let queue = consumer.split_partition_queue(topic, shard);
        queues.push(queue.ok_or(EngineError::Consume(KafkaError::Canceled))?);
    }
    Ok(queues)
}
