//! Broken pipelines: each is refused at the right place, for the right cause, with the right fix.

use std::path::Path;

use wardwatch_pipeline::{Pipeline, PipelineError, Problem};

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
        Err(PipelineError::Invalid { problems, .. }) => problems,
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

/// What is replaced by what; then part of the place, the cause and the fix.
const BROKEN: &[(&str, &str, &str, &str, &str)] = &[
    (
        "pipeline: test",
        "pipeline: Test 1",
        "pipeline",
        "not a name",
        "lower-case",
    ),
    ("version: 1", "version: 0", "version", "begin at 1", "version: 1"),
    (
        "topic: vitals.bedside",
        "topic: alerts",
        "sources[0] \"bedside\": topic",
        "own topics",
        "devices write to",
    ),
    (
        "topic: vitals.bedside",
        "topic: vitals bedside",
        "sources[0] \"bedside\": topic",
        "Kafka",
        "letters",
    ),
    (
        "json }",
        "json, silent_after: 48h }",
        "sources[0] \"bedside\": silent_after",
        "2d",
        "shorter than forget_after",
    ),
    (
        "features:",
        "max_age: { sp02: 5m }\nfeatures:",
        "max_age: sp02",
        "not a vital sign",
        "`spo2`",
    ),
    (
        "features:",
        "max_age: { spo2: 0s }\nfeatures:",
        "max_age: spo2",
        "fresh",
        "5m",
    ),
    (
        "window: 1m",
        "window: 65s",
        "features[0] \"short\": window",
        "not a multiple",
        "times every",
    ),
    (
        "every: 10s",
        "every: 0s",
        "features[0] \"short\": every",
        "not longer than zero",
        "10s",
    ),
    (
        "avg(heart_rate) AS heart_rate_mean,",
        "avg(hart_rate) AS heart_rate_mean,",
        "features[0] \"short\": sql",
        "`hart_rate`",
        "`heart_rate`",
    ),
    (
        "avg(heart_rate) AS heart_rate_mean,",
        "avg(heart_rate AS heart_rate_mean,",
        "features[0] \"short\": sql",
        "",
        "correct the SQL",
    ),
    (
        "avg(heart_rate) AS heart_rate_mean,",
        "avg(heart_rate / spo2) AS heart_rate_mean,",
        "features[0] \"short\": sql",
        "",
        "",
    ),
    (
        "name: long",
        "name: short",
        "features[1] \"short\"",
        "earlier entry",
        "name of its own",
    ),
    (
        "heart_rate_mean_5m",
        "heart_rate_mean",
        "scores[0] \"shock\": sql",
        "feature of short and long",
        "name of its own",
    ),
    (
        "shock_index(heart_rate_mean,",
        "shock_index(heart_rate_maen,",
        "scores[0] \"shock\": sql",
        "`heart_rate_maen`",
        "`heart_rate_mean`",
    ),
    (
        "shock_index(heart_rate_mean,",
        "shock_index(avg(heart_rate),",
        "scores[0] \"shock\": sql",
        "no window",
        "feature set",
    ),
    (
        "shock_index(heart_rate_mean, systolic_bp)",
        "ward",
        "scores[0] \"shock\": sql",
        "Utf8",
        "cast it",
    ),
    (
        "shock_index(heart_rate_mean, systolic_bp)",
        "heart_rate * random()",
        "scores[0] \"shock\": sql",
        "random()",
        "ts or window_end",
    ),
    (
        "name: shock\n",
        "name: spo2\n",
        "scores[0] \"spo2\"",
        "already",
        "another name",
    ),
    (
        "name: shock\n",
        "name: shock\n    model: mortality@1\n",
        "scores[0] \"shock\"",
        "either",
        "keep one",
    ),
    (
        "sql: shock_index(heart_rate_mean, systolic_bp)",
        "model: mortalty@1",
        "scores[0] \"shock\": model",
        "no model mortalty@1",
        "mortality@1",
    ),
    (
        "sql: shock_index(heart_rate_mean, systolic_bp)",
        "model: mortality",
        "scores[0] \"shock\": model",
        "names no model",
        "mortality@1",
    ),
    (
        "sql: shock_index(heart_rate_mean, systolic_bp)",
        "model: mortality@1",
        "scores[0] \"shock\": model",
        "heart_rate_avg_48h",
        "feature set",
    ),
    (
        "sql: shock_index(heart_rate_mean, systolic_bp)",
        "model: mortality@1\n    fallback: earl",
        "scores[0] \"shock\": fallback",
        "no score earl",
        "`early`",
    ),
    (
        "limit: spo2 < 88",
        "limit: sp02 < 88",
        "alarms[0] \"desaturation\": limit",
        "not a vital sign",
        "`spo2`",
    ),
    (
        "limit: spo2 < 88",
        "limit: spo2 88",
        "alarms[0] \"desaturation\": limit",
        "compares nothing",
        "spo2 < 88",
    ),
    (
        "limit: spo2 < 88",
        "limit: spo2 < 0.88",
        "alarms[0] \"desaturation\": limit",
        "plausible range",
        "in %",
    ),
    (
        "at_once: spo2 < 80",
        "at_once: spo2 < 90",
        "alarms[0] \"desaturation\": at_once",
        "no worse",
        "further from normal",
    ),
    (
        "at_once: spo2 < 80",
        "at_once: pulse < 40",
        "alarms[0] \"desaturation\": at_once",
        "about pulse",
        "one vital sign",
    ),
    (
        "clear_when: spo2 >= 90",
        "clear_when: spo2 >= 85",
        "alarms[0] \"desaturation\": clear_when",
        "can hold while",
        "other side",
    ),
    (
        "name: desaturation",
        "name: silent",
        "alarms[0] \"silent\"",
        "technical alarm",
        "technical",
    ),
    (
        "format: observation-json }",
        "format: observation-json, trend_only: true }",
        "alarms[0] \"desaturation\": limit",
        "trend_only",
        "when",
    ),
    (
        "when: shock >= 1",
        "when: shock",
        "alarms[1] \"shocked\": when",
        "Float64",
        "threshold",
    ),
    (
        "when: shock >= 1",
        "when: shok >= 1",
        "alarms[1] \"shocked\": when",
        "`shok`",
        "`shock`",
    ),
    (
        "when: shock >= 1",
        "when: shock_lowest >= 1",
        "alarms[1] \"shocked\": when",
        "`shock_lowest`",
        "",
    ),
    (
        "when: shock >= 1",
        "limit: spo2 < 80, when: shock >= 1",
        "alarms[1] \"shocked\"",
        "either",
        "limit",
    ),
    (
        "for: 1m",
        "repeat_after: 0s",
        "alarms[1] \"shocked\": repeat_after",
        "without end",
        "30m",
    ),
    (
        "name: shocked",
        "name: desaturation",
        "alarms[1] \"desaturation\"",
        "earlier entry",
        "name of its own",
    ),
];

