//! An instant in UTC, in microseconds since 1970-01-01T00:00:00Z.
//!
//! The text form is RFC 3339 with a stated offset; a time without an offset is refused, since a ward's wall clock says
//! nothing about where or in which season it hangs. A time finer than a microsecond is refused too: cut or rounded, two
//! instants would become one without a word. Zeros beyond the microsecond change nothing.

use std::fmt;
use std::ops::{Add, Sub};

use crate::Span;

/// An instant: microseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Why a text is not an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// The text is not of the form `2026-01-31T09:30:00Z`.
    #[error("not an RFC 3339 time; write it like 2026-01-31T09:30:00.250Z")]
    Form,
    /// The form is right, but no offset follows the time.
    #[error("the time has no offset; end it with Z or an offset such as +01:00")]
    NoOffset,
    /// A field is outside its range, such as a 31 February.
    #[error("the time names a date or an hour that does not exist")]
    Range,
    /// Digits other than zero beyond the microsecond.
    #[error("the time is finer than a microsecond; write six decimals at most")]
    TooFine,
}

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

// === impl Timestamp ===

impl Timestamp {
    /// Earlier than any instant in use: the clock of a source that has not spoken.
    pub const MIN: Self = Self(i64::MIN);
    /// Later than any instant in use: a timer that is never due.
    pub const MAX: Self = Self(i64::MAX);

    /// An instant from microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// An instant from milliseconds since the epoch, as Kafka counts them. Saturates.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since the epoch, rounded down.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Reads RFC 3339 text, such as `2026-01-31T09:30:00.25+01:00`.
    ///
    /// # Errors
    /// [`TimestampError`] says what is wrong with the text. A leap second (`:60`) counts as the next minute's start.
    pub fn parse_rfc3339(text: &[u8]) -> Result<Self, TimestampError> {
        use TimestampError::{Form, NoOffset, Range, TooFine};
        if text.len() < 19 || text[4] != b'-' || text[7] != b'-' || text[13] != b':' || text[16] != b':' {
            return Err(Form);
        }
        if !matches!(text[10], b'T' | b't' | b' ') {
            return Err(Form);
        }
        let year = i64::from(two_digits(text, 0)?) * 100 + i64::from(two_digits(text, 2)?);
        let (month, day) = (two_digits(text, 5)?, two_digits(text, 8)?);
        let (hour, minute, second) = (
            two_digits(text, 11)?,
            two_digits(text, 14)?,
            two_digits(text, 17)?,
        );
        if !(1..=12).contains(&month) || day == 0 || day > days_in_month(year, month) {
            return Err(Range);
        }
        if hour > 23 || minute > 59 || second > 60 {
            return Err(Range);
        }
        let mut at = 19;
        let mut fraction = 0i64;
        if text.get(at) == Some(&b'.') {
            at += 1;
            let start = at;
            let mut scale = 100_000;
            while let Some(digit) = text.get(at).filter(|b| b.is_ascii_digit()) {
                if scale == 0 && *digit != b'0' {
                    return Err(TooFine);
                }
                fraction += i64::from(digit - b'0') * scale;
                scale /= 10;
                at += 1;
            }
            if at == start {
                return Err(Form);
            }
        }
        let offset_seconds = match text.get(at) {
            None => return Err(NoOffset),
            Some(b'Z' | b'z') if at + 1 == text.len() => 0,
            Some(sign @ (b'+' | b'-')) if at + 6 == text.len() && text[at + 3] == b':' => {
                let (hours, minutes) = (two_digits(text, at + 1)?, two_digits(text, at + 4)?);
                if hours > 23 || minutes > 59 {
                    return Err(Range);
                }
                let seconds = i64::from(hours) * 3_600 + i64::from(minutes) * 60;
                if *sign == b'+' { seconds } else { -seconds }
            }
            Some(_) => return Err(Form),
        };
        let days = days_from_civil(year, i64::from(month), i64::from(day));
        let seconds =
            days * SECONDS_PER_DAY + i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second)
                - offset_seconds;
        Ok(Self(seconds * MICROS_PER_SECOND + fraction))
    }
}

fn two_digits(text: &[u8], at: usize) -> Result<u32, TimestampError> {
    let (tens, ones) = (text[at].wrapping_sub(b'0'), text[at + 1].wrapping_sub(b'0'));
    if tens > 9 || ones > 9 {
        return Err(TimestampError::Form);
    }
    Ok(u32::from(tens) * 10 + u32::from(ones))
}

fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a proleptic Gregorian date. Years are counted from March, so that the leap day ends one.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with as many decimals as the value needs: none, three or six.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.div_euclid(MICROS_PER_SECOND);
        let micros = self.0.rem_euclid(MICROS_PER_SECOND);
        let (year, month, day) = civil_from_days(seconds.div_euclid(SECONDS_PER_DAY));
        let second_of_day = seconds.rem_euclid(SECONDS_PER_DAY);
        let (hour, minute, second) = (second_of_day / 3_600, second_of_day / 60 % 60, second_of_day % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )?;
        match micros {
            0 => {}
            whole if whole % 1_000 == 0 => write!(f, ".{:03}", whole / 1_000)?,
            _ => write!(f, ".{micros:06}")?,
        }
        f.write_str("Z")
    }
}

impl Add<Span> for Timestamp {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.micros()))
    }
}

impl Sub<Span> for Timestamp {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.micros()))
    }
}

impl Sub for Timestamp {
    type Output = Span;
    fn sub(self, earlier: Self) -> Span {
        Span::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse_rfc3339(text.as_bytes()).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Timestamp, TimestampError> {
        Timestamp::parse_rfc3339(text.as_bytes())
    }

    #[test]
    fn known_instants() {
        assert_eq!(parse("1970-01-01T00:00:00Z"), Ok(Timestamp(0)));
        assert_eq!(
            parse("2000-02-29T12:00:00.5+02:00").unwrap().micros(),
            951_818_400_500_000
        );
        assert_eq!(parse("2016-12-31T23:59:60Z"), parse("2017-01-01T00:00:00Z"));
        assert_eq!(
            parse("2026-01-01T00:00:00.123456000Z").unwrap().to_string(),
            "2026-01-01T00:00:00.123456Z"
        );
    }

    #[test]
    fn refusals_say_why() {
        use TimestampError::{Form, NoOffset, Range, TooFine};
        let cases = [
            ("", Form),
            ("2026-01-01", Form),
            ("2026-01-01T10:00:00", NoOffset),
            ("2026-02-29T10:00:00Z", Range),
            ("2026-01-01T24:00:00Z", Range),
            ("2026-01-01T10:00:00.Z", Form),
            ("2026-01-01T10:00:00Zx", Form),
            ("2026-01-01T10:00:00+0100", Form),
            ("2026-01-01T10:00:00+25:00", Range),
            ("yyyy-01-01T10:00:00Z", Form),
            ("2026-01-01T00:00:00.1234567Z", TooFine),
            ("2026-01-01T00:00:00.000000001Z", TooFine),
            ("2026-01-01T00:00:00.00000000000001+01:00", TooFine),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), Err(expected), "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_and_instant_agree_with_chrono(micros in -62_000_000_000_000_000i64..250_000_000_000_000_000) {
            let stamp = Timestamp(micros);
            let chrono = chrono::DateTime::from_timestamp_micros(micros).unwrap();
            prop_assert_eq!(parse(&chrono.to_rfc3339()), Ok(stamp));
            prop_assert_eq!(parse(&stamp.to_string()), Ok(stamp));
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            prop_assert!(Timestamp::parse_rfc3339(&bytes).is_ok() || bytes.len() < 40);
        }
    }
}
