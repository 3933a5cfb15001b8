//! What is left of a stay that has ended: which names its alarms have used.
//!
//! Who is discharged and comes back begins anew, but a late row may make the same condition begin at the same event time
//! again. Its alerts need names of their own, so the machines, idle by then, pass their ordinals on.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use wardwatch_alarms::Machine;
use wardwatch_event_time::Timestamp;

use crate::patient::Patient;

/// The machines of patients who are no longer monitored.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    left: HashMap<Arc<str>, Left>,
    /// In order of their ends.
    ends: VecDeque<(Timestamp, Arc<str>)>,
}

#[derive(Debug)]
struct Left {
    at: Timestamp,
    limits: Vec<Machine>,
    conditions: Vec<Machine>,
    /// By source: silent, device clock.
    technical: Vec<[Machine; 2]>,
}

// === impl Ended ===

impl Ended {
    /// Keeps what is left of a stay that ends at log time `at`.
    pub(crate) fn keep(&mut self, patient: Patient, at: Timestamp) {
        let id = patient.id;
        let sources = patient.sources.iter();
        let left = Left {
            at,
            limits: patient.limits,
            conditions: patient.conditions,
            technical: sources
                .map(|source| [source.silent, source.device_clock])
                .collect(),
        };
        self.left.insert(Arc::clone(&id), left);
        self.ends.push_back((at, id));
    }

    /// Passes on to a new stay what an earlier one has left.
    pub(crate) fn pass_on(&mut self, to: &mut Patient) {
        let Some(left) = self.left.remove(&to.id) else {
            return;
        };
        to.limits = left.limits;
        to.conditions = left.conditions;
        for (source, [silent, device_clock]) in to.sources.iter_mut().zip(left.technical) {
            (source.silent, source.device_clock) = (silent, device_clock);
        }
    }

    /// Forgets stays that ended before log time `before`.
    pub(crate) fn forget(&mut self, before: Timestamp) {
        while let Some((at, id)) = self.ends.pop_front_if(|(at, _)| *at < before) {
            // The patient may have come back and left again since.
            if self.left.get(&id).is_some_and(|left| left.at == at) {
                self.left.remove(&id);
            }
        }
    }
}
