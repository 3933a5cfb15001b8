//! The state of a shard and its step.
//!
//! ```text
//!   for each record in log order:
//!     log time moves to its append time; every timer due by then fires first, in due order
//!     context ─▶ who is monitored          command ─▶ accept          message ─▶ admit
//!   the tick moves log time further; the decided windows are evaluated, as many as a step may
//! ```

use std::collections::VecDeque;
use std::sync::Arc;

use wardwatch_alarms::{EndReason, ModelIdentity};
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_inference::Scorer;
use wardwatch_ingest::Messages;
use wardwatch_pipeline::Pipeline;
use wardwatch_prefetch::prefetch;
use wardwatch_windowing::SetState;

use crate::closing::Pending;
use crate::command::Sayings;
use crate::digest::{Decision, Digest, Event};
use crate::ended::{Ended, Left};
use crate::patient::Patient;
use crate::presence::bit;
use crate::roster::Roster;
use crate::timers::{Timer, TimerKind, Timers};
use crate::{Batch, Outputs, StepError, Wants};

/// Decided windows that wait for the next step at most.
const MOST_PENDING: usize = 10_000;

/// How long a decided window waits at most, in log time, while its step goes on: a step over hours of a log must not date
/// its alerts to its end.
const MOST_WAIT: Span = Span::from_millis(500);

/// A step should decide no more windows than this: what models answer is written into one record.
const MOST_DECIDED: i64 = 5_000;

/// When so many windows are decided they are evaluated before the next row, while the state of their patients is at hand.
const TOGETHER: usize = 256;

/// So many rows ahead of its turn a row's patient is looked up, and asked for; each look leads to the next one.
const AHEAD: usize = 8;
/// Slots of the rows that come next, by row.
type NextSlots = [u32; 4 * AHEAD];

/// One partition of a pipeline.
#[derive(Debug)]
pub struct Shard {
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) wants: Wants,
    /// The feature sets from the coarsest slide to the finest: at one instant they close in this order.
    pub(crate) ranks: Vec<usize>,
    /// Which sets' features a model explains itself by.
    pub(crate) baselines: Vec<bool>,
    /// The pipeline's models as records name them.
    pub(crate) models: Vec<Arc<ModelIdentity>>,
    pub(crate) log_time: Timestamp,
    pub(crate) roster: Roster,
    pub(crate) patients: Vec<Option<Patient>>,
    pub(crate) sets: Vec<SetState>,
    pub(crate) timers: Timers,
    pub(crate) pending: VecDeque<Pending>,
    pub(crate) silent_patients: u64,
    pub(crate) digest: Digest,
    pub(crate) ended: Ended,
    pub(crate) stays: u64,
    /// The vital signs that rules read, a bit each.
    pub(crate) watched: u32,
    /// Scores that say something else than under the pipeline before: the next step computes them first.
    pub(crate) changed_scores: Vec<usize>,
    /// Sources whose newest records the log holds but does not show yet, in this step.
    pub(crate) held: Vec<u16>,
}

/// The world outside a step: models in, outputs out.
pub(crate) struct Io<'a> {
    pub(crate) scorer: &'a mut dyn Scorer,
    pub(crate) out: &'a mut Outputs,
}

// === impl Shard ===

impl Shard {
    /// A shard that has seen nothing.
    pub fn new(pipeline: Arc<Pipeline>, wants: Wants) -> Self {
        let mut ranks: Vec<usize> = (0..pipeline.sets.len()).collect();
        ranks.sort_by_key(|set| std::cmp::Reverse(pipeline.sets[*set].plan.trailing().grid().every()));
        let sets = pipeline
            .sets
            .iter()
            .map(|set| SetState::new(Arc::clone(&set.plan)))
            .collect();
        Self {
            baselines: crate::inputs::explained_sets(&pipeline),
            watched: pipeline.watched.iter().fold(0, |all, vital| all | bit(*vital)),
            models: pipeline.model_identities().into_iter().map(Arc::new).collect(),
            pipeline,
            wants,
            ranks,
            log_time: Timestamp::MIN,
            roster: Roster::default(),
            patients: Vec::new(),
            sets,
            timers: Timers::default(),
            pending: VecDeque::new(),
            silent_patients: 0,
            digest: Digest::default(),
            ended: Ended::default(),
            stays: 0,
            changed_scores: Vec::new(),
            held: Vec::new(),
        }
    }

