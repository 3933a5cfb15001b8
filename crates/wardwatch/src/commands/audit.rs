//! `wardwatch audit`: an alert derived again, with all that led to it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;
use wardwatch_kafka::{EngineConfig, Explanation, SnapshotStore, explain};

use super::cluster::Cluster;
use super::models::ModelsFolder;
use super::output::{Output, print, print_json};

/// Arguments of `wardwatch audit`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Find an alert's step in the journal, derive the alert again, and show what led to it: patient data
    Explain(Explain),
}

#[derive(clap::Args)]
struct Explain {
    /// The pipeline's file; where another version decided, its text is taken from the journal
    pipeline: PathBuf,
    /// The alert's id
    alert: String,
    #[command(flatten)]
    models: ModelsFolder,
    #[command(flatten)]
    cluster: Cluster,
    /// Where snapshots are kept: a folder, or s3://BUCKET/FOLDER
    #[arg(long, value_name = "FOLDER", env = "WARDWATCH_SNAPSHOTS")]
    snapshots: Option<String>,
    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs the command. Exit code 1 when the alert that is derived differs.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Action::Explain(args) = args.action;
    let pipeline = Arc::new(args.models.load(&args.pipeline)?);
    let group = args.cluster.group(&pipeline);
    let mut config = EngineConfig::new(&args.cluster.brokers, group, pipeline);
    config.topics = args.cluster.topics();
    config.settings = args.cluster.settings()?;
    if let Some(place) = &args.snapshots {
        config.snapshots = Some(Arc::new(SnapshotStore::open(place)?));
    }
    let (models, path) = (args.models, args.pipeline);
    config.load = Some(Arc::new(move |text| models.load_text(&path, text)));
    let explanation = explain(&config, &args.alert)?;
    match args.output {
        Output::Json => print_json(&explanation)?,
        Output::Text => print(&told(&explanation))?,
    }
    Ok(ExitCode::from(u8::from(!explanation.identical)))
}

fn told(explanation: &Explanation) -> String {
    let alert = &explanation.alert;
    let mut text = format!(
        "{} {} {}: {}\n\nDecided by step {} of shard {} (lineage {}, journal offset {}).\nDerived again from {}, {} steps: {}.\n",
        alert.alarm,
        alert.phase.name(),
        alert.stages.due_at,
        alert.text,
        explanation.sequence,
        explanation.shard,
        explanation.lineage,
        explanation.journal_offset,
        explanation.begun_with,
        explanation.steps,
        if explanation.identical {
            "identical"
        } else {
            "NOT identical"
        },
    );
    match explanation.digests_agree {
        Some(true) => text.push_str("Every step came to the digest of the journal.\n"),
        Some(false) => text.push_str("Some step came to another digest than the journal's.\n"),
        None => text.push_str(
            "No snapshot from before it is left, so last digits, and alarms that began earlier, may differ.\n",
        ),
    }
    if !alert.contributors.is_empty() {
        text.push_str("\nInputs:\n");
    }
    for one in &alert.contributors {
        let input = &one.input;
        let value = input
            .value
            .map_or_else(|| "missing".to_owned(), |value| value.to_string());
        let age = input
            .age_seconds
            .map(|age| format!(", {age} s old"))
            .unwrap_or_default();
        let points = one
            .points
            .map(|points| format!(", {points} points"))
            .unwrap_or_default();
        text.push_str(&format!("  {} {value} {}{age}{points}\n", input.name, input.unit));
    }
    text.push_str(&format!(
        "\n{} windows of the patient since {}; the newest of each set:\n",
        explanation.windows.len(),
        explanation.since
    ));
    let newest: std::collections::BTreeMap<_, _> = explanation
        .windows
        .iter()
        .map(|window| (&window.set, window))
        .collect();
    for (set, window) in newest {
        text.push_str(&format!("  {set} {} revision {}\n", window.end, window.revision));
        for (name, value) in &window.features {
            let value = value.map_or_else(|| "missing".to_owned(), |value| value.to_string());
            text.push_str(&format!("    {name} {value}\n"));
        }
    }
    text.push_str(&format!(
        "\n{} messages of the patient since {}:\n",
        explanation.rows.len(),
        explanation.since
    ));
    for row in &explanation.rows {
        text.push_str(&format!(
            "  {}:{} {} {}\n",
            row.topic, row.offset, row.append_time, row.payload
        ));
    }
    text
}
