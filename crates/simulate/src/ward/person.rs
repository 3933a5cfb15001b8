//! Who lies in a bed: made-up identities that say that they are made up.

use wardwatch_event_time::Timestamp;

use crate::Rng;
use crate::json::{Context, context};

/// A simulated patient's identity and context. Nothing of it belongs to anyone.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) patient_id: String,
    name: String,
    mrn: String,
    bed: String,
    age: u8,
    sex: &'static str,
    /// 2 by a clinician's word, for chronic lung disease; else 1.
    pub(crate) spo2_scale: u8,
}

// === impl Person ===

impl Person {
    /// The patient of a bed, counted from 0, in a ward of so many beds; numbers have two digits, more in larger wards.
    pub(crate) fn new(rng: &mut Rng, index: usize, beds: usize) -> Self {
        let number = number(index, beds);
        Self {
            patient_id: format!("sim-{number}"),
            name: format!("Simulated patient {number}"),
            mrn: format!("SIM-MRN-{number}"),
            bed: format!("SIM-{number}"),
            age: 35 + rng.below(55) as u8,
            sex: if rng.below(2) == 0 { "female" } else { "male" },
            spo2_scale: 1,
        }
    }

    /// The context record of an event: `admit` or `update`.
    pub(crate) fn context(&self, event: &'static str, ts: Timestamp, on_oxygen: bool) -> Vec<u8> {
        context(&Context {
            patient_id: &self.patient_id,
            ts,
            event,
            name: &self.name,
            mrn: Some(&self.mrn),
            age: Some(self.age),
            sex: Some(self.sex),
            ward: "SIM",
            bed: &self.bed,
            spo2_scale: Some(self.spo2_scale),
            on_oxygen: Some(on_oxygen),
        })
    }
}

/// A bed's number as text, wide enough for the ward's last.
pub(crate) fn number(index: usize, beds: usize) -> String {
    let width = beds.to_string().len().max(2);
    format!("{:0width$}", index + 1)
}
