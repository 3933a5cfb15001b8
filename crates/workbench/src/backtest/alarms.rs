//! Figures of each alarm: how often it begins, how often it is right, how early.

use std::collections::BTreeMap;

use serde::Serialize;
use wardwatch_alarms::Phase;
use wardwatch_pipeline::{Pipeline, Predicts};

use super::metrics::{Interval, quantile, ratio};
use super::questions::{Answer, NO_FATE, NO_TIME, NO_TIMES, Question, Questions, in_words};
use super::rankings::{BEFORE, Denominator, NO_MESSAGES};
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
    /// For how many patients it began.
    pub patients: u64,
    /// How often it began, a bed and day.
    pub per_bed_day: f64,
    /// What it is judged by: `death within 24h`.
    pub predicts: Option<String>,
    /// Why it is not judged.
    pub not_judged: Option<&'static str>,
    /// Alerts that are right or wrong.
    pub judged: u64,
    /// Those that the outcome followed within the horizon.
    pub right: u64,
    /// Their share; none where the outcomes have no times.
    pub precision: Option<Interval>,
    /// How many alerts are looked at for one that is right.
    pub number_needed_to_evaluate: Option<f64>,
    /// Outcomes that an alert could have been within the horizon before.
    pub outcomes: u64,
    /// Those with such an alert.
    pub alerted: u64,
    /// Their share; none where the outcomes have no times.
    pub sensitivity: Option<Interval>,
    /// Hours from the first alert within the horizon to the outcome: a quarter of the outcomes less, half, three quarters.
    pub lead_hours: Option<[f64; 3]>,
    /// Of the patients for whom it began, those with the outcome, whenever it came; none where it is not judged.
    pub patients_with_outcome: Option<u64>,
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

/// Every alarm of the patient, and none of equipment.
pub const ANY: &str = "any of the patient's";

/// What one patient adds to the figures of an alarm, or of several.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub alerts: u64,
    /// Alerts that are right or wrong.
    pub judged: u64,
    pub right: u64,
    /// Outcomes that an alert could have been before.
    pub outcomes: u64,
    pub alerted: u64,
    /// Hours from the first alert within the horizon to each of these.
    pub leads: Vec<f64>,
    /// Outcomes whose time is not known.
    pub untimed: u64,
    /// Whether the patient has the outcome, and it began: 0 or 1.
    pub with_outcome: u64,
    /// Alerts, and outcomes, that do not count, by reason.
    pub alerts_out: BTreeMap<&'static str, u64>,
    pub outcomes_out: BTreeMap<&'static str, u64>,
}

/// An alarm of the pipeline, or several: each is judged by its own outcome.
pub(super) struct Which {
    pub name: String,
    pub priority: &'static str,
    /// Indices into the pipeline's names, by what they are judged by.
    pub members: Vec<(Question, Vec<u16>)>,
}

/// Every alarm of a pipeline, in its order, and at last [`ANY`].
pub(super) fn all(pipeline: &Pipeline, questions: &Questions) -> Vec<Which> {
    let alarms = (0..).zip(pipeline.alarm_names()).zip(&questions.alarms);
    let mut all: Vec<Which> = alarms
        .map(|((index, name), question)| Which {
            priority: pipeline.priority_of(&name).map_or("", |priority| priority.name()),
            name,
            members: vec![(question.clone(), vec![index])],
        })
        .collect();
    let of_patient = 0..pipeline.limits.len() + pipeline.conditions.len();
    let mut members: BTreeMap<Question, Vec<u16>> = BTreeMap::new();
    for index in of_patient {
        let question = questions.alarms[index].clone();
        members.entry(question).or_default().push(index as u16);
    }
    all.push(Which {
        name: ANY.to_owned(),
        priority: "",
        members: members.into_iter().collect(),
    });
    all
}

