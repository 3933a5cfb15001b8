//! What every score returns.

/// The points of one parameter: how few and how many it may earn, given what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Points {
    low: u8,
    high: u8,
    missing: bool,
}

/// A score over `N` parameters, complete or partial.
///
/// A parameter's points can be open although its own value is there: on SpO2 scale 2, 95 % earns 0 points on
/// air and 2 on oxygen. Then oxygen is missing, SpO2 is not, and neither has points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Score<const N: usize> {
    parameters: &'static [&'static str; N],
    points: [Points; N],
}

// === impl Points ===

impl Points {
    /// The value is there and earns this.
    pub(super) const fn known(points: u8) -> Self {
        Self {
            low: points,
            high: points,
            missing: false,
        }
    }

    /// The value is there, but what it earns depends on another that is missing.
    pub(super) const fn open(low: u8, high: u8) -> Self {
        Self {
            low,
            high,
            missing: false,
        }
    }

    /// The value is missing.
    pub(super) const fn missing(low: u8, high: u8) -> Self {
        Self {
            low,
            high,
            missing: true,
        }
    }
}

// === impl Score ===

impl<const N: usize> Score<N> {
    /// `points[i]` are those of `parameters[i]`. Extremes of different parameters must be reachable together.
    pub(super) const fn new(parameters: &'static [&'static str; N], points: [Points; N]) -> Self {
        Self { parameters, points }
    }

    /// The total, or `None` while the score is partial.
    pub fn total(&self) -> Option<u8> {
        if self.is_partial() {
            None
        } else {
            Some(self.lowest())
        }
    }

    /// True while a parameter is missing.
    pub fn is_partial(&self) -> bool {
        self.points.iter().any(|points| points.missing)
    }

    /// The lowest total that is still possible; the total itself when complete.
    pub fn lowest(&self) -> u8 {
        self.points.iter().map(|points| points.low).sum()
    }

    /// The highest total that is still possible; the total itself when complete.
    pub fn highest(&self) -> u8 {
        self.points.iter().map(|points| points.high).sum()
    }

    /// Names of the missing parameters, in the score's order.
    pub fn missing(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.parameters
            .iter()
            .zip(&self.points)
            .filter(|(_, points)| points.missing)
            .map(|(name, _)| *name)
    }

    /// Names of all parameters, in the score's order.
    pub const fn parameters(&self) -> &'static [&'static str; N] {
        self.parameters
    }

    /// Points per parameter, in the score's order; `None` while open.
    pub fn points(&self) -> [Option<u8>; N] {
        self.points
            .map(|points| (points.low == points.high).then_some(points.low))
    }

    /// The most points that one parameter is sure to earn, and the most that one could still earn.
    pub(super) fn worst_parameter(&self) -> (u8, u8) {
        let worst = |points: fn(&Points) -> u8| self.points.iter().map(points).max().unwrap_or(0);
        (worst(|points| points.low), worst(|points| points.high))
    }
}
