//! The pipelines that are shipped load, with the shipped models.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array};
use arrow::datatypes::Int64Type;
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Span;
use wardwatch_pipeline::{ContextField, From, Part, Pipeline, ScoreKind};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn load(name: &str) -> Pipeline {
    let path = root().join("pipelines").join(name);
    Pipeline::load(&path, None).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_shipped_pipeline_loads() {
    let entries = std::fs::read_dir(root().join("pipelines")).expect("the folder of pipelines");
    let names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("a plain name")
        })
        .filter(|name| !name.ends_with(".test.yaml"))
        .collect();
    assert!(names.len() >= 3, "{names:?}");
    for name in names {
        let pipeline = load(&name);
        assert_eq!(
            format!("{}.yaml", pipeline.name),
            name,
            "a pipeline's file is called after it"
        );
        assert_eq!(pipeline.hash.len(), 64);
    }
}

#[test]
fn adult_ward_is_as_written() {
    let pipeline = load("adult-ward.yaml");
    assert_eq!(pipeline.version, 1);
    assert_eq!(pipeline.limits.len(), 5);
    let desaturation = &pipeline.limits[0];
    assert_eq!(desaturation.limit.to_string(), "spo2 < 88");
    assert_eq!(desaturation.rules.hold_for, Span::from_secs(15));
    assert_eq!(
        desaturation.rules.max_age,
        pipeline.max_age[VitalSign::Spo2.index()]
    );
    assert!(pipeline.limits.iter().all(|limit| limit.clear.is_some()));

    let urgent = &pipeline.conditions[0];
    assert_eq!(urgent.text, "news2_lowest >= 5");
    assert_eq!((urgent.set, urgent.scores.as_slice()), (0, [0].as_slice()));
    assert_eq!(
        urgent.when.inputs[0].from,
        From::Score {
            score: 0,
            part: Part::Lowest
        }
    );
    assert_eq!(
        urgent.clear_when.as_ref().expect("clear_when").inputs[0].from,
        From::Score {
            score: 0,
            part: Part::Highest
        }
    );
    assert_eq!(urgent.rules.max_age, pipeline.time.forget_after);
    assert!(pipeline.sets[0].plan.fused_of().0 > 0);
}

#[test]
fn models_are_bound_in_the_order_of_their_contracts() {
    let pipeline = load("icu-deterioration.yaml");
    assert_eq!(pipeline.models.len(), 2);
    let mortality = pipeline
        .scores
        .iter()
        .find(|score| &*score.name == "mortality")
        .expect("the score");
    let ScoreKind::Model { model, fallback } = mortality.kind else {
        panic!("mortality is a model")
    };
    assert_eq!(fallback.map(|score| &*pipeline.scores[score].name), Some("news2"));
    let contract = pipeline.models[model].contract();
    assert!(
        contract
            .inputs
            .iter()
            .map(|input| &input.name)
            .eq(mortality.inputs.iter().map(|input| &input.name))
    );
    for input in &mortality.inputs {
        if let From::Feature { set, column } = input.from {
            assert_eq!(
                pipeline.sets[set].plan.features().field(column).name(),
                &input.name
            );
        }
    }
    // Three sets of the same slide: the last closes last.
    assert_eq!(mortality.set, 2);
}

#[test]
fn the_schema_knows_every_section() {
    let schema = Pipeline::json_schema();
    let sections = schema["properties"].as_object().expect("an object");
    for section in [
        "pipeline",
        "version",
        "description",
        "sources",
        "time",
        "max_age",
        "features",
        "scores",
        "alarms",
        "technical",
    ] {
        assert!(sections.contains_key(section), "{section}");
    }
    assert_eq!(schema["additionalProperties"], false);
}

/// The vector of clinical scores: RR 24, SpO2 93 on oxygen, T 38.1, SBP 100, HR 111, alert: 11.
#[test]
fn every_news2_scores_the_known_vector() {
    for name in ["adult-ward.yaml", "icu-charting.yaml", "icu-deterioration.yaml"] {
        assert_eq!(news2(name, Some(15.0)), (Some(11), 11, 11), "{name}");
        assert_eq!(news2(name, Some(14.0)), (Some(14), 14, 14), "{name}");
        assert_eq!(
            news2(name, None),
            (None, 11, 14),
            "{name}: what is missing stays missing"
        );
    }
}

/// Total, lowest and highest of a pipeline's NEWS2, by heart rate, cuff and GCS.
fn news2(pipeline: &str, gcs: Option<f64>) -> (Option<i64>, i64, i64) {
    let pipeline = load(pipeline);
    let score = pipeline
        .scores
        .iter()
        .find(|score| &*score.name == "news2")
        .expect("the score");
    let ScoreKind::Sql { expression, .. } = &score.kind else {
        panic!("news2 is SQL")
    };
    let columns = score.inputs.iter().map(|input| -> ArrayRef {
        match input.from {
            From::OnOxygen => return Arc::new(BooleanArray::from(vec![true])),
            From::Context(ContextField::Pregnant) => return Arc::new(BooleanArray::from(vec![false])),
            _ => {}
        }
        Arc::new(Float64Array::from(vec![match input.name.as_str() {
            "resp_rate" => Some(24.0),
            "spo2" => Some(93.0),
            "temperature" => Some(38.1),
            "systolic_bp" => Some(100.0),
            "heart_rate" => Some(111.0),
            "gcs_total" => gcs,
            _ => None,
        }]))
    });
    let (result, _) = expression.evaluate(columns.collect(), 1).expect("a score");
    let part = |at: usize| {
        let column = result.as_struct().column(at).as_primitive::<Int64Type>();
        column.is_valid(0).then(|| column.value(0))
    };
    (
        part(0),
        part(1).expect("the lowest"),
        part(2).expect("the highest"),
    )
}
