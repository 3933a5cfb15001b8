//! What is known of a value before any data: its unit, and between which numbers it lies.

/// A number, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fact {
    /// UCUM unit; none where it is not known.
    pub unit: Option<&'static str>,
    pub low: f64,
    pub high: f64,
    /// Whether it has no fraction, whatever it is.
    pub is_whole: bool,
    /// Whether it counts something.
    pub is_count: bool,
    /// Whether it is the quotient of two counts: mostly a share, from 0 to 1.
    pub is_share: bool,
}

/// Whether a condition can hold, and whether it can fail to. Missing values make neither true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Truth {
    pub can_hold: bool,
    pub can_fail: bool,
}

/// A value, as far as it is known.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Number(Fact),
    Truth(Truth),
    /// One of these texts.
    OneOf(Vec<String>),
    /// This text.
    Text(String),
    /// The points of an early-warning score: nought to the most.
    Points(f64),
    Unknown,
}

// === impl Fact ===

impl Fact {
    pub const ANY: Self = Self::between(f64::NEG_INFINITY, f64::INFINITY);
    pub const POSITIVE: Self = Self::between(0.0, f64::INFINITY);

    pub const fn between(low: f64, high: f64) -> Self {
        Self {
            unit: None,
            low,
            high,
            is_whole: false,
            is_count: false,
            is_share: false,
        }
    }

    pub fn exactly(number: f64) -> Self {
        Self {
            is_whole: number.fract() == 0.0,
            ..Self::between(number, number)
        }
    }

    /// The same, and without a fraction.
    pub const fn whole(self) -> Self {
        Self {
            is_whole: true,
            ..self
        }
    }

    pub fn in_unit(self, unit: &'static str) -> Self {
        Self {
            unit: Some(unit),
            ..self
        }
    }

    /// Whether something is known of its size.
    pub fn is_bounded(&self) -> bool {
        self.low.is_finite() || self.high.is_finite()
    }

    /// The same, and the number of something.
    pub const fn count(self) -> Self {
        Self {
            is_count: true,
            ..self.whole()
        }
    }

    fn unit_with(self, other: Self) -> Option<&'static str> {
        self.unit.filter(|_| self.unit == other.unit)
    }

    /// One or the other.
    pub fn or(self, other: Self) -> Self {
        Self {
            unit: self.unit_with(other),
            is_whole: self.is_whole && other.is_whole,
            ..Self::between(self.low.min(other.low), self.high.max(other.high))
        }
    }

    pub fn plus(self, other: Self) -> Self {
        Self {
            unit: self.unit_with(other),
            is_whole: self.is_whole && other.is_whole,
            is_count: self.is_count && other.is_count,
            ..Self::between(self.low + other.low, self.high + other.high)
        }
    }

    pub fn negated(self) -> Self {
        Self {
            low: -self.high,
            high: -self.low,
            ..self
        }
    }

    pub fn times(self, other: Self) -> Self {
        let corners = [
            self.low * other.low,
            self.low * other.high,
            self.high * other.low,
            self.high * other.high,
        ];
        Self {
            is_whole: self.is_whole && other.is_whole,
            ..Self::hull(&corners)
        }
    }

    pub fn over(self, other: Self) -> Self {
        let is_share = self.is_count && other.is_count;
        let quotient = match other.low <= 0.0 && other.high >= 0.0 {
            true => Self::ANY,
            false => Self::hull(&[
                self.low / other.low,
                self.low / other.high,
                self.high / other.low,
                self.high / other.high,
            ]),
        };
        Self { is_share, ..quotient }
    }

    /// The remainder, whose sign is that of what is divided.
    ///
    /// ```text
    ///   x % 10     9 |     /|     /|          x = -20 … 20: the remainder rises with x, and falls back at each multiple
    ///              0 |   /  |   /  |  /       of the divisor; before nought it is negative
    ///             -9 | /    | /    |/
    /// ```
    pub fn remainder(self, by: Self) -> Self {
        let Self {
            low: least,
            high: most,
            ..
        } = by.size();
        let is_whole = self.is_whole && by.is_whole;
        if most == 0.0 {
            return Self::ANY;
        }
        // What is smaller than every divisor is left as it is; what lies between two multiples of one is moved.
        let rounds = |number: f64| (number / most).trunc();
        let (low, high) = (self.low % most, self.high % most);
        let stays_between = least == most && rounds(self.low) == rounds(self.high) && low <= high;
        let is_smaller = -least < self.low && self.high < least;
        let (low, high) = if is_smaller {
            (self.low, self.high)
        } else if stays_between {
            (low, high)
        } else {
            // Always smaller than the divisor, whose next smaller number is the greatest remainder.
            let below = most.next_down();
            let reach = if is_whole { below.floor() } else { below };
            (self.low.min(0.0).max(-reach), self.high.max(0.0).min(reach))
        };
        Self {
            is_whole,
            ..Self::between(low, high)
        }
    }

    /// What a rounding that never turns round gives.
    pub fn rounded(self, by: fn(f64) -> f64) -> Self {
        Self {
            low: by(self.low),
            high: by(self.high),
            is_whole: true,
            is_share: false,
            ..self
        }
    }

    /// The size without its sign.
    pub fn size(self) -> Self {
        let least = match self.low <= 0.0 && self.high >= 0.0 {
            true => 0.0,
            false => self.low.abs().min(self.high.abs()),
        };
        Self {
            low: least,
            high: self.low.abs().max(self.high.abs()),
            ..self
        }
    }

    fn hull(corners: &[f64]) -> Self {
        // Nought times infinity is not a number: nothing is known then.
        if corners.iter().any(|corner| corner.is_nan()) {
            return Self::ANY;
        }
        Self::between(
            corners.iter().copied().fold(f64::INFINITY, f64::min),
            corners.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        )
    }

    pub fn below(self, other: Self) -> Truth {
        Truth {
            can_hold: self.low < other.high,
            can_fail: self.high >= other.low,
        }
    }

    pub fn equals(self, other: Self) -> Truth {
        Truth {
            can_hold: self.low <= other.high && other.low <= self.high,
            can_fail: !(self.low == self.high && self.low == other.low && other.low == other.high),
        }
    }
}

