//! Canonical observation JSON, single and grouped (`schemas/observation.schema.json`), to Arrow.
//!
//! ```text
//!  record ── size, UTF-8 ──→ usual ──declines──→ thorough ──→ Document ──→ judge ──→ Observations | Quarantined
//!                              └────────reads───────────────────↑
//! ```
//!
//! | file | room |
//! |---|---|
//! | `document` | a message as its JSON says it |
//! | `usual` | the quick reader of the form devices send; declines anything else |
//! | `thorough` | the reader of any JSON, on `serde_json`; the quick one's oracle |
//! | `mould` | reading a group's readings by those of earlier messages |
//! | `scan`, `number` | walking over text; correctly rounded numbers |
//! | `judge` | what is taken, what is quarantined and why |
//!
//! JSON-1: both readers say the same of every message that the quick one does not decline.

mod document;
mod judge;
mod mould;
mod number;
mod scan;
mod thorough;
mod usual;

use std::collections::VecDeque;

use wardwatch_prefetch::prefetch_all;

use document::Document;
use judge::Judge;
use mould::Moulds;

use crate::meanings::Meanings;
use crate::observations::Observations;
use crate::quarantine::Quarantined;
use crate::reason::{Flaw, Reason};
use crate::record::{Arrival, MOST_BYTES, Record};

pub(crate) use thorough::{check_object, malformed};

/// What became of a run of records. Nothing is dropped: every reading is here, in one of the three.
#[derive(Debug)]
pub struct Decoded {
    /// Messages with readings that are right, in order of the records.
    pub observations: Observations,
    /// Records and readings that are not, in order of the records.
    pub quarantined: Vec<Quarantined>,
    /// Readings that repeat, with the same value, an earlier one of their own message.
    pub repeats: u64,
}

/// So many records ahead of its turn a record's bytes are asked for.
const AHEAD: usize = 8;

/// Decodes a run of records. No record can fail, stop or delay another one.
pub fn decode_observations<'a>(records: impl IntoIterator<Item = Record<'a>>, arrival: Arrival) -> Decoded {
    decode(records, arrival, usual::read)
}

/// Reads a text into an empty document, or declines.
type QuickReader = for<'a> fn(&'a str, &mut Moulds<'a>, &mut Meanings, &mut Document<'a>) -> Option<()>;

fn decode<'a>(
    records: impl IntoIterator<Item = Record<'a>>,
    arrival: Arrival,
    quick: QuickReader,
) -> Decoded {
    let mut records = records.into_iter();
    let mut judge = Judge::new(arrival, records.size_hint().0);
    let mut moulds = Moulds::default();
    let mut document = Document::default();
    let mut next = VecDeque::with_capacity(AHEAD);
    loop {
        while next.len() < AHEAD
            && let Some(record) = records.next()
        {
            prefetch_all(record.payload);
            prefetch_all(record.key.unwrap_or_default());
            next.push_back(record);
        }
        let Some(record) = next.pop_front() else { break };
        document.clear();
        let read = text(&record).and_then(|text| {
            if quick(text, &mut moulds, &mut judge.meanings, &mut document).is_some() {
                return Ok(());
            }
            document.clear();
            thorough::read(text, &mut document)
        });
        match read {
            Ok(()) => judge.message(&record, &document),
            Err(flaw) => judge.refuse(&record, flaw),
        }
    }
    Decoded {
        observations: judge.taken.finish(),
        quarantined: judge.quarantined,
        repeats: judge.repeats,
    }
}

fn text<'a>(record: &Record<'a>) -> Result<&'a str, Flaw> {
    if record.payload.len() > MOST_BYTES {
        return Err(Reason::TooLarge.into());
    }
    std::str::from_utf8(record.payload).map_err(|_| Reason::BadUtf8.into())
}

#[cfg(test)]
mod tests;
