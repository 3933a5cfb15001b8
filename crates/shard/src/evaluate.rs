//! Decided windows to features, scores and conditions: many windows at a time, as if one by one.
//!
//! ```text
//!   pending (log order) ─▶ features, set by set ─▶ views, in order ─▶ scores ─▶ conditions ─▶ alerts, in order
//! ```
//!
//! Each window has a *view*: the newest values that it reads, the newest features and scores up to it. So the
//! work is done in columns, and how many windows are evaluated together changes no result.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Float64Type;
use wardwatch_event_time::Timestamp;
use wardwatch_inference::{Rows, Unavailable};
use wardwatch_pipeline::{Score, ScoreKind};
use wardwatch_prefetch::prefetch;
use wardwatch_windowing::Due;

use crate::closing::Pending;
use crate::conditions::truth;
use crate::digest::{Decision, Event};
use crate::inputs::{Columns, Facts, View};
use crate::outcome::{Outcome, Results};
use crate::shard::Io;
use crate::{FeatureRows, Shard, StepError};

/// So many windows ahead of its turn a window's patient is asked for.
const AHEAD: usize = 4;

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
        let outcomes = self.score(&pending, &views, |_| true, io)?;
        self.carry_scores(&pending, &outcomes, &mut views);
        let judgements = self.judge_conditions(&pending, &views, io)?;
        let tells = self.tell_scores_of(&pending);
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
            if tells[at] {
                self.tell_scores(pending, &view, io);
            }
            let set = pending.set;
            let conditions = &self.pipeline.conditions;
            if let Some(patient) = self.patients[pending.slot as usize].as_mut() {
                let may_tell = patient
                    .conditions
                    .iter()
                    .zip(conditions)
                    .any(|(machine, alarm)| alarm.set == set && !machine.is_idle());
                patient.sets[set].view = may_tell.then(|| Box::new(view));
            }
        }
        self.settle(&pending);
        Ok(())
    }

    /// Which windows tell the scores: those with scores of their own, and of several that end for a patient at one instant, and
    /// were decided at one, the last. That one may wait for the next evaluation.
    fn tell_scores_of(&self, pending: &[Pending]) -> Vec<bool> {
        let scores = if self.wants.scores {
            &self.pipeline.scores[..]
        } else {
            &[]
        };
        let has_scores =
            |pending: &Pending| pending.is_newest && scores.iter().any(|score| score.set == pending.set);
        // Of one set there is one window an instant.
        if scores.windows(2).all(|pair| pair[0].set == pair[1].set) {
            return pending.iter().map(has_scores).collect();
        }
        let instant = |pending: &Pending| (pending.slot, pending.end, pending.at);
        let waiting = self.pending.iter().filter(|pending| has_scores(pending));
        let mut later: HashSet<(u32, Timestamp, Timestamp)> = waiting.map(instant).collect();
        let backwards = pending.iter().rev();
        let mut tells: Vec<bool> = backwards
            .map(|pending| has_scores(pending) && later.insert(instant(pending)))
            .collect();
        tells.reverse();
        tells
    }

    /// Patients with nothing left to evaluate may take late rows again without waiting, and give up old panes.
    fn settle(&mut self, done: &[Pending]) {
        for pending in done {
            if let Some(patient) = self.patients[pending.slot as usize].as_mut() {
                patient.waiting -= 1;
                if patient.waiting == 0 {
                    patient.pending_until = Timestamp::MIN;
                }
            }
        }
        for pending in done {
            let waits = self.patients[pending.slot as usize]
                .as_ref()
                .is_some_and(|patient| patient.waiting > 0);
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
            let (batch, errors) = self.sets[set]
                .features(&due)
                .map_err(|error| StepError::sql("feature set", &self.pipeline.sets[set].name, &error))?;
            io.out
                .failed("feature set", &self.pipeline.sets[set].name, &errors);
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
                let of = |at: &usize| &pending[*at];
                io.out.features.push(FeatureRows {
                    set,
                    patient_id: places.iter().map(|at| self.id_of(of(at).slot)).collect(),
                    window_end: places.iter().map(|at| of(at).end.micros()).collect(),
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

    /// What is known at each decision, but for the scores. The patients' newest features move along.
    fn views(&mut self, pending: &[Pending], rows: Vec<Row>) -> Vec<View> {
        let mut views = Vec::with_capacity(pending.len());
        for (at, row) in rows.into_iter().enumerate() {
            self.prefetch_standing(&pending[at..]);
            let pending = &pending[at];
            let patient = self.patients[pending.slot as usize]
                .as_mut()
                .expect("a stay ends only after its windows");
            let event = Event::new(Decision::Window, patient.key)
                .whole(pending.set as i64)
                .whole(pending.end.micros())
                .whole(i64::from(pending.revision))
                .whole(pending.at.micros());
            self.digest.add(event.values((0..).zip(row.iter().copied())));
            if pending.is_newest {
                let standing = &mut patient.sets[pending.set];
                if self.baselines[pending.set] && pending.revision == 0 {
                    standing.baseline.take(pending.end, &row);
                }
                standing.newest = Some((pending.end, row));
            }
            views.push(View::without_scores(
                patient,
                pending.latest,
                pending.at,
                pending.end,
            ));
        }
        views
    }

    /// Asks for the patients of the windows that come next; each look leads to the next one.
    fn prefetch_standing(&self, pending: &[Pending]) {
        let place = |ahead: usize| Some(&self.patients[pending.get(ahead)?.slot as usize]);
        let patient = |ahead: usize| place(ahead)?.as_ref();
        if let Some(place) = place(2 * AHEAD) {
            prefetch(place);
        }
        if let Some(patient) = patient(AHEAD) {
            patient.prefetch_standing();
        }
    }

    /// Computes scores that changed with the pipeline, of the windows that each patient has by now, as of now.
    pub(crate) fn score_anew(&mut self, io: &mut Io<'_>) -> Result<(), StepError> {
        let changed = std::mem::take(&mut self.changed_scores);
        let mut sets: Vec<usize> = changed
            .iter()
            .map(|score| self.pipeline.scores[*score].set)
            .collect();
        sets.sort_unstable();
        sets.dedup();
        let (mut pending, mut views) = (Vec::new(), Vec::new());
        for (slot, patient) in (0..).zip(&self.patients) {
            let Some(patient) = patient else { continue };
            for set in &sets {
                let Some((end, _)) = &patient.sets[*set].newest else {
                    continue;
                };
                let latest = patient.latest_for(*end);
                views.push(View::without_scores(patient, latest, self.log_time, *end));
                pending.push(Pending {
                    slot,
                    set: *set,
                    pane: self.sets[*set].newest_closed(slot).unwrap_or_default(),
                    end: *end,
                    revision: patient.sets[*set].revision,
                    at: self.log_time,
                    is_newest: true,
                    corrected: 0,
                    latest,
                });
            }
        }
        if !pending.is_empty() {
            let outcomes = self.score(&pending, &views, |score| changed.contains(&score), io)?;
            self.carry_scores(&pending, &outcomes, &mut views);
        }
        Ok(())
    }

    /// Scores of every window: by score, by window; none where the score belongs to another set, or is not wanted.
    fn score(
        &mut self,
        pending: &[Pending],
        views: &[View],
        is_wanted: impl Fn(usize) -> bool,
        io: &mut Io<'_>,
    ) -> Result<Vec<Vec<Option<Arc<Outcome>>>>, StepError> {
        let mut all = Vec::with_capacity(self.pipeline.scores.len());
        for (place, score) in self.pipeline.scores.iter().enumerate() {
            let mut outcomes: Vec<Option<Outcome>> = vec![None; pending.len()];
            let places: Vec<usize> = (0..pending.len())
                .filter(|at| pending[*at].set == score.set && pending[*at].is_newest && is_wanted(place))
                .collect();
            let places = self.without_present(score, places, pending, views, &mut outcomes, io)?;
            if !places.is_empty() {
                let facts = |at: &usize| self.facts(&pending[*at], &views[*at]);
                match &score.kind {
                    ScoreKind::Sql { expression, .. } => {
                        let mut columns = Columns::new(&score.inputs, expression.inputs(), false);
                        places.iter().for_each(|at| columns.push(&facts(at)));
                        let (result, errors) = expression
                            .evaluate(columns.finish(), places.len())
                            .map_err(|error| StepError::sql("score", &score.name, &error))?;
                        let results = Results::new(&result)
                            .map_err(|error| StepError::sql("score", &score.name, &error.into()))?;
                        for (row, at) in places.iter().enumerate() {
                            outcomes[*at] = Some(results.outcome(row));
                        }
                        for row in &errors.rows {
                            let reason = "its SQL fails over these values".into();
                            outcomes[places[*row]] = Some(Outcome::unavailable(reason));
                        }
                        io.out.failed("score", &score.name, &errors);
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
                            outcomes[*at] = Some(match result {
                                Ok(probability) => Outcome::number(Some(probability)),
                                Err(reason) => Outcome::unavailable(in_words(&reason, score).into()),
                            });
                        }
                    }
                }
            }
            let of_window = |(outcome, pending): (Option<Outcome>, &Pending)| {
                let end = pending.end;
                outcome.map(|outcome| Arc::new(Outcome { end, ..outcome }))
            };
            all.push(outcomes.into_iter().zip(pending).map(of_window).collect());
        }
        Ok(all)
    }

    /// Of these windows those at which what a score predicts is not there already: at the others it is unavailable.
    fn without_present(
        &self,
        score: &Score,
        places: Vec<usize>,
        pending: &[Pending],
        views: &[View],
        outcomes: &mut [Option<Outcome>],
        io: &mut Io<'_>,
    ) -> Result<Vec<usize>, StepError> {
        let Some(present) = score.present_when.as_ref().filter(|_| !places.is_empty()) else {
            return Ok(places);
        };
        let facts = places.iter().map(|at| self.facts(&pending[*at], &views[*at]));
        let (truth, errors) = truth(present, &facts.collect::<Vec<_>>())
            .map_err(|error| StepError::sql("score", &score.name, &error))?;
        io.out.failed("score", &score.name, &errors);
        let reason = format!("what it predicts is there already: {}", present.text);
        let mut absent = Vec::with_capacity(places.len());
        for (at, holds) in places.into_iter().zip(truth) {
            match holds {
                Some(true) => outcomes[at] = Some(Outcome::unavailable(reason.clone().into())),
                Some(false) | None => absent.push(at),
            }
        }
        Ok(absent)
    }

    pub(crate) fn facts<'a>(&'a self, pending: &Pending, view: &'a View) -> Facts<'a> {
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
                    let event = Event::new(Decision::Score, patient.key)
                        .whole(score as i64)
                        .whole(pending.at.micros())
                        .option(outcome.value)
                        .option(outcome.lowest)
                        .option(outcome.highest);
                    self.digest.add(event);
                }
            }
            view.scores.clone_from(&patient.scores);
        }
    }
}

/// Why a model cannot speak, with the input's name.
fn in_words(reason: &Unavailable, score: &Score) -> String {
    let name = |input: &u16| &score.inputs[usize::from(*input)].name;
    match reason {
        Unavailable::RequiredMissing { input } => format!("{} is missing", name(input)),
        Unavailable::RequiredOutOfRange { input } => format!("{} is out of range", name(input)),
        other => other.to_string(),
    }
}
