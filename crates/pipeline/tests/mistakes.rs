//! Mistakes that people make in a pipeline: each is told at its place, with a fix that works. See `mistakes/README.md`.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fmt::Write;
use std::path::Path;

use wardwatch_pipeline::{Pipeline, PipelineError};

const GOOD: &str = include_str!("mistakes/ward.yaml");
const MISTAKES: &str = include_str!("mistakes/README.md");

/// What is written instead of what.
type Edits = Vec<(String, String)>;

struct Mistake {
    title: String,
    made: Edits,
    told: String,
    mended: Edits,
}

/// The mistakes of the file, and what stands before them.
fn mistakes() -> (String, Vec<Mistake>) {
    let mut sections = MISTAKES.split("\n## ");
    let head = sections.next().unwrap().to_owned();
    let mistakes = sections.map(|section| {
        let (title, rest) = section.split_once('\n').unwrap();
        let blocks: Vec<&str> = rest.split("```").collect();
        let [_, made, _, told, _, mended, ..] = blocks[..] else {
            panic!("{title}: three blocks are wanted");
        };
        Mistake {
            title: title.to_owned(),
            made: edits(made),
            told: told.strip_prefix("text\n").unwrap().to_owned(),
            mended: edits(mended),
        }
    });
    (head, mistakes.collect())
}

fn edits(block: &str) -> Edits {
    let lines = |edit: &str, sign: char| {
        let lines: Vec<&str> = edit.lines().filter_map(|line| line.strip_prefix(sign)).collect();
        lines.join("\n")
    };
    let edits = block.strip_prefix("diff\n").unwrap().split("@@\n");
    edits.map(|edit| (lines(edit, '-'), lines(edit, '+'))).collect()
}

fn apply(text: &str, edits: &Edits) -> String {
    edits.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from:?} is not in it");
        text.replacen(from, to, 1)
    })
}

fn load(text: &str) -> Result<Pipeline, PipelineError> {
    // Tests run in their crate's folder, and what is told must not depend on where that is.
    Pipeline::load_text(Path::new("ward.yaml"), text, Some(Path::new("../../models")))
}

fn told(text: &str, title: &str) -> String {
    match load(text) {
        Err(PipelineError::Invalid(invalid)) => invalid.with_lines(false),
        Ok(pipeline) if !pipeline.warnings.all().is_empty() => pipeline.warnings.with_lines(false),
        other => panic!("{title}: {other:?}"),
    }
}

#[test]
fn each_is_told_and_its_fix_works() {
    load(GOOD).unwrap_or_else(|error| panic!("{error}"));
    let blesses = std::env::var_os("WARDWATCH_BLESS").is_some();
    let (mut anew, mistakes) = mistakes();
    assert!(mistakes.len() >= 40, "{}", mistakes.len());
    for mistake in &mistakes {
        let broken = apply(GOOD, &mistake.made);
        let told = told(&broken, &mistake.title);
        if !blesses {
            assert_eq!(told.trim_end(), mistake.told.trim_end(), "{}", mistake.title);
        }
        let mended = apply(&broken, &mistake.mended);
        let mended = load(&mended).unwrap_or_else(|error| panic!("{}: {error}", mistake.title));
        assert_eq!(mended.warnings.all().len(), 0, "{}", mistake.title);
        let block = |edits: &Edits| {
            let lines = |text: &str, sign: char| {
                text.split('\n')
                    .map(|line| format!("{sign}{line}\n"))
                    .collect::<String>()
            };
            let edits: Vec<String> = edits
                .iter()
                .map(|(from, to)| lines(from, '-') + &lines(to, '+'))
                .collect();
            format!("```diff\n{}```\n", edits.join("@@\n"))
        };
        write!(
            anew,
            "\n## {}\n{}```text\n{}\n```\nmended by\n{}",
            mistake.title,
            block(&mistake.made),
            told.trim_end(),
            block(&mistake.mended),
        )
        .unwrap();
    }
    if blesses {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mistakes/README.md");
        std::fs::write(file, anew).unwrap();
    }
}

/// Each column of a feature set's SQL is told of, not only the first that the planner meets.
#[test]
fn all_columns_of_one_sql_are_told_of() {
    let text = "pipeline: many
version: 1
sources: [{ name: bedside, topic: vitals.bedside, format: observation-json }]
features:
  - name: short
    window: 5m
    every: 10s
    sql: |
      SELECT patient_id, avg(hart_rate) AS a, median(DISTINCT spo2) AS b, foo(spo2) AS c,
             now() AS d, max(resp_rat) AS e, min(spo2) AS f
      FROM vitals GROUP BY patient_id
alarms:
  - { name: x, limit: spo2 < 88, priority: high }
";
    let told = Pipeline::parse(text, Path::new("models"))
        .unwrap_err()
        .to_string();
    let place = |line: &'_ str| {
        line.trim()
            .strip_prefix("pipeline:")?
            .split(": ")
            .next()
            .map(str::to_owned)
    };
    let places: Vec<String> = told.lines().filter_map(place).collect();
    assert_eq!(places, ["9:30", "9:47", "9:75", "10:14", "10:30"], "{told}");
}

#[test]
fn a_wrong_field_hides_nothing_beside_it() {
    let all = |edits: &[(&str, &str)]| -> Vec<String> {
        let owned = |(from, to): &(&str, &str)| ((*from).to_owned(), (*to).to_owned());
        let text = apply(GOOD, &edits.iter().map(owned).collect());
        let PipelineError::Invalid(invalid) = load(&text).unwrap_err() else {
            panic!("it is invalid");
        };
        let causes = invalid.problems().iter().map(|problem| problem.cause.clone());
        causes.collect()
    };
    let told = all(&[
        ("window: 5m", "window: 5 minutes"),
        ("min(spo2)", "min(spo2s)"),
        ("spo2 < 88", "spo2 < 8888"),
    ]);
    assert_eq!(told.len(), 3, "{told:#?}");
    let told = all(&[
        ("window: 5m", "window: 5 minutes"),
        ("news2(resp_rate", "news2(rsp_rate"),
        (
            "heart_rate_mean_1h > 40, priority: medium",
            "heart_rate_mean_2h > 40, priority: urgent",
        ),
    ]);
    assert_eq!(told.len(), 4, "{told:#?}");
    let words = ["5 minutes", "rsp_rate", "heart_rate_mean_2h", "urgent"];
    for word in words {
        assert!(told.iter().any(|cause| cause.contains(word)), "{word}: {told:#?}");
    }
}
