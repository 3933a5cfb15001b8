//! The report as one HTML file that needs nothing else, and asks the network for nothing.
//!
//! Figures are the JSON that `--output json` prints; `page/report.js` makes tables and drawings of them. The courses of patients
//! are packed: numbers as LEB128 (signed ones in zigzag), compressed (zlib), in base64. Patient data.
//!
//! | a patient | |
//! |---|---|
//! | id | length, UTF-8 |
//! | first message, length of stay | minutes since the first of all; minutes |
//! | outcomes, as many as known | which kind; 0 did not come, else how often plus 1 (1: when is not known), each in minutes since the first message |
//! | series, as many as told | which, doublings, first step (0: that of the first message), steps with a value, how far each lies from the one before; then the lowest values as differences from step to step, then how far the highest is above |
//! | for each pipeline, alerts | how many; minutes since the one before, which alarm, which phase |

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use miniz_oxide::deflate::compress_to_vec_zlib;
use serde::Serialize;
use wardwatch_alarms::Phase;
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Timestamp;

use super::compare::{Comparison, Difference, Run};
use super::outcomes::{Fate, Outcomes};
use super::report::Report;
use super::run::Course;
use super::traces::{MOST_STEPS, Trace};

const TEMPLATE: &str = include_str!("page/report.html");
const STYLE: &str = include_str!("page/report.css");
const SCRIPT: &str = include_str!("page/report.js");

/// Bytes of all patients' courses in the file, at most.
const MOST_BYTES: usize = 3_500_000;

/// Courses are never drawn with fewer steps.
const FEWEST_STEPS: i64 = MOST_STEPS / 32;

/// As good as the slowest, and twice as quick.
const COMPRESSION: u8 = 6;

/// Microseconds of a minute.
const MINUTE: i64 = 60_000_000;

/// A report that shows itself.
#[derive(Clone, Copy)]
pub struct Page<'r> {
    /// One pipeline, or an old one and a new one over the same data.
    pub runs: &'r [Run<'r>],
    /// What became of the patients, where it is known.
    pub outcomes: Option<&'r Outcomes>,
}

/// What the page's script reads.
#[derive(Serialize)]
struct Figures<'f> {
    reports: Vec<&'f Report>,
    differences: &'f [Difference],
    timelines: Timelines,
}

/// How to read the courses.
#[derive(Serialize)]
struct Timelines {
    /// The first message, ms UTC.
    origin: i64,
    /// Patients whose courses are in the file: those with the most alerts, where not all are.
    patients: usize,
    series: Vec<SeriesInfo>,
    /// Kinds of outcomes.
    kinds: Vec<String>,
    /// Of each pipeline.
    alarms: Vec<Vec<AlarmInfo>>,
}

#[derive(Serialize)]
struct SeriesInfo {
    name: String,
    label: String,
    unit: &'static str,
    /// Values are whole numbers of this decimal place.
    decimals: u8,
    /// The pipeline whose score it is; none for a vital sign.
    pipeline: Option<usize>,
}

#[derive(Serialize)]
struct AlarmInfo {
    name: String,
    priority: &'static str,
}

/// A patient's course in each pipeline.
struct Patient<'r> {
    id: &'r Arc<str>,
    /// From the first message to the last; where there are none, from alert to alert.
    span: (i64, i64),
    courses: Vec<&'r Course>,
    fate: Option<&'r Fate>,
}

// === impl Page ===

