//! Canonical JSON of observations, written by hand because load tests need millions a second; context records, which are
//! rare, go through serde.
//!
//! JSON-1: texts given to this module hold no character that JSON escapes; they are our own ids, codes and units.

use serde::Serialize;
use std::io::Write;
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::{Span, Timestamp};

/// What stands once in a message, however many readings it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header<'a> {
    pub(crate) patient_id: &'a str,
    /// RFC 3339.
    pub(crate) ts: &'a str,
    pub(crate) device_id: Option<&'a str>,
    pub(crate) source: &'static str,
}

/// One measured value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading<'a> {
    pub(crate) vital: VitalSign,
    pub(crate) value: Value,
    /// UCUM or as charted; `None` only for scales.
    pub(crate) unit: Option<&'a str>,
    /// Charted, then withdrawn as an error.
    pub(crate) entered_in_error: bool,
}

/// A value as it is to be printed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value {
    /// A whole number.
    Whole(i64),
    /// Tenths, printed with one decimal.
    Tenths(i64),
    /// Any finite number, printed with the digits that it needs.
    Float(f64),
    /// A letter of ACVPU.
    Letter(char),
}

/// The context record of a patient; the newest replaces the ones before it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Context<'a> {
    pub(crate) patient_id: &'a str,
    pub(crate) ts: Timestamp,
    pub(crate) event: &'static str,
    pub(crate) name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mrn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) age: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sex: Option<&'static str>,
    pub(crate) ward: &'static str,
    pub(crate) bed: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) spo2_scale: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) on_oxygen: Option<bool>,
}

/// A message of one reading in the single form, of several in the grouped form.
pub(crate) fn observation(header: Header<'_>, readings: &[Reading<'_>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(160 + 64 * readings.len());
    text(&mut out, "{\"patient_id\":\"", header.patient_id);
    text(&mut out, "\",\"ts\":\"", header.ts);
    if let Some(device_id) = header.device_id {
        text(&mut out, "\",\"device_id\":\"", device_id);
    }
    text(&mut out, "\",\"source\":\"", header.source);
    if let [only] = readings {
        out.extend_from_slice(b"\",");
        reading(&mut out, only);
    } else {
        out.extend_from_slice(b"\",\"observations\":[");
        for (place, each) in readings.iter().enumerate() {
            out.extend_from_slice(if place == 0 { b"{" } else { b",{" });
            reading(&mut out, each);
            out.push(b'}');
        }
        out.push(b']');
    }
    out.push(b'}');
    out
}

/// A context record.
pub(crate) fn context(record: &Context<'_>) -> Vec<u8> {
    serde_json::to_vec(record).expect("texts, numbers and flags always serialise")
}

/// The members of one reading, without braces.
fn reading(out: &mut Vec<u8>, reading: &Reading<'_>) {
    text(out, "\"code\":\"", reading.vital.name());
    out.extend_from_slice(b"\",\"value\":");
    value(out, reading.value);
    if let Some(unit) = reading.unit {
        text(out, ",\"unit\":\"", unit);
        out.push(b'"');
    }
    if reading.entered_in_error {
        out.extend_from_slice(b",\"status\":\"entered-in-error\"");
    }
}

fn value(out: &mut Vec<u8>, value: Value) {
    match value {
        Value::Whole(number) => whole(out, number),
        Value::Tenths(number) => {
            if number < 0 {
                out.push(b'-');
            }
            whole(out, (number.unsigned_abs() / 10) as i64);
            out.extend_from_slice(&[b'.', b'0' + (number.unsigned_abs() % 10) as u8]);
        }
        // `Display` of a finite f64 is its shortest decimal, never with an exponent: a JSON number.
        Value::Float(number) => write!(out, "{number}").expect("a Vec takes any bytes"),
        Value::Letter(letter) => out.extend_from_slice(&[b'"', letter as u8, b'"']),
    }
}

/// Most values have at most three digits; those skip the formatter.
fn whole(out: &mut Vec<u8>, number: i64) {
    match number {
        0..=9 => out.push(b'0' + number as u8),
        10..=99 => out.extend_from_slice(&[b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]),
        100..=999 => out.extend_from_slice(&[
            b'0' + (number / 100) as u8,
            b'0' + (number / 10 % 10) as u8,
            b'0' + (number % 10) as u8,
        ]),
        _ => write!(out, "{number}").expect("a Vec takes any bytes"),
    }
}

