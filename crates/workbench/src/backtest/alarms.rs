//! Figures of each alarm: how often it is told, how often it is right, how early.

use serde::Serialize;
use wardwatch_alarms::Phase;
use wardwatch_event_time::Span;
use wardwatch_pipeline::Pipeline;

use super::metrics::quantile;
use super::report::Stay;

/// Two alerts of a patient tell of the same when they are no further apart.
const TOGETHER: i64 = 15 * 60 * 1_000_000;

/// Microseconds of an hour.
const HOUR: f64 = 3_600e6;

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

pub(super) fn figures(
    pipeline: &Pipeline,
    stays: &[Stay<'_>],
    bed_days: f64,
    horizon: Span,
) -> Vec<AlarmFigures> {
    let names = pipeline.alarm_names();
    let alarms = names.into_iter().zip(0..);
    alarms
        .map(|(name, index)| of_alarm(pipeline, name, index, stays, bed_days, horizon))
        .collect()
}

fn of_alarm(
    pipeline: &Pipeline,
    name: String,
    index: u16,
    stays: &[Stay<'_>],
    bed_days: f64,
    horizon: Span,
) -> AlarmFigures {
    let (mut alerts, mut patients) = (0, 0);
    let (mut judged, mut right) = (0_u64, 0_u64);
    let (mut came, mut told_before) = (0_u64, 0_u64);
    let mut leads = Vec::new();
    for stay in stays {
        let begun = || begins(stay, index);
        let count = begun().count() as u64;
        alerts += count;
        patients += u64::from(count > 0);
        let verdicts = begun().filter_map(|at| stay.is_right(at, horizon));
        for is_right in verdicts {
            judged += 1;
            right += u64::from(is_right);
        }
        let Some(fate) = stay.fate.filter(|fate| fate.came) else {
            continue;
        };
        came += 1;
        let first = begun().find(|at| stay.is_before_outcome(*at));
        told_before += u64::from(first.is_some());
        if let (Some(first), Some(outcome)) = (first, fate.at) {
            leads.push((outcome.micros() - first) as f64 / HOUR);
        }
    }
    leads.sort_by(f64::total_cmp);
    let quarter = |share| quantile(&leads, share);
    let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
    let precision = share(right, judged);
    AlarmFigures {
        priority: pipeline.priority_of(&name).map_or("", |priority| priority.name()),
        alarm: name,
        alerts,
        patients,
        per_bed_day: if bed_days > 0.0 {
            alerts as f64 / bed_days
        } else {
            0.0
        },
        precision,
        number_needed_to_evaluate: precision
            .filter(|precision| *precision > 0.0)
            .map(|precision| 1.0 / precision),
        sensitivity: share(told_before, came),
        lead_hours: quarter(0.25)
            .zip(quarter(0.5))
            .zip(quarter(0.75))
            .map(|((low, median), high)| [low, median, high]),
    }
}

/// When an alarm began, in order.
fn begins<'s>(stay: &'s Stay<'_>, alarm: u16) -> impl Iterator<Item = i64> + 's {
    let of_alarm = move |told: &&super::run::Told| told.alarm == alarm && told.phase == Phase::Start;
    stay.course.alerts.iter().filter(of_alarm).map(|told| told.at)
}

pub(super) fn overlaps(alarms: &[AlarmFigures], stays: &[Stay<'_>]) -> Vec<Overlap> {
    let mut overlaps = Vec::new();
    for (one, figures) in (0..).zip(alarms) {
        for (other, with) in (0..).zip(alarms) {
            if one == other || figures.alerts == 0 || with.alerts == 0 {
                continue;
            }
            let together: usize = stays
                .iter()
                .map(|stay| {
                    let others: Vec<i64> = begins(stay, other).collect();
                    let is_near = |at: &i64| others.iter().any(|other| (at - other).abs() <= TOGETHER);
                    begins(stay, one).filter(is_near).count()
                })
                .sum();
            if together > 0 {
                overlaps.push(Overlap {
                    alarm: figures.alarm.clone(),
                    with: with.alarm.clone(),
                    share: together as f64 / figures.alerts as f64,
                });
            }
        }
    }
    overlaps
}
