//! From code, unit and value on the wire to a reading: a vital sign with its value in the canonical unit.
//!
//! A *meaning* is what a code and a unit say together: which vital sign, and how to convert. Devices repeat the same few
//! pairs without end, so a caller may look a meaning up once and use it for many values;
//! [`Meanings`](crate::Meanings) remembers them.
//! Every path, from JSON or from files, ends in [`Meaning::reading`], so there is one set of rules.
//!
//! READING-1: a reading's value is finite, plausible for its vital sign, never negative zero, and the decimal that was
//! measured where it came in single precision.

use wardwatch_clinical::numbers::as_sent;
use wardwatch_clinical::units::{self, Conversion, UnitError};
use wardwatch_clinical::{Acvpu, VitalSign};

use crate::reason::{Flaw, Reason};

/// A value as it stands on the wire.
#[derive(Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// A number, in the unit beside it.
    Number(f64),
    /// A text: for consciousness one of the letters A, C, V, P, U, or a word for it.
    Text(&'a str),
}

/// One vital sign's value, in its canonical unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Which vital sign.
    pub vital: VitalSign,
    /// Its value, in [`VitalSign::unit`]; for consciousness [`Acvpu::level`].
    pub value: f64,
}

/// What a code and a unit mean together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Meaning {
    vital: VitalSign,
    conversion: Conversion,
}

// === impl Reading ===

impl Reading {
    /// Reads one observation. `code` is our name, a LOINC code, an MDC number or an MDC name; `unit` is UCUM or another
    /// spelling that [`units`] knows, and may be absent for scales only.
    ///
    /// # Errors
    /// The first flaw found: code, unit, value, in this order.
    pub fn validate(code: &str, value: Value<'_>, unit: Option<&str>) -> Result<Option<Self>, Flaw> {
        Meaning::of(code, unit)?.reading(value)
    }
}

// === impl Meaning ===

impl Meaning {
    pub(crate) const fn new(vital: VitalSign, conversion: Conversion) -> Self {
        Self { vital, conversion }
    }

    /// Looks up a code with its unit. An empty unit is an absent one.
    ///
    /// # Errors
    /// The code is unknown, the unit is absent or not one of this vital sign.
    #[inline]
    pub fn of(code: &str, unit: Option<&str>) -> Result<Self, Flaw> {
        let vital = VitalSign::from_code(code).ok_or(Reason::UnknownCode)?;
        let conversion = match unit {
            Some(unit) if unit == vital.unit() => Conversion::Same,
            unit => conversion(vital, unit.unwrap_or(""))?,
        };
        Ok(Self { vital, conversion })
    }

    /// The vital sign.
    pub const fn vital(self) -> VitalSign {
        self.vital
    }

    /// Reads one value; `None` where its device says by a sentinel that it measured nothing.
    ///
    /// # Errors
    /// The value is implausible, or no value of this vital sign.
    #[inline]
    pub fn reading(self, value: Value<'_>) -> Result<Option<Reading>, Flaw> {
        match value {
            Value::Number(number) => {
                let number = as_sent(number);
                // Sentinels are numbers of the device, so they are looked for before any conversion.
                match units::is_no_measurement(number) {
                    true => Ok(None),
                    false => self.number(number).map(Some),
                }
            }
            Value::Text(text) => self.level(text).map(Some),
        }
    }

    #[inline]
    fn number(self, raw: f64) -> Result<Reading, Flaw> {
        let value = units::check(self.vital, self.conversion.apply(raw)).map_err(|_| Reason::Implausible)?;
        // Adding zero turns -0.0 into 0.0: the two are equal but would give digests that differ.
        Ok(Reading {
            vital: self.vital,
            value: value + 0.0,
        })
    }

    fn level(self, text: &str) -> Result<Reading, Flaw> {
        if self.vital != VitalSign::Consciousness {
            let has_comma = text.replacen(',', ".", 1).trim().parse::<f64>().is_ok();
            let detail = match has_comma {
                true => "a decimal comma; write a point",
                false => "a text; expected a number",
            };
            return Err(Flaw::new(Reason::BadValue, detail));
        }
        let level = Acvpu::from_text(text).ok_or(Flaw::new(
            Reason::BadValue,
            "neither a letter of A, C, V, P, U nor a word for it",
        ))?;
        Ok(Reading {
            vital: self.vital,
            value: f64::from(level.level()),
        })
    }
}

