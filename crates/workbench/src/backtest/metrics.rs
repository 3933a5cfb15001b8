//! How well a score tells what is followed by an outcome from what is not, and how sure that is.
//!
//! Everything is a function of its arguments. Resamples draw patients, never rows: rows of one patient are alike, and as many as
//! a patient has. A resample's draws are a function of its number and of how many patients there are, so figures of the same
//! patients are resampled alike, and threads change nothing.

use std::thread;

use serde::Serialize;

/// A figure, and between which figures it lies in 95 of 100 resamples of the patients.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// Of all patients.
    pub value: f64,
    /// The 2.5th percentile.
    pub low: f64,
    /// The 97.5th percentile.
    pub high: f64,
}

/// A score as it is judged: what it was, and whether the outcome followed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// The patient's place among all that are drawn from.
    pub patient: u32,
    /// The score.
    pub score: f64,
    /// Whether the outcome followed.
    pub came: bool,
}

/// Rows in order of their scores, ties together.
#[derive(Clone, Debug)]
pub struct Ranked {
    /// Of each row, ascending by score: the patient, and whether the outcome followed.
    rows: Vec<(u32, bool)>,
    /// Where each group of equal scores ends.
    ends: Vec<usize>,
}

/// Resamples of a bootstrap.
const RESAMPLES: u64 = 1_000;

/// The generator begins here.
const SEED: u64 = 2_012;

/// By how much its state grows with each number (SplitMix64: Steele, Lea, Flood 2014).
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The value below which a share of sorted values lies, between two of them by weight.
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = share * last as f64;
    let (below, above) = (at.floor() as usize, at.ceil() as usize);
    Some(sorted[below] + (sorted[above] - sorted[below]) * (at - below as f64))
}

/// How often each of so many patients is drawn in a resample, with replacement.
fn draw(patients: usize, resample: u64, times: &mut [u32]) {
    times.fill(0);
    let drawn = resample * patients as u64;
    for number in drawn..drawn + patients as u64 {
        let state = SEED.wrapping_add(STEP.wrapping_mul(number + 1));
        times[(mixed(state) % patients as u64) as usize] += 1;
    }
}

