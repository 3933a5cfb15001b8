//! One message: its device's clock, repeats, panes, newest values, limits, closes.
//!
//! ```text
//!   message ─▶ device's clock ─▶ future, wrong clock ────────────────────────────▶ quarantine
//!                     │ effective time
//!                     ├─ measured ──▶ repeats ─▶ panes (within lateness), newest values, limits ─▶ used, or quarantine as late
//!                     ├─ absent ────▶ a sign of life, no value
//!                     └─ corrected, withdrawn ─▶ see `correct`
//! ```
//!
//! READINGS-1: each reading of a step is used (in a window, as newest value, by a limit), says that nothing was measured,
//! corrects or was corrected, repeats, or is in quarantine with its reason; and is counted once.

use wardwatch_clinical::VitalSign;
use wardwatch_event_time::{Admission, Admitted, Span, Standing, Timestamp};
use wardwatch_ingest::{Kind, Message, Reason};
use wardwatch_windowing::Placed;

use crate::closing::is_wanted;
use crate::devices::{Device, DeviceId};
use crate::digest::{Decision, Event};
use crate::patient::Latest;
use crate::presence;
use crate::shard::Io;
use crate::{Refused, Shard, StepError};

/// The readings of a message that are accepted.
#[derive(Clone, Copy)]
pub(crate) struct Taken<'m> {
    pub(crate) vitals: &'m [u8],
    pub(crate) values: &'m [f64],
}

// === impl Shard ===

impl Shard {
    /// Takes in the message at `row`, or rejects it. `likely` is where its patient most likely stands.
    pub(crate) fn admit(
        &mut self,
        message: &Message<'_>,
        row: usize,
        likely: u32,
        io: &mut Io<'_>,
    ) -> Result<(), StepError> {
        let source = usize::from(message.topic);
        if source >= self.pipeline.sources.len() {
            return Err(StepError::NoSuchSource {
                source_index: source,
                sources: self.pipeline.sources.len(),
            });
        }
        let slot = match self.patients.get(likely as usize) {
            Some(Some(patient)) if *patient.id == *message.patient_id => likely,
            _ => match self.roster.find(message.patient_id) {
                Some(slot) => slot,
                None => self.begin_stay(message.patient_id),
            },
        };
        let readings = message.vitals.len() as u64;
        io.out.counts.readings += readings;
        let (device, admitted) = self.by_clock(slot, message, io);
        let key = self.patient_mut(slot).key;
        if admitted.admission == Admission::Future {
            io.out.counts.future += readings;
            self.digest.add(event(Decision::Future, key, message));
            let detail = "ahead of its arrival by more than future_skew";
            io.out.refused.push(whole(row, Reason::Future, detail));
            return Ok(());
        }
        self.heard(slot, source, io);
        let offset = self.device(slot, device).clock.offset();
        if offset != Span::ZERO && !self.pipeline.sources[source].corrects_clocks {
            io.out.counts.wrong_clock += readings;
            self.digest.add(event(Decision::WrongClock, key, message));
            let detail = "its device's clock is wrong, and the source says wrong_clock: quarantine";
            io.out.refused.push(whole(row, Reason::WrongClock, detail));
            return Ok(());
        }
        let at = Latest {
            ts: admitted.at,
            value: f64::NAN,
            device,
            is_corrected: offset != Span::ZERO,
        };
        self.by_kind(slot, message, &at, admitted.admission, row, io)?;
        self.patient_mut(slot).sources[source].clock.advance(admitted.at);
        let clock = self.clock_of(slot);
        self.close_until(slot, clock, self.log_time);
        Ok(())
    }

    /// What a message of each kind does.
    fn by_kind(
        &mut self,
        slot: u32,
        message: &Message<'_>,
        at: &Latest,
        admission: Admission,
        row: usize,
        io: &mut Io<'_>,
    ) -> Result<(), StepError> {
        let key = self.patient_mut(slot).key;
        let values = message.vitals.iter().zip(message.values);
        let values = values.map(|(vital, value)| (u64::from(*vital), *value));
        match message.kind {
            Kind::Measured => {
                let is_newest = admission == Admission::Newest;
                // No earlier message can hold the same, and nothing of it was corrected: it is taken as it stands.
                let is_whole = is_newest && self.device(slot, at.device).replacements.is_empty();
                let sorted_out = (!is_whole).then(|| self.sort_out(message, slot, at, admission, io));
                let taken = match &sorted_out {
                    None => Taken {
                        vitals: message.vitals,
                        values: message.values,
                    },
                    Some((vitals, values)) => Taken { vitals, values },
                };
                if is_newest {
                    self.keep(message, at.device, slot, taken);
                }
                let values = taken.vitals.iter().zip(taken.values);
                let values = values.map(|(vital, value)| (u64::from(*vital), *value));
                self.digest
                    .add(event(Decision::Taken, key, message).values(values));
                match taken.vitals {
                    [] => Ok(()),
                    _ => self.use_readings(slot, at, taken, admission == Admission::Late, row, io),
                }
            }
            Kind::Absent => {
                io.out.counts.absent += message.vitals.len() as u64;
                self.digest
                    .add(event(Decision::Absent, key, message).values(values));
                let presence = &mut self.patient_mut(slot).presence;
                let bits = message.vitals.iter().map(|vital| 1 << vital);
                presence.absent = bits.fold(presence.absent, |all, bit: u32| all | bit);
                Ok(())
            }
            Kind::Corrected | Kind::Withdrawn => {
                io.out.counts.corrections += message.vitals.len() as u64;
                let event = event(Decision::Corrected, key, message).whole(message.kind as i64);
                self.digest.add(event.values(values));
                self.correct(slot, message, at, admission, io)
            }
        }
    }

