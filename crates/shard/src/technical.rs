//! Technical alarms by name: a source that has gone silent, a device whose clock runs fast, records that were lost.

use wardwatch_alarms::{EndReason, Judgement, Rules};
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_inference::Scorer;

use crate::patient::MachineKind;
use crate::shard::Io;
use crate::timers::TimerKind;
use crate::{Outputs, Shard};

/// After which time it is looked again whether a source that the log held up is silent.
const LOOK_AGAIN: Span = Span::from_secs(1);

/// How long it is shown that records were lost: long enough to be seen. What a score misses, it says by itself.
const SHOWN: Span = Span::from_secs(900);

/// Technical alarms begin and end at once; the waiting is in what calls for them.
pub(crate) const RULES: Rules = Rules {
    hold_for: Span::ZERO,
    max_age: Span::ZERO,
    repeat_after: None,
};

/// What a technical alarm is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Technical {
    Silent,
    DeviceClock,
    RecordsLost,
}

// === impl Technical ===

impl Technical {
    pub(crate) fn machine(self) -> MachineKind {
        match self {
            Self::Silent => MachineKind::Silent,
            Self::DeviceClock => MachineKind::DeviceClock,
            Self::RecordsLost => MachineKind::RecordsLost,
        }
    }
}

// === impl Shard ===

impl Shard {
    /// A message was accepted: the source is not silent, and this device's clock is right.
    pub(crate) fn heard(&mut self, slot: u32, source: usize, device: Option<&str>, io: &mut Io<'_>) {
        let now = self.log_time;
        let patient = self.patient_mut(slot);
        patient.heard_at = now;
        let state = &mut patient.sources[source];
        let is_first = state.heard_at.replace(now).is_none();
        let was_silent = state.silent.is_active();
        let fast_is_right = state
            .fast_device
            .as_ref()
            .is_some_and(|fast| fast.as_deref() == device);
        let rules = &self.pipeline.sources[source];
        if (is_first || was_silent) && !rules.trend_only {
            self.set_timer(slot, silence(source), now + rules.silent_after);
        }
        if fast_is_right {
            let state = &mut self.patient_mut(slot).sources[source];
            state.fast_device = None;
            let ended = state.device_clock.judge(Judgement::Clear, now, now, RULES);
            if let Some(transition) = ended {
                self.tell_technical(slot, source, Technical::DeviceClock, transition, device, io);
            }
        }
        if was_silent {
            self.set_silence(slot, source, Judgement::Clear, now, io);
        }
    }

    /// Begins a stay by an admission: a patient whose first data never come is silent too.
    pub(crate) fn admit_before_data(&mut self, id: &str) -> u32 {
        let slot = self.begin_stay(id);
        let expected = self.pipeline.sources.iter().position(|source| !source.trend_only);
        if let Some(source) = expected {
            let due = self.log_time + self.pipeline.sources[source].silent_after;
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
        let silent_at = heard_at + self.pipeline.sources[source].silent_after;
        if silent_at > due {
            self.set_timer(slot, silence(source), silent_at);
            return;
        }
        if self.held.contains(&(source as u16)) {
            // The patient's data may be among what the log does not show yet: silence is not claimed.
            self.set_timer(slot, silence(source), due + LOOK_AGAIN);
            return;
        }
        self.set_silence(slot, source, Judgement::AtOnce, due, io);
        // The other sources no longer wait for this one.
        let clock = self.patients[slot as usize]
            .as_ref()
            .map_or(Timestamp::MIN, |patient| patient.clock(&self.pipeline));
        self.close_until(slot, clock, due);
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
            self.tell_technical(slot, source, Technical::Silent, transition, None, io);
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
                self.tell_technical(slot, source, Technical::RecordsLost, transition, None, &mut io);
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
            self.tell_technical(slot, source, Technical::RecordsLost, transition, None, io);
        }
    }

    /// A message came from ahead of its arrival: its device is flagged by name until it sends a right time.
    pub(crate) fn flag_fast_clock(
        &mut self,
        slot: u32,
        source: usize,
        device: Option<&str>,
        io: &mut Io<'_>,
    ) {
        let now = self.log_time;
        let patient = self.patient_mut(slot);
        let state = &mut patient.sources[source];
        let is_known = state
            .fast_device
            .as_ref()
            .is_some_and(|fast| fast.as_deref() == device);
        if !is_known {
            state.fast_device = Some(device.map(Into::into));
        }
        // The condition starts in log time: the device's own time is what is wrong.
        let transition = state.device_clock.judge(Judgement::AtOnce, now, now, RULES);
        if let Some(transition) = transition {
            self.tell_technical(slot, source, Technical::DeviceClock, transition, device, io);
        }
    }

    /// Ends every alarm of a patient who is no longer monitored.
    pub(crate) fn end_alarms(&mut self, slot: u32, reason: EndReason, now: Timestamp, io: &mut Io<'_>) {
        for index in 0..self.pipeline.limits.len() {
            let ended = self.patients[slot as usize]
                .as_mut()
                .and_then(|patient| patient.limits[index].end(now, reason));
            if let Some(transition) = ended {
                self.tell_limit(slot, index, transition, io);
            }
        }
        for index in 0..self.pipeline.conditions.len() {
            let ended = self.patients[slot as usize]
                .as_mut()
                .and_then(|patient| patient.conditions[index].end(now, reason));
            if let Some(transition) = ended {
                self.tell_condition(slot, index, transition, None, io);
            }
        }
        for source in 0..self.pipeline.sources.len() {
            for technical in [Technical::Silent, Technical::DeviceClock, Technical::RecordsLost] {
                let ended = self.patients[slot as usize].as_mut().and_then(|patient| {
                    let state = &mut patient.sources[source];
                    match technical {
                        Technical::Silent => state.silent.end(now, reason),
                        Technical::DeviceClock => state.device_clock.end(now, reason),
                        Technical::RecordsLost => state.records_lost.end(now, reason),
                    }
                });
                if let Some(transition) = ended {
                    self.tell_technical(slot, source, technical, transition, None, io);
                }
            }
        }
    }
}

fn silence(source: usize) -> TimerKind {
    TimerKind::Silence {
        source: source as u16,
    }
}
