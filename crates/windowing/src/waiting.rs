//! Rows of a patient's newest pane that wait to be folded into its states.
//!
//! Folding a row reads and writes all the states of its pane; keeping it writes a few numbers behind the last ones. With
//! thousands of patients neither is in a cache, so rows are kept and folded some at a time, in the order they came. The
//! fold of a vital sign is the same as row by row.
//!
//! WAIT-1: a row holds values of one instant, at most one a vital sign; NaN where there is none.

use wardwatch_event_time::Timestamp;
use wardwatch_prefetch::{prefetch_all, prefetch_end};

use crate::fused::{self, Group, LANES, Place};

/// The waiting rows of one patient in one feature set. A row is its instant in microseconds after the start of the pane, which
/// is exact in any year, then `width` groups of values.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    numbers: Vec<f64>,
    /// The last row's instant. It stands here too, so that a new row need not wait for the last one.
    last: f64,
}

/// So many rows wait at most: a pane of ten seconds at 1 Hz, and some.
const MOST_ROWS: usize = 12;

/// Numbers of a row.
const fn stride(width: usize) -> usize {
    1 + width * LANES
}

// === impl Waiting ===

impl Default for Waiting {
    fn default() -> Self {
        Self {
            numbers: Vec::new(),
            last: f64::NAN,
        }
    }
}

impl Waiting {
    /// Whether there is no room for another row.
    pub(crate) fn is_full(&self, width: usize) -> bool {
        self.numbers.len() >= MOST_ROWS * stride(width)
    }

    /// Keeps readings of one instant of the pane that starts at `origin`.
    #[inline]
    pub(crate) fn keep(
        &mut self,
        width: usize,
        ts: Timestamp,
        origin: Timestamp,
        readings: impl Iterator<Item = (Place, f64)> + Clone,
    ) {
        let micros = (ts - origin).micros() as f64;
        let lane = |place: Place| 1 + place.group * LANES + place.lane;
        // Readings that come one by one belong to the last row, unless it has another value of the same vital sign.
        let last = self.numbers.len().saturating_sub(stride(width));
        let has_room = |row: &[f64]| readings.clone().all(|(place, _)| row[lane(place)].is_nan());
        let start = if self.last == micros && has_room(&self.numbers[last..]) {
            last
        } else {
            if self.numbers.capacity() == 0 {
                self.numbers.reserve_exact(MOST_ROWS * stride(width));
            }
            let start = self.numbers.len();
            self.numbers.push(micros);
            self.numbers.resize(start + stride(width), f64::NAN);
            self.last = micros;
            start
        };
        let row = &mut self.numbers[start..];
        readings.for_each(|(place, value)| row[lane(place)] = value);
    }

    /// Folds all rows into the groups of their pane, whose states begin at `origin`.
    pub(crate) fn fold(&mut self, groups: &mut [Group], origin: Timestamp) {
        for row in self.numbers.chunks_exact(stride(groups.len())) {
            let ts = Timestamp::from_micros(origin.micros() + row[0] as i64);
            fused::push_row(groups, row[1..].as_chunks().0, ts, origin);
        }
        self.numbers.clear();
        self.last = f64::NAN;
    }

    /// Asks for the place of the next row; see [`wardwatch_prefetch`].
    #[inline]
    pub(crate) fn prefetch_next(&self, width: usize) {
        prefetch_end(&self.numbers, stride(width));
    }

    /// Asks for all rows.
    #[inline]
    pub(crate) fn prefetch_all(&self) {
        prefetch_all(&self.numbers);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Rows that wait, and readings that join a row, give the same bits as readings taken one by one.
        #[test]
        fn waiting_changes_nothing(
            readings in proptest::collection::vec((0i64..20, 0usize..7, 30.0f64..250.0), 1..60),
            settle in proptest::collection::vec(any::<bool>(), 60),
        ) {
            const WIDTH: usize = 2;
            // In the year 9000 microseconds since the epoch are too many for a floating-point number.
            let origin = Timestamp::from_micros(221_845_392_000_000_000);
            let (mut kept, mut taken) = ([Group::EMPTY; WIDTH], [Group::EMPTY; WIDTH]);
            let mut waiting = Waiting::default();
            for ((instant, vital, value), settle) in readings.into_iter().zip(settle) {
                let ts = Timestamp::from_micros(origin.micros() + instant / 4 * 250_001);
                let reading = [(Place::of(vital), value)].into_iter();
                fused::push_together(&mut taken, reading.clone(), ts, origin);
                waiting.keep(WIDTH, ts, origin, reading);
                if settle || waiting.is_full(WIDTH) {
                    waiting.fold(&mut kept, origin);
                }
            }
            waiting.fold(&mut kept, origin);
            for vital in 0..7 {
                let Place { group, lane } = Place::of(vital);
                let bits = |groups: &[Group]| groups[group].lane(lane).to_numbers().map(f64::to_bits);
                prop_assert_eq!(bits(&kept), bits(&taken));
            }
        }
    }
}
