//! Whether what should follow did.

use std::collections::{BTreeMap, BTreeSet};

use wardwatch_alarms::{Alert, ScoreValue};
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_yaml::{Place, Problems};

use super::codes;
use super::course::{Course, Window};
use super::expect::{Expectations, ExpectedAlert, Name, Part};

/// Numbers agree when they differ by no more than this part of them.
const PRECISION: f64 = 1e-6;

// === impl Expectations ===

impl Expectations {
    /// The last time at which something is expected.
    pub fn until(&self) -> Span {
        let alerts = self
            .alerts
            .iter()
            .flat_map(|(_, alerts)| alerts.iter().map(|alert| alert.at + alert.within));
        let values = self
            .scores
            .iter()
            .chain(&self.features)
            .map(|expected| expected.at);
        alerts.chain(values).max().unwrap_or(Span::ZERO)
    }

    /// Notes patients of whom nothing comes.
    pub fn check_patients(&self, come: &BTreeSet<String>, problems: &mut Problems) {
        let alerts = self.alerts.iter().flat_map(|(place, alerts)| {
            let patients = alerts.iter().map(|alert| &alert.patient);
            patients.map(move |patient| (place, patient))
        });
        let values = self.scores.iter().chain(&self.features);
        let values = values.filter_map(|expected| Some((&expected.values.first()?.place, &expected.patient)));
        for (place, patient) in alerts
            .chain(values)
            .filter(|(_, patient)| !come.contains(*patient))
        {
            let known: Vec<&str> = come.iter().map(String::as_str).collect();
            let cause = format!("nothing comes of patient {patient} in this test");
            problems.unknown(codes::BAD_ENTRY, place, cause, patient, known);
        }
    }

    /// Notes what is otherwise than expected.
    pub fn check(&self, course: &Course, problems: &mut Problems) {
        if let Some((place, wanted)) = &self.alerts {
            self.check_alerts(wanted, course, place, problems);
        }
        for expected in self.scores.iter().chain(&self.features) {
            let by = course.start + expected.at;
            for value in &expected.values {
                let found = value.name.found(course, &expected.patient, by);
                if !agrees(value.value, found.flatten(), expected.within) {
                    let cause = format!(
                        "{} is {}, and {} is expected",
                        value.name.shown(),
                        shown(found),
                        shown(Some(value.value))
                    );
                    let fix = format!(
                        "at {} of patient {}; a tolerance is written `within: 0.1`",
                        expected.at, expected.patient
                    );
                    problems.push(codes::UNEXPECTED, &value.place, cause, fix);
                }
            }
        }
        if let Some(place) = &self.quarantined_at {
            let wanted = &self.quarantined;
            let found: BTreeMap<String, u64> = course
                .quarantined
                .iter()
                .map(|(reason, count)| ((*reason).to_owned(), *count))
                .collect();
            if *wanted != found {
                let listed = |counts: &BTreeMap<String, u64>| {
                    let counts: Vec<String> = counts
                        .iter()
                        .map(|(reason, count)| format!("{reason}: {count}"))
                        .collect();
                    match counts.is_empty() {
                        true => "none".to_owned(),
                        false => counts.join(", "),
                    }
                };
                let cause = format!("readings that were not taken: {}", listed(&found));
                problems.push(
                    codes::UNEXPECTED,
                    place,
                    cause,
                    format!(
                        "expected are: {}; if it is meant, write it under `quarantined`",
                        listed(wanted)
                    ),
                );
            }
        }
    }

