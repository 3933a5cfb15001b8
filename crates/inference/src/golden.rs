//! Golden rows: rows with known scores that travel with a model.
//!
//! A model is believed for what it scores here, in this process, on this machine's kernels, and not for what
//! its files say.

use std::path::Path;

use crate::folder::{self, GOLDEN_BYTES};
use crate::graph::LANES;
use crate::{Contract, Model, ModelError, Rows, Unavailable};

/// Fewest golden rows of a model.
const FEWEST: usize = 10;
/// The header of the column of known scores.
const EXPECTED: &str = "expected";

/// Golden rows, still to be scored. `values` is laid out as in [`Rows`].
#[derive(Debug)]
pub(crate) struct Golden {
    values: Vec<f64>,
    /// The line in the file and the known score of each row.
    expected: Vec<(u64, f64)>,
}

// === impl Golden ===

impl Golden {
    /// Reads `path`, whose columns must be those of `contract`.
    pub(crate) fn read(path: &Path, contract: &Contract) -> Result<Self, ModelError> {
        Self::parse(path, contract, &folder::read_text(path, GOLDEN_BYTES)?)
    }

    fn parse(path: &Path, contract: &Contract, text: &str) -> Result<Self, ModelError> {
        let refuse = |line, problem| ModelError::GoldenFile {
            path: path.into(),
            line,
            problem,
        };
        let mut golden = Self {
            values: Vec::new(),
            expected: Vec::new(),
        };
        let mut lines = (1_u64..).zip(text.lines());

        let names: Vec<&str> = contract
            .inputs
            .iter()
            .map(|input| input.name.as_str())
            .chain([EXPECTED])
            .collect();
        let header: Vec<&str> = lines
            .next()
            .map_or(Vec::new(), |(_, line)| line.split(',').map(str::trim).collect());
        if header != names {
            return Err(refuse(
                1,
                format!("must be the inputs of the contract in order, then `{EXPECTED}`"),
            ));
        }
        for (line, text) in lines.filter(|(_, text)| !text.trim().is_empty()) {
            let cells: Vec<&str> = text.split(',').map(str::trim).collect();
            if cells.len() != names.len() {
                return Err(refuse(
                    line,
                    format!("has {} cells, must have {}", cells.len(), names.len()),
                ));
            }
            for (column, cell) in cells.iter().enumerate() {
                let is_input = column < contract.inputs.len();
                match cell.parse().ok().filter(|value: &f64| value.is_finite()) {
                    Some(value) if is_input => golden.values.push(value),
                    Some(value) => golden.expected.push((line, value)),
                    None if is_input && cell.is_empty() => golden.values.push(f64::NAN),
                    None => {
                        let problem = format!(
                            "`{}` must be a number, or empty where an input is missing",
                            names[column]
                        );
                        return Err(refuse(line, problem));
                    }
                }
            }
        }
        if golden.expected.len() < FEWEST {
            let problem = format!(
                "ends after {} golden rows, must have at least {FEWEST}",
                golden.expected.len()
            );
            return Err(refuse(
                golden.expected.last().map_or(1, |(line, _)| *line),
                problem,
            ));
        }
        Ok(golden)
    }

    /// Scores every row alone and in every size of batch (`MODEL-2`, `MODEL-3`). Also warms the model up.
    pub(crate) fn check(&self, path: &Path, model: &mut Model) -> Result<(), ModelError> {
        let width = model.contract().inputs.len();
        let tolerance = model.contract().tolerance;
        let (mut scores, mut alone) = (Vec::new(), Vec::new());
        for (row, &(line, expected)) in self.values.chunks_exact(width).zip(&self.expected) {
            model.score(Rows::new(row, width), &mut scores);
            if !agree(scores[0], Ok(expected), tolerance) {
                let got = in_words(scores[0]);
                return Err(ModelError::Golden {
                    path: path.into(),
                    line,
                    expected,
                    got,
                    tolerance,
                });
            }
            alone.append(&mut scores);
        }
        for rows in LANES {
            let batch: Vec<f64> = self.values.iter().copied().cycle().take(rows * width).collect();
            model.score(Rows::new(&batch, width), &mut scores);
            let golden = self.expected.iter().zip(&alone).cycle();
            for (&together, (&(line, _), &alone)) in scores.iter().zip(golden) {
                if !agree(alone, together, tolerance) {
                    let (alone, together) = (in_words(alone), in_words(together));
                    return Err(ModelError::MixesRows {
                        path: path.into(),
                        line,
                        alone,
                        together,
                    });
                }
            }
        }
        Ok(())
    }
}

fn agree(a: Result<f64, Unavailable>, b: Result<f64, Unavailable>, tolerance: f64) -> bool {
    matches!((a, b), (Ok(a), Ok(b)) if (a - b).abs() <= tolerance)
}

fn in_words(score: Result<f64, Unavailable>) -> String {
    score.map_or_else(|reason| format!("no score ({reason})"), |score| score.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Golden, ModelError> {
        let contract = include_str!("../tests/fixtures/logistic/1/model.yaml");
        let contract = Contract::parse(Path::new("model.yaml"), contract).unwrap();
        Golden::parse(Path::new("golden.csv"), &contract, text)
    }

    #[track_caller]
    fn check_refused(text: &str, at: u64, because: &str) {
        match parse(text).unwrap_err() {
            ModelError::GoldenFile { line, problem, .. } => {
                assert_eq!(line, at, "{problem}");
                assert!(problem.contains(because), "{problem}");
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_empty_cell_is_missing() {
        let golden = parse(&format!("a,b,c,expected\r\n{}", "1,,-3.5,0.25\r\n".repeat(10))).unwrap();
        assert_eq!(golden.expected[0], (2, 0.25));
        assert_eq!((golden.values[0], golden.values[2]), (1.0, -3.5));
        assert!(golden.values[1].is_nan());
    }

    #[test]
    fn what_cannot_be_understood_is_refused_with_its_line() {
        check_refused("", 1, "inputs of the contract");
        check_refused("b,a,c,expected\n", 1, "in order");
        check_refused("a,b,c\n", 1, "expected");
        check_refused("a,b,c,expected\n1,2,3\n", 2, "3 cells");
        check_refused("a,b,c,expected\n1,2,3,0.5\n1,x,3,0.5\n", 3, "`b`");
        check_refused("a,b,c,expected\n1,2,3,\n", 2, "`expected`");
        check_refused("a,b,c,expected\n1,NaN,3,0.5\n", 2, "`b`");
        check_refused(
            &format!("a,b,c,expected\n{}", "1,2,3,0.5\n".repeat(9)),
            10,
            "at least 10",
        );
    }
}
