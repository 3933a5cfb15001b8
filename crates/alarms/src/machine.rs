//! One alarm condition of one patient.
//!
//! ```text
//!             violating (for > 0)             for has passed, or at once
//!    Idle ───────────────────────▶ Pending ───────────────────────────────▶ Active ──┐ repeat, escalate
//!      ▲  ◀─────────────────────────  │                                       │  ▲────┘
//!      │       no longer violating                                            │
//!      └──────────────────────────────────────────────────────────────────────┘ clear, discharge, forgotten
//! ```
//!
//! A judgement comes from an observation (a limit) or from the close of a window (a score, a model). `for` is satisfied
//! in event time when a later judgement is still violating, or in log time when nothing follows for that long: a single
//! low value and then silence is no reason to wait for ever. The second way holds up to the judgement's maximum age;
//! beyond it the state is unknown, and the patient's silence has an alarm of its own.
//!
//! Whoever accepts an active condition is not told of it again until it becomes worse.
//!
//! ALARM-1: a condition starts before it is updated, escalated or ended, and ends at most once.
//! ALARM-2: no two transitions of a machine share condition start and ordinal.
//! ALARM-3: a machine moves only by judgements, due timers, acceptance and the end of monitoring.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wardwatch_event_time::{Span, Timestamp};

/// What an alarm's definition says of its timing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How long a violation must last.
    pub hold_for: Span,
    /// How long a judgement stays valid when no other follows.
    pub max_age: Span,
    /// After how long an active condition is told of again.
    pub repeat_after: Option<Span>,
}

/// How a value stands to an alarm's thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// No statement can be made: a score that is partial, a model that cannot speak.
    Unknown,
    /// Within the thresholds that end a condition.
    Clear,
    /// Neither violating nor clear: between the two thresholds of a hysteresis.
    Between,
    /// Violating.
    Violating,
    /// Violating the worse limit that bypasses the delay.
    AtOnce,
}

/// The change that an alert tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The condition began.
    Start,
    /// It goes on.
    Update,
    /// It has become worse.
    Escalate,
    /// Somebody has accepted it.
    Accept,
    /// It is over.
    End,
}

/// Why a condition ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The values are within bounds again.
    Cleared,
    /// The patient was discharged.
    Discharged,
    /// No data came for so long that the patient is no longer monitored.
    Forgotten,
    /// The pipeline was edited, and no longer has the alarm.
    Removed,
}

/// One change of a condition, to be told of by one alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// What changed.
    pub phase: Phase,
    /// When the condition began, in event time.
    pub condition_start: Timestamp,
    /// The alert's place among those of this condition start.
    pub ordinal: u32,
    /// When it was due, in log time.
    pub at: Timestamp,
    /// Why it ended, for [`Phase::End`].
    pub reason: Option<EndReason>,
    /// Whether the condition goes on, beyond the worse limit.
    pub escalated: bool,
}

/// What a machine has told last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// Whether the condition goes on.
    pub active: bool,
    /// Beyond the worse limit.
    pub escalated: bool,
    /// Accepted by somebody.
    pub accepted: bool,
    /// When the condition began, in event time.
    pub condition_start: Timestamp,
    /// The alert's place among those of this condition start.
    pub ordinal: u32,
    /// When it was told, in log time.
    pub at: Timestamp,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Idle,
    Pending {
        since: Timestamp,
        due: Timestamp,
        judged: Timestamp,
    },
    Active {
        since: Timestamp,
        escalated: bool,
        accepted: bool,
        told: Timestamp,
    },
}

/// The state of one alarm condition of one patient: 56 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    state: State,
    /// The newest condition start that was told of, and the next ordinal under it.
    last_start: Option<Timestamp>,
    next_ordinal: u32,
}

// === impl Phase ===

impl Phase {
    /// The phase's name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Update => "update",
            Self::Escalate => "escalate",
            Self::Accept => "accept",
            Self::End => "end",
        }
    }
}

