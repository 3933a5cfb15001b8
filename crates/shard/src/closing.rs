//! When panes close, and what waits to be evaluated.
//!
//! ```text
//!             pane [E - every, E)
//!   ──────────|─────────────|──── hold ────|───────────────▶ clocks of all active sources: closes here
//!                           |── hold + grace ──|───────────▶ log time, from the later of E and the first row: or here
//! ```
//!
//! A close is decided in the row loop, in log order, and evaluated afterwards with many others. A decided window keeps the
//! newest values as they stood, so that what follows in the log cannot change it: where `hold` waits, as of its end, else as
//! of its decision.

use wardwatch_event_time::Timestamp;
use wardwatch_pipeline::Emit;
use wardwatch_windowing::{Placed, SetState};

use crate::Shard;
use crate::patient::LatestValues;
use crate::timers::TimerKind;

/// A window that is to be evaluated.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) slot: u32,
    pub(crate) set: usize,
    pub(crate) pane: i64,
    /// The window's end: that of the pane.
    pub(crate) end: Timestamp,
    pub(crate) revision: u32,
    /// Log time of the decision.
    pub(crate) at: Timestamp,
    /// Whether it was the newest window when it was decided; older ones, opened by late data, are features only.
    pub(crate) is_newest: bool,
    /// Vital signs for whose correction it is evaluated again, a bit each.
    pub(crate) corrected: u32,
    pub(crate) latest: LatestValues,
}

// === impl Shard ===

impl Shard {
    /// Sets what a placed row calls for: its pane's grace, or a revision of the newest window.
    pub(crate) fn after_placing(&mut self, slot: u32, set: usize, placed: Placed) {
        let Some(grace) = self.pipeline.time.grace else {
            return;
        };
        let rank = self.rank_of(set);
        let grid = self.pipeline.sets[set].plan.trailing().grid();
        let (pane, first) = match placed {
            Placed::Open { pane, first } => (pane, first),
            Placed::Closed { pane } => (pane, false),
            Placed::Expired => return,
        };
        if first {
            let due = grid.end(pane).max(self.log_time) + self.pipeline.time.hold + grace;
            self.set_timer(slot, TimerKind::Pane { rank, pane }, due);
        }
        let is_behind = self.sets[set]
            .newest_closed(slot)
            .is_some_and(|newest| pane <= newest);
        let due = self.log_time + grace;
        let standing = &mut self.patient_mut(slot).sets[set];
        if is_behind && standing.revision_due.is_none() {
            standing.revision_due = Some(due);
            self.set_timer(slot, TimerKind::Revision { rank }, due);
        }
    }

    /// Closes, oldest first and at one instant coarsest first, what a patient's clocks have passed.
    pub(crate) fn close_until(&mut self, slot: u32, clock: Timestamp, at: Timestamp) {
        let clock = clock - self.pipeline.time.hold;
        let is_due = |shard: &Self, set: usize| {
            let oldest = shard.sets[set].oldest_open(slot);
            oldest != i64::MAX && shard.pipeline.sets[set].plan.trailing().grid().end(oldest) <= clock
        };
        if !self.ranks.iter().any(|set| is_due(self, *set)) {
            return;
        }
        let mut due: Vec<(Timestamp, usize, i64)> = Vec::new();
        for (rank, set) in self.ranks.iter().enumerate() {
            let grid = self.pipeline.sets[*set].plan.trailing().grid();
            let open = self.sets[*set]
                .open(slot)
                .map(|(pane, _)| pane)
                .filter(|pane| grid.end(*pane) <= clock);
            due.extend(open.map(|pane| (grid.end(pane), rank, pane)));
        }
        due.sort_unstable();
        for (_, rank, pane) in due {
            self.close(slot, self.ranks[rank], pane, at);
        }
    }

    /// Closes a pane, unless it has closed, and queues its window.
    pub(crate) fn close(&mut self, slot: u32, set: usize, pane: i64, at: Timestamp) {
        if !self.sets[set].close(slot, pane) {
            return;
        }
        let is_newest = self.sets[set].newest_closed(slot) == Some(pane);
        self.queue(slot, set, pane, 0, is_newest, at);
        if let (Emit::EveryPane, Some(grace)) = (self.pipeline.sets[set].emit, self.pipeline.time.grace) {
            // The next pane is evaluated whether it gets rows or not, as long as the patient is monitored. Of a device whose clock
            // says 1970 that would be decades of panes: where a whole window of them is due already, only the last is.
            let (hold, trailing) = (self.pipeline.time.hold, self.pipeline.sets[set].plan.trailing());
            let grid = trailing.grid();
            let last_due = grid.pane_of(at - hold - grace) - 1;
            let next = match last_due - pane > trailing.panes() {
                true => last_due,
                false => pane + 1,
            };
            let (rank, due) = (self.rank_of(set), grid.end(next) + hold + grace);
            self.set_timer(slot, TimerKind::Pane { rank, pane: next }, due);
        }
    }

    /// Queues a revision of the newest window, if late data still wait for one.
    pub(crate) fn revise(&mut self, slot: u32, set: usize, due: Timestamp) {
        let newest = self.sets[set].newest_closed(slot);
        let Some(patient) = self.patients[slot as usize].as_mut() else {
            return;
        };
        let standing = &mut patient.sets[set];
        if standing.revision_due != Some(due) {
            return;
        }
        let revision = standing.revision + 1;
        if let Some(pane) = newest {
            self.queue(slot, set, pane, revision, true, due);
        }
    }

    /// Queues a patient's newest windows once more, now: values that scores read were corrected, of these vital signs.
    pub(crate) fn queue_corrected(&mut self, slot: u32, corrected: u32) {
        for set in self.ranks.clone() {
            if let Some(pane) = self.sets[set].newest_closed(slot) {
                let revision = self.patient_mut(slot).sets[set].revision + 1;
                self.queue(slot, set, pane, revision, true, self.log_time);
                if let Some(queued) = self.pending.back_mut() {
                    queued.corrected = corrected;
                }
            }
        }
    }

    fn queue(&mut self, slot: u32, set: usize, pane: i64, revision: u32, is_newest: bool, at: Timestamp) {
        let Some(patient) = self.patients[slot as usize].as_mut() else {
            return;
        };
        if is_newest {
            let standing = &mut patient.sets[set];
            standing.revision_due = None;
            standing.revision = revision;
        }
        let end = self.pipeline.sets[set].plan.trailing().grid().end(pane);
        let latest = patient.latest_for(end);
        if let Some(history) = &mut patient.history {
            history.prune(is_wanted(&self.sets, slot));
        }
        patient.waiting += 1;
        patient.pending_until = patient.pending_until.max(end);
        self.pending.push_back(Pending {
            slot,
            set,
            pane,
            end,
            revision,
            at,
            is_newest,
            corrected: 0,
            latest,
        });
    }

    fn rank_of(&self, set: usize) -> u16 {
        self.ranks
            .iter()
            .position(|other| *other == set)
            .expect("ranks hold every set") as u16
    }
}

/// Whether a window of some set may still be decided or revised that ends after the one instant and at or before the other: it
/// reads what was observed at the one.
pub(crate) fn is_wanted(sets: &[SetState], slot: u32) -> impl Fn(Timestamp, Timestamp) -> bool + '_ {
    move |one, other| {
        sets.iter().any(|set| {
            let grid = set.plan().trailing().grid();
            let end = grid.start(grid.pane_of(other));
            let is_open = |newest: i64| grid.end(newest) <= end;
            one < end && set.newest_closed(slot).is_none_or(is_open)
        })
    }
}
