//! The rows of a batch, with the columns looked up once.

use arrow::array::StringViewArray;

use super::{Observations, present};
use crate::status::Kind;

/// The rows of a batch; see [`Observations::messages`].
#[derive(Clone, Copy)]
pub struct Messages<'a> {
    patient_id: &'a StringViewArray,
    device_id: &'a StringViewArray,
    ts: &'a [i64],
    append_time: &'a [i64],
    topic: &'a [u16],
    offsets: &'a [i32],
    vitals: &'a [u8],
    values: &'a [f64],
    kinds: &'a [u8],
}

/// One row.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    /// The patient.
    pub patient_id: &'a str,
    /// The device, where it is known.
    pub device_id: Option<&'a str>,
    /// When it was measured, µs UTC.
    pub ts: i64,
    /// When it came to the log, µs UTC.
    pub append_time: i64,
    /// Ordinal of the topic in the pipeline.
    pub topic: u16,
    /// `VitalSign::index` of each reading.
    pub vitals: &'a [u8],
    /// Canonical value of each reading; 0 where its kind has none.
    pub values: &'a [f64],
    /// What its readings do.
    pub kind: Kind,
}

// === impl Messages ===

impl<'a> Messages<'a> {
    pub(super) fn of(observations: &'a Observations) -> Self {
        Self {
            patient_id: observations.patient_ids(),
            device_id: observations.device_ids(),
            ts: observations.ts(),
            append_time: observations.append_time(),
            topic: observations.topic(),
            offsets: observations.readings_offsets(),
            vitals: observations.vitals(),
            values: observations.values(),
            kinds: observations.kinds(),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ts.is_empty()
    }

    /// The patient of a row.
    #[inline]
    pub fn patient_id(&self, row: usize) -> &'a str {
        self.patient_id.value(row)
    }

    /// When a row was measured, µs UTC.
    #[inline]
    pub fn ts(&self, row: usize) -> i64 {
        self.ts[row]
    }

    /// Ordinal of a row's topic in the pipeline.
    #[inline]
    pub fn topic(&self, row: usize) -> u16 {
        self.topic[row]
    }

    /// One row.
    ///
    /// # Panics
    /// If there is no such row.
    #[inline]
    pub fn get(&self, row: usize) -> Message<'a> {
        let readings = self.offsets[row] as usize..self.offsets[row + 1] as usize;
        Message {
            patient_id: self.patient_id.value(row),
            device_id: present(self.device_id, row),
            ts: self.ts[row],
            append_time: self.append_time[row],
            topic: self.topic[row],
            vitals: &self.vitals[readings.clone()],
            values: &self.values[readings],
            kind: Kind::from_number(self.kinds[row]).unwrap_or_default(),
        }
    }
}
