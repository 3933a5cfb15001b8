//! A shard's thread: catches up, then turns until told to stop.
//!
//! ```text
//!   assigned ─▶ catch up ─▶ [ poll, step, put on the desk ]* ─▶ flush, snapshot ─▶ parked
//! ```

use std::cmp;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::base_consumer::PartitionQueue;
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_inference::{Models, Recording};
use wardwatch_pipeline::Pipeline;
use wardwatch_shard::{Outputs, Shard, StepError};

use crate::bundle::Bundle;
use crate::committer::Committer;
use crate::conditions::{Probe, Seen};
use crate::decode::{decode, refused_records};
use crate::desk::Desk;
use crate::failpoint::failpoint;
use crate::health::{Health, Stats};
use crate::inbox::Inbox;
use crate::journal::{Bounds, JournalRecord, LineageRecord, LogView, Position};
use crate::lane::Received;
use crate::member::{EngineConsumer, MemberContext};
use crate::meter::{self, Stage};
use crate::outlook::Outlook;
use crate::recovery::{Opened, Parked};
use crate::reload::{GoingOver, Wanted};
use crate::snapshot_writer::{Job, Room, SnapshotWriter};
use crate::{EngineConfig, EngineError};

/// Between two ticks of a shard.
const TICK: Duration = Duration::from_secs(1);

/// A turn of several steps puts down what it has when it is more than so many records; fewer are not worth a transaction.
const LARGE_BUNDLE: usize = 5_000;

/// How long the thread sleeps when nothing comes; what comes wakes it.
pub(crate) const IDLE: Duration = Duration::from_millis(10);

/// At its end an engine waits so long for its snapshots to be written, before it leaves out those that still wait.
const LAST_SNAPSHOT: Duration = Duration::from_secs(10);

/// A step takes so many records at most: what is decoded of them is then still in the processor's cache.
pub(crate) const MOST_RECORDS: usize = 2_000;

/// What a shard's thread shares with the engine.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub config: Arc<EngineConfig>,
    pub health: Arc<Health>,
    /// The pipeline that the shards are to run; `config` has the one that the engine was started with.
    pub wanted: Arc<Wanted>,
    pub consumer: EngineConsumer,
    pub writer: Option<SnapshotWriter>,
    /// Looks at the log where a shard is opened.
    pub probe: Arc<Probe>,
    /// What the newest look at the log has shown.
    pub seen: Arc<Seen>,
    /// The engine has been told to stop.
    pub stop: Arc<AtomicBool>,
}

/// One shard with its log.
pub(crate) struct Worker<'w> {
    pub(crate) config: &'w EngineConfig,
    /// What the shard runs now.
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) wanted: &'w Wanted,
    /// On its way to another one.
    pub(crate) going_over: Option<GoingOver>,
    pub(crate) health: &'w Health,
    writer: Option<&'w SnapshotWriter>,
    pub(crate) number: i32,
    pub(crate) shard: Shard,
    pub(crate) position: Position,
    pub(crate) inbox: Inbox<'w>,
    /// What the pipeline reads, by topic ordinal: its sources, the context, the commands.
    pub(crate) inputs: &'w [&'w str],
    pub(crate) scorer: Recording<Models>,
    /// What the shard takes the log for.
    pub(crate) log: LogView,
    /// What it sees of the log that only a look at the cluster tells.
    pub(crate) outlook: Outlook<'w>,
    /// A log time that the shard had, and when that was.
    pub(crate) paced: Option<(Timestamp, Instant)>,
    /// The log is no longer the one that it reads: whoever opens it again finds out where to go on.
    log_has_changed: bool,
    last_tick: Instant,
    last_snapshot: Instant,
    /// The sequence at the last snapshot, or at the begin.
    pub(crate) snapshotted: u64,
    /// It has no snapshot yet.
    pub(crate) is_new_lineage: bool,
    /// To be told with the first step of a new lineage.
    pub(crate) begins: Option<Box<LineageRecord>>,
    /// What going over to another pipeline told; it comes with the step that begins the lineage.
    pub(crate) ended: Outputs,
    /// Parts of the pipeline whose failing has been told of.
    pub(crate) warned: BTreeSet<String>,
}

