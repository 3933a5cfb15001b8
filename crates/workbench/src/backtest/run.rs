//! Recorded data through the live shard, the patients spread over threads.
//!
//! One patient's data change nothing of another's (SHARD-3), so it makes no difference who shares a shard, but for the last bits
//! of a model's answers, which may differ with the rows that it is asked about together. So patients are always spread over as
//! many shards, and these over the threads. At the end all are told the same time, so that timers fire as they would in one.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use arrow::array::UInt32Array;
use arrow::compute::take_record_batch;
use wardwatch_alarms::Phase;
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Timestamp;
use wardwatch_inference::Models;
use wardwatch_ingest::{Observations, Reason};
use wardwatch_pipeline::Pipeline;
use wardwatch_replay::{FileReport, Inputs, Position, Progress, ReadBatch, Reader, ReplayError};
use wardwatch_shard::{Batch, ContextInput, Counts, Outputs, Shard, StepError, Wants};

use super::traces::Trace;

/// Microseconds of an hour.
pub(super) const HOUR: i64 = 3_600_000_000;

/// Shards, on however many threads.
const SHARDS: usize = 16;

/// Batches that wait for a thread.
const WAITING: usize = 4;

/// Why a back-test ended before its time.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The data cannot be read.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The pipeline fails over the data.
    #[error("the pipeline fails over the data")]
    Step(#[from] StepError),
    /// Us: a thread has gone.
    #[error("a thread of the back-test panicked")]
    Panicked,
}

/// What came of one patient.
#[derive(Clone, Debug, Default)]
pub struct Course {
    /// Log time of the first and the last message, µs UTC; none of a patient of whom only context is known.
    pub span: Option<(i64, i64)>,
    /// Readings that were sent.
    pub readings: u64,
    /// What was taken.
    pub vitals: BTreeMap<VitalSign, Series>,
    /// What was told, in order.
    pub alerts: Vec<Told>,
    /// By score of the pipeline.
    pub scores: Vec<Scores>,
}

/// What a score of a patient was.
#[derive(Clone, Debug, Default)]
pub struct Scores {
    /// In order of the decisions.
    pub values: Vec<Scored>,
    /// How often it had no value.
    pub unavailable: u64,
}

/// A score, as it was decided.
#[derive(Clone, Copy, Debug)]
pub struct Scored {
    /// When, µs UTC.
    pub at: i64,
    /// The value; NaN while it is partial.
    pub value: f64,
    /// The lowest that is still possible, of a point score; else NaN.
    pub lowest: f64,
}

/// A vital sign of a patient.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// Its values.
    pub trace: Trace,
    /// Readings taken.
    pub taken: u64,
    /// Hours with a reading.
    pub hours: u64,
    /// The last of them since the epoch, and, a bit each, which of the 64 hours up to it have one.
    last: (i64, u64),
}

/// An alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Told {
    /// When, µs UTC.
    pub at: i64,
    /// Which alarm: index into the pipeline's names of alarms.
    pub alarm: u16,
    /// Which change of it.
    pub phase: Phase,
}

