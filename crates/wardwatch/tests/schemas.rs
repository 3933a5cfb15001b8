//! `schemas/` against the types: the files are what the types say, and what a shard writes is what the files say.
//!
//! After a change of a type: `WARDWATCH_BLESS=1 cargo test --workspace --test schemas`, and look at the difference.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::{JsonSchema, schema_for};
use serde::Serialize;
use serde_json::{Value, json};
use wardwatch_alarms::{Alarm, Alert, ScoreRecord, SystemCondition};
use wardwatch_event_time::Timestamp;
use wardwatch_inference::Models;
use wardwatch_ingest::{Arrival, Record, decode_context, decode_observations};
use wardwatch_pipeline::Pipeline;
use wardwatch_shard::{Batch, ContextInput, Outputs, Shard, Wants};
use wardwatch_simulate::{Message, Topic, Ward};

#[test]
fn the_files_are_what_the_types_say() {
    for (name, schema) in [
        ("alert", schema::<Alert>("alert")),
        ("alarm", schema::<Alarm>("alarm")),
        ("score", schema::<ScoreRecord>("score")),
        ("condition", schema::<SystemCondition>("condition")),
        ("pipeline", named(Pipeline::json_schema(), "pipeline")),
    ] {
        let path = path(name);
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if std::env::var_os("WARDWATCH_BLESS").is_some() {
            std::fs::write(&path, text).unwrap();
        } else {
            let found = std::fs::read_to_string(&path).unwrap();
            assert!(
                found == text,
                "{} is not what its type says; see the head of this file",
                path.display()
            );
        }
    }
}

#[test]
fn what_a_shard_writes_is_what_the_files_say() {
    let outputs = seven_minutes();
    assert!(outputs.alerts.iter().any(|alert| alert.reason.is_some()));
    assert!(
        outputs
            .scores
            .iter()
            .flat_map(|record| &record.scores)
            .any(|score| score.value.is_none())
    );
    validate("alert", &outputs.alerts);
    validate("alarm", &outputs.alarms);
    validate("score", &outputs.scores);
}

#[test]
fn shipped_pipelines_are_what_the_file_says() {
    let validator = jsonschema::validator_for(&read("pipeline")).unwrap();
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines")).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().ends_with(".test.yaml") {
            continue;
        }
        let pipeline: Value = serde_saphyr::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&pipeline)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{}: {errors:?}", path.display());
    }
}

fn path(name: &str) -> PathBuf {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas");
    schemas.join(format!("{name}.schema.json"))
}

fn read(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path(name)).unwrap()).unwrap()
}

fn schema<T: JsonSchema>(name: &str) -> Value {
    named(schema_for!(T).to_value(), name)
}

fn named(mut schema: Value, name: &str) -> Value {
    schema["$id"] = json!(format!("urn:wardwatch:schema:{name}"));
    schema
}

fn validate(name: &str, records: &[impl Serialize]) {
    let validator = jsonschema::validator_for(&read(name)).unwrap();
    assert!(!records.is_empty(), "no {name} to look at");
    for record in records {
        let record = serde_json::to_value(record).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&record)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{errors:?}: {record}");
        // Nothing is written that the file does not name.
        for field in record.as_object().unwrap().keys() {
            assert!(read(name)["properties"].get(field).is_some(), "{name}.{field}");
        }
    }
}

/// The simulated ward through the shipped pipeline.
fn seven_minutes() -> Outputs {
    let pipeline = include_str!("../../../pipelines/adult-ward.yaml");
    let pipeline = Arc::new(Pipeline::parse(pipeline, Path::new("models")).unwrap());
    let mut shard = Shard::new(pipeline, Wants::default());
    let mut ward = Ward::new(1, Timestamp::from_millis(1_772_323_200_000), 24);
    let mut outputs = Outputs::default();
    for _ in 0..420 {
        let messages = ward.next_second();
        let (context, vitals): (Vec<&Message>, Vec<&Message>) = messages
            .iter()
            .partition(|message| message.topic == Topic::Context);
        let decoded = decode_observations(vitals.into_iter().map(record), Arrival::Broker);
        let context = context.into_iter().map(|message| ContextInput {
            append_time: message.arrives,
            writer: 0,
            record: decode_context(&record(message)).unwrap(),
        });
        let batch = Batch {
            observations: decoded.observations,
            context: context.collect(),
            ..Batch::default()
        };
        shard
            .step(&batch, None, &mut Models::default(), &mut outputs)
            .unwrap();
    }
    outputs
}

fn record(message: &Message) -> Record<'_> {
    Record {
        payload: &message.payload,
        key: Some(message.key.as_bytes()),
        append_time: message.arrives,
        topic: 0,
        partition: 0,
        offset: 0,
    }
}
