//! What is wrong with the system itself and not with a patient, as a record for whoever shows it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wardwatch_event_time::Timestamp;

use crate::schema;

/// The current state of one condition of the system. Topic `conditions.system` (compacted), key: `writer|kind|place`. No shard
/// reads it, and it never holds patient data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SystemCondition {
    /// Who noticed it: `engine/GROUP`, the same whichever engine of the group it is.
    pub writer: String,
    /// Its code, such as `open_transaction`.
    pub kind: String,
    /// Where: `TOPIC/PARTITION`, a topic, or what else it is about.
    pub place: String,
    /// Whether it is so now.
    pub active: bool,
    /// Whether the writer is not ready while it is active.
    pub blocks_readiness: bool,
    /// Since when, by the writer's clock.
    #[schemars(schema_with = "schema::instant")]
    pub since: Timestamp,
    /// When it began or ended, by the writer's clock.
    #[schemars(schema_with = "schema::instant")]
    pub changed_at: Timestamp,
    /// What is wrong, in words for a screen.
    pub text: String,
    /// How to fix it.
    pub remedy: String,
}

// === impl SystemCondition ===

impl SystemCondition {
    /// The record's key.
    pub fn key(&self) -> String {
        format!("{}|{}|{}", self.writer, self.kind, self.place)
    }
}
