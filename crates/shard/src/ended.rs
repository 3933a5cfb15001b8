//! What is left of a stay that has ended: which names its alarms have used.
//!
//! Who is discharged and comes back begins anew, but a late row may make the same condition begin at the same event time
//! again. Its alerts need names of their own, so the machines, idle by then, pass their ordinals on.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use wardwatch_alarms::Machine;
use wardwatch_event_time::Timestamp;

use crate::patient::{MachinePlace, Patient};

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
    /// Those that have ever moved.
    machines: Vec<(MachinePlace, Machine)>,
}

// === impl Ended ===

impl Ended {
    /// Keeps what is left of a stay that ends at log time `at`, no earlier than the others.
    pub(crate) fn keep(&mut self, id: Arc<str>, machines: Vec<(MachinePlace, Machine)>, at: Timestamp) {
        self.left.insert(Arc::clone(&id), Left { at, machines });
        self.ends.push_back((at, id));
    }

    /// Passes on to a new stay what an earlier one has left.
    pub(crate) fn pass_on(&mut self, to: &mut Patient) {
        let Some(left) = self.left.remove(&to.id) else {
            return;
        };
        for (place, machine) in left.machines {
            *to.machine_mut(place).expect("a place of the same pipeline") = machine;
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

    /// What [`Ended::keep`] was told and is not forgotten, in that order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &[(MachinePlace, Machine)], Timestamp)> {
        self.ends.iter().filter_map(|(at, id)| {
            let left = self.left.get(id).filter(|left| left.at == *at)?;
            Some((&**id, &left.machines[..], *at))
        })
    }
}
