//! CSV with a header: a long table, a row an observation. Empty cells are absent ones.
//!
//! | file | room |
//! |---|---|
//! | `lines` | the lines of a text file |
//! | `cells` | a line as its cells |
//! | `reader` | header and rows, of whatever kind of table |

mod cells;
mod lines;
mod reader;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringViewBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::columns::OBSERVATIONS;
use super::rows::{Flawed, Rows};
use super::{CHUNK_ROWS, Chunk, Chunks, Opened};
use crate::ReplayError;
pub use reader::{CsvReader, CsvRow};

struct CsvChunks {
    path: PathBuf,
    reader: CsvReader,
    /// The columns that are read, and where they stand in the file.
    schema: SchemaRef,
    places: Vec<usize>,
    rows: Rows,
}

/// Opens a CSV file.
pub(super) fn open(path: &Path, file: usize, multiline: bool) -> Result<Opened, ReplayError> {
    let reader = CsvReader::open(path, &OBSERVATIONS, multiline)?;
    let found = OBSERVATIONS.names().into_iter().filter_map(|name| {
        let place = reader.column(name)?;
        Some((Field::new(name, DataType::Utf8View, true), place))
    });
    let (fields, places): (Vec<Field>, Vec<usize>) = found.unzip();
    let schema = Arc::new(Schema::new(fields));
    let has_arrivals = schema.field_with_name("arrived_at").is_ok();
    let chunks = CsvChunks {
        path: path.into(),
        reader,
        schema,
        places,
        rows: Rows::new(file),
    };
    Ok(Opened::rows(chunks, has_arrivals))
}

// === impl CsvChunks ===

impl Chunks for CsvChunks {
    fn next(&mut self) -> Result<Option<Chunk>, ReplayError> {
        let mut columns: Vec<StringViewBuilder> = self
            .places
            .iter()
            .map(|_| StringViewBuilder::with_capacity(CHUNK_ROWS))
            .collect();
        let (mut texts, mut ends) = (Vec::new(), Vec::new());
        let (mut flawed, mut open_quotes) = (Vec::new(), Vec::new());
        let mut row = CsvRow::default();
        while ends.len() < CHUNK_ROWS && self.reader.next(&mut row)? {
            let flaw = row.flaw();
            flawed.extend(flaw.map(|flaw| Flawed {
                row: ends.len(),
                flaw,
            }));
            open_quotes.extend(row.open_quote());
            for (place, column) in self.places.iter().zip(&mut columns) {
                let cell = Some(row.cell(*place)).filter(|cell| flaw.is_none() && !cell.is_empty());
                column.append_option(cell);
            }
            texts.extend_from_slice(row.bytes());
            ends.push(texts.len());
        }
        if ends.is_empty() {
            return Ok(self.rows.finish());
        }
        let columns: Vec<ArrayRef> = columns
            .into_iter()
            .map(|mut column| Arc::new(column.finish()) as _)
            .collect();
        let batch =
            RecordBatch::try_new(Arc::clone(&self.schema), columns).expect("a cell a row in every column");
        let as_it_stood = |row: usize| {
            let start = if row == 0 { 0 } else { ends[row - 1] };
            texts[start..ends[row]].to_vec()
        };
        let mut chunk = self.rows.judge(&batch, &self.path, &flawed, as_it_stood)?;
        chunk.open_quotes = open_quotes;
        Ok(Some(chunk))
    }

    fn fraction(&self) -> f64 {
        self.reader.fraction()
    }
}
