//! Technical alarms by name: a source that has gone silent, a device whose clock is wrong, records or a vital sign that was lost.

use wardwatch_alarms::{Confirm, EndReason, Judgement, Known, Machine, Rules};
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_inference::Scorer;

use crate::patient::{MachineKind, MachinePlace};
use crate::presence::{SETTLE, settled};
use crate::shard::Io;
use crate::timers::TimerKind;
use crate::{Outputs, Shard};

/// After which time it is looked again whether a source that the log held up is silent.
pub(crate) const LOOK_AGAIN: Span = Span::from_secs(1);

/// How long it is shown that records were lost: long enough to be seen. What a score misses, it says by itself.
const SHOWN: Span = Span::from_secs(900);

/// Technical alarms begin and end at once; the waiting is in what calls for them.
pub(crate) const RULES: Rules = Rules {
    hold_for: Span::ZERO,
    max_age: Span::ZERO,
    repeat_after: None,
    confirm: Confirm::Never,
    known: Known::Always,
};

/// What a technical alarm is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Technical {
    /// A source, by its index.
    Silent(usize),
    /// A source, by its index.
    DeviceClock(usize),
    /// A source, by its index.
    RecordsLost(usize),
    Lost(VitalSign),
    Overdue,
}

// === impl Technical ===

impl Technical {
    /// Where its machine stands.
    pub(crate) fn place(self) -> MachinePlace {
        let (kind, index) = match self {
            Self::Silent(source) => (MachineKind::Silent, source),
            Self::DeviceClock(source) => (MachineKind::DeviceClock, source),
            Self::RecordsLost(source) => (MachineKind::RecordsLost, source),
            Self::Lost(vital) => (MachineKind::Lost, vital.index()),
            Self::Overdue => (MachineKind::Overdue, 0),
        };
        MachinePlace {
            kind,
            index: index as u16,
        }
    }

    /// What the machine at a place is about; none where that is no technical alarm.
    pub(crate) fn at(MachinePlace { kind, index }: MachinePlace) -> Option<Self> {
        match kind {
            MachineKind::Limit | MachineKind::Condition => None,
            MachineKind::Silent => Some(Self::Silent(usize::from(index))),
            MachineKind::DeviceClock => Some(Self::DeviceClock(usize::from(index))),
            MachineKind::RecordsLost => Some(Self::RecordsLost(usize::from(index))),
            MachineKind::Lost => VitalSign::from_index(index as u8).map(Self::Lost),
            MachineKind::Overdue => Some(Self::Overdue),
        }
    }
}

// === impl Shard ===

impl Shard {
    /// A message came that is not of the future: the source is not silent.
    #[inline]
    pub(crate) fn heard(&mut self, slot: u32, source: usize, io: &mut Io<'_>) {
        let now = self.log_time;
        let patient = self.patient_mut(slot);
        patient.heard_at = now;
        let state = &mut patient.sources[source];
        let before = state.heard_at.replace(now);
        let was_silent = state.silent.is_active();
        let after_pause = before.is_some_and(|before| now - before > SETTLE);
        if before.is_some() && !was_silent && !after_pause {
            return;
        }
        let rules = &self.pipeline.sources[source];
        if (before.is_none() || was_silent) && !rules.trend_only {
            self.set_timer(slot, silence(source), silent_at(now, rules.silent_after));
        }
        self.patient_mut(slot).sources[source].went_on_at = now;
        self.arm_presence(slot, settled(now));
        if was_silent {
            self.set_silence(slot, source, Judgement::Clear, now, io);
        }
    }

    /// Begins a stay by an admission: a patient whose first data never come is silent too.
    pub(crate) fn admit_before_data(&mut self, id: &str) -> u32 {
        let slot = self.begin_stay(id);
        let expected = self.pipeline.sources.iter().position(|source| !source.trend_only);
        if let Some(source) = expected {
            let due = silent_at(self.log_time, self.pipeline.sources[source].silent_after);
            self.set_timer(slot, silence(source), due);
        }
        slot
    }

    pub(crate) fn silence_on_time(&mut self, slot: u32, source: usize, due: Timestamp, io: &mut Io<'_>) {
        let Some(patient) = self.patients[slot as usize].as_ref() else {
            return;
        };
        let state = &patient.sources[source];
        if state.silent.is_active() {
            return;
        }
        // Never heard: silent only where no other source is heard either.
        let no_data = patient.sources.iter().all(|source| source.heard_at.is_none());
        let Some(heard_at) = state.heard_at.or(no_data.then_some(patient.begun_at)) else {
            return;
        };
        let silent_at = silent_at(heard_at, self.pipeline.sources[source].silent_after);
        if silent_at > due {
            self.set_timer(slot, silence(source), silent_at);
            return;
        }
        if self.held.contains(&(source as u16)) {
            // The patient's data may be among what the log does not show yet: silence is not claimed.
            self.set_timer(slot, silence(source), due + LOOK_AGAIN);
            return;
        }
        // The silence is as long as it has to be just before; where the log held it up, it is found later.
        let at = if due == silent_at { just_before(due) } else { due };
        self.set_silence(slot, source, Judgement::AtOnce, at, io);
        self.check_presence(slot, due, io);
        // The other sources no longer wait for this one.
        self.close_until(slot, self.clock_of(slot), due);
    }

