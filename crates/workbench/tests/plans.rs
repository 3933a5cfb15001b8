//! What an edit does. After a change of words: `WARDWATCH_BLESS=1 cargo test --workspace --test plans`.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::Path;

use wardwatch_pipeline::Pipeline;
use wardwatch_workbench::plan::{Kind, Plan};

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
    let plan = Plan::between(
        &old,
        &edited(
            "avg(heart_rate) AS heart_rate_mean,",
            "AVG(heart_rate)  as heart_rate_mean ,",
        ),
    );
    // Functions keep their spelling: SQL has no one right case for them.
    assert!(
        plan.changes.iter().all(
            |change| change.details.iter().all(|detail| detail.contains("AVG"))
                || change.kind == Kind::Affected
        ),
        "{plan}"
    );
    let plan = Plan::between(&old, &edited("when: shock >= 1,", "when: 'shock   >=   1',"));
    assert!(plan.changes.is_empty(), "{plan}");
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
