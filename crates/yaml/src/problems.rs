//! Where problems are gathered: checking goes on after the first, so that an author mends a file once.

use std::error::Error;

use crate::nearest::nearest;
use crate::read::one_of;
use crate::text::{At, Spot, Texts};
use crate::{Code, codes};

/// Longest name of anything.
const LONGEST_NAME: usize = 64;

/// The problems found so far, and the texts that they are in.
#[derive(Debug, Default)]
pub struct Problems {
    /// What was found.
    pub notes: Vec<Note>,
    /// What is valid, and hardly meant.
    pub warnings: Vec<Note>,
    /// What it was found in.
    pub texts: Texts,
}

/// A problem, before its line is known.
#[derive(Debug)]
pub struct Note {
    /// Its kind.
    pub code: Code,
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub cause: String,
    /// What to write instead.
    pub fix: String,
}

/// A place in what a file says, `alarms[2] "desaturation": limit`, and in its files.
#[derive(Clone, Debug)]
pub struct Place {
    /// In words; may be empty.
    pub text: String,
    /// In the files.
    pub at: At,
}

// === impl Place ===

impl Place {
    /// Somewhere in a file; nothing more is known.
    pub fn whole(at: At) -> Self {
        Self {
            text: String::new(),
            at,
        }
    }

    /// A section of the file.
    pub fn section(name: &str, at: At) -> Self {
        Self {
            text: name.to_owned(),
            at,
        }
    }

    /// An entry of a list.
    pub fn entry(section: &str, index: usize, name: Option<&str>, at: At) -> Self {
        let name = name.map_or(String::new(), |name| format!(" {name:?}"));
        Self {
            text: format!("{section}[{index}]{name}"),
            at,
        }
    }

    /// A field of this place.
    pub fn field(&self, name: &str, at: At) -> Self {
        Self {
            text: match self.text.is_empty() {
                true => name.to_owned(),
                false => format!("{}: {name}", self.text),
            },
            at,
        }
    }

    /// The same, at other bytes.
    pub fn at(&self, at: At) -> Self {
        Self {
            text: self.text.clone(),
            at,
        }
    }
}

// === impl Problems ===

impl Problems {
    /// Drops the newest note where one since `from` says the same of the same place.
    pub fn drop_repeated(&mut self, from: usize) {
        let says = |note: &Note| (note.place.at, note.cause.clone());
        let is_repeated = self.notes[from..]
            .split_last()
            .is_some_and(|(newest, others)| others.iter().any(|other| says(other) == says(newest)));
        if is_repeated {
            self.notes.pop();
        }
    }

    /// Notes a problem.
    pub fn push(&mut self, code: Code, place: &Place, cause: impl Into<String>, fix: impl Into<String>) {
        self.notes.push(Note {
            code,
            place: place.clone(),
            cause: cause.into(),
            fix: fix.into(),
        });
    }

    /// Notes what is valid, and hardly meant.
    pub fn warn(&mut self, code: Code, place: &Place, cause: impl Into<String>, fix: impl Into<String>) {
        self.warnings.push(Note {
            code,
            place: place.clone(),
            cause: cause.into(),
            fix: fix.into(),
        });
    }

    /// Notes a name that is not one of `known`, with the nearest that is.
    pub fn unknown<'a>(
        &mut self,
        code: Code,
        place: &Place,
        cause: String,
        name: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) {
        let known: Vec<&str> = known.into_iter().collect();
        let fix = match known.len() {
            0 => "there is none to choose from".to_owned(),
            25.. if nearest(name, known.iter().copied()).is_none() => {
                "use a feature, a vital sign, or a field of the patient's context".to_owned()
            }
            _ => one_of(name, &known),
        };
        self.push(code, place, cause, fix);
    }

    /// Checks a name: lower case, so that SQL reads it without quotes, and unique among `taken`.
    pub fn check_name(&mut self, place: &Place, name: &Spot<String>, taken: &[&str]) {
        let (place, name) = (place.at(name.at), name.value.as_str());
        if !is_name(name) {
            self.push(
                codes::BAD_NAME,
                &place,
                format!("{name:?} is not a name"),
                format!(
                    "use a lower-case letter, then lower-case letters, digits and _, at most {LONGEST_NAME}"
                ),
            );
        }
        if taken.contains(&name) {
            self.push(
                codes::NAME_TAKEN,
                &place,
                format!("{name} is the name of an earlier entry too"),
                "give each a name of its own",
            );
        }
    }

    /// Checks that a list stays within its bound.
    pub fn check_count(&mut self, place: &Place, count: usize, most: usize) {
        if count > most {
            self.push(
                codes::TOO_MANY,
                place,
                format!("{count} entries, and at most {most} are allowed"),
                "split it into several pipelines",
            );
        }
    }
}

/// An error as the cause of a problem: with what lies beneath it.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(&format!(": {inner}"));
        source = inner.source();
    }
    text
}

/// Whether a text is a name of an entry.
fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= LONGEST_NAME
        && bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}
