//! Before a shard's first step: who wrote last, where that ended, and what state to begin with.
//!
//! ```text
//!   open the producer ─▶ read the journal ─▶ a state ─────────────▶ steps to take again
//!   (older ones fenced)  (now it is final)   kept in this process    those after it in the journal
//!                                            newest good snapshot    those after it in the journal
//!                                            none                    all, if the journal still has the first
//!                                            nothing at all          the log, as far back as windows reach
//! ```
//!
//! Where the log has changed meanwhile (a topic made again, records gone that were not read) the shard goes on where it begins now:
//! with its state, if no step has to be taken again for that which is gone, else with a rebuilt one; in a new lineage either way.
//!
//! REC-1: a state is gone on with only if the journal holds the step that it was taken after, with the same digest.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use wardwatch_alarms::Alarm;
use wardwatch_event_time::Timestamp;
use wardwatch_shard::{Shard, Wants};

use crate::conditions::{Break, Probe};
use crate::journal::{LogView, Position};
use crate::log_reader::{LogReader, Tail};
use crate::outbox::Outbox;
use crate::restore::{from_the_first, restore};
use crate::resume::{look, resume_at, view};
use crate::topics::PATIENCE;
use crate::{EngineConfig, EngineError, JournalRecord, meter, settings};

/// Between two attempts while Kafka does not answer.
pub(crate) const AGAIN: Duration = Duration::from_millis(200);

/// The lineage that begins with nothing.
pub(crate) const FIRST_LINEAGE: u64 = 1;

/// A shard between two assignments.
pub(crate) struct Parked {
    pub shard: Shard,
    pub position: Position,
    /// Where the newest journal record stands.
    pub journaled: Option<i64>,
    /// Its lineage has no snapshot yet.
    pub is_new_lineage: bool,
    /// It has ended because the log is no longer the one that it read.
    pub log_has_changed: bool,
}

/// A shard that is ours, with what it has to do before it is live.
pub(crate) struct Opened {
    pub number: i32,
    pub outbox: Outbox,
    pub shard: Shard,
    /// Where `shard` stands.
    pub position: Position,
    /// Where the journal ends, and where its newest record stands.
    pub committed: Position,
    pub journaled: Option<i64>,
    pub is_new_lineage: bool,
    pub catch_up: CatchUp,
    /// What the shard takes the log for from now on.
    pub log: LogView,
    /// Where that is no longer what it was.
    pub breaks: Vec<Break>,
}

/// What a shard has to do before it is live.
pub(crate) enum CatchUp {
    /// The steps that the journal holds after the state.
    Replay(Vec<JournalRecord>),
    /// The log as far back as windows reach, without outputs; a new lineage begins.
    Rebuild(Rebuild),
}

/// What a state is rebuilt from.
pub(crate) struct Rebuild {
    /// By topic ordinal, where the committed steps end.
    pub until: BTreeMap<u16, i64>,
    /// The log time there.
    pub log_time: Timestamp,
    /// What was told of every alarm.
    pub alarms: Vec<Alarm>,
    pub reason: String,
}

