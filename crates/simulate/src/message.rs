//! A message on its way to a topic.

use wardwatch_event_time::Timestamp;

/// Which topic a message belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Admissions, updates and discharges. Sorts first: a patient is admitted before the first observation.
    Context,
    /// Observations, single or grouped.
    Vitals,
}

/// One record as a producer would send it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// When it reaches the broker; its append time.
    pub arrives: Timestamp,
    /// Where it goes.
    pub topic: Topic,
    /// The record's key: the patient's id.
    pub key: String,
    /// Canonical JSON, as `schemas/` describes it.
    pub payload: Vec<u8>,
}
