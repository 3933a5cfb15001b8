//! What goes into a model and what may come out instead of a score.

use serde::{Deserialize, Serialize};

/// A batch of feature rows, borrowed, row after row: value `i` of row `r` is `values[r * width + i]`, inputs
/// in the order of the contract and in its units.
///
/// NaN means *missing* in this type and nowhere else behind it (`MODEL-1`). A missing value is not zero.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    values: &'a [f64],
    width: usize,
}

// === impl Rows ===

impl<'a> Rows<'a> {
    /// Rows of `width` values each.
    ///
    /// # Panics
    /// If `width` is zero or `values` is not a whole number of rows.
    #[must_use]
    pub fn new(values: &'a [f64], width: usize) -> Self {
        assert!(width > 0, "a feature row has at least one value");
        assert!(
            values.len().is_multiple_of(width),
            "{} values are no whole number of rows of {width}",
            values.len()
        );
        Self { values, width }
    }

    /// Values a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len() / self.width
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The rows in order, each `width` long.
    pub fn iter(&self) -> impl Iterator<Item = &'a [f64]> + use<'a> {
        self.values.chunks_exact(self.width)
    }
}

/// Why there is no score. Inputs are named by their index in the contract, so that a reason is small enough
/// to journal and holds no patient's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Unavailable {
    /// Fewer inputs are evidence of a measurement than the contract's `require_at_least`.
    #[error("{present} inputs were measured of {needed} needed ({out_of_range} more were out of range)")]
    TooFewInputs {
        /// Inputs that were measured and are within range.
        present: u16,
        /// The contract's `require_at_least`.
        needed: u16,
        /// Inputs that had a value, but outside of their range.
        out_of_range: u16,
    },
    /// An input that the contract calls required is missing.
    #[error("required input {input} is missing")]
    RequiredMissing {
        /// Index of the input in the contract.
        input: u16,
    },
    /// An input that the contract calls required has a value outside of its range.
    #[error("required input {input} is out of range")]
    RequiredOutOfRange {
        /// Index of the input in the contract.
        input: u16,
    },
    /// The network gave no finite number.
    #[error("the model gave no finite number")]
    NotFinite,
    /// The network gave a number outside of 0 to 1, which is no probability.
    #[error("the model gave a number that is no probability")]
    NotAProbability,
    /// The network could not be run. The whole batch has this reason; its cause may quote tensors, so it is
    /// not kept.
    #[error("the model failed to run")]
    Failed,
}