/// What came of all.
#[derive(Debug, Default)]
pub struct Courses {
    /// By patient.
    pub patients: BTreeMap<Arc<str>, Course>,
    /// Readings, in all.
    pub rows: u64,
    /// Readings that were not taken, by reason.
    pub quarantined: BTreeMap<&'static str, u64>,
    /// Those whose vital sign is known, by it and reason.
    pub quarantined_by_vital: BTreeMap<(VitalSign, &'static str), u64>,
    /// Readings that the shards did not take, by file and reason.
    refused: BTreeMap<(usize, Reason), u64>,
    /// What became of each input file.
    pub files: Vec<FileReport>,
    /// What the shards counted.
    pub counts: Counts,
    /// The ids of all alerts, sorted.
    pub alert_ids: Vec<String>,
}

/// For a shard, by its place in its thread.
enum Job {
    Batch(usize, Observations, Vec<ContextInput>),
    /// The end of all, with the last log time.
    End(Timestamp),
}

/// One shard, and what came of its patients.
struct Part {
    shard: Shard,
    models: Models,
    alarms: HashMap<String, u16>,
    /// Scores by name.
    names: HashMap<String, usize>,
    patients: HashMap<Arc<str>, Course>,
    courses: Courses,
}

/// Runs files through a pipeline on so many threads; `progress` is told after each batch.
///
/// # Errors
/// [`RunError`]
pub fn run(
    pipeline: &Arc<Pipeline>,
    inputs: impl Into<Inputs>,
    threads: usize,
    mut progress: impl FnMut(Progress),
) -> Result<Courses, RunError> {
    let sources: Vec<String> = pipeline
        .sources
        .iter()
        .map(|source| source.name.clone())
        .collect();
    let mut reader = Reader::open(inputs, &sources)?;
    let threads = threads.clamp(1, SHARDS);
    thread::scope(|scope| {
        let mut jobs = Vec::new();
        let mut workers = Vec::new();
        for thread in 0..threads {
            let (sender, receiver) = sync_channel(WAITING);
            jobs.push(sender);
            let shards = (thread..SHARDS).step_by(threads).count();
            workers.push(scope.spawn(move || work(pipeline, shards, &receiver)));
        }
        let mut all = Courses::default();
        // A worker that has failed takes no more; joining it tells why.
        let fed = feed(pipeline, &mut reader, &jobs, &mut all, &mut progress);
        drop(jobs);
        for worker in workers {
            all.add(worker.join().map_err(|_| RunError::Panicked)??);
        }
        fed?;
        all.alert_ids.sort();
        let mut reports = reader.into_reports();
        for ((file, reason), readings) in &all.refused {
            reports.refuse(*file, *reason, *readings);
        }
        all.files = reports.into_vec();
        Ok(all)
    })
}

fn feed(
    pipeline: &Pipeline,
    reader: &mut Reader,
    jobs: &[SyncSender<Job>],
    all: &mut Courses,
    progress: &mut impl FnMut(Progress),
) -> Result<(), RunError> {
    let mut end = Timestamp::MIN;
    while let Some(read) = reader.next_batch()? {
        for bad in &read.quarantined {
            let readings = bad.readings.len().max(1) as u64;
            all.rows += readings;
            *all.quarantined.entry(bad.reason.code()).or_default() += readings;
            for vital in bad.readings.iter().filter_map(|reading| reading.vital) {
                *all.quarantined_by_vital
                    .entry((vital, bad.reason.code()))
                    .or_default() += 1;
            }
        }
        all.rows += read.observations.readings_len() as u64 + read.repeats;
        all.counts.repeats += read.repeats;
        if let Some(last) = read.observations.append_time().last() {
            end = end.max(Timestamp::from_micros(*last));
        }
        if let Some((last, _)) = read.context.last() {
            end = end.max(*last);
        }
        for (shard, (observations, context)) in split(pipeline, read).into_iter().enumerate() {
            let job = Job::Batch(shard / jobs.len(), observations, context);
            if jobs[shard % jobs.len()].send(job).is_err() {
                return Ok(());
            }
        }
        progress(Progress {
            rows: all.rows,
            fraction: reader.fraction(),
        });
    }
    for jobs in jobs {
        if jobs.send(Job::End(end)).is_err() {
            break;
        }
    }
    Ok(())
}

/// A batch by shard: a patient's records go to one of them, in order.
fn split(pipeline: &Pipeline, read: ReadBatch) -> Vec<(Observations, Vec<ContextInput>)> {
    let of = |patient: &str| {
        let mut hasher = DefaultHasher::new();
        patient.hash(&mut hasher);
        (hasher.finish() % SHARDS as u64) as usize
    };
    let mut rows: Vec<Vec<u32>> = vec![Vec::new(); SHARDS];
    for (row, patient) in read.observations.patient_ids().iter().enumerate() {
        rows[of(patient.unwrap_or_default())].push(row as u32);
    }
    let mut context: Vec<Vec<ContextInput>> = Vec::new();
    context.resize_with(SHARDS, Vec::new);
    for (append_time, record) in read.context {
        context[of(&record.patient_id)].push(ContextInput {
            append_time,
            writer: pipeline.writer(record.writer.as_deref()),
            record,
        });
    }
    let taken = |rows: Vec<u32>| {
        let rows = UInt32Array::from(rows);
        let batch = take_record_batch(read.observations.batch(), &rows).expect("rows of the batch");
        Observations::from_batch(batch).expect("rows are observations")
    };
    rows.into_iter().map(taken).zip(context).collect()
}

/// A thread: takes what comes for its shards.
fn work(pipeline: &Arc<Pipeline>, shards: usize, jobs: &Receiver<Job>) -> Result<Courses, RunError> {
    let mut parts: Vec<Part> = (0..shards).map(|_| Part::new(pipeline)).collect();
    for job in jobs {
        match job {
            Job::Batch(shard, observations, context) => parts[shard].take(observations, context)?,
            Job::End(at) => parts.iter_mut().try_for_each(|part| part.end(at))?,
        }
    }
    let mut all = Courses::default();
    for part in parts {
        all.patients.extend(part.patients);
        all.add(part.courses);
    }
    Ok(all)
}

// === impl Part ===

impl Part {
    fn new(pipeline: &Arc<Pipeline>) -> Self {
        let wants = Wants {
            features: false,
            scores: true,
            per_step: usize::MAX,
        };
        Self {
            shard: Shard::new(Arc::clone(pipeline), wants),
            models: Models::new(pipeline.models.clone()),
            alarms: pipeline.alarm_names().into_iter().zip(0..).collect(),
            names: pipeline
                .scores
                .iter()
                .map(|score| score.name.to_string())
                .zip(0..)
                .collect(),
            patients: HashMap::new(),
            courses: Courses::default(),
        }
    }

