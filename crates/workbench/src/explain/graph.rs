//! What reads what, as a Mermaid flowchart.

use std::collections::BTreeSet;

use wardwatch_pipeline::{From, Input, Pipeline, ScoreKind};

/// The graph of a pipeline: sources, feature sets, scores, alarms.
pub fn mermaid(pipeline: &Pipeline) -> String {
    let mut lines = vec!["flowchart LR".to_owned()];
    let mut edges = BTreeSet::new();
    for (index, source) in pipeline.sources.iter().enumerate() {
        let charted = if source.charted { ", charted by people" } else { "" };
        lines.push(format!("  source{index}[/\"{}{charted}\"/]", source.name));
        edges.extend((0..pipeline.sets.len()).map(|set| format!("source{index} --> set{set}")));
        if !source.trend_only {
            edges.extend((0..pipeline.limits.len()).map(|limit| format!("source{index} --> limit{limit}")));
        }
    }
    for (index, set) in pipeline.sets.iter().enumerate() {
        let every = set.plan.trailing().grid().every();
        lines.push(format!("  set{index}[\"{} every {every}\"]", set.name));
    }
    for (index, score) in pipeline.scores.iter().enumerate() {
        lines.push(format!("  score{index}([\"{}\"])", score.name));
        edges.extend(read(&score.inputs).map(|from| format!("{from} --> score{index}")));
        // A score of vital signs alone is evaluated when this set closes a window.
        edges.insert(format!("set{} --> score{index}", score.set));
        if let ScoreKind::Model {
            fallback: Some(fallback),
            ..
        } = score.kind
        {
            edges.insert(format!("score{fallback} -. stands in .-> score{index}"));
        }
    }
    for (index, limit) in pipeline.limits.iter().enumerate() {
        lines.push(format!("  limit{index}{{{{\"{}\"}}}}", limit.name));
    }
    for (index, alarm) in pipeline.conditions.iter().enumerate() {
        lines.push(format!("  condition{index}{{{{\"{}\"}}}}", alarm.name));
        let clear = alarm.clear_when.iter().flat_map(|clear| read(&clear.inputs));
        edges.extend(
            read(&alarm.when.inputs)
                .chain(clear)
                .map(|from| format!("{from} --> condition{index}")),
        );
    }
    lines.extend(edges.into_iter().map(|edge| format!("  {edge}")));
    lines.join("\n") + "\n"
}

fn read(inputs: &[Input]) -> impl Iterator<Item = String> {
    inputs.iter().filter_map(|input| match input.from {
        From::Feature { set, .. } => Some(format!("set{set}")),
        From::Score { score, .. } => Some(format!("score{score}")),
        From::Vital(_) | From::OnOxygen | From::Context(_) => None,
    })
}
