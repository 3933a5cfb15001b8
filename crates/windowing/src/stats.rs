//! The fused state of vital signs in one pane: all that the plain aggregates need, updated in one pass.
//!
//! Every value is kept as its distance from the first one, the state's *base*. A constant then has a variance of exactly
//! nought, a large offset costs no digit of a small difference, and a sum of whole numbers is whole: base times count, plus the
//! sum of the distances, of which nothing is rounded below 2^53. Squared deviations are summed as Youngs and Cramer do it, and
//! joined accordingly: only what is not negative is added, so that nothing cancels. Times are whole microseconds from an origin
//! near the data (a pane's start); absolute times would leave too few digits for a slope.
//!
//! A state holds several vital signs side by side, number by number, and the arithmetic has no branches: so the compiler
//! works on several vital signs at once. A vital sign that is absent takes part with weight 0, which changes nothing.

use wardwatch_event_time::Timestamp;

/// The running statistics of `LANES` vital signs: 96 bytes each, all plain numbers, merged in any grouping.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stats<const LANES: usize = 1> {
    count: [f64; LANES],
    /// The first value.
    base: [f64; LANES],
    /// The sum of the distances from the base.
    sum: [f64; LANES],
    /// The sum of the squared deviations from the mean.
    squares: [f64; LANES],
    least: [f64; LANES],
    greatest: [f64; LANES],
    /// The least value of the newest instant.
    latest_least: [f64; LANES],
    latest_greatest: [f64; LANES],
    /// Microseconds since the epoch; below 2^53, so exact.
    latest_micros: [f64; LANES],
    /// The sum of the microseconds from the state's origin.
    time_sum: [f64; LANES],
    time_squares: [f64; LANES],
    /// The sum of the products of a value's deviation and its time's.
    products: [f64; LANES],
}

/// Numbers of a vital sign's state.
pub(crate) const NUMBERS: usize = 12;

#[inline(always)]
fn lesser(one: f64, other: f64) -> f64 {
    if other < one { other } else { one }
}

#[inline(always)]
fn greater(one: f64, other: f64) -> f64 {
    if other > one { other } else { one }
}

// === impl Stats ===

impl<const LANES: usize> Stats<LANES> {
    /// Nothing observed.
    pub const EMPTY: Self = Self {
        count: [0.0; LANES],
        base: [0.0; LANES],
        sum: [0.0; LANES],
        squares: [0.0; LANES],
        least: [f64::INFINITY; LANES],
        greatest: [f64::NEG_INFINITY; LANES],
        latest_least: [f64::INFINITY; LANES],
        latest_greatest: [f64::NEG_INFINITY; LANES],
        latest_micros: [f64::NEG_INFINITY; LANES],
        time_sum: [0.0; LANES],
        time_squares: [0.0; LANES],
        products: [0.0; LANES],
    };

    /// Takes in finite values, none of them negative zero, all observed at `ts`; `origin` is the state's, the same for every call. A
    /// `weight` is 1 where there is a value and 0 where there is none; the number there must then be finite all the same.
    #[inline]
    pub fn push(&mut self, values: &[f64; LANES], weights: &[f64; LANES], ts: Timestamp, origin: Timestamp) {
        let since = (ts.micros() - origin.micros()) as f64;
        let micros = ts.micros() as f64;
        for lane in 0..LANES {
            let (value, weight) = (values[lane], weights[lane]);
            debug_assert!(value.is_finite());
            let is_present = weight > 0.0;
            let before = self.count[lane];
            let count = before + weight;
            // The first value becomes the base, which was nought.
            let is_first = if before == 0.0 { weight } else { 0.0 };
            let base = self.base[lane] + (value - self.base[lane]) * is_first;
            let from_base = (value - base) * weight;
            let time = since * weight;
            self.count[lane] = count;
            self.base[lane] = base;
            self.sum[lane] += from_base;
            self.time_sum[lane] += time;
            // How far the new one is from the mean, times the count; in whole numbers nothing of it is rounded.
            let off = count * from_base - self.sum[lane];
            let time_off = count * time - self.time_sum[lane];
            let share = weight / greater(count * before, 1.0);
            let (part, time_part) = (off * share, time_off * share);
            self.squares[lane] += off * part;
            self.time_squares[lane] += time_off * time_part;
            self.products[lane] += off * time_part;
            let least = if is_present { value } else { f64::INFINITY };
            let greatest = if is_present { value } else { f64::NEG_INFINITY };
            self.least[lane] = lesser(self.least[lane], least);
            self.greatest[lane] = greater(self.greatest[lane], greatest);
            let micros = if is_present { micros } else { f64::NEG_INFINITY };
            self.keep_latest(lane, least, greatest, micros);
        }
    }

