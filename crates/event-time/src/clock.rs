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
//! the pace of arrival. A backlog after an outage advances faster than that: it is late data, never a wrong clock. Old values
//! that are sent again come in between, so a few runs are followed at a time, each of one lag; only a newer `ts` adds to one.
//! While a clock is wrong its readings count at their *effective time*, `ts` plus an offset that stays the same until the
//! clock is set again. Each setting begins a new *epoch*.
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
/// How far the lag of a run's readings may be from that of its first: 10 % of that time.
const TOLERANCE: Span = Span::from_millis(6_000);
/// Different times that a run holds at least: two entries charted equally late are no clock.
const LEAST_TIMES: u32 = 4;
/// After a longer gap a run starts again.
const LONGEST_GAP: Span = Span::from_secs(5 * 60);
/// Runs that are followed at a time: what is measured now, and two values that are sent again and again.
const MOST_RUNS: usize = 3;
/// How many numbers a run is.
const RUN_NUMBERS: usize = 7;

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceClock {
    clock: Clock,
    /// What is added to `ts` in this epoch; zero while the clock is right.
    offset: Span,
    /// The greatest `ts` of earlier epochs: up to there a reading may be one of theirs, sent again.
    earlier: Timestamp,
    /// Readings out of bounds, since the last that was within.
    runs: Vec<Run>,
}

/// A run of readings that are out of bounds by the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    since: Timestamp,
    first_lag: Span,
    least_lag: Span,
    newest_ts: Timestamp,
    /// When that came.
    newest_at: Timestamp,
    times: u32,
    /// Whether nothing within bounds came of the device before it.
    is_first: bool,
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
    /// Whether the clock of a new epoch has been so ever since the device's first reading, and is only found now.
    pub from_start: bool,
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
    fn beginning(ts: Timestamp, append_time: Timestamp, lag: Span, is_first: bool) -> Self {
        Self {
            since: append_time,
            first_lag: lag,
            least_lag: lag,
            newest_ts: ts,
            newest_at: append_time,
            times: 1,
            is_first,
        }
    }

    /// Whether a reading of this lag came at the pace of the run.
    fn is_at_pace(&self, lag: Span) -> bool {
        lag - self.first_lag <= TOLERANCE && self.first_lag - lag <= TOLERANCE
    }

    /// Adds a newer reading; whether the run has lasted.
    fn advance(&mut self, ts: Timestamp, append_time: Timestamp, lag: Span) -> bool {
        if append_time - self.newest_at > LONGEST_GAP {
            *self = Self::beginning(ts, append_time, lag, self.is_first);
            return false;
        }
        self.least_lag = self.least_lag.min(lag);
        (self.newest_ts, self.newest_at) = (ts, append_time);
        self.times += 1;
        append_time - self.since >= SUSTAINED && self.times >= LEAST_TIMES
    }

    fn to_numbers(self) -> [i64; RUN_NUMBERS] {
        [
            self.since.micros(),
            self.first_lag.micros(),
            self.least_lag.micros(),
            self.newest_ts.micros(),
            self.newest_at.micros(),
            i64::from(self.times),
            i64::from(self.is_first),
        ]
    }

    /// The run that gave these numbers; none of one without readings.
    fn from_numbers(numbers: &[i64]) -> Option<Option<Self>> {
        let [since, first_lag, least_lag, newest_ts, newest_at, times, is_first] = *numbers else {
            return None;
        };
        let run = Self {
            since: Timestamp::from_micros(since),
            first_lag: Span::from_micros(first_lag),
            least_lag: Span::from_micros(least_lag),
            newest_ts: Timestamp::from_micros(newest_ts),
            newest_at: Timestamp::from_micros(newest_at),
            times: u32::try_from(times).ok()?,
            is_first: is_first != 0,
        };
        Some((run.times > 0).then_some(run))
    }
}

// === impl DeviceClock ===

impl Default for DeviceClock {
    fn default() -> Self {
        Self {
            clock: Clock::default(),
            offset: Span::ZERO,
            earlier: Timestamp::MIN,
            runs: Vec::new(),
        }
    }
}

impl DeviceClock {
    /// How many numbers a device's clock is.
    pub const NUMBERS: usize = 3 + MOST_RUNS * RUN_NUMBERS;

    /// Judges a record and, when it is accepted, moves the clock.
    #[inline]
    pub fn admit(&mut self, ts: Timestamp, append_time: Timestamp, rules: ClockRules) -> Admitted {
        let lag = append_time - ts;
        let side = side(lag - self.offset, rules);
        if side == Side::Within && self.offset == Span::ZERO {
            self.runs.clear();
            return self.take(ts, append_time, rules);
        }
        self.admit_unusual(ts, append_time, lag, side, rules)
    }

    /// Judges a correction or withdrawal. Its `ts` is that of an earlier reading, so it is no evidence of a wrong clock.
    pub fn admit_correction(&mut self, ts: Timestamp, append_time: Timestamp, rules: ClockRules) -> Admitted {
        self.take(ts, append_time, rules)
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
        // By the time that the device gives, without the offset.
        let as_given = self::side(lag, rules);
        if rules.past_skew.is_none() {
            return self.admit_as_given(ts, append_time, lag, as_given, rules);
        }
        // A clock that was ahead and is right may still be within bounds of its offset.
        let fits = side == Side::Within && (self.offset > Span::ZERO || as_given == Side::Ahead);
        let found = if self.is_set_forward(ts, side, as_given) {
            Some((lag, false))
        } else if fits {
            self.runs.clear();
            None
        } else {
            self.sustained(ts, append_time, lag)
        };
        let Some((lag, from_start)) = found else {
            return self.take(ts, append_time, rules);
        };
        self.begin_epoch(match self::side(lag, rules) {
            Side::Within => Span::ZERO,
            Side::Behind | Side::Ahead => lag,
        });
        Admitted {
            new_epoch: true,
            from_start,
            ..self.take(ts, append_time, rules)
        }
    }

