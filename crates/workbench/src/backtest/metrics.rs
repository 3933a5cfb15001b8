//! How well a score tells patients with an outcome from those without: ranks, rates, calibration.
//!
//! Everything is a function of its arguments; resampling draws from a generator that begins alike in every run.

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

/// A tenth of the patients, by predicted risk.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// Patients in it.
    pub patients: usize,
    /// Their mean predicted risk.
    pub predicted: f64,
    /// The share of them with the outcome.
    pub observed: f64,
}

/// A patient: the score, and whether the outcome came.
pub type Labelled = (f64, bool);

/// Resamples of a bootstrap.
const RESAMPLES: usize = 1_000;

/// The generator begins here.
const SEED: u64 = 2_012;

/// Bins of a calibration.
const BINS: usize = 10;

/// The area under the ROC curve: how often a patient with the outcome has the higher score. None without both kinds.
pub fn auroc(patients: &[Labelled]) -> Option<Interval> {
    resampled(patients, weighted_auroc)
}

/// The area under the precision-recall curve, as average precision. None without a patient with the outcome.
pub fn auprc(patients: &[Labelled]) -> Option<Interval> {
    resampled(patients, weighted_auprc)
}

/// Predicted and observed risk, by tenths of the prediction.
pub fn calibration(patients: &[Labelled]) -> Vec<Bin> {
    let sorted = sorted(patients);
    let edge = |bin: usize| bin * sorted.len() / BINS;
    let bins = (0..BINS).map(|bin| &sorted[edge(bin)..edge(bin + 1)]);
    bins.filter(|bin| !bin.is_empty())
        .map(|bin| Bin {
            patients: bin.len(),
            predicted: bin.iter().map(|(score, _)| score).sum::<f64>() / bin.len() as f64,
            observed: bin.iter().filter(|(_, came)| *came).count() as f64 / bin.len() as f64,
        })
        .collect()
}

/// The mean squared difference between predicted risk and outcome.
pub fn brier(patients: &[Labelled]) -> Option<f64> {
    let squares = patients
        .iter()
        .map(|(score, came)| (score - f64::from(u8::from(*came))).powi(2));
    (!patients.is_empty()).then(|| squares.sum::<f64>() / patients.len() as f64)
}

/// The value below which a share of sorted values lies, between two of them by weight.
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = share * last as f64;
    let (below, above) = (at.floor() as usize, at.ceil() as usize);
    Some(sorted[below] + (sorted[above] - sorted[below]) * (at - below as f64))
}

fn sorted(patients: &[Labelled]) -> Vec<Labelled> {
    let mut sorted = patients.to_vec();
    sorted.sort_by(|one, other| one.0.total_cmp(&other.0));
    sorted
}

/// How often each of so many patients is drawn, resample by resample, with replacement.
pub fn resamples(patients: usize) -> impl Iterator<Item = Vec<u32>> {
    let mut state = SEED;
    (0..RESAMPLES).map(move |_| {
        let mut times = vec![0; patients];
        for _ in 0..patients {
            times[(next(&mut state) % patients as u64) as usize] += 1;
        }
        times
    })
}

/// A figure with the spread of what resamples make of it; none where too few of them give any.
pub fn interval(value: f64, mut resampled: Vec<f64>) -> Option<Interval> {
    resampled.sort_by(f64::total_cmp);
    Some(Interval {
        value,
        low: quantile(&resampled, 0.025)?,
        high: quantile(&resampled, 0.975)?,
    })
}

/// A figure of all patients, and of resamples of them.
fn resampled(patients: &[Labelled], figure: fn(&[Labelled], &[u32]) -> Option<f64>) -> Option<Interval> {
    let sorted = sorted(patients);
    let value = figure(&sorted, &vec![1; sorted.len()])?;
    let figures = resamples(sorted.len())
        .filter_map(|times| figure(&sorted, &times))
        .collect();
    interval(value, figures)
}

