//! Limits, judged reading by reading.
//!
//! A limit is judged per device: violated while the newest value of any device is, clear when those of all are. A value past
//! its maximum age says nothing. Of several values that a device gives one time, the worst judgement counts, whatever their
//! order; only a later time clears it.

use wardwatch_alarms::{EndReason, Judgement};
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_pipeline::LimitAlarm;

use crate::Shard;
use crate::admit::Taken;
use crate::devices::DeviceId;
use crate::patient::{Judged, Latest, Patient, Rival};
use crate::shard::Io;
use crate::timers::TimerKind;

/// Devices beyond the first whose newest values are kept, over all limits of a patient.
const MOST_RIVALS: usize = 64;

// === impl Patient ===

impl Patient {
    /// The judgement of a limit over all devices, as of now, and the value that decides it.
    pub(crate) fn judgement_of(&self, limit: usize, now: Timestamp, max_age: Span) -> (Judgement, Latest) {
        let judged = &self.judged[limit];
        let fresh = |latest: &Latest| latest.is_known() && now - latest.ts <= max_age;
        let rivals = self.rivals.iter();
        let rivals = rivals.filter(|rival| usize::from(rival.limit) == limit && fresh(&rival.latest));
        let first = match fresh(&judged.latest) {
            true => (judged.judgement, judged.latest),
            false => (Judgement::Unknown, judged.latest),
        };
        rivals.fold(first, |worst, rival| {
            let (judgement, latest) = (rival.judgement, rival.latest);
            match (judgement, latest.ts) > (worst.0, worst.1.ts) {
                true => (judgement, latest),
                false => worst,
            }
        })
    }

    /// The newest fresh values of a limit's vital sign by device, where there are several devices.
    pub(crate) fn values_of(&self, limit: usize, now: Timestamp, max_age: Span) -> Vec<Latest> {
        let rivals = self.rivals.iter();
        let rivals = rivals.filter(|rival| usize::from(rival.limit) == limit);
        std::iter::once(self.judged[limit].latest)
            .chain(rivals.map(|rival| rival.latest))
            .filter(|latest| latest.is_known() && now - latest.ts <= max_age)
            .collect()
    }

    /// Notes a device's judgement; false where it is history: the device has been judged by a newer value, or by a worse one
    /// of the same time.
    #[inline]
    pub(crate) fn note_judgement(&mut self, limit: usize, latest: Latest, judgement: Judgement) -> bool {
        let judged = &mut self.judged[limit];
        if judged.latest.device == latest.device || !judged.latest.is_known() {
            return note((&mut judged.latest, &mut judged.judgement), latest, judgement);
        }
        self.note_rival(limit, latest, judgement)
    }

    #[inline(never)]
    fn note_rival(&mut self, limit: usize, latest: Latest, judgement: Judgement) -> bool {
        let known = self.rivals.iter_mut();
        let mut known =
            known.filter(|rival| usize::from(rival.limit) == limit && rival.latest.device == latest.device);
        if let Some(rival) = known.next() {
            return note((&mut rival.latest, &mut rival.judgement), latest, judgement);
        }
        if self.rivals.len() == MOST_RIVALS {
            let oldest = (0..self.rivals.len()).min_by_key(|place| self.rivals[*place].latest.ts);
            self.rivals.swap_remove(oldest.unwrap_or_default());
        }
        self.rivals.push(Rival {
            limit: limit as u16,
            latest,
            judgement,
        });
        true
    }

    /// Forgets what a device measured: its place is taken by another.
    pub(crate) fn forget_device(&mut self, device: DeviceId) {
        self.rivals.retain(|rival| rival.latest.device != device);
        let judged = self.judged.iter_mut().map(|judged| &mut judged.latest);
        for latest in judged.chain(&mut self.latest) {
            if latest.device == device {
                latest.device = DeviceId::NONE;
            }
        }
    }

    /// Puts another judgement in the place of a device's one of that time, after a correction; none where nothing is left.
    /// Whether there was one.
    pub(crate) fn rejudge(&mut self, limit: usize, was: Latest, now: Option<(Latest, Judgement)>) -> bool {
        let judged = &mut self.judged[limit];
        if judged.latest.device == was.device && judged.latest.ts == was.ts {
            let is_idle = judged.is_idle;
            *judged = match now {
                Some((latest, judgement)) => Judged {
                    latest,
                    judgement,
                    is_idle,
                },
                None => Judged {
                    is_idle,
                    ..Judged::NONE
                },
            };
            return true;
        }
        let mut found = false;
        self.rivals.retain_mut(|rival| {
            let is_meant = usize::from(rival.limit) == limit
                && (rival.latest.device, rival.latest.ts) == (was.device, was.ts);
            found |= is_meant;
            if let Some((latest, judgement)) = now.filter(|_| is_meant) {
                (rival.latest, rival.judgement) = (latest, judgement);
            }
            !is_meant || now.is_some()
        });
        found
    }
}

