//! The figures of a back-test.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use wardwatch_alarms::Phase;
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_pipeline::{Pipeline, Predicts};

use super::alarms::{self, AlarmFigures, Overlap, Tally};
use super::data::{self, DataFigures};
use super::outcomes::{Fate, Outcomes, SMALLEST_GROUP};
use super::questions::Questions;
use super::rankings::Denominator;
use super::run::{Course, Courses};
use super::scores::{self, ScoreFigures};

/// Microseconds of a day.
const DAY: f64 = 86_400e6;

/// So many of the noisiest patients are listed.
const NOISIEST: usize = 10;

/// What a back-test should take for granted.
#[derive(Clone, Debug)]
pub struct Options {
    /// Within so long outcomes without a kind are to come, where the pipeline says of nothing what it predicts.
    pub horizon: Span,
    /// So long after a stay's first message its scores are compared.
    pub landmark: Span,
    /// By score or alarm: what it predicts, whatever the pipeline says.
    pub predicts: BTreeMap<String, Predicts>,
    /// Threads to resample on; they change nothing.
    pub threads: usize,
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
    /// Of each kind of outcome; none without a file of them.
    pub outcomes: Option<Vec<KindFigures>>,
    /// What a reader must know before believing a figure.
    pub notes: Vec<String>,
    /// What each figure counts, and who fell out and why.
    pub denominators: Vec<Denominator>,
    /// Who was told of most often, a day.
    pub noisiest: Vec<Noisy>,
}

/// What is known of one kind of outcome.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KindFigures {
    /// Its name.
    pub outcome: String,
    /// Patients in the data of whom it is known whether it came.
    pub patients: usize,
    /// To how many of them it came.
    pub came: usize,
    /// How many times it came, where times are known.
    pub times: usize,
    /// To how many of them it came at a time that is not known.
    pub without_time: usize,
    /// Patients of the outcomes that are not in the data.
    pub not_in_data: usize,
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
    /// The figures of a run; without outcomes only what was told.
    pub fn new(
        pipeline: &Pipeline,
        courses: &Courses,
        outcomes: Option<&Outcomes>,
        options: &Options,
    ) -> Self {
        let stays = stays(courses, outcomes);
        let bed_days: f64 = stays.iter().map(Stay::days).sum();
        let questions = Questions::new(pipeline, outcomes, &options.predicts, options.horizon);
        let mut which = alarms::all(pipeline, &questions);
        let mut tallies: Vec<Vec<Tally>> = which.iter().map(|which| alarms::tallies(which, &stays)).collect();
        let figures = || which.iter().zip(&tallies);
        let mut alarms: Vec<AlarmFigures> = figures()
            .map(|(which, tallies)| alarms::figures(which, tallies, bed_days, options.threads))
            .collect();
        let (scores, mut denominators) = scores::figures(pipeline, &questions, &stays, options);
        let of_alarms = figures().take(which.len() - 1);
        denominators.extend(of_alarms.flat_map(|(which, tallies)| alarms::denominators(which, tallies)));
        let kinds = outcomes.map(|outcomes| kinds(outcomes, courses));
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
            groups: groups(&any, &of_any, &stays, options.threads),
            any: figures_of_any,
            scores,
            notes: notes(kinds.as_deref().unwrap_or_default()),
            outcomes: kinds,
            denominators,
            noisiest: noisiest(&courses.patients),
        }
    }
}

/// Each patient with what became of them, in their order.
pub(super) fn stays<'c>(courses: &'c Courses, outcomes: Option<&'c Outcomes>) -> Vec<Stay<'c>> {
    let patients = courses.patients.iter();
    patients
        .map(|(patient, course)| Stay {
            course,
            fate: outcomes.and_then(|outcomes| outcomes.patients.get(&**patient)),
        })
        .collect()
}

/// What is known of each kind of outcome.
fn kinds(outcomes: &Outcomes, courses: &Courses) -> Vec<KindFigures> {
    let of_kind = |kind: &String| {
        let with = outcomes.patients.iter();
        let known = with.filter_map(|(patient, fate)| Some((patient, fate.outcomes.get(kind)?)));
        let is_in_data = |patient: &str| courses.patients.contains_key(patient);
        let in_data: Vec<_> = known
            .clone()
            .filter(|(patient, _)| is_in_data(patient))
            .map(|(_, outcome)| outcome)
            .collect();
        let came = || in_data.iter().filter(|outcome| outcome.came);
        KindFigures {
            outcome: kind.clone(),
            patients: in_data.len(),
            came: came().count(),
            times: came().map(|outcome| outcome.at.len()).sum(),
            without_time: came().filter(|outcome| outcome.at.is_empty()).count(),
            not_in_data: known.count() - in_data.len(),
        }
    };
    outcomes.kinds.iter().map(of_kind).collect()
}

fn notes(kinds: &[KindFigures]) -> Vec<String> {
    let note = |kind: &KindFigures| {
        let KindFigures {
            outcome,
            without_time,
            times,
            ..
        } = kind;
        match (times, without_time) {
            (_, 0) => None,
            (0, _) => Some(format!(
                "The outcomes do not say when {outcome} came: no alert is called right, nothing precision, sensitivity or lead \
                 time; scores are ranked by stay alone."
            )),
            _ => Some(format!(
                "Of {without_time} patients the outcomes do not say when {outcome} came: their alerts and values are neither \
                 right nor wrong."
            )),
        }
    };
    kinds.iter().filter_map(note).collect()
}

fn groups(any: &alarms::Which, tallies: &[Tally], stays: &[Stay<'_>], threads: usize) -> Vec<AlarmGroup> {
    let mut groups: BTreeMap<String, (Vec<Tally>, f64)> = BTreeMap::new();
    for (stay, tally) in stays.iter().zip(tallies) {
        for group in stay.fate.into_iter().flat_map(Fate::groups) {
            let (of_group, days) = groups.entry(group).or_default();
            of_group.push(tally.clone());
            *days += stay.days();
        }
    }
    let told = groups
        .into_iter()
        .filter(|(_, (tallies, _))| tallies.len() >= SMALLEST_GROUP);
    told.map(|(group, (tallies, days))| AlarmGroup {
        group,
        patients: tallies.len(),
        any: alarms::figures(any, &tallies, days, threads),
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
}