pub(super) fn figures(which: &Which, tallies: &[Tally], bed_days: f64, threads: usize) -> AlarmFigures {
    let sum = Tally::sum(tallies);
    let mut leads = sum.leads.clone();
    leads.sort_by(f64::total_cmp);
    let quarter = |share| quantile(&leads, share);
    let of = |parts: fn(&Tally) -> (u64, u64)| {
        let parts = tallies.iter().map(parts);
        let parts: Vec<_> = parts.map(|(upper, lower)| (upper as f64, lower as f64)).collect();
        ratio(&parts, threads)
    };
    let precision = of(|tally| (tally.right, tally.judged));
    let questions: Vec<&Predicts> = which
        .members
        .iter()
        .filter_map(|(question, _)| question.as_ref().ok())
        .collect();
    let reason = which
        .members
        .first()
        .and_then(|(question, _)| question.as_ref().err());
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
        predicts: (!questions.is_empty()).then(|| {
            let words: Vec<String> = questions.iter().map(|predicts| in_words(predicts)).collect();
            words.join("; ")
        }),
        not_judged: reason.copied().filter(|_| questions.is_empty()),
        judged: sum.judged,
        right: sum.right,
        precision,
        number_needed_to_evaluate: precision
            .map(|precision| precision.value)
            .filter(|precision| *precision > 0.0)
            .map(|precision| 1.0 / precision),
        outcomes: sum.outcomes,
        alerted: sum.alerted,
        sensitivity: of(|tally| (tally.alerted, tally.outcomes)),
        lead_hours: quarter(0.25)
            .zip(quarter(0.5))
            .zip(quarter(0.75))
            .map(|((low, median), high)| [low, median, high]),
        patients_with_outcome: (!questions.is_empty()).then_some(sum.with_outcome),
    }
}

/// Which alerts and outcomes of an alarm count, and which do not and why; none where it is not judged.
pub(super) fn denominators(which: &Which, tallies: &[Tally]) -> Vec<Denominator> {
    let [(Ok(predicts), _)] = &which.members[..] else {
        return Vec::new();
    };
    let sum = Tally::sum(tallies);
    let of = |unit: &'static str, counted, fell_out: BTreeMap<&'static str, u64>| Denominator {
        of: which.name.clone(),
        predicts: in_words(predicts),
        ranking: unit.to_owned(),
        unit,
        all: counted + fell_out.values().sum::<u64>(),
        counted,
        fell_out,
    };
    vec![
        of("alerts", sum.judged, sum.alerts_out),
        of("outcomes", sum.outcomes, sum.outcomes_out),
    ]
}

/// What each patient adds, in their order.
pub(super) fn tallies(which: &Which, stays: &[Stay<'_>]) -> Vec<Tally> {
    let mut sums = vec![Tally::default(); stays.len()];
    for (question, alarms) in &which.members {
        let of_stay = |stay: &Stay<'_>| {
            let begun = begins(stay, alarms);
            match question {
                Ok(predicts) => tally(&begun, stay, predicts),
                Err(_) => Tally {
                    alerts: begun.len() as u64,
                    ..Tally::default()
                },
            }
        };
        let mut tallies: Vec<Tally> = stays.iter().map(of_stay).collect();
        judge_none_without_times(&mut tallies);
        sums.iter_mut()
            .zip(&tallies)
            .for_each(|(sum, tally)| sum.add(tally));
    }
    // A patient with two outcomes is one.
    sums.iter_mut()
        .for_each(|sum| sum.with_outcome = sum.with_outcome.min(1));
    sums
}

/// Where no outcome has a time, those alone could be judged who are without it: then none is.
fn judge_none_without_times(tallies: &mut [Tally]) {
    let sum = Tally::sum(tallies);
    for tally in tallies.iter_mut().filter(|_| !sum.has_times()) {
        tally.leave_out(NO_TIMES, tally.judged);
        (tally.judged, tally.right) = (0, 0);
    }
}

