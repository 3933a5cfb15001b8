//! The changes of an alarm condition that alerts tell of.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wardwatch_event_time::Timestamp;

/// The change that an alert tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The condition began.
    Start,
    /// It goes on.
    Update,
    /// It has become worse.
    Escalate,
    /// Somebody has accepted it.
    Accept,
    /// Nothing is known of it any more: its value is past its maximum age.
    Unknown,
    /// It is over.
    End,
}

/// Why a condition ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The values are within bounds again.
    Cleared,
    /// The patient was discharged.
    Discharged,
    /// No data came for so long that the patient is no longer monitored.
    Forgotten,
    /// The pipeline was edited, and no longer has the alarm.
    Removed,
    /// The value behind it was corrected or withdrawn.
    Corrected,
    /// Another technical alarm says more: the whole source is silent.
    Superseded,
}

/// One change of a condition, to be told of by one alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// What changed.
    pub phase: Phase,
    /// When the condition began, in event time.
    pub condition_start: Timestamp,
    /// The alert's place among those of this condition start.
    pub ordinal: u32,
    /// When it was due, in log time.
    pub at: Timestamp,
    /// Why it ended, for [`Phase::End`].
    pub reason: Option<EndReason>,
    /// Whether the condition goes on, beyond the worse limit.
    pub escalated: bool,
    /// Whether the condition goes on, and nothing is known of it.
    pub unknown: bool,
    /// Whether the condition goes on, and somebody has accepted it.
    pub accepted: bool,
}

/// What a machine has told last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// Whether the condition goes on.
    pub active: bool,
    /// Beyond the worse limit.
    pub escalated: bool,
    /// Accepted by somebody.
    pub accepted: bool,
    /// Nothing is known of it.
    pub unknown: bool,
    /// When the condition began, in event time.
    pub condition_start: Timestamp,
    /// The alert's place among those of this condition start.
    pub ordinal: u32,
    /// When it was told, in log time.
    pub at: Timestamp,
}

// === impl Phase ===

impl Phase {
    /// The phase's name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Update => "update",
            Self::Escalate => "escalate",
            Self::Accept => "accept",
            Self::Unknown => "unknown",
            Self::End => "end",
        }
    }
}
