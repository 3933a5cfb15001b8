//! What became of the patients: a CSV file with a row for each outcome of a patient that came, or did not.
//!
//! | column | holds |
//! |---|---|
//! | `patient_id` | as in the observations |
//! | `kind` | which outcome, by the name that `predicts` gives it; without this column all rows are of one, named `outcome` |
//! | `outcome` | 1 where it came, 0 where not |
//! | `outcome_at` | when it came (RFC 3339); empty where that is not known. An outcome that came again has a row for each time |
//! | `known_until` | until when it is known whether it came, where that is not for ever: the end of the record that it was read from |
//! | `age`, `sex`, `unit` | of the patient, for comparisons by group; may be empty or missing |

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use wardwatch_event_time::Timestamp;
use wardwatch_replay::{CsvReader, CsvRow, ReplayError, TableColumns};

/// The kind of all rows of a file without the column.
pub const UNNAMED: &str = "outcome";

/// Ages at which groups begin.
const AGES: [f64; 4] = [0.0, 45.0, 65.0, 80.0];

/// A group of fewer patients tells nothing.
pub(super) const SMALLEST_GROUP: usize = 30;

/// What became of all patients.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcomes {
    /// By patient.
    pub patients: BTreeMap<String, Fate>,
    /// The kinds of outcomes that there are.
    pub kinds: BTreeSet<String>,
}

/// What became of a patient.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fate {
    /// By kind; none where nothing is known of it.
    pub outcomes: BTreeMap<String, Outcome>,
    /// Age in years.
    pub age: Option<f64>,
    /// As the file writes it.
    pub sex: Option<String>,
    /// As the file writes it.
    pub unit: Option<String>,
}

/// Whether and when one kind of outcome came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Whether it came.
    pub came: bool,
    /// When, in order; empty where that is not known.
    pub at: Vec<Timestamp>,
    /// Until when that is known; for ever where there is none.
    pub known_until: Option<Timestamp>,
}

/// The columns of outcomes.
const OUTCOMES: TableColumns = TableColumns {
    rows: "outcomes",
    needed: &["patient_id", "outcome"],
    optional: &["kind", "outcome_at", "known_until", "age", "sex", "unit"],
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

/// What is wrong with a row, and what to do about it.
type Wrong = (&'static str, &'static str);

/// Reads a file. With `multiline`, quoted cells may hold line breaks.
///
/// # Errors
/// [`OutcomesError`], with the line.
pub fn read(path: &Path, multiline: bool) -> Result<Outcomes, OutcomesError> {
    let mut reader = CsvReader::open(path, &OUTCOMES, multiline)?;
    let mut row = CsvRow::default();
    let mut outcomes = Outcomes::default();
    while reader.next(&mut row)? {
        let wrong = |line, cause, fix| OutcomesError::Row {
            path: path.into(),
            line,
            cause,
            fix,
        };
        if let Some(flaw) = row.flaw() {
            let line = row.open_quote().unwrap_or(row.line());
            let fix = "mend the row; pass --multiline if quoted cells hold line breaks";
            return Err(wrong(line, flaw.to_string(), fix));
        }
        let cell = |name| reader.column(name).map(|column| row.cell(column));
        outcomes
            .take(cell)
            .map_err(|(cause, fix)| wrong(row.line(), cause.to_owned(), fix))?;
    }
    Ok(outcomes)
}

fn instant(text: Option<&str>, wrong: &'static str) -> Result<Option<Timestamp>, Wrong> {
    let instant = text.map(|text| Timestamp::parse_rfc3339(text.as_bytes()));
    instant
        .transpose()
        .map_err(|_| (wrong, "write one such as 2026-01-01T00:00:00Z, or nothing"))
}

/// Keeps what is told of a patient; each row may tell it, and none otherwise than another.
fn agree<T: PartialEq>(known: &mut Option<T>, told: Option<T>) -> Result<(), Wrong> {
    match (&known, told) {
        (_, None) => Ok(()),
        (None, told) => {
            *known = told;
            Ok(())
        }
        (Some(known), Some(told)) if *known == told => Ok(()),
        _ => Err((
            "age, sex or unit is another than in an earlier row of the patient",
            "write the same in each, or leave it empty but in one",
        )),
    }
}

// === impl Outcomes ===

impl Outcomes {
    /// Takes the cells of a row; none of a column that there is not.
    fn take<'r>(&mut self, cell: impl Fn(&'static str) -> Option<&'r str>) -> Result<(), Wrong> {
        let text = |name| cell(name).filter(|text| !text.is_empty());
        let came = match cell("outcome") {
            Some("1") => true,
            Some("0") => false,
            _ => {
                return Err((
                    "outcome is neither 0 nor 1",
                    "write 1 where the outcome came, else 0",
                ));
            }
        };
        let patient =
            text("patient_id").ok_or(("no patient_id", "name the patient as the observations do"))?;
        let kind = cell("kind").unwrap_or(UNNAMED);
        let is_rest = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_';
        if !kind.starts_with(|first: char| first.is_ascii_lowercase()) || !kind.as_bytes().iter().all(is_rest)
        {
            return Err((
                "kind is no name",
                "write the name that `predicts` gives the outcome: lower-case letters, digits and _",
            ));
        }
        let at = instant(text("outcome_at"), "outcome_at is no instant")?.filter(|_| came);
        let known_until = instant(text("known_until"), "known_until is no instant")?;
        let age = text("age").map(|text| text.parse().ok().filter(|age: &f64| age.is_finite()));
        let age = age
            .map(|age| age.ok_or(("age is no number", "write years, or nothing")))
            .transpose()?;
        let fate = self.patients.entry(patient.to_owned()).or_default();
        agree(&mut fate.age, age)?;
        agree(&mut fate.sex, text("sex").map(str::to_owned))?;
        agree(&mut fate.unit, text("unit").map(str::to_owned))?;
        self.kinds.insert(kind.to_owned());
        match fate.outcomes.get_mut(kind) {
            None => {
                let outcome = Outcome {
                    came,
                    at: at.into_iter().collect(),
                    known_until,
                };
                fate.outcomes.insert(kind.to_owned(), outcome);
                Ok(())
            }
            Some(earlier) => earlier.again(at, known_until),
        }
    }
}

