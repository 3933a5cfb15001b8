//! Every problem of a file, for people and for programs.

use std::fmt;
use std::path::PathBuf;

use annotate_snippets::Level;

use crate::problems::{Note, Problems};
use crate::text::{At, Texts};
use crate::{Code, codes, report};

/// Every problem of a file, with the texts that they are in.
#[derive(Debug)]
pub struct Invalid {
    path: PathBuf,
    problems: Vec<Problem>,
    texts: Texts,
}

/// What is valid in a file, and hardly meant, with the texts that it is in.
#[derive(Debug, Default)]
pub struct Warnings {
    warnings: Vec<Problem>,
    texts: Texts,
}

/// One problem of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its kind.
    pub code: Code,
    /// Where in what it says: `alarms[2] "desaturation": limit`; may be empty.
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
    /// The bytes that are wrong.
    pub at: At,
}

// === impl Invalid ===

impl Invalid {
    /// The problems, each reported once.
    pub fn new(path: PathBuf, problems: Problems) -> Self {
        let Problems { notes, texts, .. } = problems;
        let mut problems: Vec<Problem> = located(notes, &texts);
        // Whatever else is wrong with a value that is not there is no news.
        let unset: Vec<_> = problems
            .iter()
            .filter(|problem| problem.code == codes::UNSET_VARIABLE)
            .map(|problem| problem.at)
            .collect();
        problems.retain(|problem| problem.code == codes::UNSET_VARIABLE || !unset.contains(&problem.at));
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
        report::with_lines(Level::ERROR, &self.problems, &self.texts, in_colour)
    }
}

/// Notes with their lines, in the order of the files; what is said twice of one place is reported once.
fn located(notes: Vec<Note>, texts: &Texts) -> Vec<Problem> {
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
    problems.sort_by_key(|problem| problem.at);
    problems.dedup();
    problems
}

// === impl Warnings ===

impl Warnings {
    /// The warnings of problems, of which there are no others.
    pub fn new(problems: Problems) -> Self {
        Self {
            warnings: located(problems.warnings, &problems.texts),
            texts: problems.texts,
        }
    }

    /// The warnings, in the order of the files.
    pub fn all(&self) -> &[Problem] {
        &self.warnings
    }

    /// The warnings with the lines that they are in, for a terminal; in colour or not.
    pub fn with_lines(&self, in_colour: bool) -> String {
        report::with_lines(Level::WARNING, &self.warnings, &self.texts, in_colour)
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