/// Opens a shard. Blocks, and goes on trying while Kafka does not answer.
///
/// # Errors
/// [`EngineError::Client`], or the last failure once `stop` is set.
pub(crate) fn open(
    config: &EngineConfig,
    probe: &Probe,
    number: i32,
    parked: Option<Parked>,
    distrusted: bool,
    stop: &AtomicBool,
) -> Result<Opened, EngineError> {
    let inputs = config.topics.inputs(&config.pipeline);
    let (outbox, tail, facts, breaks) = loop {
        let parked_at = parked.as_ref().and_then(|parked| parked.journaled);
        let taken = take_over(config, number, parked_at).and_then(|(outbox, tail)| {
            let last = tail.last().map(|(_, record)| record);
            let (facts, breaks) = look(config, probe, number, &inputs, last)?;
            Ok((outbox, tail, facts, breaks))
        });
        match taken {
            Ok(opened) => break opened,
            Err(error) if error.is_final() => return Err(error),
            Err(error) if stop.load(Ordering::Acquire) => return Err(error),
            Err(error) => {
                tracing::warn!(
                    shard = number,
                    error = &error as &dyn std::error::Error,
                    "the shard cannot be opened yet"
                );
                thread::sleep(AGAIN);
            }
        }
    };
    let last = tail
        .last()
        .map(|(offset, record)| (*offset, record.position(&inputs)));
    let (journaled, committed) = last.map_or((None, Position::default()), |(offset, at)| (Some(offset), at));
    let was_new = parked.as_ref().is_some_and(|parked| parked.is_new_lineage);
    let found = match parked {
        Some(parked) if parked.position.is_at(&committed) => {
            Some((parked.shard, parked.position, Vec::new()))
        }
        _ if distrusted || tail.is_empty() => None,
        _ => restore(config, number, &committed, &inputs)
            .or_else(|| from_the_first(config, number, &committed, Wants::default())),
    };
    // What is gone cannot be stepped again.
    let stands = |position: &Position| {
        breaks
            .iter()
            .all(|broken| position.offset(broken.topic) == committed.offset(broken.topic))
    };
    let found = found.filter(|(_, position, _)| stands(position));
    let is_new_lineage = was_new || found.is_none();
    let (shard, position, catch_up) = match found {
        Some((shard, position, records)) => (shard, position, CatchUp::Replay(records)),
        None => {
            let reason = match tail.last() {
                None => "nothing is in the journal".to_owned(),
                Some((_, last)) if breaks.is_empty() => why_rebuilt(config, last, distrusted),
                Some(_) => "steps before that cannot be taken again".to_owned(),
            };
            rebuild(config, number, &tail, reason)?
        }
    };
    let mut catch_up = catch_up;
    let mut position = position;
    resume_at(&breaks, &inputs, &mut position, &mut catch_up);
    // What has never been read begins where it begins now.
    for (ordinal, topic) in (0..).zip(&inputs) {
        if let Some(found) = facts.partition(topic, number) {
            position.offsets.entry(ordinal).or_insert(found.start);
        }
    }
    Ok(Opened {
        number,
        outbox,
        shard,
        position,
        committed,
        journaled,
        is_new_lineage,
        catch_up,
        log: view(config, &facts, tail.last().map(|(_, last)| &last.log), &breaks),
        breaks,
    })
}

/// Opens the shard's producer, which settles what earlier ones left open, and then reads the journal from offset `from`.
pub(crate) fn take_over(
    config: &EngineConfig,
    number: i32,
    from: Option<i64>,
) -> Result<(Outbox, Tail), EngineError> {
    let outbox = Outbox::open(config, number)?;
    let tail = LogReader::of_journal(config, number)?.tail(from)?;
    if tail.is_empty() && has_committed(config, number)? {
        return Err(EngineError::JournalLost {
            shard: number,
            group: config.group.clone(),
        });
    }
    Ok((outbox, tail))
}

/// Whether the group has stepped anything of the shard.
pub(crate) fn has_committed(config: &EngineConfig, number: i32) -> Result<bool, EngineError> {
    let consumer: BaseConsumer = settings::consumer(&config.brokers, &config.group, &config.settings)
        .create()
        .map_err(EngineError::client)?;
    let mut wanted = TopicPartitionList::new();
    for topic in config.topics.inputs(&config.pipeline) {
        wanted.add_partition(topic, number);
    }
    let committed = consumer
        .committed_offsets(wanted, PATIENCE)
        .map_err(|error| EngineError::Committed(error).or_not_allowed())?;
    let offsets = committed.elements();
    Ok(offsets
        .iter()
        .any(|partition| matches!(partition.offset(), Offset::Offset(offset) if offset > 0)))
}