/// The area under the ROC curve of patients ascending by score, each so many times. Ties count half.
pub fn weighted_auroc(sorted: &[Labelled], times: &[u32]) -> Option<f64> {
    let (mut without, mut with, mut pairs) = (0.0, 0.0, 0.0);
    for ties in ties(sorted, times) {
        pairs += ties.with * (without + ties.without / 2.0);
        without += ties.without;
        with += ties.with;
    }
    (with > 0.0 && without > 0.0).then(|| pairs / (with * without))
}

/// Average precision of patients ascending by score, each so many times.
pub fn weighted_auprc(sorted: &[Labelled], times: &[u32]) -> Option<f64> {
    let all: Vec<Ties> = ties(sorted, times).collect();
    let total: f64 = all.iter().map(|ties| ties.with).sum();
    let (mut with, mut seen, mut area) = (0.0, 0.0, 0.0);
    for ties in all.iter().rev() {
        with += ties.with;
        seen += ties.with + ties.without;
        if seen > 0.0 {
            area += ties.with * with / seen;
        }
    }
    (total > 0.0).then(|| area / total)
}

/// Patients of one score.
#[derive(Default)]
struct Ties {
    with: f64,
    without: f64,
}

fn ties<'p>(sorted: &'p [Labelled], times: &'p [u32]) -> impl Iterator<Item = Ties> + 'p {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (score, _) = *sorted.get(at)?;
        let mut ties = Ties::default();
        while let Some((_, came)) = sorted.get(at).filter(|(other, _)| *other == score) {
            let times = f64::from(times[at]);
            match came {
                true => ties.with += times,
                false => ties.without += times,
            }
            at += 1;
        }
        Some(ties)
    })
}

/// The next number of a SplitMix64 generator (Steele, Lea, Flood 2014).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every pair, one by one.
    fn by_pairs(patients: &[Labelled]) -> f64 {
        let of = |wanted: bool| patients.iter().filter(move |(_, came)| *came == wanted);
        let (mut sum, mut pairs) = (0.0, 0.0);
        for (with, _) in of(true) {
            for (without, _) in of(false) {
                pairs += 1.0;
                sum += if with > without {
                    1.0
                } else if with == without {
                    0.5
                } else {
                    0.0
                };
            }
        }
        sum / pairs
    }

    fn made(count: u64) -> Vec<Labelled> {
        let mut state = 7;
        (0..count)
            .map(|_| {
                let score = (next(&mut state) % 20) as f64 / 20.0;
                (score, next(&mut state) % 100 < (score * 60.0) as u64 + 5)
            })
            .collect()
    }

    #[test]
    fn auroc_counts_pairs() {
        let patients = made(300);
        let area = auroc(&patients).unwrap();
        assert!((area.value - by_pairs(&patients)).abs() < 1e-12);
        assert!(area.low < area.value && area.value < area.high, "{area:?}");
        assert_eq!(auroc(&[(0.3, true)]), None);
        assert_eq!(auroc(&[(0.1, false), (0.9, true)]).unwrap().value, 1.0);
        assert_eq!(auroc(&[(0.5, false), (0.5, true)]).unwrap().value, 0.5);
    }

    /// scikit-learn 1.5, average_precision_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) = 0.8333…
    #[test]
    fn auprc_is_average_precision() {
        let area = auprc(&[(0.1, false), (0.4, false), (0.35, true), (0.8, true)]).unwrap();
        assert!((area.value - 5.0 / 6.0).abs() < 1e-12, "{area:?}");
    }

    #[test]
    fn a_second_run_is_the_same() {
        let patients = made(500);
        assert_eq!(auroc(&patients), auroc(&patients));
    }

    #[test]
    fn tenths_hold_everybody() {
        let bins = calibration(&made(305));
        assert_eq!(bins.len(), 10);
        assert_eq!(bins.iter().map(|bin| bin.patients).sum::<usize>(), 305);
        assert!(bins.windows(2).all(|pair| pair[0].predicted <= pair[1].predicted));
        assert_eq!(brier(&[(1.0, true), (0.0, true)]), Some(0.5));
    }

    #[test]
    fn quantiles_lie_between() {
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[3.0], 0.9), Some(3.0));
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0], 0.5), Some(2.5));
    }
}
