//! Whether the vital signs that rules read still come.
//!
//! ```text
//!   usable reading ─── lost_after, or its maximum age ───▶ due
//!                                                           │ its source goes on        ─▶ lost:VITAL
//!                                                           │ charted by people         ─▶ overdue, one a patient
//!                                                           │ nothing of its source     ─▶ wait: it may be silent as a whole
//!                                                           └ all its sources silent    ─▶ nothing; what is active is superseded
//! ```
//!
//! A reading is *usable* if it is the newest of its vital sign and within its maximum age. Time is the log's: a device whose
//! clock stands still sends nothing usable either. Who has sent only what was too old when it came is missed likewise.
//!
//! PRESENT-1: no vital sign that a rule reads is past its maximum age without an active technical alarm, but for
//! [`SETTLE`] after its source began or went on.

use std::sync::Arc;

use wardwatch_alarms::{EndReason, Judgement, Machine};
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_pipeline::Pipeline;

use crate::Shard;
use crate::patient::Patient;
use crate::shard::Io;
use crate::technical::{LOOK_AGAIN, RULES, Technical, just_before};
use crate::timers::TimerKind;

/// A source that begins, or goes on after a pause, has so long to send each of its vital signs: they may come message by message.
pub(crate) const SETTLE: Span = Span::from_secs(10);

/// When vital signs of a patient came last, and who has sent them.
#[derive(Clone, Debug)]
pub(crate) struct Presence {
    /// By vital sign: log time of the newest usable reading; `MIN` before the first.
    pub(crate) usable_at: [Timestamp; VitalSign::COUNT],
    /// By vital sign: the sources that have sent it, a bit each.
    pub(crate) sources: [u16; VitalSign::COUNT],
    /// Vital signs whose device said last that it measured nothing, a bit each.
    pub(crate) absent: u32,
    /// Vital signs that people chart and that are overdue, a bit each.
    pub(crate) overdue_signs: u32,
    /// Those that were told last.
    pub(crate) overdue_told: u32,
    /// Vital signs that the timer looks after, a bit each: neither missing nor superseded.
    pub(crate) expected: u32,
    /// When its timer fires; `MAX` while none is set.
    pub(crate) timer: Timestamp,
    /// By vital sign; empty before the first is lost.
    pub(crate) lost: Vec<Machine>,
    pub(crate) overdue: Machine,
}

/// What is to be done about a vital sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Nothing before then.
    Until(Timestamp),
    /// All its sources are silent, which has an alarm of its own.
    Superseded,
    /// It does not come any more.
    Gone,
}

// === impl Presence ===

impl Default for Presence {
    fn default() -> Self {
        Self {
            usable_at: [Timestamp::MIN; VitalSign::COUNT],
            sources: [0; VitalSign::COUNT],
            absent: 0,
            overdue_signs: 0,
            overdue_told: 0,
            expected: 0,
            timer: Timestamp::MAX,
            lost: Vec::new(),
            overdue: Machine::default(),
        }
    }
}

impl Presence {
    /// The machine of a vital sign; none for a number that is no vital sign's.
    pub(crate) fn lost_mut(&mut self, vital: usize) -> Option<&mut Machine> {
        if self.lost.is_empty() && vital < VitalSign::COUNT {
            self.lost = vec![Machine::default(); VitalSign::COUNT];
        }
        self.lost.get_mut(vital)
    }

    /// Notes a usable reading of a vital sign; whether it is the first, ends an alarm, or comes when none was expected any more.
    #[inline]
    pub(crate) fn renew(&mut self, vital: VitalSign, source: usize, now: Timestamp) -> bool {
        let usable_at = &mut self.usable_at[vital.index()];
        *usable_at = now;
        self.sources[vital.index()] |= 1 << source;
        self.absent &= !bit(vital);
        self.expected & bit(vital) == 0 || self.is_missed(vital)
    }

    /// Notes a reading that was too old when it arrived. Returns whether its vital sign is neither expected nor reported missing.
    pub(crate) fn note_too_old(&mut self, vital: VitalSign, source: usize) -> bool {
        self.sources[vital.index()] |= 1 << source;
        self.expected & bit(vital) == 0 && !self.is_missed(vital)
    }

    /// Whether it is told that a vital sign is lost or overdue.
    fn is_missed(&self, vital: VitalSign) -> bool {
        self.overdue_signs & bit(vital) != 0 || self.is_lost(vital)
    }

    pub(crate) fn is_lost(&self, vital: VitalSign) -> bool {
        self.lost.get(vital.index()).is_some_and(Machine::is_active)
    }

    pub(crate) fn is_absent(&self, vital: VitalSign) -> bool {
        self.absent & bit(vital) != 0
    }

