//! From nodes to typed values: every field that is wrong is noted, not only the first.

use std::collections::BTreeMap;

use wardwatch_clinical::AlarmPriority;
use wardwatch_event_time::Span;

use crate::codes;
use crate::nearest::nearest;
use crate::node::{Kind, Node};
use crate::problems::{Place, Problems};
use crate::text::{At, Spot};

/// A value that is written as one scalar.
pub trait Leaf: Sized {
    /// Reads it, or says what is wrong and what to write instead.
    fn read(text: &str) -> Result<Self, (String, String)>;

    /// Whether quotes make it something else, as they do with numbers.
    const IS_PLAIN: bool = false;
}

/// The fields of a mapping, taken one by one; what nobody takes is unknown.
pub struct Fields<'n> {
    place: Place,
    /// None where the node is no mapping.
    entries: Option<&'n [(Spot<String>, Node)]>,
    known: Vec<String>,
    missing: Vec<String>,
    is_sound: bool,
}

// === impl Fields ===

impl<'n> Fields<'n> {
    /// The fields of a node, which is to be a mapping.
    pub fn of(node: &'n Node, place: Place, problems: &mut Problems) -> Self {
        let entries = match &node.kind {
            Kind::Map(entries) => Some(entries.as_slice()),
            _ => {
                let cause = format!("this is {}, and fields are wanted", node.describe());
                problems.push(codes::WRONG_TYPE, &place, cause, "write `name: value` for each");
                None
            }
        };
        Self {
            place,
            is_sound: entries.is_some(),
            entries,
            known: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// The value of a field, if it is there.
    pub fn node(&mut self, name: &str) -> Option<&'n Node> {
        if !self.known.iter().any(|known| known == name) {
            self.known.push(name.to_owned());
        }
        let found = self.entries?.iter().find(|(key, _)| key.value == name);
        found.map(|(_, node)| node)
    }

    /// A field that may be left out; also none where it is wrong, which is noted.
    pub fn may<T: Leaf>(&mut self, name: &str, problems: &mut Problems) -> Option<Spot<T>> {
        let node = self.node(name).filter(|node| !matches!(node.kind, Kind::Null))?;
        self.leaf(name, node, problems)
    }

    /// A field that is a mapping of its own; none where it is left out, or something of it is wrong, which is noted.
    pub fn mapping<T>(
        &mut self,
        name: &str,
        problems: &mut Problems,
        read: impl FnOnce(&mut Fields<'_>, &mut Problems) -> Option<T>,
    ) -> Option<T> {
        let node = self.node(name).filter(|node| !matches!(node.kind, Kind::Null))?;
        let mut fields = Fields::of(node, self.place.field(name, node.at), problems);
        let value = read(&mut fields, problems);
        let is_sound = fields.close(problems);
        self.is_sound &= is_sound && value.is_some();
        value.filter(|_| is_sound)
    }

    /// Whether nothing has been wrong so far, with every field that is there taken.
    pub fn is_sound(&self) -> bool {
        let entries = self.entries.unwrap_or_default();
        self.is_sound && entries.iter().all(|(key, _)| self.known.contains(&key.value))
    }

    fn leaf<T: Leaf>(&mut self, name: &str, node: &Node, problems: &mut Problems) -> Option<Spot<T>> {
        let value = leaf(node, &self.place.field(name, node.at), problems);
        self.is_sound &= value.is_some();
        value
    }

    /// A field that must be there.
    pub fn must<T: Leaf>(&mut self, name: &str, problems: &mut Problems) -> Option<Spot<T>> {
        let node = self.must_node(name)?;
        self.leaf(name, node, problems)
    }

    /// The value of a field that must be there.
    pub fn must_node(&mut self, name: &str) -> Option<&'n Node> {
        let node = self.node(name);
        if node.is_none() && self.entries.is_some() {
            self.missing.push(name.to_owned());
        }
        node
    }

    /// A list; empty where there is none.
    pub fn list(&mut self, name: &str, problems: &mut Problems) -> &'n [Node] {
        match self.node(name) {
            None | Some(Node { kind: Kind::Null, .. }) => &[],
            Some(Node {
                kind: Kind::List(nodes),
                ..
            }) => nodes,
            Some(other) => {
                self.is_sound = false;
                problems.push(
                    codes::WRONG_TYPE,
                    &self.place.field(name, other.at),
                    format!("this is {}, and a list is wanted", other.describe()),
                    "begin each entry with a hyphen: `- …`",
                );
                &[]
            }
        }
    }

