//! Names in scores and conditions, resolved against one patient at one decision.
//!
//! A name is a feature of the newest row, else the latest value of a vital sign, else context. What is too old is missing: a
//! vital sign beyond its maximum age, a feature whose window ended longer ago than the window is long. Ages are measured from the
//! window's end, so that waiting for what comes late makes nothing older.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanBuilder, Float64Builder, StringBuilder};
use arrow::datatypes::{DataType, Schema};
use wardwatch_clinical::VitalSign;
use wardwatch_clinical::numbers::comparable;
use wardwatch_clinical::scores::Spo2Scale;
use wardwatch_event_time::Timestamp;
use wardwatch_ingest::Sex;
use wardwatch_pipeline::{ContextField, From as Origin, Input, Part, Pipeline, ScoreKind};

use crate::outcome::Outcome;
use crate::patient::{Context, LatestValues, Patient};

/// What is known of a patient at one decision.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) latest: LatestValues,
    /// By set: the newest window's end and its features.
    pub(crate) newest: Vec<Option<(Timestamp, Arc<[f64]>)>>,
    /// By score.
    pub(crate) scores: Vec<Arc<Outcome>>,
    /// Log time of the decision.
    pub(crate) at: Timestamp,
    /// From when ages are measured: the window's end; where a timer tells of it, the timer's time.
    pub(crate) as_of: Timestamp,
}

/// A view with the rules to read it by.
#[derive(Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) pipeline: &'a Pipeline,
    pub(crate) context: &'a Context,
    pub(crate) view: &'a View,
}

/// The columns of an expression's inputs, filled row by row.
pub(crate) struct Columns<'a> {
    inputs: &'a [Input],
    builders: Vec<Builder>,
    rounded: bool,
}

enum Builder {
    Number(Float64Builder),
    Flag(BooleanBuilder),
    Text(StringBuilder),
}

/// By set: whether a model's inputs come from it, so that the patient's usual values are needed to explain the model.
pub(crate) fn explained_sets(pipeline: &Pipeline) -> Vec<bool> {
    let mut explained = vec![false; pipeline.sets.len()];
    for score in &pipeline.scores {
        if matches!(score.kind, ScoreKind::Model { .. }) {
            for input in &score.inputs {
                if let Origin::Feature { set, .. } = input.from {
                    explained[set] = true;
                }
            }
        }
    }
    explained
}

// === impl View ===

impl View {
    /// The patient with the newest values as of `at`.
    pub(crate) fn of(patient: &Patient, latest: LatestValues, at: Timestamp) -> Self {
        Self {
            scores: patient.scores.clone(),
            ..Self::without_scores(patient, latest, at, at)
        }
    }

    /// As [`View::of`], for scores to be evaluated on: no score reads another.
    pub(crate) fn without_scores(
        patient: &Patient,
        latest: LatestValues,
        at: Timestamp,
        as_of: Timestamp,
    ) -> Self {
        Self {
            latest,
            newest: patient
                .sets
                .iter()
                .map(|standing| standing.newest.clone())
                .collect(),
            scores: Vec::new(),
            at,
            as_of,
        }
    }
}

// === impl Facts ===

