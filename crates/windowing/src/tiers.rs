//! Aligned runs of panes, merged once: a window is folded from a few of these and the single panes at its edges.
//!
//! A tier is made when a window first needs it, and dropped when a late row changes one of its panes. Which tiers there
//! are is history; what a tier holds is not.

use wardwatch_prefetch::prefetch_all;

use crate::fused::Group;

/// The merged tiers of one patient in one feature set. Numbers are of panes; `width` groups a tier.
#[derive(Clone, Debug)]
pub(crate) struct Tiers {
    /// The first pane after all of them; it stands here, so that a row need not wait for the others.
    end: i64,
    /// The first pane of each, sorted.
    firsts: Vec<i64>,
    /// Their states, in the same order.
    groups: Vec<Group>,
}

// === impl Tiers ===

impl Default for Tiers {
    fn default() -> Self {
        Self {
            end: i64::MIN,
            firsts: Vec::new(),
            groups: Vec::new(),
        }
    }
}

impl Tiers {
    /// The states of the tier that starts at pane `first` and is `length` panes long; `make` merges them where there are none.
    pub(crate) fn get_or_make(
        &mut self,
        first: i64,
        length: i64,
        width: usize,
        make: impl FnOnce(&mut [Group]),
    ) -> &[Group] {
        let at = self.firsts.binary_search(&first).unwrap_or_else(|at| {
            let start = at * width;
            self.firsts.insert(at, first);
            self.end = self.end.max(first + length);
            self.groups
                .splice(start..start, std::iter::repeat_n(Group::EMPTY, width));
            make(&mut self.groups[start..start + width]);
            at
        });
        &self.groups[at * width..(at + 1) * width]
    }

    /// Drops the tier that a changed pane belongs to; a tier is `length` panes long.
    #[inline]
    pub(crate) fn forget(&mut self, pane: i64, length: i64, width: usize) {
        // Nearly every row is newer than all tiers.
        if pane < self.end {
            self.forget_old(pane, length, width);
        }
    }

    fn forget_old(&mut self, pane: i64, length: i64, width: usize) {
        let at = self.firsts.partition_point(|first| first + length <= pane);
        if self.firsts.get(at).is_some_and(|first| *first <= pane) {
            self.firsts.remove(at);
            self.groups.drain(at * width..(at + 1) * width);
            self.end = self.firsts.last().map_or(i64::MIN, |first| first + length);
        }
    }

    /// Drops the tiers that start before a pane.
    pub(crate) fn prune(&mut self, before: i64, width: usize) {
        let dead = self.firsts.partition_point(|first| *first < before);
        self.firsts.drain(..dead);
        self.groups.drain(..dead * width);
        if self.firsts.is_empty() {
            self.end = i64::MIN;
        }
    }

    /// Asks for where they stand; see [`wardwatch_prefetch`].
    pub(crate) fn prefetch(&self) {
        prefetch_all(&self.firsts);
    }

    /// Asks for the tiers from a pane on.
    pub(crate) fn prefetch_from(&self, first: i64, width: usize) {
        let at = self.firsts.partition_point(|known| *known < first);
        prefetch_all(&self.groups[at * width..]);
    }
}
