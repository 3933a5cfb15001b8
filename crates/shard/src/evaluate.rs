//! Decided windows to features, scores and conditions: many windows at a time, as if one by one.
//!
//! ```text
//!   pending (log order) ─▶ features, set by set ─▶ views, in order ─▶ scores ─▶ conditions ─▶ alerts, in order
//! ```
//!
//! Each window has a *view*: the newest values as they stood at its decision, the newest features and scores up to it. So the
//! work is done in columns, and how many windows are evaluated together changes no result.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use wardwatch_alarms::Judgement;
use wardwatch_event_time::Timestamp;
use wardwatch_inference::Rows;
use wardwatch_pipeline::{Condition, ScoreKind};
use wardwatch_windowing::Due;

use crate::closing::Pending;
use crate::inputs::{Columns, Facts, View};
use crate::patient::Outcome;
use crate::shard::Io;
use crate::timers::{Timer, TimerKind};
use crate::{FeatureRows, Shard, StepError};

/// A row of features a window; NaN where missing.
type Row = Arc<[f64]>;

// === impl Shard ===

impl Shard {
    /// Evaluates up to `most` of the decided windows.
    pub(crate) fn evaluate(&mut self, most: usize, io: &mut Io<'_>) -> Result<(), StepError> {
        let pending: Vec<Pending> = self.pending.drain(..most.min(self.pending.len())).collect();
        if pending.is_empty() {
            return Ok(());
        }
        let rows = self.features(&pending, io)?;
        let mut views = self.views(&pending, rows);
        let outcomes = self.score(&pending, &views, io)?;
        self.carry_scores(&pending, &outcomes, &mut views);
        let judgements = self.judge_conditions(&pending, &views)?;
        for (at, (pending, view)) in pending
            .iter()
            .zip(views)
            .enumerate()
            .filter(|(_, (pending, _))| pending.is_newest)
        {
            for (condition, judgement) in judgements.iter().enumerate() {
                if let Some(judgement) = judgement[at] {
                    // What was due before this decision comes before it, however late the window is evaluated.
                    self.condition_due(pending.slot, condition, pending.at, io);
                    self.move_condition(pending, condition, judgement, &view, io);
                }
            }
            if self.wants.scores && self.pipeline.scores.iter().any(|score| score.set == pending.set) {
                self.tell_scores(pending, &view, io);
            }
            if let Some(patient) = self.patients[pending.slot as usize].as_mut() {
                patient.sets[pending.set].view = Some(Box::new(view));
            }
        }
        self.settle(&pending);
        Ok(())
    }

    /// Patients with nothing left to evaluate may take late rows again without waiting, and give up old panes.
    fn settle(&mut self, done: &[Pending]) {
        for pending in done {
            if let Some(patient) = self.patients[pending.slot as usize].as_mut() {
                patient.pending_until = Timestamp::MIN;
            }
        }
        for pending in &self.pending {
            let end = self.pipeline.sets[pending.set]
                .plan
                .trailing()
                .grid()
                .end(pending.pane);
            if let Some(patient) = self.patients[pending.slot as usize].as_mut() {
                patient.pending_until = patient.pending_until.max(end);
            }
        }
        for pending in done {
            let waits = self.patients[pending.slot as usize]
                .as_ref()
                .is_some_and(|patient| patient.pending_until != Timestamp::MIN);
            if !waits {
                self.sets[pending.set].prune(pending.slot);
            }
        }
    }

