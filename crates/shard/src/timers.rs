//! What is due by log time.
//!
//! Timers are never cancelled: a timer that was overtaken finds nothing to do when it fires. Each is bound to one stay of a
//! patient in a slot, so a slot's next patient never meets the last one's timers.
//!
//! With many patients there are many timers, most of them set seconds ahead and due at nearly the same moment. So they lie
//! unsorted, second by second, until log time comes to theirs.
//!
//! TIMER-1: timers fire in the order (due, slot, kind), whatever the order in which they were set.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

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
    /// A vital sign may be lost or overdue.
    Presence,
    /// The patient may have to be forgotten.
    Forget,
    /// That records of a source were lost has been shown for long enough.
    RecordsLost { source: u16 },
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
    /// Due before `horizon`: the next one last.
    sorted: Vec<Timer>,
    /// Due before `horizon`, and set after those were sorted.
    added: BinaryHeap<Reverse<Timer>>,
    /// The others, by the second in which they are due.
    later: BTreeMap<i64, Vec<Timer>>,
    /// A second.
    horizon: Option<i64>,
}

// === impl TimerKind ===

impl TimerKind {
    /// As numbers, for a snapshot: which kind, of which part of the pipeline, at which pane.
    pub(crate) fn to_numbers(self) -> (u8, u16, i64) {
        match self {
            Self::Pane { rank, pane } => (0, rank, pane),
            Self::Revision { rank } => (1, rank, 0),
            Self::Limit { index } => (2, index, 0),
            Self::Condition { index } => (3, index, 0),
            Self::Silence { source } => (4, source, 0),
            Self::Forget => (5, 0, 0),
            Self::Presence => (6, 0, 0),
            Self::RecordsLost { source } => (7, source, 0),
        }
    }

    /// The kind that gave these numbers.
    pub(crate) fn from_numbers((kind, part, pane): (u8, u16, i64)) -> Option<Self> {
        Some(match kind {
            0 => Self::Pane { rank: part, pane },
            1 => Self::Revision { rank: part },
            2 => Self::Limit { index: part },
            3 => Self::Condition { index: part },
            4 => Self::Silence { source: part },
            5 => Self::Forget,
            6 => Self::Presence,
            7 => Self::RecordsLost { source: part },
            _ => return None,
        })
    }
}

fn second(at: Timestamp) -> i64 {
    at.micros().div_euclid(1_000_000)
}

// === impl Timers ===

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer) {
        let second = second(timer.due);
        if self.horizon.is_some_and(|horizon| second < horizon) {
            self.added.push(Reverse(timer));
        } else {
            self.later.entry(second).or_default().push(timer);
        }
    }

    /// All of them, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Timer> + Clone {
        let added = self.added.iter().map(|Reverse(timer)| timer);
        let later = self.later.values().flatten();
        self.sorted.iter().chain(added).chain(later)
    }

    /// When the next timer is due, if that is by `now`.
    #[inline]
    pub(crate) fn next_due(&mut self, now: Timestamp) -> Option<Timestamp> {
        if self.sorted.is_empty() && self.added.is_empty() {
            self.sort_next(now);
        }
        let (sorted, added) = (self.sorted.last(), self.added.peek());
        let due = [sorted, added.map(|Reverse(timer)| timer)]
            .into_iter()
            .flatten()
            .map(|timer| timer.due);
        due.min().filter(|due| *due <= now)
    }

    /// The next timer, if it is due by `now`.
    #[inline]
    pub(crate) fn pop_due(&mut self, now: Timestamp) -> Option<Timer> {
        self.next_due(now)?;
        match (self.sorted.last(), self.added.peek()) {
            (Some(sorted), Some(Reverse(added))) if added < sorted => self.added.pop(),
            (None, _) => self.added.pop(),
            (Some(_), _) => return self.sorted.pop(),
        }
        .map(|Reverse(timer)| timer)
    }

    /// Sorts the timers of the next second that has any, once `now` has come to it.
    fn sort_next(&mut self, now: Timestamp) {
        let Some(next) = self.later.first_entry().filter(|next| *next.key() <= second(now)) else {
            return;
        };
        self.horizon = Some(*next.key() + 1);
        self.sorted = next.remove();
        self.sorted.sort_unstable_by(|one, other| other.cmp(one));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// TIMER-1, against a search through all of them.
        #[test]
        fn the_least_that_is_due_fires_first(
            steps in proptest::collection::vec((0i64..4_000_000, 0u32..3, proptest::option::of(0i64..1_500_000)), 1..80),
        ) {
            let (mut timers, mut all) = (Timers::default(), Vec::new());
            let mut now = Timestamp::from_micros(0);
            for (after, slot, pass) in steps {
                let due = Timestamp::from_micros(now.micros() + after);
                let timer = Timer { due, slot, kind: TimerKind::Forget, stay: 1 };
                timers.set(timer);
                all.push(timer);
                let Some(pass) = pass else { continue };
                now = Timestamp::from_micros(now.micros() + pass);
                loop {
                    let expected = all.iter().copied().min().filter(|timer| timer.due <= now);
                    prop_assert_eq!(timers.next_due(now), expected.map(|timer| timer.due));
                    prop_assert_eq!(timers.pop_due(now), expected);
                    let Some(fired) = expected else { break };
                    let place = all.iter().position(|timer| *timer == fired).unwrap();
                    all.swap_remove(place);
                }
            }
        }
    }
}