impl Page<'_> {
    /// The page of one report.
    pub fn of_report(&self, report: &Report) -> Result<String, serde_json::Error> {
        self.html(vec![report], &[])
    }

    /// The page of two.
    pub fn of_comparison(&self, comparison: &Comparison) -> Result<String, serde_json::Error> {
        self.html(vec![&comparison.old, &comparison.new], &comparison.differences)
    }

    fn html(&self, reports: Vec<&Report>, differences: &[Difference]) -> Result<String, serde_json::Error> {
        let patients = self.patients();
        let begins = patients.iter().map(|patient| patient.span.0);
        let origin = begins.min().unwrap_or_default();
        let series = self.series(&patients);
        let kinds = self.outcomes.iter().flat_map(|outcomes| &outcomes.kinds);
        let kinds: Vec<String> = kinds.cloned().collect();
        let (packed, kept) = pack(&patients, &series, &kinds, origin);
        let figures = Figures {
            differences,
            timelines: Timelines {
                origin: Timestamp::from_micros(origin).millis(),
                patients: kept,
                series,
                kinds,
                alarms: self.alarms(),
            },
            reports,
        };
        // "<" would end the element that the figures stand in.
        let figures = serde_json::to_string(&figures)?.replace('<', "\\u003c");
        Ok(filled(TEMPLATE, &[STYLE, &figures, &packed, SCRIPT]))
    }

    fn patients(&self) -> Vec<Patient<'_>> {
        let Some(((_, first), others)) = self.runs.split_first() else {
            return Vec::new();
        };
        let patients = first.patients.iter().filter_map(|(id, course)| {
            let others = others.iter().filter_map(|(_, courses)| courses.patients.get(id));
            let of_alerts = || Some((course.alerts.first()?.at, course.alerts.last()?.at));
            Some(Patient {
                id,
                span: course.span.or_else(of_alerts)?,
                courses: std::iter::once(course).chain(others).collect(),
                fate: self.outcomes.and_then(|outcomes| outcomes.patients.get(&**id)),
            })
        });
        patients.collect()
    }

    fn series(&self, patients: &[Patient<'_>]) -> Vec<SeriesInfo> {
        let vitals = VitalSign::ALL.into_iter().map(|vital| SeriesInfo {
            name: vital.name().to_owned(),
            label: vital.info().label.to_owned(),
            unit: vital.info().unit,
            decimals: vital.info().decimals,
            pipeline: None,
        });
        let mut series: Vec<SeriesInfo> = vitals.collect();
        for (pipeline, (parts, _)) in self.runs.iter().enumerate() {
            for (index, score) in parts.scores.iter().enumerate() {
                let mut values = patients
                    .iter()
                    .filter_map(|patient| patient.courses.get(pipeline))
                    .flat_map(|course| course.scores[index].values());
                series.push(SeriesInfo {
                    name: score.name.to_string(),
                    label: score.name.to_string(),
                    unit: "",
                    decimals: if values.all(|(_, value)| value.fract() == 0.0) {
                        0
                    } else {
                        3
                    },
                    pipeline: Some(pipeline),
                });
            }
        }
        series
    }

    fn alarms(&self) -> Vec<Vec<AlarmInfo>> {
        let of = |(pipeline, _): &Run<'_>| {
            let names = pipeline.alarm_names().into_iter();
            let infos = names.map(|name| AlarmInfo {
                priority: pipeline.priority_of(&name).map_or("", |priority| priority.name()),
                name,
            });
            infos.collect()
        };
        self.runs.iter().map(of).collect()
    }
}

/// The template with texts in place of its marks `{{}}`, in their order.
fn filled(template: &str, texts: &[&str]) -> String {
    let mut filled = String::new();
    let mut texts = texts.iter();
    for part in template.split("{{}}") {
        filled.push_str(part);
        filled.push_str(texts.next().unwrap_or(&""));
    }
    filled
}

