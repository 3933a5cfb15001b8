//! Transitions to alerts: what, why, how old each input is.

use std::sync::Arc;

use wardwatch_alarms::{
    Alarm, AlarmKind, Alert, AlertId, AlertKey, Comparison, Contributor, Deadline, EndReason, Input, Known,
    ModelIdentity, Phase, StageTimes, Text, Transition,
};
use wardwatch_clinical::{AlarmPriority, VitalSign};
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_pipeline::{From as Origin, ScoreKind};

use crate::Shard;
use crate::digest::{Decision, Event};
use crate::inputs::{Facts, View};
use crate::patient::Latest;
use crate::shard::Io;
use crate::technical::Technical;

/// What an alert says beyond its transition.
struct Saying {
    alarm: String,
    kind: AlarmKind,
    priority: AlarmPriority,
    text: String,
    value: Option<f64>,
    condition: String,
    contributors: Vec<Contributor>,
    replaced: Vec<Text>,
    model: Option<Arc<ModelIdentity>>,
    device: Option<String>,
    observed_at: Timestamp,
}

// === impl Shard ===

impl Shard {
    pub(crate) fn tell_limit(&mut self, slot: u32, index: usize, transition: Transition, io: &mut Io<'_>) {
        let Some(patient) = self.patients[slot as usize].as_ref() else {
            return;
        };
        let alarm = &self.pipeline.limits[index];
        let vital = alarm.limit.vital;
        // Not the newest value: of two devices it may be the other's. At its end the value that is clear, at its start the worst.
        let max_age = alarm.rules.max_age;
        let (_, latest) = patient.judgement_of(index, transition.at, max_age);
        let limits = [Some(alarm.limit), alarm.at_once, alarm.clear];
        let shown = format!(
            "{} {} {}",
            vital.label(),
            shown_value(vital, latest.value, limits.into_iter().flatten()),
            shown_unit(vital.unit())
        );
        let text = match transition.phase {
            Phase::End if latest.is_known() => ended(&shown, transition.reason),
            Phase::End => ended(vital.label(), transition.reason),
            _ if transition.unknown => unknown(vital.label(), max_age),
            _ => {
                let worse = alarm.at_once.filter(|limit| limit.is_violated_by(latest.value));
                format!("{}, limit {}", shown.trim_end(), worse.unwrap_or(alarm.limit))
            }
        };
        let contributor = |latest: &Latest, device: Option<Text>| Contributor {
            input: Input {
                device_id: device,
                ..self.vital_input(vital, *latest, transition.at, transition.at)
            },
            points: None,
            attribution: None,
            baseline: None,
        };
        let mut contributors = vec![contributor(&latest, None)];
        if !patient.rivals.is_empty() {
            // Devices that disagree are all shown, the one that decides first.
            let mut values = patient.values_of(index, transition.at, max_age);
            values.sort_by_key(|value| value.device != latest.device);
            if values.len() > 1 {
                let named = values
                    .iter()
                    .map(|value| contributor(value, patient.device_name(value.device)));
                contributors = named.collect();
            }
        }
        let is_decided = latest.is_known() && !transition.unknown;
        let saying = Saying {
            alarm: alarm.name.clone(),
            kind: AlarmKind::Physiological,
            priority: alarm.priority,
            text,
            value: is_decided.then_some(latest.value),
            condition: alarm.limit.to_string(),
            contributors,
            replaced: Vec::new(),
            model: None,
            device: None,
            observed_at: if latest.is_known() {
                latest.ts
            } else {
                transition.at
            },
        };
        self.tell(slot, transition, saying, io);
    }

