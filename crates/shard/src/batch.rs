//! What goes into a step and what comes out of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use serde::{Deserialize, Serialize};
use wardwatch_alarms::{Alarm, Alert, ScoreRecord};
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Timestamp;
use wardwatch_ingest::{CommandRecord, ContextRecord, Observations, Reason};
use wardwatch_windowing::RowErrors;

/// Records of one shard, in log order.
#[derive(Debug)]
pub struct Batch {
    /// Messages in the order (append time, topic ordinal, offset); their `topic` indexes the pipeline's sources.
    pub observations: Observations,
    /// Context records in order of append time. At equal times context comes first.
    pub context: Vec<ContextInput>,
    /// Commands in order of append time. At equal times they come after context, before messages.
    pub commands: Vec<CommandInput>,
    /// Sources whose newest records the log holds but does not show yet: of their patients no silence is claimed in this step.
    pub held: Vec<u16>,
}

/// A record of a context topic.
#[derive(Debug)]
pub struct ContextInput {
    /// The broker's append time.
    pub append_time: Timestamp,
    /// Whose statement it is: an index of the pipeline's writers.
    pub writer: u16,
    /// What it says.
    pub record: ContextRecord,
}

/// A record of the commands topic.
#[derive(Debug)]
pub struct CommandInput {
    /// The broker's append time.
    pub append_time: Timestamp,
    /// What it says.
    pub record: CommandRecord,
}

/// What the caller will use of the outputs; the rest is not made.
#[derive(Clone, Copy, Debug)]
pub struct Wants {
    /// Feature rows, for training and comparison.
    pub features: bool,
    /// Score records, for a screen.
    pub scores: bool,
    /// At most so many windows are evaluated in a step, or as many as it has messages, so that ten thousand closing at once
    /// never hold up a limit.
    pub per_step: usize,
}

/// What a step gives.
#[derive(Debug, Default)]
pub struct Outputs {
    /// Alerts, in the order in which they were decided.
    pub alerts: Vec<Alert>,
    /// Alarm states that changed.
    pub alarms: Vec<Alarm>,
    /// Scores, when wanted.
    pub scores: Vec<ScoreRecord>,
    /// Readings that were not taken; each goes to quarantine.
    pub refused: Vec<Refused>,
    /// Features, when wanted.
    pub features: Vec<FeatureRows>,
    /// Patients who are no longer monitored.
    pub ended: Vec<String>,
    /// Parts of the pipeline whose SQL failed over some patients' data; the results are missing there.
    pub failures: BTreeMap<String, Failure>,
    /// What was counted in this step.
    pub counts: Counts,
}

/// How a part of the pipeline failed over data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Windows without a result.
    pub windows: u64,
    /// Readings that an aggregate could not take.
    pub readings: u64,
    /// Why, with the remedy, and without patient data.
    pub reason: &'static str,
}

/// A reading, or a whole message, that was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The message's row in the batch.
    pub row: usize,
    /// Why.
    pub reason: Reason,
    /// Why, in words, without patient data.
    pub detail: &'static str,
    /// The reading; none for the whole message.
    pub vital: Option<VitalSign>,
}

/// Evaluated windows of one feature set: columns of equal length.
#[derive(Clone, Debug)]
pub struct FeatureRows {
    /// Index of the set in the pipeline.
    pub set: usize,
    /// The patient of each row.
    pub patient_id: Vec<Arc<str>>,
    /// The window's end, in microseconds since the epoch.
    pub window_end: Vec<i64>,
    /// Log time of the close, in microseconds since the epoch.
    pub at: Vec<i64>,
    /// 0 for the first evaluation of a window, more after late data.
    pub revision: Vec<u32>,
    /// The features.
    pub rows: RecordBatch,
}

/// What was counted. Zeros are left out where it is written down: most are, of most steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Readings that came: the sum of those below up to `wrong_clock`.
    #[serde(skip_serializing_if = "is_zero")]
    pub readings: u64,
    /// Readings that were used: in a window, as newest value, or by a limit.
    #[serde(skip_serializing_if = "is_zero")]
    pub observations: u64,
    /// Readings that say that nothing was measured.
    #[serde(skip_serializing_if = "is_zero")]
    pub absent: u64,
    /// Readings that correct or withdraw an earlier one, and originals that came after their correction.
    #[serde(skip_serializing_if = "is_zero")]
    pub corrections: u64,
    /// Equal repeats, dropped.
    #[serde(skip_serializing_if = "is_zero")]
    pub repeats: u64,
    /// Readings that were too late for windows, and neither new nor fresh enough for anything else.
    #[serde(skip_serializing_if = "is_zero")]
    pub late: u64,
    /// Readings ahead of the broker by more than the skew.
    #[serde(skip_serializing_if = "is_zero")]
    pub future: u64,
    /// Readings of devices whose clock is wrong, where their source does not take those.
    #[serde(skip_serializing_if = "is_zero")]
    pub wrong_clock: u64,
    /// Devices that were forgotten, since a patient has more than sixteen of one source.
    #[serde(skip_serializing_if = "is_zero")]
    pub evicted_devices: u64,
    /// Messages for panes that no future window of a set can use, counted once a set.
    #[serde(skip_serializing_if = "is_zero")]
    pub expired: u64,
    /// Windows evaluated.
    #[serde(skip_serializing_if = "is_zero")]
    pub windows: u64,
    /// Of these, revisions after late data.
    #[serde(skip_serializing_if = "is_zero")]
    pub revisions: u64,
    /// Results missing because SQL failed over a window, and readings over which an aggregate's SQL failed.
    #[serde(skip_serializing_if = "is_zero")]
    pub failed: u64,
    /// Patients with a silent source, now.
    #[serde(skip_serializing_if = "is_zero")]
    pub silent_patients: u64,
    /// Context records that changed nothing: a newer statement of their writer, or the same, is known.
    #[serde(skip_serializing_if = "is_zero")]
    pub outdated_context: u64,
    /// Commands about conditions that are over, or that were never there.
    #[serde(skip_serializing_if = "is_zero")]
    pub idle_commands: u64,
    /// Alerts that were decided after their deadline.
    #[serde(skip_serializing_if = "is_zero")]
    pub deadline_misses: u64,
}

