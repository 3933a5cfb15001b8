//! Texts, and places in them.
//!
//! Everything that is read keeps the bytes it came from, so that
//! a problem can show them: in the YAML, and inside of SQL in the YAML.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// One file.
#[derive(Clone, Debug)]
pub struct FileText {
    /// As problems name it.
    pub name: String,
    /// What it holds.
    pub text: Arc<str>,
}

/// The files that are read as one.
#[derive(Clone, Debug, Default)]
pub struct Texts(pub Vec<FileText>);

/// Bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// Index into [`Texts`].
    pub file: usize,
    /// The first byte.
    pub start: usize,
    /// Behind the last one.
    pub end: usize,
}

/// What was read, and where it stands.
#[derive(Clone, Debug)]
pub struct Spot<T> {
    /// What it says.
    pub value: T,
    /// Where.
    pub at: At,
}

// === impl FileText ===

impl FileText {
    /// What the file at a path holds.
    pub fn new(path: &Path, text: &str) -> Self {
        Self {
            name: path.display().to_string(),
            text: text.into(),
        }
    }
}

// === impl At ===

impl At {
    /// Where a file begins: for what is said of it as a whole.
    pub fn begin_of(file: usize) -> Self {
        Self {
            file,
            start: 0,
            end: 0,
        }
    }
}

// === impl Texts ===

impl Texts {
    /// The text around a place.
    pub fn text(&self, at: At) -> &str {
        self.0.get(at.file).map_or("", |file| &file.text)
    }

    /// The name of the file.
    pub fn name(&self, at: At) -> &str {
        self.0.get(at.file).map_or("", |file| &file.name)
    }

    /// Line and column of a place, from 1; columns count characters.
    pub fn line_and_column(&self, at: At) -> (usize, usize) {
        let before = &self.text(at)[..at.start];
        let line = before.matches('\n').count() + 1;
        let begins = before.rfind('\n').map_or(0, |newline| newline + 1);
        (line, before[begins..].chars().count() + 1)
    }

    /// Where some bytes of a scalar's value stand in its file; the whole scalar where that cannot be told.
    pub fn inside(&self, scalar: &Spot<String>, bytes: Range<usize>) -> At {
        let source = &self.text(scalar.at)[scalar.at.start..scalar.at.end];
        let Some(places) = align(&scalar.value, source) else {
            return scalar.at;
        };
        // White space has no place of its own: of a range, what is within it tells.
        let within: Vec<Range<usize>> = places
            .into_iter()
            .filter(|(value, _)| bytes.contains(value))
            .map(|(_, source)| source)
            .collect();
        match (within.first(), within.last()) {
            (Some(first), Some(last)) => At {
                file: scalar.at.file,
                start: scalar.at.start + first.start,
                end: scalar.at.start + last.end,
            },
            _ => scalar.at,
        }
    }
}

/// For each character of a scalar's value that is no white space, its byte there and its bytes in the source. The YAML reader
/// drops quotes, escapes, indents and line ends, and changes nothing else.
fn align(value: &str, source: &str) -> Option<Vec<(usize, Range<usize>)>> {
    // The header of a block is not part of it.
    let begins = match source.starts_with(['|', '>']) {
        true => source.find('\n')?,
        false => 0,
    };
    let mut rest = source[begins..].char_indices();
    let mut places = Vec::new();
    for (byte, wanted) in value.char_indices().filter(|(_, letter)| !letter.is_whitespace()) {
        let (at, _) = rest.by_ref().find_map(|(at, letter)| match letter {
            _ if letter == wanted => Some(Some((at, letter))),
            '"' | '\'' | '\\' => None,
            _ if letter.is_whitespace() => None,
            _ => Some(None),
        })??;
        places.push((byte, begins + at..begins + at + wanted.len_utf8()));
    }
    Some(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(source: &str, value: &str, word: &str) -> String {
        let texts = Texts(vec![FileText::new(Path::new("p"), source)]);
        let whole = At {
            file: 0,
            start: 0,
            end: source.len(),
        };
        let scalar = Spot {
            value: value.to_owned(),
            at: whole,
        };
        let begin = value.find(word).unwrap();
        let at = texts.inside(&scalar, begin..begin + word.len());
        let (line, column) = texts.line_and_column(at);
        format!("{line}:{column} {}", &source[at.start..at.end])
    }

    #[test]
    fn words_are_found_in_every_style() {
        assert_eq!(found("a + bb", "a + bb", "bb"), "1:5 bb");
        assert_eq!(found("'it''s b'", "it's b", "b"), "1:8 b");
        assert_eq!(found("\"a \\\"q\\\" b\"", "a \"q\" b", "b"), "1:10 b");
        assert_eq!(
            found("|\n    SELECT a,\n      bb\n", "SELECT a,\n  bb\n", "bb"),
            "3:7 bb"
        );
        assert_eq!(found(">-\n  a\n  bb", "a bb", "a bb"), "2:3 a\n  bb");
        assert_eq!(found("ä b", "ä b", "b"), "1:3 b");
    }

    #[test]
    fn what_cannot_be_found_is_the_whole() {
        assert_eq!(found("${WHERE:-x} b", "there b", "b"), "1:1 ${WHERE:-x} b");
    }
}
