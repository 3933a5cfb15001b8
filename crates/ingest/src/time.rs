//! Times as senders write them, as text or as a count since 1970: one set of rules for JSON and files.
//!
//! TIME-1: a time that is read is the sender's to the microsecond. One that is finer, or that no measurement can have, is
//! [`Reason::BadTime`]; nothing is cut and nothing wraps.

use wardwatch_event_time::{Timestamp, TimestampError};

use crate::reason::{Flaw, Reason};

/// 1900-01-01T00:00:00Z. Earlier dates are zeros of other calendars (0001, 1601, 1899), or have wrapped.
const FIRST: i64 = -2_208_988_800_000_000;
/// 2262-01-01T00:00:00Z, short of the last nanosecond that 64 bits hold. Later dates stand for "never" (9999), or wrap.
/// Records whose dates were shifted to hide them lie between.
const END: i64 = 9_214_646_400_000_000;

/// How many of a count make a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// One.
    Seconds,
    /// A thousand.
    Millis,
    /// A million.
    Micros,
    /// A billion.
    Nanos,
}

/// Reads RFC 3339 text; `field` names where it stood.
///
/// # Errors
/// [`Reason::BadTime`].
#[inline]
pub fn read_time(text: &[u8], field: &'static str) -> Result<Timestamp, Flaw> {
    match Timestamp::parse_rfc3339(text) {
        Ok(time) => check(time, field),
        Err(TimestampError::TooFine) => Err(too_fine(field)),
        Err(TimestampError::NoOffset) => Err(bad(
            field,
            "ts: no offset from UTC",
            "arrived_at: no offset from UTC",
        )),
        Err(_) => Err(Flaw::new(Reason::BadTime, field)),
    }
}

/// Reads a count of time units since 1970-01-01T00:00:00Z; `field` names where it stood.
///
/// # Errors
/// [`Reason::BadTime`].
#[inline]
pub fn read_time_count(count: i64, unit: TimeUnit, field: &'static str) -> Result<Timestamp, Flaw> {
    let micros = match unit {
        TimeUnit::Seconds => count.checked_mul(1_000_000),
        TimeUnit::Millis => count.checked_mul(1_000),
        TimeUnit::Micros => Some(count),
        TimeUnit::Nanos if count % 1_000 != 0 => return Err(too_fine(field)),
        TimeUnit::Nanos => Some(count / 1_000),
    };
    micros.map_or_else(
        || Err(far(field)),
        |micros| check(Timestamp::from_micros(micros), field),
    )
}

#[inline]
fn check(time: Timestamp, field: &'static str) -> Result<Timestamp, Flaw> {
    if (FIRST..END).contains(&time.micros()) {
        Ok(time)
    } else {
        Err(far(field))
    }
}

fn too_fine(field: &'static str) -> Flaw {
    bad(
        field,
        "ts: finer than a microsecond",
        "arrived_at: finer than a microsecond",
    )
}

fn far(field: &'static str) -> Flaw {
    bad(
        field,
        "ts: before 1900 or after 2261",
        "arrived_at: before 1900 or after 2261",
    )
}

/// A flaw with the detail of its field; of any field but these two, its name alone.
#[cold]
fn bad(field: &'static str, of_ts: &'static str, of_arrived_at: &'static str) -> Flaw {
    let detail = match field {
        "ts" => of_ts,
        "arrived_at" => of_arrived_at,
        other => other,
    };
    Flaw::new(Reason::BadTime, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_say_what_is_wrong() {
        for (text, detail) in [
            ("2026-03-01T09:30:00.123456Z", None),
            ("2026-03-01T09:30:00.123456000Z", None),
            ("1970-01-01T00:00:05Z", None),
            ("1969-12-31T23:00:05Z", None),
            ("2200-01-01T00:00:00Z", None),
            (
                "2026-03-01T09:30:00.1234561Z",
                Some("ts: finer than a microsecond"),
            ),
            ("2026-03-01T09:30:00", Some("ts: no offset from UTC")),
            ("0001-01-01T00:00:00Z", Some("ts: before 1900 or after 2261")),
            ("1899-12-30T00:00:00Z", Some("ts: before 1900 or after 2261")),
            ("9999-12-31T23:59:59Z", Some("ts: before 1900 or after 2261")),
            ("soon", Some("ts")),
        ] {
            let read = read_time(text.as_bytes(), "ts");
            assert_eq!(read.err().map(|flaw| flaw.detail), detail, "{text}");
        }
        assert_eq!(
            read_time(b"9999-12-31T23:59:59Z", "end").unwrap_err().detail,
            "end"
        );
    }

    #[test]
    fn counts_neither_wrap_nor_lose_a_digit() {
        use TimeUnit::{Micros, Millis, Nanos, Seconds};
        let second = 1_769_850_000;
        for (count, unit) in [
            (second, Seconds),
            (second * 1_000, Millis),
            (second * 1_000_000, Micros),
            (second * 1_000_000_000, Nanos),
        ] {
            assert_eq!(
                read_time_count(count, unit, "ts").unwrap().micros(),
                second * 1_000_000
            );
        }
        assert_eq!(read_time_count(-1, Millis, "ts").unwrap().micros(), -1_000);
        for (count, unit) in [
            (i64::MAX, Seconds),
            (i64::MIN, Seconds),
            (i64::MAX / 1_000_000 + 1, Seconds),
            // 2^64 seconds of a thousandth wrap to a date of today.
            (18_446_744_073_709_551 + second, Millis),
            (253_402_300_799, Seconds),
            (-62_135_596_800_000, Millis),
            (i64::MAX / 1_000, Micros),
            (i64::MIN / 1_000 * 1_000, Nanos),
            (second * 1_000_000_000 + 1, Nanos),
            (-1, Nanos),
        ] {
            assert_eq!(
                read_time_count(count, unit, "ts").unwrap_err().reason,
                Reason::BadTime,
                "{count} {unit:?}"
            );
        }
    }
}
