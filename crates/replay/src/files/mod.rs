//! Files of observations, format by format, each as a run of chunks in the order of the file.
//!
//! | file | room |
//! |---|---|
//! | `parquet`, `csv` | long tables: a row an observation |
//! | `columns` | which columns a table needs |
//! | `table` | the columns of a long table, whatever types they came in |
//! | `rows` | rows of a table to messages, or to quarantine |
//! | `ndjson` | canonical observation JSON and context records, a line each |
//! | `arrival` | append times and topics: the order in which a file came in |
//! | `found` | what a file is that cannot be read |
//! | `report` | what became of each file |

mod arrival;
mod columns;
mod csv;
mod found;
mod ndjson;
mod parquet;
mod report;
mod rows;
mod table;

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use wardwatch_event_time::Timestamp;
use wardwatch_ingest::{ContextRecord, Observations, Quarantined};

use crate::ReplayError;
pub(crate) use arrival::{Arrivals, sorted, standing_alone};
pub use columns::TableColumns;
pub use csv::{CsvReader, CsvRow};
pub use report::{FileReport, FileReports};

/// Observations read at once, in rows of the file.
pub(crate) const CHUNK_ROWS: usize = 8_192;

/// Files to read, and how.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// Observations and context: Parquet, CSV or NDJSON, by their endings.
    pub files: Vec<PathBuf>,
    /// A file without arrival times keeps the order of its rows; else it is taken in the order of `ts`.
    pub as_is: bool,
    /// Quoted cells of CSV may hold line breaks.
    pub multiline: bool,
}

impl<P: AsRef<[PathBuf]> + ?Sized> From<&P> for Inputs {
    /// Files, read as they are where nothing is said of it.
    fn from(files: &P) -> Self {
        Self {
            files: files.as_ref().to_vec(),
            ..Self::default()
        }
    }
}

/// A part of a file, in its order.
pub(crate) struct Chunk {
    pub observations: Observations,
    pub quarantined: Vec<Quarantined>,
    /// Readings that repeat an earlier one of their own message.
    pub repeats: u64,
    /// Lines on which quotation marks open that are not closed.
    pub open_quotes: Vec<u64>,
}

/// What was read and is no observation.
#[derive(Default)]
pub(crate) struct Aside {
    pub quarantined: Vec<Quarantined>,
    pub repeats: u64,
}

/// Reads a file's observations from its start to its end.
pub(crate) trait Chunks {
    /// The next chunk; `None` at the end.
    fn next(&mut self) -> Result<Option<Chunk>, ReplayError>;

    /// How much of the file has been read, from 0 to 1.
    fn fraction(&self) -> f64;
}

/// A file, opened.
pub(crate) struct Opened {
    pub chunks: Box<dyn Chunks>,
    /// Context records by their time. They are few (one or two a patient), so they are read at once.
    pub context: VecDeque<(Timestamp, ContextRecord)>,
    /// Lines that are meant as context records and are none.
    pub quarantined: Vec<Quarantined>,
    /// Whether `arrived_at` says in which order observations came.
    pub has_arrivals: bool,
    /// Whether each reading of a message has a row of its own, from the message's offset on.
    pub row_a_reading: bool,
}

// === impl Aside ===

impl Aside {
    /// Sets aside what is no observation; gives the rest. All is noted in the file's report.
    pub fn take(&mut self, chunk: Chunk, report: &mut FileReport) -> Observations {
        report.note(&chunk);
        self.quarantined.extend(chunk.quarantined);
        self.repeats += chunk.repeats;
        chunk.observations
    }
}

// === impl Opened ===

impl Opened {
    /// A file with a row a reading, and no context.
    fn rows(chunks: impl Chunks + 'static, has_arrivals: bool) -> Self {
        Self {
            chunks: Box::new(chunks),
            context: VecDeque::new(),
            quarantined: Vec::new(),
            has_arrivals,
            row_a_reading: true,
        }
    }
}

/// Opens a file by its ending. `file` is its place among the inputs.
pub(crate) fn open(path: &Path, file: usize, multiline: bool) -> Result<Opened, ReplayError> {
    let ending = path
        .extension()
        .and_then(OsStr::to_str)
        .map(str::to_ascii_lowercase);
    match ending.as_deref() {
        Some("parquet") => parquet::open(path, file),
        Some("csv") => csv::open(path, file, multiline),
        Some("ndjson" | "jsonl") => ndjson::open(path, file),
        _ => Err(ReplayError::Format { path: path.into() }),
    }
}