    /// Vital signs that people chart and that are overdue.
    pub(crate) fn overdue_vitals(&self) -> impl Iterator<Item = VitalSign> + '_ {
        let all = VitalSign::ALL.into_iter();
        all.filter(|vital| self.overdue_signs & bit(*vital) != 0)
    }
}

/// When a source that went on then has settled.
pub(crate) fn settled(went_on_at: Timestamp) -> Timestamp {
    went_on_at + SETTLE + Span::from_micros(1)
}

/// A vital sign as a bit.
pub(crate) fn bit(vital: VitalSign) -> u32 {
    1 << vital.index()
}

// === impl Patient ===

impl Patient {
    /// When a vital sign is due: after [`Pipeline::lost_after`] in log time, and when its value becomes too old.
    fn due_of(&self, vital: VitalSign, pipeline: &Pipeline) -> Timestamp {
        let vital = vital.index();
        let after = self.presence.usable_at[vital] + pipeline.lost_after[vital] + Span::from_micros(1);
        match self.latest[vital].is_known() {
            true => after.min(self.too_old_at(vital, pipeline)),
            false => after,
        }
    }

    /// A value may be as old as its maximum age; just after that it is too old.
    fn too_old_at(&self, vital: usize, pipeline: &Pipeline) -> Timestamp {
        self.latest[vital].ts + pipeline.max_age[vital] + Span::from_micros(1)
    }

    /// Whether a vital sign comes from people, or from devices that upload when they like: nobody expects it on time.
    fn is_charted(&self, vital: VitalSign, pipeline: &Pipeline) -> bool {
        let senders = self.presence.sources[vital.index()];
        let mut sources = pipeline.sources.iter().enumerate();
        vital.info().charted
            || sources.all(|(source, rules)| senders & 1 << source == 0 || rules.charted || rules.trend_only)
    }

    fn verdict(&self, vital: VitalSign, now: Timestamp, pipeline: &Pipeline) -> Verdict {
        let due = self.due_of(vital, pipeline);
        if due > now {
            return Verdict::Until(due);
        }
        let usable_at = self.presence.usable_at[vital.index()];
        let of_vital = self.presence.sources[vital.index()];
        let senders = self.sources.iter().enumerate();
        let senders = senders.filter(|(source, _)| of_vital & 1 << source != 0);
        let active = senders
            .map(|(_, state)| state)
            .filter(|state| !state.silent.is_active());
        let message_by_message = SETTLE.min(pipeline.lost_after[vital.index()]);
        // Several that pause in turn do not hide that each goes on without it: one that has settled is enough.
        let (mut is_any_settled, mut goes_on, mut next_settled) = (false, false, Timestamp::MAX);
        for state in active {
            let settled = settled(state.went_on_at);
            if settled > now {
                next_settled = next_settled.min(settled);
                continue;
            }
            is_any_settled = true;
            goes_on |= state
                .heard_at
                .is_some_and(|heard_at| heard_at > usable_at + message_by_message);
        }
        let too_old = self.too_old_at(vital.index(), pipeline);
        if !is_any_settled {
            return match next_settled {
                Timestamp::MAX => Verdict::Superseded,
                settled => Verdict::Until(settled),
            };
        }
        if goes_on || too_old <= now || vital.info().charted {
            return Verdict::Gone;
        }
        // One of its sources may go on any time; of what people chart that is not waited for.
        let look_again = match self.is_charted(vital, pipeline) {
            true => next_settled,
            false => next_settled.min(now + LOOK_AGAIN),
        };
        Verdict::Until(too_old.min(look_again))
    }
}

// === impl Shard ===

impl Shard {
    /// A vital sign came that had not come before, or not for too long.
    #[cold]
    pub(crate) fn came_back(&mut self, slot: u32, vital: VitalSign, io: &mut Io<'_>) {
        let now = self.log_time;
        let pipeline = Arc::clone(&self.pipeline);
        let patient = self.patient_mut(slot);
        let due = patient.due_of(vital, &pipeline);
        let presence = &mut patient.presence;
        presence.expected |= bit(vital);
        let (is_lost, is_overdue) = (presence.is_lost(vital), presence.overdue_signs & bit(vital) != 0);
        let is_orphan = presence.overdue_signs == 0 && presence.overdue.is_active();
        self.arm_presence(slot, due);
        if is_orphan {
            // It was taken over from before a rebuild, and nobody knows of what it was about.
            self.end_alarm(slot, Technical::Overdue.place(), EndReason::Cleared, now, io);
        }
        if is_lost {
            self.move_lost(slot, vital, Judgement::Clear, now, io);
        }
        if is_overdue {
            // A round is charted value by value: what is still overdue is told when it has settled.
            let presence = &mut self.patient_mut(slot).presence;
            presence.overdue_signs &= !bit(vital);
            match presence.overdue_signs {
                0 => self.tell_overdue(slot, EndReason::Cleared, now, io),
                _ => self.arm_presence(slot, settled(now)),
            }
        }
    }