/// The way to the canonical unit, for a unit that is not written in the canonical way.
fn conversion(vital: VitalSign, unit: &str) -> Result<Conversion, Flaw> {
    units::conversion(vital, unit).map_err(|error| match error {
        _ if unit.is_empty() => Flaw::from(Reason::MissingUnit),
        UnitError::Unknown { .. } => Flaw::new(Reason::WrongUnit, "unknown unit"),
        UnitError::NotForThisVitalSign { .. } => Flaw::new(Reason::WrongUnit, "unit of another quantity"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(code: &str, value: f64, unit: &str) -> Result<(VitalSign, f64), Reason> {
        read(code, Value::Number(value), Some(unit))
    }

    fn read(code: &str, value: Value<'_>, unit: Option<&str>) -> Result<(VitalSign, f64), Reason> {
        Reading::validate(code, value, unit)
            .map(|reading| reading.map(|reading| (reading.vital, reading.value)).unwrap())
            .map_err(|flaw| flaw.reason)
    }

    #[test]
    fn each_rule_has_its_reason() {
        assert_eq!(
            number("heart_rate", 72.0, "/min"),
            Ok((VitalSign::HeartRate, 72.0))
        );
        assert_eq!(number("147842", 72.0, "bpm"), Ok((VitalSign::HeartRate, 72.0)));
        assert_eq!(
            number("8310-5", 98.6, "[degF]"),
            Ok((VitalSign::Temperature, 37.0))
        );
        assert_eq!(number("shoe_size", 43.0, "/min"), Err(Reason::UnknownCode));
        assert_eq!(number("heart_rate", 72.0, "mm[Hg]"), Err(Reason::WrongUnit));
        assert_eq!(number("heart_rate", 72.0, "furlong"), Err(Reason::WrongUnit));
        assert_eq!(number("heart_rate", 72.0, ""), Err(Reason::MissingUnit));
        assert_eq!(
            read("heart_rate", Value::Number(72.0), None),
            Err(Reason::MissingUnit)
        );
        assert_eq!(
            number("systolic_bp", 11_647.0, "mm[Hg]"),
            Err(Reason::Implausible)
        );
        assert_eq!(number("gcs_total", 9.5, "{score}"), Err(Reason::Implausible));
        for sentinel in [-1.0, -100.0, -999.0, -99.9, 8_388_607.0, f64::NAN, f64::INFINITY] {
            let nothing = Reading::validate("temperature", Value::Number(sentinel), Some("[degF]"));
            assert_eq!(nothing, Ok(None));
        }
    }

    #[test]
    fn consciousness_is_a_letter_or_its_level() {
        for level in Acvpu::ALL {
            let expected = Ok((VitalSign::Consciousness, f64::from(level.level())));
            let letter = level.letter().to_string();
            assert_eq!(read("consciousness", Value::Text(&letter), None), expected);
            assert_eq!(read("67775-7", Value::Text(&letter), Some("{ACVPU}")), expected);
            assert_eq!(
                read("consciousness", Value::Number(f64::from(level.level())), None),
                expected
            );
        }
        let word = Value::Text("New confusion");
        assert_eq!(
            read("consciousness", word, None),
            Ok((VitalSign::Consciousness, 1.0))
        );
        for text in ["b", "AV", "", "5"] {
            assert_eq!(
                read("consciousness", Value::Text(text), None),
                Err(Reason::BadValue)
            );
        }
        assert_eq!(
            read("heart_rate", Value::Text("A"), Some("/min")),
            Err(Reason::BadValue)
        );
    }

    #[test]
    fn a_text_that_is_no_number_is_told_apart_from_a_decimal_comma() {
        let detail = |text| {
            let flaw = Reading::validate("temperature", Value::Text(text), Some("Cel")).unwrap_err();
            assert_eq!(flaw.reason, Reason::BadValue);
            flaw.detail
        };
        for text in ["38,3", " 38,30 ", "-1,5"] {
            assert_eq!(detail(text), "a decimal comma; write a point");
        }
        for text in ["warm", "38,3,0", "38.3 C", ""] {
            assert_eq!(detail(text), "a text; expected a number");
        }
    }

    #[test]
    fn negative_zero_is_zero() {
        let (_, value) = number("heart_rate", -0.0, "/min").unwrap();
        assert!(value.is_sign_positive());
    }
}
