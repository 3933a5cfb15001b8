//! The commands as a user runs them.
#![allow(clippy::unwrap_used, missing_docs)]

mod program;

use std::fs;
use std::path::Path;

use program::{text, wardwatch};

const PIPELINE: &str = r#"
pipeline: small
version: 1
sources: [{ name: bedside, topic: vitals.bedside, format: observation-json }]
time: { lateness: 2m, hold: 0s, grace: 2s, future_skew: 10s, silent_after: 60s, forget_after: 24h }
features:
  - { name: short, window: 1m, every: 10s, sql: "SELECT patient_id, avg(spo2) AS spo2_mean FROM vitals GROUP BY patient_id" }
alarms:
  - { name: desaturation, limit: spo2 < 88, for: 15s, at_once: spo2 < 80, priority: high }
"#;

#[test]
fn sql_scores_news2() {
    let dir = tempfile::tempdir().unwrap();
    let query = "select news2(24, 93, 1, true, 100, 111, 'A', 38.1)['total'] as total";
    let table = wardwatch(dir.path(), &["sql", query]);
    assert!(table.status.success(), "{}", text(&table.stderr));
    assert!(
        text(&table.stdout).contains("| 11    |"),
        "{}",
        text(&table.stdout)
    );
    let json = wardwatch(dir.path(), &["sql", query, "--output", "json"]);
    assert_eq!(text(&json.stdout), "[{\"total\":11}]\n");
}

#[test]
fn sql_reads_files() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("w.csv"), "patient_id,ts,code,value,unit\np-1,2026-01-31T09:00:01Z,spo2,97,%\np-1,2026-01-31T09:00:02Z,spo2,95,%\n").unwrap();
    let query = "select patient_id, avg(spo2) as mean, latest(spo2) as newest, age(spo2) as age from vitals group by patient_id";
    let json = wardwatch(
        dir.path(),
        &["sql", query, "--input", "w.csv", "--output", "json"],
    );
    assert_eq!(
        text(&json.stdout),
        "[{\"patient_id\":\"p-1\",\"mean\":96.0,\"newest\":95.0,\"age\":0.0}]\n",
        "{}",
        text(&json.stderr)
    );
}

#[test]
fn sql_that_is_wrong_fails_with_its_reason() {
    let dir = tempfile::tempdir().unwrap();
    let failed = wardwatch(dir.path(), &["sql", "select news3(1)"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(
        text(&failed.stderr).starts_with("error: "),
        "{}",
        text(&failed.stderr)
    );
    assert!(text(&failed.stderr).contains("news3"));
}

#[test]
fn validate_tells_valid_invalid_and_unreadable_apart() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("good.yaml"), PIPELINE).unwrap();
    fs::write(
        dir.path().join("bad.yaml"),
        PIPELINE.replace("limit: spo2", "limit: sp02"),
    )
    .unwrap();
    let run = |paths: &[&str]| wardwatch(dir.path(), &[&["validate", "--output", "json"], paths].concat());
    assert_eq!(run(&["good.yaml"]).status.code(), Some(0));
    assert_eq!(run(&["good.yaml", "bad.yaml"]).status.code(), Some(78));
    assert_eq!(run(&["absent.yaml"]).status.code(), Some(1));
    let verdicts: serde_json::Value =
        serde_json::from_slice(&run(&["good.yaml", "bad.yaml"]).stdout).unwrap();
    assert_eq!(
        (&verdicts[0]["valid"], &verdicts[1]["valid"]),
        (&true.into(), &false.into())
    );
    assert!(
        verdicts[1]["problems"][0]["place"]
            .as_str()
            .unwrap()
            .contains("desaturation"),
        "{verdicts}"
    );
    assert_eq!(
        wardwatch(dir.path(), &["replay", "bad.yaml", "--input", "x.csv"])
            .status
            .code(),
        Some(78)
    );
}

