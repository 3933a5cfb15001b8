//! A pipeline explained. After a change of words: `WARDWATCH_BLESS=1 cargo test --workspace --test explained`.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::Path;

use wardwatch_pipeline::Pipeline;
use wardwatch_workbench::explain::{mermaid, plans, words};

#[test]
fn a_pipeline_is_told_in_words_as_plans_and_as_a_graph() {
    let pipeline = Pipeline::load(Path::new("tests/plans/new.yaml"), None).unwrap();
    for (name, told) in [
        ("words.txt", words(&pipeline)),
        ("plans.txt", plans(&pipeline).unwrap()),
        ("graph.mmd", mermaid(&pipeline)),
    ] {
        let path = Path::new("tests/explained").join(name);
        if std::env::var_os("WARDWATCH_BLESS").is_some() {
            fs::write(path, told).unwrap();
        } else {
            assert_eq!(told, fs::read_to_string(path).unwrap(), "{name}");
        }
    }
}
