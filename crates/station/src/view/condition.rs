//! What is wrong with the system itself, for the technical lane.

use serde::Serialize;
use wardwatch_alarms::SystemCondition;

/// One line of the technical lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConditionView {
    /// Its code.
    pub code: String,
    /// Where it is.
    pub place: String,
    /// What is wrong.
    pub text: String,
    /// How it is fixed.
    pub remedy: String,
    /// Data that should be seen are not.
    pub blocks: bool,
    /// Since when, by the clock of whoever noticed it.
    pub since: i64,
}

// === impl ConditionView ===

impl ConditionView {
    /// How a condition reads in the lane.
    pub fn of(condition: &SystemCondition) -> Self {
        Self {
            code: condition.kind.clone(),
            place: condition.place.clone(),
            text: condition.text.clone(),
            remedy: condition.remedy.clone(),
            blocks: condition.blocks_readiness,
            since: condition.since.millis(),
        }
    }
}
