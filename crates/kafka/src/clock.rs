//! The one clock of the live path. It never decides about a patient by itself: it enters the shard as a tick, which the
//! journal keeps.
//!
//! The time of the log is the brokers'. A host whose clock is wrong, or jumps, must not declare a ward silent; so an engine asks
//! the brokers: each journal record that they take tells when they took it, and in between this host only counts on.

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use wardwatch_event_time::{Span, Timestamp};

use crate::conditions::TOLERANCE;
use crate::failpoint::clock_skew;

/// What the brokers said counts for this long at least, and at most for twice as long: clocks drift apart.
const COUNTS: Duration = Duration::from_secs(30);

/// What differs by more is no drift and no slow answer: somebody has set a clock.
const JUMP: Span = Span::from_secs(1);

/// For so long after the first word brokers whose clocks differ are all listened to.
const SETTLES: Duration = Duration::from_secs(5);

/// For so long every broker has to say that it is so much later before that is believed: log time never goes back.
const BELIEVED: Duration = Duration::from_secs(60);

/// What time it is for the log: the brokers' time, or the scaled clock of a demo.
pub trait EngineClock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;

    /// A broker has just taken a record at this time; none if it does not tell.
    fn heard(&self, _taken_at: Option<Timestamp>) {}

    /// A broker has taken a record at this time, now or some time ago.
    fn saw(&self, _taken_at: Timestamp) {}

    /// Whether it is the brokers' time, or is meant to be: a scaled clock is not held against theirs.
    fn is_of_brokers(&self) -> bool {
        false
    }

    /// Whether it is known what time it is. Until then no log time is advanced to.
    fn is_set(&self) -> bool {
        true
    }

    /// No record can have come later than this.
    fn ceiling(&self) -> Timestamp {
        Timestamp::MAX
    }
}

/// The wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// The brokers' clock, as far as it is known here; before the first word from them, the wall clock. CLOCK-4: once it is set it never
/// goes back, and leaps forward only where all brokers do for a minute, or where this host was asleep.
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
    /// When the first word came.
    set_at: Option<Duration>,
    /// Since when nobody has said anything but that it is later by a jump.
    leaps_since: Option<Duration>,
    /// By how much this host's wall clock was ahead of its count at the last word that was believed: a host that was asleep has
    /// not counted.
    wall: Span,
    /// What was said last; nothing earlier is said after it.
    last: Option<Timestamp>,
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
    fn is_of_brokers(&self) -> bool {
        true
    }

    fn now(&self) -> Timestamp {
        let mut heard = self.lock();
        let now = self.host(self.begun.1.elapsed()) + heard.ahead();
        if heard.set_at.is_none() {
            return now;
        }
        let last = heard.last.map_or(now, |last| last.max(now));
        heard.last = Some(last);
        last
    }

    fn heard(&self, taken_at: Option<Timestamp>) {
        let elapsed = self.begun.1.elapsed();
        let host = self.host(elapsed);
        let mut heard = self.lock();
        heard.set_at.get_or_insert(elapsed);
        if let Some(taken_at) = taken_at {
            heard.hear(taken_at - host, elapsed, SystemClock.now() - host);
        }
    }

    fn saw(&self, taken_at: Timestamp) {
        let elapsed = self.begun.1.elapsed();
        let host = self.host(elapsed);
        let mut heard = self.lock();
        // How long ago that was is not known, so it sets no clock.
        if heard.newest.is_some() {
            heard.hear(taken_at - host, elapsed, SystemClock.now() - host);
        }
    }

    fn is_set(&self) -> bool {
        self.lock().set_at.is_some()
    }

    fn ceiling(&self) -> Timestamp {
        match self.is_set() {
            true => self.now() + TOLERANCE,
            false => Timestamp::MAX,
        }
    }
}

// === impl Heard ===

