//! Whether a probability means what it says: predicted against observed risk.

use serde::Serialize;

use super::metrics::{Interval, Row, intervals};

/// How predicted and observed risk agree.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calibration {
    /// Slope of the outcome's logit over the predicted logit: 1 is right, below it the predictions are too extreme.
    pub slope: Option<Interval>,
    /// Intercept of the same line: 0 is right.
    pub intercept: Option<Interval>,
    /// Outcomes observed over outcomes expected, the sum of the probabilities: 1 is right.
    pub observed_over_expected: Option<Interval>,
    /// The mean squared difference between probability and outcome.
    pub brier: Option<Interval>,
    /// Tenths of the rows, by probability.
    pub bins: Vec<Bin>,
}

/// A tenth of the rows, by predicted risk.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// Rows in it.
    pub rows: usize,
    /// Their mean predicted risk.
    pub predicted: f64,
    /// The share of them that the outcome followed.
    pub observed: f64,
}

/// What one patient's rows add to all figures.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    rows: f64,
    observed: f64,
    expected: f64,
    squares: f64,
    /// First derivatives of the line's likelihood, at the line of all patients.
    gradient: [f64; 2],
    /// Second derivatives: of the slope, of both, of the intercept.
    curvature: [f64; 3],
}

/// Bins of a calibration.
const BINS: usize = 10;

/// Probabilities are held off 0 and 1 by this, whose logits are infinite.
const CLIP: f64 = 1e-9;

/// Newton steps at most; a line that has not settled by then has none, as where the outcome follows every score above some.
const ROUNDS: usize = 100;

/// A line has settled when neither number moves by more than this.
const SETTLED: f64 = 1e-13;

/// Where every row is fitted more surely than this, on average, an ever steeper line fits better: none is likeliest.
const LEAST_WEIGHT: f64 = 1e-6;

// === impl Calibration ===

impl Calibration {
    /// Of rows whose scores are probabilities, of so many patients. The line's interval takes one Newton step from the line of
    /// all patients for each resample.
    pub fn new(rows: &[Row], patients: usize, threads: usize) -> Self {
        let line = line(rows);
        let sums = sums(rows, patients, line.unwrap_or_default());
        let whole = figures(line, sums.iter().copied().fold(Sums::default(), Sums::plus));
        let [slope, intercept, observed_over_expected, brier] =
            intervals(whole, patients, threads, |times| {
                let drawn = sums.iter().zip(times).filter(|(_, times)| **times > 0);
                let sums = drawn.fold(Sums::default(), |sum, (part, times)| {
                    sum.plus(part.times(f64::from(*times)))
                });
                figures(line.and_then(|line| step(line, &sums)), sums)
            });
        Self {
            slope,
            intercept,
            observed_over_expected,
            brier,
            bins: bins(rows),
        }
    }
}

fn figures(line: Option<[f64; 2]>, sums: Sums) -> [Option<f64>; 4] {
    [
        line.map(|[slope, _]| slope),
        line.map(|[_, intercept]| intercept),
        (sums.expected > 0.0).then(|| sums.observed / sums.expected),
        (sums.rows > 0.0).then(|| sums.squares / sums.rows),
    ]
}

fn logit(probability: f64) -> f64 {
    let clipped = probability.clamp(CLIP, 1.0 - CLIP);
    (clipped / (1.0 - clipped)).ln()
}

/// The line of the outcome's logit over the predicted logit that makes the outcomes likeliest, without a penalty.
fn line(rows: &[Row]) -> Option<[f64; 2]> {
    let came = rows.iter().filter(|row| row.came).count();
    if came == 0 || came == rows.len() {
        return None;
    }
    // From the line that says the same of all.
    let mut line = [0.0, (came as f64 / (rows.len() - came) as f64).ln()];
    for _ in 0..ROUNDS {
        let sums = rows
            .iter()
            .fold(Sums::default(), |sums, row| sums.plus(derived(row, line)));
        let next = step(line, &sums)?;
        let moved = (next[0] - line[0]).abs().max((next[1] - line[1]).abs());
        line = next;
        if moved <= SETTLED * line[0].abs().max(line[1].abs()).max(1.0) {
            let weight = sums.curvature[2] / sums.rows;
            return (weight > LEAST_WEIGHT).then_some(line);
        }
    }
    None
}

/// The line after one Newton step.
fn step([slope, intercept]: [f64; 2], sums: &Sums) -> Option<[f64; 2]> {
    let ([g, h], [a, b, c]) = (sums.gradient, sums.curvature);
    let determinant = a * c - b * b;
    let next = [
        slope + (c * g - b * h) / determinant,
        intercept + (a * h - b * g) / determinant,
    ];
    next.iter().all(|number| number.is_finite()).then_some(next)
}

