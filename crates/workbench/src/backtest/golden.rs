//! Figures against scikit-learn's of the same rows; `models/golden_backtest.py` makes both.

use super::calibration::Calibration;
use super::metrics::{Ranked, Row};

const ROWS: &str = include_str!("golden/rows.csv");
const FIGURES: &str = include_str!("golden/figures.csv");

/// As the metrics of a card are to agree.
const TOLERANCE: f64 = 1e-9;

fn cells(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().skip(1).map(|line| line.split(',').collect())
}

#[test]
fn figures_are_those_of_scikit_learn() {
    let mut compared = 0;
    let mut cases: Vec<&str> = cells(FIGURES).map(|cells| cells[0]).collect();
    cases.dedup();
    for case in cases {
        let rows: Vec<Row> = cells(ROWS)
            .filter(|cells| cells[0] == case)
            .map(|cells| Row {
                patient: cells[1].parse().unwrap(),
                score: cells[2].parse().unwrap(),
                came: cells[3] == "1",
            })
            .collect();
        let patients = rows.iter().map(|row| row.patient as usize + 1).max().unwrap();
        let [auroc, auprc] = Ranked::new(rows.clone()).area_intervals(patients, 2);
        let calibration = Calibration::new(&rows, patients, 2);
        for figure in cells(FIGURES).filter(|cells| cells[0] == case) {
            let found = match figure[1] {
                "auroc" => auroc,
                "auprc" => auprc,
                "slope" => calibration.slope,
                "intercept" => calibration.intercept,
                "observed_over_expected" => calibration.observed_over_expected,
                "brier" => calibration.brier,
                other => panic!("there is no figure {other}"),
            };
            let expected: f64 = figure[2].parse().unwrap();
            let value = found.unwrap().value;
            assert!(
                (value - expected).abs() <= TOLERANCE,
                "{case}, {}: {value}, scikit-learn {expected}",
                figure[1]
            );
            compared += 1;
        }
    }
    assert_eq!(compared, 36);
}
