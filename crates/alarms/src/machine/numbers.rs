//! A machine as plain numbers, for a snapshot, and back.

use wardwatch_event_time::Timestamp;

use super::{Flags, Machine, State, Unconfirmed};

// === impl Machine ===

impl Machine {
    /// How many numbers a machine is.
    pub const NUMBERS: usize = 12;

    /// The machine as plain numbers, for a snapshot.
    pub fn to_numbers(&self) -> [i64; Self::NUMBERS] {
        let [state, since, until, judged] = match self.state {
            State::Idle => [0, 0, 0, 0],
            State::Pending {
                since, due, judged, ..
            } => [1, since.micros(), due.micros(), judged.micros()],
            State::Active {
                since,
                flags,
                told,
                judged,
            } => {
                let flags = [flags.escalated, flags.accepted, flags.unknown];
                let bits = (0..).zip(flags).map(|(bit, flag)| i64::from(flag) << bit);
                [
                    2 + bits.sum::<i64>(),
                    since.micros(),
                    told.micros(),
                    judged.micros(),
                ]
            }
        };
        let none = Unconfirmed {
            since: Timestamp::MIN,
            due: Timestamp::MIN,
            newest: Timestamp::MIN,
            times: 0,
        };
        let worse = self.worse.unwrap_or(none);
        let judged_at = match self.state {
            State::Pending { judged_at, .. } => judged_at,
            State::Idle | State::Active { .. } => Timestamp::MIN,
        };
        let last_start = self.last_start.unwrap_or(Timestamp::MIN).micros();
        [
            state,
            since,
            until,
            judged,
            worse.since.micros(),
            worse.due.micros(),
            worse.newest.micros(),
            i64::from(worse.times),
            last_start,
            i64::from(self.next_ordinal),
            self.armed.unwrap_or(Timestamp::MAX).micros(),
            judged_at.micros(),
        ]
    }

    /// The machine that gave these numbers; none when no machine gives them.
    pub fn from_numbers(numbers: [i64; Self::NUMBERS]) -> Option<Self> {
        let [state, .., worse_times, _, next_ordinal, _, _] = numbers;
        let at = |place: usize| Timestamp::from_micros(numbers[place]);
        let state = match state {
            0 => State::Idle,
            1 => State::Pending {
                since: at(1),
                due: at(2),
                judged: at(3),
                judged_at: at(11),
            },
            2..=9 => State::Active {
                since: at(1),
                flags: Flags {
                    escalated: (state - 2) & 1 != 0,
                    accepted: (state - 2) & 2 != 0,
                    unknown: (state - 2) & 4 != 0,
                },
                told: at(2),
                judged: at(3),
            },
            _ => return None,
        };
        let times = u32::try_from(worse_times).ok()?;
        let worse = (times > 0).then(|| Unconfirmed {
            since: at(4),
            due: at(5),
            newest: at(6),
            times,
        });
        Some(Self {
            state,
            worse,
            armed: Some(at(10)).filter(|armed| *armed != Timestamp::MAX),
            last_start: Some(at(8)).filter(|start| *start != Timestamp::MIN),
            next_ordinal: next_ordinal.try_into().ok()?,
        })
    }
}
