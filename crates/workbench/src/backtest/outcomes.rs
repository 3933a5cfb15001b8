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

use serde::Deserialize;
use wardwatch_event_time::{Span, Timestamp};

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

/// Why outcomes cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{}{}: {cause}; {fix}", path.display(), line.map_or(String::new(), |line| format!(":{line}")))]
pub struct OutcomesError {
    path: PathBuf,
    line: Option<u64>,
    cause: String,
    fix: &'static str,
}

#[derive(Deserialize)]
struct Row {
    patient_id: String,
    outcome: String,
    outcome_at: Option<String>,
    age: Option<String>,
    sex: Option<String>,
    unit: Option<String>,
}

/// Reads a file.
///
/// # Errors
/// [`OutcomesError`], with the line.
pub fn read(path: &Path) -> Result<BTreeMap<String, Fate>, OutcomesError> {
    let fail = |line, cause: String, fix| OutcomesError {
        path: path.to_path_buf(),
        line,
        cause,
        fix,
    };
    let columns =
        "give the columns patient_id and outcome (0 or 1), and where known outcome_at, age, sex, unit";
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(path)
        .map_err(|error| fail(None, error.to_string(), "check the path and its permissions"))?;
    let headers = reader
        .headers()
        .map_err(|error| fail(Some(1), error.to_string(), columns))?
        .clone();
    let mut fates = BTreeMap::new();
    for record in reader.records() {
        let record = record.map_err(|error| fail(None, error.to_string(), columns))?;
        let line = record.position().map(csv::Position::line);
        // What the row says is patient data: only its place is told.
        let row: Row = record
            .deserialize(Some(&headers))
            .map_err(|_| fail(line, "the row does not have these columns".to_owned(), columns))?;
        let came = match row.outcome.as_str() {
            "1" => true,
            "0" => false,
            _ => {
                return Err(fail(
                    line,
                    "outcome is neither 0 nor 1".to_owned(),
                    "write 1 where the outcome came, else 0",
                ));
            }
        };
        let text = |text: Option<String>| text.filter(|text| !text.is_empty());
        let at = text(row.outcome_at)
            .map(|text| Timestamp::parse_rfc3339(text.as_bytes()))
            .transpose()
            .map_err(|_| {
                fail(
                    line,
                    "outcome_at is no instant".to_owned(),
                    "write one such as 2026-01-01T00:00:00Z, or nothing",
                )
            })?;
        let age = text(row.age)
            .map(|text| text.parse())
            .transpose()
            .map_err(|_| fail(line, "age is no number".to_owned(), "write years, or nothing"))?;
        let fate = Fate {
            came,
            at: at.filter(|_| came),
            age,
            sex: text(row.sex),
            unit: text(row.unit),
        };
        if fates.insert(row.patient_id, fate).is_some() {
            return Err(fail(
                line,
                "the patient has an earlier row too".to_owned(),
                "keep one row a patient",
            ));
        }
    }
    Ok(fates)
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
        read(&path).map_err(|error| {
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
                "outcomes.csv:2: the row does not have these columns",
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
