//! From a value to its points.
//!
//! Bands lie side by side and are given by their upper bounds in chart units, as a chart prints them:
//! ```text
//!   chart     ≤8   9–11  12–20  21–24  ≥25
//!   points     3    1      0      2     3
//!   edges       8.5   11.5   20.5   24.5          a value at an edge belongs to the band on its right
//! ```
//! A value is first rounded to the chart's precision (whole numbers, or one decimal), halves away from zero.
//! The rounding is folded into the edges: above zero, rounding to at most a bound is the same as lying below
//! that bound and half a unit. Values that agree with an edge to six significant digits count as the edge,
//! as for a limit ([`crate::numbers`]): 38.05 has no exact `f64`, less so an exact single, and must still round up
//! to 38.1, whether it was charted, averaged or sent in single precision.

use super::score::Points;

/// Upper bounds at most: NEWS2's SpO2 on scale 2 has the most bands, seven.
const EDGES: usize = 6;
/// Relative width within which a value counts as the edge above it.
const SIX_DIGITS: f64 = 1e-6;

/// The bands of one parameter.
#[derive(Debug)]
pub(super) struct Bands {
    /// Ascending; infinite where unused.
    edges: [f64; EDGES],
    /// `points[i]` is earned above `i` edges.
    points: [u8; EDGES + 1],
    lowest: u8,
    highest: u8,
}

// === impl Bands ===

impl Bands {
    /// Bands of a value charted in whole numbers: (inclusive upper bound, points) in ascending order, then
    /// the points of what lies above them all.
    pub(super) const fn whole(bounds: &[(f64, u8)], above: u8) -> Self {
        Self::new(bounds, above, 0.5)
    }

    /// Bands of a value charted with one decimal.
    pub(super) const fn tenths(bounds: &[(f64, u8)], above: u8) -> Self {
        Self::new(bounds, above, 0.05)
    }

    const fn new(bounds: &[(f64, u8)], above: u8, half_unit: f64) -> Self {
        let mut bands = Self {
            edges: [f64::INFINITY; EDGES],
            points: [above; EDGES + 1],
            lowest: above,
            highest: above,
        };
        let mut i = 0;
        while i < bounds.len() {
            let (bound, points) = bounds[i];
            assert!(
                bound > 0.0 && (i == 0 || bounds[i - 1].0 < bound),
                "bounds are positive and ascend"
            );
            bands.edges[i] = bound + half_unit;
            bands.points[i] = points;
            if points < bands.lowest {
                bands.lowest = points;
            }
            if points > bands.highest {
                bands.highest = points;
            }
            i += 1;
        }
        bands
    }

    /// The points of a value, or the range of points that a missing one may earn.
    #[inline]
    pub(super) fn points(&self, value: Option<f64>) -> Points {
        match value {
            Some(value) if value.is_finite() => Points::known(self.of(value)),
            _ => Points::missing(self.lowest, self.highest),
        }
    }

    /// The points of a finite value. Counts edges instead of searching: no branch to mispredict.
    #[inline]
    pub(super) fn of(&self, value: f64) -> u8 {
        let nudged = value + value * SIX_DIGITS;
        let below: usize = self.edges.iter().map(|&edge| usize::from(nudged >= edge)).sum();
        self.points[below]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static WHOLE: Bands = Bands::whole(&[(8.0, 3), (11.0, 1), (20.0, 0)], 2);
    static TENTHS: Bands = Bands::tenths(&[(35.0, 3), (36.0, 1), (38.0, 0)], 2);

    #[test]
    fn halves_round_away_from_zero() {
        for (value, points) in [
            (8.0, 3),
            (8.4, 3),
            (8.499, 3),
            (8.5, 1),
            (11.4, 1),
            (11.5, 0),
            (20.5, 2),
        ] {
            assert_eq!(WHOLE.of(value), points, "{value}");
        }
        for (value, points) in [
            (35.04, 3),
            (35.05, 1),
            (36.049, 1),
            (36.05, 0),
            (38.0, 0),
            (38.04, 0),
            (38.05, 2),
            (38.1, 2),
        ] {
            assert_eq!(TENTHS.of(value), points, "{value}");
        }
    }

    #[test]
    fn float_noise_at_an_edge_counts_as_the_edge() {
        for exact in [35.05_f64, 36.05, 38.05] {
            for noisy in [exact.next_down().next_down(), exact.next_down(), exact.next_up()] {
                assert_eq!(TENTHS.of(noisy), TENTHS.of(exact), "{noisy}");
            }
        }
    }

    #[test]
    fn far_values_fall_into_the_outer_bands() {
        for value in [f64::MIN, -40.0, -0.5, -0.0, 0.0] {
            assert_eq!(WHOLE.of(value), 3);
        }
        assert_eq!(WHOLE.of(f64::MAX), 2);
    }

    #[test]
    fn not_a_number_is_missing() {
        for value in [None, Some(f64::NAN), Some(f64::INFINITY), Some(f64::NEG_INFINITY)] {
            assert_eq!(WHOLE.points(value), Points::missing(0, 3));
        }
    }
}