/// Takes a newer judgement, or a worse one of the same time.
#[inline]
fn note(known: (&mut Latest, &mut Judgement), latest: Latest, judgement: Judgement) -> bool {
    let is_history = latest.ts < known.0.ts || (latest.ts == known.0.ts && judgement < *known.1);
    if !is_history {
        (*known.0, *known.1) = (latest, judgement);
    }
    !is_history
}

// === impl Shard ===

impl Shard {
    /// Judges the limits on the readings. A value behind a newer one is history and moves no alarm, one past its maximum age
    /// says nothing, and a source that is only for trends never does. Gives the vital signs that were judged, a bit each.
    pub(crate) fn judge_limits(
        &mut self,
        slot: u32,
        source: usize,
        at: &Latest,
        taken: &Taken,
        io: &mut Io<'_>,
    ) -> u32 {
        if self.pipeline.sources[source].trend_only {
            return 0;
        }
        let now = self.log_time;
        let mut used = 0;
        for index in 0..self.pipeline.limits.len() {
            let alarm = &self.pipeline.limits[index];
            let vital = alarm.limit.vital.index() as u8;
            let Some(place) = taken.vitals[..taken.len].iter().position(|other| *other == vital) else {
                continue;
            };
            let value = taken.values[place];
            let rules = alarm.rules;
            if now - at.ts > rules.max_age {
                continue;
            }
            let judgement = judge(alarm, value);
            let patient = self.patient_mut(slot);
            if !patient.note_judgement(index, Latest { value, ..*at }, judgement) {
                continue;
            }
            used |= 1 << vital;
            let judgement = match patient.rivals.is_empty() {
                true => judgement,
                false => patient.judgement_of(index, now, rules.max_age).0,
            };
            if patient.judged[index].is_idle && matches!(judgement, Judgement::Clear | Judgement::Between) {
                continue;
            }
            self.move_limit(slot, index, judgement, at.ts, None, io);
        }
        used
    }

    /// Moves a limit's machine by a judgement; `ended` is why it ends, where that is not that values are clear.
    pub(crate) fn move_limit(
        &mut self,
        slot: u32,
        index: usize,
        judgement: Judgement,
        at: Timestamp,
        ended: Option<EndReason>,
        io: &mut Io<'_>,
    ) {
        let (now, rules) = (self.log_time, self.pipeline.limits[index].rules);
        let patient = self.patient_mut(slot);
        let machine = &mut patient.limits[index];
        let mut transition = machine.judge(judgement, at, now, rules);
        let due = machine.arm(rules);
        patient.judged[index].is_idle = machine.is_idle();
        if let Some(due) = due {
            self.set_timer(slot, TimerKind::Limit { index: index as u16 }, due);
        }
        if let Some(transition) = &mut transition {
            transition.reason = transition.reason.map(|cleared| ended.unwrap_or(cleared));
            self.tell_limit(slot, index, *transition, io);
        }
    }

    pub(crate) fn limit_on_time(&mut self, slot: u32, index: usize, now: Timestamp, io: &mut Io<'_>) {
        let rules = self.pipeline.limits[index].rules;
        let Some(patient) = self.patients[slot as usize].as_mut() else {
            return;
        };
        let machine = &mut patient.limits[index];
        machine.disarm(now);
        let transition = machine.on_time(now, rules);
        let due = machine.arm(rules);
        patient.judged[index].is_idle = machine.is_idle();
        if let Some(due) = due {
            self.set_timer(slot, TimerKind::Limit { index: index as u16 }, due);
        }
        if let Some(transition) = transition {
            self.tell_limit(slot, index, transition, io);
        }
    }
}

/// How a value stands to a limit.
pub(crate) fn judge(alarm: &LimitAlarm, value: f64) -> Judgement {
    if alarm.at_once.is_some_and(|limit| limit.is_violated_by(value)) {
        return Judgement::AtOnce;
    }
    if alarm.limit.is_violated_by(value) {
        return Judgement::Violating;
    }
    match alarm.clear {
        Some(clear) if !clear.is_violated_by(value) => Judgement::Between,
        Some(_) | None => Judgement::Clear,
    }
}

/// The limits on a vital sign.
pub(crate) fn limits_on(limits: &[LimitAlarm], vital: VitalSign) -> impl Iterator<Item = (usize, &LimitAlarm)> {
    limits
        .iter()
        .enumerate()
        .filter(move |(_, alarm)| alarm.limit.vital == vital)
}
