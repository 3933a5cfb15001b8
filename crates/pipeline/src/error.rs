//! Why a pipeline was refused. All of it is its author's to mend.

use std::fmt;
use std::path::PathBuf;

use crate::Code;
use crate::problems::Problems;
use crate::report;
use crate::text::Texts;

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
    /// The folder holds no pipeline.
    #[error("the folder {} holds no pipeline; a pipeline's parts end in .yaml, and its tests in .test.yaml", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
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
    /// The text has these problems.
    #[error("{0}")]
    Invalid(Invalid),
}

/// Every problem of a pipeline, with the texts that they are in.
#[derive(Debug)]
pub struct Invalid {
    path: PathBuf,
    problems: Vec<Problem>,
    texts: Texts,
}

/// One problem of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its kind.
    pub code: Code,
    /// Where in the pipeline: `alarms[2] "desaturation": limit`; may be empty.
    pub place: String,
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub cause: String,
    /// What to write instead.
    pub fix: String,
    /// The bytes that are wrong: index of the file, begin and end.
    pub(crate) at: crate::text::At,
}

// === impl Invalid ===

impl Invalid {
    /// Problems in the order of the files; of those at one place the first is told.
    pub(crate) fn new(path: PathBuf, problems: Problems) -> Self {
        let Problems { notes, texts } = problems;
        let mut problems: Vec<Problem> = notes
            .into_iter()
            .map(|note| {
                let (line, column) = texts.line_and_column(note.place.at);
                Problem {
                    code: note.code,
                    place: note.place.text,
                    file: texts.name(note.place.at).to_owned(),
                    line,
                    column,
                    cause: note.cause,
                    fix: note.fix,
                    at: note.place.at,
                }
            })
            .collect();
        // Whatever else is wrong with a value that is not there is no news.
        let unset: Vec<_> = problems
            .iter()
            .filter(|problem| problem.code == Code::UnsetVariable)
            .map(|problem| problem.at)
            .collect();
        problems.retain(|problem| problem.code == Code::UnsetVariable || !unset.contains(&problem.at));
        problems.sort_by_key(|problem| problem.at);
        problems.dedup();
        Self {
            path,
            problems,
            texts,
        }
    }

    /// The problems, in the order of the files.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The problems with the lines that they are in, for a terminal; in colour or not.
    pub fn with_lines(&self, in_colour: bool) -> String {
        report::with_lines(&self.problems, &self.texts, in_colour)
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        let noun = if count == 1 { "problem" } else { "problems" };
        write!(f, "{} has {count} {noun}", self.path.display())?;
        self.problems
            .iter()
            .try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

// === impl Problem ===

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        write!(f, "{}; {} [{}]", self.cause, self.fix, self.code)
    }
}
