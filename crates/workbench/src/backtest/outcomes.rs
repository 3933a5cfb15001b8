//! What became of the patients: a CSV file with a row each.
//!
//! | column | holds |
//! |---|---|
//! | `patient_id` | as in the observations |
//! | `outcome` | 1 where it came, 0 where not |
//! | `outcome_at` | when it came (RFC 3339); may be empty: then it came after all observations |
//! | `age`, `sex`, `unit` | for comparisons by group; may be empty or missing |

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use wardwatch_event_time::{Span, Timestamp};
use wardwatch_replay::{CsvReader, CsvRow, ReplayError, TableColumns};

/// Ages at which groups begin.
const AGES: [f64; 4] = [0.0, 45.0, 65.0, 80.0];

/// A group of fewer patients tells nothing.
pub(super) const SMALLEST_GROUP: usize = 30;

/// What became of a patient.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fate {
    /// Whether the outcome came.
    pub came: bool,
    /// When.
    pub at: Option<Timestamp>,
    /// Age in years.
    pub age: Option<f64>,
    /// As the file writes it.
    pub sex: Option<String>,
    /// As the file writes it.
    pub unit: Option<String>,
}

/// The columns of outcomes.
const OUTCOMES: TableColumns = TableColumns {
    rows: "outcomes",
    needed: &["patient_id", "outcome"],
    optional: &["outcome_at", "age", "sex", "unit"],
};

/// Why outcomes cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutcomesError {
    /// The file cannot be read, or is no table of outcomes.
    #[error(transparent)]
    File(#[from] ReplayError),
    /// A row does not say what became of a patient. What it says is patient data: only its place is told.
    #[error("{}:{line}: {cause}; {fix}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
        /// What is wrong.
        cause: String,
        /// What to do.
        fix: &'static str,
    },
}

/// Reads a file. With `multiline`, quoted cells may hold line breaks.
///
/// # Errors
/// [`OutcomesError`], with the line.
pub fn read(path: &Path, multiline: bool) -> Result<BTreeMap<String, Fate>, OutcomesError> {
    let mut reader = CsvReader::open(path, &OUTCOMES, multiline)?;
    let mut row = CsvRow::default();
    let mut fates = BTreeMap::new();
    while reader.next(&mut row)? {
        let wrong = |line, (cause, fix): (String, _)| OutcomesError::Row {
            path: path.into(),
            line,
            cause,
            fix,
        };
        if let Some(flaw) = row.flaw() {
            let line = row.open_quote().unwrap_or(row.line());
            let fix = "mend the row; pass --multiline if quoted cells hold line breaks";
            return Err(wrong(line, (flaw.to_string(), fix)));
        }
        let cell = |name| reader.column(name).map_or("", |column| row.cell(column));
        let fate = fate(cell).map_err(|why| wrong(row.line(), why))?;
        if fates.insert(cell("patient_id").to_owned(), fate).is_some() {
            let why = (
                "the patient has an earlier row too".to_owned(),
                "keep one row a patient",
            );
            return Err(wrong(row.line(), why));
        }
    }
    Ok(fates)
}

/// What became of a patient, by the cells of a row; or what is wrong with them, and what to do.
fn fate<'r>(cell: impl Fn(&'static str) -> &'r str) -> Result<Fate, (String, &'static str)> {
    let came = match cell("outcome") {
        "1" => true,
        "0" => false,
        _ => {
            let cause = "outcome is neither 0 nor 1".to_owned();
            return Err((cause, "write 1 where the outcome came, else 0"));
        }
    };
    if cell("patient_id").is_empty() {
        return Err((
            "no patient_id".to_owned(),
            "name the patient as the observations do",
        ));
    }
    let text = |name| Some(cell(name)).filter(|text| !text.is_empty());
    let at = text("outcome_at")
        .map(|text| Timestamp::parse_rfc3339(text.as_bytes()))
        .transpose();
    let fix = "write one such as 2026-01-01T00:00:00Z, or nothing";
    let at = at.map_err(|_| ("outcome_at is no instant".to_owned(), fix))?;
    let age = text("age").map(str::parse).transpose();
    let age = age.map_err(|_| ("age is no number".to_owned(), "write years, or nothing"))?;
    Ok(Fate {
        came,
        at: at.filter(|_| came),
        age,
        sex: text("sex").map(str::to_owned),
        unit: text("unit").map(str::to_owned),
    })
}

