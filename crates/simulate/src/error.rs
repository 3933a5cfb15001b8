//! What can fail: only reading the charting that is built into this crate. Any of these is our own fault, found by the
//! tests of this crate, and none of them is worth a retry.

/// Why the built-in charting could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// The Parquet file is not readable.
    #[error("the built-in charting is not readable Parquet")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// A batch of the Parquet file is not decodable.
    #[error("a batch of the built-in charting cannot be decoded")]
    Arrow(#[from] arrow::error::ArrowError),
    /// The list of stays is not readable.
    #[error("the built-in list of stays is not readable CSV")]
    Stays(#[from] csv::Error),
    /// A column is absent or of another type.
    #[error("the built-in charting has no column {name} of the expected type")]
    Column {
        /// Its name.
        name: &'static str,
    },
    /// A charted item without a vital sign.
    #[error("the built-in charting holds item {itemid}, which is mapped to no vital sign")]
    UnknownItem {
        /// MIMIC-III's number of the item.
        itemid: i32,
    },
    /// Charting of a stay that the list of stays does not hold.
    #[error("the built-in charting holds stay {icustay_id}, which is not in the list of stays")]
    UnknownStay {
        /// MIMIC-III's number of the stay, which stands for no living patient's identity.
        icustay_id: i32,
    },
}
