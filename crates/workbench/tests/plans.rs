//! What an edit does. After a change of words: `WARDWATCH_BLESS=1 cargo test --workspace --test plans`.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::Path;

use wardwatch_pipeline::Pipeline;
use wardwatch_workbench::plan::Plan;

fn load(name: &str) -> Pipeline {
    Pipeline::load(&Path::new("tests/plans").join(name), None).unwrap()
}

fn edited(from: &str, to: &str) -> Pipeline {
    let path = Path::new("tests/plans/old.yaml");
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from}");
    let text = text.replacen(from, to, 1).replace("version: 1", "version: 2");
    Pipeline::load_text(path, &text, None).unwrap()
}

#[test]
fn a_years_edits_are_told() {
    let told = Plan::between(&load("old.yaml"), &load("new.yaml")).to_string();
    let path = Path::new("tests/plans/plan.txt");
    if std::env::var_os("WARDWATCH_BLESS").is_some() {
        fs::write(path, told).unwrap();
    } else {
        assert_eq!(told, fs::read_to_string(path).unwrap());
    }
}

#[test]
fn spelling_is_no_change() {
    let old = load("old.yaml");
    assert!(Plan::between(&old, &load("old.yaml")).changes.is_empty());
    for (from, to) in [
        (
            "avg(heart_rate) AS heart_rate_mean,",
            "AVG( Heart_Rate )  as heart_rate_mean , -- the mean",
        ),
        ("min(spo2) AS", "min(\"spo2\") AS"),
        ("when: shock >= 1,", "when: '(shock   >=   1.0)',"),
        ("window: 5m", "window: 300s"),
        ("spo2 < 88", "spo2 < 88.0"),
    ] {
        let plan = Plan::between(&old, &edited(from, to));
        assert!(plan.changes.is_empty(), "{to}: {plan}");
    }
    // Without a higher version that is no change for the ward either.
    let text = fs::read_to_string("tests/plans/old.yaml").unwrap() + "# a comment\n";
    let commented = Pipeline::load_text(Path::new("tests/plans/old.yaml"), &text, None).unwrap();
    assert_eq!(Plan::between(&old, &commented).breaking().count(), 0);
}

#[test]
fn an_edit_without_a_version_is_breaking() {
    let text = fs::read_to_string("tests/plans/old.yaml")
        .unwrap()
        .replace("spo2 < 88", "spo2 < 89");
    let new = Pipeline::load_text(Path::new("tests/plans/old.yaml"), &text, None).unwrap();
    let plan = Plan::between(&load("old.yaml"), &new);
    assert_eq!(plan.breaking().count(), 1, "{plan}");
}

#[test]
fn what_becomes_of_the_state_is_told() {
    let old = load("old.yaml");
    for (from, to, told) in [
        (
            "spo2 < 88",
            "spo2 < 87",
            "What is not named here is kept: windows, values, alarms.",
        ),
        ("window: 5m", "window: 4m", "fills these windows from the last"),
        ("window: 1h", "window: 2h", "topics must keep records for"),
        (
            "topic: vitals.bedside",
            "topic: vitals.beds",
            "State: the sources, their order or their topics change",
        ),
        (
            "version: 1",
            "version: 2\ncontext: hospital.adt",
            "~ writer context  (rebuilt from the log)\n    topic: the usual one → hospital.adt\n    BREAKING: what is stated on \
             the old topic",
        ),
        (
            "version: 1",
            "version: 2\ncontext: [{ name: adt, topic: context.adt }]",
            "State: the writers of context, their order or their topics change",
        ),
        (
            "pipeline: north-ward",
            "pipeline: south-ward",
            "State: the pipeline's name goes from north-ward to south-ward",
        ),
    ] {
        let plan = Plan::between(&old, &edited(from, to)).to_string();
        assert!(plan.contains(told), "{to}: {plan}");
        assert_eq!(plan.contains("topics must keep"), to == "window: 2h", "{plan}");
    }
}
