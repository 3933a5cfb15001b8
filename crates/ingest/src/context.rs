//! Context: who a patient is, where they lie, and what scores must know that no device measures.
//!
//! Context comes from one writer or several, such as the admission system and a charting system. A record is the *whole* of
//! what its writer states: what it leaves out the writer does not know, whatever an earlier record said. `ts` decides which of
//! two records is newer, never their order of arrival. Topics are compacted by patient id; a tombstone (no payload) withdraws,
//! at its append time, everything that its writer has stated.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use wardwatch_clinical::scores::Spo2Scale;
use wardwatch_event_time::{Span, Timestamp};

use crate::fields::{check_patient, instant, label, object, patient_id, value};
use crate::phi::Phi;
use crate::reason::{Flaw, Reason};
use crate::record::Record;

/// Oldest age accepted, in years; the oldest person known died at 122.
pub const OLDEST: f64 = 130.0;

/// How far ahead of its arrival a record may be dated: clocks of hospital systems differ by less. What is further ahead is planned
/// or wrong, and would outlast every record of the days until then.
const MOST_AHEAD: Span = Span::from_secs(300);

/// A patient's context, as one writer states it. `Debug` tells what happened, not to whom.
#[derive(Clone, PartialEq, Serialize)]
pub struct ContextRecord {
    /// The patient.
    pub patient_id: String,
    /// Since when this holds.
    pub ts: Timestamp,
    /// What happened.
    pub event: ContextEvent,
    /// Who states it, in a file. On Kafka the topic says so, and this is ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writer: Option<String>,
    /// The visit (encounter) that it is about; none where the writer knows patients only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visit: Option<String>,
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
    /// Whether the patient is pregnant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pregnant: Option<bool>,
}

/// What a context record reports. Of two with the same time, the greater counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContextEvent {
    /// The patient has come.
    Admit,
    /// The patient lies elsewhere now.
    Transfer,
    /// Something else about the patient has changed. It says nothing about whether the patient is there: corrections of a
    /// record often come after the discharge.
    Update,
    /// The patient has gone: alarms end, state is freed.
    Discharge,
    /// The writer no longer states anything about the patient; written as a tombstone on a topic.
    Withdraw,
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
    writer: Option<&'a RawValue>,
    #[serde(borrow)]
    visit: Option<&'a RawValue>,
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
    #[serde(borrow)]
    pregnant: Option<&'a RawValue>,
}

// === impl Sex ===

impl Sex {
    /// The names of all on the wire.
    pub const NAMES: [&'static str; 4] = ["female", "male", "other", "unknown"];
}

// === impl ContextRecord ===

impl ContextRecord {
    /// What a record may say beside whom it is about and since when.
    pub const FIELDS: [&'static str; 12] = [
        "event",
        "writer",
        "visit",
        "name",
        "mrn",
        "age",
        "sex",
        "ward",
        "bed",
        "spo2_scale",
        "on_oxygen",
        "pregnant",
    ];

    /// What a tombstone states: nothing any more.
    fn withdrawal(patient_id: String, ts: Timestamp) -> Self {
        Self {
            patient_id,
            ts,
            event: ContextEvent::Withdraw,
            writer: None,
            visit: None,
            name: None,
            mrn: None,
            age: None,
            sex: None,
            ward: None,
            bed: None,
            spo2_scale: None,
            on_oxygen: None,
            pregnant: None,
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

/// Decodes one context record (`schemas/context.schema.json`). Of a record that no broker took, the append time is
/// [`Timestamp::MAX`].
///
/// # Errors
/// Why the record belongs in quarantine; see [`Quarantined::record`](crate::Quarantined::record).
pub fn decode_context(record: &Record<'_>) -> Result<ContextRecord, Flaw> {
    let context = if record.payload.is_empty() {
        let key = record
            .key
            .ok_or(Flaw::new(Reason::MissingField, "key of a tombstone"))?;
        let id = std::str::from_utf8(key).map_err(|_| Flaw::from(Reason::BadPatientId))?;
        ContextRecord::withdrawal(id.to_owned(), record.append_time)
    } else {
        read(object(record)?)?
    };
    check_patient(record, &context.patient_id)?;
    match context.ts > record.append_time + MOST_AHEAD {
        true => Err(Flaw::new(
            Reason::Future,
            "ts, more than 5 min ahead of its arrival",
        )),
        false => Ok(context),
    }
}

fn read(wire: Wire<'_>) -> Result<ContextRecord, Flaw> {
    Ok(ContextRecord {
        patient_id: patient_id(wire.patient_id)?,
        ts: instant(wire.ts, "ts")?,
        event: value(wire.event, "event")?.ok_or(Flaw::new(Reason::MissingField, "event"))?,
        writer: label(wire.writer, "writer")?,
        visit: label(wire.visit, "visit")?,
        name: label(wire.name, "name")?.map(Phi::new),
        mrn: label(wire.mrn, "mrn")?.map(Phi::new),
        age: age(wire.age)?,
        sex: value(wire.sex, "sex")?,
        ward: label(wire.ward, "ward")?,
        bed: label(wire.bed, "bed")?,
        spo2_scale: value(wire.spo2_scale, "spo2_scale")?,
        on_oxygen: value(wire.on_oxygen, "on_oxygen")?,
        pregnant: value(wire.pregnant, "pregnant")?,
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
