//! Deviations of two columns from their means: variances, covariances, correlation and regression.
//!
//! As in [`crate::Stats`], values are kept as distances from the first ones, so that neither a large offset nor an absolute time
//! costs digits, and nothing that is added cancels (Youngs and Cramer, 1971). With one argument both columns are it.

use arrow::datatypes::Float64Type;
use datafusion::error::Result;

use super::running::Running;

/// The statistics of two columns, `y` and `x`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pair {
    count: f64,
    /// The first values.
    base: [f64; 2],
    /// The sums of the distances from them.
    sum: [f64; 2],
    /// The sums of the squared deviations from the means.
    squares: [f64; 2],
    products: f64,
}

/// What is asked of a [`Pair`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Asked {
    Variance,
    VariancePopulation,
    Deviation,
    DeviationPopulation,
    Covariance,
    CovariancePopulation,
    Correlation,
    Slope,
    Intercept,
    Count,
    /// The share of the variance of `y` that the regression explains.
    Explained,
    MeanX,
    MeanY,
    SquaresX,
    SquaresY,
    Products,
}

const Y: usize = 0;
const X: usize = 1;

// === impl Pair ===

impl Pair {
    /// Adds the deviations of two parts, whose means are `off` apart, times what `share` divides by.
    fn deviate(&mut self, off: [f64; 2], share: f64) {
        self.squares[Y] += off[Y] * off[Y] * share;
        self.squares[X] += off[X] * off[X] * share;
        self.products += off[Y] * off[X] * share;
    }

    fn mean(&self, at: usize) -> f64 {
        self.base[at] + self.sum[at] / self.count
    }

    fn per(&self, sum: f64, freedom: f64) -> Option<f64> {
        (self.count > freedom).then(|| sum / (self.count - freedom))
    }

    fn slope(&self) -> Option<f64> {
        (self.squares[X] > 0.0).then(|| self.products / self.squares[X])
    }

    fn correlation(&self) -> Option<f64> {
        let [y, x] = self.squares.map(f64::sqrt);
        (y > 0.0 && x > 0.0).then(|| (self.products / y / x).clamp(-1.0, 1.0))
    }

    fn explained(&self) -> Option<f64> {
        let slope = self.slope()?;
        Some(match self.squares[Y] > 0.0 {
            true => (slope * (self.products / self.squares[Y])).min(1.0),
            // A constant is explained by whatever it is.
            false => 1.0,
        })
    }
}

impl Running for Pair {
    type Argument = Float64Type;
    type Number = Float64Type;
    type Given = Float64Type;
    type Asked = Asked;
    const NUMBERS: &'static [&'static str] = &[
        "count",
        "base_y",
        "base_x",
        "sum_y",
        "sum_x",
        "squares_y",
        "squares_x",
        "products",
    ];

    fn push(&mut self, y: f64, x: f64) {
        if self.count == 0.0 {
            self.base = [y, x];
        }
        let before = self.count;
        let count = before + 1.0;
        let from_base = [y - self.base[Y], x - self.base[X]];
        self.count = count;
        for at in [Y, X] {
            self.sum[at] += from_base[at];
        }
        if before > 0.0 {
            let off = [Y, X].map(|at| count * from_base[at] - self.sum[at]);
            self.deviate(off, 1.0 / (count * before));
        }
    }

    fn merge(&mut self, other: &Self) {
        if self.count == 0.0 || other.count == 0.0 {
            if self.count == 0.0 {
                *self = *other;
            }
            return;
        }
        let (ours, theirs) = (self.count, other.count);
        // Their sums, as if they had been taken from our base.
        let sum = [Y, X].map(|at| other.sum[at] + theirs * (other.base[at] - self.base[at]));
        let off = [Y, X].map(|at| ours * sum[at] - theirs * self.sum[at]);
        self.count += theirs;
        for at in [Y, X] {
            self.sum[at] += sum[at];
            self.squares[at] += other.squares[at];
        }
        self.products += other.products;
        self.deviate(off, 1.0 / (ours * theirs * self.count));
    }

    fn number(&self, at: usize) -> f64 {
        let (base, sum, squares) = (self.base, self.sum, self.squares);
        [
            self.count,
            base[Y],
            base[X],
            sum[Y],
            sum[X],
            squares[Y],
            squares[X],
            self.products,
        ][at]
    }

    fn from_numbers(number: impl Fn(usize) -> f64) -> Self {
        Self {
            count: number(0),
            base: [number(1), number(2)],
            sum: [number(3), number(4)],
            squares: [number(5), number(6)],
            products: number(7),
        }
    }

    fn give(&self, asked: Asked) -> Result<Option<f64>> {
        let [y, x] = self.squares;
        Ok(match asked {
            Asked::Variance => self.per(y, 1.0),
            Asked::VariancePopulation => self.per(y, 0.0),
            Asked::Deviation => self.per(y, 1.0).map(f64::sqrt),
            Asked::DeviationPopulation => self.per(y, 0.0).map(f64::sqrt),
            Asked::Covariance => self.per(self.products, 1.0),
            Asked::CovariancePopulation => self.per(self.products, 0.0),
            Asked::Correlation => self.correlation(),
            Asked::Slope => self.slope(),
            Asked::Intercept => self.slope().map(|slope| self.mean(Y) - slope * self.mean(X)),
            Asked::Count => Some(self.count),
            Asked::Explained => self.explained(),
            _ if self.count == 0.0 => None,
            Asked::MeanX => Some(self.mean(X)),
            Asked::MeanY => Some(self.mean(Y)),
            Asked::SquaresX => Some(x),
            Asked::SquaresY => Some(y),
            Asked::Products => Some(self.products),
        })
    }
}
