//! One device's clock for one patient, and the time at which its readings count.
//!
//! A reading carries the time that its device gives it, `ts`, and the broker's append time. Their difference is its *lag*:
//! small for a clock that is right, steadily large for one that is behind, steadily negative for one that is ahead.
//!
//! ```text
//!        late           |       lateness       |   future_skew  |    future
//!  ---------------------|----------------------|----------------|------------> effective time
//!                 clock - lateness           clock     append time + skew
//! ```
//!
//! A clock is *wrong* once the smallest lag of a run of readings has been out of bounds for a minute while `ts` advanced at
//! the pace of arrival. A backlog after an outage advances faster than that: it is late data, never a wrong clock. While a
//! clock is wrong its readings count at their *effective time*, `ts` plus an offset that stays the same until the clock is
//! set again. Each setting begins a new *epoch*.
//!
//! ```text
//!   lag  │    ●  ●  ●  ●  ●  ●  ●     a run: steady, out of bounds for a minute ──▶ offset = its smallest lag
//!        │ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─  past_skew
//!        │ ●                     ●    within bounds: no run
//!      0 └───────────────────────────▶ append time
//! ```
//!
//! CLOCK-1: within an epoch a clock never goes back.
//! CLOCK-2: an accepted effective time is at most the append time plus the skew, and at least the clock minus the lateness.
//! CLOCK-3: a backlog that arrives faster than it was measured begins no epoch.

use crate::{Span, Timestamp};

/// How long a run lasts before its clock is taken for wrong.
const SUSTAINED: Span = Span::from_secs(60);
/// How far from the pace of arrival a run may be after that time: 10 %.
const TOLERANCE: Span = Span::from_millis(6_000);
/// Different times that a run holds at least: two entries charted equally late are no clock.
const LEAST_TIMES: u32 = 4;

/// The rules that one source's records are judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockRules {
    /// How far a record may be behind its device's clock to count in windows.
    pub lateness: Span,
    /// How far a device may run ahead of the broker.
    pub future_skew: Span,
    /// How far a device may steadily be behind the broker; `None`: clocks are taken as they are.
    pub past_skew: Option<Span>,
}

/// The largest effective time accepted; [`Timestamp::MIN`] before the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock(Timestamp);

/// One device's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceClock {
    clock: Clock,
    /// What is added to `ts` in this epoch; zero while the clock is right.
    offset: Span,
    /// Readings out of bounds, one after the other.
    run: Option<Run>,
}

/// A run of readings that are out of bounds on one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    since: Timestamp,
    first_lag: Span,
    least_lag: Span,
    newest_ts: Timestamp,
    times: u32,
}

/// How a clock stands to the broker's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Right, as far as is known.
    Right,
    /// Behind by so much.
    Behind(Span),
    /// Ahead by so much.
    Ahead(Span),
}

/// What a clock says of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Beyond the clock: no earlier record of its epoch can be the same observation.
    Newest,
    /// At or behind the clock, within lateness: it may be a repeat.
    WithinLateness,
    /// Too far behind its device's clock to count in windows.
    Late,
    /// Too far ahead of the broker's append time.
    Future,
}

/// A record as its device's clock takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// When it was measured, as far as can be known.
    pub at: Timestamp,
    /// Whether it counts.
    pub admission: Admission,
    /// Whether a new epoch begins with it: earlier times of this device tell nothing of later ones.
    pub new_epoch: bool,
}

/// Which bound a lag is beyond.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Within,
    Behind,
    Ahead,
}

// === impl Clock ===

impl Default for Clock {
    fn default() -> Self {
        Self(Timestamp::MIN)
    }
}