    /// What the device's clock says of a message. A new device, a clock found wrong, and one that is right again are noted.
    #[inline]
    fn by_clock(&mut self, slot: u32, message: &Message<'_>, io: &mut Io<'_>) -> (DeviceId, Admitted) {
        let source = usize::from(message.topic);
        let rules = self.pipeline.sources[source].rules;
        let now = self.log_time;
        let patient = self.patient_mut(slot);
        let devices = &mut patient.sources[source].devices;
        let (place, was_evicted) = devices.place_of(message.device_id);
        let id = DeviceId::new(source, place);
        let device = devices.get_mut(place);
        device.heard_at = now;
        let before = device.clock.standing();
        let (ts, append_time) = (
            Timestamp::from_micros(message.ts),
            Timestamp::from_micros(message.append_time),
        );
        let admitted = match message.kind {
            Kind::Measured | Kind::Absent => device.clock.admit(ts, append_time, rules),
            Kind::Corrected | Kind::Withdrawn => device.clock.admit_correction(ts, append_time, rules),
        };
        let after = device.clock.standing();
        let kept = match admitted.new_epoch {
            true => device.begin_epoch(append_time, admitted.from_start),
            false => Vec::new(),
        };
        if was_evicted {
            io.out.counts.evicted_devices += 1;
            patient.forget_device(id);
        }
        // By how much a clock is ahead before that is sustained is not worth another word.
        let is_other = match (before, after) {
            (Standing::Ahead(_), Standing::Ahead(_)) => admitted.new_epoch,
            (before, after) => before != after,
        };
        if is_other || was_evicted && self.patient_mut(slot).sources[source].device_clock.is_active() {
            self.device_clock_changed(slot, source, io);
        }
        if !kept.is_empty() && self.pipeline.sources[source].corrects_clocks {
            self.redate(slot, id, &kept, io);
        }
        (id, admitted)
    }

    /// Uses what a device has sent while its clock was found to be wrong, or right again: it was too old by the time that
    /// counted, and is not by its effective one.
    #[cold]
    fn redate(&mut self, slot: u32, device: DeviceId, kept: &[(Timestamp, u8, f64)], io: &mut Io<'_>) {
        for (ts, vital, value) in kept {
            let at = Latest {
                ts: *ts,
                value: f64::NAN,
                device,
                is_corrected: self.device(slot, device).clock.offset() != Span::ZERO,
            };
            let taken = Taken {
                vitals: &[*vital],
                values: &[*value],
            };
            self.take_newest(slot, &at, taken, io);
            self.judge_limits(slot, &at, taken, io);
        }
    }

    /// A device of a patient, which is known to be there.
    pub(crate) fn device(&mut self, slot: u32, device: DeviceId) -> &mut Device {
        let devices = &mut self.patient_mut(slot).sources[device.source()].devices;
        devices.get_mut(device.place())
    }

    /// Drops repeats and what was corrected since, and gives the rest.
    #[inline(never)]
    fn sort_out(
        &mut self,
        message: &Message<'_>,
        slot: u32,
        at: &Latest,
        admission: Admission,
        io: &mut Io<'_>,
    ) -> (Vec<u8>, Vec<f64>) {
        let dedupe = self.pipeline.sources[at.device.source()].dedupe;
        let mut taken = (Vec::new(), Vec::new());
        for (vital, value) in message.vitals.iter().zip(message.values) {
            // What came in time is not looked for any more once it is late, but the newest value of all is known.
            let newest = self.patient_mut(slot).latest[usize::from(*vital)];
            let is_newest_again = (newest.ts, newest.device, newest.value) == (at.ts, at.device, *value);
            let state = self.device(slot, at.device);
            if state.replacement(message.ts, *vital).is_some() {
                io.out.counts.corrections += 1;
                continue;
            }
            let is_new = match admission {
                _ if !dedupe => true,
                Admission::Newest => true,
                Admission::Late => !is_newest_again && state.seen.accept_late(message.ts, *vital, *value),
                _ => state.seen.accept(message.ts, *vital, *value),
            };
            if !is_new {
                io.out.counts.repeats += 1;
                continue;
            }
            taken.0.push(*vital);
            taken.1.push(*value);
        }
        taken
    }

