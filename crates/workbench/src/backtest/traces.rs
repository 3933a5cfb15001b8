//! A series in little room: its lowest and highest value in steps of time, which double where it grows long.

/// Steps of a series, at most: more than a drawing of it has room for.
pub const MOST_STEPS: i64 = 192;

/// Microseconds of the shortest step.
const MINUTE: i64 = 60_000_000;

/// A series of values.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// A step is two to the power of this, in minutes.
    pub doublings: u32,
    /// Steps with a value, in order.
    pub points: Vec<Point>,
}

/// What a series was in one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Which step since the epoch.
    pub step: i64,
    /// The lowest value.
    pub low: f32,
    /// The highest.
    pub high: f32,
}

// === impl Trace ===

impl Trace {
    /// Takes a value of an instant, µs UTC. Values come nearly in order.
    pub fn add(&mut self, at: i64, value: f32) {
        let step = at.div_euclid(MINUTE) >> self.doublings;
        let before = self.points.iter().rposition(|point| point.step <= step);
        let place = before.map_or(0, |before| before + 1);
        match before.map(|before| &mut self.points[before]) {
            Some(point) if point.step == step => {
                point.low = point.low.min(value);
                point.high = point.high.max(value);
            }
            _ => self.points.insert(
                place,
                Point {
                    step,
                    low: value,
                    high: value,
                },
            ),
        }
        while self.steps() > MOST_STEPS {
            self.double();
        }
    }

    /// Steps from the first to the last.
    pub fn steps(&self) -> i64 {
        let ends = self.points.first().zip(self.points.last());
        ends.map_or(0, |(first, last)| last.step - first.step + 1)
    }

    /// Makes steps twice as long.
    pub fn double(&mut self) {
        self.doublings += 1;
        for point in &mut self.points {
            point.step >>= 1;
        }
        self.points.dedup_by(|later, earlier| {
            let is_same = later.step == earlier.step;
            if is_same {
                earlier.low = earlier.low.min(later.low);
                earlier.high = earlier.high.max(later.high);
            }
            is_same
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(values: impl IntoIterator<Item = (i64, f32)>) -> Trace {
        let mut trace = Trace::default();
        for (minute, value) in values {
            trace.add(minute * MINUTE, value);
        }
        trace
    }

    #[test]
    fn a_short_dip_of_a_long_series_is_kept() {
        let trace = trace((0..10_000).map(|minute| (minute, if minute == 7_001 { 71.0 } else { 97.0 })));
        assert!(trace.points.len() as i64 <= MOST_STEPS && trace.points.len() as i64 > MOST_STEPS / 3);
        let lowest = trace
            .points
            .iter()
            .min_by(|one, other| one.low.total_cmp(&other.low))
            .unwrap();
        assert_eq!((lowest.low, lowest.high), (71.0, 97.0));
        assert_eq!(lowest.step, 7_001 >> trace.doublings);
    }

    #[test]
    fn order_changes_nothing() {
        let values: Vec<(i64, f32)> = (0..700).map(|minute| (minute, (minute % 13) as f32)).collect();
        let mut other = values.clone();
        other.reverse();
        let (one, other) = (trace(values), trace(other));
        assert_eq!((one.doublings, one.points), (other.doublings, other.points));
    }

    #[test]
    fn times_before_the_epoch_keep_their_order() {
        let trace = trace([(-3, 1.0), (5, 2.0), (-1, 3.0)]);
        let steps: Vec<i64> = trace.points.iter().map(|point| point.step).collect();
        assert_eq!(steps, [-3, -1, 5]);
    }
}
