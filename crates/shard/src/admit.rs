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

/// The readings of a message that are accepted, on the stack: a group holds at most 64.
pub(crate) struct Taken {
    pub(crate) vitals: [u8; 64],
    pub(crate) values: [f64; 64],
    pub(crate) len: usize,
}

// === impl Taken ===

impl Taken {
    /// One reading.
    pub(crate) fn one(vital: u8, value: f64) -> Self {
        let mut taken = Self {
            vitals: [0; 64],
            values: [0.0; 64],
            len: 1,
        };
        (taken.vitals[0], taken.values[0]) = (vital, value);
        taken
    }
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
                let taken = self.sort_out(message, slot, at.device, admission, io);
                let values = taken.vitals.iter().zip(&taken.values).take(taken.len);
                let values = values.map(|(vital, value)| (u64::from(*vital), *value));
                self.digest
                    .add(event(Decision::Taken, key, message).values(values));
                match taken.len {
                    0 => Ok(()),
                    _ => self.use_readings(slot, at, &taken, admission == Admission::Late, row, io),
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
        let admitted = device.clock.admit(ts, append_time, rules);
        let after = device.clock.standing();
        let kept = match admitted.new_epoch {
            true => device.begin_epoch(append_time),
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
        if !kept.is_empty() {
            self.redate(slot, id, &kept, io);
        }
        (id, admitted)
    }

    /// Uses what a device has sent while its clock was found to be wrong: it was too old by its own time, and is not by its
    /// effective one.
    #[cold]
    fn redate(&mut self, slot: u32, device: DeviceId, kept: &[(Timestamp, u8, f64)], io: &mut Io<'_>) {
        for (ts, vital, value) in kept {
            let at = Latest {
                ts: *ts,
                value: f64::NAN,
                device,
                is_corrected: true,
            };
            let taken = Taken::one(*vital, *value);
            self.take_newest(slot, &at, &taken, io);
            self.judge_limits(slot, &at, &taken, io);
        }
    }

    /// A device of a patient, which is known to be there.
    pub(crate) fn device(&mut self, slot: u32, device: DeviceId) -> &mut Device {
        let devices = &mut self.patient_mut(slot).sources[device.source()].devices;
        devices.get_mut(device.place())
    }

    /// Drops repeats and what was corrected since, and gives the rest.
    fn sort_out(
        &mut self,
        message: &Message<'_>,
        slot: u32,
        device: DeviceId,
        admission: Admission,
        io: &mut Io<'_>,
    ) -> Taken {
        let rules = &self.pipeline.sources[device.source()];
        let (dedupe, lateness) = (rules.dedupe, rules.rules.lateness);
        let state = self.device(slot, device);
        let mut taken = Taken {
            vitals: [0; 64],
            values: [0.0; 64],
            len: 0,
        };
        let is_newest = admission == Admission::Newest;
        if is_newest && state.replacements.is_empty() {
            taken.len = message.vitals.len();
            taken.vitals[..taken.len].copy_from_slice(message.vitals);
            taken.values[..taken.len].copy_from_slice(message.values);
        } else {
            for (vital, value) in message.vitals.iter().zip(message.values) {
                if state.replacement(message.ts, *vital).is_some() {
                    io.out.counts.corrections += 1;
                    continue;
                }
                let is_new = match admission {
                    _ if !dedupe => true,
                    Admission::Late => state.seen.accept_late(message.ts, *vital, *value),
                    Admission::Newest => true,
                    _ => state.seen.accept(message.ts, *vital, *value),
                };
                if !is_new {
                    io.out.counts.repeats += 1;
                    continue;
                }
                taken.vitals[taken.len] = *vital;
                taken.values[taken.len] = *value;
                taken.len += 1;
            }
        }
        if is_newest && dedupe {
            let (vitals, values) = (&taken.vitals[..taken.len], &taken.values[..taken.len]);
            state.seen.keep(message.ts, vitals, values);
            let oldest = Timestamp::from_micros(message.ts) - lateness;
            state.seen.prune(oldest.micros(), lateness.micros());
        }
        taken
    }

    /// Puts readings to use: in windows, as newest values, by limits. What nothing can use goes to quarantine.
    fn use_readings(
        &mut self,
        slot: u32,
        at: &Latest,
        taken: &Taken,
        is_late: bool,
        row: usize,
        io: &mut Io<'_>,
    ) -> Result<(), StepError> {
        let is_placed = !is_late && self.place(slot, at, taken, io)?;
        let newest = self.take_newest(slot, at, taken, io);
        let judged = self.judge_limits(slot, at, taken, io);
        let vitals = &taken.vitals[..taken.len];
        for vital in vitals {
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
        taken: &Taken,
        io: &mut Io<'_>,
    ) -> Result<bool, StepError> {
        let pending_until = self.patients[slot as usize]
            .as_ref()
            .map_or(Timestamp::MIN, |patient| patient.pending_until);
        if at.ts < pending_until {
            // A window that holds this instant is decided: it is evaluated without this row.
            self.evaluate(usize::MAX, io)?;
        }
        let (vitals, values) = (&taken.vitals[..taken.len], &taken.values[..taken.len]);
        let source = at.device.source() as u16;
        let mut any = false;
        for set in 0..self.sets.len() {
            let placed = self.sets[set]
                .take(slot, at.ts, self.log_time, source, vitals, values)
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
    fn take_newest(&mut self, slot: u32, at: &Latest, taken: &Taken, io: &mut Io<'_>) -> u32 {
        let (now, watched) = (self.log_time, self.watched);
        let patient = self.patients[slot as usize]
            .as_mut()
            .expect("a slot on the roster holds a patient");
        let (mut usable, mut came_back) = (0u32, 0u32);
        for (vital, value) in taken.vitals.iter().zip(&taken.values).take(taken.len) {
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
            if now - at.ts > self.pipeline.max_age[vital.index()] {
                continue;
            }
            let bit = presence::bit(vital);
            usable |= bit;
            if watched & bit != 0 && patient.presence.renew(vital, at.device.source(), now) {
                came_back |= bit;
            }
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
