//! What a monitor makes of a patient: one message a second, disturbed by artefacts.

use wardwatch_clinical::VitalSign;

use super::artefact::Artefact;
use super::physiology::Vitals;
use crate::json::{Reading, Value};

/// Readings of one monitor message at most.
pub(crate) const MOST: usize = 8;

/// What one monitor message holds; 1 to [`MOST`] readings.
pub(crate) struct Readings {
    items: [Reading<'static>; MOST],
    count: usize,
}

// === impl Readings ===

impl Readings {
    /// One reading alone.
    pub(crate) fn of(reading: Reading<'static>) -> Self {
        Self {
            items: [reading; MOST],
            count: 1,
        }
    }

    /// What the monitor shows; pressures only with an arterial line.
    pub(crate) fn of_monitor(vitals: &Vitals, artefact: Option<Artefact>, arterial: bool) -> Self {
        let leads = |value| {
            if artefact == Some(Artefact::LeadsOff) {
                8_388_607
            } else {
                value
            }
        };
        let probe = |value| {
            if artefact == Some(Artefact::ProbeOff) {
                -1
            } else {
                value
            }
        };
        let heart_rate = if artefact == Some(Artefact::Spike) {
            290
        } else {
            leads(vitals.heart_rate)
        };
        let mut readings = Self::of(whole(VitalSign::HeartRate, heart_rate));
        readings.push(whole(VitalSign::RespRate, leads(vitals.resp_rate)));
        readings.push(in_unit(
            VitalSign::Temperature,
            Value::Tenths(vitals.temperature_tenths),
        ));
        if artefact != Some(Artefact::ProbeSilent) {
            readings.push(whole(VitalSign::Spo2, probe(vitals.spo2)));
            readings.push(whole(VitalSign::Pulse, probe(vitals.pulse)));
        }
        if arterial {
            readings.push(whole(VitalSign::ArterialSystolic, vitals.systolic));
            readings.push(whole(VitalSign::ArterialDiastolic, vitals.diastolic));
            readings.push(whole(VitalSign::ArterialMean, vitals.mean));
        }
        readings
    }

    fn push(&mut self, reading: Reading<'static>) {
        self.items[self.count] = reading;
        self.count += 1;
    }

    pub(crate) fn as_slice(&self) -> &[Reading<'static>] {
        &self.items[..self.count]
    }
}

/// A whole number in the canonical unit.
pub(super) fn whole(vital: VitalSign, value: i64) -> Reading<'static> {
    in_unit(vital, Value::Whole(value))
}

/// A value in the canonical unit.
pub(super) fn in_unit(vital: VitalSign, value: Value) -> Reading<'static> {
    Reading {
        vital,
        value,
        unit: Some(vital.unit()),
        entered_in_error: false,
    }
}