    /// The features of every window, set by set.
    fn features(&mut self, pending: &[Pending], io: &mut Io<'_>) -> Result<Vec<Row>, StepError> {
        let mut rows: Vec<Row> = vec![Arc::from([]); pending.len()];
        for set in 0..self.sets.len() {
            let places: Vec<usize> = (0..pending.len()).filter(|at| pending[*at].set == set).collect();
            if places.is_empty() {
                continue;
            }
            let due: Vec<Due> = places
                .iter()
                .map(|at| Due {
                    slot: pending[*at].slot,
                    pane: pending[*at].pane,
                })
                .collect();
            let batch = self.sets[set]
                .features(&due)
                .map_err(|source| StepError::Features {
                    set: self.pipeline.sets[set].name.clone(),
                    source: Box::new(source),
                })?;
            let columns: Vec<_> = batch
                .columns()
                .iter()
                .map(|column| column.as_primitive::<Float64Type>())
                .collect();
            for (row, at) in places.iter().enumerate() {
                let value = |column: &&arrow::array::Float64Array| {
                    if column.is_valid(row) {
                        column.value(row)
                    } else {
                        f64::NAN
                    }
                };
                rows[*at] = columns.iter().map(value).collect();
            }
            io.out.counts.windows += places.len() as u64;
            io.out.counts.revisions += places.iter().filter(|at| pending[**at].revision > 0).count() as u64;
            if self.wants.features {
                let grid = self.pipeline.sets[set].plan.trailing().grid();
                let of = |at: &usize| &pending[*at];
                io.out.features.push(FeatureRows {
                    set,
                    patient_id: places.iter().map(|at| self.id_of(of(at).slot)).collect(),
                    window_end: places.iter().map(|at| grid.end(of(at).pane).micros()).collect(),
                    at: places.iter().map(|at| of(at).at.micros()).collect(),
                    revision: places.iter().map(|at| of(at).revision).collect(),
                    rows: batch,
                });
            }
        }
        Ok(rows)
    }

    fn id_of(&self, slot: u32) -> Arc<str> {
        self.patients[slot as usize]
            .as_ref()
            .map_or_else(|| Arc::from(""), |patient| Arc::clone(&patient.id))
    }

    /// What is known at each decision. The patients' newest features move along.
    fn views(&mut self, pending: &[Pending], rows: Vec<Row>) -> Vec<View> {
        let mut views = Vec::with_capacity(pending.len());
        for (pending, row) in pending.iter().zip(rows) {
            let patient = self.patients[pending.slot as usize]
                .as_mut()
                .expect("a stay ends only after its windows");
            if pending.is_newest {
                let end = self.pipeline.sets[pending.set]
                    .plan
                    .trailing()
                    .grid()
                    .end(pending.pane);
                let standing = &mut patient.sets[pending.set];
                if self.baselines[pending.set] && pending.revision == 0 {
                    standing.baseline.take(end, &row);
                }
                standing.newest = Some((end, row));
            }
            views.push(View {
                latest: pending.latest,
                ..View::of(patient, pending.at)
            });
        }
        views
    }

    /// The scores of every window: by score, by window; none where the score belongs to another set.
    fn score(
        &mut self,
        pending: &[Pending],
        views: &[View],
        io: &mut Io<'_>,
    ) -> Result<Vec<Vec<Option<Arc<Outcome>>>>, StepError> {
        let mut all = Vec::with_capacity(self.pipeline.scores.len());
        for score in &self.pipeline.scores {
            let mut outcomes: Vec<Option<Arc<Outcome>>> = vec![None; pending.len()];
            let places: Vec<usize> = (0..pending.len())
                .filter(|at| pending[*at].set == score.set && pending[*at].is_newest)
                .collect();
            if !places.is_empty() {
                let facts = |at: &usize| self.facts(&pending[*at], &views[*at]);
                match &score.kind {
                    ScoreKind::Sql { expression } => {
                        let mut columns = Columns::new(&score.inputs, expression.inputs(), false);
                        places.iter().for_each(|at| columns.push(&facts(at)));
                        let result =
                            expression
                                .evaluate(columns.finish(), places.len())
                                .map_err(|source| StepError::Expression {
                                    name: score.name.clone(),
                                    source: Box::new(source),
                                })?;
                        for (row, at) in places.iter().enumerate() {
                            outcomes[*at] = Some(Arc::new(outcome(&result, row)));
                        }
                    }
                    ScoreKind::Model { model, .. } => {
                        let values: Vec<f64> = places
                            .iter()
                            .flat_map(|at| {
                                let facts = facts(at);
                                score
                                    .inputs
                                    .iter()
                                    .map(move |input| facts.number(input.from).unwrap_or(f64::NAN))
                            })
                            .collect();
                        let mut results = Vec::with_capacity(places.len());
                        io.scorer
                            .score(*model, Rows::new(&values, score.inputs.len()), &mut results);
                        for (at, result) in places.iter().zip(results) {
                            let unavailable = result.as_ref().err().map(ToString::to_string);
                            outcomes[*at] = Some(Arc::new(Outcome {
                                value: result.ok(),
                                unavailable,
                                ..Outcome::default()
                            }));
                        }
                    }
                }
            }
            all.push(outcomes);
        }
        Ok(all)
    }

