//! Pipelines with problems: all are told, each once. What is told of which mistake is in `mistakes`.

use std::path::Path;

use wardwatch_pipeline::{Pipeline, PipelineError};
use wardwatch_yaml::Problem;

const GOOD: &str = "pipeline: test
version: 1
sources:
  - { name: bedside, topic: vitals.bedside, format: observation-json }
features:
  - name: short
    window: 1m
    every: 10s
    sql: SELECT patient_id, avg(heart_rate) AS heart_rate_mean, min(spo2) AS spo2_min FROM vitals GROUP BY patient_id
  - name: long
    window: 5m
    every: 1m
    sql: SELECT patient_id, avg(heart_rate) AS heart_rate_mean_5m FROM vitals GROUP BY patient_id
scores:
  - name: shock
    sql: shock_index(heart_rate_mean, systolic_bp)
  - name: early
    sql: news2(resp_rate, spo2, spo2_scale, on_oxygen, systolic_bp, pulse, consciousness, temperature)
alarms:
  - { name: desaturation, limit: spo2 < 88, for: 15s, at_once: spo2 < 80, clear_when: spo2 >= 90, priority: high }
  - { name: shocked, when: shock >= 1, clear_when: shock < 0.9, for: 1m, priority: medium }
";

fn parse(text: &str) -> Result<Pipeline, PipelineError> {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    Pipeline::parse(text, &models)
}

/// The good pipeline with one text replaced.
fn with(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from:?} is not in the good pipeline");
    GOOD.replacen(from, to, 1)
}

fn problems(text: &str) -> Vec<Problem> {
    match parse(text) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(PipelineError::Invalid(invalid)) => invalid.problems().to_vec(),
        Err(error) => panic!("{error}\n{text}"),
    }
}

#[test]
fn the_good_one_is_good() {
    let pipeline = parse(GOOD).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(pipeline.conditions[0].set, 0);
    assert_eq!(
        pipeline.scores[1].set, 0,
        "a score of vital signs alone is evaluated at the finest set"
    );
}

#[test]
fn one_mistake_is_told_once() {
    // A broken set hides its features; the score that reads them is not to blame.
    let told = problems(&with(
        "avg(heart_rate) AS heart_rate_mean,",
        "avg(hart_rate) AS heart_rate_mean,",
    ));
    assert_eq!(told.len(), 1, "{told:#?}");
    // Nor is the alarm on a broken score.
    let told = problems(&with(
        "shock_index(heart_rate_mean, systolic_bp)",
        "shock_index(heart_rate_maen, systolic_bp)",
    ));
    assert_eq!(told.len(), 1, "{told:#?}");
}

#[test]
fn all_problems_are_told_with_their_lines() {
    let text = with("limit: spo2 < 88", "limit: sp02 < 88").replace("window: 5m", "window: 61s");
    let error = parse(&text).expect_err("two problems");
    let message = error.to_string();
    assert!(message.contains("2 problems"), "{message}");
    assert!(
        message.contains("pipeline:11:13: features[1] \"long\": window"),
        "{message}"
    );
    assert!(
        message.contains("pipeline:20:34: alarms[0] \"desaturation\": limit"),
        "{message}"
    );
}

#[test]
fn without_a_feature_set_nothing_is_evaluated() {
    let text = "pipeline: test
version: 1
sources: [{ name: bedside, topic: vitals.bedside, format: observation-json }]
scores: [{ name: shock, sql: 'shock_index(heart_rate, systolic_bp)' }]
alarms: [{ name: shocked, when: shock > 1, priority: low }]
";
    let told = problems(text);
    assert!(
        told[0].place.starts_with("scores[0]") && told[0].fix.contains("features"),
        "{told:#?}"
    );
    assert!(
        told[1].place.starts_with("alarms[0]") && told[1].fix.contains("limit"),
        "{told:#?}"
    );
    let limits_alone = text
        .lines()
        .take(3)
        .map(|line| format!("{line}\n"))
        .collect::<String>()
        + "alarms: [{ name: fast, limit: heart_rate > 130, priority: low }]\n";
    assert!(parse(&limits_alone).is_ok(), "limits need no feature set");
}

#[test]
fn switches_are_words() {
    let text = with("features:", "time: { grace: off }\nfeatures:").replace("json }", "json, dedupe: off }");
    let pipeline = parse(&text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(pipeline.time.grace, None);
    assert!(!pipeline.sources[0].dedupe);
}

#[test]
fn a_missing_shelf_says_where_it_looked() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("lonely.yaml");
    let text = with(
        "sql: shock_index(heart_rate_mean, systolic_bp)",
        "model: mortality@2",
    );
    std::fs::write(&path, text).expect("the file");
    let message = Pipeline::load(&path, None).expect_err("no models").to_string();
    assert!(
        message.contains("looked for") && message.contains("models"),
        "{message}"
    );
    let missing = folder.path().join("absent.yaml");
    assert!(matches!(
        Pipeline::load(&missing, None),
        Err(PipelineError::Read { .. })
    ));
}

#[test]
fn context_comes_from_the_usual_topic_another_one_or_one_for_each_writer() {
    let writers = |context: &str| {
        let pipeline = parse(&with("features:", &format!("{context}\nfeatures:"))).unwrap();
        let writer = |writer: &wardwatch_pipeline::Writer| (writer.name.clone(), writer.topic.clone());
        pipeline.writers.iter().map(writer).collect::<Vec<_>>()
    };
    let named = |name: &str, topic: &str| (name.to_owned(), Some(topic.to_owned()));
    for usual in ["", "context:", "context: []"] {
        assert_eq!(writers(usual), [("context".to_owned(), None)], "{usual:?}");
    }
    assert_eq!(
        writers("context: hospital.adt"),
        [named("context", "hospital.adt")]
    );
    assert_eq!(writers("context: context"), [named("context", "context")]);
    assert_eq!(
        writers("context: [{ name: adt, topic: context.adt }, { name: charting, topic: context.charting }]"),
        [named("adt", "context.adt"), named("charting", "context.charting")]
    );
    let many: Vec<String> = (0..17)
        .map(|of| format!("{{ name: w{of}, topic: t{of} }}"))
        .collect();
    for (context, code) in [
        ("vitals.bedside", "bad-topic"),
        ("alerts.commands", "bad-topic"),
        ("a b", "bad-topic"),
        ("{ topic: hospital.adt }", "wrong-type"),
        ("[{ name: adt, topic: vitals.bedside }]", "bad-topic"),
        (
            "[{ name: adt, topic: t }, { name: charting, topic: t }]",
            "bad-topic",
        ),
        ("[{ name: adt, topic: t }, { name: adt, topic: u }]", "name-taken"),
        ("[{ name: ADT, topic: t }]", "bad-name"),
        ("[{ name: adt }]", "missing-field"),
        ("[{ name: adt, topic: t, format: json }]", "unknown-field"),
        (&format!("[{}]", many.join(", ")), "too-many"),
    ] {
        let told = problems(&with("features:", &format!("context: {context}\nfeatures:")));
        let codes: Vec<&str> = told.iter().map(|problem| problem.code.as_str()).collect();
        assert_eq!(codes, [code], "{context}");
    }
}
