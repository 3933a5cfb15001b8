//! Who is monitored, and as whom: what a context record does to a stay.
//!
//! A stay is one visit. It begins when somebody says that the patient is there, or by data, and ends by the visit's discharge,
//! when another visit is the running one, or when nothing is heard for `forget_after`. What is stated of patients who are not
//! monitored is kept in [`Ended`](crate::ended::Ended): their context is there when their data come, and a discharge that is
//! known keeps older records from bringing them back.
//!
//! A discharged patient whose monitor still sends is monitored as a stay without context: somebody is measured there, and
//! whoever it is must not be unwatched; but the bed has been given up, and may be another patient's. Nobody is told when the last
//! source stops, since the patient has gone: then the stay ends.

use std::sync::Arc;

use wardwatch_alarms::EndReason;
use wardwatch_event_time::{Span, Timestamp};

use crate::batch::ContextInput;
use crate::digest::{Decision, Event, hash};
use crate::patient::Patient;
use crate::shard::Io;
use crate::statements::Standing;
use crate::technical::silent_at;
use crate::{Shard, StepError};

/// What a record does to a running stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// It goes on, with the context that is known now.
    GoesOn,
    /// The visit is over.
    Ends,
    /// Another visit is the running one.
    AnotherBegins,
}

// === impl Shard ===

impl Shard {
    pub(crate) fn take_context(&mut self, input: &ContextInput, io: &mut Io<'_>) -> Result<(), StepError> {
        let (now, record) = (self.log_time, &input.record);
        let event = Event::new(Decision::Context, hash(&record.patient_id))
            .whole(i64::from(input.writer))
            .whole(record.ts.micros())
            .whole(record.event as i64)
            .text(record.visit.as_deref().unwrap_or_default());
        self.digest.add(event.whole(now.micros()));
        match self.roster.find(&record.patient_id) {
            Some(slot) => self.take_context_of(slot, input, io),
            None => {
                self.take_context_of_absent(input, io);
                Ok(())
            }
        }
    }

    /// A patient who is monitored.
    fn take_context_of(&mut self, slot: u32, input: &ContextInput, io: &mut Io<'_>) -> Result<(), StepError> {
        let now = self.log_time;
        // What is decided sees the context as it was.
        self.catch_up(slot, now, io)?;
        let forget_before = now - self.pipeline.time.forget_after;
        let patient = self.patient_mut(slot);
        let before = patient.stated.standing();
        let is_news = patient
            .stated
            .take(input.writer, &input.record, now, forget_before);
        io.out.counts.outdated_context += u64::from(!is_news);
        let change = patient.change(&before);
        let id = Arc::clone(&patient.id);
        match change {
            Change::GoesOn => {
                if is_news {
                    patient.heard_at = now;
                }
                patient.merge_context();
                let visit = patient.visit.as_deref().unwrap_or_default();
                let event = patient.context.event(patient.key).text(visit);
                self.digest.add(event.whole(now.micros()));
            }
            Change::Ends => self.end_stay(slot, EndReason::Discharged, now, io)?,
            Change::AnotherBegins => {
                self.end_stay(slot, EndReason::Discharged, now, io)?;
                self.admit_before_data(&id);
            }
        }
        Ok(())
    }

    /// A patient who is not monitored: only who is said to be there is from now on.
    fn take_context_of_absent(&mut self, input: &ContextInput, io: &mut Io<'_>) {
        let (now, record) = (self.log_time, &input.record);
        let forget_after = self.pipeline.time.forget_after;
        let stated = self.ended.stated_mut(&record.patient_id, now, forget_after);
        let before = stated.standing();
        let is_news = stated.take(input.writer, record, now, now - forget_after);
        let after = stated.standing();
        io.out.counts.outdated_context += u64::from(!is_news);
        if after.discharged > before.discharged {
            self.ended.discharge(&record.patient_id, now);
        }
        if after.present > before.present {
            self.admit_before_data(&record.patient_id);
        }
    }

    /// A source may have stopped. When the last one of a discharged patient has, the stay ends.
    pub(crate) fn source_stops(
        &mut self,
        slot: u32,
        source: usize,
        due: Timestamp,
        io: &mut Io<'_>,
    ) -> Result<(), StepError> {
        if self.lingers_until(slot).is_some_and(|until| until <= due) {
            return self.end_stay(slot, EndReason::Discharged, due, io);
        }
        self.silence_on_time(slot, source, due, io);
        Ok(())
    }

    /// When the last source of a discharged patient will be silent; none for everybody else.
    fn lingers_until(&self, slot: u32) -> Option<Timestamp> {
        let patient = self.patients[slot as usize].as_ref();
        let patient = patient.filter(|patient| patient.lingers)?;
        let sources = patient.sources.iter().zip(&self.pipeline.sources);
        let silent_at = sources
            .filter(|(_, rules)| !rules.trend_only)
            .filter_map(|(state, rules)| Some(silent_at(state.heard_at?, rules.silent_after)));
        silent_at.max()
    }

    /// How soon after a discharge data must come to be of a monitor that went on.
    pub(crate) fn lingering(&self) -> Span {
        let sources = self.pipeline.sources.iter().filter(|source| !source.trend_only);
        let silent_after = sources.map(|source| source.silent_after);
        silent_after.max().unwrap_or(Span::ZERO)
    }
}

// === impl Patient ===

impl Patient {
    /// What has become of the stay, which was `before`.
    fn change(&self, before: &Standing) -> Change {
        let after = self.stated.standing();
        match (&self.visit, &after.visit) {
            (Some(of), Some(visit)) if of != visit => Change::AnotherBegins,
            (Some(of), None) if self.stated.is_over(of) => match after.present {
                Some(_) => Change::AnotherBegins,
                None => Change::Ends,
            },
            (None, None) if after.present.is_none() && after.discharged > before.discharged => {
                // A discharge of before the first data is of an earlier stay.
                let is_of_it = before.present.is_some() || after.discharged >= Some(self.begun_at);
                if is_of_it { Change::Ends } else { Change::GoesOn }
            }
            _ => Change::GoesOn,
        }
    }

    /// Takes over what writers state by now.
    pub(crate) fn merge_context(&mut self) {
        let standing = self.stated.standing();
        self.context = self.stated.context(&standing);
        self.lingers &= standing.present.is_none() && standing.visit.is_none();
        self.visit = standing.visit;
    }
}
