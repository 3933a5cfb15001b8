//! Files of observations that a command reads: which, how, and whether they could be used.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use wardwatch_replay::{FileReport, Inputs};

use crate::failure::FAILED;

/// Files of observations, and how they are read.
#[derive(clap::Args)]
pub struct InputFiles {
    /// Observations and context: Parquet, CSV or NDJSON, by the ending
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub input: Vec<PathBuf>,
    /// Keep the order of the rows of files without arrival times; else they are taken in the order of ts
    #[arg(long)]
    as_is: bool,
    /// Let quoted cells of CSV hold line breaks
    #[arg(long)]
    pub multiline: bool,
}

// === impl InputFiles ===

impl InputFiles {
    /// As they are read.
    pub fn inputs(&self) -> Inputs {
        Inputs {
            files: self.input.clone(),
            as_is: self.as_is,
            multiline: self.multiline,
        }
    }
}

/// Says on standard error which quotation marks of CSV are open, and which files could not be used by half. The latter is
/// returned too, to stand before any result.
pub fn unusable(files: &[FileReport]) -> Option<String> {
    note_open_quotes(files);
    let bad = files.iter().filter(|file| !file.is_usable());
    let text: String = bad
        .map(|file| format!("error: less than half of a file could be used: {file}\n"))
        .collect();
    say(&text);
    (!text.is_empty()).then_some(text)
}

/// How a command ends that has done its work over files, of which some may have been of no use.
pub fn exit_code(unusable: Option<&str>) -> ExitCode {
    unusable.map_or(ExitCode::SUCCESS, |_| ExitCode::from(FAILED))
}

/// Says on standard error on which lines quotation marks of CSV open that are not closed.
pub fn note_open_quotes(files: &[FileReport]) {
    for file in files {
        let lines = &file.open_quote_lines;
        for line in lines {
            say(&format!(
                "note: {}:{line}: a quotation mark opens here and is not closed; the row is in quarantine. Close it, or \
                 pass --multiline if its cell holds line breaks\n",
                file.file
            ));
        }
        let more = file.open_quotes - lines.len() as u64;
        if more > 0 {
            say(&format!(
                "note: {}: {more} further quotation marks are not closed\n",
                file.file
            ));
        }
    }
}

/// Writes to standard error.
pub fn say(text: &str) {
    // There is nobody left to tell when standard error is closed.
    drop(std::io::stderr().write_all(text.as_bytes()));
}