    /// Notes what nobody has taken. Whether nothing was wrong.
    pub fn close(mut self, problems: &mut Problems) -> bool {
        let entries = self.entries.unwrap_or_default();
        let known: Vec<&str> = self.known.iter().map(String::as_str).collect();
        let mut meant = Vec::new();
        for (key, _) in entries
            .iter()
            .filter(|(key, _)| !known.contains(&key.value.as_str()))
        {
            meant.extend(nearest(&key.value, known.iter().copied()));
            problems.push(
                codes::UNKNOWN_FIELD,
                &self.place.at(key.at),
                format!("there is no field `{}` here", key.value),
                match key
                    .value
                    .chars()
                    .all(|letter| letter.is_alphanumeric() || "_-".contains(letter))
                {
                    true => one_of(&key.value, &known),
                    // Within braces a comma begins the next field.
                    false => "if it belongs to the value before it, put quotes around that value".to_owned(),
                },
            );
            self.is_sound = false;
        }
        for name in &self.missing {
            self.is_sound = false;
            // Misspelt, it has been told.
            if !meant.contains(&name.as_str()) {
                problems.push(
                    codes::MISSING_FIELD,
                    &self.place,
                    format!("the field `{name}` is missing"),
                    format!("add `{name}:`"),
                );
            }
        }
        self.is_sound
    }
}

/// A scalar as a value.
fn leaf<T: Leaf>(node: &Node, place: &Place, problems: &mut Problems) -> Option<Spot<T>> {
    let wrong = match &node.kind {
        Kind::Scalar { text, is_plain } if *is_plain || !T::IS_PLAIN => match T::read(text) {
            Ok(value) => return Some(Spot { value, at: node.at }),
            Err((cause, fix)) => (codes::WRONG_VALUE, cause, fix),
        },
        Kind::Scalar { .. } => (
            codes::WRONG_TYPE,
            "this is a text, for it has quotes".to_owned(),
            "remove the quotes".to_owned(),
        ),
        _ => (
            codes::WRONG_TYPE,
            format!("this is {}, and one value is wanted", node.describe()),
            "write the value behind the colon".to_owned(),
        ),
    };
    problems.push(wrong.0, place, wrong.1, wrong.2);
    None
}

/// A mapping of names of the author's own to values.
pub fn map<T: Leaf>(
    node: Option<&Node>,
    place: &Place,
    problems: &mut Problems,
) -> BTreeMap<String, (At, Spot<T>)> {
    let entries = match node.map(|node| (&node.kind, node)) {
        None | Some((Kind::Null, _)) => return BTreeMap::new(),
        Some((Kind::Map(entries), _)) => entries,
        Some((_, node)) => {
            let cause = format!("this is {}, and fields are wanted", node.describe());
            problems.push(
                codes::WRONG_TYPE,
                &place.at(node.at),
                cause,
                "write `name: value` for each",
            );
            return BTreeMap::new();
        }
    };
    let read = entries.iter().filter_map(|(key, node)| {
        let value = leaf(node, &place.field(&key.value, node.at), problems)?;
        Some((key.value.clone(), (key.at, value)))
    });
    read.collect()
}

/// The nearest of some names, or all of them.
pub fn one_of(name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("use one of {}", known.join(", ")),
    }
}

/// A value that is one of some words.
pub fn word<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, (String, String)> {
    let found = words.iter().find(|(word, _)| *word == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        (format!("`{text}` is not allowed here"), one_of(text, &known))
    })
}

// === impl Leaf ===

impl Leaf for String {
    fn read(text: &str) -> Result<Self, (String, String)> {
        Ok(text.to_owned())
    }
}

impl Leaf for u32 {
    const IS_PLAIN: bool = true;

    fn read(text: &str) -> Result<Self, (String, String)> {
        let wrong = || {
            (
                format!("`{text}` is no whole number"),
                "write one such as 1".to_owned(),
            )
        };
        text.parse().map_err(|_| wrong())
    }
}

impl Leaf for f64 {
    const IS_PLAIN: bool = true;

    fn read(text: &str) -> Result<Self, (String, String)> {
        let number = text.parse().ok().filter(|number: &Self| number.is_finite());
        number.ok_or_else(|| {
            (
                format!("`{text}` is no number"),
                "write one such as 36.5".to_owned(),
            )
        })
    }
}

impl Leaf for bool {
    const IS_PLAIN: bool = true;

    fn read(text: &str) -> Result<Self, (String, String)> {
        word(text, &[("true", true), ("false", false)])
    }
}

impl Leaf for Span {
    fn read(text: &str) -> Result<Self, (String, String)> {
        Self::parse(text).map_err(|error| {
            let text = error.to_string();
            let (cause, fix) = text
                .split_once("; ")
                .unwrap_or((&text, "write a number and a unit, such as 15s"));
            (cause.to_owned(), fix.to_owned())
        })
    }
}

impl Leaf for AlarmPriority {
    fn read(text: &str) -> Result<Self, (String, String)> {
        word(text, &Self::ALL.map(|priority| (priority.name(), priority)))
    }
}
