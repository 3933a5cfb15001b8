//! The loop: poll, step, bundle, publish, commit.
//!
//! One turn takes what has arrived for every shard, steps each shard that has something to do, publishes all outputs as
//! one bundle and commits the offsets behind them. Only [`Turn::commit`] changes when the commit becomes a transaction.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use wardwatch_event_time::Timestamp;
use wardwatch_inference::{Models, Recording};
use wardwatch_shard::{Outputs, Shard, Wants};

use crate::EngineError;
use crate::bundle::Bundle;
use crate::decode::{decode, refused_records};
use crate::engine::{EngineConfig, Health, Stats};
use crate::inbox::Inbox;
use crate::journal::JournalRecord;
use crate::lane::{EngineContext, Lane, Received, consumer_error};
use crate::meter::{self, Stage};
use crate::outbox::Outbox;
use crate::topics::PATIENCE;
use crate::worker::{Worker, now};

/// How long the thread sleeps when nothing comes; what comes wakes it.
const IDLE: Duration = Duration::from_millis(10);

/// Between two questions for the committed offsets.
const AGAIN: Duration = Duration::from_millis(200);

/// A step takes so many records at most: what is decoded of them is then still in the processor's cache.
const MOST_RECORDS: usize = 2_000;

type EngineConsumer = Arc<BaseConsumer<EngineContext>>;

/// What every turn needs.
pub(crate) struct Turn<'c> {
    config: &'c EngineConfig,
    health: &'c Health,
    outbox: Outbox,
    scorer: Recording<Models>,
    /// What the pipeline reads, by topic ordinal: its sources, then the context.
    inputs: Vec<&'c str>,
    /// Parts of the pipeline whose failing has been told of.
    warned: BTreeSet<String>,
}

/// Runs every shard until told to stop, then commits.
pub(crate) fn run(
    mut turn: Turn<'_>,
    consumer: EngineConsumer,
    shards: i32,
    stop: &AtomicBool,
) -> Result<(), EngineError> {
    let queues = turn.assign(&consumer, shards)?;
    let mut workers = turn.workers(&queues);
    tracing::info!(pipeline = &*turn.config.pipeline.name, shards, "the engine runs");
    while !stop.load(Ordering::Acquire) {
        common_queue(&consumer, &mut workers, &turn.inputs)?;
        let worked = turn.once(&consumer, &mut workers)?;
        if !worked {
            thread::park_timeout(IDLE);
        }
    }
    turn.commit(&consumer, &workers, CommitMode::Sync)
}

// === impl Turn ===

impl<'c> Turn<'c> {
    pub(crate) fn new(config: &'c EngineConfig, health: &'c Health, outbox: Outbox) -> Self {
        Self {
            config,
            health,
            outbox,
            scorer: Recording::new(Models::new(config.pipeline.models.clone())),
            inputs: config.topics.inputs(&config.pipeline),
            warned: BTreeSet::new(),
        }
    }

    /// A queue for each partition, by shard and topic ordinal; sources begin where they were committed, the context at
    /// its start. Queues are split off before the assignment, so that nothing arrives in the common queue first.
    fn assign(
        &self,
        consumer: &EngineConsumer,
        shards: i32,
    ) -> Result<Vec<Vec<PartitionQueue<EngineContext>>>, EngineError> {
        let committed = self.committed(consumer, shards)?;
        let mut assignment = TopicPartitionList::new();
        let mut queues = Vec::new();
        for shard in 0..shards {
            let mut of_shard = Vec::new();
            for topic in &self.inputs {
                let from = match committed.find_partition(topic, shard).map(|known| known.offset()) {
                    Some(Offset::Offset(offset)) => Offset::Offset(offset),
                    _ => Offset::Beginning,
                };
                assignment
                    .add_partition_offset(topic, shard, from)
                    .map_err(EngineError::Consume)?;
                let mut queue = consumer
                    .split_partition_queue(topic, shard)
                    .ok_or(EngineError::Consume(KafkaError::Canceled))?;
                let engine = thread::current();
                queue.set_nonempty_callback(move || engine.unpark());
                of_shard.push(queue);
            }
            queues.push(of_shard);
        }
        consumer.assign(&assignment).map_err(EngineError::Consume)?;
        Ok(queues)
    }

