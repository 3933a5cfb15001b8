//! Variables in a pipeline: `${NAME}`, or `${NAME:-default}`, inside of any scalar; `$${` is a plain `${`.
//!
//! What a pipeline became is kept as its text, with the values in place: a journal that is stepped again elsewhere must not ask
//! that machine for its variables.

use std::borrow::Cow;

use crate::codes;
use crate::problems::{Place, Problems};
use crate::text::At;

/// Gives the value of a variable.
pub type Lookup<'l> = &'l dyn Fn(&str) -> Option<String>;

/// Fills variables in, and remembers where.
pub struct Variables<'l> {
    lookup: Lookup<'l>,
    /// By file and order: the bytes of scalars that hold some.
    filled: Vec<At>,
}

// === impl Variables ===

impl<'l> Variables<'l> {
    pub fn new(lookup: Lookup<'l>) -> Self {
        Self {
            lookup,
            filled: Vec::new(),
        }
    }

    /// A scalar's text with the values of its variables; a problem is noted for each that has none.
    pub fn fill(&mut self, text: Cow<'_, str>, at: At, problems: &mut Problems) -> String {
        if !text.contains("${") {
            return text.into_owned();
        }
        self.filled.push(at);
        expand(&text, &mut |name, default| {
            let value = (self.lookup)(name).or_else(|| default.map(str::to_owned));
            if value.is_none() {
                problems.push(
                    codes::UNSET_VARIABLE,
                    &Place::whole(at),
                    format!("the variable {name} is not set"),
                    format!("set it in the environment, or give a default: ${{{name}:-value}}"),
                );
            }
            value
        })
    }

    /// The text of a file with the values in place. Escapes stay, so that it reads as it was read.
    pub fn resolved(&self, file: usize, text: &str) -> String {
        let mut resolved = String::with_capacity(text.len());
        let mut done = 0;
        for at in self.filled.iter().filter(|at| at.file == file) {
            resolved.push_str(&text[done..at.start]);
            resolved.push_str(&substitute(&text[at.start..at.end], &mut |name, default| {
                (self.lookup)(name).or_else(|| default.map(str::to_owned))
            }));
            done = at.end;
        }
        resolved + &text[done..]
    }

    /// Whether a file has any.
    pub fn are_in(&self, file: usize) -> bool {
        self.filled.iter().any(|at| at.file == file)
    }
}

/// One piece after the other: `$${` is the escape.
fn expand(text: &str, value: &mut dyn FnMut(&str, Option<&str>) -> Option<String>) -> String {
    pieces(text, value, "${")
}
fn substitute(text: &str, value: &mut dyn FnMut(&str, Option<&str>) -> Option<String>) -> String {
    pieces(text, value, "$${")
}

/// Replaces variables; `escape` is what stands for an escaped one.
fn pieces(text: &str, value: &mut dyn FnMut(&str, Option<&str>) -> Option<String>, escape: &str) -> String {
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            done.push_str(&rest[..at - 1]);
            done.push_str(escape);
            rest = &rest[at + 2..];
            continue;
        }
        done.push_str(&rest[..at]);
        let (inner, after) = match rest[at + 2..].split_once('}') {
            Some(found) => found,
            None => (&rest[at + 2..], ""),
        };
        let (name, default) = match inner.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inner, None),
        };
        done.push_str(&value(name, default).unwrap_or_default());
        rest = after;
    }
    done + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str, default: Option<&str>) -> Option<String> {
        match name {
            "WARD" => Some("north".to_owned()),
            _ => default.map(str::to_owned),
        }
    }

    #[test]
    fn values_defaults_and_escapes() {
        let filled = |text: &str| expand(text, &mut value);
        assert_eq!(filled("vitals.${WARD}"), "vitals.north");
        assert_eq!(filled("${WARD:-south}/${TOPIC:-vitals}.x"), "north/vitals.x");
        assert_eq!(filled("${TOPIC:-}"), "");
        assert_eq!(filled("$${WARD} $5"), "${WARD} $5");
        assert_eq!(substitute("$${WARD} ${WARD}", &mut value), "$${WARD} north");
    }
}
