//! A threshold on one vital sign.

use std::cmp::Ordering::{Equal, Greater, Less};
use std::fmt;
use std::str::FromStr;

use wardwatch_clinical::VitalSign;
use wardwatch_clinical::numbers::compare;

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
    /// Whether a value violates the limit, by [`compare`].
    #[inline]
    pub fn is_violated_by(&self, value: f64) -> bool {
        let order = compare(value, self.threshold);
        match self.operator {
            Operator::Below => order == Some(Less),
            Operator::AtMost => matches!(order, Some(Less | Equal)),
            Operator::Above => order == Some(Greater),
            Operator::AtLeast => matches!(order, Some(Greater | Equal)),
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
            threshold,
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

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(limit.is_violated_by(38.101));
    }

    #[test]
    fn single_precision_does_not_decide() {
        let holds = |limit: &str, value: f64| limit.parse::<Comparison>().unwrap().is_violated_by(value);
        let percent = f64::from(0.88_f32) * 100.0;
        assert!(percent < 88.0 && !holds("spo2 < 88", percent) && holds("spo2 <= 88", percent));
        let degrees = f64::from(38.3_f32);
        assert!(
            degrees < 38.3 && holds("temperature >= 38.3", degrees) && !holds("temperature < 38.3", degrees)
        );
        let above = f64::from(38.2_f32);
        assert!(above > 38.2 && !holds("temperature > 38.2", above) && holds("temperature <= 38.2", above));
        assert!(!holds("temperature > 38.1", f64::NAN) && !holds("temperature <= 38.1", f64::NAN));
    }
}
