//! One source's clock for one patient.
//!
//! The clock stands at the largest timestamp accepted. A record is judged against it and against the broker's append
//! time, never against another patient's data, so one device that runs fast or uploads a day late harms only itself.
//!
//! ```text
//!        late           |       lateness       |   future_skew  |    future
//!  ---------------------|----------------------|----------------|------------> ts
//!                 clock - lateness           clock     append time + skew
//! ```
//!
//! CLOCK-1: a clock never goes back.
//! CLOCK-2: an accepted timestamp is at most the append time plus the skew, and at least the clock minus the lateness.

use crate::{Span, Timestamp};

/// The rules that one source's records are judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockRules {
    /// How far a record may be behind its patient's clock.
    pub lateness: Span,
    /// How far a device may run ahead of the broker.
    pub future_skew: Span,
}

/// The largest timestamp accepted from one source of one patient; [`Timestamp::MIN`] before the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock(Timestamp);

/// What a clock says of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Beyond the clock: no earlier record can be the same observation.
    Newest,
    /// At or behind the clock, within lateness: it may be a repeat.
    WithinLateness,
    /// Too far behind its patient's clock.
    Late,
    /// Too far ahead of the broker's append time: the device's clock runs fast.
    Future,
}

// === impl Clock ===

impl Default for Clock {
    fn default() -> Self {
        Self(Timestamp::MIN)
    }
}

impl Clock {
    /// Judges a record and, when it is accepted, moves the clock.
    pub fn admit(&mut self, ts: Timestamp, append_time: Timestamp, rules: ClockRules) -> Admission {
        if ts > append_time + rules.future_skew {
            return Admission::Future;
        }
        if ts > self.0 {
            self.0 = ts;
            return Admission::Newest;
        }
        if ts < self.0 - rules.lateness {
            Admission::Late
        } else {
            Admission::WithinLateness
        }
    }

    /// A clock that stands there.
    pub const fn at(now: Timestamp) -> Self {
        Self(now)
    }

    /// Where the clock stands.
    pub const fn now(self) -> Timestamp {
        self.0
    }

    /// Whether any record has been accepted.
    pub const fn has_started(self) -> bool {
        self.0.micros() != i64::MIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RULES: ClockRules = ClockRules {
        lateness: Span::from_secs(120),
        future_skew: Span::from_secs(10),
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn edges() {
        let mut clock = Clock::default();
        assert_eq!(clock.admit(at(1_011), at(1_000), RULES), Admission::Future);
        assert!(!clock.has_started());
        assert_eq!(clock.admit(at(1_010), at(1_000), RULES), Admission::Newest);
        assert_eq!(
            clock.admit(at(1_010), at(1_001), RULES),
            Admission::WithinLateness
        );
        assert_eq!(clock.admit(at(890), at(1_001), RULES), Admission::WithinLateness);
        assert_eq!(clock.admit(at(889), at(1_001), RULES), Admission::Late);
    }

    proptest! {
        #[test]
        fn clock_1_and_clock_2_hold(records in proptest::collection::vec((0i64..2_000, 0i64..2_000), 1..60)) {
            let mut clock = Clock::default();
            for (ts, append_time) in records {
                let before = clock.now();
                let admission = clock.admit(at(ts), at(append_time), RULES);
                prop_assert!(clock.now() >= before);
                if matches!(admission, Admission::Newest | Admission::WithinLateness) {
                    prop_assert!(at(ts) <= at(append_time) + RULES.future_skew);
                    prop_assert!(at(ts) >= before - RULES.lateness);
                }
            }
        }
    }
}
