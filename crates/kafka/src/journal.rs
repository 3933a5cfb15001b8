//! The journal: one record a step, which says what the step took and how far it came.
//!
//! With the topics' own records it is enough to step a shard again exactly: the offsets say which records a step held, the
//! tick is the only time that did not come with them, and what the models answered is written down.
//!
//! A *lineage* is a run of steps of one pipeline, each of which began where the one before ended. It goes on over restarts. A
//! new one begins where the shard goes over to another pipeline, and its state along with it; and where the state has to be
//! rebuilt.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wardwatch_alarms::ModelIdentity;
use wardwatch_event_time::Timestamp;
use wardwatch_inference::Answers;
use wardwatch_pipeline::Pipeline;
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
    /// The run of steps that it belongs to, from 1.
    pub lineage: u64,
    /// Steps of the shard before this one, in all lineages.
    pub sequence: u64,
    /// By topic, the offset after the last record that has been stepped.
    pub offsets: BTreeMap<String, i64>,
    /// The log time that the step was told to advance to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tick: Option<Timestamp>,
    /// The log time after the step; before the first record and tick there is none yet.
    #[serde(default = "no_time", skip_serializing_if = "is_no_time")]
    pub log_time: Timestamp,
    /// What the shard took the log for: with the offsets and the tick it decides what the step took.
    #[serde(default, skip_serializing_if = "LogView::is_unknown")]
    pub log: LogView,
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
    /// The program that stepped; another one may come to another digest.
    pub build: Arc<str>,
    /// What the models answered: computed again elsewhere, their last bits could differ.
    #[serde(default, skip_serializing_if = "Answers::is_empty")]
    pub answers: Answers,
    /// There were too many answers to be written down: whoever takes the step again asks the models.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub answers_left_out: bool,
    /// What begins with this step, when it is the first of a lineage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begins: Option<Box<LineageRecord>>,
    /// An edit of the pipeline is refused, and this version goes on: a technical alarm for whoever looks after it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub edit_refused: bool,
}

/// What a shard takes the log for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogView {
    /// How many shards there are.
    pub shards: i32,
    /// By topic that is read, what the cluster calls it besides its name: another id is another log.
    #[serde(skip_serializing_if = "no_ids")]
    pub topic_ids: Arc<BTreeMap<String, String>>,
    /// Topics whose newest records an open transaction hides.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub held: BTreeSet<String>,
    /// Between when the records of the step came, where a broker's clock says something else.
    #[serde(skip_serializing_if = "Bounds::are_none")]
    pub bounds: Bounds,
}

/// Between when the records of a step came, by the engine's clock: what a broker says that lies outside is its clock's fault.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Bounds {
    /// No record came later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// No record of a topic came earlier: by then the engine had read it to its end.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub since: BTreeMap<String, Timestamp>,
}

/// The begin of a lineage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineageRecord {
    /// Why it begins.
    pub reason: String,
    /// The state of the lineage before went along, under another pipeline; else it was rebuilt, or there was none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub went_along: bool,
    /// SHA-256 of the pipeline's text.
    pub pipeline_hash: Arc<str>,
    /// The pipeline's text, whole.
    pub pipeline_text: Arc<str>,
    /// Its models.
    pub models: Vec<ModelIdentity>,
}

/// How far a shard came, and what it had decided by then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    pub lineage: u64,
    /// Of the next step.
    pub sequence: u64,
    /// By topic ordinal, the offset of the next record.
    pub offsets: BTreeMap<u16, i64>,
    pub digest: Digest,
}

// === impl JournalRecord ===

impl JournalRecord {
    /// The lineage that it begins with the state of the one before.
    pub(crate) fn handover(&self) -> Option<&LineageRecord> {
        self.begins.as_deref().filter(|begins| begins.went_along)
    }

    /// Whether its state was not that of the step before.
    pub(crate) fn is_rebuilt(&self) -> bool {
        self.begins.as_ref().is_some_and(|begins| !begins.went_along)
    }

    /// How far the shard came with it; `inputs` are the topics by ordinal.
    pub(crate) fn position(&self, inputs: &[&str]) -> Position {
        let offset = |topic: &&str| self.offsets.get(*topic).copied();
        let offsets = (0..)
            .zip(inputs)
            .filter_map(|(ordinal, topic)| Some((ordinal, offset(topic)?)));
        Position {
            lineage: self.lineage,
            sequence: self.sequence + 1,
            offsets: offsets.collect(),
            digest: self.digest,
        }
    }
}

// === impl LogView ===

impl LogView {
    fn is_unknown(&self) -> bool {
        *self == Self::default()
    }

    /// The sources that are held up, as a step takes them; `inputs` are the topics by ordinal.
    pub(crate) fn held_sources(&self, inputs: &[&str]) -> Vec<u16> {
        let held = (0..).zip(inputs).filter(|(_, topic)| self.held.contains(**topic));
        held.map(|(ordinal, _)| ordinal).collect()
    }
}

// === impl Bounds ===

impl Bounds {
    fn are_none(&self) -> bool {
        *self == Self::default()
    }
}

// === impl LineageRecord ===

impl LineageRecord {
    /// A lineage of this pipeline begins.
    pub(crate) fn of(pipeline: &Pipeline, reason: String, went_along: bool) -> Self {
        Self {
            reason,
            went_along,
            pipeline_hash: Arc::clone(&pipeline.hash),
            pipeline_text: Arc::clone(&pipeline.text),
            models: pipeline.model_identities(),
        }
    }
}

fn no_ids(ids: &BTreeMap<String, String>) -> bool {
    ids.is_empty()
}

fn no_time() -> Timestamp {
    Timestamp::MIN
}

fn is_no_time(time: &Timestamp) -> bool {
    *time == Timestamp::MIN
}

// === impl Position ===

impl Position {
    /// The next record of a topic, by ordinal.
    pub(crate) fn offset(&self, topic: u16) -> i64 {
        self.offsets.get(&topic).copied().unwrap_or(0)
    }

    /// Whether the same has been decided by then. Offsets follow from that.
    pub(crate) fn is_at(&self, other: &Self) -> bool {
        (self.lineage, self.sequence, self.digest) == (other.lineage, other.sequence, other.digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_before_any_time_reads_back() {
        let text = r#"{"pipeline":"p","pipeline_version":1,"shard":0,"lineage":1,"sequence":0,"offsets":{},
            "at":"2026-01-01T00:00:00Z","patients":0,"counts":{},"digest":"0000000000000000","build":"b"}"#;
        let record: JournalRecord = serde_json::from_str(text).unwrap();
        assert_eq!(record.log_time, Timestamp::MIN);
        let again: JournalRecord = serde_json::from_str(&serde_json::to_string(&record).unwrap()).unwrap();
        assert_eq!(again, record);
    }
}