    /// Takes in records and a tick, and adds what follows from them to `out`.
    ///
    /// The tick may advance log time beyond the records; the caller gives one only when every topic of the shard has been
    /// read to its end.
    ///
    /// # Errors
    /// [`StepError`]; the state is then undefined.
    pub fn step(
        &mut self,
        batch: &Batch,
        tick: Option<Timestamp>,
        scorer: &mut dyn Scorer,
        out: &mut Outputs,
    ) -> Result<(), StepError> {
        let mut io = Io { scorer, out };
        self.held.clone_from(&batch.held);
        self.score_anew(&mut io)?;
        let mut sayings = Sayings::new(batch);
        let messages = batch.observations.messages();
        let mut slots: NextSlots = [u32::MAX; _];
        let mut may_evaluate = self.wants.per_step.max(messages.len());
        for row in 0..messages.len() + 3 * AHEAD {
            self.prefetch(&messages, row, &mut slots);
            let Some(row) = row.checked_sub(3 * AHEAD) else {
                continue;
            };
            let message = messages.get(row);
            let append_time = Timestamp::from_micros(message.append_time);
            while let Some(saying) = sayings.next_until(append_time) {
                self.take_saying(&saying, &mut io)?;
            }
            self.advance(append_time, &mut io)?;
            self.admit(&message, row, slots[row % slots.len()], &mut io)?;
            if self.pending.len() >= TOGETHER && may_evaluate >= TOGETHER {
                self.evaluate(TOGETHER, &mut io)?;
                may_evaluate -= TOGETHER;
            }
        }
        while let Some(saying) = sayings.next_until(Timestamp::MAX) {
            self.take_saying(&saying, &mut io)?;
        }
        if let Some(tick) = tick {
            self.advance(tick, &mut io)?;
        }
        // What waits is bounded: a step that decides more than it may evaluate would otherwise grow it for ever.
        let overdue = self.pending.len().saturating_sub(MOST_PENDING);
        self.evaluate(may_evaluate.max(overdue), &mut io)?;
        self.fire_due(self.log_time, &mut io)?;
        io.out.counts.silent_patients = self.silent_patients;
        debug_assert!(io.out.counts.balance(), "READINGS-1: {:?}", io.out.counts);
        Ok(())
    }

    /// Asks for the state of the patients whose rows come next: `row`, and those that were looked up before it. With ten
    /// thousand patients it is in no cache, and waiting for it would be most of the work. Changes nothing.
    #[inline]
    fn prefetch(&self, messages: &Messages<'_>, row: usize, slots: &mut NextSlots) {
        if row < messages.len() {
            let slot = self.roster.foresee(messages.patient_id(row)).unwrap_or(u32::MAX);
            slots[row % slots.len()] = slot;
            if let Some(patient) = self.patients.get(slot as usize) {
                prefetch(patient);
            }
            self.sets.iter().for_each(|set| set.prefetch(slot));
        }
        let looked_up = |ahead: usize| {
            let row = row.checked_sub(ahead).filter(|row| *row < messages.len())?;
            let slot = slots[row % slots.len()];
            let patient = self.patients.get(slot as usize)?.as_ref()?;
            Some((patient, slot, row))
        };
        if let Some((patient, slot, row)) = looked_up(AHEAD) {
            patient.prefetch(messages.topic(row));
            let ts = Timestamp::from_micros(messages.ts(row));
            self.sets.iter().for_each(|set| set.prefetch_newest(slot, ts));
        }
        if let Some((patient, _, row)) = looked_up(2 * AHEAD) {
            patient.prefetch_seen(messages.topic(row));
        }
    }

