//! Topics of this run alone, so that runs do not read each other's records.

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use wardwatch_event_time::Timestamp;
use wardwatch_kafka::{
    ClientSettings, EngineConfig, Size, SnapshotStore, TopicNames, apply_plan, plan_topics,
};
use wardwatch_pipeline::Pipeline;

/// How the engine is run.
#[derive(clap::Args)]
pub struct EngineArgs {
    /// Keep snapshots in this folder
    #[arg(long)]
    snapshots: Option<String>,
    /// Without transactions, to measure what they cost
    #[arg(long)]
    without_transactions: bool,
    /// Over how many partitions
    #[arg(long, default_value_t = 1)]
    partitions: i32,
}

/// Creates the topics of a run, and gives the engine's configuration for them.
pub fn engine(brokers: &str, args: &EngineArgs) -> anyhow::Result<EngineConfig> {
    let mut config = named(brokers, &create(brokers, args.partitions)?)?;
    config.exactly_once = !args.without_transactions;
    if let Some(folder) = &args.snapshots {
        config.snapshots = Some(Arc::new(SnapshotStore::create(folder)?));
    }
    Ok(config)
}

/// Creates the topics of a run; returns its name.
pub fn create(brokers: &str, partitions: i32) -> anyhow::Result<String> {
    let run = format!("bench-{}-{}", std::process::id(), now().millis());
    let EngineConfig { pipeline, topics, .. } = named(brokers, &run)?;
    let size = Size {
        partitions,
        replication: 1,
    };
    let plan = plan_topics(brokers, &ClientSettings::new(), &pipeline, &topics, size)?;
    apply_plan(brokers, &ClientSettings::new(), &plan)?;
    Ok(run)
}

/// The engine's configuration for a run.
pub fn named(brokers: &str, run: &str) -> anyhow::Result<EngineConfig> {
    let mut pipeline = wardwatch_benches::pipeline();
    pipeline.sources[0].topic = format!("{run}.vitals");
    let mut config = EngineConfig::new(brokers, run, Arc::new(pipeline));
    config.topics = TopicNames::with_prefix(&format!("{run}."));
    Ok(config)
}

/// So many edits of a run's pipeline, one after the other: a limit, the window, and each back again.
pub fn edited(pipeline: &Pipeline, edits: u32) -> anyhow::Result<Vec<Arc<Pipeline>>> {
    let texts = [
        (
            "bradycardia,  limit: heart_rate < 40",
            "bradycardia,  limit: heart_rate < 38",
        ),
        ("window: 5m", "window: 6m"),
    ];
    let mut text = pipeline.text.to_string();
    let mut all = Vec::new();
    for edit in 0..edits {
        let (here, there) = texts[edit as usize % 2];
        let (from, to) = if text.contains(here) {
            (here, there)
        } else {
            (there, here)
        };
        anyhow::ensure!(text.contains(from), "the pipeline does not say {from}");
        text = text.replace(from, to);
        text = text.replace(
            &format!("\nversion: {}\n", edit + 1),
            &format!("\nversion: {}\n", edit + 2),
        );
        let mut edited = Pipeline::parse(&text, Path::new("models"))?;
        edited.sources[0].topic.clone_from(&pipeline.sources[0].topic);
        all.push(Arc::new(edited));
    }
    Ok(all)
}

/// The wall clock.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