/// Runs a shard until told to stop. Returns it as it then stands, committed and written away.
///
/// # Errors
/// [`EngineError::Diverged`] when the journal cannot be stepped again; [`EngineError::Overtaken`] when another engine works on
/// the shard; others as they come.
pub(crate) fn run(
    around: &Surroundings,
    opened: Opened,
    mut queues: Vec<PartitionQueue<MemberContext>>,
    stop: &AtomicBool,
) -> Result<Parked, EngineError> {
    for queue in &mut queues {
        let worker = thread::current();
        queue.set_nonempty_callback(move || worker.unpark());
    }
    let config = &*around.config;
    let inputs = config.topics.inputs(&config.pipeline);
    let inbox = Inbox::new(&queues, &opened.position);
    let pipeline = Arc::clone(opened.shard.pipeline());
    let mut worker = Worker {
        config,
        scorer: Recording::new(Models::new(pipeline.models.clone())),
        pipeline,
        wanted: &around.wanted,
        going_over: None,
        health: &around.health,
        writer: around.writer.as_ref(),
        number: opened.number,
        shard: opened.shard,
        position: opened.position,
        inbox,
        inputs: &inputs,
        log: opened.log,
        outlook: Outlook::new(opened.number, &inputs, &around.seen, &around.health.conditions),
        paced: None,
        log_has_changed: false,
        last_tick: now(),
        last_snapshot: now(),
        snapshotted: 0,
        is_new_lineage: opened.is_new_lineage,
        begins: None,
        ended: Outputs::default(),
        warned: BTreeSet::new(),
    };
    meter::runs(worker.number, worker.pipeline.version);
    worker.catch_up(opened.catch_up, stop)?;
    worker.resume(opened.breaks);
    let desk = Desk::new(opened.journaled);
    let committed = (opened.committed, opened.journaled);
    let committer = Committer::new(around, opened.number, &inputs, opened.outbox, committed, stop);
    let journaled = thread::scope(|scope| {
        thread::Builder::new()
            .name(format!("commit-{}", opened.number))
            .spawn_scoped(scope, || committer.run(&desk))
            .map_err(EngineError::Thread)?;
        let outcome = worker.turn_until(stop, &desk);
        desk.close();
        outcome
    })?;
    worker.snapshot_at_the_end(journaled, around.stop.load(Ordering::Acquire));
    Ok(Parked {
        shard: worker.shard,
        position: worker.position,
        journaled,
        is_new_lineage: worker.is_new_lineage,
        log_has_changed: worker.log_has_changed,
    })
}

// === impl Worker ===

impl<'w> Worker<'w> {
    /// Turns until told to stop; returns where the journal then ends.
    fn turn_until(&mut self, stop: &AtomicBool, desk: &Desk<'w>) -> Result<Option<i64>, EngineError> {
        // A lineage that has been begun is told of, whatever comes.
        while !stop.load(Ordering::Acquire) || self.begins.is_some() {
            match self.turn(desk) {
                Ok(true) => {}
                Ok(false) => thread::park_timeout(IDLE),
                // Nothing has been taken of it, so the state is kept.
                Err(EngineError::LogChanged { .. }) => {
                    self.log_has_changed = true;
                    break;
                }
                Err(error) => return Err(error),
            }
            if !stop.load(Ordering::Acquire) {
                self.follow(desk)?;
            }
            if let Some(room) = self.room_for_snapshot() {
                let journaled = desk.flush()?;
                self.snapshot(journaled, room);
            }
        }
        desk.flush()
    }

    /// Takes what has arrived, steps, and puts the outputs on the desk. Returns whether there was anything to do.
    fn turn(&mut self, desk: &Desk<'w>) -> Result<bool, EngineError> {
        let config = self.config;
        let mut did = Stats::default();
        failpoint("poll");
        self.inbox.fill()?;
        self.outlook.heed(&self.inbox, &mut self.log)?;
        let received = config.clock.now();
        if config.clock.is_set() {
            self.inbox.pass_time(received, config.clock.ceiling());
        }
        let oldest = self.inbox.oldest().unwrap_or(received);
        meter::oldest_record(self.number, received - oldest);
        // A lineage begins with a step of nothing and a snapshot: whatever it decides can then be derived again.
        let (records, is_due) = match self.begins {
            None => (self.inbox.take(), self.tick_is_due()),
            Some(_) => (Vec::new(), false),
        };
        // Until it is known what time it is, a step of nothing asks: its journal record comes back with the brokers' time.
        let tick = (is_due && config.clock.is_set()).then(|| self.tick(received));
        if let Some(newest) = records.last() {
            config.clock.saw(newest.stamped);
        }
        self.outlook.note(&records, received, &self.inbox);
        self.outlook.tell(received);
        if !records.is_empty() || is_due || self.begins.is_some() || self.shard.has_more() {
            self.go_through(&records, tick, received, desk, &mut did)?;
        }
        let caught_up = self.inbox.is_at_end() && !self.shard.has_more();
        self.health.turned(self.number, did, caught_up);
        Ok(did.steps > 0)
    }