fn mixed(state: u64) -> u64 {
    let mut mixed = state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Figures of so many patients, each with what resamples make of it. `figures` takes how often each patient is drawn; `whole`
/// are the figures of all of them, once each.
pub fn intervals<const N: usize>(
    whole: [Option<f64>; N],
    patients: usize,
    threads: usize,
    figures: impl Fn(&[u32]) -> [Option<f64>; N] + Sync,
) -> [Option<Interval>; N] {
    if patients == 0 || whole.iter().all(Option::is_none) {
        return [None; N];
    }
    let share = RESAMPLES.div_ceil(threads.max(1) as u64);
    let of_share = |first: u64| {
        let mut times = vec![0; patients];
        let mut resampled = [const { Vec::new() }; N];
        for resample in first..(first + share).min(RESAMPLES) {
            draw(patients, resample, &mut times);
            for (resampled, figure) in resampled.iter_mut().zip(figures(&times)) {
                resampled.extend(figure);
            }
        }
        resampled
    };
    let of_share = &of_share;
    let mut resampled = [const { Vec::new() }; N];
    thread::scope(|scope| {
        let firsts = (0..RESAMPLES).step_by(share as usize);
        let workers: Vec<_> = firsts.map(|first| scope.spawn(move || of_share(first))).collect();
        for worker in workers {
            let of_share = worker.join().expect("a figure does not panic");
            for (all, part) in resampled.iter_mut().zip(of_share) {
                all.extend(part);
            }
        }
    });
    let mut whole = whole.into_iter();
    resampled.map(|mut resampled| {
        resampled.sort_by(f64::total_cmp);
        Some(Interval {
            value: whole.next().flatten()?,
            low: quantile(&resampled, 0.025)?,
            high: quantile(&resampled, 0.975)?,
        })
    })
}

/// The sum of the patients' upper parts over that of their lower parts; none where the lower ones are nothing.
pub fn ratio(parts: &[(f64, f64)], threads: usize) -> Option<Interval> {
    let divided = |(upper, lower): (f64, f64)| (lower > 0.0).then(|| upper / lower);
    let whole = parts
        .iter()
        .fold((0.0, 0.0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
    let [interval] = intervals([divided(whole)], parts.len(), threads, |times| {
        [divided(weighted(parts, times))]
    });
    interval
}

/// The sums of the patients' parts, each as often as the patient is drawn.
pub fn weighted(parts: &[(f64, f64)], times: &[u32]) -> (f64, f64) {
    parts.iter().zip(times).fold((0.0, 0.0), |sum, (part, times)| {
        let times = f64::from(*times);
        (sum.0 + part.0 * times, sum.1 + part.1 * times)
    })
}

// === impl Ranked ===

impl Ranked {
    /// Rows in any order.
    pub fn new(mut rows: Vec<Row>) -> Self {
        rows.sort_by(|one, other| one.score.total_cmp(&other.score));
        let ends = (1..=rows.len()).filter(|end| {
            rows.get(*end)
                .is_none_or(|next| next.score != rows[end - 1].score)
        });
        Self {
            ends: ends.collect(),
            rows: rows.iter().map(|row| (row.patient, row.came)).collect(),
        }
    }

    /// The area under the ROC curve, ties counting half, and that under the precision-recall curve, as average precision; each
    /// patient's rows as often as the patient is drawn. None without rows of both kinds, or without any of an outcome.
    pub fn areas(&self, times: &[u32]) -> [Option<f64>; 2] {
        self.areas_by(|patient| f64::from(times[patient as usize]))
    }

    /// The areas of all rows.
    pub fn areas_of_all(&self) -> [Option<f64>; 2] {
        self.areas_by(|_| 1.0)
    }

    fn areas_by(&self, times: impl Fn(u32) -> f64) -> [Option<f64>; 2] {
        let mut groups = Vec::with_capacity(self.ends.len());
        let (mut begin, mut with, mut without, mut pairs) = (0, 0.0, 0.0, 0.0);
        for end in &self.ends {
            // By place and not by a branch: which way it goes is chance, ten thousand times a resample.
            let mut ties = [0.0; 2];
            for (patient, came) in &self.rows[begin..*end] {
                ties[usize::from(*came)] += times(*patient);
            }
            let [ties_without, ties_with] = ties;
            pairs += ties_with * (without + ties_without / 2.0);
            with += ties_with;
            without += ties_without;
            groups.push((ties_with, ties_without));
            begin = *end;
        }
        let auroc = (with > 0.0 && without > 0.0).then(|| pairs / (with * without));
        let (mut found, mut flagged, mut area) = (0.0, 0.0, 0.0);
        for (ties_with, ties_without) in groups.into_iter().rev() {
            found += ties_with;
            flagged += ties_with + ties_without;
            // Most groups have none, and a division is slow.
            if ties_with > 0.0 {
                area += ties_with * found / flagged;
            }
        }
        [auroc, (with > 0.0).then(|| area / with)]
    }

    /// Both areas with their intervals over so many patients.
    pub fn area_intervals(&self, patients: usize, threads: usize) -> [Option<Interval>; 2] {
        intervals(self.areas_of_all(), patients, threads, |times| self.areas(times))
    }
}

/// So many rows of chance for tests: scores of twenty values, one to three rows a patient.
#[cfg(test)]
pub(super) fn made(patients: u32) -> Vec<Row> {
    let mut number = 0;
    let mut next = move || {
        number += 1;
        mixed(STEP.wrapping_mul(number))
    };
    let mut rows = Vec::new();
    for patient in 0..patients {
        for _ in 0..=next() % 3 {
            let score = (1 + next() % 19) as f64 / 20.0;
            let came = next() % 100 < (score * 60.0) as u64 + 5;
            rows.push(Row { patient, score, came });
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(scores: &[(f64, bool)]) -> Vec<Row> {
        let rows = (0..).zip(scores);
        rows.map(|(patient, (score, came))| Row {
            patient,
            score: *score,
            came: *came,
        })
        .collect()
    }

    /// Every pair, one by one.
    fn by_pairs(rows: &[Row]) -> f64 {
        let of = |wanted: bool| rows.iter().filter(move |row| row.came == wanted);
        let (mut sum, mut pairs) = (0.0, 0.0);
        for with in of(true) {
            for without in of(false) {
                pairs += 1.0;
                sum += match with.score.total_cmp(&without.score) {
                    std::cmp::Ordering::Greater => 1.0,
                    std::cmp::Ordering::Equal => 0.5,
                    std::cmp::Ordering::Less => 0.0,
                };
            }
        }
        sum / pairs
    }

    fn areas(scores: &[(f64, bool)]) -> [Option<f64>; 2] {
        Ranked::new(rows(scores)).areas_of_all()
    }

    #[test]
    fn auroc_counts_pairs() {
        let rows = made(200);
        let [auroc, _] = Ranked::new(rows.clone()).area_intervals(200, 1);
        let auroc = auroc.unwrap();
        assert!((auroc.value - by_pairs(&rows)).abs() < 1e-12);
        assert!(auroc.low < auroc.value && auroc.value < auroc.high, "{auroc:?}");
        assert_eq!(areas(&[(0.3, true)])[0], None);
        assert_eq!(areas(&[(0.1, false), (0.9, true)])[0], Some(1.0));
        assert_eq!(areas(&[(0.5, false), (0.5, true)])[0], Some(0.5));
    }

    /// scikit-learn 1.5, average_precision_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) = 0.8333…
    #[test]
    fn auprc_is_average_precision() {
        let area = areas(&[(0.1, false), (0.4, false), (0.35, true), (0.8, true)])[1].unwrap();
        assert!((area - 5.0 / 6.0).abs() < 1e-12, "{area:?}");
        assert_eq!(areas(&[(0.1, false)])[1], None);
    }

    #[test]
    fn a_resample_draws_patients_with_all_their_rows() {
        // Two patients of a hundred rows each, in which the outcome follows the higher score always or never.
        let rows: Vec<Row> = (0..200)
            .map(|place| Row {
                patient: place % 2,
                score: f64::from(place),
                came: (place % 2 == 0) == (place > 100),
            })
            .collect();
        let [auroc, _] = Ranked::new(rows).area_intervals(2, 1);
        let auroc = auroc.unwrap();
        // Rows drawn one by one would hardly spread.
        assert!(auroc.high - auroc.low > 0.2, "{auroc:?}");
    }

    #[test]
    fn threads_change_nothing() {
        let ranked = Ranked::new(made(300));
        let of = |threads| ranked.area_intervals(300, threads);
        assert_eq!(of(1), of(2));
        assert_eq!(of(1), of(7));
        let parts: Vec<_> = (0..50).map(|place| (f64::from(place % 3), 2.0)).collect();
        assert_eq!(ratio(&parts, 1), ratio(&parts, 3));
    }

    #[test]
    fn a_ratio_is_of_sums() {
        let ratio = ratio(&[(1.0, 1.0), (0.0, 3.0)], 1).unwrap();
        assert_eq!((ratio.value, ratio.low, ratio.high), (0.25, 0.0, 1.0));
        assert_eq!(super::ratio(&[(0.0, 0.0)], 1), None);
        assert_eq!(super::ratio(&[], 1), None);
    }

    #[test]
    fn quantiles_lie_between() {
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[3.0], 0.9), Some(3.0));
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0], 0.5), Some(2.5));
    }
}