fn text(out: &mut Vec<u8>, before: &str, content: &str) {
    debug_assert!(
        content.bytes().all(|b| b >= b' ' && b != b'"' && b != b'\\'),
        "JSON-1: {content:?}"
    );
    out.extend_from_slice(before.as_bytes());
    out.extend_from_slice(content.as_bytes());
}

/// RFC 3339 texts of nearby instants: the second is formatted once and its milliseconds are filled in.
#[derive(Clone, Debug)]
pub(crate) struct StampText {
    second: i64,
    text: [u8; 24],
}

// === impl StampText ===

impl StampText {
    pub(crate) fn new() -> Self {
        Self {
            second: i64::MIN,
            text: [b'0'; 24],
        }
    }

    /// The text of an instant in the years 0 to 9999, cut to the millisecond, always with three decimals.
    pub(crate) fn of(&mut self, at: Timestamp) -> &str {
        let second = at.millis().div_euclid(1_000);
        if second != self.second {
            self.second = second;
            let whole = Timestamp::from_millis(second * 1_000).to_string();
            self.text[..19].copy_from_slice(&whole.as_bytes()[..19]);
            self.text[19] = b'.';
            self.text[23] = b'Z';
        }
        let millis = at.millis().rem_euclid(1_000);
        self.text[20] = b'0' + (millis / 100) as u8;
        self.text[21] = b'0' + (millis / 10 % 10) as u8;
        self.text[22] = b'0' + (millis % 10) as u8;
        std::str::from_utf8(&self.text).expect("only ASCII is written")
    }
}

/// `at` cut to the millisecond, which is what [`StampText`] prints.
pub(crate) fn to_millisecond(at: Timestamp) -> Timestamp {
    at - Span::from_micros(at.micros().rem_euclid(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heart_rate(value: Value) -> Reading<'static> {
        Reading {
            vital: VitalSign::HeartRate,
            value,
            unit: Some("/min"),
            entered_in_error: false,
        }
    }

    fn header(ts: &str) -> Header<'_> {
        Header {
            patient_id: "sim-01",
            ts,
            device_id: None,
            source: "simulated",
        }
    }

    #[test]
    fn one_reading_is_single_and_two_are_grouped() {
        let ts = "2026-01-01T00:00:00.250Z";
        let single = observation(header(ts), &[heart_rate(Value::Whole(72))]);
        assert_eq!(
            String::from_utf8(single).unwrap(),
            r#"{"patient_id":"sim-01","ts":"2026-01-01T00:00:00.250Z","source":"simulated","code":"heart_rate","value":72,"unit":"/min"}"#
        );
        let awake = Reading {
            vital: VitalSign::Consciousness,
            value: Value::Letter('A'),
            unit: None,
            entered_in_error: true,
        };
        let grouped = observation(header(ts), &[heart_rate(Value::Tenths(-15)), awake]);
        assert_eq!(
            String::from_utf8(grouped).unwrap(),
            r#"{"patient_id":"sim-01","ts":"2026-01-01T00:00:00.250Z","source":"simulated","observations":[{"code":"heart_rate","value":-1.5,"unit":"/min"},{"code":"consciousness","value":"A","status":"entered-in-error"}]}"#
        );
    }

    #[test]
    fn numbers_print_as_they_are() {
        for (given, expected) in [
            (Value::Whole(0), "0"),
            (Value::Whole(42), "42"),
            (Value::Whole(100), "100"),
            (Value::Whole(8_388_607), "8388607"),
            (Value::Whole(-1), "-1"),
            (Value::Tenths(368), "36.8"),
            (Value::Tenths(-5), "-0.5"),
            (Value::Float(98.599_998_474_121_1), "98.5999984741211"),
            (Value::Float(11_647.0), "11647"),
        ] {
            let mut out = Vec::new();
            value(&mut out, given);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn stamps_agree_with_timestamp() {
        let mut stamp = StampText::new();
        for micros in [
            0,
            1_000,
            999_999,
            1_700_000_000_123_456,
            1_700_000_000_999_000,
            -1_000,
        ] {
            let at = Timestamp::from_micros(micros);
            let parsed = Timestamp::parse_rfc3339(stamp.of(at).as_bytes()).unwrap();
            assert_eq!(parsed, to_millisecond(at));
        }
    }
}
