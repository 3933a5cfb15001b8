//! Corrections: a sender says that an earlier value was another one, or none.
//!
//! A correction replaces every reading of the same patient, source, device, vital sign and time: in what is kept, as newest
//! value, in limits and in the conditions that are open because of it. It is remembered for the larger of lateness and
//! maximum age, so that the original stays replaced when it comes later, or again. Windows are not retracted; what is computed
//! from one that holds a replaced value says so.
//!
//! ```text
//!   kept readings ── take out ──▶ newest value and limits of the device anew, from what is still kept and the correction
//!                                  └─▶ the patient's newest windows are evaluated again: scores and conditions at once
//! ```

use wardwatch_alarms::{EndReason, Judgement};
use wardwatch_clinical::VitalSign;
use wardwatch_clinical::numbers::as_sent;
use wardwatch_event_time::{Admission, Span, Timestamp};
use wardwatch_ingest::{Kind, Message};

use crate::admit::Taken;
use crate::closing::is_wanted;
use crate::devices::{DeviceId, Replacement};
use crate::limits::{Noted, judge, limits_on};
use crate::patient::{Latest, Replaced};
use crate::presence::bit;
use crate::shard::Io;
use crate::timers::TimerKind;
use crate::{Shard, StepError};

/// Replaced values of a patient that are remembered for what windows hold; of more, the oldest goes.
const MOST_REPLACED: usize = 64;

// === impl Shard ===

impl Shard {
    /// Applies a message of corrections or withdrawals.
    pub(crate) fn correct(
        &mut self,
        slot: u32,
        message: &Message<'_>,
        at: &Latest,
        admission: Admission,
        io: &mut Io<'_>,
    ) -> Result<(), StepError> {
        // What is decided saw the values as they were.
        self.catch_up(slot, self.log_time, io)?;
        let mut changed = 0;
        for (vital, value) in message.vitals.iter().zip(message.values) {
            let vital = VitalSign::ALL[usize::from(*vital)];
            let value = (message.kind == Kind::Corrected).then_some(*value);
            if self.correct_one(slot, vital, value, message.ts, at, admission, io)? {
                changed |= bit(vital);
            }
        }
        if changed != 0 {
            self.queue_corrected(slot, changed);
            self.catch_up(slot, self.log_time, io)?;
        }
        Ok(())
    }

