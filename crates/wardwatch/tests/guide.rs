//! The guide: what is made from code is what the code says, what it shows works, and every link leads somewhere.
//!
//! After a change: `WARDWATCH_BLESS=1 cargo test --workspace --test guide`, and look at the difference.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use wardwatch_pipeline::Pipeline;
use wardwatch_windowing::{AGGREGATES, REFERENCE, REFUSED_AGGREGATES};
use wardwatch_yaml::Code;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

fn functions() -> String {
    let mut page = "<!-- Made from the code: see tests/guide.rs. -->\n# Functions\n\n\
        SQL is DataFusion's, with its functions, and these. An aggregate reads one vital sign over a window, in a feature set; the \
        others read features, newest values and context, in scores and conditions. A missing argument is a missing value: nothing is \
        imputed.\n"
        .to_owned();
    for (title, is_aggregate) in [("Aggregates", true), ("Scores", false)] {
        write!(page, "\n## {title}\n").unwrap();
        for function in REFERENCE
            .iter()
            .filter(|function| function.is_aggregate == is_aggregate)
        {
            write!(
                page,
                "\n### `{}`\n{}\n\n```sql\n{}\n```\n",
                function.call, function.gives, function.example
            )
            .unwrap();
        }
    }
    page + "\nA *point score* is a struct `{total, lowest, highest, missing, points, unavailable}`: `total` is NULL while parts are missing, and the \
            total then lies between `lowest` and `highest`. In a condition `news2` is the total, `news2_lowest` and `news2_highest` are \
            the others; elsewhere write `news2(…)['total']`.\n"
        + &arithmetic()
        + &datafusions()
}

fn arithmetic() -> String {
    "\n## Arithmetic\n\
        The same in features, scores, conditions and `wardwatch sql`:\n\
        - `/` gives the fraction, of whole numbers too: `count(x) FILTER (WHERE x < 90) / count(x)` is a share, and so is the quotient \
        of the two features in a condition. `//` cuts the fraction off, and `%` is the remainder, with the sign of what is divided.\n\
        - A division by zero, an overflow, `ln(0)`: what is no number is NULL, and reported in the log, in the metric \
        `wardwatch_sql_failures_total` and by `replay`. No comparison holds of it. A reading over which an aggregate's argument fails is \
        missing to that aggregate. In `wardwatch sql` the query fails.\n\
        - `validate` refuses a division by a zero that is written down, and warns of a quotient of two counts that `floor`, a cast or `//` \
        makes whole.\n"
        .to_owned()
}

fn datafusions() -> String {
    let mut text = "\n## DataFusion's aggregates\n\
        Each agrees to nine digits with what a database gives over the whole window, whatever order its values arrive in. \
        `FILTER (WHERE …)` works with all; `DISTINCT` with none.\n\n| Aggregate | Gives |\n|---|---|\n"
        .to_owned();
    for (call, gives) in AGGREGATES {
        writeln!(text, "| {call} | {gives} |").unwrap();
    }
    text.push_str("\nRefused:\n\n| Aggregate | Since | Instead |\n|---|---|---|\n");
    for (name, why, instead) in REFUSED_AGGREGATES {
        writeln!(text, "| `{name}` | {why} | {instead} |").unwrap();
    }
    text
}

#[test]
fn the_guide_knows_every_condition() {
    let page = fs::read_to_string(root().join("docs/src/conditions.md")).unwrap();
    for code in wardwatch_kafka::Condition::CODES {
        assert!(page.contains(&format!("\n| `{code}` |")), "{code}");
    }
}

#[test]
fn the_guide_knows_every_reason_and_every_metric_that_it_names() {
    let page = |name: &str| fs::read_to_string(root().join("docs/src").join(name)).unwrap();
    let readings = page("readings.md");
    for reason in wardwatch_ingest::Reason::ALL {
        assert!(readings.contains(&format!("\n| `{reason}` |")), "{reason}");
    }
    let meter = fs::read_to_string(root().join("crates/kafka/src/meter.rs")).unwrap();
    for page in [
        readings,
        page("conditions.md"),
        page("context.md"),
        page("going-live.md"),
    ] {
        for rest in page.split("`wardwatch_").skip(1) {
            let name = rest.split(['`', '{']).next().unwrap();
            assert!(
                meter.contains(&format!("\"wardwatch_{name}\"")),
                "wardwatch_{name}"
            );
        }
    }
}