// === impl Machine ===

impl Machine {
    /// How many numbers a machine is.
    pub const NUMBERS: usize = 6;

    /// Takes a judgement of data from `event_time`, at log time `now`.
    pub fn judge(
        &mut self,
        judgement: Judgement,
        event_time: Timestamp,
        now: Timestamp,
        rules: Rules,
    ) -> Option<Transition> {
        use Judgement::{AtOnce, Between, Clear, Unknown, Violating};
        match (self.state, judgement) {
            (_, Unknown) | (State::Idle, Clear | Between) => None,
            (State::Idle, AtOnce) => Some(self.start(event_time, now, true)),
            (State::Idle, Violating) if rules.hold_for <= Span::ZERO => {
                Some(self.start(event_time, now, false))
            }
            (State::Idle, Violating) => {
                self.state = State::Pending {
                    since: event_time,
                    due: now + rules.hold_for,
                    judged: event_time,
                };
                None
            }
            (State::Pending { .. }, Clear | Between) => {
                self.state = State::Idle;
                None
            }
            (State::Pending { since, .. }, AtOnce) => Some(self.start(since, now, true)),
            (State::Pending { since, .. }, Violating) if event_time - since >= rules.hold_for => {
                Some(self.start(since, now, false))
            }
            (State::Pending { since, due, .. }, Violating) => {
                self.state = State::Pending {
                    since,
                    due,
                    judged: event_time,
                };
                None
            }
            (State::Active { .. }, Between | Violating) => None,
            (
                State::Active {
                    since,
                    escalated: false,
                    ..
                },
                AtOnce,
            ) => {
                self.state = State::Active {
                    since,
                    escalated: true,
                    accepted: false,
                    told: now,
                };
                Some(self.tell(Phase::Escalate, since, now, None))
            }
            (State::Active { .. }, AtOnce) => None,
            (State::Active { since, .. }, Clear) => {
                self.state = State::Idle;
                Some(self.tell(Phase::End, since, now, Some(EndReason::Cleared)))
            }
        }
    }

    /// When this machine next needs [`Machine::on_time`], in log time.
    pub fn due(&self, rules: Rules) -> Option<Timestamp> {
        match self.state {
            State::Idle => None,
            State::Pending { due, .. } => Some(due),
            State::Active { accepted: true, .. } => None,
            State::Active { told, .. } => rules.repeat_after.map(|after| told + after),
        }
    }

    /// Fires what is due by log time `now`; nothing when the timer was overtaken by a judgement.
    pub fn on_time(&mut self, now: Timestamp, rules: Rules) -> Option<Transition> {
        let due = self.due(rules).filter(|due| *due <= now)?;
        match self.state {
            State::Idle => None,
            State::Pending { judged, .. } if due - judged > rules.max_age => {
                self.state = State::Idle;
                None
            }
            State::Pending { since, .. } => Some(self.start(since, due, false)),
            State::Active {
                since,
                escalated,
                accepted,
                ..
            } => {
                self.state = State::Active {
                    since,
                    escalated,
                    accepted,
                    told: due,
                };
                Some(self.tell(Phase::Update, since, due, None))
            }
        }
    }

    /// Somebody accepts the condition that began then. Nothing when it is over, another one, or accepted already.
    pub fn accept(&mut self, condition_start: Timestamp, now: Timestamp) -> Option<Transition> {
        match &mut self.state {
            State::Active { since, accepted, .. } if *since == condition_start && !*accepted => {
                *accepted = true;
                Some(self.tell(Phase::Accept, condition_start, now, None))
            }
            _ => None,
        }
    }

    /// Ends whatever is active, because the patient is no longer monitored.
    pub fn end(&mut self, now: Timestamp, reason: EndReason) -> Option<Transition> {
        let state = std::mem::take(&mut self.state);
        match state {
            State::Active { since, .. } => Some(self.tell(Phase::End, since, now, Some(reason))),
            State::Idle | State::Pending { .. } => None,
        }
    }