    /// Takes in other states whose origin lies `shift` microseconds after this one's.
    #[inline]
    pub fn merge(&mut self, other: &Self, shift: f64) {
        for lane in 0..LANES {
            let (ours, theirs) = (self.count[lane], other.count[lane]);
            let count = ours + theirs;
            // A state that holds nothing takes their base, else theirs is moved to ours.
            let apart = other.base[lane] - self.base[lane];
            let taken = if ours == 0.0 { apart } else { 0.0 };
            // Their sums, as if they had been taken from our base and our origin.
            let sum = other.sum[lane] + theirs * (apart - taken);
            let time_sum = other.time_sum[lane] + theirs * shift;
            // How far the two means are apart, times both counts.
            let off = ours * sum - theirs * self.sum[lane];
            let time_off = ours * time_sum - theirs * self.time_sum[lane];
            let share = 1.0 / greater(ours * theirs * count, 1.0);
            self.count[lane] = count;
            self.base[lane] += taken;
            self.sum[lane] += sum;
            self.time_sum[lane] += time_sum;
            let (part, time_part) = (off * share, time_off * share);
            self.squares[lane] += other.squares[lane] + off * part;
            self.time_squares[lane] += other.time_squares[lane] + time_off * time_part;
            self.products[lane] += other.products[lane] + off * time_part;
            self.least[lane] = lesser(self.least[lane], other.least[lane]);
            self.greatest[lane] = greater(self.greatest[lane], other.greatest[lane]);
            let (least, greatest) = (other.latest_least[lane], other.latest_greatest[lane]);
            self.keep_latest(lane, least, greatest, other.latest_micros[lane]);
        }
    }

    /// The states as numbers: a row of each number, by lane.
    pub(crate) fn to_rows(self) -> [[f64; LANES]; NUMBERS] {
        [
            self.count,
            self.base,
            self.sum,
            self.squares,
            self.least,
            self.greatest,
            self.latest_least,
            self.latest_greatest,
            self.latest_micros,
            self.time_sum,
            self.time_squares,
            self.products,
        ]
    }

    /// The states from the rows of [`Stats::to_rows`].
    pub(crate) fn from_rows(rows: [[f64; LANES]; NUMBERS]) -> Self {
        let [
            count,
            base,
            sum,
            squares,
            least,
            greatest,
            latest_least,
            latest_greatest,
            latest_micros,
            time_sum,
            time_squares,
            products,
        ] = rows;
        Self {
            count,
            base,
            sum,
            squares,
            least,
            greatest,
            latest_least,
            latest_greatest,
            latest_micros,
            time_sum,
            time_squares,
            products,
        }
    }

    /// Of the values of the newest instant both extremes stay: the worst is one of them, whichever way is worse, so that neither
    /// the order of arrival matters nor which vital sign it is. The selects are nested so that the compiler still works on
    /// several vital signs at once.
    #[inline(always)]
    fn keep_latest(&mut self, lane: usize, least: f64, greatest: f64, micros: f64) {
        let before = self.latest_micros[lane];
        let (is_newer, is_older) = (micros > before, micros < before);
        let (our_least, our_greatest) = (self.latest_least[lane], self.latest_greatest[lane]);
        let kept_least = if is_older {
            our_least
        } else {
            lesser(our_least, least)
        };
        let kept_greatest = if is_older {
            our_greatest
        } else {
            greater(our_greatest, greatest)
        };
        self.latest_least[lane] = if is_newer { least } else { kept_least };
        self.latest_greatest[lane] = if is_newer { greatest } else { kept_greatest };
        self.latest_micros[lane] = greater(before, micros);
    }

    /// The state of one vital sign.
    #[inline]
    pub fn lane(&self, lane: usize) -> Stats {
        Stats {
            count: [self.count[lane]],
            base: [self.base[lane]],
            sum: [self.sum[lane]],
            squares: [self.squares[lane]],
            least: [self.least[lane]],
            greatest: [self.greatest[lane]],
            latest_least: [self.latest_least[lane]],
            latest_greatest: [self.latest_greatest[lane]],
            latest_micros: [self.latest_micros[lane]],
            time_sum: [self.time_sum[lane]],
            time_squares: [self.time_squares[lane]],
            products: [self.products[lane]],
        }
    }
}

