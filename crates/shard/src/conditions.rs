//! Conditions on features and scores: judged at the closes of their set, and when their timers are due.

use arrow::array::AsArray;
use datafusion::error::DataFusionError;
use wardwatch_alarms::{EndReason, Judgement};
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Timestamp;
use wardwatch_pipeline::{Condition, From as Origin};
use wardwatch_windowing::RowErrors;

use crate::closing::Pending;
use crate::inputs::{Columns, Facts, View};
use crate::patient::Patient;
use crate::presence::bit;
use crate::shard::Io;
use crate::timers::TimerKind;
use crate::{Shard, StepError};

// === impl Shard ===

impl Shard {
    /// The judgement of every condition on every window of its set.
    pub(crate) fn judge_conditions(
        &self,
        pending: &[Pending],
        views: &[View],
        io: &mut Io<'_>,
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
                let mut truth = |condition: &Condition| {
                    let (truth, errors) = truth(condition, &facts)
                        .map_err(|error| StepError::sql("alarm", &alarm.name, &error))?;
                    io.out.failed("alarm", &alarm.name, &errors);
                    Ok(truth)
                };
                let when = truth(&alarm.when)?;
                let clear = alarm.clear_when.as_ref().map(&mut truth).transpose()?;
                for (row, at) in places.iter().enumerate() {
                    judgements[*at] = Some(judge(when[row], clear.as_ref().map(|clear| clear[row])));
                }
            }
            all.push(judgements);
        }
        Ok(all)
    }

    pub(crate) fn move_condition(
        &mut self,
        pending: &Pending,
        index: usize,
        judgement: Judgement,
        view: &View,
        io: &mut Io<'_>,
    ) {
        let rules = self.pipeline.conditions[index].rules;
        let is_old = pending.at - pending.end > self.pipeline.time.max_score_age;
        let corrected = match pending.corrected {
            0 => 0,
            all => all & self.vitals_read_by(index),
        };
        let judgement = match judgement {
            // It is about a value that there is no more.
            Judgement::Unknown if self.is_any_gone(corrected, pending, view) => Judgement::Clear,
            judgement => judgement,
        };
        let machine = &mut self.patient_mut(pending.slot).conditions[index];
        if is_old && judgement == Judgement::Violating && !machine.is_active() {
            // What comes late may end a condition, and keeps one going; it begins none.
            return;
        }
        let transition = machine.judge(judgement, pending.end, pending.at, rules);
        if let Some(due) = machine.arm(rules) {
            self.set_timer(pending.slot, TimerKind::Condition { index: index as u16 }, due);
        }
        if let Some(mut transition) = transition {
            let ended = transition.reason.filter(|_| corrected != 0);
            transition.reason = ended.map(|_| EndReason::Corrected).or(transition.reason);
            self.tell_condition(pending.slot, index, transition, Some(view), io);
        }
    }

    /// The newest values that a condition reads, itself and through its scores: vital signs, a bit each.
    fn vitals_read_by(&self, index: usize) -> u32 {
        let read = self.read_by(&self.pipeline.conditions[index]);
        read.fold(0, |all, input| match input.from {
            Origin::Vital(vital) => all | bit(vital),
            Origin::OnOxygen => all | bit(VitalSign::O2Flow) | bit(VitalSign::Fio2),
            _ => all,
        })
    }

    /// Whether no usable value is left of one of these vital signs.
    fn is_any_gone(&self, vitals: u32, pending: &Pending, view: &View) -> bool {
        let mut corrected = VitalSign::ALL.iter().filter(|vital| vitals & bit(**vital) != 0);
        corrected.any(|vital| self.facts(pending, view).vital(*vital).is_none())
    }

    /// A condition's timer: the windows decided before it are judged first.
    pub(crate) fn condition_on_time(
        &mut self,
        slot: u32,
        index: usize,
        now: Timestamp,
        io: &mut Io<'_>,
    ) -> Result<(), StepError> {
        self.evaluate_waiting(slot, io)?;
        self.patient_mut(slot).conditions[index].disarm(now);
        self.condition_due(slot, index, now, io);
        Ok(())
    }

    /// Brings a patient to where it would be by `now` if no decided window had to wait: evaluated, and what its conditions
    /// then have due is told.
    pub(crate) fn catch_up(&mut self, slot: u32, now: Timestamp, io: &mut Io<'_>) -> Result<(), StepError> {
        self.evaluate_waiting(slot, io)?;
        for index in 0..self.pipeline.conditions.len() {
            self.condition_due(slot, index, now, io);
        }
        Ok(())
    }

    fn evaluate_waiting(&mut self, slot: u32, io: &mut Io<'_>) -> Result<(), StepError> {
        let waits = |patient: &Patient| patient.pending_until != Timestamp::MIN;
        if self.patients[slot as usize].as_ref().is_some_and(waits) {
            self.evaluate(usize::MAX, io)?;
        }
        Ok(())
    }

    /// Fires what a condition has due by `now`, as the patient stood at its last evaluation.
    pub(crate) fn condition_due(&mut self, slot: u32, index: usize, now: Timestamp, io: &mut Io<'_>) {
        let (rules, set) = (
            self.pipeline.conditions[index].rules,
            self.pipeline.conditions[index].set,
        );
        loop {
            let Some(patient) = self.patients[slot as usize].as_mut() else {
                return;
            };
            let transition = patient.conditions[index].on_time(now, rules);
            let armed = patient.conditions[index].arm(rules);
            let view = transition.and_then(|transition| patient.view_at(set, transition.at));
            if let Some(due) = armed {
                self.set_timer(slot, TimerKind::Condition { index: index as u16 }, due);
            }
            let Some(transition) = transition else { return };
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

/// Whether a condition holds of each patient.
pub(crate) fn truth(
    condition: &Condition,
    facts: &[Facts<'_>],
) -> Result<(Vec<Option<bool>>, RowErrors), DataFusionError> {
    let mut columns = Columns::new(&condition.inputs, condition.expression.inputs(), true);
    facts.iter().for_each(|facts| columns.push(facts));
    let (result, errors) = condition.expression.evaluate(columns.finish(), facts.len())?;
    Ok((result.as_boolean().iter().collect(), errors))
}
