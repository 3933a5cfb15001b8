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
//! low value and then silence is no reason to wait for ever. The second way holds up to the maximum age,
//! counted from when the judgement came: a value that was fresh then is not forgotten while it waits.
//!
//! The worse limit, which bypasses `for`, may ask to be confirmed: one wild reading then begins nothing by itself. It stays
//! *unconfirmed* until it has lasted, or has come so many times in a row, and the next reading that is not beyond the worse
//! limit drops it.
//!
//! An active condition that no judgement has decided for its maximum age becomes *unknown*: it says so once, is not repeated,
//! and stays open until a judgement decides.
//!
//! Whoever accepts an active condition is not told of it again until it becomes worse.
//!
//! ALARM-1: a condition starts before it is updated, escalated or ended, and ends at most once.
//! ALARM-2: no two transitions of a machine share condition start and ordinal.
//! ALARM-3: a machine moves only by judgements, due timers, acceptance and the end of monitoring.

mod numbers;

use wardwatch_event_time::{Span, Timestamp};

use crate::phase::{EndReason, Phase, Told, Transition};
use crate::rules::{Confirm, Judgement, Rules};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Idle,
    Pending {
        since: Timestamp,
        due: Timestamp,
        /// Event time of the newest judgement.
        judged: Timestamp,
        /// Log time of the newest judgement.
        judged_at: Timestamp,
    },
    Active {
        since: Timestamp,
        flags: Flags,
        told: Timestamp,
        /// When the newest judgement that decided was made, by the time that [`Known`] counts.
        judged: Timestamp,
    },
}

/// What else an active condition is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Flags {
    escalated: bool,
    accepted: bool,
    unknown: bool,
}

/// Beyond the worse limit, and not believed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Unconfirmed {
    since: Timestamp,
    /// When it is believed in log time; `MAX` where judgements are counted.
    due: Timestamp,
    newest: Timestamp,
    times: u32,
}

/// The state of one alarm condition of one patient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    state: State,
    worse: Option<Unconfirmed>,
    /// When its timer fires; `None` while none is set.
    armed: Option<Timestamp>,
    /// The newest condition start that was told of, and the next ordinal under it.
    last_start: Option<Timestamp>,
    next_ordinal: u32,
}

// === impl Machine ===

impl Machine {
    /// Takes a judgement of data from `event_time`, at log time `now`.
    pub fn judge(
        &mut self,
        judgement: Judgement,
        event_time: Timestamp,
        now: Timestamp,
        rules: Rules,
    ) -> Option<Transition> {
        if judgement == Judgement::Unknown {
            return None;
        }
        let judgement = self.believed(judgement, event_time, now, rules);
        let known_at = rules.known.since(event_time, now);
        match &mut self.state {
            State::Idle => self.judge_idle(judgement, event_time, now, rules),
            State::Pending {
                since,
                judged,
                judged_at,
                ..
            } => {
                let since = *since;
                match judgement {
                    Judgement::AtOnce => Some(self.start(since, known_at, now, true)),
                    Judgement::Violating if event_time - since >= rules.hold_for => {
                        Some(self.start(since, known_at, now, false))
                    }
                    Judgement::Violating => {
                        (*judged, *judged_at) = (event_time, now);
                        None
                    }
                    _ => {
                        self.state = State::Idle;
                        None
                    }
                }
            }
            State::Active { .. } => self.judge_active(judgement, known_at, now),
        }
    }

    fn judge_idle(
        &mut self,
        judgement: Judgement,
        event_time: Timestamp,
        now: Timestamp,
        rules: Rules,
    ) -> Option<Transition> {
        let known_at = rules.known.since(event_time, now);
        match judgement {
            Judgement::AtOnce => Some(self.start(event_time, known_at, now, true)),
            Judgement::Violating if rules.hold_for <= Span::ZERO => {
                Some(self.start(event_time, known_at, now, false))
            }
            Judgement::Violating => {
                self.state = State::Pending {
                    since: event_time,
                    due: now + rules.hold_for,
                    judged: event_time,
                    judged_at: now,
                };
                None
            }
            _ => None,
        }
    }