    /// A machine that has told this last, whatever came before: as much as the alarms topic keeps of it.
    pub fn after(told: &Told) -> Self {
        let state = match told.active {
            false => State::Idle,
            true => State::Active {
                since: told.condition_start,
                escalated: told.escalated,
                accepted: told.accepted,
                told: told.at,
            },
        };
        Self {
            state,
            last_start: Some(told.condition_start),
            next_ordinal: told.ordinal + 1,
        }
    }

    /// The same machine, with the names of alerts that it has used by the time it told this.
    pub fn with_names_of(self, told: &Told) -> Self {
        Self {
            last_start: Some(told.condition_start),
            next_ordinal: told.ordinal + 1,
            ..self
        }
    }

    /// The machine under other rules: what it told stands; what it only waited for begins anew.
    #[must_use]
    pub fn under_other_rules(self) -> Self {
        match self.state {
            State::Pending { .. } => Self {
                state: State::Idle,
                ..self
            },
            State::Idle | State::Active { .. } => self,
        }
    }

    /// The machine as plain numbers, for a snapshot.
    pub fn to_numbers(&self) -> [i64; Self::NUMBERS] {
        let [state, since, until, judged] = match self.state {
            State::Idle => [0, 0, 0, 0],
            State::Pending { since, due, judged } => [1, since.micros(), due.micros(), judged.micros()],
            State::Active {
                since,
                escalated,
                accepted,
                told,
            } => {
                let state = 2 + i64::from(escalated) + 2 * i64::from(accepted);
                [state, since.micros(), told.micros(), 0]
            }
        };
        let last_start = self.last_start.unwrap_or(Timestamp::MIN).micros();
        [
            state,
            since,
            until,
            judged,
            last_start,
            i64::from(self.next_ordinal),
        ]
    }

    /// The machine that gave these numbers; none when no machine gives them.
    pub fn from_numbers(
        [state, since, until, judged, last_start, next_ordinal]: [i64; Self::NUMBERS],
    ) -> Option<Self> {
        let (since, until) = (Timestamp::from_micros(since), Timestamp::from_micros(until));
        let state = match state {
            0 => State::Idle,
            1 => State::Pending {
                since,
                due: until,
                judged: Timestamp::from_micros(judged),
            },
            2..=5 => State::Active {
                since,
                escalated: state % 2 == 1,
                accepted: state >= 4,
                told: until,
            },
            _ => return None,
        };
        let last_start = Some(Timestamp::from_micros(last_start)).filter(|start| *start != Timestamp::MIN);
        Some(Self {
            state,
            last_start,
            next_ordinal: next_ordinal.try_into().ok()?,
        })
    }

    /// Whether nothing is going on: neither active nor waiting to be. A judgement that is clear then changes nothing.
    pub fn is_idle(&self) -> bool {
        self.state == State::Idle
    }

    /// Whether the condition is active.
    pub fn is_active(&self) -> bool {
        matches!(self.state, State::Active { .. })
    }

    fn start(&mut self, since: Timestamp, now: Timestamp, escalated: bool) -> Transition {
        self.state = State::Active {
            since,
            escalated,
            accepted: false,
            told: now,
        };
        self.tell(Phase::Start, since, now, None)
    }

    fn tell(
        &mut self,
        phase: Phase,
        since: Timestamp,
        now: Timestamp,
        reason: Option<EndReason>,
    ) -> Transition {
        // A revision of a window can begin a condition anew at the same event time: its ordinals go on.
        if self.last_start != Some(since) {
            self.last_start = Some(since);
            self.next_ordinal = 0;
        }
        let ordinal = self.next_ordinal;
        self.next_ordinal += 1;
        let escalated = matches!(self.state, State::Active { escalated: true, .. });
        Transition {
            phase,
            condition_start: since,
            ordinal,
            at: now,
            reason,
            escalated,
        }
    }
}

#[cfg(test)]
mod tests;