// === impl Truth ===

impl Truth {
    pub const OPEN: Self = Self {
        can_hold: true,
        can_fail: true,
    };

    pub fn and(self, other: Self) -> Self {
        Self {
            can_hold: self.can_hold && other.can_hold,
            can_fail: self.can_fail || other.can_fail,
        }
    }

    pub fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }

    pub fn not(self) -> Self {
        Self {
            can_hold: self.can_fail,
            can_fail: self.can_hold,
        }
    }
}

// === impl Value ===

impl Value {
    /// As a number; anything where it is none.
    pub fn number(&self) -> Fact {
        match self {
            Self::Number(fact) => *fact,
            _ => Fact::ANY,
        }
    }

    /// As a condition.
    pub fn truth(&self) -> Truth {
        match self {
            Self::Truth(truth) => *truth,
            _ => Truth::OPEN,
        }
    }

    /// One or the other.
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => Self::Number(one.or(other)),
            (Self::Truth(one), Self::Truth(other)) => Self::Truth(Truth {
                can_hold: one.can_hold || other.can_hold,
                can_fail: one.can_fail || other.can_fail,
            }),
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDS: [f64; 12] = [
        -100.0, -97.0, -10.0, -2.5, -0.5, 0.0, 0.3, 1.0, 7.0, 10.0, 42.5, 100.0,
    ];

    fn intervals() -> impl Iterator<Item = Fact> {
        let ends = || ENDS.into_iter();
        ends().flat_map(move |low| {
            ends()
                .filter(move |high| low <= *high)
                .map(move |high| Fact::between(low, high))
        })
    }

    fn values(fact: Fact) -> impl Iterator<Item = f64> {
        (0..=20).map(move |at| (fact.low + (fact.high - fact.low) * f64::from(at) / 20.0).min(fact.high))
    }

    /// Every remainder that there is lies within what is said of it, with any sign, any divisor, and fractions.
    #[test]
    fn a_remainder_lies_where_it_is_said_to() {
        for (value, by) in intervals().flat_map(|value| intervals().map(move |by| (value, by))) {
            let remainder = value.remainder(by);
            for (value, by) in values(value).flat_map(|value| values(by).map(move |by| (value, by))) {
                let is = value % by;
                let is_within = is.is_nan() || (remainder.low..=remainder.high).contains(&is);
                assert!(is_within, "{value} % {by} = {is} is not within {remainder:?}");
            }
        }
    }

    #[test]
    fn a_remainder_is_less_than_its_divisor_and_no_more_than_what_is_divided() {
        let of = |low, high, by| {
            let fact = Fact::between(low, high).remainder(Fact::exactly(by));
            (fact.low, fact.high)
        };
        assert_eq!(of(10.0, 100.0, 10.0), (0.0, 10f64.next_down()));
        assert_eq!(of(-100.0, -10.0, 10.0), (-10f64.next_down(), 0.0));
        assert_eq!(of(12.0, 15.0, 10.0), (2.0, 5.0));
        assert_eq!(of(-15.0, -12.0, 10.0), (-5.0, -2.0));
        assert_eq!(of(0.0, 3.0, 10.0), (0.0, 3.0));
        assert_eq!(of(0.0, 3.0, -10.0), (0.0, 3.0));
        assert_eq!(of(0.0, f64::INFINITY, 2.5), (0.0, 2.5f64.next_down()));
        assert_eq!(of(0.0, 3.0, 0.0), (f64::NEG_INFINITY, f64::INFINITY));
        let whole = Fact::POSITIVE.whole().remainder(Fact::exactly(2.0));
        assert_eq!((whole.low, whole.high, whole.is_whole), (0.0, 1.0, true));
    }
}
