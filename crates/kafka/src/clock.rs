//! The one clock of the live path. It never decides about a patient by itself: it enters the shard as a tick, which the
//! journal keeps.

use std::time::{SystemTime, UNIX_EPOCH};

use wardwatch_event_time::Timestamp;

/// What time it is for the log: the wall clock, or the scaled clock of a demo.
pub trait EngineClock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

// === impl SystemClock ===

impl EngineClock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the injected clock of the live path")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("the clock is set after 1970");
        Timestamp::from_micros(i64::try_from(since.as_micros()).expect("before the year 294246"))
    }
}
