//! What became of the data: what came, what was put aside and why, what was missing.

use std::collections::BTreeMap;

use serde::Serialize;
use wardwatch_clinical::VitalSign;

use super::run::{Courses, HOUR};

/// What became of the data.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DataFigures {
    /// Readings that came.
    pub readings: u64,
    /// Equal repeats, dropped.
    pub repeats: u64,
    /// Readings that were not taken, by reason: `late` and `future` among them.
    pub quarantined: BTreeMap<&'static str, u64>,
    /// Of each vital sign that came.
    pub vital_signs: Vec<VitalSignFigures>,
}

/// What became of one vital sign's readings.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VitalSignFigures {
    /// Its name.
    pub vital_sign: &'static str,
    /// Readings taken.
    pub taken: u64,
    /// Readings that were not taken, by reason.
    pub quarantined: BTreeMap<&'static str, u64>,
    /// Patients without any.
    pub patients_without: usize,
    /// Of the hours of all patients' stays, the share without any.
    pub hours_without: f64,
}

pub(super) fn figures(courses: &Courses) -> DataFigures {
    DataFigures {
        readings: courses.rows,
        repeats: courses.counts.repeats,
        quarantined: courses.quarantined.clone(),
        vital_signs: VitalSign::ALL
            .into_iter()
            .filter_map(|vital| of_vital_sign(vital, courses))
            .collect(),
    }
}

fn of_vital_sign(vital: VitalSign, courses: &Courses) -> Option<VitalSignFigures> {
    let quarantined = courses
        .quarantined_by_vital
        .iter()
        .filter(|((of, _), _)| *of == vital)
        .map(|((_, reason), count)| (*reason, *count))
        .collect::<BTreeMap<_, _>>();
    let patients = || courses.patients.values();
    let of = |course: &super::run::Course| {
        course
            .vitals
            .get(&vital)
            .map_or((0, 0), |series| (series.taken, series.hours))
    };
    let taken: u64 = patients().map(|course| of(course).0).sum();
    if taken == 0 && quarantined.is_empty() {
        return None;
    }
    let hours_with: u64 = patients().map(|course| of(course).1).sum();
    // As whole hours that a stay touches, since hours with a reading are counted so.
    let touched = |(begin, end): (i64, i64)| (end.div_euclid(HOUR) - begin.div_euclid(HOUR) + 1) as u64;
    let hours: u64 = patients().filter_map(|course| course.span).map(touched).sum();
    Some(VitalSignFigures {
        vital_sign: vital.name(),
        taken,
        quarantined,
        patients_without: patients().filter(|course| of(course).0 == 0).count(),
        hours_without: hours.saturating_sub(hours_with) as f64 / hours.max(1) as f64,
    })
}
