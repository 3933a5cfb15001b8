//! How a pipeline's windows are computed: DataFusion's plan, what is kept of it, and what it costs.

use wardwatch_pipeline::{FeatureSet, Pipeline};
use wardwatch_windowing::{PlanError, SetPlan};

/// The plan of every feature set.
///
/// # Errors
/// [`PlanError`]: a defect, since the pipeline has been planned before.
pub fn plans(pipeline: &Pipeline) -> Result<String, PlanError> {
    let mut text = String::new();
    for (set, cost) in pipeline.sets.iter().zip(pipeline.cost()) {
        text.push_str(&of_set(set)?);
        text.push_str(&format!(
            "  cost     {} B of state a patient at most, {:.4} windows a second and patient; {} of {} aggregates are fused\n\n",
            cost.state_bytes_per_patient,
            cost.windows_per_second_per_patient,
            cost.fused_aggregates,
            cost.aggregates
        ));
    }
    Ok(text)
}

fn of_set(set: &FeatureSet) -> Result<String, PlanError> {
    let trailing = set.plan.trailing();
    let mut text = format!("{}\n", set.name);
    for line in SetPlan::datafusion_plan(&set.sql.text)?.lines() {
        text.push_str(&format!("  DataFusion  {line}\n"));
    }
    let of = |fused: bool| -> Vec<&str> {
        let aggregates = set.plan.aggregates();
        aggregates
            .filter(|(_, is_fused)| *is_fused == fused)
            .map(|(name, _)| name)
            .collect()
    };
    let (fused, generic) = (of(true), of(false));
    let every = trailing.grid().every();
    text.push_str(&format!("  a pane of {every}  "));
    if !fused.is_empty() {
        text.push_str(&format!(
            "one fused state a vital sign, updated row by row: {}",
            fused.join(", ")
        ));
    }
    if !generic.is_empty() {
        let and = if fused.is_empty() { "" } else { "\n              " };
        text.push_str(&format!(
            "{and}DataFusion's accumulators, partial: {}",
            generic.join(", ")
        ));
    }
    let merged = match trailing.tier() {
        1 => format!("{} panes", trailing.panes()),
        tier => format!(
            "{} panes, of which aligned runs of {tier} are merged once and kept",
            trailing.panes()
        ),
    };
    text.push_str(&format!(
        "\n  a window    the merge of {merged}; then the projection, once\n"
    ));
    Ok(text)
}