impl Clock {
    /// Judges an effective time and, when it is beyond the clock, moves the clock there.
    #[inline]
    fn admit(&mut self, at: Timestamp, append_time: Timestamp, rules: ClockRules) -> Admission {
        if at > append_time + rules.future_skew {
            return Admission::Future;
        }
        if at > self.0 {
            self.0 = at;
            return Admission::Newest;
        }
        if at < self.0 - rules.lateness {
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

    /// Moves the clock there, unless it has passed that.
    #[inline]
    pub fn advance(&mut self, to: Timestamp) {
        self.0 = self.0.max(to);
    }

    /// Whether any record has been accepted.
    pub const fn has_started(self) -> bool {
        self.0.micros() != i64::MIN
    }
}

// === impl Run ===

impl Run {
    fn beginning(ts: Timestamp, append_time: Timestamp, lag: Span) -> Self {
        Self {
            since: append_time,
            first_lag: lag,
            least_lag: lag,
            newest_ts: ts,
            times: 1,
        }
    }
}

// === impl DeviceClock ===

impl DeviceClock {
    /// How many numbers a device's clock is.
    pub const NUMBERS: usize = 7;

    /// Judges a record and, when it is accepted, moves the clock.
    #[inline]
    pub fn admit(&mut self, ts: Timestamp, append_time: Timestamp, rules: ClockRules) -> Admitted {
        let lag = append_time - ts;
        let side = side(lag - self.offset, rules);
        if side == Side::Within && self.offset == Span::ZERO {
            self.run = None;
            return self.take(ts, append_time, rules, false);
        }
        self.admit_unusual(ts, append_time, lag, side, rules)
    }

    /// A reading of a clock that is wrong, or may be.
    #[cold]
    fn admit_unusual(
        &mut self,
        ts: Timestamp,
        append_time: Timestamp,
        lag: Span,
        side: Side,
        rules: ClockRules,
    ) -> Admitted {
        if rules.past_skew.is_none() {
            self.run = (side == Side::Ahead).then(|| Run::beginning(ts, append_time, lag));
            return self.take(ts, append_time, rules, false);
        }
        // No reading can come before it was measured: where the offset says so, the clock was set forward.
        let was_set_forward = self.offset != Span::ZERO && side == Side::Ahead;
        let is_behind_no_more = self.offset > Span::ZERO && self::side(lag, rules) != Side::Behind;
        let new_epoch = if was_set_forward || is_behind_no_more {
            self.run = None;
            Some(if self::side(lag, rules) == Side::Behind {
                lag
            } else {
                Span::ZERO
            })
        } else if side == Side::Within {
            self.run = None;
            None
        } else {
            self.sustained(ts, append_time, lag)
                .map(|lag| match self::side(lag, rules) {
                    Side::Within => Span::ZERO,
                    Side::Behind | Side::Ahead => lag,
                })
        };
        if let Some(offset) = new_epoch {
            *self = Self {
                offset,
                ..Self::default()
            };
        }
        self.take(ts, append_time, rules, new_epoch.is_some())
    }

    fn take(
        &mut self,
        ts: Timestamp,
        append_time: Timestamp,
        rules: ClockRules,
        new_epoch: bool,
    ) -> Admitted {
        let at = ts + self.offset;
        Admitted {
            at,
            admission: self.clock.admit(at, append_time, rules),
            new_epoch,
        }
    }

    /// Adds a reading to the run; the smallest lag of a run that has lasted.
    fn sustained(&mut self, ts: Timestamp, append_time: Timestamp, lag: Span) -> Option<Span> {
        let begin = Run::beginning(ts, append_time, lag);
        let is_ahead = |lag: Span| lag < self.offset;
        let Some(run) = self
            .run
            .as_mut()
            .filter(|run| is_ahead(run.first_lag) == is_ahead(lag))
        else {
            self.run = Some(begin);
            return None;
        };
        run.least_lag = run.least_lag.min(lag);
        if ts > run.newest_ts {
            run.newest_ts = ts;
            run.times += 1;
        }
        if append_time - run.since < SUSTAINED {
            return None;
        }
        let off_pace = if lag > run.first_lag {
            lag - run.first_lag
        } else {
            run.first_lag - lag
        };
        if off_pace > TOLERANCE {
            *run = begin;
            return None;
        }
        (run.times >= LEAST_TIMES).then_some(run.least_lag)
    }

    /// The effective time of `ts` in this epoch.
    pub fn effective(self, ts: Timestamp) -> Timestamp {
        ts + self.offset
    }

    /// What is added to a device's time in this epoch.
    pub const fn offset(self) -> Span {
        self.offset
    }

    /// Where the clock stands, in effective time.
    pub const fn now(self) -> Timestamp {
        self.clock.now()
    }

    /// How it stands to the broker's. A reading from the future tells of a clock that is ahead before that is sustained.
    pub fn standing(self) -> Standing {
        let ahead = self.run.filter(|run| run.first_lag < self.offset);
        match (self.offset, ahead) {
            (Span::ZERO, Some(run)) => Standing::Ahead(-run.least_lag),
            (Span::ZERO, None) => Standing::Right,
            (offset, _) if offset > Span::ZERO => Standing::Behind(offset),
            (offset, _) => Standing::Ahead(-offset),
        }
    }

    /// As plain numbers, for a snapshot.
    pub fn to_numbers(self) -> [i64; Self::NUMBERS] {
        let run = self.run.unwrap_or(Run {
            since: Timestamp::MIN,
            first_lag: Span::ZERO,
            least_lag: Span::ZERO,
            newest_ts: Timestamp::MIN,
            times: 0,
        });
        [
            self.clock.now().micros(),
            self.offset.micros(),
            run.since.micros(),
            run.first_lag.micros(),
            run.least_lag.micros(),
            run.newest_ts.micros(),
            i64::from(run.times),
        ]
    }

    /// The clock that gave these numbers; none when no clock gives them.
    pub fn from_numbers(
        [clock, offset, since, first_lag, least_lag, newest_ts, times]: [i64; Self::NUMBERS],
    ) -> Option<Self> {
        let times = u32::try_from(times).ok()?;
        let run = Run {
            since: Timestamp::from_micros(since),
            first_lag: Span::from_micros(first_lag),
            least_lag: Span::from_micros(least_lag),
            newest_ts: Timestamp::from_micros(newest_ts),
            times,
        };
        Some(Self {
            clock: Clock::at(Timestamp::from_micros(clock)),
            offset: Span::from_micros(offset),
            run: (times > 0).then_some(run),
        })
    }
}

/// Which bound a lag is beyond.
#[inline]
fn side(lag: Span, rules: ClockRules) -> Side {
    if rules.past_skew.is_some_and(|skew| lag > skew) {
        Side::Behind
    } else if lag < -rules.future_skew {
        Side::Ahead
    } else {
        Side::Within
    }
}

#[cfg(test)]
mod tests;