    fn facts<'a>(&'a self, pending: &Pending, view: &'a View) -> Facts<'a> {
        let patient = self.patients[pending.slot as usize]
            .as_ref()
            .expect("a stay ends only after its windows");
        Facts {
            pipeline: &self.pipeline,
            context: &patient.context,
            view,
        }
    }

    /// Carries each patient's newest scores forward, window by window.
    fn carry_scores(
        &mut self,
        pending: &[Pending],
        outcomes: &[Vec<Option<Arc<Outcome>>>],
        views: &mut [View],
    ) {
        for (at, (pending, view)) in pending.iter().zip(views).enumerate() {
            let patient = self.patients[pending.slot as usize]
                .as_mut()
                .expect("a stay ends only after its windows");
            for (score, outcomes) in outcomes.iter().enumerate() {
                if let Some(outcome) = &outcomes[at] {
                    patient.scores[score] = Arc::clone(outcome);
                }
            }
            view.scores.clone_from(&patient.scores);
        }
    }

    /// The judgement of every condition on every window of its set.
    fn judge_conditions(
        &self,
        pending: &[Pending],
        views: &[View],
    ) -> Result<Vec<Vec<Option<Judgement>>>, StepError> {
        let mut all = Vec::with_capacity(self.pipeline.conditions.len());
        for alarm in &self.pipeline.conditions {
            let mut judgements = vec![None; pending.len()];
            let places: Vec<usize> = (0..pending.len())
                .filter(|at| pending[*at].set == alarm.set && pending[*at].is_newest)
                .collect();
            if !places.is_empty() {
                let facts: Vec<Facts<'_>> = places
                    .iter()
                    .map(|at| self.facts(&pending[*at], &views[*at]))
                    .collect();
                let truth = |condition: &Condition| {
                    truth(condition, &facts).map_err(|source| StepError::Expression {
                        name: alarm.name.clone(),
                        source: Box::new(source),
                    })
                };
                let when = truth(&alarm.when)?;
                let clear = alarm.clear_when.as_ref().map(truth).transpose()?;
                for (row, at) in places.iter().enumerate() {
                    judgements[*at] = Some(judge(when[row], clear.as_ref().map(|clear| clear[row])));
                }
            }
            all.push(judgements);
        }
        Ok(all)
    }

    fn move_condition(
        &mut self,
        pending: &Pending,
        index: usize,
        judgement: Judgement,
        view: &View,
        io: &mut Io<'_>,
    ) {
        let rules = self.pipeline.conditions[index].rules;
        let end = self.pipeline.sets[pending.set]
            .plan
            .trailing()
            .grid()
            .end(pending.pane);
        let patient = self.patients[pending.slot as usize]
            .as_mut()
            .expect("a stay ends only after its windows");
        let machine = &mut patient.conditions[index];
        let before = machine.due(rules);
        let transition = machine.judge(judgement, end, pending.at, rules);
        if let Some(due) = machine.due(rules).filter(|due| Some(*due) != before) {
            let kind = TimerKind::Condition { index: index as u16 };
            self.timers.set(Timer {
                due,
                slot: pending.slot,
                kind,
                stay: patient.stay,
            });
        }
        if let Some(transition) = transition {
            self.tell_condition(pending.slot, index, transition, Some(view), io);
        }
    }