/// What one row adds, at a line.
fn derived(row: &Row, [slope, intercept]: [f64; 2]) -> Sums {
    let came = f64::from(u8::from(row.came));
    let logit = logit(row.score);
    let fitted = 1.0 / (1.0 + (-(slope * logit + intercept)).exp());
    let (rest, weight) = (came - fitted, fitted * (1.0 - fitted));
    Sums {
        rows: 1.0,
        observed: came,
        expected: row.score,
        squares: (row.score - came).powi(2),
        gradient: [rest * logit, rest],
        curvature: [weight * logit * logit, weight * logit, weight],
    }
}

/// By patient, at a line.
fn sums(rows: &[Row], patients: usize, line: [f64; 2]) -> Vec<Sums> {
    let mut sums = vec![Sums::default(); patients];
    for row in rows {
        let of_patient = &mut sums[row.patient as usize];
        *of_patient = of_patient.plus(derived(row, line));
    }
    sums
}

fn bins(rows: &[Row]) -> Vec<Bin> {
    let mut sorted = rows.to_vec();
    sorted.sort_by(|one, other| one.score.total_cmp(&other.score));
    let edge = |bin: usize| bin * sorted.len() / BINS;
    let bins = (0..BINS).map(|bin| &sorted[edge(bin)..edge(bin + 1)]);
    bins.filter(|bin| !bin.is_empty())
        .map(|bin| Bin {
            rows: bin.len(),
            predicted: bin.iter().map(|row| row.score).sum::<f64>() / bin.len() as f64,
            observed: bin.iter().filter(|row| row.came).count() as f64 / bin.len() as f64,
        })
        .collect()
}

// === impl Sums ===

impl Sums {
    fn plus(self, other: Self) -> Self {
        Self {
            rows: self.rows + other.rows,
            observed: self.observed + other.observed,
            expected: self.expected + other.expected,
            squares: self.squares + other.squares,
            gradient: std::array::from_fn(|at| self.gradient[at] + other.gradient[at]),
            curvature: std::array::from_fn(|at| self.curvature[at] + other.curvature[at]),
        }
    }

    fn times(self, times: f64) -> Self {
        Self {
            rows: self.rows * times,
            observed: self.observed * times,
            expected: self.expected * times,
            squares: self.squares * times,
            gradient: self.gradient.map(|number| number * times),
            curvature: self.curvature.map(|number| number * times),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::metrics::made;
    use super::*;

    fn rows(scores: impl IntoIterator<Item = (f64, bool)>) -> Vec<Row> {
        let rows = (0..).zip(scores);
        rows.map(|(patient, (score, came))| Row { patient, score, came })
            .collect()
    }

    #[test]
    fn a_line_is_the_one_that_made_the_outcomes() {
        // Outcomes follow with the odds that a line of slope 0.5 and intercept -0.2 gives, to a thousandth.
        let made = (1..40).flat_map(|at| {
            let score = f64::from(at) / 40.0;
            let risk = 1.0 / (1.0 + (-(0.5 * logit(score) - 0.2)).exp());
            let came = (risk * 1_000.0).round() as usize;
            (0..1_000).map(move |place| (score, place < came))
        });
        let line = line(&rows(made)).unwrap();
        assert!(
            (line[0] - 0.5).abs() < 1e-3 && (line[1] + 0.2).abs() < 1e-3,
            "{line:?}"
        );
    }

    #[test]
    fn what_cannot_be_told_is_none() {
        let of = |scores: &[(f64, bool)]| {
            let rows = rows(scores.iter().copied());
            Calibration::new(&rows, rows.len(), 1)
        };
        let all_came = of(&[(0.2, true), (0.9, true)]);
        assert_eq!((all_came.slope, all_came.intercept), (None, None));
        assert_eq!(all_came.observed_over_expected.unwrap().value, 2.0 / 1.1);
        // The outcome follows every score above a half: no line is likeliest.
        assert_eq!(
            of(&[(0.1, false), (0.2, false), (0.8, true), (0.9, true)]).slope,
            None
        );
        assert_eq!(of(&[]).brier, None);
        assert_eq!(of(&[(1.0, true), (0.0, true)]).brier.unwrap().value, 0.5);
        assert!(
            of(&[(0.0, false), (1.0, true), (0.0, true), (1.0, false)])
                .slope
                .is_some()
        );
    }

    #[test]
    fn intervals_hold_their_values() {
        let rows = made(400);
        let figures = Calibration::new(&rows, 400, 2);
        for interval in [
            figures.slope,
            figures.intercept,
            figures.observed_over_expected,
            figures.brier,
        ] {
            let Interval { value, low, high } = interval.unwrap();
            assert!(low < value && value < high, "{low} {value} {high}");
        }
        assert_eq!(figures, Calibration::new(&rows, 400, 1));
    }

    #[test]
    fn tenths_hold_every_row() {
        let rows = made(150);
        let bins = bins(&rows);
        assert_eq!(bins.len(), 10);
        assert_eq!(bins.iter().map(|bin| bin.rows).sum::<usize>(), rows.len());
        assert!(bins.windows(2).all(|pair| pair[0].predicted <= pair[1].predicted));
    }
}
