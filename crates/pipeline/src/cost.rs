//! What a pipeline costs to run, before it runs.

use serde::Serialize;

use crate::Pipeline;

/// What a feature set costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SetCost {
    /// The set's name.
    pub name: String,
    /// Bytes of state a patient, at most where a device measures every pane.
    pub state_bytes_per_patient: usize,
    /// Windows evaluated a second, for a patient who is measured every pane.
    pub windows_per_second_per_patient: f64,
    /// Aggregates that share the fast state of their vital sign.
    pub fused_aggregates: usize,
    /// All aggregates.
    pub aggregates: usize,
}

// === impl Pipeline ===

impl Pipeline {
    /// What each feature set costs: the rest of a patient's state is small beside their panes.
    pub fn cost(&self) -> Vec<SetCost> {
        let cost = |set: &crate::FeatureSet| {
            let (fused_aggregates, aggregates) = set.plan.fused_of();
            SetCost {
                name: set.name.clone(),
                state_bytes_per_patient: set.plan.state_bytes(),
                windows_per_second_per_patient: 1.0 / set.plan.trailing().grid().every().secs_f64(),
                fused_aggregates,
                aggregates,
            }
        };
        self.sets.iter().map(cost).collect()
    }
}
