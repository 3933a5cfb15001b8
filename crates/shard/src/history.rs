//! A patient's newest values as they stood at the ends of windows, where `hold` waits for what comes late.
//!
//! ```text
//!   panes       |    a  b    |        |   c     |  d        of one vital sign
//!   kept             ─  b         ─       c        d        the newest before each end that is still wanted
//!   as of             E₁: b     E₂: b     E₃: c             a window reads nothing that was observed at its end or later
//! ```
//!
//! HOLD-1: with `hold` = `lateness` and no grace, what a window reads does not depend on the order of arrival.
//!
//! Wanted are the ends of open panes, and that of the newest closed one, which may be revised. So a patient keeps one value per
//! vital sign and open pane that measured it, 24 bytes each, and 24 bytes per vital sign of the registry; nothing where `hold`
//! is zero, since the newest values are read then.

use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Timestamp;

use crate::patient::{Latest, LatestValues};

/// The kept values by [`VitalSign::index`], each list in order of time, one value an instant.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    kept: [Vec<Latest>; VitalSign::COUNT],
}

// === impl History ===

impl History {
    /// The history of a patient of whom only the newest values are known.
    pub(crate) fn starting_with(latest: &LatestValues) -> Self {
        let known = |latest: &Latest| latest.is_known().then_some(*latest).into_iter().collect();
        Self {
            kept: std::array::from_fn(|vital| known(&latest[vital])),
        }
    }

    /// Takes a value, in whatever order they come. `is_wanted` says whether some window's end is wanted that lies after the
    /// one instant and at or before the other.
    pub(crate) fn take(
        &mut self,
        vital: VitalSign,
        new: Latest,
        is_wanted: impl Fn(Timestamp, Timestamp) -> bool,
    ) {
        let kept = &mut self.kept[vital.index()];
        let next = kept.partition_point(|old| old.ts <= new.ts);
        let before = next.checked_sub(1);
        if let Some(same) = before
            .map(|place| &mut kept[place])
            .filter(|old| old.ts == new.ts)
        {
            if same.gives_way_to(vital, new) {
                *same = new;
            }
            return;
        }
        if kept.get(next).is_some_and(|next| !is_wanted(new.ts, next.ts)) {
            return;
        }
        match before {
            Some(place) if !is_wanted(kept[place].ts, new.ts) => kept[place] = new,
            _ => kept.insert(next, new),
        }
    }

    /// Takes out the value of a time, since it was corrected.
    pub(crate) fn take_out(&mut self, vital: VitalSign, ts: Timestamp) {
        self.kept[vital.index()].retain(|kept| kept.ts != ts);
    }

    /// The newest values that were observed before `end`.
    pub(crate) fn as_of(&self, end: Timestamp) -> LatestValues {
        std::array::from_fn(|vital| {
            let kept = &self.kept[vital];
            let after = kept.partition_point(|value| value.ts < end);
            after.checked_sub(1).map_or(Latest::NONE, |newest| kept[newest])
        })
    }

    /// Drops what no wanted end reads any more; `is_wanted` as for [`History::take`].
    pub(crate) fn prune(&mut self, is_wanted: impl Fn(Timestamp, Timestamp) -> bool) {
        for kept in self.kept.iter_mut().filter(|kept| kept.len() > 1) {
            let times: Vec<Timestamp> = kept.iter().map(|value| value.ts).collect();
            let mut place = 0;
            kept.retain(|value| {
                place += 1;
                times.get(place).is_none_or(|next| is_wanted(value.ts, *next))
            });
        }
    }

    /// All kept values, for a snapshot.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u8, Latest)> + Clone {
        let vitals = (0_u8..).zip(&self.kept);
        vitals.flat_map(|(vital, kept)| kept.iter().map(move |value| (vital, *value)))
    }

    /// Puts a value back, in the order of [`History::iter`]; none where there is no such vital sign.
    pub(crate) fn put_back(&mut self, vital: u8, value: Latest) -> Option<()> {
        self.kept.get_mut(usize::from(vital))?.push(value);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VITAL: VitalSign = VitalSign::RespRate;
    /// Windows end at every multiple of these.
    const SLIDES: [i64; 2] = [7, 10];

    fn at(ts: i64, value: i64) -> Latest {
        Latest {
            ts: Timestamp::from_micros(ts),
            value: value as f64,
            ..Latest::NONE
        }
    }

    /// Whether an end lies after the one and at or before the other, and not before what is closed.
    fn is_wanted(closed: i64) -> impl Fn(Timestamp, Timestamp) -> bool {
        move |one, other| {
            SLIDES.iter().any(|slide| {
                let end = other.micros().div_euclid(*slide) * slide;
                let newest_closed = closed.div_euclid(*slide) * slide;
                one.micros() < end && newest_closed <= end
            })
        }
    }

    proptest! {
        /// Against a search through everything that came: at every end that is not older than the newest closed one.
        #[test]
        fn as_a_search_would_find(
            values in proptest::collection::vec((0i64..200, 0i64..5), 1..80),
            prunes in proptest::collection::vec(any::<bool>(), 80),
        ) {
            let (mut history, mut all, mut closed) = (History::default(), Vec::new(), i64::MIN / 2);
            for ((ts, value), prune) in values.into_iter().zip(prunes) {
                history.take(VITAL, at(ts, value), is_wanted(closed));
                all.push((ts, value));
                if prune {
                    closed = closed.max(ts - 60);
                    history.prune(is_wanted(closed));
                }
                for end in SLIDES.iter().flat_map(|slide| (0..30).map(move |pane| pane * slide)) {
                    let is_open = SLIDES.iter().any(|slide| {
                        end % slide == 0 && end >= closed.div_euclid(*slide) * slide
                    });
                    if !is_open { continue }
                    // Of one time the value further from the best one: below it, the lower.
                    let newest = all.iter().filter(|(ts, _)| *ts < end).max_by_key(|(ts, value)| (*ts, -value));
                    let found = history.as_of(Timestamp::from_micros(end))[VITAL.index()];
                    match newest {
                        None => prop_assert!(!found.is_known()),
                        Some((ts, value)) => prop_assert_eq!(found, at(*ts, *value)),
                    }
                }
            }
            // Of each end one value is kept, and the newest of all.
            let ends = 200 / SLIDES[0] + 200 / SLIDES[1] + 4;
            prop_assert!(history.iter().count() as i64 <= ends);
        }
    }

    #[test]
    fn a_pane_keeps_one_value_however_often_it_is_measured() {
        let mut history = History::default();
        for ts in 0..10_000 {
            history.take(VITAL, at(ts, ts), |one, other| {
                one.micros() / 1_000 < other.micros() / 1_000
            });
        }
        assert_eq!(history.iter().count(), 10);
        assert_eq!(
            history.as_of(Timestamp::from_micros(5_000))[VITAL.index()],
            at(4_999, 4_999)
        );
    }
}
