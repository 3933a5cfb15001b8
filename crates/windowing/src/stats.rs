//! The fused state of one vital sign in one pane: all that the plain aggregates need, updated in one pass.
//!
//! Means and squared deviations are kept by Welford's recurrence and merged by Chan's, so that neither large offsets nor
//! long windows cost digits. Times enter the regression as seconds from an origin near the data (a pane's start);
//! absolute times would leave too few digits for a slope.

use wardwatch_event_time::Timestamp;

/// The running statistics of one vital sign: 80 bytes, all plain numbers, merged in any grouping.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
pub struct Stats {
    count: f64,
    mean: f64,
    squares: f64,
    least: f64,
    greatest: f64,
    latest: f64,
    /// Microseconds since the epoch; below 2^53, so exact.
    latest_micros: f64,
    /// Mean time in seconds from the state's origin.
    mean_time: f64,
    squares_time: f64,
    products: f64,
}

// === impl Stats ===

impl Stats {
    /// How many numbers a state is made of.
    pub const NUMBERS: usize = 10;

    /// Nothing observed.
    pub const EMPTY: Self = Self {
        count: 0.0,
        mean: 0.0,
        squares: 0.0,
        least: f64::INFINITY,
        greatest: f64::NEG_INFINITY,
        latest: f64::NAN,
        latest_micros: f64::NEG_INFINITY,
        mean_time: 0.0,
        squares_time: 0.0,
        products: 0.0,
    };

    /// Takes in one finite value, observed at `ts`; `origin` is the state's, the same for every call.
    #[inline]
    pub fn push(&mut self, value: f64, ts: Timestamp, origin: Timestamp) {
        debug_assert!(value.is_finite());
        let time = (ts.micros() - origin.micros()) as f64 * 1e-6;
        self.count += 1.0;
        let share = 1.0 / self.count;
        let from_mean_time = time - self.mean_time;
        let from_mean = value - self.mean;
        self.mean_time += from_mean_time * share;
        self.mean += from_mean * share;
        self.squares_time += from_mean_time * (time - self.mean_time);
        self.squares += from_mean * (value - self.mean);
        self.products += from_mean_time * (value - self.mean);
        self.least = if value < self.least { value } else { self.least };
        self.greatest = if value > self.greatest {
            value
        } else {
            self.greatest
        };
        self.keep_latest(value, ts.micros() as f64);
    }

    /// Takes in another state whose origin lies `shift` seconds after this one's.
    #[inline]
    pub fn merge(&mut self, other: &Self, shift: f64) {
        if other.count == 0.0 {
            return;
        }
        if self.count == 0.0 {
            *self = Self {
                mean_time: other.mean_time + shift,
                ..*other
            };
            return;
        }
        let count = self.count + other.count;
        let share = other.count / count;
        let weight = self.count * share;
        let from_mean_time = other.mean_time + shift - self.mean_time;
        let from_mean = other.mean - self.mean;
        self.count = count;
        self.mean_time += from_mean_time * share;
        self.mean += from_mean * share;
        self.squares_time += other.squares_time + from_mean_time * from_mean_time * weight;
        self.squares += other.squares + from_mean * from_mean * weight;
        self.products += other.products + from_mean_time * from_mean * weight;
        self.least = if other.least < self.least {
            other.least
        } else {
            self.least
        };
        self.greatest = if other.greatest > self.greatest {
            other.greatest
        } else {
            self.greatest
        };
        self.keep_latest(other.latest, other.latest_micros);
    }

    /// Of two values observed at the same instant the larger stays, so that the order of arrival does not matter.
    #[inline]
    fn keep_latest(&mut self, value: f64, micros: f64) {
        if micros > self.latest_micros || (micros == self.latest_micros && value > self.latest) {
            self.latest = value;
            self.latest_micros = micros;
        }
    }

    /// The last of its numbers, for [`SetState::touch`](crate::SetState::touch).
    pub(crate) fn products(&self) -> f64 {
        self.products
    }

    /// How many values.
    pub fn count(&self) -> f64 {
        self.count
    }

    /// Their mean.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0.0).then_some(self.mean)
    }

    /// Their sum.
    pub fn sum(&self) -> Option<f64> {
        (self.count > 0.0).then_some(self.mean * self.count)
    }

    /// The least.
    pub fn least(&self) -> Option<f64> {
        (self.count > 0.0).then_some(self.least)
    }

    /// The greatest.
    pub fn greatest(&self) -> Option<f64> {
        (self.count > 0.0).then_some(self.greatest)
    }

    /// The variance with `freedom` degrees taken off: 1 for a sample, 0 for a population.
    pub fn variance(&self, freedom: f64) -> Option<f64> {
        (self.count > freedom).then(|| self.squares / (self.count - freedom))
    }

    /// The value with the largest timestamp.
    pub fn latest(&self) -> Option<f64> {
        (self.count > 0.0).then_some(self.latest)
    }

    /// The largest timestamp.
    pub fn latest_at(&self) -> Option<Timestamp> {
        (self.count > 0.0).then(|| Timestamp::from_micros(self.latest_micros as i64))
    }

    /// The least-squares slope, per minute; none for fewer than two instants.
    pub fn slope(&self) -> Option<f64> {
        (self.squares_time > 0.0).then(|| self.products / self.squares_time * 60.0)
    }

    /// The state as numbers, for an Arrow row.
    pub fn to_numbers(self) -> [f64; Self::NUMBERS] {
        [
            self.count,
            self.mean,
            self.squares,
            self.least,
            self.greatest,
            self.latest,
            self.latest_micros,
            self.mean_time,
            self.squares_time,
            self.products,
        ]
    }

    /// The state from the numbers of [`Stats::to_numbers`].
    pub fn from_numbers(numbers: [f64; Self::NUMBERS]) -> Self {
        let [
            count,
            mean,
            squares,
            least,
            greatest,
            latest,
            latest_micros,
            mean_time,
            squares_time,
            products,
        ] = numbers;
        Self {
            count,
            mean,
            squares,
            least,
            greatest,
            latest,
            latest_micros,
            mean_time,
            squares_time,
            products,
        }
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
            let mut whole = Stats::EMPTY;
            let (mut early, mut late) = (Stats::EMPTY, Stats::EMPTY);
            for (offset, value) in &rows {
                let ts = Timestamp::from_micros(BASE + offset);
                whole.push(*value, ts, whole_origin);
                if *offset < cut * 1_000_000 {
                    early.push(*value, ts, whole_origin);
                } else {
                    late.push(*value, ts, late_origin);
                }
            }
            let mut merged = Stats::EMPTY;
            merged.merge(&early, 0.0);
            merged.merge(&late, cut as f64);
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

        #[test]
        fn numbers_round_trip(value in -1e6f64..1e6) {
            let mut stats = Stats::EMPTY;
            stats.push(value, origin(5), origin(0));
            prop_assert_eq!(Stats::from_numbers(stats.to_numbers()), stats);
        }
    }

    #[test]
    fn nothing_observed_says_nothing() {
        let empty = Stats::EMPTY;
        assert_eq!(empty.count(), 0.0);
        assert!(
            [
                empty.mean(),
                empty.sum(),
                empty.least(),
                empty.variance(0.0),
                empty.latest(),
                empty.slope()
            ]
            .iter()
            .all(Option::is_none)
        );
    }
}
