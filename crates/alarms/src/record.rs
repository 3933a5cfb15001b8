//! What leaves the engine: alerts, alarm states and scores, as JSON records.
//!
//! An alert's shape follows FHIR DeviceAlert and IHE ACM, so that both can be produced from it. Everything in a record is
//! a function of the log: times are event times or log times, never a machine's clock, so a replay writes the same bytes.
//! Wall-clock stage times travel as headers beside the record.

use std::borrow::Cow;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wardwatch_clinical::AlarmPriority;
use wardwatch_event_time::{Span, Timestamp};

use crate::{AlertId, EndReason, Phase, Told, schema};

/// A text that is nearly always one of the registry's or of this program's: records are made by the thousand a second, and
/// a name that is not copied costs nothing.
pub type Text = Cow<'static, str>;

/// What kind of trouble an alarm tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlarmKind {
    /// The patient's state: a limit or a standard score.
    Physiological,
    /// The equipment or the data: silence, a wrong clock.
    Technical,
    /// A computed judgement: a model.
    Advisory,
}

/// A change of one alarm condition, told once. Topic `alerts`, key: patient id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Alert {
    /// The same for the same alert in every run; see [`AlertId`].
    #[schemars(schema_with = "schema::alert_id")]
    pub id: AlertId,
    /// The patient.
    pub patient_id: Arc<str>,
    /// The visit, when known from context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visit: Option<Arc<str>>,
    /// The ward, when known from context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ward: Option<Arc<str>>,
    /// The bed, when known from context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bed: Option<Arc<str>>,
    /// The alarm's name: from the pipeline, or `silent`, `device_clock` or `records_lost` with the source, `lost` with the
    /// vital sign behind a colon, or `overdue`.
    pub alarm: String,
    /// The kind of trouble.
    pub kind: AlarmKind,
    /// How urgent.
    #[schemars(schema_with = "schema::priority")]
    pub priority: AlarmPriority,
    /// The change that this alert tells of.
    pub phase: Phase,
    /// The alert's place among those of its condition.
    pub ordinal: u32,
    /// When the condition began, in event time.
    #[schemars(schema_with = "schema::instant")]
    pub condition_start: Timestamp,
    /// Why it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<EndReason>,
    /// Who accepted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_by: Option<String>,
    /// No context record has come of the patient: bed and ward are unknown, and so is what a score takes from context.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub context_missing: bool,
    /// What happened, in words for a screen: `SpO2 84 % < 88`.
    pub text: String,
    /// The value that decided, in the contributor's unit; absent where none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The definition that it was held against: `spo2 < 88`.
    pub condition: String,
    /// The inputs behind the decision, most telling first.
    pub contributors: Vec<Contributor>,
    /// Vital signs of which a window behind the decision holds a value that was corrected since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<Text>,
    /// The model that spoke, for an alarm on a model's output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Arc<ModelIdentity>>,
    /// The pipeline's name.
    pub pipeline: Arc<str>,
    /// The pipeline's version.
    pub pipeline_version: u32,
    /// SHA-256 of the pipeline's text.
    pub pipeline_hash: Arc<str>,
    /// When the stages of the decision were passed.
    pub stages: StageTimes,
    /// Until when the alert should be on a screen.
    pub deadline: Deadline,
}

/// One input of a score or an alarm: a value with its age.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Input {
    /// The name in the pipeline: a vital sign, a feature or a context field.
    pub name: Text,
    /// The name for a screen.
    pub label: Text,
    /// The value as a number in `unit`; absent when it is missing.
    pub value: Option<f64>,
    /// The value as it is read out, where a number is not how: `V`, `yes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Text>,
    /// The UCUM unit; empty where there is none.
    pub unit: Text,
    /// When it was observed; absent for context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::maybe_instant")]
    pub observed_at: Option<Timestamp>,
    /// Its age at the decision, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_seconds: Option<f64>,
    /// The age from which on it is stale, in seconds; absent where the pipeline sets none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_seconds: Option<f64>,
    /// Beyond its maximum age: shown, never used.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stale: bool,
    /// The device that measured it, where several devices measure it and differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_id: Option<Text>,
    /// Whether `observed_at` is not what its device gave, since the device's clock is wrong.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub clock_corrected: bool,
}

/// An input with its part in the decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Contributor {
    /// The input.
    #[serde(flatten)]
    pub input: Input,
    /// The points it scored, in a point score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<u8>,
    /// By how much it moved a model's output against the patient's baseline, in log odds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribution: Option<f64>,
    /// The patient's baseline that the attribution was taken against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<f64>,
}

/// Which model spoke.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ModelIdentity {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// SHA-256 of the ONNX file.
    pub sha256: String,
}

