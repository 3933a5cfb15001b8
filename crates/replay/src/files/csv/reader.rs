//! Reads CSV row by row: a header, then rows of cells separated by commas.
//!
//! A row is one line. With `multiline` a quoted cell may hold line breaks; then a row ends where its quotation marks are all
//! closed, [`LONGEST_ROW`] bytes later at most.
//!
//! CSV-1: a row that cannot be divided takes no other with it: the lines behind its first are read as rows of their own.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use wardwatch_ingest::{Flaw, Reason};

use super::super::columns::TableColumns;
use super::super::found::{self, BYTE_ORDER_MARK};
use super::cells::{Cells, OpenQuote};
use super::lines::{LONGEST, Line, Lines};
use crate::ReplayError;

/// Bytes of a row of several lines, at most.
const LONGEST_ROW: usize = 1 << 16;

/// Reads a CSV file.
pub struct CsvReader {
    path: PathBuf,
    lines: Lines,
    header: Vec<String>,
    multiline: bool,
    bytes: u64,
}

/// One row, under the header.
#[derive(Default)]
pub struct CsvRow {
    line: Line,
    cells: Cells,
    flaw: Option<Flaw>,
    open_quote: Option<u64>,
}

// === impl CsvReader ===

impl CsvReader {
    /// Opens a file that has these columns.
    ///
    /// # Errors
    /// It cannot be read, is not UTF-8 text, or has not these columns.
    pub fn open(path: &Path, columns: &TableColumns, multiline: bool) -> Result<Self, ReplayError> {
        let failed = |source| ReplayError::Read {
            path: path.into(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        let mut file = BufReader::with_capacity(1 << 18, file);
        let head = file.fill_buf().map_err(failed)?;
        found::check_text(path, head)?;
        let mark = if head.starts_with(BYTE_ORDER_MARK) {
            BYTE_ORDER_MARK.len()
        } else {
            0
        };
        file.consume(mark);
        let mut reader = Self {
            path: path.into(),
            lines: Lines::new(file),
            header: Vec::new(),
            multiline,
            bytes: bytes - mark as u64,
        };
        reader.read_header(columns)?;
        Ok(reader)
    }

    fn read_header(&mut self, columns: &TableColumns) -> Result<(), ReplayError> {
        let mut row = CsvRow::default();
        let mut is_empty = !self.next(&mut row)?;
        // With commas it says what holds anyway.
        if !is_empty && row.bytes().eq_ignore_ascii_case(b"sep=,") {
            is_empty = !self.next(&mut row)?;
        }
        if let Some(flaw) = row.flaw {
            return Err(ReplayError::CsvHeader {
                path: self.path.clone(),
                line: row.open_quote.unwrap_or(row.line.number),
                flaw,
            });
        }
        self.header = row.cells.iter().map(str::to_owned).collect();
        let header = String::from_utf8_lossy(row.bytes()).into_owned();
        let mut next = Line::default();
        self.lines
            .next(&mut next)
            .map_err(|source| self.unreadable(source))?;
        let found = || match is_empty {
            true => "; the file is empty".to_owned(),
            false => found::in_header(&header, &String::from_utf8_lossy(&next.bytes), &columns.names()),
        };
        columns.check(&self.path, self.header.iter().map(String::as_str), found)?;
        if next.number > 0 {
            self.lines.put_back(vec![next]);
        }
        Ok(())
    }

    /// The place of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|column| column == name)
    }

    /// Reads the next row; false when there is none. Blank lines are none.
    ///
    /// # Errors
    /// The file cannot be read on.
    pub fn next(&mut self, row: &mut CsvRow) -> Result<bool, ReplayError> {
        loop {
            if !self
                .lines
                .next(&mut row.line)
                .map_err(|source| self.unreadable(source))?
            {
                return Ok(false);
            }
            if !row.line.bytes.trim_ascii().is_empty() {
                break;
            }
        }
        (row.flaw, row.open_quote) = (None, None);
        let divided = row.divide();
        match divided {
            Ok(()) => row.flaw = row.judge(self.header.len()),
            Err(Undivided::Flaw(flaw)) => row.flaw = Some(flaw),
            Err(Undivided::Open(open)) => self.read_on(row, open)?,
        }
        Ok(true)
    }

    /// Takes further lines into a row, until its quotation marks are closed. Where they never are, it ends with its first.
    fn read_on(&mut self, row: &mut CsvRow, mut open: OpenQuote) -> Result<(), ReplayError> {
        let first = row.line.bytes.len();
        let mut more = Vec::new();
        while self.multiline && open.may_close && row.line.bytes.len() < LONGEST_ROW {
            let mut line = Line::default();
            if !self
                .lines
                .next(&mut line)
                .map_err(|source| self.unreadable(source))?
            {
                break;
            }
            row.line.bytes.push(b'\n');
            row.line.bytes.extend_from_slice(&line.bytes);
            row.line.is_ended = line.is_ended;
            let may_close = line.bytes.contains(&b'"');
            more.push(line);
            match may_close.then(|| row.divide()) {
                None => {}
                Some(Ok(())) => {
                    row.flaw = row.judge(self.header.len());
                    return Ok(());
                }
                Some(Err(Undivided::Open(still))) => open = still,
                Some(Err(Undivided::Flaw(_))) => break,
            }
        }
        let before = &row.line.bytes[..open.at];
        row.open_quote = Some(row.line.number + before.iter().filter(|byte| **byte == b'\n').count() as u64);
        row.flaw = Some(Flaw::new(Reason::BadRow, "a quotation mark is not closed"));
        row.line.bytes.truncate(first);
        self.lines.put_back(more);
        Ok(())
    }

    /// How much has been read, from 0 to 1.
    pub(super) fn fraction(&self) -> f64 {
        match self.bytes {
            0 => 1.0,
            bytes => self.lines.read as f64 / bytes as f64,
        }
    }

    fn unreadable(&self, source: std::io::Error) -> ReplayError {
        ReplayError::Read {
            path: self.path.clone(),
            source,
        }
    }
}

/// Why a row has no cells.
enum Undivided {
    Open(OpenQuote),
    Flaw(Flaw),
}

// === impl CsvRow ===

impl CsvRow {
    /// The line it begins on, from 1.
    pub fn line(&self) -> u64 {
        self.line.number
    }

