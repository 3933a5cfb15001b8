//! One message: clock, repeats, panes, limits, closes.

use wardwatch_alarms::Judgement;
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::{Admission, Timestamp};
use wardwatch_ingest::{Message, Reason};
use wardwatch_pipeline::LimitAlarm;
use wardwatch_windowing::Placed;

use crate::closing::is_wanted;
use crate::digest::{Decision, Event};
use crate::patient::Latest;
use crate::seen::{Sameness, device_number};
use crate::shard::Io;
use crate::timers::TimerKind;
use crate::{Refused, Shard, StepError};

/// The readings of a message that are taken, on the stack: a group holds at most 64.
struct Taken {
    vitals: [u8; 64],
    values: [f64; 64],
    len: usize,
}

// === impl Shard ===

impl Shard {
    /// Takes in the message at `row`, or refuses it. `likely` is where its patient most likely stands.
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
        let ts = Timestamp::from_micros(message.ts);
        let append_time = Timestamp::from_micros(message.append_time);
        let rules = self.pipeline.sources[source].rules;
        let patient = self.patient_mut(slot);
        let key = patient.key;
        let admission = patient.sources[source].clock.admit(ts, append_time, rules);
        let event = |decision| {
            Event::new(decision, key)
                .whole(message.ts)
                .whole(message.append_time)
                .whole(i64::from(message.topic))
        };
        match admission {
            Admission::Future => {
                io.out.counts.future += 1;
                self.digest.add(event(Decision::Future));
                io.out.refused.push(whole(
                    row,
                    Reason::Future,
                    "ahead of its arrival by more than future_skew",
                ));
                self.flag_fast_clock(slot, source, message.device_id, io);
                return Ok(());
            }
            Admission::Late => {
                io.out.counts.late += 1;
                self.digest.add(event(Decision::Late));
                io.out.refused.push(whole(
                    row,
                    Reason::Late,
                    "behind its patient's clock by more than lateness",
                ));
                return Ok(());
            }
            Admission::Newest | Admission::WithinLateness => {}
        }
        self.heard(slot, source, message.device_id, io);
        let taken = self.sort_out(message, row, slot, admission == Admission::Newest, io);
        let readings = taken.vitals.iter().zip(&taken.values).take(taken.len);
        let readings = readings.map(|(vital, value)| (u64::from(*vital), *value));
        self.digest.add(event(Decision::Taken).values(readings));
        if taken.len > 0 {
            self.place(slot, source, ts, &taken, io)?;
            self.judge_limits(slot, source, ts, &taken, io);
        }
        let clock = self.patients[slot as usize]
            .as_ref()
            .map_or(Timestamp::MIN, |patient| patient.clock(&self.pipeline));
        self.close_until(slot, clock, self.log_time);
        Ok(())
    }

    /// Drops repeats, refuses conflicts, and gives the rest.
    fn sort_out(
        &mut self,
        message: &Message<'_>,
        row: usize,
        slot: u32,
        newest: bool,
        io: &mut Io<'_>,
    ) -> Taken {
        let source = usize::from(message.topic);
        let rules = &self.pipeline.sources[source];
        let patient = self.patients[slot as usize]
            .as_mut()
            .expect("a slot on the roster holds a patient");
        let state = &mut patient.sources[source];
        let device = device_number(message.device_id);
        let mut taken = Taken {
            vitals: [0; 64],
            values: [0.0; 64],
            len: 0,
        };
        let must_look = rules.dedupe && !newest;
        for (vital, value) in message.vitals.iter().zip(message.values) {
            let sameness = if must_look {
                state.seen.take(message.ts, device, *vital, *value)
            } else {
                Sameness::New
            };
            match sameness {
                Sameness::New => {
                    taken.vitals[taken.len] = *vital;
                    taken.values[taken.len] = *value;
                    taken.len += 1;
                }
                Sameness::Repeat => io.out.counts.repeats += 1,
                Sameness::Conflict => {
                    io.out.counts.conflicts += 1;
                    let detail =
                        "another value of the same patient, source, device, code and time came first";
                    let vital = VitalSign::from_index(*vital);
                    io.out.refused.push(Refused {
                        row,
                        reason: Reason::Conflict,
                        detail,
                        vital,
                    });
                }
            }
        }
        if newest && rules.dedupe {
            state
                .seen
                .keep(message.ts, device, message.vitals, message.values);
            let lateness = rules.rules.lateness;
            let oldest = state.clock.now() - lateness;
            state.seen.prune(oldest.micros(), lateness.micros());
        }
        io.out.counts.observations += taken.len as u64;
        taken
    }

    /// Puts readings into the panes of every feature set and among the newest values.
    fn place(
        &mut self,
        slot: u32,
        source: usize,
        ts: Timestamp,
        taken: &Taken,
        io: &mut Io<'_>,
    ) -> Result<(), StepError> {
        let pending_until = self.patients[slot as usize]
            .as_ref()
            .map_or(Timestamp::MIN, |patient| patient.pending_until);
        if ts < pending_until {
            // A window that holds this instant is decided: it is evaluated without this row.
            self.evaluate(usize::MAX, io)?;
        }
        let (vitals, values) = (&taken.vitals[..taken.len], &taken.values[..taken.len]);
        for set in 0..self.sets.len() {
            let placed = self.sets[set]
                .take(slot, ts, self.log_time, source as u16, vitals, values)
                .map_err(|error| StepError::sql("feature set", &self.pipeline.sets[set].name, &error))?;
            match placed {
                Placed::Open { first: false, .. } => {}
                Placed::Expired => io.out.counts.expired += 1,
                placed => self.after_placing(slot, set, placed),
            }
        }
        let patient = self.patients[slot as usize]
            .as_mut()
            .expect("a slot on the roster holds a patient");
        for (vital, value) in vitals.iter().zip(values) {
            let new = Latest { ts, value: *value };
            let latest = &mut patient.latest[usize::from(*vital)];
            if latest.gives_way_to(new) {
                *latest = new;
            }
            if let Some(history) = &mut patient.history {
                history.take(usize::from(*vital), new, is_wanted(&self.sets, slot));
            }
        }
        Ok(())
    }

    /// Judges the limits on the readings, row by row. A value behind a newer one is history and moves no alarm, and a
    /// source that is only for trends never does.
    fn judge_limits(&mut self, slot: u32, source: usize, ts: Timestamp, taken: &Taken, io: &mut Io<'_>) {
        if self.pipeline.sources[source].trend_only {
            return;
        }
        for index in 0..self.pipeline.limits.len() {
            let alarm = &self.pipeline.limits[index];
            let vital = alarm.limit.vital.index() as u8;
            let Some(at) = taken.vitals[..taken.len].iter().position(|other| *other == vital) else {
                continue;
            };
            let value = taken.values[at];
            let judgement = judge(alarm, value);
            let rules = alarm.rules;
            let now = self.log_time;
            let patient = self.patient_mut(slot);
            let judged = &mut patient.judged[index];
            if ts < judged.latest.ts {
                continue;
            }
            judged.latest = Latest { ts, value };
            if judged.is_idle && matches!(judgement, Judgement::Clear | Judgement::Between) {
                continue;
            }
            let machine = &mut patient.limits[index];
            let before = machine.due(rules);
            let transition = machine.judge(judgement, ts, now, rules);
            let due = machine.due(rules);
            judged.is_idle = machine.is_idle();
            if let Some(due) = due.filter(|due| Some(*due) != before) {
                self.set_timer(slot, TimerKind::Limit { index: index as u16 }, due);
            }
            if let Some(transition) = transition {
                self.tell_limit(slot, index, transition, io);
            }
        }
    }

    pub(crate) fn limit_on_time(&mut self, slot: u32, index: usize, now: Timestamp, io: &mut Io<'_>) {
        let rules = self.pipeline.limits[index].rules;
        let Some(patient) = self.patients[slot as usize].as_mut() else {
            return;
        };
        let transition = patient.limits[index].on_time(now, rules);
        patient.judged[index].is_idle = patient.limits[index].is_idle();
        if let Some(due) = patient.limits[index].due(rules).filter(|_| transition.is_some()) {
            self.set_timer(slot, TimerKind::Limit { index: index as u16 }, due);
        }
        if let Some(transition) = transition {
            self.tell_limit(slot, index, transition, io);
        }
    }
}

fn judge(alarm: &LimitAlarm, value: f64) -> Judgement {
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

fn whole(row: usize, reason: Reason, detail: &'static str) -> Refused {
    Refused {
        row,
        reason,
        detail,
        vital: None,
    }
}
