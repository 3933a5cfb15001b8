//! A line of CSV as its cells (RFC 4180).
//!
//! A quoted cell must end where its quotation mark is closed: whatever follows but a comma shows that a mark is missing
//! somewhere, and which of the marks opens and which closes is then anybody's guess.

/// The cells of one row, without the white space around them.
#[derive(Default)]
pub(super) struct Cells {
    text: String,
    /// Where each cell ends in `text`.
    ends: Vec<usize>,
}

/// A quotation mark that does not close a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OpenQuote {
    /// The byte at which it opens.
    pub at: usize,
    /// Whether more text may close it.
    pub may_close: bool,
}

// === impl Cells ===

impl Cells {
    /// Divides a row, of which every line but the last is followed by a line break.
    pub fn divide(&mut self, row: &str) -> Result<(), OpenQuote> {
        self.text.clear();
        self.ends.clear();
        let mut at = 0;
        loop {
            let rest = &row[at..];
            let cell = rest.trim_start_matches([' ', '\t']);
            let length = match cell.strip_prefix('"') {
                Some(quoted) => {
                    let at = row.len() - cell.len();
                    let open = |may_close| OpenQuote { at, may_close };
                    let behind = self
                        .quoted(quoted)
                        .ok_or(open(true))?
                        .trim_start_matches([' ', '\t']);
                    if !behind.is_empty() && !behind.starts_with(',') {
                        return Err(open(false));
                    }
                    rest.len() - behind.len()
                }
                None => {
                    let length = rest.find(',').unwrap_or(rest.len());
                    self.text.push_str(&rest[..length]);
                    length
                }
            };
            self.ends.push(self.text.len());
            at += length + 1;
            if at > row.len() {
                return Ok(());
            }
        }
    }

    /// Takes what stands up to the closing mark; gives what stands behind it.
    fn quoted<'r>(&mut self, mut rest: &'r str) -> Option<&'r str> {
        loop {
            let (cell, behind) = rest.split_once('"')?;
            self.text.push_str(cell);
            // Two marks are one that belongs to the text.
            let Some(more) = behind.strip_prefix('"') else {
                return Some(behind);
            };
            self.text.push('"');
            rest = more;
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// A cell; an empty one beyond the last.
    pub fn get(&self, place: usize) -> &str {
        let Some(end) = self.ends.get(place) else {
            return "";
        };
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.text[start..*end].trim()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|place| self.get(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn divided(row: &str) -> Result<Vec<String>, OpenQuote> {
        let mut cells = Cells::default();
        cells.divide(row)?;
        Ok(cells.iter().map(str::to_owned).collect())
    }

    #[test]
    fn rows_are_divided() {
        for (row, expected) in [
            ("", &[""][..]),
            ("a", &["a"]),
            ("a,b,", &["a", "b", ""]),
            (" a , b\t", &["a", "b"]),
            (",,", &["", "", ""]),
            ("\"a,b\",c", &["a,b", "c"]),
            ("\"say \"\"hm\"\"\",c", &["say \"hm\"", "c"]),
            ("\"\"\"\"", &["\""]),
            ("\"\",", &["", ""]),
            (" \"a\" , \"b\"", &["a", "b"]),
            ("5\" tube,c", &["5\" tube", "c"]),
            ("\"two\nlines\",c", &["two\nlines", "c"]),
            ("Größe,\"é,à\"", &["Größe", "é,à"]),
        ] {
            assert_eq!(divided(row).unwrap(), expected, "{row}");
        }
    }

    #[test]
    fn an_open_mark_is_found_where_it_opens() {
        let open = |at, may_close| Err(OpenQuote { at, may_close });
        for (row, expected) in [
            ("a,\"b", open(2, true)),
            ("a, \"b,c", open(3, true)),
            ("\"a\"\"", open(0, true)),
            ("\"", open(0, true)),
            ("\"a\" b,c", open(0, false)),
            ("a,\"b\"c\"", open(2, false)),
            ("a,\"b\\\"c\",d", open(2, false)),
            ("\"a\n\",\"b\nc", open(5, true)),
        ] {
            assert_eq!(divided(row), expected, "{row}");
        }
    }
}