    /// The committed offsets of the sources. Asked for in so many words, and again: of a coordinator that has just started,
    /// librdkafka by itself takes a refusal for final and then never fetches the partition.
    fn committed(&self, consumer: &EngineConsumer, shards: i32) -> Result<TopicPartitionList, EngineError> {
        let mut wanted = TopicPartitionList::new();
        for topic in &self.inputs[..self.config.pipeline.sources.len()] {
            wanted.add_partition_range(topic, 0, shards - 1);
        }
        let asked = now();
        loop {
            let error = match consumer.committed_offsets(wanted.clone(), PATIENCE) {
                Ok(committed) => match committed.elements().iter().find_map(|part| part.error().err()) {
                    None => return Ok(committed),
                    Some(error) => error,
                },
                Err(error) => error,
            };
            if asked.elapsed() > PATIENCE {
                return Err(EngineError::Committed(error));
            }
            tracing::warn!(%error, "the committed offsets are not known yet; asking again");
            thread::sleep(AGAIN);
        }
    }

    fn workers<'q>(&self, queues: &'q [Vec<PartitionQueue<EngineContext>>]) -> Vec<Worker<'q>> {
        let wants = Wants::default();
        (0..)
            .zip(queues)
            .map(|(number, queues)| {
                let lanes = (0..)
                    .zip(queues)
                    .map(|(topic, queue)| Lane::new(queue, topic))
                    .collect();
                Worker::new(
                    number,
                    Shard::new(self.config.pipeline.clone(), wants),
                    Inbox { lanes },
                )
            })
            .collect()
    }

    /// One turn. Returns whether anything was done.
    fn once(&mut self, consumer: &EngineConsumer, workers: &mut [Worker<'_>]) -> Result<bool, EngineError> {
        let (config, inputs) = (self.config, self.inputs.clone());
        let mut bundle = Bundle::new(&config.topics, &inputs);
        let mut did = Stats::default();
        let mut caught_up = true;
        for worker in workers.iter_mut() {
            worker.inbox.fill()?;
            let received = config.clock.now();
            let oldest = worker.inbox.oldest().unwrap_or(received);
            meter::oldest_record(worker.number, received - oldest);
            let records = worker.inbox.take();
            let tick = worker.tick(received - config.tick_lag);
            if !records.is_empty() || tick.is_some() || worker.shard.has_more() {
                // The tick comes with the last records; without any it comes alone.
                let last = records.chunks(MOST_RECORDS).next_back().unwrap_or_default();
                for records in records[..records.len() - last.len()].chunks(MOST_RECORDS) {
                    self.step(worker, records, None, received, &mut bundle, &mut did)?;
                }
                self.step(worker, last, tick, received, &mut bundle, &mut did)?;
            }
            caught_up &= worker.inbox.is_at_end() && !worker.shard.has_more();
        }
        if !bundle.is_empty() {
            let begun = now();
            self.outbox.publish(&bundle)?;
            meter::stage(Stage::Produce, begun.elapsed().as_secs_f64());
            self.commit(consumer, workers, CommitMode::Async)?;
        }
        self.health.turned(did, caught_up);
        Ok(did.steps > 0)
    }

    /// One step of one shard, its outputs into the bundle.
    fn step(
        &mut self,
        worker: &mut Worker<'_>,
        records: &[Received<'_>],
        tick: Option<Timestamp>,
        received: Timestamp,
        bundle: &mut Bundle<'_>,
        did: &mut Stats,
    ) -> Result<(), EngineError> {
        let span = tracing::info_span!("batch", shard = worker.number, records = records.len());
        let _in_span = span.enter();

        let begun = now();
        let sources = u16::try_from(self.config.pipeline.sources.len()).expect("checked when it was loaded");
        let decoded = decode(records, sources);
        let decode_took = begun.elapsed();

        let begun = now();
        let mut outputs = Outputs::default();
        worker
            .shard
            .step(&decoded.batch, tick, &mut self.scorer, &mut outputs)
            .map_err(|source| EngineError::Step {
                shard: worker.number,
                source,
            })?;
        let step_took = begun.elapsed();
        if !records.is_empty() {
            meter::stage(Stage::Decode, decode_took.as_secs_f64());
        }
        meter::stage(Stage::Step, step_took.as_secs_f64());

        let refused = refused_records(&outputs.refused, &decoded.batch.observations, records);
        let reasons = decoded.quarantined.iter().map(|entry| entry.reason);
        let reasons = reasons.chain(refused.iter().map(|entry| entry.quarantined.reason));
        reasons.for_each(meter::quarantined);
        did.steps += 1;
        did.windows += outputs.counts.windows;
        did.records += records.len() as u64;
        did.alerts += outputs.alerts.len() as u64;
        did.quarantined += (decoded.quarantined.len() + refused.len()) as u64;
        meter::records(records.len());

        self.warn_of(&outputs);
        worker.passed(records);
        let journal = self.journal(worker, tick, &mut outputs);
        meter::stepped(
            worker.number,
            &journal.counts,
            decoded.repeats,
            journal.patients,
            &outputs.alerts,
        );
        tracing::debug!(
            windows = journal.counts.windows,
            alerts = outputs.alerts.len(),
            "stepped"
        );
        bundle.outputs(&outputs, received, journal.at)?;
        bundle.quarantined(decoded.quarantined);
        bundle.refused(refused);
        bundle.journal(&journal)
    }

    /// Says which SQL fails over data, and why; each part once, since it may fail with every window.
    fn warn_of(&mut self, outputs: &Outputs) {
        for (what, failure) in &outputs.failures {
            if self.warned.insert(what.clone()) {
                tracing::warn!(
                    what,
                    reason = failure.reason,
                    "SQL fails over some data; its result is missing there"
                );
            }
        }
    }

    fn journal(
        &mut self,
        worker: &mut Worker<'_>,
        tick: Option<Timestamp>,
        outputs: &mut Outputs,
    ) -> JournalRecord {
        let offsets = worker.offsets.iter();
        let record = JournalRecord {
            pipeline: self.config.pipeline.name.clone(),
            pipeline_version: self.config.pipeline.version,
            shard: worker.number,
            sequence: worker.sequence,
            offsets: offsets
                .map(|(topic, offset)| (self.inputs[usize::from(*topic)].to_owned(), *offset))
                .collect(),
            tick,
            log_time: worker.shard.log_time(),
            at: self.config.clock.now(),
            patients: worker.shard.patients() as u64,
            ended: std::mem::take(&mut outputs.ended),
            counts: outputs.counts,
            digest: worker.shard.digest(),
            answers: self.scorer.take(),
        };
        worker.sequence += 1;
        record
    }

    /// Commits how far every shard came. The context is not committed: it is read from its start.
    fn commit(
        &self,
        consumer: &EngineConsumer,
        workers: &[Worker<'_>],
        mode: CommitMode,
    ) -> Result<(), EngineError> {
        let sources = self.config.pipeline.sources.len();
        let mut list = TopicPartitionList::new();
        for worker in workers {
            for (topic, offset) in &worker.offsets {
                let topic = usize::from(*topic);
                if topic < sources {
                    list.add_partition_offset(self.inputs[topic], worker.number, Offset::Offset(*offset))
                        .map_err(EngineError::Commit)?;
                }
            }
        }
        if list.count() == 0 {
            return Ok(());
        }
        consumer.commit(&list, mode).map_err(EngineError::Commit)
    }
}

/// Serves the consumer's common queue: callbacks and errors; records only if one arrived before its queue was split off.
fn common_queue<'q>(
    consumer: &'q EngineConsumer,
    workers: &mut [Worker<'q>],
    inputs: &[&str],
) -> Result<(), EngineError> {
    while let Some(event) = consumer.poll(Duration::ZERO) {
        match event {
            Ok(message) => {
                let topic = inputs.iter().position(|topic| *topic == message.topic());
                let worker = usize::try_from(message.partition())
                    .ok()
                    .and_then(|at| workers.get_mut(at));
                if let Some((lane, worker)) = topic.zip(worker) {
                    worker.inbox.lanes[lane].push(message);
                }
            }
            Err(KafkaError::PartitionEOF(_)) => {}
            Err(error) => consumer_error(error)?,
        }
    }
    Ok(())
}
