//! Why a pipeline file was refused. All of it is its author's to mend.

use std::fmt;
use std::path::{Path, PathBuf};

/// Why a pipeline was refused.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The file cannot be read.
    #[error("cannot read the pipeline {}; check the path and its permissions", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The text is larger than any pipeline.
    #[error("the pipeline {} has {bytes} bytes, more than {most}; split it into several pipelines", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The bound.
        most: u64,
    },
    /// The text is not YAML, or has a field that is missing, unknown or of another type.
    #[error("{}", shape(path, *line, *column, cause, fix))]
    Shape {
        /// The file.
        path: PathBuf,
        /// Line from 1; 0 where it is not known.
        line: u64,
        /// Column from 1; 0 where it is not known.
        column: u64,
        /// What is wrong.
        cause: String,
        /// What to write instead.
        fix: String,
    },
    /// The text has the right shape, and these problems.
    #[error("{}", invalid(path, problems))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Every problem found, in the order of the file.
        problems: Vec<Problem>,
    },
}

/// One problem of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: `alarms[2] "desaturation"`, `features[0] "short_term": sql`.
    pub place: String,
    /// The line in which that place begins, from 1; 0 where it is not known.
    pub line: u64,
    /// What is wrong.
    pub cause: String,
    /// What to write instead.
    pub fix: String,
}

// === impl Problem ===

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        write!(f, "{}: {}; {}", self.place, self.cause, self.fix)
    }
}

fn shape(path: &Path, line: u64, column: u64, cause: &str, fix: &str) -> String {
    let mut text = path.display().to_string();
    if line > 0 {
        text.push_str(&format!(":{line}:{column}"));
    }
    text + &format!(": {cause}; {fix}")
}

fn invalid(path: &Path, problems: &[Problem]) -> String {
    let count = problems.len();
    let mut text = format!(
        "{} has {count} {}",
        path.display(),
        if count == 1 { "problem" } else { "problems" }
    );
    for problem in problems {
        text.push_str(&format!("\n  {problem}"));
    }
    text
}