    fn take(&mut self, observations: Observations, context: Vec<ContextInput>) -> Result<(), RunError> {
        let batch = Batch {
            observations,
            context,
            ..Batch::default()
        };
        self.step(&batch, None)
    }

    fn step(&mut self, batch: &Batch, tick: Option<Timestamp>) -> Result<(), RunError> {
        let mut outputs = Outputs::default();
        self.shard.step(batch, tick, &mut self.models, &mut outputs)?;
        self.keep(outputs, &batch.observations);
        Ok(())
    }

    /// The end of all data, at the same log time for every shard: as a replay, in one shard, ends its files.
    fn end(&mut self, at: Timestamp) -> Result<(), RunError> {
        self.step(&Batch::default(), Some(at))?;
        let mut outputs = Outputs::default();
        self.shard.finish(at, &mut self.models, &mut outputs)?;
        self.keep(outputs, &Observations::empty());
        Ok(())
    }

    /// Since when, and until when, a patient is known; and what was taken.
    fn note(&mut self, observations: &Observations, refused: &HashSet<usize>) {
        let messages = observations.messages();
        let mut place = 0;
        for row in 0..messages.len() {
            let message = messages.get(row);
            let course = course(&mut self.patients, message.patient_id, self.names.len());
            let (begin, _) = course.span.unwrap_or((message.append_time, 0));
            course.span = Some((begin, message.append_time));
            course.readings += message.values.len() as u64;
            for (vital, value) in message.vitals.iter().zip(message.values) {
                let vital = VitalSign::from_index(*vital).filter(|_| !refused.contains(&place));
                if let Some(vital) = vital {
                    course
                        .vitals
                        .entry(vital)
                        .or_default()
                        .take(message.ts, *value as f32);
                }
                place += 1;
            }
        }
    }