impl Heard {
    /// A broker is ahead of this host by so much, or by more if its word took long to come.
    fn hear(&mut self, ahead: Span, now: Duration, wall: Span) {
        let more = ahead.micros() - self.ahead().micros();
        let is_settled =
            self.newest.or(self.before).is_some() && self.set_at.is_some_and(|set_at| now > set_at + SETTLES);
        if is_settled && more > JUMP.micros() {
            let since = *self.leaps_since.get_or_insert(now);
            let slept = wall.micros() - self.wall.micros();
            let was_asleep = (slept - more).abs() <= JUMP.micros();
            if now - since < BELIEVED && !was_asleep {
                return;
            }
            (self.newest, self.before) = (None, None);
        } else if is_settled && more < -JUMP.micros() {
            // It took long to come, or a clock was set back: time goes on as it was.
            return;
        }
        (self.leaps_since, self.wall) = (None, wall);
        if now > self.since + COUNTS && self.newest.is_some() {
            self.before = self.newest.take();
            self.since = now;
        }
        self.newest = self.newest.max(Some(ahead));
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

    fn millis(ahead: i64) -> Span {
        Span::from_millis(ahead)
    }

    /// A clock that was set at 0 s, and has heard this of brokers, by second; by how much they are ahead at the end, in seconds.
    fn after(words: impl IntoIterator<Item = (u64, i64)>) -> i64 {
        let mut heard = Heard {
            set_at: Some(at(0)),
            ..Heard::default()
        };
        for (second, ahead) in words {
            heard.hear(millis(ahead), at(second), Span::ZERO);
        }
        heard.ahead().micros() / 1_000_000
    }

    #[test]
    fn a_wrong_host_is_put_right_by_the_quickest_answer() {
        let mut heard = Heard::default();
        assert_eq!(heard.ahead(), Span::ZERO);
        // The host is an hour ahead; answers take 2, 900 and 5 ms.
        for (second, delay) in [(1, 2), (2, 900), (3, 5)] {
            heard.hear(millis(-3_600_000 - delay), at(second), Span::ZERO);
        }
        assert_eq!(heard.ahead(), Span::from_millis(-3_600_002));
    }

    #[test]
    fn what_was_said_long_ago_counts_no_more() {
        let mut heard = Heard::default();
        let mut hear = |ahead, second| {
            heard.hear(millis(ahead), at(second), Span::ZERO);
            heard.ahead()
        };
        hear(50, 0);
        assert_eq!(hear(40, 29), Span::from_millis(50));
        assert_eq!(hear(40, 31), Span::from_millis(50));
        assert_eq!(hear(30, 62), Span::from_millis(40));
    }

    #[test]
    fn clocks_that_are_set_lead_no_time_astray() {
        const HOUR: i64 = 3_600_000;
        let steady = |seconds: std::ops::Range<u64>| seconds.map(|second| (second, 0));
        let away = |seconds: std::ops::Range<u64>, by: i64| seconds.map(move |second| (second, by));
        // One wrong answer, and a minute of them from one broker of two.
        assert_eq!(after(steady(0..60).chain([(60, HOUR)])), 0);
        let of_two = (60..200).flat_map(|second| [(second, HOUR), (second, 0)]);
        assert_eq!(after(steady(0..60).chain(of_two)), 0);
        // Set back, for good: time goes on at this host's pace.
        assert_eq!(after(steady(0..60).chain(away(60..600, -HOUR))), 0);
        // All say so for a minute.
        assert_eq!(after(steady(0..60).chain(away(60..120, HOUR))), 0);
        assert_eq!(after(steady(0..60).chain(away(60..122, HOUR))), 3_600);
        // Brokers that differ from the start: the one that is furthest.
        assert_eq!(after([(0, 0), (1, HOUR), (2, 0)]), 3_600);
    }

    #[test]
    fn a_host_that_was_asleep_is_put_right_at_once() {
        let mut heard = Heard {
            set_at: Some(at(0)),
            ..Heard::default()
        };
        (0..60).for_each(|second| heard.hear(millis(0), at(second), Span::ZERO));
        heard.hear(millis(600_000), at(60), millis(600_020));
        assert_eq!(heard.ahead(), millis(600_000));
    }

    #[test]
    fn a_clock_that_is_set_never_goes_back() {
        let clock = BrokerClock::default();
        clock.heard(Some(SystemClock.now() + Span::from_secs(5)));
        let before = clock.now();
        clock.heard(Some(SystemClock.now() + Span::from_millis(4_500)));
        assert!(clock.now() >= before);
        assert!(clock.ceiling() > clock.now());
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
