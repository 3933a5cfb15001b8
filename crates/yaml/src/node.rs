//! YAML as a tree that knows where everything stands.
//!
//! Anchors, aliases and merge keys (`<<`) are resolved; tags are refused. Variables, `${NAME}` and `${NAME:-default}`, are put
//! into scalars only, so that no value of one can change the file's structure.

use std::borrow::Cow;
use std::collections::BTreeMap;

use granit_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span};

use crate::codes;
use crate::problems::{Place, Problems};
use crate::text::{At, Spot};
use crate::variables::Variables;

/// Most nodes of a file: aliases of aliases could grow without bound.
const MOST_NODES: usize = 20_000;

/// A value and its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it stands.
    pub at: At,
    /// What it is.
    pub kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Nothing: `name:`, `~`, `null`.
    Null,
    /// One value.
    Scalar {
        /// As it reads, without quotes and escapes, with the values of variables.
        text: String,
        /// Without quotes, so that it may be a number or a truth value.
        is_plain: bool,
    },
    /// Several values.
    List(Vec<Node>),
    /// Fields: names, none twice, and their values.
    Map(Vec<(Spot<String>, Node)>),
}

struct Reader<'t, 'v, 'l> {
    events: Parser<'t, granit_parser::StrInput<'t>>,
    text: &'t str,
    file: usize,
    nodes: usize,
    anchors: BTreeMap<usize, Node>,
    variables: &'v mut Variables<'l>,
    problems: &'v mut Problems,
}

/// Why reading ended. Problems that do not end it are noted.
enum End {
    Syntax(ScanError),
    TooMany,
}

/// The documents of a file. Where it is not YAML, that is noted, and what came before is given.
pub fn documents(
    text: &str,
    file: usize,
    variables: &mut Variables<'_>,
    problems: &mut Problems,
) -> Vec<Node> {
    let mut reader = Reader {
        events: Parser::new_from_str(text),
        text,
        file,
        nodes: 0,
        anchors: BTreeMap::new(),
        variables,
        problems,
    };
    let mut documents = Vec::new();
    if let Err(end) = reader.stream(&mut documents) {
        let (at, cause) = match end {
            End::Syntax(error) => {
                let start = byte(text, error.marker());
                let end = start + text[start..].chars().next().map_or(0, char::len_utf8);
                (At { file, start, end }, error.info())
            }
            End::TooMany => (
                At::begin_of(file),
                format!("it has more than {MOST_NODES} values"),
            ),
        };
        let line = text[at.start..].lines().next().unwrap_or_default();
        let is_variable = line.starts_with("${") || text[..at.start].ends_with('$');
        let fix = match cause.contains("tab") {
            true => "YAML indents with spaces: put some instead of the tab",
            false if is_variable => "within braces a variable needs quotes: \"${NAME}\"",
            false => "correct the YAML here, or a line above: indentation, quotes, brackets",
        };
        problems.push(codes::YAML_SYNTAX, &Place::whole(at), cause, fix);
        documents.clear();
    }
    documents
}

/// The byte of a place; at the end of the file the last one.
fn byte(text: &str, marker: &Marker) -> usize {
    let by_characters = || text.char_indices().nth(marker.index()).map(|(byte, _)| byte);
    marker
        .byte_offset()
        .or_else(by_characters)
        .map_or(text.len(), |byte| byte.min(text.len()))
}

// === impl Reader ===

