//! Sums: of whole numbers exactly, of others to the last digit.

use arrow::datatypes::{Decimal128Type, Float64Type, Int64Type};
use arrow::error::ArrowError;
use datafusion::error::Result;

use super::running::Running;

/// The sum of whole numbers. 128 bits hold as many as there ever are, so that a sum whose parts overflow is right all the same.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Whole {
    sum: i128,
    count: i128,
}

/// The sum of numbers, with what rounding takes from it (Neumaier, 1974).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Total {
    sum: f64,
    lost: f64,
    count: f64,
}

/// What is asked of a [`Total`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Asked {
    Sum,
    Mean,
}

// === impl Whole ===

impl Running for Whole {
    type Argument = Int64Type;
    type Number = Decimal128Type;
    type Given = Int64Type;
    type Asked = ();
    const NUMBERS: &'static [&'static str] = &["sum", "count"];

    fn push(&mut self, value: i64, _: i64) {
        self.sum += i128::from(value);
        self.count += 1;
    }

    fn merge(&mut self, other: &Self) {
        self.sum += other.sum;
        self.count += other.count;
    }

    fn number(&self, at: usize) -> i128 {
        [self.sum, self.count][at]
    }

    fn from_numbers(number: impl Fn(usize) -> i128) -> Self {
        Self {
            sum: number(0),
            count: number(1),
        }
    }

    fn give(&self, (): ()) -> Result<Option<i64>> {
        if self.count == 0 {
            return Ok(None);
        }
        let sum = i64::try_from(self.sum);
        Ok(Some(sum.map_err(|_| {
            ArrowError::ArithmeticOverflow("Overflow of sum()".to_owned())
        })?))
    }
}

// === impl Total ===

impl Total {
    fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        let lost = if self.sum.abs() >= value.abs() {
            (self.sum - sum) + value
        } else {
            (value - sum) + self.sum
        };
        self.sum = sum;
        // Beyond all numbers nothing is left to lose.
        self.lost += if sum.is_finite() { lost } else { 0.0 };
    }

    /// The mean: the quotient, and what its own rounding takes. So that of equal numbers is that number.
    fn mean(&self) -> f64 {
        let mean = (self.sum + self.lost) / self.count;
        let rest = (-mean).mul_add(self.count, self.sum) + self.lost;
        if rest.is_finite() {
            mean + rest / self.count
        } else {
            mean
        }
    }
}

impl Running for Total {
    type Argument = Float64Type;
    type Number = Float64Type;
    type Given = Float64Type;
    type Asked = Asked;
    const NUMBERS: &'static [&'static str] = &["sum", "lost", "count"];

    fn push(&mut self, value: f64, _: f64) {
        self.add(value);
        self.count += 1.0;
    }

    fn merge(&mut self, other: &Self) {
        self.add(other.sum);
        self.lost += other.lost;
        self.count += other.count;
    }

    fn number(&self, at: usize) -> f64 {
        [self.sum, self.lost, self.count][at]
    }

    fn from_numbers(number: impl Fn(usize) -> f64) -> Self {
        Self {
            sum: number(0),
            lost: number(1),
            count: number(2),
        }
    }

    fn give(&self, asked: Asked) -> Result<Option<f64>> {
        Ok((self.count > 0.0).then(|| match asked {
            Asked::Sum => self.sum + self.lost,
            Asked::Mean => self.mean(),
        }))
    }
}