    /// A condition's timer: the windows decided before it are judged first.
    pub(crate) fn condition_on_time(
        &mut self,
        slot: u32,
        index: usize,
        now: Timestamp,
        io: &mut Io<'_>,
    ) -> Result<(), StepError> {
        if self.patients[slot as usize]
            .as_ref()
            .is_some_and(|patient| patient.pending_until != Timestamp::MIN)
        {
            self.evaluate(usize::MAX, io)?;
        }
        self.condition_due(slot, index, now, io);
        Ok(())
    }

    /// Fires what a condition has due by `now`, as the patient stood at its last evaluation.
    fn condition_due(&mut self, slot: u32, index: usize, now: Timestamp, io: &mut Io<'_>) {
        let (rules, set) = (
            self.pipeline.conditions[index].rules,
            self.pipeline.conditions[index].set,
        );
        loop {
            let Some(patient) = self.patients[slot as usize].as_mut() else {
                return;
            };
            let Some(transition) = patient.conditions[index].on_time(now, rules) else {
                return;
            };
            if let Some(due) = patient.conditions[index].due(rules) {
                let kind = TimerKind::Condition { index: index as u16 };
                self.timers.set(Timer {
                    due,
                    slot,
                    kind,
                    stay: patient.stay,
                });
            }
            let view = patient.sets[set].view.as_deref().map(|view| View {
                at: transition.at,
                ..view.clone()
            });
            self.tell_condition(slot, index, transition, view.as_ref(), io);
        }
    }
}

fn judge(when: Option<bool>, clear: Option<Option<bool>>) -> Judgement {
    match (when, clear) {
        (None, _) => Judgement::Unknown,
        (Some(true), _) => Judgement::Violating,
        (Some(false), None | Some(Some(true))) => Judgement::Clear,
        (Some(false), Some(Some(false) | None)) => Judgement::Between,
    }
}

fn truth(
    condition: &Condition,
    facts: &[Facts<'_>],
) -> Result<Vec<Option<bool>>, datafusion::error::DataFusionError> {
    let mut columns = Columns::new(&condition.inputs, condition.expression.inputs(), true);
    facts.iter().for_each(|facts| columns.push(facts));
    let result = condition.expression.evaluate(columns.finish(), facts.len())?;
    Ok(result.as_boolean().iter().collect())
}

/// Reads one row of a score's result: a number, or the struct of a point score.
fn outcome(result: &ArrayRef, row: usize) -> Outcome {
    let DataType::Struct(_) = result.data_type() else {
        let number = number(result, row);
        let unavailable = number.is_none().then(|| "an input is missing".to_owned());
        return Outcome {
            value: number,
            unavailable,
            ..Outcome::default()
        };
    };
    let score = result.as_struct();
    let field = |name: &str| score.column_by_name(name).and_then(|column| number(column, row));
    let missing = score.column_by_name("missing").map_or_else(Vec::new, |column| {
        let names = column.as_list::<i32>().value(row);
        names
            .as_string::<i32>()
            .iter()
            .flatten()
            .map(str::to_owned)
            .collect()
    });
    let points = score.column_by_name("points").map_or_else(Vec::new, |column| {
        let points = column.as_struct();
        let names = points.column_names().into_iter().map(str::to_owned);
        names
            .zip(points.columns())
            .map(|(name, column)| (name, number(column, row).map(|points| points as u8)))
            .collect()
    });
    Outcome {
        value: field("total"),
        lowest: field("lowest"),
        highest: field("highest"),
        missing,
        points,
        unavailable: None,
    }
}

fn number(column: &ArrayRef, row: usize) -> Option<f64> {
    if column.is_null(row) {
        return None;
    }
    match column.data_type() {
        DataType::Float64 => Some(column.as_primitive::<Float64Type>().value(row)),
        DataType::Int64 => Some(column.as_primitive::<Int64Type>().value(row) as f64),
        _ => None,
    }
}