#[test]
fn models_are_taken_from_the_folder_named() {
    let dir = tempfile::tempdir().unwrap();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::copy(
        repository.join("pipelines/icu-deterioration.yaml"),
        dir.path().join("icu.yaml"),
    )
    .unwrap();
    let models = repository.join("models");
    let with = ["validate", "icu.yaml", "--models", models.to_str().unwrap()];
    assert_eq!(wardwatch(dir.path(), &with).status.code(), Some(0));
    let elsewhere = wardwatch(dir.path(), &["validate", "icu.yaml", "--models", "nowhere"]);
    assert_eq!(elsewhere.status.code(), Some(78));
    assert!(text(&elsewhere.stdout).contains("nowhere"), "{elsewhere:?}");
}

#[test]
fn a_back_test_spoils_nothing_and_says_when_there_is_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    let rows = "patient_id,ts,code,value,unit\np-1,2026-01-31T09:00:00Z,spo2,97,%\n";
    write("p.yaml", PIPELINE);
    write("w.csv", rows);
    write("none.csv", "patient_id,ts,code,value,unit\n");
    write("fates.csv", "patient_id,outcome\nsomebody-else,1\n");
    let refused = |more: &[&str], told: &str| {
        let done = wardwatch(dir.path(), &[&["backtest", "p.yaml"], more].concat());
        let why = text(&done.stderr);
        assert!(!done.status.success() && why.contains(told), "{more:?}: {why}");
    };
    for spoilt in ["w.csv", "p.yaml", "fates.csv"] {
        let more = ["--input", "w.csv", "--outcomes", "fates.csv", "--html", spoilt];
        refused(&more, "is read, or written by another option");
    }
    refused(&["--input", "none.csv"], "no reading was taken");
    refused(
        &["--input", "w.csv", "--outcomes", "fates.csv"],
        "name them alike",
    );
    assert_eq!(fs::read_to_string(dir.path().join("w.csv")).unwrap(), rows);
}

#[test]
fn replay_writes_alerts_features_scores_and_quarantine() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("p.yaml"), PIPELINE).unwrap();
    let mut rows = "patient_id,ts,code,value,unit\n".to_owned();
    for second in 0..40 {
        let spo2 = if second < 10 { 97 } else { 85 };
        rows.push_str(&format!("p-1,2026-01-31T09:00:{second:02}Z,spo2,{spo2},%\n"));
    }
    rows.push_str("p-1,2026-01-31T08:00:00Z,spo2,97,%\np-1,2026-01-31T09:00:41Z,spo2,97,furlong\n");
    fs::write(dir.path().join("w.csv"), rows).unwrap();
    let arguments = [
        "replay",
        "p.yaml",
        "--input",
        "w.csv",
        "--alerts",
        "a.ndjson",
        "--features",
        "f.parquet",
        "--scores",
        "s.ndjson",
        "--quarantine",
        "q.ndjson",
        "--output",
        "json",
        "--as-is",
    ];
    let done = wardwatch(dir.path(), &arguments);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let summary: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(
        (&summary["rows"], &summary["observations"]),
        (&42.into(), &40.into()),
        "{summary}"
    );
    assert_eq!(
        summary["quarantined"],
        serde_json::json!({"late": 1, "wrong_unit": 1})
    );
    assert_eq!(summary["alerts"][0]["alarm"], "desaturation");
    let lines = |name: &str| -> Vec<serde_json::Value> {
        let text = fs::read_to_string(dir.path().join(name)).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    assert_eq!(lines("a.ndjson")[0]["condition_start"], "2026-01-31T09:00:10Z");
    let quarantined: Vec<(u64, String)> = lines("q.ndjson")
        .iter()
        .map(|line| (line["row"].as_u64().unwrap(), line["reason"].to_string()))
        .collect();
    assert_eq!(
        quarantined,
        [(42, "\"wrong_unit\"".into()), (41, "\"late\"".into())]
    );
    let again = wardwatch(dir.path(), &["sql", "select 1", "--input", "f.parquet"]);
    assert_eq!(again.status.code(), Some(1), "features are no observations");
    assert!(
        text(&again.stderr).contains("no column `ts`"),
        "{}",
        text(&again.stderr)
    );
}

