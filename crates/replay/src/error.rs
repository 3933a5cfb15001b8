//! What can stop a replay. Bad rows never do: they go to quarantine.

use std::path::PathBuf;

use parquet::errors::ParquetError;
use wardwatch_ingest::Flaw;

/// Why a replay stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The file's name does not end in a format that is read here.
    #[error("{}: not a .parquet, .csv, .ndjson or .jsonl file; convert it, or give it its format's ending", path.display())]
    Format {
        /// The file.
        path: PathBuf,
    },
    /// More files than a position can tell apart.
    #[error(
        "{files} input files; at most {most} are read in one run: replay them in parts, or put them into one"
    )]
    TooManyFiles {
        /// How many were given.
        files: usize,
        /// How many can be read.
        most: usize,
    },
    /// A file cannot be opened or read.
    #[error("reading {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file is not Parquet, or its compression is not read (LZO).
    #[error("reading {} as Parquet", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the decoder says.
        source: ParquetError,
    },
    /// A file that is meant as text is none in UTF-8.
    #[error("{}: this is {found}; save it as UTF-8 text, or give it its format's ending", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// What it seems to be.
        found: &'static str,
    },
    /// The header of a CSV file cannot be divided into names of columns.
    #[error("{}:{line}: the header cannot be read ({flaw}); write one line of names, in UTF-8", path.display())]
    CsvHeader {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
        /// What is wrong.
        flaw: Flaw,
    },
    /// A column that every row needs is not there.
    #[error("{}: no column `{column}`; {rows} need {needed}{found}", path.display())]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        column: &'static str,
        /// What the rows are.
        rows: &'static str,
        /// The columns that they need.
        needed: String,
        /// What the header shows instead: nothing, or half sentences behind semicolons.
        found: String,
    },
    /// A column that is read is there twice.
    #[error("{}: the column `{column}` stands there twice; keep one of them", path.display())]
    ColumnTwice {
        /// The file.
        path: PathBuf,
        /// The column.
        column: &'static str,
    },
    /// A column is of a type that cannot hold what its name says.
    #[error("{}: column `{column}` is of type {data_type}; expected {expected}", path.display())]
    ColumnType {
        /// The file.
        path: PathBuf,
        /// The column.
        column: &'static str,
        /// Its Arrow type.
        data_type: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// A file that has to be sorted is too large to be sorted in memory.
    #[error(
        "{}: more than {most} observations, which are sorted in memory; split the file by patient, or sort it, leave arrived_at out and pass --as-is",
        path.display()
    )]
    TooLargeToSort {
        /// The file.
        path: PathBuf,
        /// The bound, in observations.
        most: usize,
    },
    /// A result cannot be written. What was written of it so far may be incomplete.
    #[error("writing {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Features cannot be written. What was written so far is no complete Parquet file.
    #[error("writing features to {}", path.display())]
    Features {
        /// The file.
        path: PathBuf,
        /// What the encoder says.
        source: ParquetError,
    },
    /// The shard could not go on: a defect of ours, or SQL that fails on these data.
    #[error("stepping the engine")]
    Step(#[from] wardwatch_shard::StepError),
}
