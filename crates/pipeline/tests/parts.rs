//! Pipelines of several files, and variables in them.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::Path;

use wardwatch_pipeline::{Pipeline, PipelineError, codes};
use wardwatch_yaml::{Code, codes as yaml};

const HEAD: &str = "pipeline: ward
version: 1
sources: [{ name: bedside, topic: vitals.bedside, format: observation-json }]
features:
  - { name: short, window: 1m, every: 10s, sql: 'SELECT patient_id, avg(spo2) AS spo2_mean FROM vitals GROUP BY patient_id' }
alarms:
  - { name: low, limit: spo2 < 88, priority: high }
";

const MORE: &str = "alarms:
  - { name: lower, when: spo2_mean < 85, priority: high }
";

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn problems(path: &Path) -> Vec<(Code, String, usize)> {
    match Pipeline::load(path, None) {
        Err(PipelineError::Invalid(invalid)) => {
            let problems = invalid.problems().iter();
            problems
                .map(|problem| {
                    let file = problem.file.rsplit('/').next().unwrap().to_owned();
                    (problem.code, file, problem.line)
                })
                .collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_folder_is_one_pipeline() {
    let folder = folder(&[
        ("1-ward.yaml", HEAD),
        ("2-alarms.yaml", MORE),
        ("ward.test.yaml", "tests: []"),
        ("notes.md", "#"),
    ]);
    let pipeline = Pipeline::load(folder.path(), None).unwrap();
    assert_eq!((pipeline.limits.len(), pipeline.conditions.len()), (1, 1));
    // What a journal keeps reads as the same, wherever it is read.
    let again = Pipeline::load_text(folder.path(), &pipeline.text, None).unwrap();
    assert_eq!(again.hash, pipeline.hash);
    assert_eq!(again.conditions.len(), 1);
}

#[test]
fn a_part_may_hold_nothing() {
    for nothing in ["", "# nothing yet\n", "---\n# nothing yet\n---\n"] {
        let folder = folder(&[
            ("0-notes.yaml", nothing),
            ("1-ward.yaml", HEAD),
            ("2-notes.yaml", nothing),
            ("3-alarms.yaml", MORE),
            ("4-notes.yaml", nothing),
        ]);
        let pipeline = Pipeline::load(folder.path(), None).unwrap();
        assert_eq!(pipeline.conditions.len(), 1);
        // Also where the folder is gone.
        let path = folder.path().join("gone/ward");
        let again = Pipeline::load_text(&path, &pipeline.text, None).unwrap();
        assert_eq!(again.hash, pipeline.hash);
    }
    let nothing = folder(&[("1.yaml", "# nothing yet\n"), ("2.yaml", "")]);
    assert_eq!(
        problems(nothing.path()),
        [(yaml::MISSING_FIELD, "1.yaml".to_owned(), 1)]
    );
}

#[test]
fn problems_name_the_part() {
    let wrong = MORE.replace("85", "0.85");
    let folder = folder(&[("1-ward.yaml", HEAD), ("2-alarms.yaml", &wrong)]);
    let told = problems(folder.path());
    assert_eq!(told, [(codes::IMPLAUSIBLE, "2-alarms.yaml".to_owned(), 2)]);
}

#[test]
fn one_part_has_the_head() {
    let folder = folder(&[("1-ward.yaml", HEAD), ("2-alarms.yaml", "version: 2\n")]);
    assert_eq!(
        problems(folder.path()),
        [(yaml::FIELD_TWICE, "2-alarms.yaml".to_owned(), 1)]
    );
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(
        Pipeline::load(empty.path(), None),
        Err(PipelineError::Empty { .. })
    ));
    fs::write(empty.path().join("a.yaml"), "# nothing yet\n").unwrap();
    assert_eq!(
        problems(empty.path()),
        [(yaml::MISSING_FIELD, "a.yaml".to_owned(), 1)]
    );
}

#[test]
fn variables_are_kept_with_their_values() {
    let home = std::env::var("HOME").unwrap();
    let text = HEAD
        .replace(
            "topic: vitals.bedside",
            "topic: 'vitals.${NO_SUCH_VARIABLE:-icu}'",
        )
        .replace(
            "pipeline: ward",
            "pipeline: ward\ndescription: in ${HOME}, and not $${HOME}",
        );
    let folder = folder(&[("ward.yaml", &text)]);
    let pipeline = Pipeline::load(&folder.path().join("ward.yaml"), None).unwrap();
    assert_eq!(pipeline.sources[0].topic, "vitals.icu");
    assert!(
        pipeline
            .text
            .contains(&format!("description: in {home}, and not $${{HOME}}\n")),
        "{}",
        pipeline.text
    );
    let again = Pipeline::load_text(folder.path(), &pipeline.text, None).unwrap();
    assert_eq!(again.hash, pipeline.hash);
}

#[test]
fn a_value_changes_no_structure() {
    let unfit = "pipeline: ward\ndescription: ${NO_SUCH_VARIABLE:-a: b}\n";
    let text = HEAD.replace("pipeline: ward\n", unfit);
    let folder = folder(&[("ward.yaml", &text)]);
    let told = problems(&folder.path().join("ward.yaml"));
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn anchors_and_merge_keys_are_resolved() {
    let text = HEAD.replace(
        "  - { name: low, limit: spo2 < 88, priority: high }",
        "  - &low { name: low, limit: spo2 < 88, priority: high }\n  - { <<: *low, name: lower, limit: spo2 < 80 }",
    );
    let folder = folder(&[("ward.yaml", &text)]);
    let pipeline = Pipeline::load(&folder.path().join("ward.yaml"), None).unwrap();
    assert_eq!(pipeline.limits[1].limit.to_string(), "spo2 < 80");
    assert_eq!(pipeline.limits[1].priority, pipeline.limits[0].priority);
    let laughs = (1..12).fold("a0: &a0 [x, x, x, x, x, x, x, x]\n".to_owned(), |text, at| {
        let last = at - 1;
        text + &format!(
            "a{at}: &a{at} [*a{last}, *a{last}, *a{last}, *a{last}, *a{last}, *a{last}, *a{last}, *a{last}]\n"
        )
    });
    fs::write(folder.path().join("ward.yaml"), laughs).unwrap();
    let told = problems(&folder.path().join("ward.yaml"));
    assert_eq!(told[0].0, yaml::YAML_SYNTAX);
}
