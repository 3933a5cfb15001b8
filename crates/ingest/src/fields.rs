//! Fields of records that people or systems write: context and commands. Serde's own messages may quote a value and stay
//! behind; a flaw names the field.

use serde::Deserialize;
use serde_json::value::RawValue;
use wardwatch_event_time::Timestamp;

use crate::identity;
use crate::reason::{Flaw, Reason};

pub(crate) fn patient_id(raw: Option<&RawValue>) -> Result<String, Flaw> {
    field(raw, Flaw::new(Reason::BadPatientId, "not a text"))?
        .ok_or(Flaw::new(Reason::MissingField, "patient_id"))
}

pub(crate) fn instant(raw: Option<&RawValue>, name: &'static str) -> Result<Timestamp, Flaw> {
    let bad = Flaw::new(Reason::BadTime, name);
    let text: String = field(raw, bad)?.ok_or(Flaw::new(Reason::NoTime, name))?;
    Timestamp::parse_rfc3339(text.as_bytes()).map_err(|_| bad)
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
