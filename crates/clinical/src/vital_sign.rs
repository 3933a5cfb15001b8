//! The vital signs that Wardwatch knows.
//!
//! A *vital sign* is a kind of measurement (heart rate, SpO2 …); an *observation* is one measured value of
//! it. The enum is closed on purpose: columns, pane states and models index arrays by [`VitalSign::index`],
//! so the order below is part of the stored formats. Append; never reorder.
//!
//! What is known about each of them stands in one table, [`crate::registry`]; how the outside world spells
//! them is looked up in `codes`.

use std::fmt;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::codes;
use crate::registry::{REGISTRY, VitalInfo};

/// One kind of measurement. Its value is always an `f64` in the canonical unit ([`VitalSign::unit`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum VitalSign {
    /// Heart rate from the ECG, /min.
    HeartRate = 0,
    /// Pulse rate from an oximeter, a cuff, a pressure line or a finger, /min.
    Pulse,
    /// Oxygen saturation, %.
    Spo2,
    /// Respiratory rate, /min.
    RespRate,
    /// Systolic pressure by cuff, mm\[Hg\].
    SystolicBp,
    /// Diastolic pressure by cuff, mm\[Hg\].
    DiastolicBp,
    /// Mean pressure by cuff, mm\[Hg\].
    MeanBp,
    /// Systolic pressure from an arterial line, mm\[Hg\].
    ArterialSystolic,
    /// Diastolic pressure from an arterial line, mm\[Hg\].
    ArterialDiastolic,
    /// Mean pressure from an arterial line, mm\[Hg\].
    ArterialMean,
    /// Body temperature, Cel.
    Temperature,
    /// End-tidal carbon dioxide, mm\[Hg\].
    Etco2,
    /// Inspired fraction of oxygen, % (room air is 21).
    Fio2,
    /// Oxygen flow, L/min.
    O2Flow,
    /// Glasgow Coma Scale, eyes, 1–4.
    GcsEye,
    /// Glasgow Coma Scale, verbal, 1–5.
    GcsVerbal,
    /// Glasgow Coma Scale, motor, 1–6.
    GcsMotor,
    /// Glasgow Coma Scale, sum, 3–15.
    GcsTotal,
    /// Level of consciousness, the value of [`Acvpu::level`](crate::Acvpu::level).
    Consciousness,
    /// Steps walked, {steps}/min.
    Steps,
}

// === impl VitalSign ===

impl VitalSign {
    /// How many vital signs there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Every vital sign, in index order.
    pub const ALL: [Self; 20] = [
        Self::HeartRate,
        Self::Pulse,
        Self::Spo2,
        Self::RespRate,
        Self::SystolicBp,
        Self::DiastolicBp,
        Self::MeanBp,
        Self::ArterialSystolic,
        Self::ArterialDiastolic,
        Self::ArterialMean,
        Self::Temperature,
        Self::Etco2,
        Self::Fio2,
        Self::O2Flow,
        Self::GcsEye,
        Self::GcsVerbal,
        Self::GcsMotor,
        Self::GcsTotal,
        Self::Consciousness,
        Self::Steps,
    ];

    /// Position in [`VitalSign::ALL`], `0..COUNT`. Stable across versions.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The vital sign at `index`, or `None` beyond the last.
    pub const fn from_index(index: u8) -> Option<Self> {
        if (index as usize) < Self::COUNT {
            Some(Self::ALL[index as usize])
        } else {
            None
        }
    }

    /// The vital sign of this `snake_case` name.
    pub fn from_name(name: &str) -> Option<Self> {
        codes::from_code(name).filter(|vital| vital.name() == name)
    }

    /// The vital sign of a code as it comes from the wire: our name, a LOINC code (`8867-4`), an MDC number
    /// (`147842`) or an MDC reference name (`MDC_ECG_HEART_RATE`). Exact spelling; `None` if unknown.
    pub fn from_code(code: &str) -> Option<Self> {
        codes::from_code(code)
    }

    /// Everything the registry knows about it.
    pub const fn info(self) -> &'static VitalInfo {
        &REGISTRY[self as usize]
    }

    /// Name in SQL, JSON and configuration, e.g. `heart_rate`.
    pub const fn name(self) -> &'static str {
        self.info().name
    }

    /// Short label for a nurse's screen, e.g. `HR`.
    pub const fn label(self) -> &'static str {
        self.info().label
    }

    /// Canonical UCUM unit, e.g. `/min`.
    pub const fn unit(self) -> &'static str {
        self.info().unit
    }

    /// Inclusive range of values that can be real, in the canonical unit. Outside it a value is quarantined.
    pub const fn plausible(self) -> &'static RangeInclusive<f64> {
        &self.info().plausible
    }
}

impl fmt::Display for VitalSign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_follow_the_order_of_all() {
        for (index, vital) in VitalSign::ALL.into_iter().enumerate() {
            assert_eq!(vital.index(), index);
            assert_eq!(VitalSign::from_index(index as u8), Some(vital));
        }
        assert_eq!(VitalSign::from_index(VitalSign::COUNT as u8), None);
        assert_eq!(VitalSign::from_index(u8::MAX), None);
    }

    #[test]
    fn a_name_is_a_name_and_not_any_code() {
        assert_eq!(VitalSign::from_name("spo2"), Some(VitalSign::Spo2));
        for other in ["59408-5", "MDC_PULS_OXIM_SAT_O2", "SPO2", "spo2 ", ""] {
            assert_eq!(VitalSign::from_name(other), None, "{other}");
        }
    }

    #[test]
    fn serde_uses_the_registered_name() {
        use serde::de::IntoDeserializer;
        use serde::de::value::{Error, StrDeserializer};

        for vital in VitalSign::ALL {
            let name: StrDeserializer<'_, Error> = vital.name().into_deserializer();
            assert_eq!(VitalSign::deserialize(name), Ok(vital));
        }
    }
}