/// All courses as text, and of how many patients: as finely as there is room for; where even the coarsest is too much, without
/// those of the fewest alerts.
fn pack(patients: &[Patient<'_>], series: &[SeriesInfo], kinds: &[String], origin: i64) -> (String, usize) {
    let mut order: Vec<usize> = (0..patients.len()).collect();
    let mut most_steps = MOST_STEPS;
    loop {
        let mut bytes = Vec::new();
        number(&mut bytes, order.len() as u64);
        for place in &order {
            patients[*place].write(&mut bytes, series, kinds, most_steps, origin);
        }
        let packed = BASE64_STANDARD.encode(compress_to_vec_zlib(&bytes, COMPRESSION));
        if packed.len() <= MOST_BYTES {
            return (packed, order.len());
        }
        if most_steps > FEWEST_STEPS {
            most_steps /= 2;
            continue;
        }
        order.sort_by_key(|place| std::cmp::Reverse(patients[*place].alerts()));
        order.truncate(order.len() * MOST_BYTES / packed.len() * 9 / 10);
        order.sort_unstable();
    }
}

// === impl Patient ===

impl Patient<'_> {
    fn alerts(&self) -> usize {
        self.courses.iter().map(|course| course.alerts.len()).sum()
    }

    fn write(
        &self,
        out: &mut Vec<u8>,
        series: &[SeriesInfo],
        kinds: &[String],
        most_steps: i64,
        origin: i64,
    ) {
        let (begin, end) = self.span;
        number(out, self.id.len() as u64);
        out.extend_from_slice(self.id.as_bytes());
        number(out, ((begin - origin) / MINUTE) as u64);
        number(out, ((end - begin).max(0) / MINUTE) as u64);
        let outcomes = self.fate.into_iter().flat_map(|fate| &fate.outcomes);
        number(out, outcomes.clone().count() as u64);
        for (kind, outcome) in outcomes {
            let place = kinds.iter().position(|known| known == kind);
            number(out, place.unwrap_or_default() as u64);
            let times = outcome.at.len() as u64;
            number(out, if outcome.came { times + 1 } else { 0 });
            for at in &outcome.at {
                signed(out, (at.micros() - begin).div_euclid(MINUTE));
            }
        }
        let traces: Vec<(usize, Trace)> = self.traces(series).collect();
        number(out, traces.len() as u64);
        for (index, mut trace) in traces {
            while trace.steps() > most_steps {
                trace.double();
            }
            number(out, index as u64);
            number(out, trace.doublings.into());
            write_trace(out, &trace, series[index].decimals, begin);
        }
        for course in &self.courses {
            number(out, course.alerts.len() as u64);
            let mut before = 0;
            for told in &course.alerts {
                let minute = (told.at - begin).div_euclid(MINUTE);
                signed(out, minute - before);
                before = minute;
                number(out, told.alarm.into());
                out.push(match told.phase {
                    Phase::Start => 0,
                    Phase::End => 2,
                    Phase::Update | Phase::Escalate | Phase::Accept | Phase::Unknown => 1,
                });
            }
        }
    }

    /// Vital signs, then the scores of each pipeline, each with its place among the series.
    fn traces(&self, series: &[SeriesInfo]) -> impl Iterator<Item = (usize, Trace)> {
        let vitals = self.courses[0].vitals.iter();
        let vitals = vitals.map(|(vital, series)| (vital.index(), series.trace.clone()));
        let mut scores = self.courses.iter().flat_map(|course| &course.scores);
        let scores = series
            .iter()
            .enumerate()
            .skip(VitalSign::COUNT)
            .filter_map(move |(index, _)| {
                let mut trace = Trace::default();
                for (at, value) in scores.next()?.values() {
                    trace.add(at, value as f32);
                }
                Some((index, trace))
            });
        let traces = vitals.chain(scores);
        traces.filter(|(_, trace)| !trace.points.is_empty())
    }
}

fn write_trace(out: &mut Vec<u8>, trace: &Trace, decimals: u8, begin: i64) {
    let mut before = begin.div_euclid(MINUTE) >> trace.doublings;
    number(out, trace.points.len() as u64);
    for point in &trace.points {
        signed(out, point.step - before);
        before = point.step;
    }
    let whole = |value: f32| (f64::from(value) * 10_f64.powi(decimals.into())).round() as i64;
    let mut before = 0;
    for point in &trace.points {
        signed(out, whole(point.low) - before);
        before = whole(point.low);
    }
    for point in &trace.points {
        number(out, (whole(point.high) - whole(point.low)) as u64);
    }
}

fn number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn signed(out: &mut Vec<u8>, value: i64) {
    number(out, ((value << 1) ^ (value >> 63)) as u64);
}
