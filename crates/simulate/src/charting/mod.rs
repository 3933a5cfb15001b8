//! The real charting of 100 intensive-care stays, as messages in the order in which it was charted.
//!
//! The rows are those of the MIMIC-III Clinical Database Demo (ODbL 1.0, see `data/ATTRIBUTION.md`), built into the crate.
//! Of each row `charttime` is the observation's `ts` and `storetime`, when a nurse validated it, its arrival. Values and
//! units go out as charted, artefacts too (a systolic of 11647), so the decoder has to convert and to refuse.
//!
//! ```text
//!  MIMIC   2102 |--stay--|        2144 |----stay----|    2171 |--stay--|     every stay in a year of its own
//!  ward    bed 1 |--stay--| pause |----stay----| ...
//!          bed 2   |--stay--| pause ...                                      start + (bed - 1) * pause
//! ```
//!
//! [`Rebase`] moves each stay as a whole into a ward of today. CHARTING-1: within a stay, differences between any two times,
//! `ts` or arrival, stay exactly what they were. CHARTING-2: every charted row is in exactly one message.
//!
//! Rows with one stay, `ts`, arrival and device form one message, grouped if they are several.

mod beds;
mod file;
mod items;

use wardwatch_event_time::{Span, Timestamp};

use crate::json::{Context, Header, Reading, Value, context, observation};
use crate::{Message, SimulateError, Topic};
use file::{Row, Stay};

/// Where and when the stays are laid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebase {
    /// When the first message of the first stay arrives.
    pub start: Timestamp,
    /// From one bed's first stay to the next bed's, and from a discharge to the next admission to the bed.
    pub pause: Span,
    /// How many beds the ward has, at least 1. With 100 or more every stay begins at once, `pause` apart.
    pub beds: usize,
}

/// The real charting's messages in order of arrival; those of one instant in order of stay, admission first, then `ts`.
///
/// Facts to configure a pipeline by, all asserted by a test:
/// - 9,486 of the 98,210 rows come behind their stay's clock, 2,945 by more than 1 h, none by more than 24 h: `lateness: 24h` accepts all.
/// - 15,864 are stored more than 1 h after the time they hold for.
/// - 12,686 are stored *before* the hour they are charted for, 4 of them by more than 1 h, one by 3 h 52 min: a `future_skew`
///   of 10 s would quarantine 12.9 % of real charting; one of 4 h accepts all.
/// - 25 were withdrawn and go out with the status `entered-in-error`.
#[derive(Clone, Debug)]
pub struct Charting {
    messages: std::vec::IntoIter<Message>,
}

// === impl Charting ===

impl Charting {
    /// Reads the built-in charting and moves it.
    ///
    /// # Errors
    /// [`SimulateError`] when the built-in files are damaged; never on account of `rebase`.
    pub fn new(rebase: Rebase) -> Result<Self, SimulateError> {
        let stays = file::stays()?;
        let mut messages = Vec::new();
        for (stay, place) in stays.iter().zip(beds::lay(&stays, rebase)) {
            write_stay(stay, place, &mut messages);
        }
        messages.sort_by_key(|message: &Message| message.arrives);
        Ok(Self {
            messages: messages.into_iter(),
        })
    }
}

impl Iterator for Charting {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        self.messages.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.messages.size_hint()
    }
}

impl ExactSizeIterator for Charting {}

/// The messages of one stay in its bed: admission, charting, discharge.
fn write_stay(stay: &Stay, place: beds::Place, messages: &mut Vec<Message>) {
    let patient_id = format!("mimic-{}", stay.icustay_id);
    let name = format!("MIMIC-III demo {}", stay.icustay_id);
    let bed = format!("ICU-{:02}", place.bed + 1);
    // MIMIC's age and sex stand in tables that the demo's charting does not carry: they stay unknown.
    let record = |event, ts| Message {
        arrives: ts,
        topic: Topic::Context,
        key: patient_id.clone(),
        payload: context(&Context {
            patient_id: &patient_id,
            ts,
            event,
            name: &name,
            mrn: None,
            age: None,
            sex: None,
            ward: "ICU",
            bed: &bed,
            spo2_scale: None,
            on_oxygen: None,
        }),
    };
    messages.push(record("admit", stay.first_arrival() + place.shift));
    for rows in stay.rows.chunk_by(|a, b| group(a) == group(b)) {
        let ts = (rows[0].charttime + place.shift).to_string();
        let readings: Vec<Reading<'_>> = rows.iter().map(reading).collect();
        let header = Header {
            patient_id: &patient_id,
            ts: &ts,
            device_id: rows[0].item.device,
            source: "charting",
        };
        messages.push(Message {
            arrives: rows[0].storetime + place.shift,
            topic: Topic::Vitals,
            key: patient_id.clone(),
            payload: observation(header, &readings),
        });
    }
    messages.push(record("discharge", stay.discharge() + place.shift));
}

/// What the rows of one message share; the rows of a stay are sorted by it.
fn group(row: &Row) -> (Timestamp, Timestamp, Option<&'static str>) {
    (row.storetime, row.charttime, row.item.device)
}

fn reading(row: &Row) -> Reading<'_> {
    Reading {
        vital: row.item.vital,
        value: Value::Float(row.value),
        unit: row.item.unit_to_send(row.unit.as_deref()),
        entered_in_error: row.error,
    }
}