    fn check_alerts(
        &self,
        wanted: &[ExpectedAlert],
        course: &Course,
        place: &Place,
        problems: &mut Problems,
    ) {
        let mut told: Vec<&Alert> = course
            .alerts
            .iter()
            .filter(|alert| !self.ignore.contains(&alert.alarm))
            .collect();
        // Who is strictest chooses first.
        let mut wanted: Vec<&ExpectedAlert> = wanted.iter().collect();
        wanted.sort_by_key(|wanted| (wanted.within, wanted.at));
        let missing: Vec<&ExpectedAlert> = wanted
            .into_iter()
            .filter(
                |wanted| match told.iter().position(|alert| wanted.is(alert, course.start)) {
                    Some(at) => {
                        told.remove(at);
                        false
                    }
                    None => true,
                },
            )
            .collect();
        if missing.is_empty() && told.is_empty() {
            return;
        }
        let mut lines: Vec<(Span, String)> = missing
            .iter()
            .map(|wanted| (wanted.at, format!("- {}", wanted.shown())))
            .collect();
        lines.extend(told.iter().map(|alert| {
            let at = alert.stages.due_at - course.start;
            let told = format!(
                "+ {{ at: {at}, alarm: {}, phase: {}, priority: {}, patient: {} }}  # {}",
                alert.alarm,
                alert.phase.name(),
                alert.priority.name(),
                alert.patient_id,
                alert.text
            );
            (at, told)
        }));
        lines.sort();
        let lines: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
        let fix = format!(
            "- is expected and was not told, + was told and is not expected:\n{}",
            lines.join("\n")
        );
        problems.push(
            codes::UNEXPECTED,
            place,
            "other alerts were told than expected",
            fix,
        );
    }
}

fn agrees(wanted: Option<f64>, found: Option<f64>, within: Option<f64>) -> bool {
    match (wanted, found) {
        (None, None) => true,
        (Some(wanted), Some(found)) => {
            let within = within.unwrap_or(PRECISION * wanted.abs().max(1.0));
            (wanted - found).abs() <= within
        }
        _ => false,
    }
}

/// A value in words; the outer option is whether there has been an evaluation.
fn shown(value: Option<Option<f64>>) -> String {
    match value {
        None => "not evaluated yet".to_owned(),
        Some(None) => "missing".to_owned(),
        Some(Some(number)) => number.to_string(),
    }
}

// === impl ExpectedAlert ===

impl ExpectedAlert {
    fn is(&self, alert: &Alert, start: Timestamp) -> bool {
        let apart = alert.stages.due_at - (start + self.at);
        alert.alarm == self.alarm
            && alert.phase == self.phase
            && *alert.patient_id == *self.patient
            && self.priority.is_none_or(|priority| priority == alert.priority)
            && apart.micros().abs() <= self.within.micros()
    }

    fn shown(&self) -> String {
        let priority = self.priority.map_or(String::new(), |priority| {
            format!(", priority: {}", priority.name())
        });
        format!(
            "{{ at: {}, alarm: {}, phase: {}{priority}, patient: {} }}",
            self.at,
            self.alarm,
            self.phase.name(),
            self.patient
        )
    }
}

// === impl Name ===

impl Name {
    fn shown(&self) -> String {
        match self {
            Self::Score { name, part } => match part {
                Part::Value => name.clone(),
                Part::Lowest => format!("{name}_lowest"),
                Part::Highest => format!("{name}_highest"),
            },
            Self::Feature { name, .. } => name.clone(),
        }
    }

    /// The newest value by a time; none where nothing was evaluated yet.
    fn found(&self, course: &Course, patient: &str, by: Timestamp) -> Option<Option<f64>> {
        match self {
            Self::Score { name, part } => {
                let newest = course
                    .scores
                    .iter()
                    .rev()
                    .filter(|record| *record.patient_id == *patient && record.at <= by);
                let score: &ScoreValue = newest
                    .flat_map(|record| &record.scores)
                    .find(|score| *score.name == **name)?;
                Some(match part {
                    Part::Value => score.value,
                    Part::Lowest => score.lowest,
                    Part::Highest => score.highest,
                })
            }
            Self::Feature { set, column, .. } => {
                let is =
                    |window: &&Window| window.set == *set && *window.patient == *patient && window.at <= by;
                course
                    .windows
                    .iter()
                    .rev()
                    .find(is)
                    .map(|window| window.features[*column])
            }
        }
    }
}
