//! What became of the tests of a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use wardwatch_pipeline::Pipeline;
use wardwatch_yaml::Invalid;

/// What became of one test.
#[derive(Debug)]
pub struct Outcome {
    /// The test's name.
    pub name: String,
    /// The alarms that began in it.
    pub raised: Vec<String>,
    /// Why it failed, at its expectations; none where it passed.
    pub failure: Option<Invalid>,
}

/// What became of the tests of a file.
#[derive(Debug)]
pub struct Verdict {
    /// The file.
    pub path: PathBuf,
    /// The pipeline's name.
    pub pipeline: Arc<str>,
    /// The tests, in the order of the file.
    pub outcomes: Vec<Outcome>,
    /// The pipeline's alarms, with how many tests raised each.
    pub coverage: Vec<Coverage>,
}

/// An alarm, and how many tests raise it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Its name.
    pub alarm: String,
    /// In how many tests it began.
    pub tests: usize,
}

// === impl Verdict ===

impl Verdict {
    pub(super) fn new(path: &Path, pipeline: &Pipeline, outcomes: Vec<Outcome>) -> Self {
        let coverage = |alarm: String| Coverage {
            tests: outcomes
                .iter()
                .filter(|outcome| outcome.raised.contains(&alarm))
                .count(),
            alarm,
        };
        Self {
            path: path.to_path_buf(),
            pipeline: Arc::clone(&pipeline.name),
            coverage: pipeline.written_alarms().into_iter().map(coverage).collect(),
            outcomes,
        }
    }

    /// How many tests failed.
    pub fn failed(&self) -> usize {
        self.outcomes
            .iter()
            .filter(|outcome| outcome.failure.is_some())
            .count()
    }

    /// Alarms that no test raises.
    pub fn never_raised(&self) -> Vec<&str> {
        let never = self.coverage.iter().filter(|coverage| coverage.tests == 0);
        never.map(|coverage| coverage.alarm.as_str()).collect()
    }
}

/// Verdicts as JUnit XML, which CI systems show; with files whose tests could not be run, and why.
pub fn junit(verdicts: &[Verdict], refused: &[(PathBuf, String)]) -> String {
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n".to_owned();
    for verdict in verdicts {
        xml.push_str(&format!(
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\">\n",
            escaped(&verdict.path.display().to_string()),
            verdict.outcomes.len(),
            verdict.failed()
        ));
        for outcome in &verdict.outcomes {
            let (name, class) = (escaped(&outcome.name), escaped(&verdict.pipeline));
            match &outcome.failure {
                None => xml.push_str(&format!("    <testcase name=\"{name}\" classname=\"{class}\"/>\n")),
                Some(failure) => xml.push_str(&format!(
                    "    <testcase name=\"{name}\" classname=\"{class}\">\n      <failure>{}</failure>\n    </testcase>\n",
                    escaped(&failure.with_lines(false))
                )),
            }
        }
        xml.push_str("  </testsuite>\n");
    }
    for (path, why) in refused {
        let (name, why) = (escaped(&path.display().to_string()), escaped(why));
        xml.push_str(&format!(
            "  <testsuite name=\"{name}\" tests=\"1\" errors=\"1\">\n    <testcase name=\"the file is read\">\n      \
             <error>{why}</error>\n    </testcase>\n  </testsuite>\n"
        ));
    }
    xml + "</testsuites>\n"
}

/// A text within XML; what XML 1.0 cannot hold is left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(letter),
            letter if letter.is_control() => {}
            letter => escaped.push(letter),
        }
    }
    escaped
}