    /// The newest value of a vital sign was withdrawn, and nothing usable is left: another has a little time to come.
    pub(crate) fn withdrawn(&mut self, slot: u32, vital: VitalSign) {
        let due = self.log_time + SETTLE - self.pipeline.lost_after[vital.index()];
        let usable_at = &mut self.patient_mut(slot).presence.usable_at[vital.index()];
        *usable_at = due.min(*usable_at);
    }

    /// Looks at the patient's vital signs then, unless it is done earlier.
    pub(crate) fn arm_presence(&mut self, slot: u32, due: Timestamp) {
        let presence = &mut self.patient_mut(slot).presence;
        if due < presence.timer {
            presence.timer = due;
            self.set_timer(slot, TimerKind::Presence, due);
        }
    }

    pub(crate) fn presence_on_time(&mut self, slot: u32, due: Timestamp, io: &mut Io<'_>) {
        let presence = &mut self.patient_mut(slot).presence;
        // A timer that an earlier one has overtaken.
        if presence.timer == due {
            presence.timer = Timestamp::MAX;
            self.check_presence(slot, due, io);
        }
    }

    /// Looks at every vital sign of a patient: what is lost, overdue or superseded, and when to look again.
    pub(crate) fn check_presence(&mut self, slot: u32, now: Timestamp, io: &mut Io<'_>) {
        let pipeline = Arc::clone(&self.pipeline);
        let (mut next, mut expected, mut overdue, mut superseded) = (Timestamp::MAX, 0, 0, 0);
        // What is due now has been so since just before.
        let at = just_before(now);
        for vital in &pipeline.watched {
            let patient = self.patient_mut(slot);
            let was_usable = patient.presence.usable_at[vital.index()] != Timestamp::MIN;
            if !was_usable && !patient.latest[vital.index()].is_known() {
                continue;
            }
            let senders = patient.presence.sources[vital.index()];
            let is_charted = patient.is_charted(*vital, &pipeline);
            let is_held = self.held.iter().any(|source| senders & 1 << source != 0);
            let patient = self.patient_mut(slot);
            match patient.verdict(*vital, now, &pipeline) {
                Verdict::Until(due) => {
                    expected |= bit(*vital);
                    next = next.min(due);
                }
                // It may be among what the log does not show yet.
                Verdict::Gone if is_held => {
                    expected |= bit(*vital);
                    next = next.min(now + LOOK_AGAIN + Span::from_micros(1));
                }
                Verdict::Gone if is_charted => overdue |= bit(*vital),
                Verdict::Gone => self.move_lost(slot, *vital, Judgement::AtOnce, at, io),
                Verdict::Superseded => {
                    superseded |= bit(*vital);
                    let place = Technical::Lost(*vital).place();
                    self.end_alarm(slot, place, EndReason::Superseded, at, io);
                }
            }
        }
        let presence = &mut self.patient_mut(slot).presence;
        presence.expected = expected;
        let is_superseded = presence.overdue_signs & superseded != 0;
        presence.overdue_signs = (presence.overdue_signs | overdue) & !superseded;
        let reason = match is_superseded {
            true => EndReason::Superseded,
            false => EndReason::Cleared,
        };
        self.tell_overdue(slot, reason, at, io);
        self.arm_presence(slot, next);
    }

    fn move_lost(
        &mut self,
        slot: u32,
        vital: VitalSign,
        judgement: Judgement,
        now: Timestamp,
        io: &mut Io<'_>,
    ) {
        let machine = self.patient_mut(slot).presence.lost_mut(vital.index());
        let moved = machine.and_then(|machine| machine.judge(judgement, now, now, RULES));
        if let Some(transition) = moved {
            self.tell_technical(slot, Technical::Lost(vital), transition, io);
        }
    }

    /// Tells which vital signs that people chart are overdue, if those are others than were told last. A patient has one alarm for
    /// all of them.
    fn tell_overdue(&mut self, slot: u32, reason: EndReason, now: Timestamp, io: &mut Io<'_>) {
        let presence = &mut self.patient_mut(slot).presence;
        let (before, after) = (presence.overdue_told, presence.overdue_signs);
        presence.overdue_told = after;
        let machine = &mut presence.overdue;
        let moved = match (before, after) {
            (before, after) if before == after => None,
            (0, _) => machine.judge(Judgement::AtOnce, now, now, RULES),
            (_, 0) => machine.end(now, reason),
            _ => machine.update(now),
        };
        if let Some(transition) = moved {
            self.tell_technical(slot, Technical::Overdue, transition, io);
        }
    }
}
