//! JSON numbers, correctly rounded.
//!
//! Up to fifteen digits without an exponent, which is every number a monitor sends, the digits and the power of ten are
//! both exact in an `f64`, so one division rounds once and is right (Clinger, 1990). The rest goes to the standard
//! library. `serde_json`'s own numbers may be one step off, which would make two readers differ.

use super::document::Number;

/// Most decimal digits that any `f64` holds exactly.
const EXACT_DIGITS: usize = 15;
const POWERS: [f64; EXACT_DIGITS + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

/// Reads the number at the start of `text` by JSON's grammar; what follows it is the caller's. `None` if none starts
/// here. A number too large for an `f64` is infinite.
#[inline]
pub(super) fn read(text: &str) -> Option<Number<'_>> {
    let bytes = text.as_bytes();
    let negative = bytes.first() == Some(&b'-');
    let mut digits = Digits {
        bytes,
        at: usize::from(negative),
        mantissa: 0,
    };
    let whole = digits.take();
    if whole == 0 || (whole > 1 && bytes[usize::from(negative)] == b'0') {
        return None;
    }
    let mut decimals = 0;
    if bytes.get(digits.at) == Some(&b'.') {
        digits.at += 1;
        decimals = digits.take();
        if decimals == 0 {
            return None;
        }
    }
    if matches!(bytes.get(digits.at), Some(b'e' | b'E')) || whole + decimals > EXACT_DIGITS {
        return inexact(text, digits.at);
    }
    let mut value = digits.mantissa as f64;
    if decimals > 0 {
        value /= POWERS[decimals];
    }
    Some(Number {
        text: &text[..digits.at],
        value: if negative { -value } else { value },
    })
}

/// Skips the exponent, if there is one, and leaves the rounding to the standard library.
#[cold]
fn inexact(text: &str, mut end: usize) -> Option<Number<'_>> {
    let bytes = text.as_bytes();
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        end += 1;
        if matches!(bytes.get(end), Some(b'+' | b'-')) {
            end += 1;
        }
        let mut exponent = Digits {
            bytes,
            at: end,
            mantissa: 0,
        };
        if exponent.take() == 0 {
            return None;
        }
        end = exponent.at;
    }
    let text = &text[..end];
    Some(Number {
        text,
        value: text.parse().ok()?,
    })
}

struct Digits<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The digits so far; wraps beyond nineteen, when nobody uses it.
    mantissa: u64,
}

// === impl Digits ===

impl Digits<'_> {
    /// Takes digits while there are any; how many.
    #[inline]
    fn take(&mut self) -> usize {
        let start = self.at;
        while let Some(digit) = self
            .bytes
            .get(self.at)
            .map(|byte| byte.wrapping_sub(b'0'))
            .filter(|digit| *digit < 10)
        {
            self.mantissa = self.mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
            self.at += 1;
        }
        self.at - start
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(text: &str) -> Option<f64> {
        read(text)
            .filter(|number| number.text == text)
            .map(|number| number.value)
    }

    #[test]
    fn grammar_is_that_of_json() {
        for good in [
            "0",
            "-0",
            "72",
            "36.65",
            "1e3",
            "1E+3",
            "-1.5e-7",
            "0.1",
            "123456789012345678901234567890",
        ] {
            let expected: f64 = good.parse().unwrap();
            assert_eq!(whole(good).map(f64::to_bits), Some(expected.to_bits()), "{good}");
        }
        for bad in [
            "", "-", "+1", "01", "-01", ".5", "5.", "1e", "1e+", "NaN", "Infinity", "0x1", "1_000",
        ] {
            assert_eq!(whole(bad), None, "{bad}");
        }
        assert_eq!(read("72,\"unit\"").unwrap().text, "72");
        assert_eq!(whole("1e999"), Some(f64::INFINITY));
    }

    proptest! {
        #[test]
        fn rounds_as_the_standard_library(text in "-?(0|[1-9][0-9]{0,19})(\\.[0-9]{1,19})?([eE][+-]?[0-9]{1,3})?") {
            let expected: f64 = text.parse().unwrap();
            prop_assert_eq!(whole(&text).map(f64::to_bits), Some(expected.to_bits()));
        }

        #[test]
        fn every_finite_value_comes_back(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            prop_assert_eq!(whole(&format!("{value:e}")).map(f64::to_bits), Some(bits));
        }
    }
}