    /// Where clocks are taken as they are, also one that was found to be wrong under other rules.
    fn admit_as_given(
        &mut self,
        ts: Timestamp,
        append_time: Timestamp,
        lag: Span,
        as_given: Side,
        rules: ClockRules,
    ) -> Admitted {
        let new_epoch = self.offset != Span::ZERO;
        if new_epoch {
            self.begin_epoch(Span::ZERO);
        }
        self.runs.clear();
        if as_given == Side::Ahead {
            self.runs.push(Run::beginning(ts, append_time, lag, false));
        }
        Admitted {
            new_epoch,
            ..self.take(ts, append_time, rules)
        }
    }

    /// Whether one reading tells that a clock that was behind was set forward: it is right again, or else it would have come
    /// before it was measured. One of an earlier epoch that is sent again does not tell, and neither does a wrong date.
    fn is_set_forward(&self, ts: Timestamp, side: Side, as_given: Side) -> bool {
        let is_beyond = as_given == Side::Within || (as_given == Side::Behind && side == Side::Ahead);
        self.offset > Span::ZERO && is_beyond && ts > self.earlier
    }

    fn begin_epoch(&mut self, offset: Span) {
        let newest = match self.clock.has_started() {
            true => self.clock.now() - self.offset,
            false => Timestamp::MIN,
        };
        *self = Self {
            offset,
            earlier: self.earlier.max(newest),
            ..Self::default()
        };
    }

    fn take(&mut self, ts: Timestamp, append_time: Timestamp, rules: ClockRules) -> Admitted {
        let at = ts + self.offset;
        Admitted {
            at,
            admission: self.clock.admit(at, append_time, rules),
            new_epoch: false,
            from_start: false,
        }
    }

    /// Adds a reading to its run. Of a run that has lasted: the smallest lag, and whether nothing within bounds came before.
    fn sustained(&mut self, ts: Timestamp, append_time: Timestamp, lag: Span) -> Option<(Span, bool)> {
        let goes_on = |run: &Run| run.is_at_pace(lag) && run.newest_ts < ts;
        if let Some(place) = self.runs.iter().position(goes_on) {
            let has_lasted = self.runs[place].advance(ts, append_time, lag);
            return has_lasted.then(|| (self.least_lag(place), self.runs[place].is_first));
        }
        // A repeat, or one of many readings of one coarse stamp: no evidence of the pace.
        let is_known = |run: &Run| run.is_at_pace(lag) || run.newest_ts == ts;
        if !self.runs.iter().any(is_known) {
            let is_first = !self.clock.has_started() || self.runs.iter().any(|run| run.is_first);
            if self.runs.len() == MOST_RUNS {
                let least_recent = (0..MOST_RUNS).min_by_key(|run| self.runs[*run].newest_at);
                self.runs.swap_remove(least_recent.unwrap_or_default());
            }
            self.runs.push(Run::beginning(ts, append_time, lag, is_first));
        }
        None
    }

    /// The smallest lag of a run and of those that go on beside it: a device that uploads in batches has several.
    fn least_lag(&self, place: usize) -> Span {
        let lasted = &self.runs[place];
        let is_ahead = |run: &Run| run.first_lag < self.offset;
        let goes_on = |run: &&Run| {
            run.times > 1
                && is_ahead(run) == is_ahead(lasted)
                && lasted.newest_at - run.newest_at <= LONGEST_GAP
        };
        let lags = self.runs.iter().filter(goes_on).map(|run| run.least_lag);
        lags.min().unwrap_or(lasted.least_lag)
    }

    /// What is added to a device's time in this epoch.
    pub const fn offset(&self) -> Span {
        self.offset
    }

    /// Where the clock stands, in effective time.
    pub const fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// How it stands to the broker's. A reading from the future tells of a clock that is ahead before that is sustained.
    pub fn standing(&self) -> Standing {
        let newest = self.runs.iter().max_by_key(|run| run.newest_at);
        match (self.offset, newest.filter(|run| run.first_lag < self.offset)) {
            (Span::ZERO, Some(run)) => Standing::Ahead(-run.least_lag),
            (Span::ZERO, None) => Standing::Right,
            (offset, _) if offset > Span::ZERO => Standing::Behind(offset),
            (offset, _) => Standing::Ahead(-offset),
        }
    }

    /// As plain numbers, for a snapshot.
    pub fn to_numbers(&self) -> [i64; Self::NUMBERS] {
        let mut numbers = [0; Self::NUMBERS];
        let own = [
            self.clock.now().micros(),
            self.offset.micros(),
            self.earlier.micros(),
        ];
        numbers[..3].copy_from_slice(&own);
        for (into, run) in numbers[3..].chunks_exact_mut(RUN_NUMBERS).zip(&self.runs) {
            into.copy_from_slice(&run.to_numbers());
        }
        numbers
    }

    /// The clock that gave these numbers; none when no clock gives them.
    pub fn from_numbers(numbers: [i64; Self::NUMBERS]) -> Option<Self> {
        let [clock, offset, earlier, ..] = numbers;
        let runs = numbers[3..].chunks_exact(RUN_NUMBERS).map(Run::from_numbers);
        let runs: Option<Vec<Option<Run>>> = runs.collect();
        Some(Self {
            clock: Clock::at(Timestamp::from_micros(clock)),
            offset: Span::from_micros(offset),
            earlier: Timestamp::from_micros(earlier),
            runs: runs?.into_iter().flatten().collect(),
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