    /// Steps records and a tick; in several steps where one would take in or decide too much. The tick comes with the last
    /// records; without any it comes alone.
    fn go_through(
        &mut self,
        mut records: &[Received<'_>],
        tick: Option<Timestamp>,
        received: Timestamp,
        desk: &Desk<'w>,
        did: &mut Stats,
    ) -> Result<(), EngineError> {
        let mut bundle = self.bundle();
        loop {
            let reach = self.shard.reach_of_step();
            let near = records.iter().take(MOST_RECORDS);
            let near = near.take_while(|record| record.append_time <= reach).count();
            let (now, later) = records.split_at(near);
            let is_last = later.is_empty() && tick.is_none_or(|tick| tick <= reach);
            let tick = match (is_last, near) {
                (true, _) => tick,
                // Nothing comes for long.
                (false, 0) => Some(reach),
                (false, _) => None,
            };
            self.step(now, tick, received, &mut bundle, did)?;
            if is_last {
                return desk.put(bundle);
            }
            if bundle.records().len() > LARGE_BUNDLE {
                desk.put(std::mem::replace(&mut bundle, self.bundle()))?;
            }
            records = later;
        }
    }

    pub(crate) fn bundle(&self) -> Bundle<'w> {
        Bundle::new(&self.config.topics, self.inputs, self.number)
    }

