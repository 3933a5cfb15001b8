//! CSV with a header: a long table, a row an observation. Empty cells are absent ones.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use csv::{ByteRecord, Reader, ReaderBuilder, WriterBuilder};
use wardwatch_ingest::{Flaw, Reason};

use super::rows::Rows;
use super::{CHUNK_ROWS, Chunk, Chunks, Opened};
use crate::ReplayError;

struct CsvChunks {
    path: PathBuf,
    reader: Reader<File>,
    schema: SchemaRef,
    rows: Rows,
    bytes: u64,
}

/// Opens a CSV file.
pub(super) fn open(path: &Path, file: usize) -> Result<Opened, ReplayError> {
    let unreadable = |source| ReplayError::Read {
        path: path.into(),
        source,
    };
    let opened = File::open(path).map_err(unreadable)?;
    let bytes = opened.metadata().map_err(unreadable)?.len();
    // Rows of another length than the header's are the rows' fault, not the file's.
    let mut reader = ReaderBuilder::new()
        .flexible(true)
        .buffer_capacity(1 << 18)
        .from_reader(opened);
    let header = reader.headers().map_err(|source| ReplayError::Csv {
        path: path.into(),
        source,
    })?;
    let name = |cell: &str| cell.trim_start_matches('\u{feff}').trim().to_owned();
    let fields = header
        .iter()
        .map(|cell| Field::new(name(cell), DataType::Utf8View, true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let has_arrivals = schema.field_with_name("arrived_at").is_ok();
    let chunks = CsvChunks {
        path: path.into(),
        reader,
        schema,
        rows: Rows::new(file),
        bytes,
    };
    Ok(Opened::rows(chunks, has_arrivals))
}

// === impl CsvChunks ===

impl Chunks for CsvChunks {
    fn next(&mut self) -> Result<Option<Chunk>, ReplayError> {
        let mut columns: Vec<StringViewBuilder> = self
            .schema
            .fields()
            .iter()
            .map(|_| StringViewBuilder::with_capacity(CHUNK_ROWS))
            .collect();
        let mut flawed = Vec::new();
        let mut record = ByteRecord::new();
        let mut rows = 0;
        while rows < CHUNK_ROWS && self.next_record(&mut record)? {
            match texts(&record, columns.len()) {
                Ok(()) => {
                    for (position, column) in columns.iter_mut().enumerate() {
                        let cell = record
                            .get(position)
                            .and_then(|cell| std::str::from_utf8(cell).ok());
                        column.append_option(cell.map(str::trim).filter(|cell| !cell.is_empty()));
                    }
                }
                Err(flaw) => {
                    columns.iter_mut().for_each(StringViewBuilder::append_null);
                    flawed.push((rows, flaw, line(record.iter())));
                }
            }
            rows += 1;
        }
        if rows == 0 {
            return Ok(self.rows.finish());
        }
        let columns: Vec<ArrayRef> = columns
            .into_iter()
            .map(|mut column| Arc::new(column.finish()) as _)
            .collect();
        let batch =
            RecordBatch::try_new(Arc::clone(&self.schema), columns).expect("a cell a row in every column");
        self.rows
            .judge(&batch, &self.path, &flawed, |row| line(cells(&batch, row)))
            .map(Some)
    }

    fn fraction(&self) -> f64 {
        if self.bytes == 0 {
            1.0
        } else {
            self.reader.position().byte() as f64 / self.bytes as f64
        }
    }
}

impl CsvChunks {
    fn next_record(&mut self, record: &mut ByteRecord) -> Result<bool, ReplayError> {
        let read = self.reader.read_byte_record(record);
        read.map_err(|source| ReplayError::Csv {
            path: self.path.clone(),
            source,
        })
    }
}

/// Lets a row pass whose cells are texts, no more of them than columns. With one too many, a comma stands somewhere
/// unquoted, and every cell behind it is in the wrong column.
fn texts(record: &ByteRecord, columns: usize) -> Result<(), Flaw> {
    if record.iter().any(|cell| std::str::from_utf8(cell).is_err()) {
        return Err(Reason::BadUtf8.into());
    }
    if record.len() > columns {
        return Err(Flaw::new(Reason::BadValue, "more cells than the header names"));
    }
    Ok(())
}

fn cells(batch: &RecordBatch, row: usize) -> impl Iterator<Item = &[u8]> {
    batch.columns().iter().map(move |column| {
        let column = column.as_string_view();
        if column.is_null(row) {
            &b""[..]
        } else {
            column.value(row).as_bytes()
        }
    })
}

/// A row as a line of CSV, without its end.
fn line<'c>(cells: impl Iterator<Item = &'c [u8]>) -> Vec<u8> {
    let mut writer = WriterBuilder::new().flexible(true).from_writer(Vec::new());
    writer.write_record(cells).expect("memory takes any bytes");
    let mut line = writer.into_inner().expect("memory takes any bytes");
    line.pop();
    line
}