    /// Applies one; whether what scores read has changed.
    #[allow(
        clippy::too_many_arguments,
        reason = "what a reading is, apart from its message"
    )]
    fn correct_one(
        &mut self,
        slot: u32,
        vital: VitalSign,
        value: Option<f64>,
        ts: i64,
        at: &Latest,
        admission: Admission,
        io: &mut Io<'_>,
    ) -> Result<bool, StepError> {
        let index = vital.index() as u8;
        let (now, max_age) = (self.log_time, self.pipeline.max_age[vital.index()]);
        let lateness = self.pipeline.sources[at.device.source()].rules.lateness;
        let kept_for = self.pipeline.max_age.map(|max_age| max_age.max(lateness));
        let was_latest = self.patient_mut(slot).latest[vital.index()];
        let is_latest = (was_latest.ts, was_latest.device) == (at.ts, at.device);
        let device = self.device(slot, at.device);
        let offset = device.clock.offset();
        let was_replaced = device.replacement(ts, index).is_some();
        let was_kept = device.seen.take_out(ts, index);
        let new = Replacement {
            ts,
            vital: index,
            value,
        };
        device.remember(new, |known| {
            now - (Timestamp::from_micros(known.ts) + offset) > kept_for[usize::from(known.vital)]
        });
        let is_original = !(was_kept || is_latest || was_replaced);
        if !is_original {
            self.note_replaced(slot, index, at.ts);
        } else if let (Some(value), false) = (value, admission == Admission::Late) {
            // Its original never came: to windows it is the reading.
            let taken = Taken {
                vitals: &[index],
                values: &[value],
            };
            self.place(slot, at, taken, io)?;
        }
        let kept = self.all_kept(slot, vital);
        let patient = self.patients[slot as usize]
            .as_mut()
            .expect("a slot on the roster holds a patient");
        if let Some(history) = &mut patient.history {
            history.take_out(vital, at.ts);
            for value in &kept {
                history.take(vital, *value, is_wanted(&self.sets, slot));
            }
        }
        let newest = kept.into_iter().reduce(|best, other| {
            if best.gives_way_to(vital, other) {
                other
            } else {
                best
            }
        });
        let patient = self.patient_mut(slot);
        let changes = newest.map_or(was_latest.is_known(), |newest| {
            (newest.ts, newest.value) != (was_latest.ts, was_latest.value)
        });
        if is_latest || newest.is_some_and(|newest| newest.ts >= was_latest.ts) {
            patient.latest[vital.index()] = newest.unwrap_or(Latest::NONE);
            let is_usable = newest.is_some_and(|newest| now - newest.ts <= max_age);
            let is_of_its_time = newest.is_some_and(|newest| newest.ts == at.ts);
            let is_newer = newest.is_some_and(|newest| newest.ts > was_latest.ts)
                || (is_original && value.is_some() && is_of_its_time);
            let is_watched = self.watched & bit(vital) != 0;
            let presence = &mut self.patient_mut(slot).presence;
            // Where its original never came, it is the reading.
            if is_usable && is_newer && is_watched && presence.renew(vital, at.device.source(), now) {
                self.came_back(slot, vital, io);
            }
            if !is_usable {
                if newest.is_some() && is_watched {
                    self.patient_mut(slot)
                        .presence
                        .note_too_old(vital, at.device.source());
                }
                self.withdrawn(slot, vital);
            }
            self.arm_presence(slot, now + Span::from_micros(1));
        }
        self.correct_limits(slot, vital, at, io);
        Ok(changes)
    }

    /// Judges the limits on a vital sign again, as what is kept of the corrected device says.
    fn correct_limits(&mut self, slot: u32, vital: VitalSign, at: &Latest, io: &mut Io<'_>) {
        if self.pipeline.sources[at.device.source()].trend_only {
            return;
        }
        let now = self.log_time;
        let newest = self.newest_of_device(slot, at.device, vital);
        let pipeline = std::sync::Arc::clone(&self.pipeline);
        for (index, alarm) in limits_on(&pipeline.limits, vital) {
            let max_age = alarm.rules.max_age;
            let of_instant = newest.iter().map(|latest| (*latest, judge(alarm, latest.value)));
            let worst = of_instant.max_by_key(|(_, judgement)| *judgement);
            let patient = self.patient_mut(slot);
            let was_judged = patient.rejudge(index, *at, worst);
            let is_new =
                worst.filter(|(latest, _)| !was_judged && latest.ts == at.ts && now - latest.ts <= max_age);
            let noted = is_new.map_or(Noted::History, |(latest, judgement)| {
                patient.note_judgement(index, latest, judgement, now)
            });
            let open_until = patient.open_until(index, now);
            let (judgement, latest) = patient.judgement_of(index, now, max_age);
            let is_any_left = latest.is_known() && now - latest.ts <= max_age;
            let (judgement, since) = match judgement {
                // Nothing is left that could say whether it goes on: the value that began it was none.
                Judgement::Unknown if was_judged && !is_any_left => (Judgement::Clear, at.ts),
                // It would not have begun with a value between the thresholds.
                Judgement::Between if was_judged && patient.limits[index].began_at() == Some(at.ts) => {
                    (Judgement::Clear, latest.ts)
                }
                judgement => (judgement, latest.ts),
            };
            if let Some(until) = open_until {
                self.set_timer(slot, TimerKind::Limit { index: index as u16 }, until);
            }
            if was_judged || noted != Noted::History {
                let reason = was_judged.then_some(EndReason::Corrected);
                self.move_limit(slot, index, (judgement, since), now, reason, io);
            }
        }
    }

    /// The values of a vital sign that are kept, over all devices.
    fn all_kept(&mut self, slot: u32, vital: VitalSign) -> Vec<Latest> {
        let sources = self.patient_mut(slot).sources.iter().enumerate();
        let devices: Vec<DeviceId> = sources
            .flat_map(|(source, state)| {
                let places = 0..state.devices.iter().count();
                places.map(move |place| DeviceId::new(source, place))
            })
            .collect();
        let of_device = |device| self.kept_of_device(slot, device, vital);
        devices.into_iter().flat_map(of_device).collect()
    }

    /// The values of a device's newest time that are kept of a vital sign.
    fn newest_of_device(&mut self, slot: u32, id: DeviceId, vital: VitalSign) -> Vec<Latest> {
        let mut kept = self.kept_of_device(slot, id, vital);
        let newest = kept.iter().map(|latest| latest.ts).max();
        kept.retain(|latest| Some(latest.ts) == newest);
        kept
    }

    /// The values of a vital sign that are kept of a device, corrections among them.
    fn kept_of_device(&mut self, slot: u32, id: DeviceId, vital: VitalSign) -> Vec<Latest> {
        let latest = self.patient_mut(slot).latest[vital.index()];
        let device = self.device(slot, id);
        let (offset, index) = (device.clock.offset(), vital.index() as u8);
        let kept = device
            .seen
            .kept(index)
            .map(|(ts, value)| (ts, as_sent(f64::from(value))));
        let corrected = device.replacements.iter().filter(|known| known.vital == index);
        let corrected = corrected.filter_map(|known| Some((known.ts, known.value?)));
        let values = kept.chain(corrected).map(|(ts, value)| Latest {
            ts: Timestamp::from_micros(ts) + offset,
            value,
            device: id,
            is_corrected: offset != Span::ZERO,
        });
        // What is older than lateness is kept no more, and nothing where repeats are not looked for; the newest value is known
        // all the same, unless it is the one that was corrected.
        let was_corrected = device.replacement((latest.ts - offset).micros(), index).is_some();
        let known = Some(latest).filter(|latest| latest.device == id && latest.is_known() && !was_corrected);
        values.chain(known).collect()
    }

    /// Notes that windows hold a value that is wrong, for as long as any window does.
    fn note_replaced(&mut self, slot: u32, vital: u8, at: Timestamp) {
        let windows = self.pipeline.sets.iter().map(|set| set.plan.trailing().window());
        let longest = windows.max().unwrap_or_default();
        let oldest = at.max(self.clock_of(slot)) - longest - longest;
        let replaced = &mut self.patient_mut(slot).replaced;
        replaced.retain(|known| known.at >= oldest);
        if replaced.len() == MOST_REPLACED {
            replaced.remove(0);
        }
        let new = Replaced { vital, at };
        if !replaced.contains(&new) {
            replaced.push(new);
        }
    }
}
