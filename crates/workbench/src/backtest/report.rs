//! The figures of a back-test.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use wardwatch_alarms::Phase;
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_pipeline::Pipeline;

use super::alarms::{self, AlarmFigures, Overlap, Tally};
use super::data::{self, DataFigures};
use super::outcomes::{Fate, SMALLEST_GROUP};
use super::run::{Course, Courses};
use super::scores::{self, ScoreFigures};

/// Microseconds of a day.
const DAY: f64 = 86_400e6;

/// So many of the noisiest patients are listed.
const NOISIEST: usize = 10;

/// What a back-test should take for granted.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// An alert is right when the outcome comes within so long after it. An outcome whose time is not known comes after all
    /// observations, and makes every alert of its patient right.
    pub horizon: Span,
}

/// What a pipeline would have told, and how right it would have been.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The pipeline's name.
    pub pipeline: String,
    /// Its version.
    pub version: u32,
    /// SHA-256 of its text.
    pub sha256: String,
    /// Patients with observations.
    pub patients: usize,
    /// Days from each patient's first to last message, in all.
    pub bed_days: f64,
    /// The first and the last message.
    pub span: Option<(String, String)>,
    /// What became of the data.
    pub data: DataFigures,
    /// Alerts that began, a bed and day, in all.
    pub alerts_per_bed_day: f64,
    /// Likewise, by priority.
    pub alerts_per_bed_day_by_priority: BTreeMap<&'static str, f64>,
    /// Of each alarm, in the order of the pipeline.
    pub alarms: Vec<AlarmFigures>,
    /// Of all of them together that tell of the patient, and not of equipment.
    pub any: AlarmFigures,
    /// Likewise, by age, sex and unit.
    pub groups: Vec<AlarmGroup>,
    /// Which alarms tell of the same.
    pub overlaps: Vec<Overlap>,
    /// Of each score, in the order of the pipeline.
    pub scores: Vec<ScoreFigures>,
    /// How many patients' outcomes are known, and how many of these came; none without a file of outcomes.
    pub outcomes: Option<(usize, usize)>,
    /// Who was told of most often, a day.
    pub noisiest: Vec<Noisy>,
}

/// Alarms of a group of patients.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AlarmGroup {
    /// Which: `age 65 to 79`, `sex female`, `unit ICU`.
    pub group: String,
    /// How many.
    pub patients: usize,
    /// The figures of all alarms that tell of the patient.
    pub any: AlarmFigures,
}

/// A patient of whom much was told. Patient data.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Noisy {
    /// The patient.
    pub patient_id: String,
    /// Alerts that began.
    pub alerts: u64,
    /// A day; a shorter stay counts as one.
    pub per_day: f64,
}

/// A patient with what became of them.
pub(super) struct Stay<'c> {
    pub course: &'c Course,
    pub fate: Option<&'c Fate>,
}

// === impl Report ===

