//! Context: who a patient is, where they lie, and what scores must know that no device measures.
//!
//! The topic is compacted by patient id, so a record is the *whole* context: what it leaves out is not known, whatever an
//! earlier one said. A tombstone (no payload) is a discharge at its append time.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use wardwatch_clinical::scores::Spo2Scale;
use wardwatch_event_time::Timestamp;

use crate::fields::{check_patient, instant, label, object, patient_id, value};
use crate::phi::Phi;
use crate::reason::{Flaw, Reason};
use crate::record::Record;

/// Oldest age accepted, in years; the oldest person known died at 122.
pub const OLDEST: f64 = 130.0;

/// A patient's context. `Debug` tells what happened, not to whom.
#[derive(Clone, PartialEq, Serialize)]
pub struct ContextRecord {
    /// The patient.
    pub patient_id: String,
    /// Since when this holds.
    pub ts: Timestamp,
    /// What happened.
    pub event: ContextEvent,
    /// Name for the screen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Phi<String>>,
    /// Medical record number, the second identifier on the screen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mrn: Option<Phi<String>>,
    /// Age in years, with a fraction for infants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age: Option<f64>,
    /// Administrative sex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sex: Option<Sex>,
    /// Ward.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ward: Option<String>,
    /// Bed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bed: Option<String>,
    /// NEWS2 SpO2 scale that a clinician has set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spo2_scale: Option<Spo2Scale>,
    /// Whether the patient is given oxygen, where no device says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_oxygen: Option<bool>,
}

/// What a context record tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContextEvent {
    /// The patient has come.
    Admit,
    /// The patient lies elsewhere now.
    Transfer,
    /// Something else about the patient has changed.
    Update,
    /// The patient has gone: alarms end, state is freed.
    Discharge,
}

/// Administrative sex, as FHIR codes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sex {
    /// Female.
    Female,
    /// Male.
    Male,
    /// Neither.
    Other,
    /// Not known.
    Unknown,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    patient_id: Option<&'a RawValue>,
    #[serde(borrow)]
    ts: Option<&'a RawValue>,
    #[serde(borrow)]
    event: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    mrn: Option<&'a RawValue>,
    #[serde(borrow)]
    age: Option<&'a RawValue>,
    #[serde(borrow)]
    sex: Option<&'a RawValue>,
    #[serde(borrow)]
    ward: Option<&'a RawValue>,
    #[serde(borrow)]
    bed: Option<&'a RawValue>,
    #[serde(borrow)]
    spo2_scale: Option<&'a RawValue>,
    #[serde(borrow)]
    on_oxygen: Option<&'a RawValue>,
}

// === impl Sex ===

impl Sex {
    /// The names of all on the wire.
    pub const NAMES: [&'static str; 4] = ["female", "male", "other", "unknown"];
}

// === impl ContextRecord ===

impl ContextRecord {
    /// What a record may say beside whom it is about and since when.
    pub const FIELDS: [&'static str; 9] = [
        "event",
        "name",
        "mrn",
        "age",
        "sex",
        "ward",
        "bed",
        "spo2_scale",
        "on_oxygen",
    ];

    /// A discharge without further word.
    fn discharge(patient_id: String, ts: Timestamp) -> Self {
        Self {
            patient_id,
            ts,
            event: ContextEvent::Discharge,
            name: None,
            mrn: None,
            age: None,
            sex: None,
            ward: None,
            bed: None,
            spo2_scale: None,
            on_oxygen: None,
        }
    }
}

impl fmt::Debug for ContextRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextRecord")
            .field("event", &self.event)
            .field("ts", &self.ts)
            .finish_non_exhaustive()
    }
}

/// Decodes one context record (`schemas/context.schema.json`).
///
/// # Errors
/// Why the record belongs in quarantine; see [`Quarantined::record`](crate::Quarantined::record).
pub fn decode_context(record: &Record<'_>) -> Result<ContextRecord, Flaw> {
    let context = if record.payload.is_empty() {
        let key = record
            .key
            .ok_or(Flaw::new(Reason::MissingField, "key of a tombstone"))?;
        let id = std::str::from_utf8(key).map_err(|_| Flaw::from(Reason::BadPatientId))?;
        ContextRecord::discharge(id.to_owned(), record.append_time)
    } else {
        read(object(record)?)?
    };
    check_patient(record, &context.patient_id)?;
    Ok(context)
}

fn read(wire: Wire<'_>) -> Result<ContextRecord, Flaw> {
    Ok(ContextRecord {
        patient_id: patient_id(wire.patient_id)?,
        ts: instant(wire.ts, "ts")?,
        event: value(wire.event, "event")?.ok_or(Flaw::new(Reason::MissingField, "event"))?,
        name: label(wire.name, "name")?.map(Phi::new),
        mrn: label(wire.mrn, "mrn")?.map(Phi::new),
        age: age(wire.age)?,
        sex: value(wire.sex, "sex")?,
        ward: label(wire.ward, "ward")?,
        bed: label(wire.bed, "bed")?,
        spo2_scale: value(wire.spo2_scale, "spo2_scale")?,
        on_oxygen: value(wire.on_oxygen, "on_oxygen")?,
    })
}

fn age(raw: Option<&RawValue>) -> Result<Option<f64>, Flaw> {
    let age: Option<f64> = value(raw, "age")?;
    match age {
        Some(years) if !(0.0..=OLDEST).contains(&years) => Err(Flaw::new(Reason::Implausible, "age")),
        age => Ok(age),
    }
}

#[cfg(test)]
mod tests;