/// Why a step failed. The shard's state is then undefined; restore it.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// An aggregate of the pipeline failed over data. The pipeline is to be mended.
    #[error("the SQL of {what} failed over data: {reason}")]
    Sql {
        /// Which part of the pipeline: `feature set short_term`.
        what: String,
        /// Why, with the remedy. DataFusion's own words may quote patients' data.
        reason: &'static str,
    },
    /// A message names a source that the pipeline does not have: a defect of the caller.
    #[error("a message of source {source_index}, but the pipeline has {sources}")]
    NoSuchSource {
        /// The index as given.
        source_index: usize,
        /// How many there are.
        sources: usize,
    },
}

/// Why SQL failed, in words that quote nothing.
fn reason(error: &DataFusionError) -> &'static str {
    match error.find_root() {
        DataFusionError::ArrowError(arrow, _) => match **arrow {
            ArrowError::DivideByZero => "a division by zero; guard it by NULLIF(divisor, 0)",
            ArrowError::ArithmeticOverflow(_) => {
                "an overflow: a number too large for its type; CAST to DOUBLE first, or scale it down"
            }
            ArrowError::CastError(_) | ArrowError::ParseError(_) => {
                "a value that cannot be cast; TRY_CAST gives NULL instead"
            }
            _ => "its values do not suit an operator",
        },
        DataFusionError::Execution(_) => {
            "a function refused its arguments, such as ln(0) or sqrt(-1); guard it by CASE"
        }
        DataFusionError::ResourcesExhausted(_) => "it needs too much memory",
        _ => "DataFusion could not evaluate it; try it on recorded data with `wardwatch sql`",
    }
}

// === impl Failure ===

impl Failure {
    /// Adds what failed of the same part; the first reason stays.
    pub fn add(&mut self, other: Self) {
        self.windows += other.windows;
        self.readings += other.readings;
    }
}

// === impl StepError ===

impl StepError {
    pub(crate) fn sql(what: &str, name: &str, error: &DataFusionError) -> Self {
        Self::Sql {
            what: format!("{what} {name}"),
            reason: reason(error),
        }
    }
}

// === impl Refused ===

impl Refused {
    /// The readings that it concerns, as places among the batch's readings.
    pub fn readings<'o>(&self, observations: &'o Observations) -> impl Iterator<Item = usize> + use<'o> {
        let offsets = observations.readings_offsets();
        let places = offsets[self.row] as usize..offsets[self.row + 1] as usize;
        let vital = self.vital;
        places.filter(move |place| vital.is_none_or(|vital| observations.vitals()[*place] == vital as u8))
    }
}

// === impl Outputs ===

impl Outputs {
    /// Counts the windows, and the readings, over which a part of the pipeline failed.
    pub(crate) fn failed(&mut self, what: &str, name: &str, errors: &RowErrors) {
        let Some(first) = &errors.first else { return };
        let failure = Failure {
            windows: errors.rows.len() as u64,
            readings: errors.readings as u64,
            reason: reason(first),
        };
        self.counts.failed += failure.windows + failure.readings;
        self.failures
            .entry(format!("{what} {name}"))
            .and_modify(|known| known.add(failure))
            .or_insert(failure);
    }
}

// === impl Batch ===

impl Default for Batch {
    fn default() -> Self {
        Self {
            observations: Observations::empty(),
            context: Vec::new(),
            commands: Vec::new(),
            held: Vec::new(),
        }
    }
}

// === impl Wants ===

impl Default for Wants {
    fn default() -> Self {
        Self {
            features: false,
            scores: true,
            per_step: 500,
        }
    }
}

// === impl Counts ===

impl Counts {
    /// READINGS-1: each reading that came is counted as one thing.
    pub fn balance(&self) -> bool {
        let rejected = self.late + self.future + self.wrong_clock;
        self.readings == self.observations + self.absent + self.corrections + self.repeats + rejected
    }

    /// Adds another step's counts; the gauge takes the newer value.
    pub fn add(&mut self, newer: &Self) {
        self.readings += newer.readings;
        self.observations += newer.observations;
        self.absent += newer.absent;
        self.corrections += newer.corrections;
        self.repeats += newer.repeats;
        self.late += newer.late;
        self.future += newer.future;
        self.wrong_clock += newer.wrong_clock;
        self.evicted_devices += newer.evicted_devices;
        self.expired += newer.expired;
        self.windows += newer.windows;
        self.revisions += newer.revisions;
        self.failed += newer.failed;
        self.silent_patients = newer.silent_patients;
        self.outdated_context += newer.outdated_context;
        self.idle_commands += newer.idle_commands;
        self.deadline_misses += newer.deadline_misses;
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
