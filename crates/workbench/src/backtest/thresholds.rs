//! A score as an alarm at a threshold: for so many alerts, or so many of its values.

use serde::Serialize;
use wardwatch_pipeline::Predicts;

use super::alarms::{Tally, tally};
use super::rankings::{Judged, Value};
use super::report::Stay;

/// Alerts for 100 patients and days at which a score is compared.
const RATES: [f64; 3] = [1.0, 2.0, 5.0];

/// Shares of the values that are flagged.
const SHARES: [f64; 5] = [0.01, 0.02, 0.05, 0.1, 0.2];

/// Beyond so many thresholds from the top one of ever more is tried.
const FINENESS: usize = 50;

/// A score as an alarm that begins when it rises to a threshold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AtRate {
    /// At most so many alerts for 100 patients and days.
    pub alerts_per_100_patient_days: f64,
    /// The lowest threshold with no more.
    pub threshold: f64,
    /// Of the outcomes, the share with an alert within the horizon before; none where no times are known.
    pub sensitivity: Option<f64>,
    /// Of the alerts, the share that the outcome follows within the horizon; none where no times are known.
    pub precision: Option<f64>,
    /// Of the patients with the outcome, the share that ever reaches the threshold before it.
    pub reached_with_outcome: Option<f64>,
    /// Of the patients without, likewise.
    pub reached_without: Option<f64>,
}

/// A share of all values of a score.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Flagged {
    /// At most this share of all values.
    pub most: f64,
    /// The lowest threshold that flags no more.
    pub threshold: f64,
    /// The share that it flags.
    pub share: f64,
    /// Of the values flagged, the share that the outcome follows within the horizon; none where no times are known.
    pub precision: Option<f64>,
    /// Of the values that the outcome follows within the horizon, the share flagged.
    pub sensitivity: Option<f64>,
}

/// A stay with its values of a score.
pub(super) struct Valued<'s> {
    pub stay: &'s Stay<'s>,
    pub values: Vec<Value>,
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// An alert is a rise to the threshold: the next one only after the score has been below.
pub(super) fn at_rates(valued: &[Valued<'_>], predicts: &Predicts) -> Vec<AtRate> {
    let known: Vec<&Valued<'_>> = valued
        .iter()
        .filter(|valued| valued.came(predicts).is_some() && !valued.values.is_empty())
        .collect();
    let days: f64 = known.iter().map(|valued| valued.stay.days()).sum();
    if days <= 0.0 {
        return Vec::new();
    }
    let mut all: Vec<f64> = known
        .iter()
        .flat_map(|valued| valued.values.iter().map(|(_, value)| *value))
        .collect();
    all.sort_by(f64::total_cmp);
    all.dedup();
    // Few alerts come of the highest values: there every one is tried, further down one of ever more.
    let mut thresholds = Vec::new();
    let mut from_top = 0;
    while let Some(at) = all.len().checked_sub(from_top + 1) {
        thresholds.push(all[at]);
        from_top += 1 + from_top / FINENESS;
    }
    let mut rates = RATES.into_iter().peekable();
    let mut at_rates = Vec::new();
    let mut within = None;
    // Downwards from the highest threshold, as far as the alerts stay within each rate.
    for threshold in thresholds {
        let alerts: usize = known.iter().map(|valued| valued.rises(threshold).count()).sum();
        let rate = alerts as f64 / days * 100.0;
        while let Some(most) = rates.next_if(|most| rate > *most) {
            at_rates.extend(within.map(|threshold| at_rate(&known, predicts, most, threshold)));
        }
        within = Some(threshold);
    }
    at_rates
        .extend(rates.filter_map(|most| within.map(|threshold| at_rate(&known, predicts, most, threshold))));
    at_rates
}

fn at_rate(known: &[&Valued<'_>], predicts: &Predicts, most: f64, threshold: f64) -> AtRate {
    let mut sum = Tally::default();
    let (mut patients, mut reached) = ([0, 0], [0, 0]);
    for valued in known {
        let rises: Vec<i64> = valued.rises(threshold).collect();
        sum.add(&tally(&rises, valued.stay, predicts));
        let kind = usize::from(valued.came(predicts) == Some(true));
        let first = valued.first_outcome(predicts);
        let is_before = |at: &i64| first.is_none_or(|first| *at < first);
        patients[kind] += 1;
        reached[kind] += u64::from(rises.iter().any(is_before));
    }
    AtRate {
        alerts_per_100_patient_days: most,
        threshold,
        sensitivity: share(sum.alerted, sum.outcomes),
        precision: share(sum.right, sum.judged).filter(|_| sum.has_times()),
        reached_with_outcome: share(reached[1], patients[1]),
        reached_without: share(reached[0], patients[0]),
    }
}

/// At each share of all values; `judged` are those that are held against the outcome.
pub(super) fn flagged(valued: &[Valued<'_>], judged: &[Judged]) -> Vec<Flagged> {
    let mut all: Vec<f64> = valued
        .iter()
        .flat_map(|valued| valued.values.iter().map(|(_, value)| *value))
        .collect();
    all.sort_by(|one, other| other.total_cmp(one));
    let of_share = |most: f64| {
        let allowed = (most * all.len() as f64).floor() as usize;
        // Equal values are flagged together or not at all.
        let over = all.get(allowed).copied().unwrap_or(f64::NEG_INFINITY);
        let count = all.partition_point(|value| *value > over);
        let threshold = *all[..count].last()?;
        let is_flagged = |judged: &&Judged| judged.row.score >= threshold;
        let came = judged.iter().filter(|judged| judged.row.came);
        let found = came.clone().filter(is_flagged).count() as u64;
        let judged_flagged = judged.iter().filter(is_flagged).count() as u64;
        let came = came.count() as u64;
        Some(Flagged {
            most,
            threshold,
            share: count as f64 / all.len() as f64,
            precision: share(found, judged_flagged).filter(|_| came > 0),
            sensitivity: share(found, came),
        })
    };
    SHARES.into_iter().filter_map(of_share).collect()
}

// === impl Valued ===

impl Valued<'_> {
    fn came(&self, predicts: &Predicts) -> Option<bool> {
        let outcome = self.stay.fate?.outcomes.get(&predicts.outcome)?;
        Some(outcome.came)
    }

    fn first_outcome(&self, predicts: &Predicts) -> Option<i64> {
        let outcome = self.stay.fate?.outcomes.get(&predicts.outcome)?;
        outcome.times(predicts).next()
    }

    /// When the score rises to a threshold.
    fn rises(&self, threshold: f64) -> impl Iterator<Item = i64> + '_ {
        let mut is_above = false;
        self.values.iter().filter_map(move |(at, value)| {
            let was_above = std::mem::replace(&mut is_above, *value >= threshold);
            (is_above && !was_above).then_some(*at)
        })
    }
}