    /// Ends a file: windows that ended by `until` are evaluated, without the wait for what comes late.
    ///
    /// # Errors
    /// As [`Shard::step`].
    pub fn finish(
        &mut self,
        until: Timestamp,
        scorer: &mut dyn Scorer,
        out: &mut Outputs,
    ) -> Result<(), StepError> {
        let mut io = Io { scorer, out };
        for slot in 0..self.patients.len() as u32 {
            if self.patients[slot as usize].is_some() {
                self.close_until(slot, until + self.pipeline.time.hold, self.log_time);
            }
        }
        self.evaluate(usize::MAX, &mut io)?;
        self.fire_due(self.log_time, &mut io)?;
        io.out.counts.silent_patients = self.silent_patients;
        Ok(())
    }

    /// What it runs.
    pub fn pipeline(&self) -> &Arc<Pipeline> {
        &self.pipeline
    }

    /// The shard's log time; [`Timestamp::MIN`] before the first record.
    pub fn log_time(&self) -> Timestamp {
        self.log_time
    }

    /// What it has decided so far, as one number.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Whether windows are decided that wait for the next step.
    pub fn has_more(&self) -> bool {
        !self.pending.is_empty()
    }

    /// The log time up to which one step should go at most: as many windows as that may close until then. Whoever has
    /// records or a tick beyond it ticks until there first, and goes on.
    pub fn reach_of_step(&self) -> Timestamp {
        let per_second: f64 = self
            .pipeline
            .sets
            .iter()
            .map(|set| 1.0 / set.plan.trailing().grid().every().secs_f64())
            .sum();
        let seconds = MOST_DECIDED as f64 / (per_second * self.patients() as f64);
        match self.log_time == Timestamp::MIN || !seconds.is_finite() {
            true => Timestamp::MAX,
            false => self.log_time + MOST_WAIT.max(Span::from_micros((seconds * 1e6) as i64)),
        }
    }

    /// How many patients are monitored.
    pub fn patients(&self) -> usize {
        self.roster.len()
    }

    /// Moves log time; fires, in due order, what is due by then. SHARD-1: it never goes back.
    #[inline]
    pub(crate) fn advance(&mut self, to: Timestamp, io: &mut Io<'_>) -> Result<(), StepError> {
        if to <= self.log_time {
            return Ok(());
        }
        self.fire_due(to, io)?;
        self.keep_pace(to, io)?;
        self.log_time = to;
        Ok(())
    }

    /// Evaluates what would wait too long when log time moves on.
    #[inline]
    fn keep_pace(&mut self, to: Timestamp, io: &mut Io<'_>) -> Result<(), StepError> {
        let oldest = self.pending.front().map(|oldest| oldest.at);
        if oldest.is_some_and(|oldest| to - oldest > MOST_WAIT) {
            self.evaluate(usize::MAX, io)?;
        }
        Ok(())
    }

    /// Fires what is due by `to`. A window that is evaluated late may set a timer that is due already.
    fn fire_due(&mut self, to: Timestamp, io: &mut Io<'_>) -> Result<(), StepError> {
        while let Some(due) = self.timers.next_due(to) {
            self.keep_pace(due, io)?;
            // That may have set a timer that is due before this one.
            let Some(timer) = self.timers.pop_due(to) else {
                break;
            };
            self.log_time = self.log_time.max(timer.due);
            self.fire(timer, io)?;
        }
        Ok(())
    }

    fn fire(&mut self, timer: Timer, io: &mut Io<'_>) -> Result<(), StepError> {
        let Timer {
            due,
            slot,
            kind,
            stay,
        } = timer;
        if self.patients[slot as usize]
            .as_ref()
            .is_none_or(|patient| patient.stay != stay)
        {
            return Ok(());
        }
        match kind {
            TimerKind::Pane { rank, pane } => {
                self.close(slot, self.ranks[rank as usize], pane, due);
                Ok(())
            }
            TimerKind::Revision { rank } => {
                self.revise(slot, self.ranks[rank as usize], due);
                Ok(())
            }
            TimerKind::Limit { index } => {
                self.limit_on_time(slot, index as usize, due, io);
                Ok(())
            }
            TimerKind::Condition { index } => self.condition_on_time(slot, index as usize, due, io),
            TimerKind::Silence { source } => self.source_stops(slot, source as usize, due, io),
            TimerKind::Presence => {
                self.presence_on_time(slot, due, io);
                Ok(())
            }
            TimerKind::Forget => self.forget_on_time(slot, due, io),
            TimerKind::RecordsLost { source } => {
                self.clear_records_lost(slot, source as usize, due, io);
                Ok(())
            }
        }
    }

