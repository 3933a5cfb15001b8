//! Observations in Arrow: one row a message, its readings in a list beside it.
//!
//! A message carries one reading or many at one time; keeping it as one row means that patient, time and origin are
//! stored and looked at once, however many readings there are. Only a message whose readings do different things, or that
//! has two values of one vital sign, is several rows. The readings of all rows lie end to end:
//!
//! ```text
//!  row   patient_id  ts        readings_offsets     vitals   values
//!  0     p-1         09:00:00  [0, 3)            →  0 2 3    72 97 14
//!  1     p-2         09:00:01  [3, 4)            →  10       37.2
//! ```
//!
//! OBS-1: every reading has a known vital sign and a finite value; columns hold no nulls but in `device_id`, `source`.
//! OBS-2: a row has at least one reading, and at most one of each vital sign.
//! OBS-3: the rows of a message follow one another.

mod builder;
mod messages;
mod schema;

use std::fmt;

use arrow::array::{Array, AsArray, ListArray, PrimitiveArray, RecordBatch, StringViewArray, UInt16Array};
use arrow::datatypes::{
    ArrowPrimitiveType, Float64Type, Int64Type, SchemaRef, TimestampMicrosecondType, UInt8Type,
};
use wardwatch_clinical::VitalSign;

use crate::error::IngestError;
use crate::status::Kind;
use schema::{OBSERVATIONS, column};

pub use builder::{MessageHead, ObservationsBuilder, Placed};
pub use messages::{Message, Messages};

/// A batch of observations with typed access to its columns; rows are messages.
///
/// `Debug` tells how many there are: the rows are patient data.
#[derive(Clone, PartialEq)]
pub struct Observations {
    batch: RecordBatch,
}

// === impl Observations ===

impl Observations {
    /// The schema of the batch.
    pub fn schema() -> SchemaRef {
        OBSERVATIONS.clone()
    }

    /// No rows.
    pub fn empty() -> Self {
        ObservationsBuilder::with_capacity(0, 0).finish()
    }

    /// Takes a batch from elsewhere (a file, a snapshot).
    ///
    /// # Errors
    /// The columns are not those of [`schema`](Self::schema), or OBS-1 or OBS-2 does not hold.
    pub fn from_batch(batch: RecordBatch) -> Result<Self, IngestError> {
        for (position, expected) in column::NAMES.into_iter().enumerate() {
            let found = batch.schema_ref().fields().get(position);
            if found.is_none_or(|found| **found != *OBSERVATIONS.field(position)) {
                return Err(IngestError::Column { position, expected });
            }
        }
        if batch.num_columns() != column::NAMES.len() {
            return Err(IngestError::Columns {
                got: batch.num_columns(),
                expected: column::NAMES.len(),
            });
        }
        let observations = Self::wrap(batch);
        if let Some(&index) = observations
            .vitals()
            .iter()
            .find(|index| VitalSign::from_index(**index).is_none())
        {
            return Err(IngestError::VitalSign { index });
        }
        if let Some(position) = observations.values().iter().position(|value| !value.is_finite()) {
            return Err(IngestError::NotFinite { position });
        }
        if let Some(row) = observations.first_unfit_row() {
            return Err(IngestError::Readings { row });
        }
        let kinds = observations.kinds().iter();
        if let Some(row) = kinds.clone().position(|kind| Kind::from_number(*kind).is_none()) {
            return Err(IngestError::Kind { row });
        }
        Ok(observations)
    }

    /// The first row for which OBS-2 does not hold.
    fn first_unfit_row(&self) -> Option<usize> {
        let vitals = self.vitals();
        self.readings_offsets().windows(2).position(|ends| {
            let readings = &vitals[ends[0] as usize..ends[1] as usize];
            let distinct = readings.iter().fold(0u32, |bits, vital| bits | 1 << vital);
            readings.is_empty() || distinct.count_ones() as usize != readings.len()
        })
    }

    /// Wraps a batch that is known to be right.
    fn wrap(batch: RecordBatch) -> Self {
        debug_assert_eq!(batch.schema_ref(), &*OBSERVATIONS);
        Self { batch }
    }

    /// The batch itself.
    pub fn batch(&self) -> &RecordBatch {
        &self.batch
    }

