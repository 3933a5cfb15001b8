//! The quick reader of the usual form: fields in any order, any white space, escapes in values but not in names, unknown
//! fields nested a few levels deep.
//!
//! It never decides against a message: what it does not know it declines, and the thorough reader looks again.

use super::document::{Document, Element, Field, Fields, Form};
use super::mould::Moulds;
use super::scan::Scanner;
use crate::meanings::Meanings;
use crate::record::MOST_READINGS;

/// How deep an unknown field may be nested to be skipped.
const DEEPEST: usize = 8;

/// What follows in the message's object.
enum Next {
    /// A field, if it is none of ours without its name.
    Field(Option<Name>),
    End,
}

/// Which known field a name is: a position in [`Seen`].
#[derive(Clone, Copy)]
pub(super) enum Name {
    PatientId,
    Ts,
    ArrivedAt,
    DeviceId,
    Source,
    Status,
    Code,
    Value,
    Unit,
    Absent,
    Observations,
}

/// The known fields seen in one object.
#[derive(Default)]
struct Seen(u16);

/// Reads a message of the usual form into an empty document. After `None` the document holds rubbish.
pub(super) fn read<'a>(
    text: &'a str,
    moulds: &mut Moulds<'a>,
    meanings: &mut Meanings,
    into: &mut Document<'a>,
) -> Option<()> {
    let mut scan = Scanner::new(text);
    let mut seen = Seen::default();
    for place in 0.. {
        let name = match moulds.field(place, &mut scan) {
            Some(known) => Some(known),
            None => match field(place, &mut scan, moulds)? {
                Next::Field(name) => name,
                Next::End => break,
            },
        };
        match name {
            None => scan.skip(DEEPEST)?,
            Some(name) => {
                seen.once(name)?;
                if matches!(name, Name::Observations) {
                    into.form = Form::Group;
                    group(&mut scan, moulds, meanings, &mut into.elements)?;
                } else {
                    *slot(name, into)? = scan.field()?;
                }
            }
        }
    }
    scan.expect_end()
}

/// Reads up to the next field's value, and makes a mould of it if the field is one of ours.
fn field<'a>(place: usize, scan: &mut Scanner<'a>, moulds: &mut Moulds<'a>) -> Option<Next> {
    let start = scan.at();
    match (place, scan.take()?) {
        (0, b'{') | (1.., b',') => {}
        (1.., b'}') => return Some(Next::End),
        _ => return None,
    }
    let name = scan.name()?;
    if let Some(name) = name {
        moulds.keep_field(place, scan.between(start, scan.at())?, name);
    }
    Some(Next::Field(name))
}

fn slot<'d, 'a>(name: Name, document: &'d mut Document<'a>) -> Option<&'d mut Field<'a>> {
    Some(match name {
        Name::PatientId => &mut document.patient_id,
        Name::Ts => &mut document.ts,
        Name::ArrivedAt => &mut document.arrived_at,
        Name::DeviceId => &mut document.device_id,
        Name::Source => &mut document.source,
        Name::Status | Name::Code | Name::Value | Name::Unit | Name::Absent => {
            return in_reading(name, &mut document.single);
        }
        Name::Observations => return None,
    })
}

fn in_reading<'d, 'a>(name: Name, fields: &'d mut Fields<'a>) -> Option<&'d mut Field<'a>> {
    match name {
        Name::Code => Some(&mut fields.code),
        Name::Value => Some(&mut fields.value),
        Name::Unit => Some(&mut fields.unit),
        Name::Status => Some(&mut fields.status),
        Name::Absent => Some(&mut fields.absent),
        _ => None,
    }
}

fn group<'a>(
    scan: &mut Scanner<'a>,
    moulds: &mut Moulds<'a>,
    meanings: &mut Meanings,
    elements: &mut Vec<Element<'a>>,
) -> Option<()> {
    scan.expect(b'[')?;
    if scan.peek()? == b']' {
        return scan.expect(b']');
    }
    for place in 0..MOST_READINGS {
        scan.peek()?;
        let element = match moulds.cast(place, scan) {
            Some(known) => known,
            None => reading(place, scan, moulds, meanings)?,
        };
        elements.push(element);
        match scan.take()? {
            b',' => {}
            b']' => return Some(()),
            _ => return None,
        }
    }
    None
}

/// Reads one element and makes a mould of it.
fn reading<'a>(
    place: usize,
    scan: &mut Scanner<'a>,
    moulds: &mut Moulds<'a>,
    meanings: &mut Meanings,
) -> Option<Element<'a>> {
    let start = scan.at();
    let mut value_at = None;
    let mut fields = Fields::default();
    let mut seen = Seen::default();
    scan.expect(b'{')?;
    loop {
        let name = scan.name()?;
        // Fields of the message's own level are unknown, so ignored, in a reading.
        match name.and_then(|name| Some((name, in_reading(name, &mut fields)?))) {
            None => scan.skip(DEEPEST)?,
            Some((name, slot)) => {
                seen.once(name)?;
                scan.peek()?;
                let from = scan.at();
                *slot = scan.field()?;
                if matches!(name, Name::Value) {
                    value_at = Some((from, scan.at()));
                }
            }
        }
        if !scan.next_field()? {
            break;
        }
    }
    let known = match value_at {
        None => None,
        Some((from, to)) => {
            let around = (scan.between(start, from)?, scan.between(to, scan.at())?);
            moulds.keep(place, around, &fields, meanings)
        }
    };
    Some(known.unwrap_or_else(|| Element::Fields(Box::new(fields))))
}

// === impl Name ===

impl Name {
    #[inline]
    fn of(name: &str) -> Option<Self> {
        Some(match name.as_bytes() {
            b"patient_id" => Self::PatientId,
            b"ts" => Self::Ts,
            b"arrived_at" => Self::ArrivedAt,
            b"device_id" => Self::DeviceId,
            b"source" => Self::Source,
            b"status" => Self::Status,
            b"code" => Self::Code,
            b"value" => Self::Value,
            b"unit" => Self::Unit,
            b"absent" => Self::Absent,
            b"observations" => Self::Observations,
            _ => return None,
        })
    }
}

// === impl Seen ===

impl Seen {
    /// Marks a field; `None` if it was marked before.
    #[inline]
    fn once(&mut self, name: Name) -> Option<()> {
        let bit = 1 << name as u16;
        let new = self.0 & bit == 0;
        self.0 |= bit;
        new.then_some(())
    }
}

// === impl Scanner ===

impl Scanner<'_> {
    /// A field's name with its colon; `Some(None)` if it is none of ours.
    #[inline]
    fn name(&mut self) -> Option<Option<Name>> {
        let name = Name::of(self.text()?);
        self.expect(b':')?;
        Some(name)
    }

    /// After a field: whether another one follows in the object.
    #[inline]
    fn next_field(&mut self) -> Option<bool> {
        match self.take()? {
            b',' => Some(true),
            b'}' => Some(false),
            _ => None,
        }
    }
}
