//! What can stop a replay. Bad rows never do: they go to quarantine.

use std::path::PathBuf;

use parquet::errors::ParquetError;

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
    /// A file is not Parquet, or its compression is not supported (Snappy and zstd are).
    #[error("reading {} as Parquet", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the decoder says.
        source: ParquetError,
    },
    /// A file is not CSV.
    #[error("reading {} as CSV", path.display())]
    Csv {
        /// The file.
        path: PathBuf,
        /// What the decoder says.
        source: csv::Error,
    },
    /// A column that every observation needs is not there.
    #[error("{}: no column `{column}`; observations need patient_id, ts, code and value", path.display())]
    NoColumn {
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
    /// A file that has to be sorted by arrival is too large to be sorted in memory.
    #[error(
        "{}: more than {most} observations with arrived_at, which are sorted in memory; split the file by patient, or sort it and leave arrived_at out",
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