    /// Tells of a condition. Without a view, as for a timer, the patient is taken as of now.
    pub(crate) fn tell_condition(
        &mut self,
        slot: u32,
        index: usize,
        transition: Transition,
        view: Option<&View>,
        io: &mut Io<'_>,
    ) {
        let Some(patient) = self.patients[slot as usize].as_ref() else {
            return;
        };
        let now = View::of(patient, patient.latest, transition.at);
        let facts = Facts {
            pipeline: &self.pipeline,
            context: &patient.context,
            view: view.unwrap_or(&now),
        };
        let alarm = &self.pipeline.conditions[index];
        let mut contributors = Vec::new();
        let mut model = None;
        let mut shown = Vec::new();
        let mut value = None;
        for score in &alarm.scores {
            let outcome = &facts.view.scores[*score];
            let score = &self.pipeline.scores[*score];
            value = value.or(outcome.value).or(outcome.lowest);
            shown.push(match (outcome.value, outcome.lowest, &score.kind) {
                (Some(value), _, ScoreKind::Model { .. }) => format!("{} {:.0} %", score.name, value * 100.0),
                (Some(value), ..) => format!("{} {value}", score.name),
                (None, Some(lowest), _) => format!("{} at least {lowest}", score.name),
                (None, None, _) => format!("{} unavailable", score.name),
            });
            match &score.kind {
                ScoreKind::Sql { .. } => contributors.extend(self.point_contributors(score, outcome, &facts)),
                ScoreKind::Model { model: place, .. } => {
                    contributors.extend(self.attributions(patient, score, *place, &facts, io));
                    model = self.models.get(*place).cloned();
                }
            }
        }
        let direct = alarm
            .when
            .inputs
            .iter()
            .filter(|input| !matches!(input.from, Origin::Score { .. }));
        for input in direct {
            let input = self.input(input, &facts);
            shown.push(format!(
                "{} {}",
                input.label,
                input.value.map_or_else(|| "missing".to_owned(), short)
            ));
            value = value.or(input.value);
            contributors.push(Contributor {
                input,
                points: None,
                attribution: None,
                baseline: None,
            });
        }
        let shown = shown.join(", ");
        let text = match transition.phase {
            Phase::End => ended(&shown, transition.reason),
            _ if transition.unknown => {
                let known_for = match alarm.rules.known {
                    Known::WhileValueIs(span) | Known::AfterJudgement(span) => span,
                    Known::Always => alarm.rules.max_age,
                };
                unknown(&alarm.text, known_for)
            }
            _ => format!("{shown}: {}", alarm.text),
        };
        let replaced = self.replaced_in(patient, self.read_by(alarm), &facts);
        let observed_at = facts.view.newest[alarm.set]
            .as_ref()
            .map_or(transition.at, |(end, _)| *end);
        let saying = Saying {
            alarm: alarm.name.clone(),
            kind: if model.is_some() {
                AlarmKind::Advisory
            } else {
                AlarmKind::Physiological
            },
            priority: alarm.priority,
            text,
            value,
            condition: alarm.text.clone(),
            contributors,
            replaced,
            model,
            device: None,
            observed_at,
        };
        self.tell(slot, transition, saying, io);
    }

    pub(crate) fn tell_technical(
        &mut self,
        slot: u32,
        technical: Technical,
        transition: Transition,
        io: &mut Io<'_>,
    ) {
        let Some(patient) = self.patients[slot as usize].as_ref() else {
            return;
        };
        let words = self.technical_words(patient, technical, transition);
        let observed_at = match technical {
            Technical::Lost(vital) => Some(patient.latest[vital.index()])
                .filter(Latest::is_known)
                .map_or(transition.at, |latest| latest.ts),
            _ => patient.heard_at,
        };
        let ends = transition.phase == Phase::End;
        let text = match ends && transition.reason != Some(EndReason::Cleared) {
            true => ended(&words.what, transition.reason),
            false if ends => words.over,
            false => words.text,
        };
        let saying = Saying {
            alarm: self.alarm_name(technical.place()),
            kind: AlarmKind::Technical,
            priority: words.priority,
            text,
            value: None,
            condition: words.condition,
            contributors: Vec::new(),
            replaced: Vec::new(),
            model: None,
            device: words.device,
            observed_at,
        };
        self.tell(slot, transition, saying, io);
    }

