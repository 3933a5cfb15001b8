//! Figures of each score: how well it tells patients with the outcome from those without, and at what cost of alerts.

use std::collections::BTreeMap;

use serde::Serialize;
use wardwatch_pipeline::{Pipeline, ScoreKind};

use super::metrics::{Bin, Interval, Labelled, auprc, auroc, brier, calibration};
use super::outcomes::{Fate, SMALLEST_GROUP};
use super::report::Stay;

/// Alerts for 100 patients and days at which a score is compared.
const RATES: [f64; 3] = [1.0, 2.0, 5.0];

/// Beyond so many thresholds from the top one of ever more is tried.
const FINENESS: usize = 50;

/// Figures of one score.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScoreFigures {
    /// Its name.
    pub score: String,
    /// How often it had a value.
    pub evaluated: u64,
    /// How often it had none, since inputs were missing or too old.
    pub unavailable: u64,
    /// Patients with a value before the outcome, whose fate is known. A patient counts with the highest value.
    pub patients: usize,
    /// Of these with the outcome.
    pub outcomes: usize,
    /// The area under the ROC curve.
    pub auroc: Option<Interval>,
    /// The area under the precision-recall curve.
    pub auprc: Option<Interval>,
    /// At the threshold that gives so many alerts.
    pub at_rates: Vec<AtRate>,
    /// Of a model's probability: predicted and observed risk, by the last value before the outcome.
    pub calibration: Vec<Bin>,
    /// Its Brier score.
    pub brier: Option<f64>,
    /// By age, sex and unit.
    pub groups: Vec<Group>,
}

/// A score as an alarm at a threshold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AtRate {
    /// At most so many alerts for 100 patients and days.
    pub alerts_per_100_patient_days: f64,
    /// The lowest threshold with no more.
    pub threshold: f64,
    /// Of the patients with the outcome, the share that reaches it before.
    pub sensitivity: f64,
    /// Of the patients that reach it, the share with the outcome.
    pub precision: f64,
}

/// A group of patients.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// Which: `age 65 to 79`, `sex female`, `unit ICU`.
    pub group: String,
    /// How many.
    pub patients: usize,
    /// With the outcome.
    pub outcomes: usize,
    /// The area under the ROC curve.
    pub auroc: Option<Interval>,
}

/// A patient's values of one score before the outcome.
struct Values<'s> {
    stay: &'s Stay<'s>,
    values: Vec<f64>,
    came: bool,
}

pub(super) fn figures(pipeline: &Pipeline, stays: &[Stay<'_>]) -> Vec<ScoreFigures> {
    let scores = pipeline.scores.iter().enumerate();
    scores
        .map(|(index, score)| {
            let is_probability = matches!(score.kind, ScoreKind::Model { .. });
            of_score(score.name.to_string(), index, is_probability, stays)
        })
        .collect()
}

fn of_score(name: String, index: usize, is_probability: bool, stays: &[Stay<'_>]) -> ScoreFigures {
    let known: Vec<Values<'_>> = stays.iter().filter_map(|stay| values(stay, index)).collect();
    let highest: Vec<Labelled> = known
        .iter()
        .map(|values| (values.highest(), values.came))
        .collect();
    let last: Vec<Labelled> = match is_probability {
        true => known
            .iter()
            .filter_map(|values| Some((*values.values.last()?, values.came)))
            .collect(),
        false => Vec::new(),
    };
    ScoreFigures {
        score: name,
        evaluated: stays
            .iter()
            .map(|stay| stay.course.scores[index].len() as u64)
            .sum(),
        unavailable: stays.iter().map(|stay| stay.course.unavailable[index]).sum(),
        patients: known.len(),
        outcomes: known.iter().filter(|values| values.came).count(),
        auroc: auroc(&highest),
        auprc: auprc(&highest),
        at_rates: at_rates(&known),
        calibration: calibration(&last),
        brier: brier(&last),
        groups: groups(&known),
    }
}

/// The highest value of a score before the outcome; none without a fate or a value.
pub(super) fn highest(stay: &Stay<'_>, index: usize) -> Option<Labelled> {
    values(stay, index).map(|values| (values.highest(), values.came))
}

fn values<'s>(stay: &'s Stay<'s>, index: usize) -> Option<Values<'s>> {
    let fate = stay.fate?;
    let series = stay.course.scores[index].iter();
    let values: Vec<f64> = series
        .filter(|(at, _)| stay.is_before_outcome(*at))
        .map(|(_, value)| f64::from(*value))
        .collect();
    (!values.is_empty()).then_some(Values {
        stay,
        values,
        came: fate.came,
    })
}

/// An alert is a rise to the threshold: it is told again only after the score has been below.
fn at_rates(known: &[Values<'_>]) -> Vec<AtRate> {
    let came = known.iter().filter(|values| values.came).count();
    let days: f64 = known.iter().map(|values| values.stay.days()).sum();
    if came == 0 || days <= 0.0 {
        return Vec::new();
    }
    let mut all: Vec<f64> = known
        .iter()
        .flat_map(|values| values.values.iter().copied())
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
    let figures: Vec<(f64, usize, usize, usize)> = thresholds
        .into_iter()
        .map(|threshold| {
            let (mut rises, mut reach, mut right) = (0, 0, 0);
            for values in known {
                let rises_of = values.rises(threshold);
                rises += rises_of;
                reach += usize::from(rises_of > 0);
                right += usize::from(rises_of > 0 && values.came);
            }
            (threshold, rises, reach, right)
        })
        .collect();
    let rate = |most: f64| {
        // Downwards from the highest threshold, as far as the alerts stay within the rate.
        let within = figures
            .iter()
            .take_while(|(_, rises, ..)| *rises as f64 / days * 100.0 <= most);
        within.last().map(|(threshold, _, reach, right)| AtRate {
            alerts_per_100_patient_days: most,
            threshold: *threshold,
            sensitivity: *right as f64 / came as f64,
            precision: *right as f64 / (*reach).max(1) as f64,
        })
    };
    RATES.into_iter().filter_map(rate).collect()
}

fn groups(known: &[Values<'_>]) -> Vec<Group> {
    let mut groups: BTreeMap<String, Vec<Labelled>> = BTreeMap::new();
    for values in known {
        for group in values.stay.fate.into_iter().flat_map(Fate::groups) {
            groups
                .entry(group)
                .or_default()
                .push((values.highest(), values.came));
        }
    }
    let told = groups
        .into_iter()
        .filter(|(_, patients)| patients.len() >= SMALLEST_GROUP);
    told.map(|(group, patients)| Group {
        group,
        patients: patients.len(),
        outcomes: patients.iter().filter(|(_, came)| *came).count(),
        auroc: auroc(&patients),
    })
    .collect()
}

// === impl Values ===

impl Values<'_> {
    fn highest(&self) -> f64 {
        self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    fn rises(&self, threshold: f64) -> usize {
        let mut is_above = false;
        let mut rises = 0;
        for value in &self.values {
            let was_above = std::mem::replace(&mut is_above, *value >= threshold);
            rises += usize::from(is_above && !was_above);
        }
        rises
    }
}