fn problems() -> String {
    let mut page = "<!-- Made from the code: see tests/guide.rs. -->\n# Problems\n\n\
        What `wardwatch validate` and `wardwatch test` call the problems that they tell. Each comes with its place, its cause and a fix; \
        [ninety-seven mistakes](../../crates/pipeline/tests/mistakes/README.md) show how.\n"
        .to_owned();
    let sections: [(&str, &[Code]); 3] = [
        ("Any file", wardwatch_yaml::codes::ALL),
        ("Pipelines", wardwatch_pipeline::codes::ALL),
        ("Tests", wardwatch_workbench::test::codes::ALL),
    ];
    for (title, codes) in sections {
        write!(page, "\n## {title}\n| Code | Means |\n|---|---|\n").unwrap();
        for code in codes {
            writeln!(page, "| `{code}` | {} |", code.meaning()).unwrap();
        }
    }
    page
}

#[test]
fn pages_made_from_code_are_what_it_says() {
    for (name, page) in [("functions.md", functions()), ("problems.md", problems())] {
        let path = root().join("docs/src").join(name);
        if std::env::var_os("WARDWATCH_BLESS").is_some() {
            fs::write(path, page).unwrap();
        } else {
            assert_eq!(page, fs::read_to_string(path).unwrap(), "{name}");
        }
    }
}

/// Links to files, in the guide and at the top.
#[test]
fn links_lead_somewhere() {
    let mut pages: Vec<PathBuf> = fs::read_dir(root().join("docs/src"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    pages.extend(["README.md", "ARCHITECTURE.md"].map(|name| root().join(name)));
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.starts_with("http") && !link.starts_with('#')) {
            let path = page.parent().unwrap().join(link.split('#').next().unwrap());
            assert!(path.exists(), "{}: {link}", page.display());
        }
    }
}

/// Sections of pipelines that the guide shows are right within a pipeline.
#[test]
fn what_the_guide_shows_works() {
    let head = "pipeline: guide
version: 1
sources: [{ name: bedside, topic: vitals.bedside, format: observation-json }]
features: [{ name: short, window: 5m, every: 10s, sql: 'SELECT patient_id, min(spo2) AS spo2_min FROM vitals GROUP BY patient_id' }]
scores: [{ name: news2, sql: 'news2(resp_rate, spo2, spo2_scale, on_oxygen, systolic_bp, pulse, consciousness, temperature)' }]
";
    let page = fs::read_to_string(root().join("docs/src/alarms.md")).unwrap();
    let shown: Vec<&str> = page
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(shown.len() >= 2);
    for yaml in shown {
        let text = format!("{head}{yaml}");
        Pipeline::parse(&text, &root().join("models")).unwrap_or_else(|error| panic!("{error}"));
    }
    let folder = tempfile::tempdir().unwrap();
    fs::copy(
        root().join("pipelines/adult-ward.yaml"),
        folder.path().join("ward.yaml"),
    )
    .unwrap();
    for page in ["docs/src/tests.md", "README.md"] {
        let text = fs::read_to_string(root().join(page)).unwrap();
        let tests = text
            .split("```yaml\n")
            .skip(1)
            .filter_map(|rest| rest.split("```").next());
        let tests: Vec<&str> = tests.filter(|yaml| yaml.starts_with("tests:")).collect();
        assert!(!tests.is_empty(), "{page}");
        for yaml in tests {
            let path = folder.path().join("ward.test.yaml");
            fs::write(&path, yaml).unwrap();
            let verdict = wardwatch_workbench::test::run(&path, None).unwrap();
            assert_eq!(verdict.failed(), 0, "{page}: {verdict:?}");
        }
    }
}
