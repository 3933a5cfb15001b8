//! From a message as its JSON says it to observations, or to quarantine with a reason.
//!
//! What is wrong with the message as a whole is looked for first, in a fixed order: form, patient, key, status, origin,
//! times, size of the group. Then each reading is judged by itself, so a bad one takes no good one with it.
//!
//! JUDGE-1: every reading of a message is taken, counted as a repeat, or quarantined; every message without readings is
//! quarantined. A reading that says that nothing was measured is taken as that.

use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Timestamp;

use super::document::{Document, Element, Field, Fields, Form};
use crate::identity;
use crate::meanings::Meanings;
use crate::observations::{MessageHead, ObservationsBuilder, Placed};
use crate::quarantine::{BadReading, Quarantined};
use crate::reading::{Meaning, Reading, Value};
use crate::reason::{Flaw, Reason};
use crate::record::{Arrival, MOST_READINGS, Record};
use crate::status::{Kind, read_status};
use crate::time::read_time;

const MALFORMED: Flaw = Flaw::new(Reason::BadJson, "a field is given twice, or a text is none");

/// Where judged messages go.
pub(super) struct Judge {
    pub arrival: Arrival,
    pub meanings: Meanings,
    pub taken: ObservationsBuilder,
    pub quarantined: Vec<Quarantined>,
    pub repeats: u64,
    /// Flaws of the message at hand.
    flaws: Vec<(Flaw, BadReading)>,
}

// === impl Judge ===

impl Judge {
    /// With room for so many messages.
    pub fn new(arrival: Arrival, messages: usize) -> Self {
        Self {
            arrival,
            meanings: Meanings::new(),
            taken: ObservationsBuilder::with_capacity(messages, messages * 8),
            quarantined: Vec::new(),
            repeats: 0,
            flaws: Vec::new(),
        }
    }

    /// Judges one message.
    pub fn message(&mut self, record: &Record<'_>, document: &Document<'_>) {
        let head = match self.head(record, document) {
            Ok(head) => head,
            Err(flaw) => return self.refuse(record, flaw),
        };
        let kind = head.kind;
        match document.form {
            Form::Single => self.fields(0, &document.single, kind),
            _ => {
                for (index, element) in (0..).zip(&document.elements) {
                    self.element(index, element, kind);
                }
            }
        }
        self.taken.close(&MessageHead {
            kind: Kind::Measured,
            ..head
        });
        if !self.flaws.is_empty() {
            self.refuse_readings(record, head.append_time);
        }
    }

    /// Quarantines a whole record.
    pub fn refuse(&mut self, record: &Record<'_>, flaw: Flaw) {
        self.quarantined.push(Quarantined::record(record, flaw));
    }