impl<'t> Reader<'t, '_, '_> {
    fn stream(&mut self, documents: &mut Vec<Node>) -> Result<(), End> {
        while let Some((event, span)) = self.next()? {
            match event {
                Event::StreamStart | Event::StreamEnd | Event::DocumentStart(..) | Event::DocumentEnd => {}
                other => documents.push(self.node(other, span)?),
            }
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<(Event<'t>, Span)>, End> {
        loop {
            match self.events.next() {
                None => return Ok(None),
                Some(Err(error)) => return Err(End::Syntax(error)),
                Some(Ok((Event::Comment(..), _))) => {}
                Some(Ok(event)) => return Ok(Some(event)),
            }
        }
    }

    fn node(&mut self, event: Event<'t>, span: Span) -> Result<Node, End> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(End::TooMany);
        }
        let at = self.at(span);
        let (kind, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.check_tag(tag.is_some(), at);
                (self.scalar(text, style, at), anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.check_tag(tag.is_some(), at);
                (Kind::List(self.list()?), anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.check_tag(tag.is_some(), at);
                (Kind::Map(self.map()?), anchor)
            }
            Event::Alias(anchor) => return self.alias(anchor, at),
            _ => (Kind::Null, 0),
        };
        let node = Node { at, kind };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    /// An alias stands where it is written, what it holds where that is written.
    fn alias(&mut self, anchor: usize, at: At) -> Result<Node, End> {
        let kind = match self.anchors.get(&anchor) {
            Some(node) => node.kind.clone(),
            // An alias within its own anchor.
            None => Kind::Null,
        };
        self.nodes += kind.count();
        if self.nodes > MOST_NODES {
            return Err(End::TooMany);
        }
        Ok(Node { at, kind })
    }

    fn list(&mut self) -> Result<Vec<Node>, End> {
        let mut list = Vec::new();
        while let Some((event, span)) = self.next()? {
            match event {
                Event::SequenceEnd => break,
                event => list.push(self.node(event, span)?),
            }
        }
        Ok(list)
    }

    fn map(&mut self) -> Result<Vec<(Spot<String>, Node)>, End> {
        let mut map: Vec<(Spot<String>, Node)> = Vec::new();
        let mut merged = Vec::new();
        while let Some((event, span)) = self.next()? {
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let key = self.node(event, span)?;
            let Some((event, span)) = self.next()? else { break };
            let value = self.node(event, span)?;
            match key.kind {
                Kind::Scalar { text, is_plain: true } if text == "<<" => merged.push(value),
                Kind::Scalar { text, .. } if map.iter().any(|(earlier, _)| earlier.value == text) => {
                    self.problems.push(
                        codes::FIELD_TWICE,
                        &Place::whole(key.at),
                        format!("the field `{text}` is given twice"),
                        "keep one of them",
                    );
                }
                Kind::Scalar { text, .. } => map.push((
                    Spot {
                        value: text,
                        at: key.at,
                    },
                    value,
                )),
                _ => self.problems.push(
                    codes::WRONG_TYPE,
                    &Place::whole(key.at),
                    "this is no name of a field",
                    "write `name: value`",
                ),
            }
        }
        for entry in merged.into_iter().flat_map(Node::into_entries) {
            if !map.iter().any(|(own, _)| own.value == entry.0.value) {
                map.push(entry);
            }
        }
        Ok(map)
    }

    fn scalar(&mut self, text: Cow<'t, str>, style: ScalarStyle, at: At) -> Kind {
        let is_plain = style == ScalarStyle::Plain;
        match &*text {
            "" | "~" | "null" if is_plain => Kind::Null,
            _ => Kind::Scalar {
                text: self.variables.fill(text, at, self.problems),
                is_plain,
            },
        }
    }

    fn check_tag(&mut self, is_tagged: bool, at: At) {
        if is_tagged {
            self.problems.push(
                codes::YAML_SYNTAX,
                &Place::whole(at),
                "YAML tags mean nothing here",
                "remove the word that begins with an exclamation mark",
            );
        }
    }

    fn at(&self, span: Span) -> At {
        let bytes = span.byte_range().unwrap_or_default();
        // A block's range goes on to what follows it.
        let length = self
            .text
            .get(bytes.clone())
            .map_or(0, |text| text.trim_end().len());
        At {
            file: self.file,
            start: bytes.start,
            end: bytes.start + length,
        }
    }
}

// === impl Node ===

impl Node {
    /// What it is, in words.
    pub fn describe(&self) -> &'static str {
        match self.kind {
            Kind::Null => "nothing",
            Kind::Scalar { .. } => "a text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
        }
    }

    /// The first place at which two trees say different things.
    pub fn differs_from(&self, other: &Self) -> Option<At> {
        match (&self.kind, &other.kind) {
            (Kind::Null, Kind::Null) => None,
            (
                Kind::Scalar { text, is_plain },
                Kind::Scalar {
                    text: other,
                    is_plain: is_other_plain,
                },
            ) if text == other && is_plain == is_other_plain => None,
            (Kind::List(nodes), Kind::List(others)) if nodes.len() == others.len() => nodes
                .iter()
                .zip(others)
                .find_map(|(node, other)| node.differs_from(other)),
            (Kind::Map(fields), Kind::Map(others)) if fields.len() == others.len() => fields
                .iter()
                .zip(others)
                .find_map(
                    |((name, node), (other_name, other))| match name.value == other_name.value {
                        true => node.differs_from(other),
                        false => Some(name.at),
                    },
                ),
            _ => Some(self.at),
        }
    }

    /// The value of a mapping's field.
    pub fn field(&self, name: &str) -> Option<&Self> {
        let Kind::Map(fields) = &self.kind else {
            return None;
        };
        let found = fields.iter().find(|(key, _)| key.value == name);
        found.map(|(_, value)| value)
    }

    /// A scalar's text.
    pub fn as_text(&self) -> Option<Spot<String>> {
        let Kind::Scalar { text, .. } = &self.kind else {
            return None;
        };
        Some(Spot {
            value: text.clone(),
            at: self.at,
        })
    }

    /// The entries of a mapping, or of each in a list of them, as a merge key takes them.
    fn into_entries(self) -> Vec<(Spot<String>, Self)> {
        match self.kind {
            Kind::Map(entries) => entries,
            Kind::List(nodes) => nodes.into_iter().flat_map(Self::into_entries).collect(),
            Kind::Null | Kind::Scalar { .. } => Vec::new(),
        }
    }
}

// === impl Kind ===

impl Kind {
    fn count(&self) -> usize {
        match self {
            Self::Null | Self::Scalar { .. } => 1,
            Self::List(nodes) => nodes.iter().map(|node| node.kind.count()).sum::<usize>() + 1,
            Self::Map(entries) => {
                entries
                    .iter()
                    .map(|(_, node)| node.kind.count() + 1)
                    .sum::<usize>()
                    + 1
            }
        }
    }
}
