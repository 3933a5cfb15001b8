//! What records say of scores and inputs: values with their ages, points, what moved a model.

use std::sync::Arc;

use wardwatch_alarms::{Contributor, Input, ScoreRecord, ScoreValue, Text};
use wardwatch_clinical::{Acvpu, VitalSign};
use wardwatch_event_time::Timestamp;
use wardwatch_pipeline::{ConditionAlarm, ContextField, From as Origin, Input as Named, Score, ScoreKind};

use crate::Shard;
use crate::closing::Pending;
use crate::inputs::{Facts, View};
use crate::outcome::Outcome;
use crate::patient::{Latest, Patient};
use crate::presence::bit;
use crate::shard::Io;

// === impl Shard ===

impl Shard {
    /// A patient's scores and newest values, for a screen.
    pub(crate) fn tell_scores(&self, pending: &Pending, view: &View, io: &mut Io<'_>) {
        let Some(patient) = self.patients[pending.slot as usize].as_ref() else {
            return;
        };
        let score = |(score, outcome): (&Score, &Arc<Outcome>)| {
            let (fallback, model) = match score.kind {
                ScoreKind::Sql { .. } => (None, None),
                ScoreKind::Model { model, fallback } => (
                    fallback
                        .filter(|place| outcome.value.is_none() && view.scores[*place].unavailable.is_none())
                        .map(|place| self.pipeline.scores[place].name.clone()),
                    self.models.get(model).cloned(),
                ),
            };
            ScoreValue {
                name: score.name.clone(),
                value: outcome.value,
                lowest: outcome.lowest,
                highest: outcome.highest,
                points: Arc::clone(&outcome.points),
                unavailable: outcome.unavailable.clone(),
                window_end: (outcome.end != Timestamp::MIN).then_some(outcome.end),
                fallback,
                model,
            }
        };
        let facts = Facts {
            pipeline: &self.pipeline,
            context: &patient.context,
            view,
        };
        let read = self.pipeline.scores.iter().flat_map(|score| &score.inputs);
        let replaced = self.replaced_in(patient, read, &facts);
        let known = VitalSign::ALL
            .iter()
            .map(|vital| (*vital, view.latest[vital.index()]))
            .filter(|(_, latest)| latest.is_known());
        let mut inputs = Vec::with_capacity(known.clone().count());
        inputs.extend(known.map(|(vital, latest)| self.vital_input(vital, latest, view.at, view.as_of)));
        io.out.scores.push(ScoreRecord {
            patient_id: Arc::clone(&patient.id),
            visit: patient.visit.clone(),
            ward: patient.context.ward.clone(),
            bed: patient.context.bed.clone(),
            window_end: pending.end,
            at: pending.at,
            revision: pending.revision,
            scores: self.pipeline.scores.iter().zip(&view.scores).map(score).collect(),
            inputs,
            replaced,
            pipeline: self.pipeline.name.clone(),
            pipeline_version: self.pipeline.version,
        });
    }

    /// What a condition reads, itself and through its scores.
    pub(crate) fn read_by<'a>(&'a self, alarm: &'a ConditionAlarm) -> impl Iterator<Item = &'a Named> {
        let scores = alarm
            .scores
            .iter()
            .flat_map(|score| &self.pipeline.scores[*score].inputs);
        alarm.when.inputs.iter().chain(scores)
    }

