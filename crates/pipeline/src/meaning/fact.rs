//! What is known of a value before any data: its unit, and between which numbers it lies.

/// A number, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fact {
    /// UCUM unit; none where it is not known.
    pub unit: Option<&'static str>,
    pub low: f64,
    pub high: f64,
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
        }
    }

    pub const fn exactly(number: f64) -> Self {
        Self::between(number, number)
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

    /// One or the other.
    pub fn or(self, other: Self) -> Self {
        Self {
            unit: self.unit.filter(|_| self.unit == other.unit),
            low: self.low.min(other.low),
            high: self.high.max(other.high),
        }
    }

    pub fn plus(self, other: Self) -> Self {
        Self {
            unit: self.unit.filter(|_| self.unit == other.unit),
            low: self.low + other.low,
            high: self.high + other.high,
        }
    }

    pub fn negated(self) -> Self {
        Self {
            unit: self.unit,
            low: -self.high,
            high: -self.low,
        }
    }

    pub fn times(self, other: Self) -> Self {
        let corners = [
            self.low * other.low,
            self.low * other.high,
            self.high * other.low,
            self.high * other.high,
        ];
        Self::hull(&corners)
    }

    pub fn over(self, other: Self) -> Self {
        if other.low <= 0.0 && other.high >= 0.0 {
            return Self::ANY;
        }
        let corners = [
            self.low / other.low,
            self.low / other.high,
            self.high / other.low,
            self.high / other.high,
        ];
        Self::hull(&corners)
    }

    /// The size without its sign.
    pub fn size(self) -> Self {
        let most = self.low.abs().max(self.high.abs());
        let least = match self.low <= 0.0 && self.high >= 0.0 {
            true => 0.0,
            false => self.low.abs().min(self.high.abs()),
        };
        Self {
            unit: self.unit,
            low: least,
            high: most,
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
