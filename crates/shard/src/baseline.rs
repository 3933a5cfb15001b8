//! A patient's own usual values: the mean of the feature rows of the last 24 h.
//!
//! Rows are summed in buckets of three hours of event time, so the mean covers the last 21 to 24 h and costs eight
//! buckets a patient instead of every row.

use wardwatch_event_time::{Span, Timestamp};

const BUCKET: Span = Span::from_secs(3 * 3_600);
const BUCKETS: usize = 8;
/// Fewer rows than this are no baseline.
const LEAST_ROWS: u32 = 6;

#[derive(Clone, Debug, Default)]
struct Bucket {
    number: i64,
    rows: u32,
    /// Sum and count of each feature.
    sums: Vec<(f64, u32)>,
}

/// The running sums of one patient and feature set; empty until used.
#[derive(Clone, Debug, Default)]
pub(crate) struct Baseline {
    buckets: Vec<Bucket>,
}

// === impl Baseline ===

impl Baseline {
    /// Takes in a row of features, NaN where missing.
    pub(crate) fn take(&mut self, window_end: Timestamp, features: &[f64]) {
        let number = window_end.micros().div_euclid(BUCKET.micros());
        let bucket = self.place(number);
        if bucket.number > number {
            return;
        }
        if bucket.number < number {
            *bucket = Bucket {
                number,
                rows: 0,
                sums: vec![(0.0, 0); features.len()],
            };
        }
        bucket.rows += 1;
        for ((sum, count), value) in bucket.sums.iter_mut().zip(features) {
            if !value.is_nan() {
                *sum += value;
                *count += 1;
            }
        }
    }

    /// Where the bucket of this number goes.
    fn place(&mut self, number: i64) -> &mut Bucket {
        if self.buckets.is_empty() {
            self.buckets.resize_with(BUCKETS, || Bucket {
                number: i64::MIN,
                ..Bucket::default()
            });
        }
        &mut self.buckets[number.rem_euclid(BUCKETS as i64) as usize]
    }

    /// The sums for a snapshot: of each bucket its number, rows, and by feature the sum and the count.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (i64, u32, &[(f64, u32)])> + Clone {
        let used = self.buckets.iter().filter(|bucket| bucket.rows > 0);
        used.map(|bucket| (bucket.number, bucket.rows, &bucket.sums[..]))
    }

    /// Puts a bucket back.
    pub(crate) fn put_back(&mut self, number: i64, rows: u32, sums: Vec<(f64, u32)>) {
        *self.place(number) = Bucket { number, rows, sums };
    }

    /// The mean of a feature over the last 24 h before `now`; none when there are fewer than six rows.
    pub(crate) fn mean(&self, now: Timestamp, feature: usize) -> Option<f64> {
        let newest = now.micros().div_euclid(BUCKET.micros());
        let recent = || {
            self.buckets
                .iter()
                .filter(|bucket| bucket.rows > 0 && bucket.number > newest - BUCKETS as i64)
        };
        if recent().map(|bucket| bucket.rows).sum::<u32>() < LEAST_ROWS {
            return None;
        }
        let (sum, count) = recent()
            .filter_map(|bucket| bucket.sums.get(feature))
            .fold((0.0, 0), |(sum, count), (more, rows)| (sum + more, count + rows));
        (count > 0).then(|| sum / f64::from(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(count: i64) -> Timestamp {
        Timestamp::from_millis(count * 3_600_000)
    }

    #[test]
    fn six_rows_of_the_last_day() {
        let mut baseline = Baseline::default();
        for at in 0..5 {
            baseline.take(hour(at), &[10.0, f64::NAN]);
        }
        assert_eq!(baseline.mean(hour(5), 0), None);
        baseline.take(hour(5), &[16.0, f64::NAN]);
        assert_eq!(baseline.mean(hour(5), 0), Some(11.0));
        assert_eq!(baseline.mean(hour(5), 1), None);
        assert_eq!(baseline.mean(hour(40), 0), None);
    }
}