/// What the beginnings of one alarm, in order, add to its figures.
pub(super) fn tally(begun: &[i64], stay: &Stay<'_>, predicts: &Predicts) -> Tally {
    let mut tally = Tally {
        alerts: begun.len() as u64,
        ..Tally::default()
    };
    let Some(outcome) = stay.fate.and_then(|fate| fate.outcomes.get(&predicts.outcome)) else {
        tally.leave_out(NO_FATE, tally.alerts);
        return tally;
    };
    for at in begun {
        match outcome.answer(*at, predicts) {
            Answer::Unknown(reason) => tally.leave_out(reason, 1),
            answer => {
                tally.judged += 1;
                tally.right += u64::from(answer == Answer::Right);
            }
        }
    }
    tally.with_outcome = u64::from(outcome.came && !begun.is_empty());
    if outcome.came && outcome.at.is_empty() {
        tally.untimed = 1;
        tally.outcomes_out.insert(NO_TIME, 1);
    }
    for time in outcome.times(predicts) {
        let horizon = predicts.horizon.map_or(i64::MAX, |horizon| horizon.micros());
        let out_of_reach = match stay.course.span {
            None => Some(NO_MESSAGES),
            Some((begin, _)) if time <= begin => Some(BEFORE),
            Some((_, end)) if time.saturating_sub(end) > horizon => Some(LATER),
            Some(_) => None,
        };
        if let Some(reason) = out_of_reach {
            *tally.outcomes_out.entry(reason).or_default() += 1;
            continue;
        }
        tally.outcomes += 1;
        let mut within = begun.iter().filter(|at| **at < time && time - **at <= horizon);
        if let Some(first) = within.next() {
            tally.alerted += 1;
            tally.leads.push((time - first) as f64 / HOUR as f64);
        }
    }
    tally
}

const LATER: &str = "it came later than the horizon after the last message";

/// When alarms began, in order.
fn begins(stay: &Stay<'_>, alarms: &[u16]) -> Vec<i64> {
    let of_alarm = |told: &&Told| alarms.contains(&told.alarm) && told.phase == Phase::Start;
    let mut begun: Vec<i64> = stay
        .course
        .alerts
        .iter()
        .filter(of_alarm)
        .map(|told| told.at)
        .collect();
    begun.sort_unstable();
    begun
}

/// Which alarms begin together; `alarms` by their place among the pipeline's names.
pub(super) fn overlaps(alarms: &[Which], stays: &[Stay<'_>]) -> Vec<Overlap> {
    // Of each alarm, patient by patient, when it began.
    let places = 0..alarms.len() as u16;
    let begun: Vec<Vec<Vec<i64>>> = places
        .map(|alarm| stays.iter().map(|stay| begins(stay, &[alarm])).collect())
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

/// Whether one of sorted times is near another.
fn is_near(times: &[i64], at: i64) -> bool {
    let from = times.partition_point(|time| *time < at - TOGETHER);
    times.get(from).is_some_and(|time| *time <= at + TOGETHER)
}

// === impl Tally ===

impl Tally {
    fn sum(tallies: &[Self]) -> Self {
        let mut sum = Self::default();
        tallies.iter().for_each(|tally| sum.add(tally));
        sum
    }

    pub fn add(&mut self, other: &Self) {
        self.alerts += other.alerts;
        self.judged += other.judged;
        self.right += other.right;
        self.outcomes += other.outcomes;
        self.alerted += other.alerted;
        self.leads.extend(&other.leads);
        self.untimed += other.untimed;
        self.with_outcome += other.with_outcome;
        for (reason, count) in &other.alerts_out {
            self.leave_out(reason, *count);
        }
        for (reason, count) in &other.outcomes_out {
            *self.outcomes_out.entry(reason).or_default() += count;
        }
    }

    /// Whether alerts can be called right or wrong: not where no outcome has a time.
    pub fn has_times(&self) -> bool {
        self.outcomes > 0 || self.untimed == 0
    }

    fn leave_out(&mut self, reason: &'static str, alerts: u64) {
        if alerts > 0 {
            *self.alerts_out.entry(reason).or_default() += alerts;
        }
    }
}
