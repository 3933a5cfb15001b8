//! What became of each input file: whether it was understood at all.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use wardwatch_ingest::{Quarantined, Reason};

use super::Chunk;

/// Lines that are named, at most.
const MOST_LINES: usize = 10;

/// What became of one input file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// Its path.
    pub file: String,
    /// Readings in it. A line that is refused whole counts as one.
    pub readings: u64,
    /// Context records in it, good or not.
    pub context: u64,
    /// Readings in quarantine, by reason.
    pub quarantined: BTreeMap<Reason, u64>,
    /// CSV: rows with a quotation mark that is not closed.
    pub open_quotes: u64,
    /// The lines on which the first of these open.
    pub open_quote_lines: Vec<u64>,
}

/// The reports of all files, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileReports(Vec<FileReport>);

// === impl FileReport ===

impl FileReport {
    /// Notes what was read. Readings that are no observations come with it.
    pub(super) fn note(&mut self, chunk: &Chunk) {
        self.readings += chunk.observations.readings_len() as u64 + chunk.repeats;
        for quarantined in &chunk.quarantined {
            let readings = quarantined.readings.len().max(1) as u64;
            self.readings += readings;
            self.refuse(quarantined.reason, readings);
        }
        self.open_quotes += chunk.open_quotes.len() as u64;
        let room = MOST_LINES - self.open_quote_lines.len();
        self.open_quote_lines.extend(chunk.open_quotes.iter().take(room));
    }

    /// Notes context records, and lines that are meant as such and are none.
    pub(crate) fn note_context(&mut self, records: usize, flawed: &[Quarantined]) {
        self.context += (records + flawed.len()) as u64;
        flawed.iter().for_each(|flawed| self.refuse(flawed.reason, 1));
    }

    /// Notes readings that were read and refused later.
    pub(crate) fn refuse(&mut self, reason: Reason, readings: u64) {
        *self.quarantined.entry(reason).or_default() += readings;
    }

    /// Readings and context records that could be used. A reading that says that nothing was measured is one.
    pub fn used(&self) -> u64 {
        let refused: u64 = self.quarantined.values().sum();
        (self.readings + self.context).saturating_sub(refused)
    }

    /// Whether at least half of it could be used. A file without a row could not.
    pub fn is_usable(&self) -> bool {
        let used = self.used();
        used > 0 && 2 * used >= self.readings + self.context
    }
}

impl fmt::Display for FileReport {
    /// How much of it was used, and why not more.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.readings + self.context;
        if all == 0 {
            return write!(f, "{}: no row to read", self.file);
        }
        write!(f, "{}: {} of {all} readings", self.file, self.used())?;
        for (nth, (reason, count)) in self.quarantined.iter().enumerate() {
            let before = if nth == 0 { "; in quarantine " } else { ", " };
            write!(f, "{before}{reason} {count}")?;
        }
        Ok(())
    }
}

// === impl FileReports ===

impl FileReports {
    /// Of files that are yet to be read.
    pub(crate) fn new(files: impl Iterator<Item = String>) -> Self {
        let report = |file| FileReport {
            file,
            ..FileReport::default()
        };
        Self(files.map(report).collect())
    }

    pub(crate) fn of_file(&mut self, file: usize) -> &mut FileReport {
        &mut self.0[file]
    }

    /// Notes readings that were refused after they had been read from the file at this place.
    ///
    /// # Panics
    /// If there is no such file.
    pub fn refuse(&mut self, file: usize, reason: Reason, readings: u64) {
        self.0[file].refuse(reason, readings);
    }

    /// As a list.
    pub fn into_vec(self) -> Vec<FileReport> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(readings: u64, context: u64, quarantined: &[(Reason, u64)]) -> FileReport {
        FileReport {
            file: "w.csv".to_owned(),
            readings,
            context,
            quarantined: quarantined.iter().copied().collect(),
            ..FileReport::default()
        }
    }

    #[test]
    fn half_of_a_file_is_enough() {
        for (readings, context, quarantined, is_usable) in [
            (4, 0, &[][..], true),
            (4, 0, &[(Reason::BadTime, 2)], true),
            (4, 0, &[(Reason::BadTime, 2), (Reason::BadRow, 1)], false),
            (3, 0, &[(Reason::BadTime, 2)], false),
            (0, 2, &[], true),
            (2, 2, &[(Reason::BadJson, 2)], true),
            (0, 0, &[], false),
        ] {
            let report = report(readings, context, quarantined);
            assert_eq!(report.is_usable(), is_usable, "{report}");
        }
    }

    #[test]
    fn it_says_how_much_and_why() {
        let some = report(240, 0, &[(Reason::BadRow, 200), (Reason::Late, 9)]);
        assert_eq!(
            some.to_string(),
            "w.csv: 31 of 240 readings; in quarantine late 9, bad_row 200"
        );
        assert_eq!(report(0, 0, &[]).to_string(), "w.csv: no row to read");
    }
}