    /// Vital signs of which a window behind these inputs holds a value that was corrected since.
    pub(crate) fn replaced_in<'a>(
        &self,
        patient: &Patient,
        inputs: impl Iterator<Item = &'a Named>,
        facts: &Facts<'_>,
    ) -> Vec<Text> {
        if patient.replaced.is_empty() {
            return Vec::new();
        }
        let mut found = 0u32;
        for input in inputs {
            let Origin::Feature { set, column } = input.from else {
                continue;
            };
            let Some((end, _)) = &facts.view.newest[set] else {
                continue;
            };
            let plan = &self.pipeline.sets[set].plan;
            let begin = *end - plan.trailing().window();
            let of_feature = plan
                .reads(column)
                .into_iter()
                .fold(0, |all, vital| all | bit(vital));
            let held = patient
                .replaced
                .iter()
                .filter(|held| begin <= held.at && held.at < *end);
            found |= held.fold(0, |all, held| all | 1 << held.vital) & of_feature;
        }
        let all = VitalSign::ALL.iter();
        all.filter(|vital| found & bit(**vital) != 0)
            .map(|vital| vital.name().into())
            .collect()
    }

    /// The inputs of a point score with their points, most points first.
    pub(crate) fn point_contributors(
        &self,
        score: &Score,
        outcome: &Outcome,
        facts: &Facts<'_>,
    ) -> Vec<Contributor> {
        let mut contributors: Vec<Contributor> = score
            .inputs
            .iter()
            .map(|named| {
                let points = outcome.points.iter().find(|(name, _)| *name == named.name);
                let points = points.and_then(|(_, points)| *points);
                Contributor {
                    input: self.input(named, facts),
                    points,
                    attribution: None,
                    baseline: None,
                }
            })
            .filter(|contributor| contributor.input.value.is_some() || contributor.points.is_some())
            .collect();
        if !outcome.points.is_empty() {
            // Who a point score is for is no reason for its points.
            contributors.retain(|contributor| {
                contributor.points.is_some() || !matches!(&*contributor.input.name, "age" | "pregnant")
            });
        }
        contributors.sort_by_key(|contributor| std::cmp::Reverse(contributor.points));
        contributors
    }

    /// The inputs that moved a model most, against the patient's own baseline.
    pub(crate) fn attributions(
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
            Origin::Feature { set, column } => patient.sets[set].baseline.mean(facts.view.as_of, column),
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
            .map(|attribution| Contributor {
                input: self.input(&score.inputs[usize::from(attribution.input)], facts),
                points: None,
                attribution: Some(attribution.contribution),
                baseline: Some(attribution.reference),
            })
            .collect()
    }

    /// A named input as it stood at a decision.
    pub(crate) fn input(&self, named: &Named, facts: &Facts<'_>) -> Input {
        if let Origin::Vital(vital) = named.from {
            let View {
                latest, at, as_of, ..
            } = facts.view;
            return self.vital_input(vital, latest[vital.index()], *at, *as_of);
        }
        let value = facts.number(named.from);
        let observed_at = match named.from {
            Origin::Feature { set, .. } => facts.view.newest[set].as_ref().map(|(end, _)| *end),
            _ => None,
        };
        Input {
            name: named.name.clone().into(),
            label: named.name.replace('_', " ").into(),
            value,
            text: match (named.from, value) {
                (Origin::OnOxygen | Origin::Context(ContextField::Pregnant), Some(flag)) => {
                    Some(if flag == 0.0 { "no" } else { "yes" }.into())
                }
                _ => facts.text(named.from).map(|text| text.to_owned().into()),
            },
            unit: Text::Borrowed(""),
            observed_at,
            age_seconds: observed_at.map(|at| (facts.view.at - at).secs_f64()),
            max_age_seconds: None,
            stale: false,
            device_id: None,
            clock_corrected: false,
        }
    }

    /// A newest value: how old it was at the decision, and whether it was too old for a window that ends at `as_of`.
    pub(crate) fn vital_input(
        &self,
        vital: VitalSign,
        latest: Latest,
        at: Timestamp,
        as_of: Timestamp,
    ) -> Input {
        let text = match vital {
            VitalSign::Consciousness => {
                Acvpu::from_level(latest.value).map(|level| level.letter().to_string().into())
            }
            _ => None,
        };
        let max_age = self.pipeline.max_age[vital.index()];
        Input {
            name: vital.name().into(),
            label: vital.label().into(),
            value: latest.is_known().then_some(latest.value),
            text,
            unit: vital.unit().into(),
            observed_at: latest.is_known().then_some(latest.ts),
            age_seconds: latest.is_known().then(|| (at - latest.ts).secs_f64()),
            max_age_seconds: Some(max_age.secs_f64()),
            stale: latest.is_known() && as_of - latest.ts > max_age,
            device_id: None,
            clock_corrected: latest.is_known() && latest.is_corrected,
        }
    }
}
