//! Alerts and active alarms for the screen: what, and why.

use serde::Serialize;
use wardwatch_alarms::{Alarm, AlarmKind, Alert, Contributor, EndReason, ModelIdentity, Phase};
use wardwatch_clinical::AlarmPriority;
use wardwatch_event_time::Span;

use super::{reading, words};

/// One row of the alert list. It never changes.
#[derive(Clone, Debug, Serialize)]
pub struct AlertView {
    /// The alert's id: the row's key.
    pub id: String,
    /// The patient.
    pub patient: String,
    /// The bed, when known.
    pub bed: Option<String>,
    /// No context of the patient is known.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub context_missing: bool,
    /// The alarm's name.
    pub alarm: String,
    /// The kind of trouble.
    pub kind: AlarmKind,
    /// How urgent.
    pub priority: AlarmPriority,
    /// The change.
    pub phase: Phase,
    /// The change in words: `ended: cleared`.
    pub phase_text: &'static str,
    /// What happened.
    pub text: String,
    /// The definition that it was held against.
    pub condition: String,
    /// Log time of the decision.
    pub at: i64,
    /// Event time of the condition's start: with patient and alarm, what an end refers to.
    pub condition_start: i64,
    /// Event time of the data that decided.
    pub observed_at: i64,
    /// It missed its deadline before it left the engine.
    pub late: bool,
    /// Why, most telling first.
    pub why: Vec<WhyView>,
    /// The model, its version and the start of its hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The pipeline, its version and the start of its hash.
    pub pipeline: String,
}

/// One input's part in a decision.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WhyView {
    /// The input.
    pub label: String,
    /// Its value with its unit.
    pub value: String,
    /// Its age at the decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age: Option<String>,
    /// It was too old to be used.
    pub stale: bool,
    /// Its points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub points: Option<u8>,
    /// By how much it moved the model, in log odds: `+0.82`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribution: Option<String>,
    /// The patient's baseline that it was taken against.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
}

/// One active alarm on a tile.
#[derive(Clone, Debug, Serialize)]
pub struct AlarmView {
    /// The alarm's name.
    pub alarm: String,
    /// The kind of trouble.
    pub kind: AlarmKind,
    /// How urgent.
    pub priority: AlarmPriority,
    /// What happened.
    pub text: String,
    /// Since when, in event time.
    pub since: i64,
}

// === impl AlertView ===

impl AlertView {
    /// How an alert reads in the list.
    pub fn of(alert: &Alert) -> Self {
        Self {
            id: alert.id.to_string(),
            patient: alert.patient_id.to_string(),
            bed: alert.bed.as_deref().map(str::to_owned),
            context_missing: alert.context_missing,
            alarm: alert.alarm.clone(),
            kind: alert.kind,
            priority: alert.priority,
            phase: alert.phase,
            phase_text: phase_text(alert.phase, alert.reason),
            text: alert.text.clone(),
            condition: alert.condition.clone(),
            at: alert.stages.decided_at.millis(),
            condition_start: alert.condition_start.millis(),
            observed_at: alert.stages.observed_at.millis(),
            late: alert.deadline.missed,
            why: alert.contributors.iter().map(WhyView::of).collect(),
            model: alert.model.as_deref().map(model_text),
            pipeline: versioned(&alert.pipeline, alert.pipeline_version, &alert.pipeline_hash),
        }
    }
}

// === impl WhyView ===

impl WhyView {
    fn of(contributor: &Contributor) -> Self {
        let input = &contributor.input;
        let unit = words::unit(&input.unit);
        let value = match (reading::value(input), unit) {
            // Its points came from another input, such as a pulse from the heart rate.
            _ if input.value.is_none() && contributor.points.is_some() => String::new(),
            (value, "") => value,
            (value, _) if input.value.is_none() => value,
            (value, unit) => format!("{value} {unit}"),
        };
        Self {
            label: input.label.to_string(),
            value,
            age: input
                .age_seconds
                .map(|seconds| words::age(Span::from_micros((seconds * 1e6) as i64))),
            stale: input.stale,
            points: contributor.points,
            attribution: contributor.attribution.map(|moved| format!("{moved:+.2}")),
            baseline: contributor
                .baseline
                .map(|baseline| words::number(&input.name, baseline)),
        }
    }
}

// === impl AlarmView ===

impl AlarmView {
    /// How an active alarm reads on a tile.
    pub fn of(alarm: &Alarm) -> Self {
        Self {
            alarm: alarm.alarm.clone(),
            kind: alarm.kind,
            priority: alarm.priority,
            text: alarm.text.clone(),
            since: alarm.condition_start.millis(),
        }
    }
}

fn phase_text(phase: Phase, reason: Option<EndReason>) -> &'static str {
    match (phase, reason) {
        (Phase::Start, _) => "new",
        (Phase::Update, _) => "still active",
        (Phase::Escalate, _) => "worse",
        (Phase::Unknown, _) => "unknown",
        (Phase::Accept, _) => "accepted",
        (Phase::End, Some(EndReason::Cleared)) => "ended: cleared",
        (Phase::End, Some(EndReason::Discharged)) => "ended: discharged",
        (Phase::End, Some(EndReason::Forgotten)) => "ended: no data for too long",
        (Phase::End, Some(EndReason::Removed)) => "ended: no longer watched for",
        (Phase::End, Some(EndReason::Corrected)) => "ended: the value was corrected",
        (Phase::End, Some(EndReason::Superseded)) => "ended: no data at all from its source",
        (Phase::End, None) => "ended",
    }
}

fn model_text(model: &ModelIdentity) -> String {
    versioned(&model.name, model.version, &model.sha256)
}

fn versioned(name: &str, version: u32, hash: &str) -> String {
    format!("{name} version {version} ({})", hash.get(..12).unwrap_or(hash))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardwatch_alarms::Input;

    #[test]
    fn a_reason_carries_value_age_and_part() {
        let contributor = Contributor {
            input: Input {
                name: "resp_rate".into(),
                label: "RR".into(),
                value: Some(31.0),
                text: None,
                unit: "/min".into(),
                observed_at: None,
                age_seconds: Some(4.9),
                max_age_seconds: None,
                stale: false,
                device_id: None,
                clock_corrected: false,
            },
            points: None,
            attribution: Some(0.8217),
            baseline: Some(18.2),
        };
        let why = WhyView::of(&contributor);
        assert_eq!((why.value.as_str(), why.age.as_deref()), ("31 /min", Some("4 s")));
        assert_eq!(
            (why.attribution.as_deref(), why.baseline.as_deref()),
            (Some("+0.82"), Some("18"))
        );
    }

    #[test]
    fn every_end_says_why() {
        assert_eq!(
            phase_text(Phase::End, Some(EndReason::Forgotten)),
            "ended: no data for too long"
        );
        assert_eq!(phase_text(Phase::Start, None), "new");
    }
}