// === impl Outcome ===

impl Outcome {
    /// Takes a further time; a patient to whom it did not come, or nobody knows when, has one row.
    fn again(&mut self, at: Option<Timestamp>, known_until: Option<Timestamp>) -> Result<(), Wrong> {
        let place = at.map(|at| (at, self.at.binary_search(&at)));
        let Some((at, Err(place))) = place.filter(|_| !self.at.is_empty()) else {
            return Err((
                "the patient has an earlier row of this outcome",
                "keep one row a patient and outcome, and where it came again one for each time",
            ));
        };
        self.at.insert(place, at);
        self.known_until = self.known_until.max(known_until);
        Ok(())
    }
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Result<Outcomes, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outcomes.csv");
        std::fs::write(&path, text).unwrap();
        read(&path, false).map_err(|error| {
            error
                .to_string()
                .replace(&path.display().to_string(), "outcomes.csv")
        })
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text.as_bytes()).unwrap()
    }

    #[test]
    fn rows_without_a_kind_are_of_one_outcome() {
        let outcomes = told(
            "patient_id,outcome,outcome_at,age,sex,unit\n7,1,2026-01-01T00:00:00Z,81,female,ICU\n8,0,,,,\n",
        )
        .unwrap();
        let fate = &outcomes.patients["7"];
        let death = &fate.outcomes[UNNAMED];
        assert_eq!((death.came, death.at.len()), (true, 1));
        assert_eq!(fate.unit.as_deref(), Some("ICU"));
        assert_eq!(outcomes.patients["8"].outcomes[UNNAMED], Outcome::default());
        assert_eq!(outcomes.kinds, BTreeSet::from([UNNAMED.to_owned()]));
        let untimed = told("patient_id,outcome\n7,1\n").unwrap();
        assert_eq!(untimed.patients["7"].outcomes[UNNAMED].at, []);
        let marked = told("\u{feff}patient_id,outcome\r\n7,1").unwrap();
        assert_eq!(marked.patients.len(), 1);
        let lines = "patient_id,outcome,unit\n7,1,\"ICU\nnorth\"\n";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outcomes.csv");
        std::fs::write(&path, lines).unwrap();
        let outcomes = read(&path, true).unwrap();
        assert_eq!(outcomes.patients["7"].unit.as_deref(), Some("ICU\nnorth"));
        assert!(told(lines).unwrap_err().contains("outcomes.csv:2: bad_row"));
    }

    #[test]
    fn a_patient_has_several_outcomes_and_some_of_them_again() {
        let outcomes = told(
            "patient_id,kind,outcome,outcome_at,known_until,age
7,hypotension,1,2026-01-01T09:00:00Z,2026-01-02T00:00:00Z,
7,death,0,,,81
7,hypotension,1,2026-01-01T05:00:00Z,2026-01-02T00:00:00Z,81
8,death,1,,,
",
        )
        .unwrap();
        let fate = &outcomes.patients["7"];
        let hypotension = &fate.outcomes["hypotension"];
        assert_eq!(
            hypotension.at,
            ["2026-01-01T05:00:00Z", "2026-01-01T09:00:00Z"].map(at)
        );
        assert_eq!(hypotension.known_until, Some(at("2026-01-02T00:00:00Z")));
        assert_eq!((fate.outcomes["death"].came, fate.age), (false, Some(81.0)));
        assert_eq!(outcomes.patients["8"].outcomes.get("hypotension"), None);
        assert_eq!(outcomes.kinds.len(), 2);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_without_patients() {
        let twice = "outcomes.csv:3: the patient has an earlier row of this outcome";
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
            ("patient_id,outcome\nmary,1\nmary,0\n", twice),
            ("patient_id,outcome\nmary,0\nmary,0\n", twice),
            (
                "patient_id,outcome,outcome_at\nmary,1,\nmary,1,2026-01-01T00:00:00Z\n",
                twice,
            ),
            (
                "patient_id,outcome,outcome_at\nmary,1,2026-01-01T00:00:00Z\nmary,1,2026-01-01T00:00:00Z\n",
                twice,
            ),
            (
                "patient_id,outcome,outcome_at\nmary,1,2026-01-01T00:00:00Z\nmary,0,\n",
                twice,
            ),
            (
                "patient_id,outcome,outcome_at\nmary,1,soon\n",
                "outcomes.csv:2: outcome_at is no instant",
            ),
            (
                "patient_id,outcome,known_until\nmary,0,later\n",
                "outcomes.csv:2: known_until is no instant",
            ),
            (
                "patient_id,outcome,kind\nmary,1,In hospital\n",
                "outcomes.csv:2: kind is no name",
            ),
            (
                "patient_id,outcome,kind\nmary,1,\n",
                "outcomes.csv:2: kind is no name",
            ),
            (
                "patient_id,outcome,age\nmary,1,old\n",
                "outcomes.csv:2: age is no number",
            ),
            (
                "patient_id,outcome,kind,age\nmary,1,death,81\nmary,0,sepsis,80\n",
                "outcomes.csv:3: age, sex or unit is another",
            ),
        ] {
            let told = told(text).unwrap_err();
            assert!(told.contains(wrong) && !told.contains("mary"), "{told}");
        }
    }
}
