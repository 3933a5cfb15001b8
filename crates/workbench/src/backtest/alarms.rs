//! Figures of each alarm: how often it is told, how often it is right, how early.

use std::iter::Sum;
use std::ops::Range;

use serde::Serialize;
use wardwatch_alarms::Phase;
use wardwatch_event_time::Span;
use wardwatch_pipeline::Pipeline;

use super::metrics::quantile;
use super::report::Stay;
use super::run::{HOUR, Told};

/// Two alerts of a patient tell of the same when they are no further apart.
const TOGETHER: i64 = 15 * 60 * 1_000_000;

/// Figures of one alarm.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AlarmFigures {
    /// Its name.
    pub alarm: String,
    /// Its priority.
    pub priority: &'static str,
    /// How often it began.
    pub alerts: u64,
    /// Of how many patients it was told.
    pub patients: u64,
    /// How often it began, a bed and day.
    pub per_bed_day: f64,
    /// Of the alerts whose patient's fate is known, the share that was right; none without any.
    pub precision: Option<f64>,
    /// How many alerts are looked at for one that is right.
    pub number_needed_to_evaluate: Option<f64>,
    /// Of the patients with the outcome, the share that was told of before it.
    pub sensitivity: Option<f64>,
    /// Hours from the first alert to the outcome: a quarter of the patients less, half, three quarters; where times are known.
    pub lead_hours: Option<[f64; 3]>,
}

/// Two alarms that tell of the same.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Overlap {
    /// Of the alerts of this alarm…
    pub alarm: String,
    /// …those with one of this alarm within a quarter of an hour…
    pub with: String,
    /// …are this share.
    pub share: f64,
}

/// Every alarm that tells of the patient, and not of equipment.
pub const ANY: &str = "any of the patient's";

/// What one patient adds to the figures of an alarm, or of several.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub alerts: u64,
    /// Alerts whose patient's fate is known.
    pub judged: u64,
    /// Of these, those that the outcome followed.
    pub right: u64,
    /// Whether the outcome came: 0 or 1.
    pub came: u64,
    /// Whether it came, and an alert was before it.
    pub told_before: u64,
    /// Hours from the first alert to the outcome.
    pub lead: Option<f64>,
}

/// An alarm of the pipeline, or several.
#[derive(Clone, Debug)]
pub(super) struct Which {
    pub name: String,
    pub priority: &'static str,
    /// Indices into the pipeline's names.
    pub indices: Range<u16>,
}

/// Every alarm of a pipeline, in its order, and at last [`ANY`].
pub(super) fn all(pipeline: &Pipeline) -> Vec<Which> {
    let mut all: Vec<Which> = (0..)
        .zip(pipeline.alarm_names())
        .map(|(index, name)| Which {
            priority: pipeline.priority_of(&name).map_or("", |priority| priority.name()),
            name,
            indices: index..index + 1,
        })
        .collect();
    all.push(Which {
        name: ANY.to_owned(),
        priority: "",
        indices: 0..(pipeline.limits.len() + pipeline.conditions.len()) as u16,
    });
    all
}

pub(super) fn figures(which: &Which, tallies: &[Tally], bed_days: f64) -> AlarmFigures {
    let sum: Tally = tallies.iter().copied().sum();
    let mut leads: Vec<f64> = tallies.iter().filter_map(|tally| tally.lead).collect();
    leads.sort_by(f64::total_cmp);
    let quarter = |share| quantile(&leads, share);
    let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
    let precision = share(sum.right, sum.judged);
    AlarmFigures {
        alarm: which.name.clone(),
        priority: which.priority,
        alerts: sum.alerts,
        patients: tallies.iter().filter(|tally| tally.alerts > 0).count() as u64,
        per_bed_day: if bed_days > 0.0 {
            sum.alerts as f64 / bed_days
        } else {
            0.0
        },
        precision,
        number_needed_to_evaluate: precision
            .filter(|precision| *precision > 0.0)
            .map(|precision| 1.0 / precision),
        sensitivity: share(sum.told_before, sum.came),
        lead_hours: quarter(0.25)
            .zip(quarter(0.5))
            .zip(quarter(0.75))
            .map(|((low, median), high)| [low, median, high]),
    }
}

/// What each patient adds, in their order.
pub(super) fn tallies(which: &Which, stays: &[Stay<'_>], horizon: Span) -> Vec<Tally> {
    stays.iter().map(|stay| tally(which, stay, horizon)).collect()
}

fn tally(which: &Which, stay: &Stay<'_>, horizon: Span) -> Tally {
    let begun = || begins(stay, &which.indices);
    let mut tally = Tally {
        alerts: begun().count() as u64,
        ..Tally::default()
    };
    let Some(fate) = stay.fate else { return tally };
    tally.judged = tally.alerts;
    tally.right = begun().filter(|at| fate.is_right(*at, horizon)).count() as u64;
    if fate.came {
        let first = begun().find(|at| stay.is_before_outcome(*at));
        tally.came = 1;
        tally.told_before = u64::from(first.is_some());
        tally.lead = first
            .zip(fate.at)
            .map(|(first, outcome)| (outcome.micros() - first) as f64 / HOUR as f64);
    }
    tally
}

/// When alarms began, in order.
fn begins<'s>(stay: &'s Stay<'_>, alarms: &'s Range<u16>) -> impl Iterator<Item = i64> + 's {
    let of_alarm = |told: &&Told| alarms.contains(&told.alarm) && told.phase == Phase::Start;
    stay.course.alerts.iter().filter(of_alarm).map(|told| told.at)
}

pub(super) fn overlaps(alarms: &[Which], stays: &[Stay<'_>]) -> Vec<Overlap> {
    // Of each alarm, patient by patient, when it began.
    let begun: Vec<Vec<Vec<i64>>> = alarms
        .iter()
        .map(|which| {
            stays
                .iter()
                .map(|stay| sorted_begins(stay, &which.indices))
                .collect()
        })
        .collect();
    let mut overlaps = Vec::new();
    for (one, begun_one) in alarms.iter().zip(&begun) {
        let alerts: usize = begun_one.iter().map(Vec::len).sum();
        for (other, begun_other) in alarms.iter().zip(&begun) {
            if one.name == other.name {
                continue;
            }
            let together: usize = begun_one
                .iter()
                .zip(begun_other)
                .map(|(ones, others)| ones.iter().filter(|at| is_near(others, **at)).count())
                .sum();
            if together > 0 {
                overlaps.push(Overlap {
                    alarm: one.name.clone(),
                    with: other.name.clone(),
                    share: together as f64 / alerts as f64,
                });
            }
        }
    }
    overlaps
}

fn sorted_begins(stay: &Stay<'_>, alarms: &Range<u16>) -> Vec<i64> {
    let mut begun: Vec<i64> = begins(stay, alarms).collect();
    begun.sort_unstable();
    begun
}

/// Whether one of sorted times is near another.
fn is_near(times: &[i64], at: i64) -> bool {
    let from = times.partition_point(|time| *time < at - TOGETHER);
    times.get(from).is_some_and(|time| *time <= at + TOGETHER)
}

// === impl Tally ===

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |sum, tally| Self {
            alerts: sum.alerts + tally.alerts,
            judged: sum.judged + tally.judged,
            right: sum.right + tally.right,
            came: sum.came + tally.came,
            told_before: sum.told_before + tally.told_before,
            lead: None,
        })
    }
}