    /// What the message's readings share.
    fn head<'d>(&self, record: &Record<'_>, document: &'d Document<'_>) -> Result<MessageHead<'d>, Flaw> {
        form(document)?;
        let patient_id = patient_id(&document.patient_id)?;
        if record.key.is_some_and(|key| key != patient_id.as_bytes()) {
            return Err(Reason::KeyMismatch.into());
        }
        let kind = kind(&document.single.status)?;
        let device_id = origin(&document.device_id, "device_id")?;
        let source = origin(&document.source, "source")?;
        let ts = time(&document.ts, "ts")?;
        let append_time = match (self.arrival, &document.arrived_at) {
            (Arrival::Broker, _) => record.append_time,
            (Arrival::File, Field::Absent) => ts,
            (Arrival::File, arrived_at) => time(arrived_at, "arrived_at")?,
        };
        if document.form == Form::Group {
            match document.elements.len() {
                0 => return Err(Reason::EmptyGroup.into()),
                1..=MOST_READINGS => {}
                _ => return Err(Reason::TooManyReadings.into()),
            }
        }
        Ok(MessageHead {
            patient_id,
            ts,
            device_id,
            source,
            append_time,
            topic: record.topic,
            offset: record.offset,
            kind,
        })
    }

    #[inline]
    fn element(&mut self, index: u16, element: &Element<'_>, of_message: Kind) {
        match element {
            Element::Known(meaning, _) if of_message >= Kind::Absent => {
                self.take(of_message, meaning.vital(), None);
            }
            Element::Known(meaning, value) => match meaning.reading(Value::Number(*value)) {
                Ok(Some(reading)) if of_message == Kind::Measured => {
                    self.count(|taken| taken.reading(reading));
                }
                Ok(reading) => self.take(of_message, meaning.vital(), reading),
                Err(flaw) => self.flaw(index, Some(meaning.vital()), flaw),
            },
            Element::Fields(fields) => match kind(&fields.status) {
                Ok(kind) => self.fields(index, fields, kind.max(of_message)),
                Err(flaw) => {
                    let code = code(fields).ok();
                    self.flaw(index, code.and_then(VitalSign::from_code), flaw);
                }
            },
            Element::NotAnObject => self.flaw(index, None, Reason::NotAnObject.into()),
            Element::Malformed => self.flaw(index, None, MALFORMED),
        }
    }

    fn fields(&mut self, index: u16, fields: &Fields<'_>, kind: Kind) {
        match self.read(fields, kind) {
            Ok((kind, vital, reading)) => self.take(kind, vital, reading),
            Err(flaw) => self.flaw(index, code(fields).ok().and_then(VitalSign::from_code), flaw),
        }
    }

    /// Reads a reading. What withdraws one, or says that nothing was measured, needs no value.
    fn read(&mut self, fields: &Fields<'_>, kind: Kind) -> Result<(Kind, VitalSign, Option<Reading>), Flaw> {
        let code = code(fields)?;
        let kind = match &fields.absent {
            Field::Absent => kind,
            Field::Text(reason) if !reason.is_empty() && fields.value == Field::Absent => {
                kind.max(Kind::Absent)
            }
            Field::Text(_) => {
                return Err(Flaw::new(
                    Reason::BadValue,
                    "both a value and absent, or absent without a reason",
                ));
            }
            _ => return Err(Flaw::new(Reason::BadValue, "absent is not a text")),
        };
        if matches!(kind, Kind::Absent | Kind::Withdrawn) {
            unit(&fields.unit)?;
            check_form(&fields.value)?;
            let vital = VitalSign::from_code(code).ok_or(Reason::UnknownCode)?;
            return Ok((kind, vital, None));
        }
        let meaning = self.meanings.of(code, unit(&fields.unit)?)?;
        Ok((kind, meaning.vital(), meaning.reading(value(&fields.value)?)?))
    }

    /// Takes a reading that says so, or `None`: nothing was measured.
    fn take(&mut self, kind: Kind, vital: VitalSign, reading: Option<Reading>) {
        let kind = match (kind, reading) {
            (Kind::Measured, Some(reading)) => return self.count(|taken| taken.reading(reading)),
            (Kind::Measured, None) => Kind::Absent,
            (Kind::Corrected, None) => Kind::Withdrawn,
            (kind, _) => kind,
        };
        let reading = reading.filter(|_| kind == Kind::Corrected);
        let reading = reading.unwrap_or(Reading { vital, value: 0.0 });
        self.count(|taken| taken.special(kind, reading));
    }

    #[inline]
    fn count(&mut self, take: impl FnOnce(&mut ObservationsBuilder) -> Placed) {
        match take(&mut self.taken) {
            Placed::Taken => {}
            Placed::Repeat => self.repeats += 1,
        }
    }

    #[cold]
    fn flaw(&mut self, index: u16, vital: Option<VitalSign>, flaw: Flaw) {
        self.flaws.push((flaw, BadReading { index, vital }));
    }

    /// One entry a flaw, in order of flaws, each with its readings in order of the message.
    fn refuse_readings(&mut self, record: &Record<'_>, append_time: Timestamp) {
        let record = Record {
            append_time,
            ..*record
        };
        self.flaws.sort_by_key(|(flaw, bad)| (*flaw, bad.index));
        for alike in self.flaws.chunk_by(|a, b| a.0 == b.0) {
            let readings = alike.iter().map(|(_, bad)| *bad).collect();
            self.quarantined
                .push(Quarantined::readings(&record, alike[0].0, readings));
        }
        self.flaws.clear();
    }
}