    fn tell(&mut self, slot: u32, transition: Transition, saying: Saying, io: &mut Io<'_>) {
        let Some(patient) = self.patients[slot as usize].as_ref() else {
            return;
        };
        let id = AlertId::of(&AlertKey {
            pipeline: &self.pipeline.name,
            patient_id: &patient.id,
            visit: patient.visit.as_deref(),
            alarm: &saying.alarm,
            condition_start: transition.condition_start,
            phase: transition.phase,
            ordinal: transition.ordinal,
        });
        let event = Event::new(Decision::Alert, patient.key)
            .text(&id.to_string())
            .whole(transition.at.micros())
            .option(saying.value)
            .text(&saying.text);
        self.digest.add(event);
        let decided_at = self.log_time.max(transition.at);
        let deadline = Deadline::new(transition.at, decided_at);
        io.out.counts.deadline_misses += u64::from(deadline.missed);
        io.out.alarms.push(Alarm {
            patient_id: Arc::clone(&patient.id),
            visit: patient.visit.clone(),
            ward: patient.context.ward.clone(),
            bed: patient.context.bed.clone(),
            alarm: saying.alarm.clone(),
            kind: saying.kind,
            priority: saying.priority,
            active: transition.phase != Phase::End,
            escalated: transition.escalated,
            unknown: transition.unknown,
            accepted: transition.accepted,
            accepted_by: None,
            ordinal: transition.ordinal,
            device_id: saying.device,
            condition_start: transition.condition_start,
            changed_at: transition.at,
            alert_id: id,
            text: saying.text.clone(),
        });
        io.out.alerts.push(Alert {
            id,
            patient_id: Arc::clone(&patient.id),
            visit: patient.visit.clone(),
            ward: patient.context.ward.clone(),
            bed: patient.context.bed.clone(),
            alarm: saying.alarm,
            kind: saying.kind,
            priority: saying.priority,
            phase: transition.phase,
            ordinal: transition.ordinal,
            condition_start: transition.condition_start,
            reason: transition.reason,
            accepted_by: None,
            context_missing: patient.context.is_unknown(),
            text: saying.text,
            value: saying.value,
            condition: saying.condition,
            contributors: saying.contributors,
            replaced: saying.replaced,
            model: saying.model,
            pipeline: self.pipeline.name.clone(),
            pipeline_version: self.pipeline.version,
            pipeline_hash: self.pipeline.hash.clone(),
            stages: StageTimes {
                observed_at: saying.observed_at,
                due_at: transition.at,
                decided_at,
            },
            deadline,
        });
    }
}

fn ended(what: &str, reason: Option<EndReason>) -> String {
    let why = match reason {
        Some(EndReason::Discharged) => "ended, patient discharged",
        Some(EndReason::Forgotten) => "ended, no data for too long to be monitored",
        Some(EndReason::Removed) => "ended, no longer watched for",
        Some(EndReason::Corrected) => "ended, the value was corrected",
        Some(EndReason::Superseded) => "ended, no data at all from its source",
        Some(EndReason::Cleared) | None => "ended",
    };
    format!("{}: {why}", what.trim_end())
}

/// What is said of a condition of which nothing is known any more.
fn unknown(what: &str, max_age: Span) -> String {
    format!("Unknown: nothing newer than {max_age} of {what}")
}

/// A value as it is usually written, with more digits where it would seem to be on the other side of a limit.
fn shown_value(vital: VitalSign, value: f64, limits: impl Iterator<Item = Comparison> + Clone) -> String {
    const MOST_DECIMALS: usize = 9;
    let usual = usize::from(vital.info().decimals);
    let shown = |decimals| format!("{value:.decimals$}");
    let is_true = |text: &String| {
        let read: f64 = text.parse().unwrap_or(f64::NAN);
        limits
            .clone()
            .all(|limit| limit.is_violated_by(read) == limit.is_violated_by(value))
    };
    (usual..MOST_DECIMALS)
        .map(shown)
        .find(is_true)
        .unwrap_or_else(|| shown(MOST_DECIMALS))
}

/// A UCUM unit as a nurse writes it.
fn shown_unit(unit: &str) -> &str {
    match unit {
        "mm[Hg]" => "mmHg",
        "Cel" => "°C",
        "{score}" | "{ACVPU}" => "",
        other => other.trim_matches(['{', '}']),
    }
}

fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_value_stands_on_the_same_side_of_its_limits() {
        let limits = ["spo2 < 88", "spo2 < 80"].map(|text| text.parse::<Comparison>().unwrap());
        let shown = |value| shown_value(VitalSign::Spo2, value, limits.into_iter());
        let values = [85.0, 85.4, 87.9, 87.96, 79.97, 80.0, 88.0, 88.4];
        assert_eq!(
            values.map(shown),
            ["85", "85", "87.9", "87.96", "79.97", "80", "88", "88"]
        );
    }
}