#[test]
fn an_engine_refuses_settings_before_it_connects() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("p.yaml"), PIPELINE).unwrap();
    fs::write(dir.path().join("group"), "theirs").unwrap();
    let told = |arguments: &[&str]| {
        let engine = ["engine", "p.yaml", "--brokers", "127.0.0.1:1"];
        let outcome = wardwatch(dir.path(), &[&engine[..], arguments].concat());
        assert_eq!(outcome.status.code(), Some(1), "{arguments:?}");
        text(&outcome.stderr)
    };
    for own in ["transactional.id=x", "isolation.level=read_uncommitted", "acks=1"] {
        let error = told(&["--kafka", own]);
        let name = own.split('=').next().unwrap();
        assert!(
            error.contains(&format!("the setting {name} is the engine's own")),
            "{error}"
        );
    }
    assert!(told(&["--kafka-file", "group.id=group"]).contains("use --group"));
    let secret = told(&["--kafka", "sasl.password=hunter2"]);
    assert!(
        secret.contains("--kafka-file sasl.password=FILE") && !secret.contains("hunter2"),
        "{secret}"
    );
    let file = told(&["--kafka", "ssl.ca.location=nowhere.pem"]);
    assert!(file.contains("nowhere.pem: the file cannot be read"), "{file}");
    let store = told(&["--snapshots", "gs://ward/snapshots"]);
    assert!(
        store.contains("give a folder that may be written to, or s3://"),
        "{store}"
    );
    assert!(!dir.path().join("gs:").exists());
}

#[test]
fn a_pipeline_to_start_from_is_valid_and_its_tests_pass() {
    let dir = tempfile::tempdir().unwrap();
    let begun = wardwatch(dir.path(), &["init", "north-ward"]);
    assert!(begun.status.success(), "{}", text(&begun.stderr));
    let again = wardwatch(dir.path(), &["init", "north-ward"]);
    assert_eq!(again.status.code(), Some(1), "nothing is written over");
    let valid = wardwatch(dir.path(), &["validate", "north-ward.yaml"]);
    assert!(valid.status.success(), "{}", text(&valid.stdout));
    let tests = wardwatch(dir.path(), &["test", "--junit", "report.xml"]);
    assert!(tests.status.success(), "{}", text(&tests.stdout));
    assert!(
        text(&tests.stdout).contains("5 of 5 alarms are raised"),
        "{}",
        text(&tests.stdout)
    );
    assert!(
        fs::read_to_string(dir.path().join("report.xml"))
            .unwrap()
            .contains("failures=\"0\"")
    );

    // Another limit: the plan says so, and the test what it changes.
    let pipeline = fs::read_to_string(dir.path().join("north-ward.yaml")).unwrap();
    let edited = pipeline
        .replace("limit: spo2 < 88", "limit: spo2 < 87")
        .replace("version: 1", "version: 2");
    fs::write(dir.path().join("edited.yaml"), &edited).unwrap();
    let plan = wardwatch(
        dir.path(),
        &["plan", "north-ward.yaml", "edited.yaml", "--output", "json"],
    );
    assert!(
        text(&plan.stdout).contains("limit: spo2 < 88 → spo2 < 87"),
        "{}",
        text(&plan.stdout)
    );
    fs::write(
        dir.path().join("north-ward.yaml"),
        edited.replace("spo2 < 87", "spo2 < 85"),
    )
    .unwrap();
    let failed = wardwatch(dir.path(), &["test"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(
        text(&failed.stdout).contains("- { at: 45s, alarm: desaturation"),
        "{}",
        text(&failed.stdout)
    );
}

#[test]
fn problems_are_told_with_their_lines() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("p.yaml"),
        PIPELINE.replace("spo2 < 88", "sp02 < 88"),
    )
    .unwrap();
    let told = wardwatch(dir.path(), &["validate", "p.yaml"]);
    assert_eq!(told.status.code(), Some(78));
    let told = text(&told.stdout);
    assert!(
        told.contains("--> p.yaml:9:34") && told.contains("did you mean `spo2`?"),
        "{told}"
    );
    let json = wardwatch(dir.path(), &["validate", "p.yaml", "--output", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json[0]["problems"][0]["code"], "unknown-vital-sign");
    assert_eq!(json[0]["problems"][0]["line"], 9);
}
