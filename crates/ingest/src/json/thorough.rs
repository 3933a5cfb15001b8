//! The reader of any JSON, on `serde_json`.
//!
//! It decides about everything the quick reader declines, and is the oracle that the quick reader is tested against.
//! Fields stay raw tokens until their place is known, so that a field of the wrong type is a flaw of that field and not
//! of the message, and numbers are rounded by [`super::number`].

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::document::{Document, Element, Field, Fields, Form};
use super::number;
use crate::reason::{Flaw, Reason};

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    patient_id: Option<&'a RawValue>,
    #[serde(borrow)]
    ts: Option<&'a RawValue>,
    #[serde(borrow)]
    arrived_at: Option<&'a RawValue>,
    #[serde(borrow)]
    device_id: Option<&'a RawValue>,
    #[serde(borrow)]
    source: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    #[serde(borrow)]
    unit: Option<&'a RawValue>,
    #[serde(borrow)]
    absent: Option<&'a RawValue>,
    #[serde(borrow)]
    observations: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct InGroup<'a> {
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    #[serde(borrow)]
    unit: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    absent: Option<&'a RawValue>,
}

/// Reads any text into an empty document.
///
/// # Errors
/// It is not JSON, not an object, or a field is given twice.
pub(super) fn read<'a>(text: &'a str, into: &mut Document<'a>) -> Result<(), Flaw> {
    check_object(text)?;
    let message: Message<'_> = serde_json::from_str(text).map_err(|error| malformed(&error))?;
    into.patient_id = field(message.patient_id)?;
    into.ts = field(message.ts)?;
    into.arrived_at = field(message.arrived_at)?;
    into.device_id = field(message.device_id)?;
    into.source = field(message.source)?;
    into.single = Fields {
        code: field(message.code)?,
        value: field(message.value)?,
        unit: field(message.unit)?,
        status: field(message.status)?,
        absent: field(message.absent)?,
    };
    let Some(group) = message.observations else {
        return Ok(());
    };
    if !group.get().starts_with('[') {
        into.form = Form::NotAnArray;
        return Ok(());
    }
    into.form = Form::Group;
    let elements: Vec<&RawValue> = serde_json::from_str(group.get()).map_err(|error| malformed(&error))?;
    into.elements.extend(elements.into_iter().map(element));
    Ok(())
}

/// Lets an object pass. Serde would read an array as a struct's fields in order, so this is looked at first.
pub(crate) fn check_object(text: &str) -> Result<(), Flaw> {
    let start = text.trim_start_matches([' ', '\n', '\t', '\r']);
    if start.starts_with('{') {
        return Ok(());
    }
    Err(match serde_json::from_str::<&RawValue>(text) {
        Ok(_) => Reason::NotAnObject.into(),
        Err(error) => malformed(&error),
    })
}

fn element(raw: &RawValue) -> Element<'_> {
    if !raw.get().starts_with('{') {
        return Element::NotAnObject;
    }
    fields(raw.get()).map_or(Element::Malformed, |fields| Element::Fields(Box::new(fields)))
}

fn fields(text: &str) -> Result<Fields<'_>, Flaw> {
    let reading: InGroup<'_> = serde_json::from_str(text).map_err(|error| malformed(&error))?;
    Ok(Fields {
        code: field(reading.code)?,
        value: field(reading.value)?,
        unit: field(reading.unit)?,
        status: field(reading.status)?,
        absent: field(reading.absent)?,
    })
}

/// A raw token as a field's value.
fn field(raw: Option<&RawValue>) -> Result<Field<'_>, Flaw> {
    let Some(token) = raw.map(RawValue::get) else {
        return Ok(Field::Absent);
    };
    Ok(match token.as_bytes().first() {
        Some(b'"') => Field::Text(unquoted(token)?),
        Some(b'-' | b'0'..=b'9') => number::read(token).map_or(Field::Other, Field::Number),
        _ => Field::Other,
    })
}

fn unquoted(token: &str) -> Result<Cow<'_, str>, Flaw> {
    if token.contains('\\') {
        // Here an escaped half of a surrogate pair comes out.
        return serde_json::from_str(token)
            .map(Cow::Owned)
            .map_err(|error| malformed(&error));
    }
    Ok(Cow::Borrowed(&token[1..token.len() - 1]))
}

/// The kind of a JSON error; its message may quote the payload and stays behind.
pub(crate) fn malformed(error: &serde_json::Error) -> Flaw {
    let detail = match error.classify() {
        serde_json::error::Category::Eof => "ends too early",
        serde_json::error::Category::Data => "a field is given twice",
        _ => "not JSON",
    };
    Flaw::new(Reason::BadJson, detail)
}