    /// One step, its outputs into the bundle.
    pub(crate) fn step(
        &mut self,
        records: &[Received<'_>],
        tick: Option<Timestamp>,
        received: Timestamp,
        bundle: &mut Bundle<'w>,
        did: &mut Stats,
    ) -> Result<(), EngineError> {
        let span = tracing::info_span!("batch", shard = self.number, records = records.len());
        let _in_span = span.enter();

        failpoint("decode");
        let begun = now();
        let mut decoded = decode(records, &self.pipeline, self.log.shards);
        decoded.batch.held = self.log.held_sources(self.inputs);
        let decode_took = begun.elapsed();

        failpoint("step");
        let begun = now();
        let mut outputs = std::mem::take(&mut self.ended);
        self.shard
            .step(&decoded.batch, tick, &mut self.scorer, &mut outputs)
            .map_err(|source| failed(self.number, source))?;
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
        self.passed(records);
        let journal = self.journal(records, tick, &mut outputs);
        meter::stepped(
            self.number,
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
        bundle.outputs(&outputs, received, &journal)?;
        bundle.quarantined(decoded.quarantined, records);
        bundle.refused(refused, records);
        bundle.journal(journal, &self.position)
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

    /// Whether log time may be advanced: once a second, and only where every topic is read to its end.
    fn tick_is_due(&mut self) -> bool {
        let is_due = self.inbox.is_at_end() && self.last_tick.elapsed() >= TICK;
        if is_due {
            self.last_tick = now();
        }
        is_due
    }

    /// The log time to advance to. A broker's clock may be set back, and another one's may be behind: log time goes on
    /// nevertheless, at this host's pace, and with it every timer.
    fn tick(&self, received: Timestamp) -> Timestamp {
        let paced = self.paced.map_or(Timestamp::MIN, |(log_time, since)| {
            let elapsed = i64::try_from(since.elapsed().as_micros()).unwrap_or(i64::MAX);
            log_time + Span::from_micros(elapsed)
        });
        received.max(paced) - self.config.tick_lag
    }

    /// Notes that these records have been stepped.
    fn passed(&mut self, records: &[Received<'_>]) {
        if self
            .paced
            .is_none_or(|(log_time, _)| log_time < self.shard.log_time())
        {
            self.paced = Some((self.shard.log_time(), now()));
        }
        for record in records {
            let after = self.position.offsets.entry(record.topic).or_default();
            *after = (*after).max(record.offset() + 1);
        }
    }

    /// Between when records came, where their brokers say something else.
    fn bounds(&self, records: &[Received<'_>]) -> Bounds {
        let mut bounds = Bounds::default();
        for record in records {
            match record.append_time.cmp(&record.stamped) {
                cmp::Ordering::Less => bounds.until = Some(record.append_time),
                cmp::Ordering::Equal => {}
                cmp::Ordering::Greater => {
                    let topic = self.inputs[usize::from(record.topic)];
                    bounds.since.insert(topic.to_owned(), record.append_time);
                }
            }
        }
        bounds
    }

    /// The record of the step that was just taken; the position is then behind it.
    fn journal(
        &mut self,
        records: &[Received<'_>],
        tick: Option<Timestamp>,
        outputs: &mut Outputs,
    ) -> JournalRecord {
        self.position.digest = self.shard.digest();
        let offsets = self.position.offsets.iter();
        let record = JournalRecord {
            pipeline: self.pipeline.name.clone(),
            pipeline_version: self.pipeline.version,
            shard: self.number,
            lineage: self.position.lineage,
            sequence: self.position.sequence,
            offsets: offsets
                .map(|(topic, offset)| (self.inputs[usize::from(*topic)].to_owned(), *offset))
                .collect(),
            tick,
            log_time: self.shard.log_time(),
            log: LogView {
                bounds: self.bounds(records),
                ..self.log.clone()
            },
            at: self.config.clock.now(),
            patients: self.shard.patients() as u64,
            ended: std::mem::take(&mut outputs.ended),
            counts: outputs.counts,
            digest: self.position.digest,
            build: Arc::clone(&self.config.build),
            answers: self.scorer.take(),
            answers_left_out: false,
            begins: self.begins.take(),
            edit_refused: self.wanted.is_edit_refused(),
        };
        self.position.sequence += 1;
        record
    }

    /// Now and then; and after the first step of a lineage, which has none to go back to.
    fn room_for_snapshot(&self) -> Option<Room> {
        // What has begun and was not told yet is not in the journal, which a state must be.
        let writer = self.writer.filter(|_| self.begins.is_none())?;
        let is_first = self.is_new_lineage && self.position.sequence > self.snapshotted;
        let is_due = is_first || self.last_snapshot.elapsed() >= self.config.snapshot_every;
        is_due.then(|| writer.room(Duration::ZERO)).flatten()
    }

    /// The next owner goes on from it. Where the engine goes on, a rebalance does not wait for a disk.
    fn snapshot_at_the_end(&mut self, journaled: Option<i64>, engine_stops: bool) {
        let patience = if engine_stops {
            LAST_SNAPSHOT
        } else {
            Duration::ZERO
        };
        match self.writer.map(|writer| writer.room(patience)) {
            None => {}
            Some(Some(room)) => self.snapshot(journaled, room),
            Some(None) if engine_stops => {
                tracing::warn!(
                    shard = self.number,
                    "its last snapshot is left out: others took too long to be written"
                );
                meter::snapshot_failed();
            }
            Some(None) => {}
        }
    }

    /// Hands the state to whoever writes it away. Everything that was stepped is committed.
    fn snapshot(&mut self, journaled: Option<i64>, room: Room) {
        self.last_snapshot = now();
        let (Some(writer), Some(journal_offset)) = (self.writer, journaled) else {
            return;
        };
        if self.position.sequence == self.snapshotted {
            return;
        }
        self.snapshotted = self.position.sequence;
        self.is_new_lineage = false;
        let begun = now();
        match self.shard.capture() {
            Ok(snapshot) => {
                meter::stage(Stage::Capture, begun.elapsed().as_secs_f64());
                writer.write(Job {
                    number: self.number,
                    pipeline: Arc::clone(&self.pipeline),
                    position: self.position.clone(),
                    journal_offset,
                    snapshot,
                    room,
                });
            }
            Err(error) => {
                tracing::error!(
                    shard = self.number,
                    error = &error as &dyn std::error::Error,
                    "the state cannot be captured"
                );
                meter::snapshot_failed();
            }
        }
    }
}

pub(crate) fn failed(shard: i32, source: StepError) -> EngineError {
    EngineError::Step { shard, source }
}

/// Durations of this machine, for metrics and the pace of ticks; never an input of a step.
#[allow(clippy::disallowed_methods, reason = "measures durations on the live path")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
