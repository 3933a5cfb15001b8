//! Test files: the shipped ones pass and raise every alarm; one that fails, and one that is refused, say so at the right place.
//!
//! After a change of words: `WARDWATCH_BLESS=1 cargo test --workspace --test suites`, and look at the difference.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::{Path, PathBuf};

use wardwatch_workbench::test::{SuiteError, junit, run};

/// Tests run in their crate's folder.
fn shipped() -> Vec<PathBuf> {
    let entries = fs::read_dir("../../pipelines").unwrap();
    let files = entries.map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.to_string_lossy().ends_with(".test.yaml"))
        .collect()
}

fn check(name: &str, told: &str) {
    let path = Path::new("tests/suites").join(name);
    if std::env::var_os("WARDWATCH_BLESS").is_some() {
        fs::write(path, told).unwrap();
    } else {
        assert_eq!(told, fs::read_to_string(path).unwrap(), "{name}");
    }
}

#[test]
fn every_shipped_pipeline_has_tests_and_they_pass() {
    let pipelines = fs::read_dir("../../pipelines")
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let pipelines = pipelines.filter(|path| {
        let name = path.to_string_lossy();
        name.ends_with(".yaml") && !name.ends_with(".test.yaml")
    });
    assert_eq!(pipelines.count(), shipped().len());
    for path in shipped() {
        let verdict = run(&path, None).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for outcome in &verdict.outcomes {
            let why = outcome.failure.as_ref().map(|failure| failure.with_lines(false));
            assert!(why.is_none(), "{}: {}", outcome.name, why.unwrap());
        }
        assert_eq!(verdict.never_raised(), Vec::<&str>::new(), "{}", path.display());
    }
}

#[test]
fn a_failing_test_shows_what_was_told() {
    let verdict = run(Path::new("tests/suites/failing.test.yaml"), None).unwrap();
    assert_eq!((verdict.outcomes.len(), verdict.failed()), (4, 2));
    assert!(verdict.outcomes[2].failure.is_some() && verdict.outcomes[3].failure.is_none());
    check(
        "failing.txt",
        &verdict.outcomes[0].failure.as_ref().unwrap().with_lines(false),
    );
    check("failing.xml", &junit(&[verdict], &[]));
}

#[test]
fn a_wrong_test_file_is_refused() {
    match run(Path::new("tests/suites/refused.test.yaml"), None) {
        Err(SuiteError::Invalid(invalid)) => check("refused.txt", &invalid.with_lines(false)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn tests_in_a_pipelines_folder_test_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(
        "../../pipelines/adult-ward.yaml",
        folder.path().join("1-ward.yaml"),
    )
    .unwrap();
    let tests = "tests: [{ name: low, given: [{ at: 0s, spo2: 70 }, { advance_clock: 10s }], expect: { alerts: [{ at: 3s, alarm: desaturation }] } }]";
    fs::write(folder.path().join("low.test.yaml"), tests).unwrap();
    let verdict = run(&folder.path().join("low.test.yaml"), None).unwrap();
    assert_eq!(verdict.failed(), 0, "{verdict:?}");
}

#[test]
fn recorded_files_come_when_the_test_says() {
    let folder = tempfile::tempdir().unwrap();
    let observations = "patient_id,ts,code,value,unit\n\
                        7,2012-03-01T10:00:00Z,spo2,96,%\n\
                        7,2012-03-01T10:00:20Z,spo2,78,%\n";
    fs::write(folder.path().join("stay.csv"), observations).unwrap();
    fs::copy("../../pipelines/adult-ward.yaml", folder.path().join("ward.yaml")).unwrap();
    let tests = "tests:
  - name: a file
    patient: '7'
    given: [{ file: stay.csv, at: 1m }, { advance_clock: 90s }]
    expect: { alerts: [{ at: 1m23s, alarm: desaturation }] }
";
    let path = folder.path().join("ward.test.yaml");
    fs::write(&path, tests).unwrap();
    let verdict = run(&path, None).unwrap();
    assert_eq!(verdict.failed(), 0, "{verdict:?}");
}
