//! The journal: one record a step, which says what the step took and how far it came.
//!
//! With the topics' own records it is enough to step a shard again exactly: the offsets say which records a step held, the
//! tick is the only time that did not come with them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wardwatch_event_time::Timestamp;
use wardwatch_shard::Counts;

/// What one step took and gave. Topic `journal`, the shard's own partition, key: pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalRecord {
    /// The pipeline's name.
    pub pipeline: String,
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
    pub counts: StepCounts,
}

/// What a step counted; see [`Counts`] of the shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepCounts {
    /// Readings taken.
    pub observations: u64,
    /// Equal repeats, dropped.
    pub repeats: u64,
    /// Messages too late.
    pub late: u64,
    /// Messages from the future.
    pub future: u64,
    /// Readings that contradict an earlier one.
    pub conflicts: u64,
    /// Messages for panes that no window can use.
    pub expired: u64,
    /// Windows evaluated.
    pub windows: u64,
    /// Of these, revisions.
    pub revisions: u64,
    /// Patients with a silent source, now.
    pub silent_patients: u64,
    /// Alerts decided after their deadline.
    pub deadline_misses: u64,
}

// === impl StepCounts ===

impl From<Counts> for StepCounts {
    fn from(counts: Counts) -> Self {
        Self {
            observations: counts.observations,
            repeats: counts.repeats,
            late: counts.late,
            future: counts.future,
            conflicts: counts.conflicts,
            expired: counts.expired,
            windows: counts.windows,
            revisions: counts.revisions,
            silent_patients: counts.silent_patients,
            deadline_misses: counts.deadline_misses,
        }
    }
}
