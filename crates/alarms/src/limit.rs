//! A threshold on one vital sign, and how Wardwatch compares numbers.

use std::fmt;
use std::str::FromStr;

use wardwatch_clinical::VitalSign;

/// How a value stands to a threshold when the comparison is violated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
}

/// A vital sign against a threshold in its canonical unit, such as `spo2 < 88`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// The vital sign.
    pub vital: VitalSign,
    /// The direction.
    pub operator: Operator,
    /// The threshold, in the vital sign's canonical unit.
    pub threshold: f64,
}

/// Why a text is not a comparison.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComparisonError {
    /// There is no operator in the text.
    #[error(
        "no operator in {text:?}; write a vital sign, one of < <= > >=, and a number, such as `spo2 < 88`"
    )]
    NoOperator {
        /// The text as written.
        text: String,
    },
    /// The left side is not a vital sign.
    #[error("{name:?} is not a vital sign")]
    UnknownVitalSign {
        /// The name as written.
        name: String,
    },
    /// The right side is not a number.
    #[error("{threshold:?} is not a number")]
    NotANumber {
        /// The threshold as written.
        threshold: String,
    },
}

// === impl Comparison ===

impl Comparison {
    /// Whether a value violates the limit.
    #[inline]
    pub fn is_violated_by(&self, value: f64) -> bool {
        // Rounding moves a value by less than a hundred-millionth of itself: further away it decides nothing.
        let is_near = (value - self.threshold).abs() <= 1e-7 * self.threshold.abs();
        let value = if is_near { nine_digits(value) } else { value };
        match self.operator {
            Operator::Below => value < self.threshold,
            Operator::AtMost => value <= self.threshold,
            Operator::Above => value > self.threshold,
            Operator::AtLeast => value >= self.threshold,
        }
    }
}

impl FromStr for Comparison {
    type Err = ComparisonError;

    fn from_str(text: &str) -> Result<Self, ComparisonError> {
        const OPERATORS: [(&str, Operator); 4] = [
            ("<=", Operator::AtMost),
            (">=", Operator::AtLeast),
            ("<", Operator::Below),
            (">", Operator::Above),
        ];
        let (name, operator, threshold) = OPERATORS
            .iter()
            .find_map(|(sign, operator)| {
                text.split_once(sign)
                    .map(|(name, rest)| (name.trim(), *operator, rest.trim()))
            })
            .ok_or_else(|| ComparisonError::NoOperator {
                text: text.to_owned(),
            })?;
        let vital = VitalSign::from_name(name).ok_or_else(|| ComparisonError::UnknownVitalSign {
            name: name.to_owned(),
        })?;
        let threshold = threshold
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite())
            .ok_or_else(|| ComparisonError::NotANumber {
                threshold: threshold.to_owned(),
            })?;
        Ok(Self {
            vital,
            operator,
            threshold: nine_digits(threshold),
        })
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.operator {
            Operator::Below => "<",
            Operator::AtMost => "<=",
            Operator::Above => ">",
            Operator::AtLeast => ">=",
        };
        write!(f, "{} {sign} {}", self.vital.name(), self.threshold)
    }
}

/// A number as it is compared with a threshold: rounded to nine significant digits.
///
/// Sums may differ in their last bits with the order of their parts; a comparison must not. Nine digits are far finer
/// than any vital sign is measured and far coarser than any rounding error.
pub fn nine_digits(value: f64) -> f64 {
    // Most are whole numbers of few digits, or no numbers at all.
    if !value.is_finite() || (value.abs() < 1e9 && value.trunc() == value) {
        return value;
    }
    let digits_before_point = value.abs().log10().floor() as i32 + 1;
    let scale = 10f64.powi(9 - digits_before_point);
    if scale.is_finite() && scale > 0.0 {
        (value * scale).round() / scale
    } else {
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_and_prints() {
        for text in [
            "spo2 < 88",
            "heart_rate >= 130",
            "temperature > 39.5",
            "mean_bp <= 60",
        ] {
            assert_eq!(text.parse::<Comparison>().unwrap().to_string(), text);
        }
        assert_eq!("spo2<88".parse::<Comparison>().unwrap().to_string(), "spo2 < 88");
    }

    #[test]
    fn refuses_the_rest() {
        use ComparisonError::{NoOperator, NotANumber, UnknownVitalSign};
        assert!(matches!("spo2 88".parse::<Comparison>(), Err(NoOperator { .. })));
        assert!(matches!(
            "sp02 < 88".parse::<Comparison>(),
            Err(UnknownVitalSign { .. })
        ));
        assert!(matches!(
            "spo2 < low".parse::<Comparison>(),
            Err(NotANumber { .. })
        ));
        assert!(matches!(
            "spo2 < NaN".parse::<Comparison>(),
            Err(NotANumber { .. })
        ));
    }

    #[test]
    fn the_last_bits_do_not_decide() {
        let limit: Comparison = "temperature > 38.1".parse().unwrap();
        assert!(!limit.is_violated_by(38.099_999_999_999_994));
        assert!(!limit.is_violated_by(38.100_000_000_000_01));
        assert!(limit.is_violated_by(38.100_001));
    }

    proptest! {
        #[test]
        fn nine_digits_stay_close_and_settle(value in -1e12f64..1e12) {
            let rounded = nine_digits(value);
            prop_assert!((rounded - value).abs() <= value.abs() * 1e-8);
            prop_assert_eq!(nine_digits(rounded), rounded);
        }
    }
}
