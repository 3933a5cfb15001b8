//! The panes of one patient in one feature set.
//!
//! ```text
//!   metas   | 412 | 413 | 415 | 416 | 417 |        sorted by number; only panes that hold rows
//!   stats   | ### | ### | ### | ### |..|           `width` groups of fused states a pane, in the same order;
//!            closed closed closed open  open        the newest pane's rows wait to be folded into its own
//!              └── tier 410..415 ──┘                merged once, dropped when a late row touches it
//! ```
//!
//! PANE-1: a pane is closed at most once, and never opens again.
//! PANE-2: a row for a pane that no future window can use is counted, never merged.
//! PANE-3: a window's state is a fold of its pieces in the order of [`Trailing::pieces`], so it is a function of the panes'
//! states and the window's end alone.
//! PANE-4: rows that wait are the newest pane's; it has no states before some are folded.

use wardwatch_event_time::{Piece, Timestamp, Trailing};
use wardwatch_prefetch::{prefetch, prefetch_all, prefetch_end};

use crate::fused::{self, Group, Place};
use crate::generic::RowRef;
use crate::tiers::Tiers;
use crate::waiting::Waiting;

/// Panes by which a patient's memory grows.
const GROWTH: usize = 8;

/// Where a row went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// Into a pane that has not closed; `first` when it is the pane's first row.
    Open {
        /// The pane's number.
        pane: i64,
        /// Whether the row opened the pane.
        first: bool,
    },
    /// Into a pane that has closed: the newest window is out of date.
    Closed {
        /// The pane's number.
        pane: i64,
    },
    /// Nowhere: no future window can use its pane.
    Expired,
}

/// A pane that holds rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pane {
    pub(crate) number: i64,
    /// Log time of its first row.
    pub(crate) first_at: Timestamp,
    pub(crate) closed: bool,
    /// Its state of the generic aggregates.
    pub(crate) generic: Option<RowRef>,
}

/// What nearly every row asks of the newest pane. It stands here too, so that a row need not wait for the pane.
#[derive(Clone, Copy, Debug)]
struct Newest {
    number: i64,
    end: Timestamp,
    closed: bool,
}

/// All panes of one patient that a future window may use.
#[derive(Clone, Debug)]
pub(crate) struct Panes {
    panes: Vec<Pane>,
    stats: Vec<Group>,
    waiting: Waiting,
    newest: Newest,
    tiers: Tiers,
    newest_closed: i64,
    oldest_open: i64,
}

// === impl Newest ===

impl Newest {
    const NONE: Self = Self {
        number: i64::MIN,
        end: Timestamp::MIN,
        closed: false,
    };

    fn start(self, trailing: Trailing) -> Timestamp {
        self.end - trailing.grid().every()
    }
}

// === impl Panes ===

impl Default for Panes {
    fn default() -> Self {
        Self {
            panes: Vec::new(),
            stats: Vec::new(),
            waiting: Waiting::default(),
            newest: Newest::NONE,
            tiers: Tiers::default(),
            newest_closed: i64::MIN,
            oldest_open: i64::MAX,
        }
    }
}

impl Panes {
    /// Finds or opens the pane of a row; the index is where its states stand.
    pub(crate) fn place(
        &mut self,
        number: i64,
        now: Timestamp,
        width: usize,
        trailing: Trailing,
    ) -> (Placed, usize) {
        if number == self.newest.number && !self.newest.closed {
            self.tiers.forget(number, trailing.tier(), width);
            let (pane, first) = (number, false);
            return (Placed::Open { pane, first }, self.panes.len() - 1);
        }
        let found = self.position(number);
        let (Ok(index) | Err(index)) = found;
        if number < self.horizon(trailing) {
            return (Placed::Expired, index);
        }
        self.tiers.forget(number, trailing.tier(), width);
        let closed = match found {
            Ok(index) => self.panes[index].closed,
            Err(_) => number < self.oldest_to_open(trailing),
        };
        if found.is_err() {
            let is_newest = index == self.panes.len();
            if is_newest {
                self.settle(width, trailing);
                self.newest = Newest {
                    number,
                    end: trailing.grid().end(number),
                    closed,
                };
            } else {
                let at = index * width;
                self.make_room(width);
                self.stats
                    .splice(at..at, std::iter::repeat_n(Group::EMPTY, width));
            }
            self.panes.insert(
                index,
                Pane {
                    number,
                    first_at: now,
                    closed,
                    generic: None,
                },
            );
        }
        if closed {
            return (Placed::Closed { pane: number }, index);
        }
        self.oldest_open = self.oldest_open.min(number);
        (
            Placed::Open {
                pane: number,
                first: found.is_err(),
            },
            index,
        )
    }

