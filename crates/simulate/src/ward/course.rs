//! How illnesses run: offsets from a patient's baseline, straight lines between a few points of time.
//!
//! COURSE-1: a course begins and ends at no effect, within [`REPEATS_AFTER`], so that it can begin again.

use super::physiology::Baseline;

/// Courses begin again after this many seconds.
pub(crate) const REPEATS_AFTER: u32 = 3_600;

/// What an illness adds to the baseline, in the units of [`Baseline`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Effect {
    pub(crate) heart_rate: f64,
    pub(crate) spo2: f64,
    pub(crate) resp_rate: f64,
    pub(crate) temperature: f64,
    pub(crate) systolic: f64,
}

/// One point of a course.
#[derive(Clone, Copy, Debug)]
struct Point {
    /// Seconds after the course's start.
    second: u32,
    effect: Effect,
}

/// An illness on a schedule.
#[derive(Debug)]
pub(crate) struct Course {
    points: &'static [Point],
    /// Set, not drawn, so that limits are crossed when the schedule says.
    pub(crate) baseline: Baseline,
    /// Seconds between which the patient only responds to voice.
    voice: Option<(u32, u32)>,
    /// Seconds between which the patient is given oxygen.
    oxygen: Option<(u32, u32)>,
}

const WELL: Baseline = Baseline {
    heart_rate: 74.0,
    spo2: 97.0,
    resp_rate: 16.0,
    temperature: 36.8,
    systolic: 128.0,
};

/// SIM-03.
pub(crate) static RESPIRATORY_FAILURE: Course = Course {
    points: &[
        point(0, 0.0, 0.0, 0.0, 0.0, 0.0),
        point(8, 8.0, -9.0, 4.0, 0.0, 0.0),
        point(90, 20.0, -10.0, 12.0, 0.0, 6.0),
        point(150, 28.0, -17.0, 18.0, 0.1, 10.0),
        point(240, 30.0, -18.0, 19.0, 0.1, 10.0),
        point(420, 12.0, -3.0, 8.0, 0.0, 4.0),
        point(900, 0.0, 0.0, 0.0, 0.0, 0.0),
    ],
    baseline: Baseline { spo2: 94.0, ..WELL },
    voice: None,
    oxygen: Some((240, 900)),
};

/// SIM-07.
pub(crate) static SEPSIS: Course = Course {
    points: &[
        point(60, 0.0, 0.0, 0.0, 0.0, 0.0),
        point(300, 20.0, -1.0, 5.0, 1.0, -16.0),
        point(660, 48.0, -4.0, 11.0, 2.1, -42.0),
        point(1_500, 44.0, -3.0, 9.0, 1.8, -36.0),
        point(3_000, 0.0, 0.0, 0.0, 0.0, 0.0),
    ],
    baseline: WELL,
    voice: Some((540, 1_800)),
    oxygen: None,
};

/// SIM-11.
pub(crate) static HAEMORRHAGE: Course = Course {
    points: &[
        point(120, 0.0, 0.0, 0.0, 0.0, 0.0),
        point(360, 30.0, 0.0, 3.0, -0.2, -14.0),
        point(600, 55.0, -2.0, 8.0, -0.6, -52.0),
        point(900, 50.0, -2.0, 7.0, -0.6, -44.0),
        point(2_100, 0.0, 0.0, 0.0, 0.0, 0.0),
    ],
    baseline: WELL,
    voice: None,
    oxygen: None,
};

/// SIM-14.
pub(crate) static BRADYCARDIA: Course = Course {
    points: &[
        point(180, 0.0, 0.0, 0.0, 0.0, 0.0),
        point(195, -44.0, 0.0, 0.0, 0.0, -18.0),
        point(480, -44.0, 0.0, 0.0, 0.0, -24.0),
        point(540, 0.0, 0.0, 0.0, 0.0, 0.0),
    ],
    baseline: WELL,
    voice: None,
    oxygen: None,
};

// === impl Course ===

impl Course {
    /// What the illness does at a second of the ward.
    pub(crate) fn effect(&self, second: u32) -> Effect {
        let second = second % REPEATS_AFTER;
        let after = self.points.partition_point(|point| point.second <= second);
        match (
            after.checked_sub(1).map(|before| self.points[before]),
            self.points.get(after),
        ) {
            (None, _) | (_, None) => Effect::default(),
            (Some(from), Some(to)) => from.towards(*to, second),
        }
    }

    /// Whether the patient only responds to voice.
    pub(crate) fn responds_to_voice(&self, second: u32) -> bool {
        holds(self.voice, second)
    }

    /// Whether the patient is given oxygen.
    pub(crate) fn gives_oxygen(&self, second: u32) -> bool {
        holds(self.oxygen, second)
    }
}

fn holds(span: Option<(u32, u32)>, second: u32) -> bool {
    span.is_some_and(|(from, until)| (from..until).contains(&(second % REPEATS_AFTER)))
}

// === impl Point ===

/// Offsets of heart rate, SpO2, respiratory rate, temperature and systolic pressure.
const fn point(
    second: u32,
    heart_rate: f64,
    spo2: f64,
    resp_rate: f64,
    temperature: f64,
    systolic: f64,
) -> Point {
    Point {
        second,
        effect: Effect {
            heart_rate,
            spo2,
            resp_rate,
            temperature,
            systolic,
        },
    }
}

impl Point {
    fn towards(self, to: Self, second: u32) -> Effect {
        let share = f64::from(second - self.second) / f64::from(to.second - self.second);
        let (a, b) = (self.effect, to.effect);
        let between = |a: f64, b: f64| a + (b - a) * share;
        Effect {
            heart_rate: between(a.heart_rate, b.heart_rate),
            spo2: between(a.spo2, b.spo2),
            resp_rate: between(a.resp_rate, b.resp_rate),
            temperature: between(a.temperature, b.temperature),
            systolic: between(a.systolic, b.systolic),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn course_1_holds() {
        for course in [&RESPIRATORY_FAILURE, &SEPSIS, &HAEMORRHAGE, &BRADYCARDIA] {
            let (first, last) = (course.points.first().unwrap(), course.points.last().unwrap());
            assert_eq!(
                (first.effect, last.effect),
                (Effect::default(), Effect::default())
            );
            assert!(course.points.is_sorted_by(|a, b| a.second < b.second));
            assert!(last.second < REPEATS_AFTER);
            assert_eq!(course.effect(400), course.effect(REPEATS_AFTER + 400));
        }
    }

    #[test]
    fn effects_run_straight_between_points() {
        assert_eq!(SEPSIS.effect(59), Effect::default());
        assert_eq!(SEPSIS.effect(180).heart_rate, 10.0);
        assert_eq!(SEPSIS.effect(660).systolic, -42.0);
        assert_eq!(SEPSIS.effect(3_001), Effect::default());
    }
}
