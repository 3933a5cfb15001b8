//! The one clock of the live path. It never decides about a patient by itself: it enters the shard as a tick, which the
//! journal keeps.
//!
//! The time of the log is the brokers'. A host whose clock is wrong, or jumps, must not declare a ward silent; so an engine asks
//! the brokers: each journal record that they take tells when they took it, and in between this host only counts on.

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use wardwatch_event_time::{Span, Timestamp};

use crate::failpoint::clock_skew;

/// What the brokers said counts for this long at least, and at most for twice as long: clocks drift apart.
const COUNTS: Duration = Duration::from_secs(30);

/// What time it is for the log: the brokers' time, or the scaled clock of a demo.
pub trait EngineClock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;

    /// A broker has just taken a record at this time; none if it does not tell.
    fn heard(&self, _taken_at: Option<Timestamp>) {}

    /// Whether it is known what time it is. Until then no log time is advanced to.
    fn is_set(&self) -> bool {
        true
    }
}

/// The wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// The brokers' clock, as far as it is known here; before the first word from them, the wall clock.
#[derive(Debug)]
pub struct BrokerClock {
    begun: (Timestamp, Instant),
    heard: Mutex<Heard>,
}

/// By how much the brokers are ahead of this host. An answer takes a while, so the largest is the truest.
#[derive(Debug, Default)]
struct Heard {
    newest: Option<Span>,
    before: Option<Span>,
    /// Since when `newest` is collected.
    since: Duration,
    any: bool,
}

// === impl SystemClock ===

impl EngineClock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the injected clock of the live path")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("the clock is set after 1970");
        let now = Timestamp::from_micros(i64::try_from(since.as_micros()).expect("before the year 294246"));
        now + clock_skew()
    }
}

// === impl BrokerClock ===

impl Default for BrokerClock {
    fn default() -> Self {
        Self {
            begun: (SystemClock.now(), crate::worker::now()),
            heard: Mutex::default(),
        }
    }
}

impl BrokerClock {
    /// Counted on from when this began, whatever has been done to the host's clock since.
    fn host(&self, elapsed: Duration) -> Timestamp {
        self.begun.0 + Span::from_micros(i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Heard> {
        self.heard.lock().expect("no panic while it is held")
    }
}

impl EngineClock for BrokerClock {
    fn now(&self) -> Timestamp {
        self.host(self.begun.1.elapsed()) + self.lock().ahead()
    }

    fn heard(&self, taken_at: Option<Timestamp>) {
        let elapsed = self.begun.1.elapsed();
        self.lock()
            .hear(taken_at.map(|at| at - self.host(elapsed)), elapsed);
    }

    fn is_set(&self) -> bool {
        self.lock().any
    }
}

// === impl Heard ===

impl Heard {
    fn hear(&mut self, ahead: Option<Span>, now: Duration) {
        self.any = true;
        if now > self.since + COUNTS && self.newest.is_some() {
            self.before = self.newest.take();
            self.since = now;
        }
        self.newest = self.newest.max(ahead);
    }

    fn ahead(&self) -> Span {
        self.newest.max(self.before).unwrap_or(Span::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn millis(ahead: i64) -> Option<Span> {
        Some(Span::from_millis(ahead))
    }

    #[test]
    fn a_wrong_host_is_put_right_by_the_quickest_answer() {
        let mut heard = Heard::default();
        assert_eq!(heard.ahead(), Span::ZERO);
        // The host is an hour ahead; answers take 2, 900 and 5 ms.
        for (second, delay) in [(1, 2), (2, 900), (3, 5)] {
            heard.hear(millis(-3_600_000 - delay), at(second));
        }
        assert_eq!(heard.ahead(), Span::from_millis(-3_600_002));
    }

    #[test]
    fn what_was_said_long_ago_counts_no_more() {
        let mut heard = Heard::default();
        heard.hear(millis(50), at(0));
        heard.hear(millis(40), at(29));
        assert_eq!(heard.ahead(), Span::from_millis(50));
        heard.hear(millis(40), at(31));
        assert_eq!(heard.ahead(), Span::from_millis(50));
        heard.hear(millis(30), at(62));
        assert_eq!(heard.ahead(), Span::from_millis(40));
    }

    #[test]
    fn a_broker_that_does_not_tell_leaves_the_host_its_own_time() {
        let clock = BrokerClock::default();
        assert!(!clock.is_set());
        clock.heard(None);
        assert!(clock.is_set());
        assert!(clock.now() - SystemClock.now() < Span::from_millis(50));
    }
}
