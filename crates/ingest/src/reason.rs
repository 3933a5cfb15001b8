//! Why data went to quarantine.
//!
//! A reason is a stable code: it names a metric's label, a header on the quarantine topic and a line in reports.
//! Invariant: a code once released keeps its spelling and its meaning; new ones are appended.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a record, or a reading of it, is not an observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// Not JSON, a known field given twice or of the wrong JSON type, or single and grouped form mixed.
    BadJson,
    /// Not UTF-8.
    BadUtf8,
    /// JSON, but not an object.
    NotAnObject,
    /// A field that every observation needs is absent or null.
    MissingField,
    /// The patient id is not a text of 1 to 64 bytes without control characters.
    BadPatientId,
    /// `device_id` or `source` is not a text of at most 128 bytes without control characters.
    BadOrigin,
    /// No time of measurement.
    NoTime,
    /// A time that is not RFC 3339 with an offset, is finer than a microsecond, or is no date of a measurement.
    BadTime,
    /// A code that no vital sign has.
    UnknownCode,
    /// A unit that is unknown, or not one of this vital sign.
    WrongUnit,
    /// No unit, though this vital sign has one.
    MissingUnit,
    /// Outside what can be a living patient's value.
    Implausible,
    /// Neither a number nor, for consciousness, a letter or word of ACVPU.
    BadValue,
    /// The sender has no result yet, or says what it has in a word we do not know.
    Status,
    /// The Kafka key is not the patient id: another shard would own the patient.
    KeyMismatch,
    /// More than [`MOST_BYTES`](crate::MOST_BYTES).
    TooLarge,
    /// A command about an alarm that the pipeline does not have.
    UnknownAlarm,
    /// A grouped message without readings.
    EmptyGroup,
    /// A grouped message with more than [`MOST_READINGS`](crate::MOST_READINGS).
    TooManyReadings,
    /// Decided by the shard: further ahead of its append time than the pipeline allows.
    Future,
    /// Decided by the shard: too far behind its device's clock for windows, and neither new nor fresh enough for anything else.
    Late,
    /// Decided by the shard: its device's clock is wrong, and its source does not take such readings.
    WrongClock,
    /// A row of a table that cannot be divided into its cells for certain.
    BadRow,
    /// No Kafka key, where there are several partitions: any of them may hold the record, so no shard owns its patient.
    MissingKey,
}

// === impl Reason ===

impl Reason {
    /// Every reason, in order of declaration.
    pub const ALL: [Self; 24] = [
        Self::BadJson,
        Self::BadUtf8,
        Self::NotAnObject,
        Self::MissingField,
        Self::BadPatientId,
        Self::BadOrigin,
        Self::NoTime,
        Self::BadTime,
        Self::UnknownCode,
        Self::WrongUnit,
        Self::MissingUnit,
        Self::Implausible,
        Self::BadValue,
        Self::Status,
        Self::KeyMismatch,
        Self::TooLarge,
        Self::UnknownAlarm,
        Self::EmptyGroup,
        Self::TooManyReadings,
        Self::Future,
        Self::Late,
        Self::WrongClock,
        Self::BadRow,
        Self::MissingKey,
    ];

    /// The stable `snake_case` code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::BadJson => "bad_json",
            Self::BadUtf8 => "bad_utf8",
            Self::NotAnObject => "not_an_object",
            Self::MissingField => "missing_field",
            Self::BadPatientId => "bad_patient_id",
            Self::BadOrigin => "bad_origin",
            Self::NoTime => "no_time",
            Self::BadTime => "bad_time",
            Self::UnknownCode => "unknown_code",
            Self::WrongUnit => "wrong_unit",
            Self::MissingUnit => "missing_unit",
            Self::Implausible => "implausible",
            Self::BadValue => "bad_value",
            Self::Status => "status",
            Self::KeyMismatch => "key_mismatch",
            Self::TooLarge => "too_large",
            Self::UnknownAlarm => "unknown_alarm",
            Self::EmptyGroup => "empty_group",
            Self::TooManyReadings => "too_many_readings",
            Self::Future => "future",
            Self::Late => "late",
            Self::WrongClock => "wrong_clock",
            Self::BadRow => "bad_row",
            Self::MissingKey => "missing_key",
        }
    }

    /// The reason of a code, `None` if there is no such code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

/// A reason with the detail that tells two of a kind apart. Both are fixed texts, so neither can hold patient data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flaw {
    /// Why.
    pub reason: Reason,
    /// What exactly: a field's name or half a sentence; empty where the reason says it all.
    pub detail: &'static str,
}

// === impl Flaw ===

impl Flaw {
    /// A flaw with its detail.
    pub const fn new(reason: Reason, detail: &'static str) -> Self {
        Self { reason, detail }
    }
}

impl From<Reason> for Flaw {
    fn from(reason: Reason) -> Self {
        Self::new(reason, "")
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.detail {
            "" => write!(f, "{}", self.reason),
            detail => write!(f, "{}: {detail}", self.reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_the_same_everywhere() {
        for (position, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, position, "ALL is in order of declaration");
            assert_eq!(Reason::from_code(reason.code()), Some(reason));
            assert_eq!(
                serde_json::to_string(&reason).unwrap(),
                format!("{:?}", reason.code())
            );
        }
        assert_eq!(Reason::from_code("Late"), None);
    }
}
