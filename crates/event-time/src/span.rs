//! A length of time, written the way people write one: `500ms`, `15s`, `5m`, `24h`, `7d`, `1h30m`.

use std::fmt;

/// A length of time in microseconds; may be negative as a difference, never as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(i64);

/// Why a text is not a span.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a length of time; write a number with its unit, such as 500ms, 15s, 5m, 24h, 7d or 1h30m"
)]
pub struct SpanError {
    /// The text as written.
    pub text: String,
}

/// Units from the longest; the order in which [`Span`] prints them.
const UNITS: [(&str, i64); 6] = [
    ("d", 86_400_000_000),
    ("h", 3_600_000_000),
    ("m", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
    ("us", 1),
];

// === impl Span ===

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A span of microseconds.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// A span of milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis * 1_000)
    }

    /// A span of seconds.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds * 1_000_000)
    }

    /// Microseconds.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Seconds, with their fraction.
    pub fn secs_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Reads a span such as `1h30m`. Units may not repeat or come out of order; `0s` is allowed, a bare number is not.
    ///
    /// # Errors
    /// [`SpanError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, SpanError> {
        let fail = || SpanError {
            text: text.to_owned(),
        };
        let mut rest = text.trim();
        let mut total = 0i64;
        let mut longest_allowed = 0;
        if rest.is_empty() {
            return Err(fail());
        }
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let letters = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
            let count: i64 = rest[..digits].parse().map_err(|_| fail())?;
            let name = &rest[digits..digits + letters];
            let unit = UNITS
                .iter()
                .position(|(unit, _)| *unit == name)
                .ok_or_else(fail)?;
            if unit < longest_allowed {
                return Err(fail());
            }
            longest_allowed = unit + 1;
            let part = count.checked_mul(UNITS[unit].1).ok_or_else(fail)?;
            total = total.checked_add(part).ok_or_else(fail)?;
            rest = &rest[digits + letters..];
        }
        Ok(Self(total))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0.unsigned_abs();
        if self.0 < 0 {
            f.write_str("-")?;
        }
        for (name, micros) in UNITS {
            let count = rest / micros.unsigned_abs();
            rest %= micros.unsigned_abs();
            if count > 0 {
                write!(f, "{count}{name}")?;
            }
        }
        Ok(())
    }
}

impl std::ops::Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl std::ops::Sub for Span {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl std::ops::Neg for Span {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl serde::Serialize for Span {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_people_write() {
        for (text, seconds) in [
            ("15s", 15),
            ("5m", 300),
            ("24h", 86_400),
            ("1h30m", 5_400),
            ("0s", 0),
            ("7d", 604_800),
        ] {
            assert_eq!(Span::parse(text), Ok(Span::from_secs(seconds)), "{text}");
        }
        assert_eq!(Span::parse("500ms"), Ok(Span::from_millis(500)));
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "",
            "5",
            "m",
            "5 m",
            "-5m",
            "5m5m",
            "5m1h",
            "1.5h",
            "5min",
            "9999999999999d",
            "5µs",
        ] {
            assert!(Span::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_round_trips(micros in 0i64..i64::MAX) {
            prop_assert_eq!(Span::parse(&Span(micros).to_string()), Ok(Span(micros)));
        }
    }
}
