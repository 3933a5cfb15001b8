//! Where problems are gathered: checking goes on after the first, so that an author mends a file once.

use crate::Problem;
use crate::nearest::nearest;

/// Longest name of anything.
const LONGEST_NAME: usize = 64;

/// The problems found so far.
#[derive(Debug, Default)]
pub(crate) struct Problems(pub Vec<Problem>);

/// A place in the file: `alarms[2] "desaturation"`, with the line it begins in.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    text: String,
    line: u64,
}

// === impl Place ===

impl Place {
    /// A section of the file.
    pub fn section(name: &str) -> Self {
        Self {
            text: name.to_owned(),
            line: 0,
        }
    }

    /// An entry of a list.
    pub fn entry(section: &str, index: usize, name: &str, line: u64) -> Self {
        Self {
            text: format!("{section}[{index}] {name:?}"),
            line,
        }
    }

    /// A field of this place.
    pub fn field(&self, name: &str) -> Self {
        Self {
            text: format!("{}: {name}", self.text),
            line: self.line,
        }
    }
}

// === impl Problems ===

impl Problems {
    /// Notes a problem.
    pub fn push(&mut self, place: &Place, cause: impl Into<String>, fix: impl Into<String>) {
        let problem = Problem {
            place: place.text.clone(),
            line: place.line,
            cause: cause.into(),
            fix: fix.into(),
        };
        self.0.push(problem);
    }

    /// Notes a name that is not one of `known`, with the nearest that is.
    pub fn unknown<'a>(
        &mut self,
        place: &Place,
        cause: String,
        name: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) {
        let known: Vec<&str> = known.into_iter().collect();
        let fix = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "there is none to choose from".to_owned(),
            None if known.len() <= 24 => format!("use one of {}", known.join(", ")),
            None => "use a feature, a vital sign, or a field of the patient's context".to_owned(),
        };
        self.push(place, cause, fix);
    }

    /// Checks a name: lower case, so that SQL reads it without quotes, and unique among `taken`.
    pub fn check_name(&mut self, place: &Place, name: &str, taken: &[&str]) {
        if !is_name(name) {
            self.push(
                place,
                format!("{name:?} is not a name"),
                format!(
                    "use a lower-case letter, then lower-case letters, digits and _, at most {LONGEST_NAME}"
                ),
            );
        }
        if taken.contains(&name) {
            self.push(
                place,
                format!("{name} is the name of an earlier entry too"),
                "give each a name of its own",
            );
        }
    }

    /// Checks that a list stays within its bound.
    pub fn check_count(&mut self, section: &str, count: usize, most: usize) {
        if count > most {
            self.push(
                &Place::section(section),
                format!("{count} entries, and at most {most} are allowed"),
                "split it into several pipelines",
            );
        }
    }
}

/// Whether a text is a name of an entry.
fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= LONGEST_NAME
        && bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}