    fn judge_active(
        &mut self,
        judgement: Judgement,
        known_at: Timestamp,
        now: Timestamp,
    ) -> Option<Transition> {
        let State::Active {
            since,
            flags,
            told,
            judged,
        } = &mut self.state
        else {
            return None;
        };
        let (since, was_unknown) = (*since, flags.unknown);
        // It may be that of an older value: a newer one was withdrawn, or another device decides.
        *judged = known_at;
        flags.unknown = false;
        if judgement == Judgement::Clear {
            self.state = State::Idle;
            return Some(self.tell(Phase::End, since, now, Some(EndReason::Cleared)));
        }
        if judgement == Judgement::AtOnce && !flags.escalated {
            flags.escalated = true;
            flags.accepted = false;
            *told = now;
            return Some(self.tell(Phase::Escalate, since, now, None));
        }
        if was_unknown {
            *told = now;
            return Some(self.tell(Phase::Update, since, now, None));
        }
        None
    }

    /// The judgement as far as it is believed: a violation of the worse limit that is not confirmed is an ordinary one.
    fn believed(
        &mut self,
        judgement: Judgement,
        event_time: Timestamp,
        now: Timestamp,
        rules: Rules,
    ) -> Judgement {
        if judgement != Judgement::AtOnce || rules.confirm == Confirm::Never {
            self.worse = None;
            return judgement;
        }
        if matches!(self.state, State::Active { flags, .. } if flags.escalated) {
            return judgement;
        }
        let worse = self.worse.get_or_insert(Unconfirmed {
            since: event_time,
            due: match rules.confirm {
                Confirm::For(span) => now + span,
                Confirm::Never | Confirm::Times(_) => Timestamp::MAX,
            },
            newest: Timestamp::MIN,
            times: 0,
        });
        if event_time > worse.newest {
            worse.newest = event_time;
            worse.times += 1;
        }
        let is_confirmed = match rules.confirm {
            Confirm::Never => true,
            Confirm::For(span) => event_time - worse.since >= span,
            Confirm::Times(times) => worse.times >= times,
        };
        if is_confirmed {
            self.worse = None;
            Judgement::AtOnce
        } else {
            Judgement::Violating
        }
    }

    /// When this machine next needs [`Machine::on_time`], in log time.
    pub fn due(&self, rules: Rules) -> Option<Timestamp> {
        let worse = self.worse.map(|worse| worse.due);
        let worse = worse.filter(|due| *due != Timestamp::MAX);
        let own = match self.state {
            State::Idle => None,
            State::Pending { due, .. } => Some(due),
            State::Active { flags, .. } if flags.unknown => None,
            State::Active {
                flags, told, judged, ..
            } => {
                let repeat = rules.repeat_after.filter(|_| !flags.accepted);
                let repeat = repeat.map(|after| told + after);
                let unknown = rules.known.ends(judged).map(|ends| ends.max(told));
                repeat.into_iter().chain(unknown).min()
            }
        };
        worse.into_iter().chain(own).min()
    }

    /// When a timer has to be set for it; nothing while one is set that fires by then. Whoever sets it calls
    /// [`Machine::disarm`] when it fires.
    pub fn arm(&mut self, rules: Rules) -> Option<Timestamp> {
        let due = self.due(rules)?;
        if self.armed.is_some_and(|armed| armed <= due) {
            return None;
        }
        self.armed = Some(due);
        Some(due)
    }

    /// A timer fired at log time `now`.
    pub fn disarm(&mut self, now: Timestamp) {
        self.armed = self.armed.filter(|armed| *armed > now);
    }

