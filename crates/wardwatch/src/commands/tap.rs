//! `wardwatch tap`: live records of any stage of a running engine.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use clap::ValueEnum;
use serde_json::{Map, Value, json};
use wardwatch_kafka::{TapFrom, Tapped, TopicNames, tap};
use wardwatch_pipeline::Pipeline;

use super::cluster::Cluster;
use super::models::ModelsFolder;
use super::output::print;

/// Arguments of `wardwatch tap`.
#[derive(clap::Args)]
#[command(
    after_help = "Prints patient data, a JSON object a line. It reads with the user's own permissions of Kafka: `topics plan` \
                        prints those of an operator."
)]
pub struct Args {
    /// The pipeline
    pipeline: PathBuf,
    /// What to look at
    #[arg(value_enum)]
    stage: Stage,
    #[command(flatten)]
    models: ModelsFolder,
    #[command(flatten)]
    cluster: Cluster,
    /// Only records of this patient
    #[arg(long, value_name = "ID")]
    patient: Option<String>,
    /// Only records of this alarm (alerts, alarms, commands)
    #[arg(long, value_name = "NAME")]
    alarm: Option<String>,
    /// Begin with the first record that is there, not with what comes from now on
    #[arg(long)]
    from_start: bool,
    /// End after so many records
    #[arg(long, value_name = "N")]
    most: Option<u64>,
}

/// A stage on the way from a device to a screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Stage {
    /// What devices send: every source of the pipeline
    Sources,
    /// Who the patients are
    Context,
    /// Who accepts what
    Commands,
    /// Scores, window by window
    Scores,
    /// The state of alarms, change by change
    Alarms,
    /// What clinicians are told
    Alerts,
    /// What was not taken
    Quarantine,
    /// Each step of a shard
    Journal,
}

/// Runs the command.
pub fn run(args: Args) -> anyhow::Result<()> {
    let pipeline = args.models.load(&args.pipeline)?;
    if let Some(alarm) = &args.alarm {
        anyhow::ensure!(
            pipeline.has_alarm(alarm),
            "the pipeline has no alarm {alarm}; it has {}",
            pipeline.alarm_names().join(", ")
        );
    }
    anyhow::ensure!(
        args.alarm.is_none() || args.stage.tells_of_alarms(),
        "--alarm: records of this stage are of no alarm; alerts, alarms and commands are"
    );
    let stop = Arc::new(AtomicBool::new(false));
    end_with_signals(&stop)?;
    let topics = args.stage.topics(&pipeline, &args.cluster.topics());
    let from = if args.from_start {
        TapFrom::Start
    } else {
        TapFrom::Now
    };
    let mut left = args.most.unwrap_or(u64::MAX);
    let mut failed = None;
    tap(
        &args.cluster.brokers,
        &args.cluster.settings()?,
        &topics,
        from,
        |tapped| {
            if let Some(tapped) = tapped {
                let record = shown(&tapped);
                if args.is_wanted(&tapped, &record) {
                    failed = print(&(record.to_string() + "\n")).err();
                    left -= 1;
                }
            }
            match left == 0 || failed.is_some() || stop.load(Ordering::Acquire) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        },
    )?;
    failed.map_or(Ok(()), Err)
}

/// A record for a person: its place, and what it says as JSON where it is JSON.
fn shown(tapped: &Tapped) -> Value {
    let text = String::from_utf8_lossy(&tapped.payload);
    let record = serde_json::from_slice(&tapped.payload).unwrap_or_else(|_| json!(text));
    let mut shown = json!({
        "topic": tapped.topic, "partition": tapped.partition, "offset": tapped.offset, "at": tapped.at.to_string(),
        "key": tapped.key.as_deref().map(String::from_utf8_lossy),
    });
    if !tapped.headers.is_empty() {
        let headers = tapped
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)));
        shown["headers"] = Value::Object(headers.collect::<Map<String, Value>>());
    }
    shown["record"] = record;
    shown
}

/// Ctrl-C and SIGTERM end the tap in order.
fn end_with_signals(stop: &Arc<AtomicBool>) -> anyhow::Result<()> {
    let stop = Arc::clone(stop);
    let wait = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        if let Ok(runtime) = runtime
            && runtime.block_on(super::engine::told_to_stop(&[])).is_ok()
        {
            stop.store(true, Ordering::Release);
        }
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(wait)
        .map(drop)
        .context("starting a thread for signals")
}

// === impl Args ===

impl Args {
    fn is_wanted(&self, tapped: &Tapped, shown: &Value) -> bool {
        let record = &shown["record"];
        let is_of_patient = |patient: &String| match &record["patient_id"] {
            Value::String(of) => of == patient,
            // What is no record of ours is known by its key.
            _ => tapped.key.as_deref() == Some(patient.as_bytes()),
        };
        self.patient.as_ref().is_none_or(is_of_patient)
            && self
                .alarm
                .as_ref()
                .is_none_or(|alarm| record["alarm"] == json!(alarm))
    }
}

// === impl Stage ===

impl Stage {
    fn tells_of_alarms(self) -> bool {
        matches!(self, Self::Alerts | Self::Alarms | Self::Commands)
    }

    fn topics(self, pipeline: &Pipeline, names: &TopicNames) -> Vec<String> {
        let one = |name: &String| vec![name.clone()];
        match self {
            Self::Sources => pipeline
                .sources
                .iter()
                .map(|source| source.topic.clone())
                .collect(),
            Self::Context => names.contexts(pipeline).map(str::to_owned).collect(),
            Self::Commands => one(&names.commands),
            Self::Scores => one(&names.scores),
            Self::Alarms => one(&names.alarms),
            Self::Alerts => one(&names.alerts),
            Self::Quarantine => one(&names.quarantine),
            Self::Journal => one(&names.journal),
        }
    }
}
