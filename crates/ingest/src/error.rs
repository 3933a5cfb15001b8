//! What can go wrong in handing observations over; bad *data* is no error but a [`Quarantined`](crate::Quarantined).

use thiserror::Error;

/// A batch is not a batch of observations. The fault is the producer's of the batch; no record is at fault.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IngestError {
    /// The columns are not those of [`Observations::schema`](crate::Observations::schema).
    #[error(
        "batch of observations: column {position} should be `{expected}`; write it with this version's schema"
    )]
    Column {
        /// Position of the first column that differs.
        position: usize,
        /// Name of the column expected there.
        expected: &'static str,
    },
    /// There are more columns than those of [`Observations::schema`](crate::Observations::schema).
    #[error("batch of observations: {got} columns, expected {expected}")]
    Columns {
        /// How many there are.
        got: usize,
        /// How many there should be.
        expected: usize,
    },
    /// A number that is no vital sign's index: the batch comes from a newer version.
    #[error("batch of observations: no vital sign has index {index}; was it written by a newer version?")]
    VitalSign {
        /// The index found.
        index: u8,
    },
    /// A reading that is NaN or infinite: whoever built the batch did not validate it.
    #[error(
        "batch of observations: reading {position} is not finite; build batches with ObservationsBuilder"
    )]
    NotFinite {
        /// Position among the batch's readings.
        position: usize,
    },
    /// A message without readings, or with two of one vital sign.
    #[error(
        "batch of observations: row {row} has no readings or two of one vital sign; build batches with ObservationsBuilder"
    )]
    Readings {
        /// The row.
        row: usize,
    },
    /// A number that is no kind of reading: the batch comes from a newer version.
    #[error(
        "batch of observations: the readings of row {row} are of no known kind; was it written by a newer version?"
    )]
    Kind {
        /// The row.
        row: usize,
    },
}
