//! From the unit on the wire to the canonical unit of a vital sign.
//!
//! A *spelling* is one way to write a unit: UCUM, what people type, an MDC unit number (partition 4 × 65536 +
//! term) or its `MDC_DIM_` name. Spellings are compared without regard to ASCII case, spaces and dots, since
//! the field writes `mmHg`, `mm Hg`, `MMHG` and `Deg. F`. That is safe because a spelling is only ever
//! compared with those of the vital sign's own quantity, where no two units differ by case alone.
//!
//! A unit is never guessed: one that is not listed for the vital sign's quantity is an error, and a value
//! whose unit is right but whose size is not (0.97 sent as `%`) fails [`check`] instead.
//!
//! Factors are those of UCUM 2.2: mm\[Hg\] = 133.322 Pa, cm\[H2O\] = 98.0665 Pa, \[degF\] = 5/9 K.

use std::cmp::Ordering::Equal;

use thiserror::Error;

use crate::numbers::compare;
use crate::vital_sign::VitalSign;

mod spellings;

pub use spellings::Conversion;

/// Why a value could not be brought to its canonical unit.
///
/// It holds no text from the wire, where anything may stand in the place of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum UnitError {
    /// Nobody's unit, as far as we know.
    #[error("unknown unit for {vital}; expected {}", vital.unit())]
    Unknown {
        /// The vital sign that was to be converted.
        vital: VitalSign,
    },
    /// A known unit of another quantity.
    #[error("unit {unit} is not for {vital}; expected {}", vital.unit())]
    NotForThisVitalSign {
        /// The vital sign that was to be converted.
        vital: VitalSign,
        /// The unit as the table of spellings writes it.
        unit: &'static str,
    },
}

/// A value outside the plausible range of its vital sign, or between the steps of a scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("implausible value for {vital}")]
pub struct Implausible {
    /// The vital sign that was checked. The value itself is the patient's and stays out.
    pub vital: VitalSign,
}

/// Raw values by which devices say "no measurement", as seen on real feeds; 8388607 is 2^23 − 1.
const NO_MEASUREMENT: [f64; 5] = [-1.0, -100.0, -999.0, -99.9, 8_388_607.0];

/// How to bring values of `vital` in `unit` to the canonical unit. Look it up once for a column or a device.
///
/// # Errors
/// The unit is unknown, or belongs to another quantity. An empty unit is right for scales only.
#[inline]
pub fn conversion(vital: VitalSign, unit: &str) -> Result<Conversion, UnitError> {
    if unit == vital.unit() {
        Ok(Conversion::Same)
    } else {
        spellings::find(vital, unit)
    }
}

/// `value` in `unit`, as a value in `vital`'s canonical unit.
///
/// # Errors
/// As [`conversion`].
#[inline]
pub fn to_canonical(vital: VitalSign, unit: &str, value: f64) -> Result<f64, UnitError> {
    Ok(conversion(vital, unit)?.apply(value))
}

/// True if this value, raw as it came, stands for "no measurement": a sentinel, NaN or an infinity.
#[inline]
pub fn is_no_measurement(raw_value: f64) -> bool {
    !raw_value.is_finite() || NO_MEASUREMENT.contains(&raw_value)
}

/// Lets a value in the canonical unit pass that is within the plausible range and, on a scale, whole. One that is equal to
/// a bound by [`compare`] comes back as the bound: a saturation of 100 % may arrive as 100.00001.
///
/// # Errors
/// [`Implausible`], also for NaN.
#[inline]
pub fn check(vital: VitalSign, value: f64) -> Result<f64, Implausible> {
    let info = vital.info();
    let on_scale = !info.whole || value.trunc() == value;
    if info.plausible.contains(&value) && on_scale {
        return Ok(value);
    }
    let bounds = [*info.plausible.start(), *info.plausible.end()];
    let bound = bounds
        .into_iter()
        .find(|bound| compare(value, *bound) == Some(Equal));
    bound.filter(|_| on_scale).ok_or(Implausible { vital })
}

#[cfg(test)]
mod tests;
