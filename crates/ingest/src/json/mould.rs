//! Reading messages by what was read before.
//!
//! Messages of one sender have the same fields in the same order. So each place of the message's object remembers the
//! bytes before the value; where they match, the field is known.
//!
//! The readings of a group differ, as a rule, from those at the same place of an earlier message only in their value.
//! So each place remembers readings as *moulds*: the bytes before the value and those after it. Where both match, the
//! reading is the same JSON with another number in it, and its meaning is known.
//!
//! ```text
//!   {"code":"heart_rate","value":  72  ,"unit":"/min"}
//!   |---------- before ---------|value|---- after ---|
//! ```
//!
//! A place has room for the moulds of several kinds of devices. Those of one kind are as a rule learned together, so
//! they have the same position everywhere, and the position that fitted last is tried first.

use super::document::{Element, Field, Fields};
use super::scan::Scanner;
use super::usual::Name;
use crate::meanings::Meanings;
use crate::reading::Meaning;
use crate::status::{Kind, read_status};

/// Most fields of a message that are remembered.
const MOST_FIELDS: usize = 16;
/// Most moulds of one place.
const MOST_KINDS: usize = 8;

/// The moulds of a run of messages.
#[derive(Default)]
pub(super) struct Moulds<'a> {
    /// By place in the message's object: the bytes up to the value, and whose value it is.
    fields: Vec<(&'a [u8], Name)>,
    places: Vec<Place<'a>>,
    /// Position of the mould that fitted last.
    kind: usize,
}

/// The moulds of one place in a group.
#[derive(Default)]
struct Place<'a> {
    moulds: Vec<Mould<'a>>,
    /// The one to be replaced next, once there is no room.
    oldest: usize,
}

struct Mould<'a> {
    before: &'a [u8],
    after: &'a [u8],
    meaning: Meaning,
}

// === impl Moulds ===

impl<'a> Moulds<'a> {
    /// Reads up to a field's value, if the field at this place is the same as before; else the scanner stays where it is.
    #[inline]
    pub fn field(&self, place: usize, scan: &mut Scanner<'a>) -> Option<Name> {
        let (before, name) = self.fields.get(place)?;
        scan.take_bytes(before).then_some(*name)
    }

    /// Remembers the field at this place.
    pub fn keep_field(&mut self, place: usize, before: &'a str, name: Name) {
        let known = (before.as_bytes(), name);
        if let Some(field) = self.fields.get_mut(place) {
            *field = known;
        } else if place == self.fields.len() && place < MOST_FIELDS {
            self.fields.push(known);
        }
    }

    /// Reads the element here by a mould of its place, if one fits; else the scanner stays where it is.
    #[inline]
    pub fn cast(&mut self, place: usize, scan: &mut Scanner<'a>) -> Option<Element<'a>> {
        let moulds = &self.places.get(place)?.moulds;
        match moulds.get(self.kind).and_then(|mould| mould.cast(scan)) {
            Some(element) => Some(element),
            None => self.search(place, scan),
        }
    }

    /// Tries the moulds of all kinds. Kept apart, so that the usual way above stays short.
    #[inline(never)]
    fn search(&mut self, place: usize, scan: &mut Scanner<'a>) -> Option<Element<'a>> {
        let moulds = &self.places[place].moulds;
        let (kind, element) = (0..)
            .zip(moulds)
            .find_map(|(kind, mould)| Some((kind, mould.cast(scan)?)))?;
        self.kind = kind;
        Some(element)
    }

    /// Makes a mould of a reading that means something and whose value is a number, and returns it as known.
    pub fn keep(
        &mut self,
        place: usize,
        (before, after): (&'a str, &'a str),
        fields: &Fields<'a>,
        meanings: &mut Meanings,
    ) -> Option<Element<'a>> {
        let Field::Number(value) = fields.value else {
            return None;
        };
        let meaning = meaning(fields, meanings)?;
        if self.places.len() <= place {
            self.places.resize_with(place + 1, Place::default);
        }
        let (before, after) = (before.as_bytes(), after.as_bytes());
        self.kind = self.places[place].keep(Mould {
            before,
            after,
            meaning,
        });
        Some(Element::Known(meaning, value.value))
    }
}

/// What a reading means, if nothing is wrong with it but perhaps its value.
fn meaning(fields: &Fields<'_>, meanings: &mut Meanings) -> Option<Meaning> {
    match &fields.status {
        Field::Absent => {}
        Field::Text(status) if read_status(status) == Ok(Kind::Measured) => {}
        _ => return None,
    }
    if fields.absent != Field::Absent {
        return None;
    }
    let code = match &fields.code {
        Field::Text(code) => &**code,
        Field::Number(code) => code.text,
        _ => return None,
    };
    let unit = match &fields.unit {
        Field::Text(unit) => Some(&**unit),
        Field::Absent => None,
        _ => return None,
    };
    meanings.of(code, unit).ok()
}

// === impl Place ===

impl<'a> Place<'a> {
    /// Where the mould is now.
    fn keep(&mut self, mould: Mould<'a>) -> usize {
        if self.moulds.len() < MOST_KINDS {
            self.moulds.push(mould);
            return self.moulds.len() - 1;
        }
        let kind = self.oldest;
        self.moulds[kind] = mould;
        self.oldest = (kind + 1) % MOST_KINDS;
        kind
    }
}

// === impl Mould ===

impl Mould<'_> {
    #[inline]
    fn cast<'a>(&self, scan: &mut Scanner<'a>) -> Option<Element<'a>> {
        let start = scan.at();
        if !scan.take_bytes(self.before) {
            return None;
        }
        match scan.number() {
            Some(number) if scan.take_bytes(self.after) => Some(Element::Known(self.meaning, number.value)),
            _ => {
                scan.go_back(start);
                None
            }
        }
    }
}
