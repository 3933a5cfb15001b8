//! What is left of stays that have ended, and what is stated of patients who are not monitored.
//!
//! Who is discharged and comes back begins anew, but a late row may make the same condition begin at the same event time
//! again. Its alerts need names of their own, so the machines, idle by then, pass their ordinals on. What writers state goes
//! along too: it decides whether an older record may bring the patient back, and it is the context when data come.
//!
//! All of it is forgotten after `forget_after`, but for statements that no discharge has ended: a patient may be without a
//! monitor for days. Of those [`MOST_KEPT`] patients are kept, the newest.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use wardwatch_alarms::Machine;
use wardwatch_event_time::{Span, Timestamp};

use crate::patient::{MachinePlace, Patient};
use crate::statements::Statements;

/// Patients who are not monitored, of whom something is kept; some 300 bytes each.
const MOST_KEPT: usize = 20_000;

/// What is kept of patients who are not monitored.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    left: HashMap<Arc<str>, (u64, Left)>,
    /// In order of their ends. A number that a patient no longer has is of an earlier end.
    ends: VecDeque<(u64, Arc<str>)>,
    /// The next number.
    next: u64,
}

/// What is left of a patient.
#[derive(Debug)]
pub(crate) struct Left {
    /// Log time of the end of the stay, or of the first statement about who had none.
    pub(crate) at: Timestamp,
    /// Whether it was a discharge.
    pub(crate) is_discharged: bool,
    /// Those that have ever moved.
    pub(crate) machines: Vec<(MachinePlace, Machine)>,
    pub(crate) stated: Statements,
}

// === impl Left ===

impl Default for Left {
    fn default() -> Self {
        Self {
            at: Timestamp::MIN,
            is_discharged: false,
            machines: Vec::new(),
            stated: Statements::default(),
        }
    }
}

// === impl Ended ===

impl Ended {
    /// Keeps what is left of a stay that ends no earlier than the others.
    pub(crate) fn keep(&mut self, id: Arc<str>, left: Left) {
        self.ends.push_back((self.next, Arc::clone(&id)));
        self.left.insert(id, (self.next, left));
        self.next += 1;
    }

    /// Keeps alarms that were told of a patient, last at log time `at`, beside what else is left.
    pub(crate) fn keep_machines(
        &mut self,
        id: Arc<str>,
        machines: Vec<(MachinePlace, Machine)>,
        at: Timestamp,
    ) {
        let left = self.left.remove(&id).map(|(_, left)| left).unwrap_or_default();
        let at = at.max(left.at);
        self.keep(id, Left { at, machines, ..left });
    }

    /// What is stated of a patient who is not monitored, at log time `now`.
    pub(crate) fn stated_mut(&mut self, id: &str, now: Timestamp, forget_after: Span) -> &mut Statements {
        self.forget(now, forget_after);
        if !self.left.contains_key(id) {
            let left = Left {
                at: now,
                ..Left::default()
            };
            self.keep(Arc::from(id), left);
        }
        &mut self.left.get_mut(id).expect("it was put there").1.stated
    }

    /// A patient has been discharged at log time `now`, without being monitored.
    pub(crate) fn discharge(&mut self, id: &str, now: Timestamp) {
        if let Some((id, (_, left))) = self.left.remove_entry(id) {
            let left = Left {
                at: now,
                is_discharged: true,
                ..left
            };
            self.keep(id, left);
        }
    }

    /// Passes on to a new stay what an earlier one has left, unless it was over before `forget_before`. Within `lingering` after
    /// a discharge it is of a monitor that went on.
    pub(crate) fn pass_on(&mut self, to: &mut Patient, lingering: Span, forget_before: Timestamp) {
        let Some((_, left)) = self.left.remove(&to.id) else {
            return;
        };
        for (place, machine) in left.machines {
            *to.machine_mut(place).expect("a place of the same pipeline") = machine;
        }
        to.stated = left.stated;
        to.stated.forget(forget_before);
        to.lingers = left.is_discharged && to.begun_at - left.at <= lingering;
        to.merge_context();
    }

    /// Forgets stays that ended longer ago.
    pub(crate) fn forget(&mut self, now: Timestamp, forget_after: Span) {
        let before = now - forget_after;
        while let Some((number, id)) = self.ends.front() {
            if self.of(*number, id).is_some_and(|left| left.at >= before) {
                break;
            }
            let Some((id, left)) = self.pop() else { continue };
            if left.stated.are_current() {
                let stated = left.stated;
                let left = Left {
                    at: now,
                    stated,
                    ..Left::default()
                };
                self.keep(id, left);
            }
        }
        while self.ends.len() > MOST_KEPT {
            self.pop();
        }
    }

    /// Takes out the oldest end; none where the patient has come back since, and may have left again.
    fn pop(&mut self) -> Option<(Arc<str>, Left)> {
        let (number, id) = self.ends.pop_front()?;
        self.of(number, &id)?;
        let (_, left) = self.left.remove(&id)?;
        Some((id, left))
    }

    /// What is left of the end of a number, if it is the patient's newest.
    fn of(&self, number: u64, id: &str) -> Option<&Left> {
        let found = self.left.get(id).filter(|(newest, _)| *newest == number);
        found.map(|(_, left)| left)
    }

    /// All that is kept, in the order of [`Ended::keep`].
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Left)> {
        let ends = self.ends.iter();
        ends.filter_map(|(number, id)| Some((id, self.of(*number, id)?)))
    }
}

#[cfg(test)]
mod tests {
    use wardwatch_ingest::{Record, decode_context};

    use super::*;

    const FORGET_AFTER: Span = Span::from_secs(100);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1_000)
    }

    fn state(ended: &mut Ended, patient: &str, event: &str, now: i64) {
        let payload = format!(
            r#"{{"patient_id":"{patient}","event":"{event}","ts":"{}","bed":"B"}}"#,
            at(now)
        );
        let record = Record {
            payload: payload.as_bytes(),
            key: None,
            append_time: at(now),
            topic: 0,
            partition: 0,
            offset: 0,
        };
        let record = decode_context(&record).unwrap();
        let stated = ended.stated_mut(patient, at(now), FORGET_AFTER);
        stated.take(0, &record, at(now), at(now) - FORGET_AFTER);
    }

    fn kept(ended: &Ended) -> Vec<&str> {
        ended.iter().map(|(id, _)| &**id).collect()
    }

    #[test]
    fn who_is_discharged_is_forgotten_and_who_is_not_is_kept() {
        let mut ended = Ended::default();
        state(&mut ended, "gone", "discharge", 1);
        state(&mut ended, "there", "update", 2);
        ended.forget(at(101), FORGET_AFTER);
        assert_eq!(kept(&ended), ["gone", "there"]);
        ended.forget(at(103), FORGET_AFTER);
        assert_eq!(kept(&ended), ["there"]);
        ended.forget(at(1_000), FORGET_AFTER);
        assert_eq!(kept(&ended), ["there"]);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut ended = Ended::default();
        for patient in 0..MOST_KEPT as i64 + 7 {
            state(&mut ended, &format!("p{patient}"), "update", 1);
        }
        ended.forget(at(1), FORGET_AFTER);
        assert_eq!((ended.left.len(), ended.ends.len()), (MOST_KEPT, MOST_KEPT));
        assert!(kept(&ended).contains(&"p7") && !kept(&ended).contains(&"p6"));
    }
}
