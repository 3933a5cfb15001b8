//! Simulated time from elapsed time, at a chosen speed.
//!
//! ```text
//!  elapsed     0 s        1 s        2 s        3 s          as the caller measures it, monotonic
//!  simulated   start      +60 s      +120 s     +180 s       at speed 60
//! ```
//!
//! A replay at speed moves the *clock*, never the data: `ts` and arrival keep the distances that they had at the bedside,
//! and the engine, its ticks and the append times all run on the simulated clock. Squeezing the data's own times instead
//! would squeeze every window, age and delay with them, and a five-minute window would no longer be one.

use std::num::NonZeroU32;

use wardwatch_event_time::{Span, Timestamp};

/// Maps elapsed time to simulated time and back. Exact: whole microseconds and a whole speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayClock {
    start: Timestamp,
    speed: NonZeroU32,
}

// === impl ReplayClock ===

impl ReplayClock {
    /// A clock that stands at `start` when no time has elapsed, and runs `speed` times as fast as the caller's.
    pub const fn new(start: Timestamp, speed: NonZeroU32) -> Self {
        Self { start, speed }
    }

    /// Simulated time after `elapsed`.
    pub fn at(self, elapsed: Span) -> Timestamp {
        let simulated = elapsed.micros().saturating_mul(i64::from(self.speed.get()));
        self.start + Span::from_micros(simulated)
    }

    /// The least elapsed time at which the clock shows `due` or later; zero for what is due already.
    pub fn elapsed_at(self, due: Timestamp) -> Span {
        let (simulated, speed) = ((due - self.start).micros(), i64::from(self.speed.get()));
        let rounded_up = simulated / speed + i64::from(simulated % speed > 0);
        Span::from_micros(rounded_up.max(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_message_is_due_at_the_first_instant_that_shows_its_arrival(after in 0i64..1_000_000_000_000, speed in 1u32..10_000) {
            let start = Timestamp::from_millis(1_700_000_000_000);
            let clock = ReplayClock::new(start, NonZeroU32::new(speed).unwrap());
            let due = start + Span::from_micros(after);
            let elapsed = clock.elapsed_at(due);
            prop_assert!(clock.at(elapsed) >= due);
            prop_assert!(elapsed == Span::ZERO || clock.at(Span::from_micros(elapsed.micros() - 1)) < due);
        }
    }

    #[test]
    fn what_is_past_is_due_at_once() {
        let clock = ReplayClock::new(Timestamp::from_millis(1_000), NonZeroU32::MIN);
        assert_eq!(clock.elapsed_at(Timestamp::from_millis(0)), Span::ZERO);
        assert_eq!(clock.at(Span::from_secs(2)), Timestamp::from_millis(3_000));
    }
}
