//! Fields of records that people or systems write: context and commands. Serde's own messages may quote a value and stay
//! behind; a flaw names the field.

use serde::Deserialize;
use serde_json::value::RawValue;
use wardwatch_event_time::Timestamp;

use crate::identity;
use crate::json::{check_object, malformed};
use crate::reason::{Flaw, Reason};
use crate::record::{MOST_BYTES, Record};
use crate::time::read_time;

/// The record's JSON object.
pub(crate) fn object<'a, T: Deserialize<'a>>(record: &Record<'a>) -> Result<T, Flaw> {
    if record.payload.len() > MOST_BYTES {
        return Err(Reason::TooLarge.into());
    }
    let text = std::str::from_utf8(record.payload).map_err(|_| Flaw::from(Reason::BadUtf8))?;
    check_object(text)?;
    serde_json::from_str(text).map_err(|error| malformed(&error))
}

/// Whether the record is about a patient, and lies in that patient's shard.
pub(crate) fn check_patient(record: &Record<'_>, patient_id: &str) -> Result<(), Flaw> {
    identity::check_patient_id(patient_id)?;
    match record.key.is_some_and(|key| key != patient_id.as_bytes()) {
        true => Err(Reason::KeyMismatch.into()),
        false => Ok(()),
    }
}

pub(crate) fn patient_id(raw: Option<&RawValue>) -> Result<String, Flaw> {
    field(raw, Flaw::new(Reason::BadPatientId, "not a text"))?
        .ok_or(Flaw::new(Reason::MissingField, "patient_id"))
}

pub(crate) fn instant(raw: Option<&RawValue>, name: &'static str) -> Result<Timestamp, Flaw> {
    let bad = Flaw::new(Reason::BadTime, name);
    let text: String = field(raw, bad)?.ok_or(Flaw::new(Reason::NoTime, name))?;
    read_time(text.as_bytes(), name)
}

/// A name or a place; an empty one is an absent one.
pub(crate) fn label(raw: Option<&RawValue>, name: &'static str) -> Result<Option<String>, Flaw> {
    let text: Option<String> = value(raw, name)?;
    match text {
        Some(text) if !identity::is_label(&text) => Err(Flaw::new(Reason::BadValue, name)),
        text => Ok(text.filter(|text| !text.is_empty())),
    }
}

pub(crate) fn value<'a, T: Deserialize<'a>>(
    raw: Option<&'a RawValue>,
    name: &'static str,
) -> Result<Option<T>, Flaw> {
    field(raw, Flaw::new(Reason::BadValue, name))
}

fn field<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>, flaw: Flaw) -> Result<Option<T>, Flaw> {
    raw.map(|raw| serde_json::from_str(raw.get()).map_err(|_| flaw))
        .transpose()
}