impl Stats {
    /// How many numbers a state is made of.
    pub const NUMBERS: usize = NUMBERS;

    /// How many values.
    pub fn count(&self) -> f64 {
        self.count[0]
    }

    /// Their mean.
    pub fn mean(&self) -> Option<f64> {
        (self.count[0] > 0.0).then(|| self.base[0] + self.sum[0] / self.count[0])
    }

    /// Their sum; exact for whole numbers below 2^53.
    pub fn sum(&self) -> Option<f64> {
        (self.count[0] > 0.0).then(|| self.base[0] * self.count[0] + self.sum[0])
    }

    /// The least.
    pub fn least(&self) -> Option<f64> {
        (self.count[0] > 0.0).then_some(self.least[0])
    }

    /// The greatest.
    pub fn greatest(&self) -> Option<f64> {
        (self.count[0] > 0.0).then_some(self.greatest[0])
    }

    /// The variance with `freedom` degrees taken off: 1 for a sample, 0 for a population.
    pub fn variance(&self, freedom: f64) -> Option<f64> {
        (self.count[0] > freedom).then(|| self.squares[0] / (self.count[0] - freedom))
    }

    /// The least and the greatest of the values with the largest timestamp.
    pub fn latest(&self) -> Option<(f64, f64)> {
        (self.count[0] > 0.0).then_some((self.latest_least[0], self.latest_greatest[0]))
    }

    /// The largest timestamp.
    pub fn latest_at(&self) -> Option<Timestamp> {
        (self.count[0] > 0.0).then(|| Timestamp::from_micros(self.latest_micros[0] as i64))
    }

    /// The least-squares slope, per minute; none for fewer than two instants.
    pub fn slope(&self) -> Option<f64> {
        const MICROS_A_MINUTE: f64 = 60e6;
        (self.time_squares[0] > 0.0).then(|| self.products[0] / self.time_squares[0] * MICROS_A_MINUTE)
    }

    /// The state as numbers, for an Arrow row.
    pub fn to_numbers(self) -> [f64; Self::NUMBERS] {
        self.to_rows().map(|[number]| number)
    }