/// When the stages of a decision were passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StageTimes {
    /// Event time of the data that decided.
    #[schemars(schema_with = "schema::instant")]
    pub observed_at: Timestamp,
    /// The broker's append time of the record that made the alert due, or the due time of the timer that did.
    #[schemars(schema_with = "schema::instant")]
    pub due_at: Timestamp,
    /// Log time at which the step decided.
    #[schemars(schema_with = "schema::instant")]
    pub decided_at: Timestamp,
}

/// Until when an alert should be on a screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Deadline {
    /// The instant.
    #[schemars(schema_with = "schema::instant")]
    pub at: Timestamp,
    /// Already missed when it was decided, in log time.
    pub missed: bool,
}

// === impl Alarm ===

impl Alarm {
    /// As the machine behind it is restored from.
    pub fn told(&self) -> Told {
        Told {
            active: self.active,
            escalated: self.escalated,
            accepted: self.accepted || self.accepted_by.is_some(),
            unknown: self.unknown,
            condition_start: self.condition_start,
            ordinal: self.ordinal,
            at: self.changed_at,
        }
    }
}

// === impl Deadline ===

impl Deadline {
    /// From due to screen.
    pub const BUDGET: Span = Span::from_secs(2);

    /// The deadline of an alert that was due and decided at these log times.
    pub fn new(due_at: Timestamp, decided_at: Timestamp) -> Self {
        let at = due_at + Self::BUDGET;
        Self {
            at,
            missed: decided_at > at,
        }
    }
}

/// The current state of one alarm condition. Topic `alarms` (compacted), key: `patient id|alarm`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Alarm {
    /// The patient.
    pub patient_id: Arc<str>,
    /// The visit, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visit: Option<Arc<str>>,
    /// The ward, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ward: Option<Arc<str>>,
    /// The bed, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bed: Option<Arc<str>>,
    /// The alarm's name.
    pub alarm: String,
    /// The kind of trouble.
    pub kind: AlarmKind,
    /// How urgent.
    #[schemars(schema_with = "schema::priority")]
    pub priority: AlarmPriority,
    /// Whether the condition is active.
    pub active: bool,
    /// Whether it is beyond the worse limit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub escalated: bool,
    /// Whether nothing is known of it any more: its value is past its maximum age.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unknown: bool,
    /// Whether somebody has accepted it, since it began or became worse.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accepted: bool,
    /// Who has accepted it, in the record that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_by: Option<String>,
    /// The newest alert's place among those of this condition.
    #[serde(default)]
    pub ordinal: u32,
    /// The device, where the alarm is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    /// When it began, in event time.
    #[schemars(schema_with = "schema::instant")]
    pub condition_start: Timestamp,
    /// When it last changed, in log time.
    #[schemars(schema_with = "schema::instant")]
    pub changed_at: Timestamp,
    /// The newest alert about it.
    #[schemars(schema_with = "schema::alert_id")]
    pub alert_id: AlertId,
    /// What happened, in words for a screen.
    pub text: String,
}

/// A patient's scores at one evaluation. Topic `scores`, key: patient id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScoreRecord {
    /// The patient.
    pub patient_id: Arc<str>,
    /// The visit, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visit: Option<Arc<str>>,
    /// The ward, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ward: Option<Arc<str>>,
    /// The bed, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bed: Option<Arc<str>>,
    /// The end of the window that was evaluated.
    #[schemars(schema_with = "schema::instant")]
    pub window_end: Timestamp,
    /// Log time of the evaluation.
    #[schemars(schema_with = "schema::instant")]
    pub at: Timestamp,
    /// 0 for the first evaluation of a window; more after late data.
    pub revision: u32,
    /// The scores by name, in the pipeline's order.
    pub scores: Vec<ScoreValue>,
    /// The newest value of every vital sign seen, with its age.
    pub inputs: Vec<Input>,
    /// Vital signs of which a window behind the scores holds a value that was corrected since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<Text>,
    /// The pipeline's name.
    pub pipeline: Arc<str>,
    /// The pipeline's version.
    pub pipeline_version: u32,
}

/// One score of one patient.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScoreValue {
    /// The score's name in the pipeline.
    pub name: Arc<str>,
    /// The total or probability; absent while partial or unavailable.
    pub value: Option<f64>,
    /// The lowest total still possible, for a point score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lowest: Option<f64>,
    /// The highest total still possible, for a point score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highest: Option<f64>,
    /// Points by parameter, for a point score; null where the parameter is missing.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub points: Arc<[(Text, Option<u8>)]>,
    /// Why there is no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<Text>,
    /// The end of the window that it was computed of: earlier than the record's where that is of another feature set, which
    /// repeats what the score was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::maybe_instant")]
    pub window_end: Option<Timestamp>,
    /// The score that stands in while the model cannot speak.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Arc<str>>,
    /// The model, for a model's score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Arc<ModelIdentity>>,
}