    /// Takes readings of one instant into the pane at an index.
    #[inline]
    pub(crate) fn take(
        &mut self,
        index: usize,
        width: usize,
        trailing: Trailing,
        ts: Timestamp,
        readings: impl Iterator<Item = (Place, f64)> + Clone,
    ) {
        if index + 1 == self.panes.len() {
            let origin = self.newest.start(trailing);
            self.waiting.keep(width, ts, origin, readings);
            if self.waiting.is_full(width) {
                self.settle(width, trailing);
            }
        } else {
            let origin = trailing.grid().start(self.panes[index].number);
            let groups = &mut self.stats[index * width..(index + 1) * width];
            fused::push_together(groups, readings, ts, origin);
        }
    }

    /// Folds the rows that wait into the states of the newest pane, which are made if there are none.
    fn settle(&mut self, width: usize, trailing: Trailing) {
        let Some(before) = self.panes.len().checked_sub(1) else {
            return;
        };
        let (origin, start) = (self.newest.start(trailing), before * width);
        if self.stats.len() == start {
            self.make_room(width);
            self.stats.resize(start + width, Group::EMPTY);
        }
        self.waiting.fold(&mut self.stats[start..], origin);
    }

    /// Not doubled: patients who came together would all move to twice the memory at one moment.
    fn make_room(&mut self, width: usize) {
        if self.stats.len() + width > self.stats.capacity() {
            self.stats.reserve_exact(GROWTH * width);
        }
    }

    /// Asks for what the next row, observed at `ts`, will most likely need; see [`wardwatch_prefetch`].
    #[inline]
    pub(crate) fn prefetch_newest(&self, ts: Timestamp, width: usize) {
        if ts < self.newest.end {
            self.waiting.prefetch_next(width);
        } else {
            self.prefetch_ends();
            self.waiting.prefetch_all();
            prefetch_end(&self.panes, 1);
            prefetch_end(&self.stats, width);
        }
    }

    /// Asks for what tells where the panes of a window are.
    pub(crate) fn prefetch_ends(&self) {
        if let Some(newest) = self.panes.last() {
            prefetch(newest);
        }
        self.tiers.prefetch();
    }

    /// Asks for the states that [`Panes::window`] will fold.
    pub(crate) fn prefetch_window(&self, last: i64, trailing: Trailing, width: usize) {
        let (first, tier) = (trailing.first_pane(last), trailing.tier());
        let Some(newest) = self.panes.last() else {
            return;
        };
        // As if no pane were missing: single panes up to the first tier, and after the last one.
        let start = self.panes.len() as i64 - 1 - (newest.number - first);
        let end = start + trailing.panes();
        let edges = [
            (start, (-first).rem_euclid(tier)),
            (end - (last + 1).rem_euclid(tier), (last + 1).rem_euclid(tier)),
        ];
        let held = |index: i64| index.clamp(0, self.panes.len() as i64) as usize;
        let states = |index: i64| (held(index) * width).min(self.stats.len());
        for (from, panes) in edges {
            prefetch_all(&self.stats[states(from)..states(from + panes)]);
            prefetch_all(&self.panes[held(from)..held(from + panes)]);
        }
        self.tiers.prefetch_from(first, width);
    }

    pub(crate) fn pane_mut(&mut self, number: i64) -> Option<&mut Pane> {
        self.position(number).ok().map(|index| &mut self.panes[index])
    }

    /// The first pane that may still open: that of the newest closed window. The window of an older one is history.
    fn oldest_to_open(&self, trailing: Trailing) -> i64 {
        if self.newest_closed == i64::MIN {
            return i64::MIN;
        }
        trailing.first_pane(self.newest_closed)
    }

