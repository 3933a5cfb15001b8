//! Transitions to alerts: what, why, how old each input is.

use wardwatch_alarms::{
    Alarm, AlarmKind, Alert, AlertId, AlertKey, Contributor, Deadline, EndReason, Input, ModelIdentity,
    Phase, ScoreRecord, ScoreValue, StageTimes, Transition,
};
use wardwatch_clinical::{Acvpu, AlarmPriority, VitalSign};
use wardwatch_event_time::Timestamp;
use wardwatch_pipeline::{From as Origin, Input as Named, Score, ScoreKind};

use crate::Shard;
use crate::closing::Pending;
use crate::inputs::{Facts, View};
use crate::patient::{Latest, Patient};
use crate::shard::Io;
use crate::technical::Technical;

/// A model is explained by so many of its inputs.
const ATTRIBUTIONS: usize = 5;

/// What an alert says beyond its transition.
struct Saying {
    alarm: String,
    kind: AlarmKind,
    priority: AlarmPriority,
    text: String,
    value: Option<f64>,
    condition: String,
    contributors: Vec<Contributor>,
    model: Option<ModelIdentity>,
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
        let latest = patient.latest[vital.index()];
        let shown = format!(
            "{} {} {}",
            vital.label(),
            shown_value(vital, latest.value),
            shown_unit(vital.unit())
        );
        let text = match transition.phase {
            Phase::End => ended(&shown, transition.reason),
            Phase::Start | Phase::Update | Phase::Escalate => {
                format!("{}, limit {}", shown.trim_end(), alarm.limit)
            }
        };
        let input = self.vital_input(vital, latest, transition.at);
        let saying = Saying {
            alarm: alarm.name.clone(),
            kind: AlarmKind::Physiological,
            priority: alarm.priority,
            text,
            value: latest.is_known().then_some(latest.value),
            condition: alarm.limit.to_string(),
            contributors: vec![Contributor {
                input,
                points: None,
                attribution: None,
                baseline: None,
            }],
            model: None,
            observed_at: latest.ts,
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
        let now = View::of(patient, transition.at);
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
                ScoreKind::Sql { .. } => contributors.extend(self.point_contributors(score, &facts)),
                ScoreKind::Model { model: place, .. } => {
                    contributors.extend(self.attributions(patient, score, *place, &facts, io));
                    model = self.pipeline.models.get(*place).map(identity);
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
            Phase::Start | Phase::Update | Phase::Escalate => format!("{shown}: {}", alarm.text),
        };
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
            model,
            observed_at,
        };
        self.tell(slot, transition, saying, io);
    }

    pub(crate) fn tell_technical(
        &mut self,
        slot: u32,
        source: usize,
        technical: Technical,
        transition: Transition,
        device: Option<&str>,
        io: &mut Io<'_>,
    ) {
        let rules = &self.pipeline.sources[source];
        let device = device.unwrap_or("unnamed");
        let (name, priority, condition, text) = match technical {
            Technical::Silent => (
                "silent",
                self.pipeline.technical.silent,
                format!("no data for {}", rules.silent_after),
                format!("No data from {} for {}", rules.name, rules.silent_after),
            ),
            Technical::DeviceClock => (
                "device_clock",
                self.pipeline.technical.device_clock,
                format!("ahead by more than {}", rules.rules.future_skew),
                format!(
                    "The clock of device {device} ({}) runs fast; its data are set aside",
                    rules.name
                ),
            ),
        };
        let text = match (transition.phase, technical) {
            (Phase::End, Technical::Silent) => ended(&format!("Data from {}", rules.name), transition.reason),
            (Phase::End, Technical::DeviceClock) => {
                ended(&format!("The clock of device {device}"), transition.reason)
            }
            _ => text,
        };
        let heard = self.patients[slot as usize]
            .as_ref()
            .map_or(transition.at, |patient| patient.heard_at);
        let saying = Saying {
            alarm: format!("{name}:{}", rules.name),
            kind: AlarmKind::Technical,
            priority,
            text,
            value: None,
            condition,
            contributors: Vec::new(),
            model: None,
            observed_at: heard,
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
            alarm: &saying.alarm,
            condition_start: transition.condition_start,
            phase: transition.phase,
            ordinal: transition.ordinal,
        });
        let decided_at = self.log_time.max(transition.at);
        let deadline = Deadline::new(transition.at, decided_at);
        io.out.counts.deadline_misses += u64::from(deadline.missed);
        io.out.alarms.push(Alarm {
            patient_id: patient.id.to_string(),
            ward: patient.context.ward.clone(),
            bed: patient.context.bed.clone(),
            alarm: saying.alarm.clone(),
            kind: saying.kind,
            priority: saying.priority,
            active: transition.phase != Phase::End,
            condition_start: transition.condition_start,
            changed_at: transition.at,
            alert_id: id,
            text: saying.text.clone(),
        });
        io.out.alerts.push(Alert {
            id,
            patient_id: patient.id.to_string(),
            ward: patient.context.ward.clone(),
            bed: patient.context.bed.clone(),
            alarm: saying.alarm,
            kind: saying.kind,
            priority: saying.priority,
            phase: transition.phase,
            ordinal: transition.ordinal,
            condition_start: transition.condition_start,
            reason: transition.reason,
            text: saying.text,
            value: saying.value,
            condition: saying.condition,
            contributors: saying.contributors,
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

    /// A patient's scores and newest values, for a screen.
    pub(crate) fn tell_scores(&self, pending: &Pending, view: &View, io: &mut Io<'_>) {
        let Some(patient) = self.patients[pending.slot as usize].as_ref() else {
            return;
        };
        let score = |(score, outcome): (&Score, &std::sync::Arc<crate::patient::Outcome>)| {
            let (fallback, model) = match score.kind {
                ScoreKind::Sql { .. } => (None, None),
                ScoreKind::Model { model, fallback } => (
                    fallback
                        .filter(|_| outcome.value.is_none())
                        .map(|place| self.pipeline.scores[place].name.clone()),
                    self.pipeline.models.get(model).map(identity),
                ),
            };
            ScoreValue {
                name: score.name.clone(),
                value: outcome.value,
                lowest: outcome.lowest,
                highest: outcome.highest,
                missing: outcome.missing.clone(),
                points: outcome.points.clone(),
                unavailable: outcome.unavailable.clone(),
                fallback,
                model,
            }
        };
        let known = VitalSign::ALL
            .iter()
            .map(|vital| (*vital, view.latest[vital.index()]));
        io.out.scores.push(ScoreRecord {
            patient_id: patient.id.to_string(),
            ward: patient.context.ward.clone(),
            bed: patient.context.bed.clone(),
            window_end: self.pipeline.sets[pending.set]
                .plan
                .trailing()
                .grid()
                .end(pending.pane),
            at: pending.at,
            revision: pending.revision,
            scores: self.pipeline.scores.iter().zip(&view.scores).map(score).collect(),
            inputs: known
                .filter(|(_, latest)| latest.is_known())
                .map(|(vital, latest)| self.vital_input(vital, latest, pending.at))
                .collect(),
            pipeline: self.pipeline.name.clone(),
            pipeline_version: self.pipeline.version,
        });
    }

    /// The inputs of a point score with their points, most points first.
    fn point_contributors(&self, score: &Score, facts: &Facts<'_>) -> Vec<Contributor> {
        let place = self
            .pipeline
            .scores
            .iter()
            .position(|other| other.name == score.name);
        let outcome = place.map(|place| &facts.view.scores[place]);
        let mut contributors: Vec<Contributor> = score
            .inputs
            .iter()
            .map(|named| {
                let points = outcome
                    .and_then(|outcome| outcome.points.iter().find(|(name, _)| *name == named.name))
                    .and_then(|(_, points)| *points);
                Contributor {
                    input: self.input(named, facts),
                    points,
                    attribution: None,
                    baseline: None,
                }
            })
            .filter(|contributor| contributor.input.value.is_some() || contributor.points.is_some())
            .collect();
        contributors.sort_by_key(|contributor| std::cmp::Reverse(contributor.points));
        contributors
    }

    /// The inputs that moved a model most, against the patient's own baseline.
    fn attributions(
        &self,
        patient: &Patient,
        score: &Score,
        model: usize,
        facts: &Facts<'_>,
        io: &mut Io<'_>,
    ) -> Vec<Contributor> {
        let row: Vec<f64> = score
            .inputs
            .iter()
            .map(|input| facts.number(input.from).unwrap_or(f64::NAN))
            .collect();
        let usual = |input: &Named| match input.from {
            Origin::Feature { set, column } => patient.sets[set].baseline.mean(facts.view.at, column),
            _ => None,
        };
        let baseline: Vec<f64> = score
            .inputs
            .iter()
            .map(|input| usual(input).unwrap_or(f64::NAN))
            .collect();
        let Ok(attributions) = io.scorer.attribute(model, &row, &baseline) else {
            return Vec::new();
        };
        attributions
            .into_iter()
            .take(ATTRIBUTIONS)
            .map(|attribution| Contributor {
                input: self.input(&score.inputs[usize::from(attribution.input)], facts),
                points: None,
                attribution: Some(attribution.contribution),
                baseline: Some(attribution.reference),
            })
            .collect()
    }

    /// A named input as it stood at a decision.
    fn input(&self, named: &Named, facts: &Facts<'_>) -> Input {
        if let Origin::Vital(vital) = named.from {
            return self.vital_input(vital, facts.view.latest[vital.index()], facts.view.at);
        }
        let observed_at = match named.from {
            Origin::Feature { set, .. } => facts.view.newest[set].as_ref().map(|(end, _)| *end),
            _ => None,
        };
        Input {
            name: named.name.clone(),
            label: named.name.replace('_', " "),
            value: facts.number(named.from),
            text: facts.text(named.from).map(str::to_owned),
            unit: String::new(),
            observed_at,
            age_seconds: observed_at.map(|at| (facts.view.at - at).secs_f64()),
            stale: false,
        }
    }

    fn vital_input(&self, vital: VitalSign, latest: Latest, at: Timestamp) -> Input {
        let text = match vital {
            VitalSign::Consciousness => {
                Acvpu::from_level(latest.value).map(|level| level.letter().to_string())
            }
            _ => None,
        };
        let age = at - latest.ts;
        Input {
            name: vital.name().to_owned(),
            label: vital.label().to_owned(),
            value: latest.is_known().then_some(latest.value),
            text,
            unit: vital.unit().to_owned(),
            observed_at: latest.is_known().then_some(latest.ts),
            age_seconds: latest.is_known().then(|| age.secs_f64()),
            stale: latest.is_known() && age > self.pipeline.max_age[vital.index()],
        }
    }
}

fn identity(model: &wardwatch_inference::Model) -> ModelIdentity {
    let identity = model.identity();
    ModelIdentity {
        name: identity.name.clone(),
        version: identity.version,
        sha256: identity.sha256.clone(),
    }
}

fn ended(what: &str, reason: Option<EndReason>) -> String {
    let why = match reason {
        Some(EndReason::Discharged) => "ended, patient discharged",
        Some(EndReason::Forgotten) => "ended, no data for too long to be monitored",
        Some(EndReason::Cleared) | None => "ended",
    };
    format!("{}: {why}", what.trim_end())
}

fn shown_value(vital: VitalSign, value: f64) -> String {
    format!("{value:.*}", usize::from(vital.info().decimals))
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
