//! `wardwatch record`: what devices have sent, and who the patients were, copied from Kafka into a file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::Context;
use serde_json::json;
use serde_json::value::RawValue;
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_kafka::{EngineClock, SystemClock, TapFrom, Tapped, TopicNames, tap};
use wardwatch_pipeline::Pipeline;

use super::cluster::Cluster;
use super::models::ModelsFolder;
use super::output::grouped;

/// Arguments of `wardwatch record`.
#[derive(clap::Args)]
#[command(
    after_help = "The file is NDJSON for `replay`, `backtest` and `test`: patient data. When the broker took a record stands in \
                  it as arrived_at, so alerts until the last record are those of the engine, id by id. It reads with the user's own permissions of \
                  Kafka: `topics plan` prints those of an operator."
)]
pub struct Args {
    /// The pipeline whose sources are copied
    pipeline: PathBuf,
    /// Where to: a file that ends in .ndjson
    file: PathBuf,
    #[command(flatten)]
    models: ModelsFolder,
    #[command(flatten)]
    cluster: Cluster,
    /// Only what the brokers took within so long [default: everything that is there]
    #[arg(long, value_name = "LENGTH", value_parser = Span::parse)]
    within: Option<Span>,
}

/// What becomes of a record.
enum Line {
    /// It is copied.
    Copied(String),
    /// No JSON, or another patient's key: an engine does not take it either.
    LeftOut,
}

/// Runs the command.
pub fn run(args: Args) -> anyhow::Result<()> {
    let is_ndjson = args.file.extension().is_some_and(|ending| ending == "ndjson");
    anyhow::ensure!(
        is_ndjson,
        "{}: the name does not end in .ndjson, by which other commands know what it is; name it so",
        args.file.display()
    );
    let pipeline = args.models.load(&args.pipeline)?;
    let names = args.cluster.topics();
    let mut topics: Vec<String> = pipeline
        .sources
        .iter()
        .map(|source| source.topic.clone())
        .collect();
    topics.extend(names.contexts(&pipeline).map(str::to_owned));
    let since = args
        .within
        .map_or(Timestamp::MIN, |within| SystemClock.now() - within);
    let writing = || format!("writing {}", args.file.display());
    // A recording may be all that is left of a day that the topics no longer hold.
    let file = File::create_new(&args.file)
        .with_context(|| format!("{}: name a file that is not there yet", writing()))?;
    let mut file = BufWriter::new(file);
    let (mut copied, mut left_out, mut failed) = (0, 0, None);
    tap(
        &args.cluster.brokers,
        &args.cluster.settings()?,
        &topics,
        TapFrom::All,
        |tapped| {
            let Some(tapped) = tapped.filter(|tapped| tapped.at >= since) else {
                return ControlFlow::Continue(());
            };
            match line(&tapped, &pipeline, &names) {
                Line::LeftOut => left_out += 1,
                Line::Copied(line) => {
                    copied += 1;
                    failed = writeln!(file, "{line}").err();
                }
            }
            match failed {
                Some(_) => ControlFlow::Break(()),
                None => ControlFlow::Continue(()),
            }
        },
    )?;
    failed.map_or_else(|| file.flush(), Err).with_context(writing)?;
    eprintln!("{} records copied", grouped(copied));
    if left_out > 0 {
        eprintln!(
            "{} left out: no JSON objects, or under another patient's key; an engine does not take them either",
            grouped(left_out)
        );
    }
    Ok(())
}

fn line(tapped: &Tapped, pipeline: &Pipeline, names: &TopicNames) -> Line {
    let arrived_at = tapped.at.to_string();
    let key = tapped.key.as_deref().map(String::from_utf8_lossy);
    if tapped.payload.is_empty() {
        // A tombstone of a context.
        let writer = writer(tapped, pipeline, names);
        let withdrawal = json!({
            "patient_id": key, "ts": arrived_at, "event": "withdraw", "writer": writer, "arrived_at": arrived_at,
        });
        return Line::Copied(withdrawal.to_string());
    }
    // As they are written: a number must not change by being read.
    let Ok(mut fields) = serde_json::from_slice::<BTreeMap<String, Box<RawValue>>>(&tapped.payload) else {
        return Line::LeftOut;
    };
    let patient = fields.get("patient_id").map(|patient| patient.get());
    let patient: Option<String> = patient.and_then(|patient| serde_json::from_str(patient).ok());
    if key.zip(patient).is_some_and(|(key, patient)| key != patient) {
        return Line::LeftOut;
    }
    let mut set = |name: &str, value: &str| {
        let raw = serde_json::value::to_raw_value(value).expect("a text is JSON");
        fields.insert(name.to_owned(), raw);
    };
    set("arrived_at", &arrived_at);
    let mut sources = pipeline.sources.iter();
    if let Some(source) = sources.find(|source| source.topic == tapped.topic)
        && pipeline.sources.len() > 1
    {
        set("source", &source.name);
    }
    if let Some(writer) = writer(tapped, pipeline, names) {
        set("writer", writer);
    }
    let line = serde_json::to_string(&fields).expect("JSON stays JSON");
    // Line ends may stand between fields, and nowhere else.
    Line::Copied(line.replace(['\n', '\r'], " "))
}

/// Whose statement a record of context is, where there are several writers.
fn writer<'p>(tapped: &Tapped, pipeline: &'p Pipeline, names: &TopicNames) -> Option<&'p str> {
    let mut contexts = names.contexts(pipeline).zip(&pipeline.writers);
    let found = contexts.find(|(topic, _)| *topic == tapped.topic);
    let found = found.filter(|_| pipeline.writers.len() > 1);
    found.map(|(_, writer)| writer.name.as_str())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn told(key: &str, payload: &str) -> Option<String> {
        let text = std::fs::read_to_string("../../pipelines/adult-ward.yaml").unwrap();
        let pipeline = Pipeline::parse(&text, Path::new("../../models")).unwrap();
        let tapped = Tapped {
            topic: pipeline.sources[0].topic.clone(),
            partition: 0,
            offset: 7,
            at: Timestamp::from_millis(1_767_225_600_123),
            key: Some(key.into()),
            payload: payload.into(),
            headers: Vec::new(),
        };
        match line(&tapped, &pipeline, &TopicNames::default()) {
            Line::Copied(line) => Some(line),
            Line::LeftOut => None,
        }
    }

    #[test]
    fn numbers_stay_as_they_are_and_arrival_is_the_brokers() {
        let copied = told(
            "p",
            "{\"patient_id\":\"p\",\n\"value\":36.60000000000000001,\"arrived_at\":\"1999\"}",
        );
        assert_eq!(
            copied.unwrap(),
            r#"{"arrived_at":"2026-01-01T00:00:00.123Z","patient_id":"p","value":36.60000000000000001}"#
        );
    }

    #[test]
    fn what_an_engine_does_not_take_is_left_out() {
        assert_eq!(told("p", "[1]"), None);
        assert_eq!(told("q", r#"{"patient_id":"p"}"#), None);
        assert!(told("p", "").unwrap().contains("withdraw"));
    }
}