#[test]
fn each_is_told_at_its_place() {
    for (from, to, place, cause, fix) in BROKEN {
        let problems = problems(&with(from, to));
        let is_told = |problem: &Problem| {
            problem.place.contains(place) && problem.cause.contains(cause) && problem.fix.contains(fix)
        };
        assert!(problems.iter().any(is_told), "{to:?} gives {problems:#?}");
        assert!(
            !problems
                .iter()
                .any(|problem| problem.cause.is_empty() || problem.fix.is_empty()),
            "{problems:#?}"
        );
    }
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
        message.contains("line 10: features[1] \"long\": window"),
        "{message}"
    );
    assert!(
        message.contains("line 20: alarms[0] \"desaturation\": limit"),
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

/// What is replaced by what; then line, part of the cause, part of the fix.
const MISSHAPEN: &[(&str, &str, u64, &str, &str)] = &[
    ("window: 1m", "windw: 1m", 7, "`windw`", "`window`"),
    ("for: 15s", "fro: 15s", 20, "`fro`", "`for`"),
    ("for: 15s", "for: 15", 20, "not a length of time", ""),
    (
        "priority: high",
        "priority: urgent",
        20,
        "`urgent`",
        "low, medium, high",
    ),
    (
        "format: observation-json",
        "format: fhir",
        4,
        "`fhir`",
        "observation-json",
    ),
    (", priority: medium", "", 21, "`priority` is missing", "priority:"),
    ("version: 1", "version: 1\nversion: 2", 3, "twice", "keep one"),
    (
        "features:",
        "time: { grace: never }\nfeatures:",
        5,
        "not a length of time",
        "",
    ),
    (
        "features:",
        "time: { hold: 1s, lateness: off }\nfeatures:",
        5,
        "not a length of time",
        "",
    ),
];

#[test]
fn misshapen_yaml_is_told_with_line_and_column() {
    for (from, to, at, because, instead) in MISSHAPEN {
        match parse(&with(from, to)) {
            Err(PipelineError::Shape {
                line,
                column,
                cause,
                fix,
                ..
            }) => {
                assert_eq!(line, *at, "{to:?}: {cause}");
                assert!(column > 0, "{to:?}");
                assert!(cause.contains(because), "{to:?}: {cause}");
                assert!(fix.contains(instead), "{to:?}: {fix}");
            }
            other => panic!("{to:?} gives {other:?}"),
        }
    }
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
        "model: mortality@1",
    );
    std::fs::write(&path, text).expect("the file");
    let message = Pipeline::load(&path).expect_err("no models").to_string();
    assert!(
        message.contains("looked for") && message.contains("models"),
        "{message}"
    );
    let missing = folder.path().join("absent.yaml");
    assert!(matches!(
        Pipeline::load(&missing),
        Err(PipelineError::Read { .. })
    ));
}