    /// Fires what is due by log time `now`; nothing when the timer was overtaken by a judgement.
    pub fn on_time(&mut self, now: Timestamp, rules: Rules) -> Option<Transition> {
        let due = self.due(rules).filter(|due| *due <= now)?;
        if let Some(worse) = self.worse.filter(|worse| worse.due <= due) {
            self.worse = None;
            let known_at = rules.known.since(worse.newest, due);
            return match self.state {
                _ if due - worse.newest > rules.max_age => None,
                State::Idle => Some(self.start(worse.since, known_at, due, true)),
                State::Pending { since, .. } => Some(self.start(since, known_at, due, true)),
                State::Active { .. } => self.judge_active(Judgement::AtOnce, known_at, due),
            };
        }
        match &mut self.state {
            State::Idle => None,
            State::Pending {
                judged, judged_at, ..
            } if due - *judged_at > rules.max_age
                || rules.known.is_over(rules.known.since(*judged, *judged_at), due) =>
            {
                self.state = State::Idle;
                None
            }
            State::Pending { since, judged, .. } => {
                let (since, known_at) = (*since, rules.known.since(*judged, due));
                Some(self.start(since, known_at, due, false))
            }
            State::Active {
                since,
                flags,
                told,
                judged,
            } => {
                let since = *since;
                // It is unknown since just before, but not since before it was told.
                let at = (due - Span::from_micros(1)).max(*told);
                *told = due;
                let is_unknown = rules.known.is_over(*judged, due);
                flags.unknown = is_unknown;
                match is_unknown {
                    true => Some(self.tell(Phase::Unknown, since, at, None)),
                    false => Some(self.tell(Phase::Update, since, due, None)),
                }
            }
        }
    }

    /// What is active goes on, and there is something new to say of it.
    pub fn update(&mut self, now: Timestamp) -> Option<Transition> {
        let State::Active { since, told, .. } = &mut self.state else {
            return None;
        };
        *told = now;
        let since = *since;
        Some(self.tell(Phase::Update, since, now, None))
    }

    /// Somebody accepts the condition that began then. Nothing when it is over, another one, or accepted already.
    pub fn accept(&mut self, condition_start: Timestamp, now: Timestamp) -> Option<Transition> {
        match &mut self.state {
            State::Active { since, flags, .. } if *since == condition_start && !flags.accepted => {
                flags.accepted = true;
                Some(self.tell(Phase::Accept, condition_start, now, None))
            }
            _ => None,
        }
    }

    /// Ends whatever is active, because the patient is no longer monitored.
    pub fn end(&mut self, now: Timestamp, reason: EndReason) -> Option<Transition> {
        self.worse = None;
        self.armed = None;
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
                flags: Flags {
                    escalated: told.escalated,
                    accepted: told.accepted,
                    unknown: told.unknown,
                },
                told: told.at,
                judged: told.at,
            },
        };
        Self {
            state,
            worse: None,
            armed: None,
            last_start: Some(told.condition_start),
            next_ordinal: told.ordinal + 1,
        }
    }

    /// As [`Machine::after`], with the newest judgement that this machine, of the same condition, has seen.
    #[must_use]
    pub fn taken_over(&self, told: &Told) -> Self {
        let mut machine = Self::after(told);
        let seen = match self.state {
            State::Idle => None,
            State::Pending { judged, .. } | State::Active { judged, .. } => Some(judged),
        };
        if let (State::Active { judged, .. }, Some(seen)) = (&mut machine.state, seen) {
            *judged = seen;
        }
        machine
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
                worse: None,
                armed: None,
                ..self
            },
            State::Idle | State::Active { .. } => Self {
                worse: None,
                armed: None,
                ..self
            },
        }
    }

    /// Whether nothing is going on: neither active nor waiting to be. A judgement that is clear then changes nothing.
    pub fn is_idle(&self) -> bool {
        self.state == State::Idle && self.worse.is_none()
    }

    /// When the condition began that is active, in event time.
    pub fn began_at(&self) -> Option<Timestamp> {
        match self.state {
            State::Active { since, .. } => Some(since),
            State::Idle | State::Pending { .. } => None,
        }
    }

    /// Whether the condition is active.
    pub fn is_active(&self) -> bool {
        matches!(self.state, State::Active { .. })
    }

    fn start(&mut self, since: Timestamp, judged: Timestamp, now: Timestamp, escalated: bool) -> Transition {
        self.state = State::Active {
            since,
            flags: Flags {
                escalated,
                ..Flags::default()
            },
            told: now,
            judged,
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
        let flags = match self.state {
            State::Active { flags, .. } => flags,
            State::Idle | State::Pending { .. } => Flags::default(),
        };
        Transition {
            phase,
            condition_start: since,
            ordinal,
            at: now,
            reason,
            escalated: flags.escalated,
            unknown: flags.unknown,
            accepted: flags.accepted,
        }
    }
}

#[cfg(test)]
mod tests;