    /// Keeps what is newest of its device, so that a repeat is known as one; the others are kept as they are looked up.
    #[inline]
    fn keep(&mut self, message: &Message<'_>, device: DeviceId, slot: u32, taken: Taken<'_>) {
        let rules = &self.pipeline.sources[device.source()];
        let (dedupe, lateness) = (rules.dedupe, rules.rules.lateness);
        if dedupe {
            let seen = &mut self.device(slot, device).seen;
            seen.keep(message.ts, taken.vitals, taken.values);
            let oldest = Timestamp::from_micros(message.ts) - lateness;
            seen.prune(oldest.micros(), lateness.micros());
        }
    }

    /// Puts readings to use: in windows, as newest values, by limits. What nothing can use goes to quarantine.
    fn use_readings(
        &mut self,
        slot: u32,
        at: &Latest,
        taken: Taken<'_>,
        is_late: bool,
        row: usize,
        io: &mut Io<'_>,
    ) -> Result<(), StepError> {
        let is_placed = !is_late && self.place(slot, at, taken, io)?;
        let newest = self.take_newest(slot, at, taken, io);
        let judged = self.judge_limits(slot, at, taken, io);
        for vital in taken.vitals {
            if is_placed || (newest | judged) & 1 << vital != 0 {
                io.out.counts.observations += 1;
                continue;
            }
            io.out.counts.late += 1;
            io.out.refused.push(Refused {
                row,
                reason: Reason::Late,
                detail: "too late for windows, and a newer value is known or it is past its maximum age",
                vital: VitalSign::from_index(*vital),
            });
        }
        Ok(())
    }

    /// Puts readings into the panes of every feature set; whether any set took them.
    pub(crate) fn place(
        &mut self,
        slot: u32,
        at: &Latest,
        taken: Taken<'_>,
        io: &mut Io<'_>,
    ) -> Result<bool, StepError> {
        let pending_until = self.patients[slot as usize]
            .as_ref()
            .map_or(Timestamp::MIN, |patient| patient.pending_until);
        if at.ts < pending_until {
            // A window that holds this instant is decided: it is evaluated without this row.
            self.evaluate(usize::MAX, io)?;
        }
        let source = at.device.source() as u16;
        let mut any = false;
        for set in 0..self.sets.len() {
            let placed = self.sets[set]
                .take(slot, at.ts, self.log_time, source, taken.vitals, taken.values)
                .map_err(|error| StepError::sql("feature set", &self.pipeline.sets[set].name, &error))?;
            any |= placed != Placed::Expired;
            match placed {
                Placed::Open { first: false, .. } => {}
                Placed::Expired => io.out.counts.expired += 1,
                placed => self.after_placing(slot, set, placed),
            }
        }
        Ok(any)
    }

    /// Takes readings that are newer than the newest values, or worse than those of the same time. Gives those within their
    /// maximum age, a bit each.
    fn take_newest(&mut self, slot: u32, at: &Latest, taken: Taken<'_>, io: &mut Io<'_>) -> u32 {
        let (now, watched) = (self.log_time, self.watched);
        let patient = self.patients[slot as usize]
            .as_mut()
            .expect("a slot on the roster holds a patient");
        let (mut usable, mut came_back, mut is_missing) = (0u32, 0u32, false);
        for (vital, value) in taken.vitals.iter().zip(taken.values) {
            let vital = VitalSign::ALL[usize::from(*vital)];
            let new = Latest { value: *value, ..*at };
            if let Some(history) = &mut patient.history {
                history.take(vital, new, is_wanted(&self.sets, slot));
            }
            let latest = &mut patient.latest[vital.index()];
            if latest.gives_way_to(vital, new) {
                *latest = new;
            } else if at.ts < latest.ts {
                continue;
            }
            let bit = presence::bit(vital);
            if now - at.ts > self.pipeline.max_age[vital.index()] {
                is_missing |= watched & bit != 0 && patient.presence.note_too_old(vital, at.device.source());
                continue;
            }
            usable |= bit;
            if watched & bit != 0 && patient.presence.renew(vital, at.device.source(), now) {
                came_back |= bit;
            }
        }
        if is_missing {
            self.arm_presence(slot, now + Span::from_micros(1));
        }
        while came_back != 0 {
            let vital = VitalSign::ALL[came_back.trailing_zeros() as usize];
            came_back &= came_back - 1;
            self.came_back(slot, vital, io);
        }
        usable
    }
}

/// A decision about a message of the patient with this key.
fn event(decision: Decision, key: u64, message: &Message<'_>) -> Event {
    Event::new(decision, key)
        .whole(message.ts)
        .whole(message.append_time)
        .whole(i64::from(message.topic))
}

fn whole(row: usize, reason: Reason, detail: &'static str) -> Refused {
    Refused {
        row,
        reason,
        detail,
        vital: None,
    }
}