// === impl Fate ===

impl Fate {
    /// The groups that the patient belongs to: `age 65 to 79`, `sex female`, `unit ICU`.
    pub(super) fn groups(&self) -> impl Iterator<Item = String> {
        let age = self.age.and_then(|age| {
            let at = AGES.iter().rposition(|begin| age >= *begin)?;
            Some(match AGES.get(at + 1) {
                Some(next) => format!("age {} to {}", AGES[at], next - 1.0),
                None => format!("age {} and over", AGES[at]),
            })
        });
        let sex = self.sex.as_ref().map(|sex| format!("sex {sex}"));
        let unit = self.unit.as_ref().map(|unit| format!("unit {unit}"));
        [age, sex, unit].into_iter().flatten()
    }

    /// Whether the outcome came within the horizon after a time, µs UTC.
    pub(super) fn is_right(&self, at: i64, horizon: Span) -> bool {
        match self.at {
            Some(outcome) => (at..=at.saturating_add(horizon.micros())).contains(&outcome.micros()),
            None => self.came,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Result<BTreeMap<String, Fate>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outcomes.csv");
        std::fs::write(&path, text).unwrap();
        read(&path, false).map_err(|error| {
            error
                .to_string()
                .replace(&path.display().to_string(), "outcomes.csv")
        })
    }

    #[test]
    fn rows_are_read() {
        let fates = told(
            "patient_id,outcome,outcome_at,age,sex,unit\n7,1,2026-01-01T00:00:00Z,81,female,ICU\n8,0,,,,\n",
        )
        .unwrap();
        assert!(fates["7"].came && fates["7"].at.is_some());
        assert_eq!(fates["7"].unit.as_deref(), Some("ICU"));
        assert_eq!(fates["8"], Fate::default());
        assert_eq!(told("patient_id,outcome\n7,1\n").unwrap()["7"].at, None);
        assert_eq!(told("\u{feff}patient_id,outcome\r\n7,1").unwrap().len(), 1);
        let lines = "patient_id,outcome,unit\n7,1,\"ICU\nnorth\"\n";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outcomes.csv");
        std::fs::write(&path, lines).unwrap();
        assert_eq!(
            read(&path, true).unwrap()["7"].unit.as_deref(),
            Some("ICU\nnorth")
        );
        assert!(told(lines).unwrap_err().contains("outcomes.csv:2: bad_row"));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_without_patients() {
        for (text, wrong) in [
            (
                "patient_id,outcome\nmary,yes\n",
                "outcomes.csv:2: outcome is neither 0 nor 1",
            ),
            (
                "patient_id\nmary\n",
                "outcomes.csv: no column `outcome`; outcomes need patient_id, outcome",
            ),
            (
                "patient_id;outcome\nmary;1\n",
                "its cells are separated by semicolons",
            ),
            (
                "patient_id,outcome,unit\na,1,ICU\nmary,0,\"ICU\nc,1,ICU\nd,0,ICU\n",
                "outcomes.csv:3: bad_row: a quotation mark is not closed",
            ),
            (
                "patient_id,outcome\nmary,1,2,3\n",
                "outcomes.csv:2: bad_row: more cells than the header names",
            ),
            ("patient_id,outcome\n,1\n", "outcomes.csv:2: no patient_id"),
            (
                "patient_id,outcome,outcome_at\nmary,1",
                "outcomes.csv:2: bad_row: the file ends within the row",
            ),
            (
                "patient_id,outcome\nmary,1\nmary,0\n",
                "outcomes.csv:3: the patient has an earlier row",
            ),
            (
                "patient_id,outcome,outcome_at\nmary,1,soon\n",
                "outcomes.csv:2: outcome_at is no instant",
            ),
        ] {
            let told = told(text).unwrap_err();
            assert!(told.contains(wrong) && !told.contains("mary"), "{told}");
        }
    }
}
