//! What is due by log time.
//!
//! Timers are never cancelled: a timer that was overtaken finds nothing to do when it fires. Each is bound to one stay of a
//! patient in a slot, so a slot's next patient never meets the last one's timers.
//!
//! TIMER-1: timers fire in the order (due, slot, kind), whatever the order in which they were set.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use wardwatch_event_time::Timestamp;

/// What to look at when a timer fires. Coarser sets have smaller ranks, so that they close first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TimerKind {
    /// A pane's grace is over. Ordered by the set's rank.
    Pane { rank: u16, pane: i64 },
    /// Late data have waited long enough for a close.
    Revision { rank: u16 },
    /// A limit's `for`, or its repetition.
    Limit { index: u16 },
    /// A condition's `for`, or its repetition.
    Condition { index: u16 },
    /// A source may have gone silent.
    Silence { source: u16 },
    /// The patient may have to be forgotten.
    Forget,
}

/// A timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timer {
    pub(crate) due: Timestamp,
    pub(crate) slot: u32,
    pub(crate) kind: TimerKind,
    /// The stay that it belongs to.
    pub(crate) stay: u64,
}

/// All timers of a shard.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<Timer>>,
}

// === impl Timers ===

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer) {
        self.heap.push(Reverse(timer));
    }

    /// When the next timer is due.
    #[inline]
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.heap.peek().map(|Reverse(timer)| timer.due)
    }

    /// The next timer that is due by `now`.
    #[inline]
    pub(crate) fn pop_due(&mut self, now: Timestamp) -> Option<Timer> {
        if self.heap.peek().is_none_or(|Reverse(timer)| timer.due > now) {
            return None;
        }
        self.heap.pop().map(|Reverse(timer)| timer)
    }
}