    /// The state from the numbers of [`Stats::to_numbers`].
    pub fn from_numbers(numbers: [f64; Self::NUMBERS]) -> Self {
        Self::from_rows(numbers.map(|number| [number]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BASE: i64 = 1_790_000_000_000_000;

    fn origin(seconds: i64) -> Timestamp {
        Timestamp::from_micros(BASE + seconds * 1_000_000)
    }

    fn close(left: Option<f64>, right: Option<f64>) -> bool {
        match (left, right) {
            (Some(left), Some(right)) => (left - right).abs() <= 1e-9 * right.abs().max(1e-6),
            (left, right) => left == right,
        }
    }

    /// Two passes over all rows: slow, plain, and the reference.
    fn naive_slope(rows: &[(i64, f64)]) -> Option<f64> {
        let count = rows.len() as f64;
        let time = |row: &(i64, f64)| row.0 as f64 / 60e6;
        let mean_time = rows.iter().map(time).sum::<f64>() / count;
        let mean = rows.iter().map(|row| row.1).sum::<f64>() / count;
        let squares: f64 = rows.iter().map(|row| (time(row) - mean_time).powi(2)).sum();
        let products: f64 = rows
            .iter()
            .map(|row| (time(row) - mean_time) * (row.1 - mean))
            .sum();
        (squares > 0.0).then(|| products / squares)
    }

    proptest! {
        #[test]
        fn merged_panes_equal_one_pass(
            rows in proptest::collection::vec((0i64..300_000_000, 30.0f64..250.0), 2..60),
            cut in 1i64..299,
        ) {
            let whole_origin = origin(0);
            let late_origin = origin(cut);
            let mut whole = Stats::<1>::EMPTY;
            let (mut early, mut late) = (Stats::<1>::EMPTY, Stats::<1>::EMPTY);
            for (offset, value) in &rows {
                let ts = Timestamp::from_micros(BASE + offset);
                whole.push(&[*value], &[1.0], ts, whole_origin);
                if *offset < cut * 1_000_000 {
                    early.push(&[*value], &[1.0], ts, whole_origin);
                } else {
                    late.push(&[*value], &[1.0], ts, late_origin);
                }
            }
            let mut merged = Stats::<1>::EMPTY;
            merged.merge(&early, 0.0);
            merged.merge(&late, cut as f64 * 1e6);
            prop_assert_eq!(merged.count(), whole.count());
            prop_assert_eq!(merged.least(), whole.least());
            prop_assert_eq!(merged.greatest(), whole.greatest());
            prop_assert_eq!(merged.latest(), whole.latest());
            prop_assert_eq!(merged.latest_at(), whole.latest_at());
            prop_assert!(close(merged.mean(), whole.mean()));
            prop_assert!(close(merged.variance(1.0), whole.variance(1.0)));
            prop_assert!(close(merged.slope(), whole.slope()));
            let spread = rows.iter().map(|row| row.0).max() != rows.iter().map(|row| row.0).min();
            if spread {
                let slack = 1e-7 * naive_slope(&rows).unwrap().abs().max(1.0);
                prop_assert!((whole.slope().unwrap() - naive_slope(&rows).unwrap()).abs() <= slack);
            }
        }

        /// A vital sign's state does not depend on its neighbours.
        #[test]
        fn lanes_are_apart(
            rows in proptest::collection::vec((0i64..60_000_000, proptest::array::uniform3(proptest::option::of(30.0f64..250.0))), 1..40),
            cut in 0usize..40,
        ) {
            let mut alone = [[Stats::<1>::EMPTY; 3]; 2];
            let mut together = [Stats::<4>::EMPTY; 2];
            for (row, (offset, values)) in rows.iter().enumerate() {
                let (ts, half) = (Timestamp::from_micros(BASE + offset), usize::from(row >= cut));
                let (mut dense, mut weights) = ([0.0; 4], [0.0; 4]);
                for (lane, value) in values.iter().enumerate() {
                    let Some(value) = value else { continue };
                    (dense[lane], weights[lane]) = (*value, 1.0);
                    alone[half][lane].push(&[*value], &[1.0], ts, origin(0));
                }
                together[half].push(&dense, &weights, ts, origin(0));
            }
            let bits = |stats: Stats| stats.to_numbers().map(f64::to_bits);
            for half in 0..2 {
                for (lane, alone) in alone[half].into_iter().enumerate() {
                    prop_assert_eq!(bits(together[half].lane(lane)), bits(alone));
                }
                prop_assert_eq!(bits(together[half].lane(3)), bits(Stats::EMPTY));
            }
            let [mut first, second] = together;
            first.merge(&second, 10e6);
            for (lane, [mut merged, later]) in alone[0].into_iter().zip(alone[1]).map(<[_; 2]>::from).enumerate() {
                merged.merge(&later, 10e6);
                prop_assert_eq!(bits(first.lane(lane)), bits(merged));
            }
        }

        /// The extremes of the newest instant, whichever state they are in and in whatever order states are merged.
        #[test]
        fn the_newest_instant_keeps_its_extremes(
            rows in proptest::collection::vec((0i64..3, 30u32..250, 0usize..3), 1..30),
            order in Just([0usize, 1, 2]).prop_shuffle(),
        ) {
            let mut parts = [Stats::<1>::EMPTY; 3];
            for (second, value, part) in &rows {
                parts[*part].push(&[f64::from(*value)], &[1.0], origin(*second), origin(0));
            }
            let mut merged = Stats::<1>::EMPTY;
            order.iter().for_each(|part| merged.merge(&parts[*part], 0.0));
            let newest = rows.iter().map(|(second, ..)| *second).max().unwrap();
            let values = || rows.iter().filter(|row| row.0 == newest).map(|row| f64::from(row.1));
            let extremes = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
            prop_assert_eq!(merged.latest(), Some(extremes));
            prop_assert_eq!(merged.latest_at(), Some(origin(newest)));
        }

        #[test]
        fn numbers_round_trip(value in -1e6f64..1e6) {
            let mut stats = Stats::<1>::EMPTY;
            stats.push(&[value], &[1.0], origin(5), origin(0));
            prop_assert_eq!(Stats::from_numbers(stats.to_numbers()), stats);
        }
    }

    #[test]
    fn nothing_observed_says_nothing() {
        let empty = Stats::<1>::EMPTY;
        assert_eq!(empty.count(), 0.0);
        assert_eq!((empty.latest(), empty.latest_at()), (None, None));
        assert!(
            [
                empty.mean(),
                empty.sum(),
                empty.least(),
                empty.variance(0.0),
                empty.slope()
            ]
            .iter()
            .all(Option::is_none)
        );
    }
}