    fn set_silence(
        &mut self,
        slot: u32,
        source: usize,
        judgement: Judgement,
        now: Timestamp,
        io: &mut Io<'_>,
    ) {
        let patient = self.patient_mut(slot);
        let before = patient.is_silent();
        let transition = patient.sources[source].silent.judge(judgement, now, now, RULES);
        match (before, patient.is_silent()) {
            (false, true) => self.silent_patients += 1,
            (true, false) => self.silent_patients -= 1,
            _ => {}
        }
        if let Some(transition) = transition {
            self.tell_technical(slot, Technical::Silent(source), transition, io);
        }
    }

    /// Records of a source were deleted before they could be read: each patient who has data of it, or has none at all yet,
    /// may have lost some. The alerts go to `out`, and belong to the next step.
    pub fn tell_records_lost(&mut self, source: usize, scorer: &mut dyn Scorer, out: &mut Outputs) {
        let mut io = Io { scorer, out };
        let now = self.log_time;
        for slot in 0..self.patients.len() as u32 {
            let Some(patient) = self.patients[slot as usize].as_mut() else {
                continue;
            };
            let has_any = patient.sources.iter().any(|source| source.heard_at.is_some());
            let state = &mut patient.sources[source];
            if has_any && state.heard_at.is_none() {
                continue;
            }
            let transition = state.records_lost.judge(Judgement::AtOnce, now, now, RULES);
            if let Some(transition) = transition {
                self.tell_technical(slot, Technical::RecordsLost(source), transition, &mut io);
            }
            self.show_records_lost(slot, source);
        }
    }

    /// From now on it is shown for its time that records were lost.
    pub(crate) fn show_records_lost(&mut self, slot: u32, source: usize) {
        let kind = TimerKind::RecordsLost {
            source: source as u16,
        };
        self.set_timer(slot, kind, self.log_time + SHOWN);
    }

    pub(crate) fn clear_records_lost(&mut self, slot: u32, source: usize, due: Timestamp, io: &mut Io<'_>) {
        let machine = &mut self.patient_mut(slot).sources[source].records_lost;
        if let Some(transition) = machine.judge(Judgement::Clear, due, due, RULES) {
            self.tell_technical(slot, Technical::RecordsLost(source), transition, io);
        }
    }

    /// A device's clock was found to be wrong, by another amount than before, or right.
    pub(crate) fn device_clock_changed(&mut self, slot: u32, source: usize, io: &mut Io<'_>) {
        // The condition starts in log time: the device's own time is what is wrong.
        let now = self.log_time;
        let state = &mut self.patient_mut(slot).sources[source];
        let is_wrong = state.devices.iter().any(|device| device.is_wrong());
        let machine = &mut state.device_clock;
        let transition = match (is_wrong, machine.is_active()) {
            (true, true) => machine.update(now),
            (true, false) => machine.judge(Judgement::AtOnce, now, now, RULES),
            (false, _) => machine.judge(Judgement::Clear, now, now, RULES),
        };
        if let Some(transition) = transition {
            self.tell_technical(slot, Technical::DeviceClock(source), transition, io);
        }
    }

    /// Ends every alarm of a patient who is no longer monitored.
    pub(crate) fn end_alarms(&mut self, slot: u32, reason: EndReason, now: Timestamp, io: &mut Io<'_>) {
        for place in self.places().collect::<Vec<_>>() {
            self.end_alarm(slot, place, reason, now, io);
        }
    }

    /// Ends one alarm of a patient, if it is active.
    pub(crate) fn end_alarm(
        &mut self,
        slot: u32,
        place: MachinePlace,
        reason: EndReason,
        now: Timestamp,
        io: &mut Io<'_>,
    ) {
        let patient = self.patients[slot as usize].as_mut();
        let is_untouched = |machine: &&mut Machine| **machine != Machine::default();
        let machine = patient.filter(|patient| patient.has_machine(place));
        let machine = machine.and_then(|patient| patient.machine_mut(place));
        let ended = machine
            .filter(is_untouched)
            .and_then(|machine| machine.end(now, reason));
        let Some(transition) = ended else { return };
        let index = usize::from(place.index);
        match Technical::at(place) {
            Some(technical) => self.tell_technical(slot, technical, transition, io),
            None if place.kind == MachineKind::Limit => self.tell_limit(slot, index, transition, io),
            None => self.tell_condition(slot, index, transition, None, io),
        }
    }
}

fn silence(source: usize) -> TimerKind {
    TimerKind::Silence {
        source: source as u16,
    }
}

/// The instant before.
pub(crate) fn just_before(at: Timestamp) -> Timestamp {
    at - Span::from_micros(1)
}

/// A reading that comes just as the time is over is on time.
pub(crate) fn silent_at(heard_at: Timestamp, after: Span) -> Timestamp {
    heard_at + after + Span::from_micros(1)
}
