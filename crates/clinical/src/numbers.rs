//! Numbers as their senders meant them, and how numbers are compared.
//!
//! Much equipment and many tools hold a value in single precision (`f32`). Read as a double, 38.3 is then
//! 38.29999923706055: below itself, so that a fever is missed and a saturation of 88 % alarms. Two rules set that right,
//! and both are needed: the first gives back what was measured wherever that can be known, so that SQL and texts see it
//! too; the second covers what a sender went on to compute from a single, such as 100 × 0.88 = 87.99999952316284.
//!
//! - NUMBER-1: a number that is exactly a single is read as the shortest decimal of that single ([`as_sent`]).
//! - NUMBER-2: two numbers that agree in six significant digits, which any single carries, are equal to a limit
//!   ([`compare`], [`comparable`]).

use std::cmp::Ordering;

/// The powers of ten by which the decimals of a single are found. Times any of them, the 24 bits of a single fit
/// into a double, so no product is rounded.
const POWERS: [f64; 12] = [1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12];

/// 1.5 · 2⁵²: added to a number and taken away again, it leaves the nearest whole one.
const TO_WHOLE: f64 = 6_755_399_441_055_744.0;
/// Bits that the fraction of a double has beyond that of a single.
const BEYOND_SINGLE: u32 = f64::MANTISSA_DIGITS - f32::MANTISSA_DIGITS;

/// Significant digits that decide a comparison: a single carries six of any decimal.
const DIGITS: i32 = 6;
/// A comparison is never coarser than this many decimals: a sum of many values has more digits than one of them.
const LEAST_DECIMALS: i32 = 3;

/// The decimal that a sender meant by a number: of one that is exactly a single, the shortest decimal of that single.
/// Any other number is what it is.
///
/// Decimals of up to seven significant digits come back exactly. A double that happens to be a single with more digits
/// (80 + 2⁻¹²) moves by less than half a single's last bit.
#[inline]
pub fn as_sent(number: f64) -> f64 {
    // Nearly all numbers are whole, or decimals that only a double holds. This is asked of every reading, and costs less
    // than half a nanosecond in this form, two in the form of casts.
    let is_whole = (number + TO_WHOLE) - TO_WHOLE == number;
    if is_whole || number.to_bits() << (u64::BITS - BEYOND_SINGLE) != 0 {
        return number;
    }
    shortest(number)
}

#[inline(never)]
fn shortest(number: f64) -> f64 {
    let single = number as f32;
    if f64::from(single) != number {
        // Its exponent is beyond a single's.
        return number;
    }
    let decimals = POWERS.iter().map(|power| (number * power).round() / power);
    decimals
        .into_iter()
        .find(|decimal| *decimal as f32 == single)
        .unwrap_or(number)
}

/// How a value stands to a threshold: equal where six significant digits agree. `None` if either is NaN.
#[inline]
pub fn compare(value: f64, threshold: f64) -> Option<Ordering> {
    // Rounding moves a number by half a step of its sixth digit at most: further away it decides nothing.
    if (value - threshold).abs() <= 1e-5 * threshold.abs() {
        comparable(value).partial_cmp(&comparable(threshold))
    } else {
        value.partial_cmp(&threshold)
    }
}

/// A number as it is compared with a threshold: rounded to six significant digits, never more coarsely than to
/// thousandths. A whole number stays what it is.
///
/// Sums may differ in their last bits with the order of their parts, and singles differ from the decimals they stand for; a
/// comparison must not. Six digits are far finer than any vital sign is measured and coarser than either.
pub fn comparable(value: f64) -> f64 {
    if !value.is_finite() || value.trunc() == value {
        return value;
    }
    let before_point = value.abs().log10().floor() as i32 + 1;
    let scale = 10f64.powi((DIGITS - before_point).max(LEAST_DECIMALS));
    if scale.is_finite() {
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
    fn a_single_is_read_as_its_shortest_decimal() {
        for decimal in [
            38.3, 88.1, 0.88, 0.97, 36.65, 99.9, 104.9, 0.1, -99.9, 100.94, 11.732336, 1e-3,
        ] {
            assert_eq!(as_sent(f64::from(decimal as f32)), decimal, "{decimal}");
        }
        assert_eq!(as_sent(38.29999923706055), 38.3);
    }

    #[test]
    fn every_other_number_is_what_it_is() {
        let others = [
            0.0,
            -0.0,
            72.0,
            36.5,
            36.625,
            120.0625,
            8_388_607.0,
            38.3,
            38.299_999,
            80.000_000_1,
            1e300,
            5e-324,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ];
        for number in others {
            assert_eq!(as_sent(number).to_bits(), number.to_bits(), "{number}");
        }
        assert!(as_sent(f64::NAN).is_nan());
    }

    #[test]
    fn six_digits_decide() {
        use Ordering::{Equal, Greater, Less};
        for (value, threshold, order) in [
            (87.999_999_5, 88.0, Equal),
            (87.999_999_523_162_84, 88.0, Equal),
            (38.299_999_237_060_55, 38.3, Equal),
            (38.299_999, 38.3, Equal),
            (87.999, 88.0, Less),
            (88.001, 88.0, Greater),
            (38.299, 38.3, Less),
            (0.0, 0.0, Equal),
            (1e-9, 0.0, Greater),
            (-38.3, 38.3, Less),
            (1_769_850_000.5, 1_769_850_000.0, Greater),
            (1_769_850_301.0, 1_769_850_000.0, Greater),
            (123_456.7, 123_456.8, Less),
            // The threshold may have more digits than are compared.
            (65.123_456_7, 65.123_456_7, Equal),
        ] {
            assert_eq!(compare(value, threshold), Some(order), "{value} to {threshold}");
        }
        assert_eq!(compare(f64::NAN, 88.0), None);
        assert_eq!(compare(f64::INFINITY, 88.0), Some(Greater));
    }

    proptest! {
        #[test]
        fn the_shortest_decimal_is_that_of_the_library(single in 1e-3f32..1e4) {
            let expected: f64 = single.to_string().parse().unwrap();
            prop_assert_eq!(as_sent(f64::from(single)), expected);
        }

        #[test]
        fn comparable_numbers_stay_close_and_settle(value in -1e9f64..1e9) {
            let rounded = comparable(value);
            prop_assert!((rounded - value).abs() <= (value.abs() * 5e-6).min(5e-4) * 1.000_001);
            prop_assert_eq!(comparable(rounded), rounded);
        }

        #[test]
        fn a_prefilter_decides_nothing(value in 1e-3f64..1e6, relative in -3e-5f64..3e-5) {
            let threshold = value * (1.0 + relative);
            let both = comparable(value).partial_cmp(&comparable(threshold));
            prop_assert_eq!(compare(value, threshold), both);
        }
    }
}