    /// The first pane that a future window may use: the windows to come end at the oldest open pane or later, or at one
    /// that may still open. So up to two windows of panes are kept.
    fn horizon(&self, trailing: Trailing) -> i64 {
        if self.newest_closed == i64::MIN {
            return i64::MIN;
        }
        trailing.first_pane(self.oldest_open.min(self.oldest_to_open(trailing)))
    }

    /// The number of the newest closed pane.
    pub(crate) fn newest_closed(&self) -> Option<i64> {
        (self.newest_closed != i64::MIN).then_some(self.newest_closed)
    }

    /// The number of the oldest pane that holds rows and has not closed; `i64::MAX` when there is none.
    #[inline]
    pub(crate) fn oldest_open(&self) -> i64 {
        self.oldest_open
    }

    /// The open panes in order, each with the log time of its first row.
    pub(crate) fn open(&self) -> impl Iterator<Item = (i64, Timestamp)> + '_ {
        self.panes[self.from(self.oldest_open)..]
            .iter()
            .filter(|pane| !pane.closed)
            .map(|pane| (pane.number, pane.first_at))
    }

    /// Closes a pane; true when it was open, or when it holds no rows and is newer than any closed one.
    pub(crate) fn close(&mut self, number: i64) -> bool {
        let closes = match self.position(number) {
            Ok(index) => !std::mem::replace(&mut self.panes[index].closed, true),
            Err(_) => number > self.newest_closed,
        };
        if closes {
            self.newest_closed = self.newest_closed.max(number);
            self.newest.closed |= number == self.newest.number;
        }
        if closes && number == self.oldest_open {
            let next = self.panes[self.from(number)..].iter().find(|pane| !pane.closed);
            self.oldest_open = next.map_or(i64::MAX, |pane| pane.number);
        }
        closes
    }

    /// Folds the window whose last pane is `last` into `into`, which must be empty states.
    pub(crate) fn window(&mut self, last: i64, trailing: Trailing, width: usize, into: &mut [Group]) {
        if width == 0 {
            return;
        }
        if self.newest.number <= last {
            self.settle(width, trailing);
        }
        let every = trailing.grid().every().micros() as f64;
        let first = trailing.first_pane(last);
        let mut index = self.from(first);
        for piece in trailing.pieces(last) {
            match piece {
                Piece::Pane(number) => {
                    if self.panes.get(index).is_some_and(|pane| pane.number == number) {
                        merge_all(
                            into,
                            &self.stats[index * width..(index + 1) * width],
                            (number - first) as f64 * every,
                        );
                        index += 1;
                    }
                }
                Piece::Tier(tier_first) => {
                    let from = index;
                    index = self.after_tier(from, tier_first + trailing.tier(), trailing);
                    if index > from {
                        let (panes, stats) = (&self.panes[from..index], &self.stats[from * width..]);
                        let tier = self
                            .tiers
                            .get_or_make(tier_first, trailing.tier(), width, |tier| {
                                for (pane, stats) in panes.iter().zip(stats.chunks(width)) {
                                    merge_all(tier, stats, (pane.number - tier_first) as f64 * every);
                                }
                            });
                        merge_all(into, tier, (tier_first - first) as f64 * every);
                    }
                }
            }
            if index >= self.panes.len() {
                break;
            }
        }
    }

    /// The generic states of the window whose last pane is `last`, in pane order.
    pub(crate) fn generic(&self, last: i64, trailing: Trailing) -> impl Iterator<Item = RowRef> + '_ {
        let first = trailing.first_pane(last);
        self.panes[self.from(first)..]
            .iter()
            .take_while(move |pane| pane.number <= last)
            .filter_map(|pane| pane.generic)
    }

    /// Drops the panes that no future window can use, once they are worth the move; returns their generic states.
    pub(crate) fn prune(&mut self, trailing: Trailing, width: usize) -> Vec<RowRef> {
        let horizon = self.horizon(trailing);
        // Moving the rest down costs as much as a window; so it is done once for several dead panes.
        let worth_it = 4.max(self.panes.len() / 4).min(self.panes.len());
        if worth_it == 0 || self.panes[worth_it - 1].number >= horizon {
            return Vec::new();
        }
        let dead = self.panes.partition_point(|pane| pane.number < horizon);
        if dead == self.panes.len() {
            self.settle(width, trailing);
            self.newest = Newest::NONE;
        }
        self.stats.drain(..dead * width);
        self.tiers.prune(horizon, width);
        self.panes.drain(..dead).filter_map(|pane| pane.generic).collect()
    }

    /// All panes, by number.
    pub(crate) fn held(&self) -> &[Pane] {
        &self.panes
    }

    /// Tells the fused states of all panes, as they are when the rows that wait are folded.
    pub(crate) fn for_each_state(&self, width: usize, trailing: Trailing, mut tell: impl FnMut(&Group)) {
        let Some(before) = self.panes.len().checked_sub(1) else {
            return;
        };
        let (settled, newest) = self.stats.split_at(before * width);
        settled.iter().for_each(&mut tell);
        let mut newest = newest.to_vec();
        newest.resize(width, Group::EMPTY);
        self.waiting
            .clone()
            .fold(&mut newest, self.newest.start(trailing));
        newest.iter().for_each(tell);
    }

    /// Adds a pane of a snapshot; false when it is not newer than those that are there.
    pub(crate) fn put_back(
        &mut self,
        pane: Pane,
        states: impl Iterator<Item = Group>,
        trailing: Trailing,
    ) -> bool {
        if pane.number <= self.newest.number {
            return false;
        }
        self.newest = Newest {
            number: pane.number,
            end: trailing.grid().end(pane.number),
            closed: pane.closed,
        };
        if !pane.closed {
            self.oldest_open = self.oldest_open.min(pane.number);
        }
        self.panes.push(pane);
        self.stats.extend(states);
        true
    }

    /// Says which of a snapshot's panes closed last; it may hold no rows.
    pub(crate) fn put_back_newest_closed(&mut self, number: i64) {
        self.newest_closed = number;
    }

    /// All generic states, to be moved.
    pub(crate) fn generic_mut(&mut self) -> impl Iterator<Item = &mut RowRef> {
        self.panes.iter_mut().filter_map(|pane| pane.generic.as_mut())
    }

    /// All generic states, for a patient who is forgotten.
    pub(crate) fn into_generic(self) -> impl Iterator<Item = RowRef> {
        self.panes.into_iter().filter_map(|pane| pane.generic)
    }

    #[inline]
    fn position(&self, number: i64) -> Result<usize, usize> {
        // Nearly every row belongs to the newest pane or opens the next.
        match self.panes.last() {
            Some(last) if last.number == number => Ok(self.panes.len() - 1),
            Some(last) if last.number < number => Err(self.panes.len()),
            None => Err(0),
            Some(_) => {
                let at = self.from(number);
                if self.panes[at].number == number {
                    Ok(at)
                } else {
                    Err(at)
                }
            }
        }
    }

    /// The index of the first pane with this number or a larger one.
    #[inline]
    fn from(&self, number: i64) -> usize {
        // As a rule no pane is missing, and then the place can be told from the newest.
        let guess = self.panes.last().and_then(|newest| {
            let back = usize::try_from(newest.number.checked_sub(number)?).ok()?;
            (self.panes.len() - 1).checked_sub(back)
        });
        match guess {
            Some(at) if self.panes[at].number == number => at,
            _ => self.panes.partition_point(|pane| pane.number < number),
        }
    }

    /// The index after the panes before `end`, which begin at index `from` and belong to one tier.
    #[inline]
    fn after_tier(&self, from: usize, end: i64, trailing: Trailing) -> usize {
        let all = from + trailing.tier() as usize;
        if self.panes.get(all - 1).is_some_and(|pane| pane.number == end - 1) {
            return all;
        }
        from + self.panes[from..]
            .iter()
            .take_while(|pane| pane.number < end)
            .count()
    }
}

#[inline]
fn merge_all(into: &mut [Group], from: &[Group], shift: f64) {
    for (into, from) in into.iter_mut().zip(from) {
        into.merge(from, shift);
    }
}

#[cfg(test)]
mod tests;