impl Report {
    /// The figures of a run; without `fates` only what was told.
    pub fn new(
        pipeline: &Pipeline,
        courses: &Courses,
        fates: Option<&BTreeMap<String, Fate>>,
        options: Options,
    ) -> Self {
        let stays = stays(courses, fates);
        let bed_days: f64 = stays.iter().map(Stay::days).sum();
        let mut which = alarms::all(pipeline);
        let mut tallies: Vec<Vec<Tally>> = which
            .iter()
            .map(|which| alarms::tallies(which, &stays, options.horizon))
            .collect();
        let figures = which.iter().zip(&tallies);
        let mut alarms: Vec<AlarmFigures> = figures
            .map(|(which, tallies)| alarms::figures(which, tallies, bed_days))
            .collect();
        // The last is of all of them together.
        let ((any, of_any), figures_of_any) = which
            .pop()
            .zip(tallies.pop())
            .zip(alarms.pop())
            .expect("there is always one of all");
        let mut by_priority = BTreeMap::new();
        for alarm in &alarms {
            *by_priority.entry(alarm.priority).or_insert(0.0) += alarm.per_bed_day;
        }
        let known = stays.iter().filter_map(|stay| stay.fate);
        let outcomes = (known.clone().count(), known.filter(|fate| fate.came).count());
        let spans = || courses.patients.values().filter_map(|course| course.span);
        let begins = spans().map(|(begin, _)| begin).min();
        let ends = spans().map(|(_, end)| end).max();
        let shown = |micros: i64| Timestamp::from_micros(micros).to_string();
        Self {
            pipeline: pipeline.name.to_string(),
            version: pipeline.version,
            sha256: pipeline.hash.to_string(),
            patients: stays.len(),
            bed_days,
            span: begins
                .zip(ends)
                .map(|(begins, ends)| (shown(begins), shown(ends))),
            data: data::figures(courses),
            alerts_per_bed_day: by_priority.values().sum(),
            alerts_per_bed_day_by_priority: by_priority,
            overlaps: alarms::overlaps(&which, &stays),
            alarms,
            groups: groups(&any, &of_any, &stays),
            any: figures_of_any,
            scores: scores::figures(pipeline, &stays),
            outcomes: fates.map(|_| outcomes),
            noisiest: noisiest(&courses.patients),
        }
    }
}

/// Each patient with what became of them, in their order.
pub(super) fn stays<'c>(courses: &'c Courses, fates: Option<&'c BTreeMap<String, Fate>>) -> Vec<Stay<'c>> {
    let patients = courses.patients.iter();
    patients
        .map(|(patient, course)| Stay {
            course,
            fate: fates.and_then(|fates| fates.get(&**patient)),
        })
        .collect()
}

fn groups(any: &alarms::Which, tallies: &[Tally], stays: &[Stay<'_>]) -> Vec<AlarmGroup> {
    let mut groups: BTreeMap<String, (Vec<Tally>, f64)> = BTreeMap::new();
    for (stay, tally) in stays.iter().zip(tallies) {
        for group in stay.fate.into_iter().flat_map(Fate::groups) {
            let (of_group, days) = groups.entry(group).or_default();
            of_group.push(*tally);
            *days += stay.days();
        }
    }
    let told = groups
        .into_iter()
        .filter(|(_, (tallies, _))| tallies.len() >= SMALLEST_GROUP);
    told.map(|(group, (tallies, days))| AlarmGroup {
        group,
        patients: tallies.len(),
        any: alarms::figures(any, &tallies, days),
    })
    .collect()
}

fn noisiest(patients: &BTreeMap<Arc<str>, Course>) -> Vec<Noisy> {
    let mut noisy: Vec<Noisy> = patients
        .iter()
        .map(|(patient, course)| {
            let alerts = course
                .alerts
                .iter()
                .filter(|told| told.phase == Phase::Start)
                .count() as u64;
            Noisy {
                patient_id: patient.to_string(),
                alerts,
                per_day: alerts as f64 / days(course).max(1.0),
            }
        })
        .filter(|noisy| noisy.alerts > 0)
        .collect();
    // Equal ones in the order of their names, so that a second run is the same.
    noisy.sort_by(|one, other| {
        other
            .per_day
            .total_cmp(&one.per_day)
            .then_with(|| one.patient_id.cmp(&other.patient_id))
    });
    noisy.truncate(NOISIEST);
    noisy
}

fn days(course: &Course) -> f64 {
    course
        .span
        .map_or(0.0, |(begin, end)| (end - begin).max(0) as f64 / DAY)
}

// === impl Stay ===

impl Stay<'_> {
    pub fn days(&self) -> f64 {
        days(self.course)
    }

    /// Whether something that was told at a time was before the outcome, where there is one with a time.
    pub fn is_before_outcome(&self, at: i64) -> bool {
        let outcome = self.fate.and_then(|fate| fate.at);
        outcome.is_none_or(|outcome| at < outcome.micros())
    }
}
