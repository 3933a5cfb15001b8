//! The journal: one record a step, which says what the step took and how far it came.
//!
//! With the topics' own records it is enough to step a shard again exactly: the offsets say which records a step held, the
//! tick is the only time that did not come with them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wardwatch_event_time::Timestamp;
use wardwatch_inference::Answers;
use wardwatch_shard::{Counts, Digest};

/// What one step took and gave. Topic `journal`, the shard's own partition, key: pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalRecord {
    /// The pipeline's name.
    pub pipeline: Arc<str>,
    /// Its version.
    pub pipeline_version: u32,
    /// The partition number.
    pub shard: i32,
    /// Steps of this run of the shard before this one.
    pub sequence: u64,
    /// By topic, the offset after the last record that has been stepped.
    pub offsets: BTreeMap<String, i64>,
    /// The log time that the step was told to advance to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tick: Option<Timestamp>,
    /// The log time after the step.
    pub log_time: Timestamp,
    /// What the engine's clock read when the step was done.
    pub at: Timestamp,
    /// Patients monitored after the step.
    pub patients: u64,
    /// Patients no longer monitored since this step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<String>,
    /// What the step counted.
    pub counts: Counts,
    /// What the shard has decided so far, as one number: a shard that steps this again must come to the same.
    pub digest: Digest,
    /// What the models answered: computed again elsewhere, their last bits could differ.
    #[serde(default, skip_serializing_if = "Answers::is_empty")]
    pub answers: Answers,
}
