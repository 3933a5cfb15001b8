//! Replay: files in; alerts, scores, features and a summary out.
//!
//! ```text
//!   Parquet ┐                                            ┌▶ alerts, scores   NDJSON
//!   CSV     ├─▶ files ─▶ Reader ─▶ Shard::step, finish ──┼▶ features         Parquet
//!   NDJSON  ┘            (one log)                       └▶ quarantine       NDJSON
//! ```
//!
//! | file | room |
//! |---|---|
//! | `files` | a file's rows as observations, or as quarantined with a reason |
//! | `position` | file and row in one number |
//! | `reader` | several files as one log |
//! | `replay` | read, step, write |
//! | `features`, `lines` | the results' files |
//! | `refused` | what the shard did not take, reading by reading |
//! | `summary` | what a replay did, in numbers |
//!
//! REPLAY-1: every reading of the input is taken, counted as a repeat, or in quarantine with a reason.
//!
//! Floor 4. Deliberately absent: an engine of its own. The shard is the one that runs live.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod error;
mod features;
mod files;
mod lines;
mod position;
mod reader;
mod refused;
mod replay;
mod summary;

pub use error::ReplayError;
pub use features::FeatureWriter;
pub use files::{CsvReader, CsvRow, FileReport, FileReports, Inputs, TableColumns};
pub use lines::{LineWriter, QuarantineLine};
pub use position::Position;
pub use reader::{ReadBatch, Reader};
pub use replay::{Progress, Results, replay};
pub use summary::{AlertCount, Summary};