fn why_rebuilt(config: &EngineConfig, last: &JournalRecord, distrusted: bool) -> String {
    let pipeline = &config.pipeline;
    if distrusted {
        "stepping the journal again came to another digest".to_owned()
    } else if last.pipeline_version != pipeline.version {
        format!(
            "the pipeline went from version {} to {}",
            last.pipeline_version, pipeline.version
        )
    } else if config.snapshots.is_none() {
        "no place for snapshots is configured".to_owned()
    } else {
        "no snapshot could be gone on with".to_owned()
    }
}

/// A shard that has seen nothing, to be fed with the log before the last committed step.
fn rebuild(
    config: &EngineConfig,
    number: i32,
    tail: &Tail,
    reason: String,
) -> Result<(Shard, Position, CatchUp), EngineError> {
    let inputs = config.topics.inputs(&config.pipeline);
    let last = tail.last().map(|(_, record)| record);
    let mut position = Position {
        lineage: last.map_or(FIRST_LINEAGE, |last| last.lineage + 1),
        sequence: last.map_or(0, |last| last.sequence + 1),
        ..Position::default()
    };
    let mut rebuild = Rebuild {
        until: last
            .map(|last| last.position(&inputs).offsets)
            .unwrap_or_default(),
        log_time: last.map_or(Timestamp::MIN, |last| last.log_time),
        alarms: Vec::new(),
        reason,
    };
    if let Some(last) = last {
        tracing::warn!(
            shard = number,
            reason = rebuild.reason,
            "the state is rebuilt from the log; a new lineage begins"
        );
        meter::rebuilt();
        let from = last.log_time - config.pipeline.reach();
        position.offsets = offsets_at(config, number, &inputs, from, &rebuild.until)?;
        rebuild.alarms = alarms(config, number)?;
    }
    let shard = Shard::new(Arc::clone(&config.pipeline), Wants::default());
    Ok((shard, position, CatchUp::Rebuild(rebuild)))
}

/// The newest state of every alarm of the shard, as it was told.
fn alarms(config: &EngineConfig, number: i32) -> Result<Vec<Alarm>, EngineError> {
    let told: Tail<Alarm> = LogReader::open(config, &config.topics.alarms, number)?.tail(Some(0))?;
    let mut newest = BTreeMap::new();
    for (_, alarm) in told {
        newest.insert((Arc::clone(&alarm.patient_id), alarm.alarm.clone()), alarm);
    }
    Ok(newest.into_values().collect())
}

/// By topic ordinal, where topics stood at an append time, and where those of context begin; no further than `until`.
pub(crate) fn offsets_at(
    config: &EngineConfig,
    number: i32,
    inputs: &[&str],
    from: Timestamp,
    until: &BTreeMap<u16, i64>,
) -> Result<BTreeMap<u16, i64>, EngineError> {
    let consumer: BaseConsumer = settings::consumer(&config.brokers, &config.group, &config.settings)
        .create()
        .map_err(EngineError::client)?;
    let mut wanted = TopicPartitionList::new();
    let contexts: Vec<&str> = config.topics.contexts(&config.pipeline).collect();
    for topic in inputs.iter().filter(|topic| !contexts.contains(*topic)) {
        wanted
            .add_partition_offset(topic, number, Offset::Offset(from.millis().max(0)))
            .map_err(EngineError::Committed)?;
    }
    let found = consumer
        .offsets_for_times(wanted, PATIENCE)
        .map_err(EngineError::Committed)?;
    let mut offsets = BTreeMap::new();
    for (ordinal, topic) in (0..).zip(inputs) {
        let until = until.get(&ordinal).copied().unwrap_or(0);
        let offset = match found.find_partition(topic, number).map(|found| found.offset()) {
            Some(Offset::Offset(offset)) => offset.min(until),
            Some(_) => until,
            None => 0,
        };
        offsets.insert(ordinal, offset);
    }
    Ok(offsets)
}