    /// Unwraps the batch.
    pub fn into_batch(self) -> RecordBatch {
        self.batch
    }

    /// The rows `[start, start + rows)`, without copying.
    ///
    /// # Panics
    /// If the rows do not exist.
    pub fn slice(&self, start: usize, rows: usize) -> Self {
        Self::wrap(self.batch.slice(start, rows))
    }

    /// Messages.
    pub fn len(&self) -> usize {
        self.batch.num_rows()
    }

    /// Whether there is no message.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows, one by one.
    pub fn messages(&self) -> Messages<'_> {
        Messages::of(self)
    }

    /// Readings of all messages.
    pub fn readings_len(&self) -> usize {
        let offsets = self.readings_offsets();
        (offsets[self.len()] - offsets[0]) as usize
    }

    /// The patient of each row.
    pub fn patient_ids(&self) -> &StringViewArray {
        self.batch.column(column::PATIENT_ID).as_string_view()
    }

    /// The patient of a row.
    pub fn patient_id(&self, row: usize) -> &str {
        self.patient_ids().value(row)
    }

    /// When each row was measured, µs UTC.
    pub fn ts(&self) -> &[i64] {
        self.primitive::<TimestampMicrosecondType>(column::TS)
    }

    /// The device of each row.
    pub fn device_ids(&self) -> &StringViewArray {
        self.batch.column(column::DEVICE_ID).as_string_view()
    }

    /// The device of a row.
    pub fn device_id(&self, row: usize) -> Option<&str> {
        present(self.device_ids(), row)
    }

    /// The sender's own name for itself, of each row.
    pub fn sources(&self) -> &StringViewArray {
        self.batch.column(column::SOURCE).as_string_view()
    }

    /// The sender's own name for itself, of a row.
    pub fn source(&self, row: usize) -> Option<&str> {
        present(self.sources(), row)
    }

    /// Where the readings of each row start and end in [`vitals`](Self::vitals) and [`values`](Self::values):
    /// `len() + 1` positions, the first of which is not 0 in a slice.
    pub fn readings_offsets(&self) -> &[i32] {
        self.list().offsets()
    }

    /// [`VitalSign::index`] of each reading.
    pub fn vitals(&self) -> &[u8] {
        self.list()
            .values()
            .as_struct()
            .column(0)
            .as_primitive::<UInt8Type>()
            .values()
    }

    /// Canonical value of each reading.
    pub fn values(&self) -> &[f64] {
        self.list()
            .values()
            .as_struct()
            .column(1)
            .as_primitive::<Float64Type>()
            .values()
    }

    /// When each row came to the log, µs UTC.
    pub fn append_time(&self) -> &[i64] {
        self.primitive::<TimestampMicrosecondType>(column::APPEND_TIME)
    }

    /// Ordinal of each row's topic in the pipeline.
    pub fn topic(&self) -> &[u16] {
        let topic: &UInt16Array = self.batch.column(column::TOPIC).as_primitive();
        topic.values()
    }

    /// Offset of each row in its partition.
    pub fn offset(&self) -> &[i64] {
        self.primitive::<Int64Type>(column::OFFSET)
    }

    /// What the readings of each row do: [`Kind`] as a number.
    pub fn kinds(&self) -> &[u8] {
        self.batch
            .column(column::KIND)
            .as_primitive::<UInt8Type>()
            .values()
    }

    /// What the readings of a row do.
    pub fn kind(&self, row: usize) -> Kind {
        Kind::from_number(self.kinds()[row]).unwrap_or_default()
    }

    fn list(&self) -> &ListArray {
        self.batch.column(column::READINGS).as_list()
    }

    fn primitive<T: ArrowPrimitiveType<Native = i64>>(&self, position: usize) -> &[i64] {
        let array: &PrimitiveArray<T> = self.batch.column(position).as_primitive();
        array.values()
    }
}

impl fmt::Debug for Observations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observations")
            .field("messages", &self.len())
            .field("readings", &self.readings_len())
            .finish_non_exhaustive()
    }
}

fn present(array: &StringViewArray, row: usize) -> Option<&str> {
    array.is_valid(row).then(|| array.value(row))
}

#[cfg(test)]
mod tests;
