//! Append times against the engine's clock: whether the leader of a partition has the time that the others have.
//!
//! A record cannot have come after now: one that says so comes from a leader whose clock is ahead. One that says it came long ago
//! may have waited; but where the newest records of a partition that is read to its end all say so, its leader is behind.

use std::time::{Duration, Instant};

use wardwatch_event_time::Span;

/// What is no more than the way from a broker to here, and clocks as they usually run.
pub(crate) const TOLERANCE: Span = Span::from_secs(2);

/// For so long the newest records all have to be behind; and for so long one that is ahead is told of.
const OVER: Duration = Duration::from_secs(10);
const SHOWN: Duration = Duration::from_secs(60);

/// As far on the other side.
pub(super) fn minus(span: Span) -> Span {
    Span::from_micros(-span.micros())
}

/// The newest append times of one partition.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stamps {
    ahead: Option<(Instant, Span)>,
    /// Since when records come at the end of the log that are all behind; the least of it, and the last of them.
    behind: Option<(Instant, Span, Instant)>,
}

// === impl Stamps ===

impl Stamps {
    /// Takes in by how much a record is ahead of the engine's clock at its arrival; whether it is the first since its partition
    /// `was_at_end`, or one of a backlog.
    pub(crate) fn note(&mut self, ahead: Span, was_at_end: bool, now: Instant) {
        if ahead > TOLERANCE {
            self.ahead = Some((now, ahead));
        }
        let behind = minus(ahead);
        self.behind = match self.behind {
            _ if behind <= TOLERANCE || !was_at_end => None,
            Some((since, least, _)) => Some((since, least.min(behind), now)),
            None => Some((now, behind, now)),
        };
    }

    /// By how much the leader's clock is ahead of the engine's, where they are apart.
    pub(crate) fn apart(&self, now: Instant) -> Option<Span> {
        let ahead = self
            .ahead
            .filter(|(last, _)| now.duration_since(*last) < SHOWN)
            .map(|(_, ahead)| ahead);
        let behind = self.behind.filter(|(since, _, last)| {
            last.duration_since(*since) >= OVER && now.duration_since(*last) < SHOWN
        });
        ahead.or(behind.map(|(_, least, _)| minus(least)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record a second, so many milliseconds ahead; what is told after the last, in seconds.
    #[allow(clippy::disallowed_methods, reason = "an instant to count from")]
    fn told(records: &[(i64, bool)], later: u64) -> Option<i64> {
        let begun = Instant::now();
        let at = |second| begun + Duration::from_secs(second);
        let mut stamps = Stamps::default();
        for (second, (ahead, is_at_end)) in (0..).zip(records) {
            stamps.note(Span::from_millis(*ahead), *is_at_end, at(second));
        }
        let apart = stamps.apart(at(records.len() as u64 - 1 + later));
        apart.map(|apart| apart.micros() / 1_000_000)
    }

    #[test]
    fn a_leader_that_is_ahead_is_told_at_once_and_for_a_minute() {
        assert_eq!(told(&[(-20, true), (3_600_000, true)], 0), Some(3_600));
        assert_eq!(
            told(&[(-20, true), (3_600_000, true), (-20, true)], 50),
            Some(3_600)
        );
        assert_eq!(told(&[(3_600_000, true)], 61), None);
        assert_eq!(told(&[(1_900, true)], 0), None);
    }

    #[test]
    fn a_leader_that_is_behind_is_told_when_it_stays_so() {
        assert_eq!(told(&[(-5_000, true); 11], 0), Some(-5));
        assert_eq!(told(&[(-5_000, true); 10], 0), None);
        // A backlog that is worked off, and one record of a moment ago among others.
        assert_eq!(told(&[(-60_000, false); 20], 0), None);
        let mut one = vec![(-5_000, true); 20];
        one[15] = (-30, true);
        assert_eq!(told(&one, 0), None);
    }
}
