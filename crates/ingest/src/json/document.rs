//! One message as its JSON says it, before any judgement.
//!
//! Both readers, the quick one for the usual form ([`super::usual`]) and the thorough one for any JSON
//! ([`super::thorough`]), fill the same [`Document`]; what is right and wrong is decided once, in [`super::judge`].

use std::borrow::Cow;

use crate::reading::Meaning;

/// A field's value.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Field<'a> {
    /// Absent, or null.
    #[default]
    Absent,
    Text(Cow<'a, str>),
    Number(Number<'a>),
    /// A boolean, an array or an object, where none belongs.
    Other,
}

/// A number, as written and as meant: a code is compared as text, a value is used as number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Number<'a> {
    pub text: &'a str,
    pub value: f64,
}

/// What one reading says.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Fields<'a> {
    pub code: Field<'a>,
    pub value: Field<'a>,
    pub unit: Field<'a>,
    pub status: Field<'a>,
    pub absent: Field<'a>,
}

/// One element of a group.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Element<'a> {
    /// On the heap: most elements are known, and those are small.
    Fields(Box<Fields<'a>>),
    /// Fields that were looked up before, with a new value.
    Known(Meaning, f64),
    NotAnObject,
    /// A field given twice, or a text that is none.
    Malformed,
}

/// What the message holds in `observations`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Form {
    /// No group: the message is its own reading.
    #[default]
    Single,
    /// The elements of [`Document::elements`].
    Group,
    /// Something that is no array.
    NotAnArray,
}

/// One message. `single.status` is the status of the message in either form.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Document<'a> {
    pub patient_id: Field<'a>,
    pub ts: Field<'a>,
    pub arrived_at: Field<'a>,
    pub device_id: Field<'a>,
    pub source: Field<'a>,
    pub single: Fields<'a>,
    pub form: Form,
    pub elements: Vec<Element<'a>>,
}

// === impl Document ===

impl Document<'_> {
    /// Empties it and keeps the room for elements.
    pub fn clear(&mut self) {
        let mut elements = std::mem::take(&mut self.elements);
        elements.clear();
        *self = Self {
            elements,
            ..Self::default()
        };
    }
}