fn form(document: &Document<'_>) -> Result<(), Flaw> {
    let Fields {
        code,
        value,
        unit,
        absent,
        ..
    } = &document.single;
    match document.form {
        Form::Single => Ok(()),
        Form::NotAnArray => Err(Flaw::new(Reason::BadJson, "observations is no array")),
        Form::Group
            if [code, value, unit, absent]
                .into_iter()
                .all(|field| *field == Field::Absent) =>
        {
            Ok(())
        }
        Form::Group => Err(Flaw::new(
            Reason::BadJson,
            "both a single reading and observations",
        )),
    }
}

#[inline]
fn patient_id<'d>(field: &'d Field<'_>) -> Result<&'d str, Flaw> {
    match field {
        Field::Absent => Err(Flaw::new(Reason::MissingField, "patient_id")),
        Field::Text(id) => identity::check_patient_id(id).map(|()| &**id),
        _ => Err(Flaw::new(Reason::BadPatientId, "not a text")),
    }
}

#[inline]
fn origin<'d>(field: &'d Field<'_>, name: &'static str) -> Result<Option<&'d str>, Flaw> {
    match field {
        Field::Absent => Ok(None),
        Field::Text(text) => identity::check_origin(text, name),
        _ => Err(Flaw::new(Reason::BadOrigin, name)),
    }
}

#[inline]
fn time(field: &Field<'_>, name: &'static str) -> Result<Timestamp, Flaw> {
    match field {
        Field::Absent => Err(Flaw::new(Reason::NoTime, name)),
        Field::Text(text) => read_time(text.as_bytes(), name),
        _ => Err(Flaw::new(Reason::BadTime, name)),
    }
}

/// What a status makes of readings.
#[inline]
fn kind(status: &Field<'_>) -> Result<Kind, Flaw> {
    match status {
        Field::Absent => Ok(Kind::Measured),
        Field::Text(word) => read_status(word),
        _ => Err(Flaw::new(Reason::Status, "not a text")),
    }
}

fn code<'f>(fields: &'f Fields<'_>) -> Result<&'f str, Flaw> {
    match &fields.code {
        Field::Text(code) => Ok(code),
        Field::Number(code) => Ok(code.text),
        Field::Absent => Err(Flaw::new(Reason::MissingField, "code")),
        Field::Other => Err(Flaw::new(Reason::UnknownCode, "neither text nor number")),
    }
}

fn unit<'d>(field: &'d Field<'_>) -> Result<Option<&'d str>, Flaw> {
    match field {
        Field::Absent => Ok(None),
        Field::Text(unit) => Ok(Some(unit)),
        _ => Err(Flaw::new(Reason::WrongUnit, "not a text")),
    }
}

/// Lets a value pass that is not used: what has the wrong form is a defect of its sender all the same.
fn check_form(value: &Field<'_>) -> Result<(), Flaw> {
    match value {
        Field::Absent | Field::Number(_) => Ok(()),
        Field::Text(text) => Meaning::of(VitalSign::Consciousness.name(), None)?
            .reading(Value::Text(text))
            .map(|_| ()),
        Field::Other => Err(Flaw::new(Reason::BadValue, "neither number nor text")),
    }
}

fn value<'d>(field: &'d Field<'_>) -> Result<Value<'d>, Flaw> {
    match field {
        Field::Absent => Err(Flaw::new(
            Reason::MissingField,
            "value; where nothing was measured, say why in absent",
        )),
        Field::Number(number) => Ok(Value::Number(number.value)),
        Field::Text(text) => Ok(Value::Text(text)),
        Field::Other => Err(Flaw::new(Reason::BadValue, "neither number nor text")),
    }
}