    fn keep(&mut self, outputs: Outputs, observations: &Observations) {
        let mut refused_places = HashSet::new();
        for refused in &outputs.refused {
            let code = refused.reason.code();
            let file = Position::of_offset(observations.offset()[refused.row]).file;
            for place in refused.readings(observations) {
                refused_places.insert(place);
                *self.courses.quarantined.entry(code).or_default() += 1;
                *self.courses.refused.entry((file, refused.reason)).or_default() += 1;
                if let Some(vital) = VitalSign::from_index(observations.vitals()[place]) {
                    *self
                        .courses
                        .quarantined_by_vital
                        .entry((vital, code))
                        .or_default() += 1;
                }
            }
        }
        self.note(observations, &refused_places);
        for alert in &outputs.alerts {
            let Some(alarm) = self.alarms.get(&alert.alarm) else {
                continue;
            };
            course(&mut self.patients, &alert.patient_id, self.names.len())
                .alerts
                .push(Told {
                    at: alert.stages.due_at.micros(),
                    alarm: *alarm,
                    phase: alert.phase,
                });
            self.courses.alert_ids.push(alert.id.to_string());
        }
        for record in &outputs.scores {
            let course = course(&mut self.patients, &record.patient_id, self.names.len());
            for score in &record.scores {
                // A window of another feature set repeats what the score was.
                let is_of_window = score.window_end == Some(record.window_end);
                let Some(index) = self.names.get(&*score.name).copied().filter(|_| is_of_window) else {
                    continue;
                };
                let scores = &mut course.scores[index];
                scores.unavailable += u64::from(score.value.is_none());
                if score.value.is_some() || score.lowest.is_some() {
                    scores.values.push(Scored {
                        at: record.at.micros(),
                        value: score.value.unwrap_or(f64::NAN),
                        lowest: score.lowest.unwrap_or(f64::NAN),
                    });
                }
            }
        }
        self.courses.counts.add(&outputs.counts);
    }
}

fn course<'p>(patients: &'p mut HashMap<Arc<str>, Course>, patient: &str, scores: usize) -> &'p mut Course {
    if !patients.contains_key(patient) {
        let course = Course {
            scores: vec![Scores::default(); scores],
            ..Course::default()
        };
        patients.insert(patient.into(), course);
    }
    patients
        .get_mut(patient)
        .expect("it was put in if it was not there")
}

// === impl Scores ===

impl Scores {
    /// Its values, and when they were decided.
    pub fn values(&self) -> impl Iterator<Item = (i64, f64)> + '_ {
        let values = self.values.iter().map(|scored| (scored.at, scored.value));
        values.filter(|(_, value)| !value.is_nan())
    }

    /// The lowest that was possible each time, and when that was decided.
    pub fn lowest(&self) -> impl Iterator<Item = (i64, f64)> + '_ {
        let lowest = self.values.iter().map(|scored| (scored.at, scored.lowest));
        lowest.filter(|(_, lowest)| !lowest.is_nan())
    }
}

// === impl Series ===

impl Series {
    fn take(&mut self, at: i64, value: f32) {
        self.trace.add(at, value);
        let hour = at.div_euclid(HOUR);
        let is_first = self.taken == 0;
        self.taken += 1;
        let (last, seen) = &mut self.last;
        if is_first || hour > *last {
            let passed = if is_first {
                u64::BITS.into()
            } else {
                hour.abs_diff(*last)
            };
            *seen = u32::try_from(passed)
                .ok()
                .and_then(|passed| seen.checked_shl(passed))
                .unwrap_or(0);
            *last = hour;
        }
        // What is older than the bits reach is not counted again.
        let bit = u32::try_from(last.abs_diff(hour))
            .ok()
            .and_then(|back| 1_u64.checked_shl(back));
        if let Some(bit) = bit.filter(|bit| *seen & bit == 0) {
            *seen |= bit;
            self.hours += 1;
        }
    }
}

// === impl Courses ===

impl Courses {
    fn add(&mut self, other: Self) {
        self.patients.extend(other.patients);
        for (reason, count) in other.quarantined {
            *self.quarantined.entry(reason).or_default() += count;
        }
        for (reason, count) in other.quarantined_by_vital {
            *self.quarantined_by_vital.entry(reason).or_default() += count;
        }
        for (place, count) in other.refused {
            *self.refused.entry(place).or_default() += count;
        }
        self.counts.add(&other.counts);
        self.alert_ids.extend(other.alert_ids);
    }
}