    /// What makes its cells doubtful.
    pub fn flaw(&self) -> Option<Flaw> {
        self.flaw
    }

    /// The line on which a quotation mark opens that is not closed.
    pub fn open_quote(&self) -> Option<u64> {
        self.open_quote
    }

    /// A cell without white space around it; an empty one where there is none.
    pub fn cell(&self, column: usize) -> &str {
        self.cells.get(column)
    }

    /// The row as it stood.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.line.bytes
    }

    fn divide(&mut self) -> Result<(), Undivided> {
        let bytes = &self.line.bytes;
        if bytes.len() >= LONGEST {
            return Err(Undivided::Flaw(Flaw::new(
                Reason::BadRow,
                "longer than a row can be",
            )));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| Undivided::Flaw(Reason::BadUtf8.into()))?;
        if text.contains('\0') {
            return Err(Undivided::Flaw(Flaw::new(Reason::BadRow, "a NUL byte")));
        }
        self.cells.divide(text).map_err(Undivided::Open)
    }

    /// What is wrong with its cells, under a header of so many columns; a header is under none.
    fn judge(&self, columns: usize) -> Option<Flaw> {
        if columns == 0 {
            return None;
        }
        // A comma too many is a cell that is empty. Anything else, a decimal comma say, has moved the cells behind it.
        if self.cells.iter().skip(columns).any(|cell| !cell.is_empty()) {
            return Some(Flaw::new(Reason::BadRow, "more cells than the header names"));
        }
        // What was cut off may belong to the last value: 9 of 97.
        if !self.line.is_ended && self.cells.len() < columns {
            return Some(Flaw::new(Reason::BadRow, "the file ends within the row"));
        }
        None
    }
}

#[cfg(test)]
mod tests;
