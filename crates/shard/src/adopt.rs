//! Alarms taken over from the alarms topic, where the state had to be rebuilt.
//!
//! A rebuilt shard has panes, but what it would have told was dropped. What was really told stands in the topic: those
//! conditions are active, and no others, and their next alerts follow the last ones.

use std::collections::HashMap;
use std::sync::Arc;

use wardwatch_alarms::{Alarm, Machine};
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_pipeline::{OVERDUE_ALARM, lost_alarm};

use crate::Shard;
use crate::patient::{MachineKind, MachinePlace};
use crate::technical::Technical;
use crate::timers::TimerKind;

/// What was told last of a patient's alarms, by place.
type ToldOf<'a> = Vec<(MachinePlace, &'a Alarm)>;

// === impl Shard ===

impl Shard {
    /// Takes over the newest state of every alarm, as told. Alarms that the pipeline no longer has are left alone.
    pub fn adopt_alarms<'a>(&mut self, alarms: impl IntoIterator<Item = &'a Alarm>) {
        let places: HashMap<String, MachinePlace> = self
            .places()
            .map(|place| (self.alarm_name(place), place))
            .collect();
        let mut told: HashMap<&str, ToldOf<'_>> = HashMap::new();
        for alarm in alarms {
            if let Some(place) = places.get(&alarm.alarm) {
                told.entry(&alarm.patient_id).or_default().push((*place, alarm));
            }
        }
        for slot in 0..self.patients.len() as u32 {
            if let Some(patient) = self.patients[slot as usize].as_ref() {
                let told = told.remove(&*patient.id).unwrap_or_default();
                self.adopt(slot, &told);
            }
        }
        // The order decides about slots, so it must not be the map's.
        let newest = |told: &ToldOf<'_>| {
            told.iter()
                .map(|(_, told)| told.changed_at)
                .max()
                .unwrap_or(Timestamp::MIN)
        };
        let mut others: Vec<_> = told
            .into_iter()
            .map(|(id, told)| (newest(&told), id, told))
            .collect();
        others.sort_unstable_by_key(|(at, id, _)| (*at, *id));
        for (at, id, told) in others {
            self.adopt_absent(id, &told, at);
        }
        let patients = self.patients.iter().flatten();
        self.silent_patients = patients.filter(|patient| patient.is_silent()).count() as u64;
    }

    /// A patient who is monitored.
    fn adopt(&mut self, slot: u32, told: &ToldOf<'_>) {
        for place in self.places().collect::<Vec<_>>() {
            let told = told.iter().find(|(of, _)| *of == place).map(|(_, alarm)| *alarm);
            let index = usize::from(place.index);
            let timing = match place.kind {
                MachineKind::Limit => Some((
                    self.pipeline.limits[index].rules,
                    TimerKind::Limit { index: place.index },
                )),
                MachineKind::Condition => Some((
                    self.pipeline.conditions[index].rules,
                    TimerKind::Condition { index: place.index },
                )),
                _ => None,
            };
            let patient = self.patient_mut(slot);
            if told.is_none() && !patient.has_machine(place) {
                continue;
            }
            let machine = patient.machine_mut(place).expect("a place of this pipeline");
            *machine = match told.map(Alarm::told) {
                Some(told) if told.active || machine.is_active() => machine.taken_over(&told),
                Some(told) => machine.with_names_of(&told),
                None if machine.is_active() => Machine::default(),
                None => *machine,
            };
            if place.kind == MachineKind::RecordsLost && machine.is_active() {
                self.show_records_lost(slot, index);
                continue;
            }
            let Some((rules, kind)) = timing else { continue };
            let (due, is_idle) = (machine.arm(rules), machine.is_idle());
            if place.kind == MachineKind::Limit {
                patient.judged[index].is_idle = is_idle;
            }
            if let Some(due) = due {
                // What a changed rule makes overdue comes with the next step, which is in the journal.
                self.set_timer(slot, kind, due.max(self.log_time + Span::from_micros(1)));
            }
        }
    }

    /// A patient of whom the rebuilt part of the log holds nothing.
    fn adopt_absent(&mut self, id: &str, told: &ToldOf<'_>, changed_at: Timestamp) {
        if told.iter().any(|(_, told)| told.active) {
            let slot = self.begin_stay(id);
            let patient = self.patient_mut(slot);
            patient.heard_at = changed_at;
            self.adopt(slot, told);
        } else if changed_at >= self.log_time - self.pipeline.time.forget_after {
            let machines = told
                .iter()
                .map(|(place, alarm)| (*place, Machine::after(&alarm.told())));
            self.ended
                .keep_machines(Arc::from(id), machines.collect(), changed_at);
        }
    }

    /// Where a patient of this pipeline has machines.
    pub(crate) fn places(&self) -> impl Iterator<Item = MachinePlace> + use<> {
        let sources = self.pipeline.sources.len();
        let of = |kind, count: usize| (0..count as u16).map(move |index| MachinePlace { kind, index });
        let lost: Vec<MachinePlace> = self
            .pipeline
            .watched
            .iter()
            .map(|vital| Technical::Lost(*vital).place())
            .collect();
        of(MachineKind::Limit, self.pipeline.limits.len())
            .chain(of(MachineKind::Condition, self.pipeline.conditions.len()))
            .chain(of(MachineKind::Silent, sources))
            .chain(of(MachineKind::DeviceClock, sources))
            .chain(of(MachineKind::RecordsLost, sources))
            .chain(lost)
            .chain([Technical::Overdue.place()])
    }

    /// The alarm's name in records.
    pub(crate) fn alarm_name(&self, MachinePlace { kind, index }: MachinePlace) -> String {
        let index = usize::from(index);
        match kind {
            MachineKind::Limit => self.pipeline.limits[index].name.clone(),
            MachineKind::Condition => self.pipeline.conditions[index].name.clone(),
            MachineKind::Silent => self.pipeline.sources[index].silent_alarm(),
            MachineKind::DeviceClock => self.pipeline.sources[index].clock_alarm(),
            MachineKind::Lost => lost_alarm(VitalSign::ALL[index]),
            MachineKind::Overdue => OVERDUE_ALARM.to_owned(),
            MachineKind::RecordsLost => self.pipeline.sources[index].records_lost_alarm(),
        }
    }
}