impl Facts<'_> {
    /// The latest value of a vital sign, unless it is beyond its maximum age.
    pub(crate) fn vital(&self, vital: VitalSign) -> Option<f64> {
        let latest = self.view.latest[vital.index()];
        let fresh = latest.is_known() && self.view.as_of - latest.ts <= self.pipeline.max_age[vital.index()];
        fresh.then_some(latest.value)
    }

    /// Oxygen as flow and inspired fraction tell it, else as a clinician has set it.
    fn on_oxygen(&self) -> Option<bool> {
        const ROOM_AIR_PERCENT: f64 = 21.5;
        let flow = self.vital(VitalSign::O2Flow).map(|flow| flow > 0.0);
        let fraction = self
            .vital(VitalSign::Fio2)
            .map(|percent| percent > ROOM_AIR_PERCENT);
        match (flow, fraction) {
            (None, None) => self.context.on_oxygen,
            (flow, fraction) => Some(flow == Some(true) || fraction == Some(true)),
        }
    }

    /// The input as a number; flags are 0 and 1.
    pub(crate) fn number(&self, origin: Origin) -> Option<f64> {
        match origin {
            Origin::Feature { set, column } => {
                let (end, features) = self.view.newest[set].as_ref()?;
                let window = self.pipeline.sets[set].plan.trailing().window();
                let value = features[column];
                (self.view.as_of - *end <= window && !value.is_nan()).then_some(value)
            }
            Origin::Vital(vital) => self.vital(vital),
            Origin::OnOxygen => self.on_oxygen().map(f64::from),
            Origin::Context(field) => match field {
                ContextField::Age => self.context.age,
                ContextField::SexFemale => match self.context.sex? {
                    Sex::Female => Some(1.0),
                    Sex::Male => Some(0.0),
                    _ => None,
                },
                ContextField::Spo2Scale => self.context.spo2_scale.map(|scale| match scale {
                    Spo2Scale::One => 1.0,
                    Spo2Scale::Two => 2.0,
                }),
                ContextField::Pregnant => self.context.pregnant.map(f64::from),
                ContextField::Sex | ContextField::Ward | ContextField::Bed => None,
            },
            Origin::Score { score, part } => {
                let outcome = &self.view.scores[score];
                match part {
                    Part::Value => outcome.value,
                    Part::Lowest => outcome.lowest,
                    Part::Highest => outcome.highest,
                }
            }
        }
    }

    /// The input as text, for those that are.
    pub(crate) fn text(&self, origin: Origin) -> Option<&str> {
        match origin {
            Origin::Context(ContextField::Ward) => self.context.ward.as_deref(),
            Origin::Context(ContextField::Bed) => self.context.bed.as_deref(),
            Origin::Context(ContextField::Sex) => self.context.sex.map(|sex| match sex {
                Sex::Female => "female",
                Sex::Male => "male",
                Sex::Other => "other",
                Sex::Unknown => "unknown",
            }),
            _ => None,
        }
    }
}

// === impl Columns ===

impl<'a> Columns<'a> {
    /// Columns for `inputs`, of the types of `schema`. With `rounded`, numbers are as they are compared with
    /// thresholds ([`comparable`]).
    pub(crate) fn new(inputs: &'a [Input], schema: &Schema, rounded: bool) -> Self {
        let builders = schema.fields().iter().map(|field| match field.data_type() {
            DataType::Boolean => Builder::Flag(BooleanBuilder::new()),
            DataType::Utf8 => Builder::Text(StringBuilder::new()),
            _ => Builder::Number(Float64Builder::new()),
        });
        Self {
            inputs,
            builders: builders.collect(),
            rounded,
        }
    }

    pub(crate) fn push(&mut self, facts: &Facts<'_>) {
        for (input, builder) in self.inputs.iter().zip(&mut self.builders) {
            match builder {
                Builder::Number(builder) => {
                    let number = facts.number(input.from);
                    builder.append_option(if self.rounded {
                        number.map(comparable)
                    } else {
                        number
                    });
                }
                Builder::Flag(builder) => {
                    builder.append_option(facts.number(input.from).map(|flag| flag != 0.0))
                }
                Builder::Text(builder) => builder.append_option(facts.text(input.from)),
            }
        }
    }

    pub(crate) fn finish(self) -> Vec<ArrayRef> {
        let finish = |builder| match builder {
            Builder::Number(mut builder) => Arc::new(builder.finish()) as ArrayRef,
            Builder::Flag(mut builder) => Arc::new(builder.finish()) as ArrayRef,
            Builder::Text(mut builder) => Arc::new(builder.finish()) as ArrayRef,
        };
        self.builders.into_iter().map(finish).collect()
    }
}