    /// Begins to monitor a patient.
    pub(crate) fn begin_stay(&mut self, id: &str) -> u32 {
        let id: Arc<str> = id.into();
        let slot = self.roster.admit(Arc::clone(&id));
        if self.patients.len() <= slot as usize {
            self.patients.resize_with(slot as usize + 1, || None);
        }
        self.stays += 1;
        let mut patient = Patient::new(id, self.stays, self.log_time, &self.pipeline);
        let event = Event::new(Decision::Begun, patient.key);
        self.digest.add(event.whole(self.log_time.micros()));
        let forget_before = self.log_time - self.pipeline.time.forget_after;
        self.ended.pass_on(&mut patient, self.lingering(), forget_before);
        self.patients[slot as usize] = Some(patient);
        let due = self.log_time + self.pipeline.time.forget_after;
        self.set_timer(slot, TimerKind::Forget, due);
        slot
    }

    /// The patient in a slot that is known to be taken.
    pub(crate) fn patient_mut(&mut self, slot: u32) -> &mut Patient {
        self.patients[slot as usize]
            .as_mut()
            .expect("a slot on the roster holds a patient")
    }

    /// How far a patient's sources have come.
    #[inline]
    pub(crate) fn clock_of(&self, slot: u32) -> Timestamp {
        let patient = self.patients[slot as usize].as_ref();
        patient.map_or(Timestamp::MIN, |patient| patient.clock(&self.pipeline))
    }

    /// Sets a timer of a patient's stay.
    pub(crate) fn set_timer(&mut self, slot: u32, kind: TimerKind, due: Timestamp) {
        let stay = self.patient_mut(slot).stay;
        self.timers.set(Timer {
            due,
            slot,
            kind,
            stay,
        });
    }

    fn forget_on_time(&mut self, slot: u32, due: Timestamp, io: &mut Io<'_>) -> Result<(), StepError> {
        let Some(patient) = self.patients[slot as usize].as_ref() else {
            return Ok(());
        };
        let forget_at = patient.heard_at + self.pipeline.time.forget_after;
        if forget_at > due {
            self.set_timer(slot, TimerKind::Forget, forget_at);
            return Ok(());
        }
        self.end_stay(slot, EndReason::Forgotten, due, io)
    }

    /// Ends monitoring: decided windows are evaluated, alarms end with the reason, state is freed.
    pub(crate) fn end_stay(
        &mut self,
        slot: u32,
        reason: EndReason,
        now: Timestamp,
        io: &mut Io<'_>,
    ) -> Result<(), StepError> {
        // As at the end of a file: what has ended waits no longer for what comes late.
        self.close_until(slot, now + self.pipeline.time.hold, now);
        self.catch_up(slot, now, io)?;
        if self.patients[slot as usize]
            .as_ref()
            .is_some_and(Patient::is_silent)
        {
            self.silent_patients -= 1;
        }
        self.end_alarms(slot, reason, now, io);
        for (set, state) in self.sets.iter_mut().enumerate() {
            state
                .forget(slot)
                .map_err(|error| StepError::sql("feature set", &self.pipeline.sets[set].name, &error))?;
        }
        if let Some(patient) = self.patients[slot as usize].take() {
            self.roster.release(&patient.id);
            let event = Event::new(Decision::Ended, patient.key);
            self.digest.add(event.whole(now.micros()));
            io.out.ended.push(patient.id.to_string());
            self.ended.forget(now, self.pipeline.time.forget_after);
            let left = Left {
                at: now,
                is_discharged: reason == EndReason::Discharged,
                machines: patient.machines().collect(),
                stated: patient.stated,
            };
            self.ended.keep(patient.id, left);
        }
        Ok(())
    }
}
