//! A table: what is wrong with a message, and what quarantine says.

use super::*;
use crate::record::MOST_READINGS;

/// A single message in which each of these fields replaces the usual one; `-` takes it out.
fn single(changes: &[(&str, &str)]) -> String {
    let usual = [
        ("patient_id", "\"p-1\""),
        ("ts", "\"2026-03-01T09:30:00Z\""),
        ("code", "\"heart_rate\""),
        ("value", "72"),
        ("unit", "\"/min\""),
    ];
    let changed = |name: &str| {
        changes
            .iter()
            .find(|(change, _)| *change == name)
            .map(|(_, value)| *value)
    };
    let new = changes
        .iter()
        .filter(|(name, _)| usual.iter().all(|(known, _)| known != name));
    let fields = usual
        .iter()
        .map(|(name, value)| (*name, changed(name).unwrap_or(value)))
        .chain(new.copied());
    let fields: Vec<_> = fields
        .filter(|(_, value)| *value != "-")
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    format!("{{{}}}", fields.join(","))
}

fn group(readings: &str) -> String {
    single(&[
        ("code", "-"),
        ("value", "-"),
        ("unit", "-"),
        ("observations", &format!("[{readings}]")),
    ])
}

/// Whether the schema refuses the message too, or cannot see what is wrong.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Schema {
    Refuses,
    Allows,
}

/// Messages that are JSON objects, with the code in quarantine.
pub(super) fn bad_messages() -> Vec<(String, &'static str, Schema)> {
    use Schema::{Allows, Refuses};
    let one = |name, value, reason, schema| (single(&[(name, value)]), reason, schema);
    let long = |length: usize| format!("\"{}\"", "x".repeat(length));
    let reading = r#"{"code":"gcs_eye","value":4}"#;
    vec![
        ("{}".into(), "missing_field", Refuses),
        one("patient_id", "-", "missing_field", Refuses),
        one("patient_id", "null", "missing_field", Refuses),
        one("patient_id", "\"\"", "bad_patient_id", Refuses),
        one("patient_id", "1017", "bad_patient_id", Refuses),
        one("patient_id", "\"p\\n1\"", "bad_patient_id", Refuses),
        one("patient_id", &long(65), "bad_patient_id", Refuses),
        one(
            "patient_id",
            &format!("\"{}\"", "é".repeat(33)),
            "bad_patient_id",
            Allows,
        ),
        one("device_id", "7", "bad_origin", Refuses),
        one("device_id", &long(129), "bad_origin", Refuses),
        one("source", "\"a\\u0000b\"", "bad_origin", Refuses),
        one("ts", "-", "no_time", Refuses),
        one("ts", "null", "no_time", Refuses),
        one("ts", "1772357400", "bad_time", Refuses),
        one("ts", "\"\"", "bad_time", Refuses),
        one("ts", "\"2026-03-01T09:30:00\"", "bad_time", Refuses),
        one("ts", "\"2026-02-30T09:30:00Z\"", "bad_time", Allows),
        one("ts", "\"2026-03-01T09:30:00.0000001Z\"", "bad_time", Refuses),
        one("ts", "\"9999-12-31T00:00:00Z\"", "bad_time", Allows),
        one("ts", "\"0001-01-01T00:00:00Z\"", "bad_time", Allows),
        one("code", "-", "missing_field", Refuses),
        one("code", "\"shoe_size\"", "unknown_code", Refuses),
        one("code", "\"HEART_RATE\"", "unknown_code", Refuses),
        one("code", "\"12345-6\"", "unknown_code", Allows),
        one("code", "1478420", "unknown_code", Allows),
        one("code", "[\"heart_rate\"]", "unknown_code", Refuses),
        one("value", "-", "missing_field", Allows),
        one("value", "null", "missing_field", Allows),
        one("value", "\"72\"", "bad_value", Refuses),
        one("value", "\"A\"", "bad_value", Allows),
        one("value", "true", "bad_value", Refuses),
        one("value", "{}", "bad_value", Refuses),
        one("value", "351", "implausible", Allows),
        one("value", "-5", "implausible", Allows),
        one("unit", "-", "missing_unit", Allows),
        one("unit", "null", "missing_unit", Allows),
        one("unit", "\"\"", "missing_unit", Allows),
        one("unit", "\"mm[Hg]\"", "wrong_unit", Allows),
        one("unit", "\"furlong\"", "wrong_unit", Allows),
        one("unit", "264864", "wrong_unit", Refuses),
        one("status", "\"I\"", "status", Refuses),
        one("status", "\"O\"", "status", Refuses),
        one("absent", "\"probe-off\"", "bad_value", Refuses),
        one("absent", "7", "bad_value", Refuses),
        one("status", "\"Final\"", "status", Refuses),
        one("status", "7", "status", Refuses),
        one("observations", "{}", "bad_json", Refuses),
        one("observations", "\"many\"", "bad_json", Refuses),
        one("observations", "[]", "bad_json", Refuses),
        (
            single(&[("code", "\"consciousness\""), ("value", "\"B\""), ("unit", "-")]),
            "bad_value",
            Refuses,
        ),
        (
            single(&[("code", "\"gcs_total\""), ("value", "7.5"), ("unit", "-")]),
            "implausible",
            Allows,
        ),
        (group(""), "empty_group", Refuses),
        (
            group(&[reading; MOST_READINGS + 1].join(",")),
            "too_many_readings",
            Refuses,
        ),
        (
            group(r#"{"code":"gcs_eye","value":4},null"#),
            "not_an_object",
            Refuses,
        ),
        (
            group(r#"{"code":"gcs_eye","value":4,"status":"I"}"#),
            "status",
            Refuses,
        ),
        (
            group(r#"{"code":"gcs_eye","value":4},{"value":4}"#),
            "missing_field",
            Refuses,
        ),
    ]
}

#[test]
fn each_flaw_has_its_reason() {
    for (payload, reason, _) in bad_messages() {
        let decoded = decoded(&[&payload]);
        let reasons: Vec<_> = decoded.quarantined.iter().map(|bad| bad.reason.code()).collect();
        assert_eq!(reasons, [reason], "{payload}");
        accounts_for_all(&[&payload], &decoded).unwrap();
    }
}

#[test]
fn what_is_no_message_at_all_has_its_reason() {
    let twice =
        r#"{"patient_id":"p","patient_id":"p","ts":"2026-03-01T09:30:00Z","code":"gcs_eye","value":4}"#;
    let lone_surrogate = single(&[("patient_id", "\"\\ud800\"")]);
    let half = single(&[]).split_at(40).0.to_owned();
    let more = single(&[]) + "}";
    let huge = vec![b' '; MOST_BYTES + 1];
    let deep = "[".repeat(100_000);
    let cases: [(&[u8], &str, &str); 14] = [
        (b"", "bad_json", "ends too early"),
        (b"{", "bad_json", "ends too early"),
        (half.as_bytes(), "bad_json", "ends too early"),
        (b"72", "not_an_object", ""),
        (b" [{\"patient_id\":\"p\"}] ", "not_an_object", ""),
        (b"null", "not_an_object", ""),
        (b"MSH|^~\\&|", "bad_json", "not JSON"),
        (more.as_bytes(), "bad_json", "not JSON"),
        (b"{\"patient_id\":\"p\",}", "bad_json", "not JSON"),
        (b"{\"patient_id\":\"\xff\"}", "bad_utf8", ""),
        (twice.as_bytes(), "bad_json", "a field is given twice"),
        (lone_surrogate.as_bytes(), "bad_json", "not JSON"),
        (deep.as_bytes(), "bad_json", "ends too early"),
        (&huge, "too_large", ""),
    ];
    for (payload, reason, detail) in cases {
        let decoded = decoded(&[payload]);
        let start = String::from_utf8_lossy(&payload[..payload.len().min(80)]);
        assert_eq!(decoded.quarantined.len(), 1, "{start}");
        let flaw = decoded.quarantined[0].flaw();
        assert_eq!((flaw.reason.code(), flaw.detail), (reason, detail), "{start}");
        assert!(decoded.quarantined[0].readings.is_empty());
        assert_eq!(decoded.quarantined[0].payload, payload);
    }
}

#[test]
fn the_key_is_the_patient() {
    let payloads = [single(&[])];
    let with_key = |key| Record {
        key,
        ..records(&payloads).next().unwrap()
    };
    let reason = |key| {
        let decoded = decode_observations([with_key(key)], Arrival::Broker);
        decoded
            .quarantined
            .first()
            .map(|bad| (bad.reason, bad.key.clone()))
    };
    assert_eq!(reason(None), None);
    assert_eq!(reason(Some(b"p-1")), None);
    assert_eq!(
        reason(Some(b"p-2")),
        Some((Reason::KeyMismatch, Some(b"p-2".to_vec())))
    );
    assert_eq!(reason(Some(b"")), Some((Reason::KeyMismatch, Some(vec![]))));
}

#[test]
fn a_bad_reading_takes_no_good_one_with_it() {
    let payload = group(
        r#"{"code":"spo2","value":97,"unit":"%"},{"code":"shoe_size","value":43,"unit":"1"},
           {"code":"temperature","value":384.5,"unit":"Cel"},7,{"code":"pulse","value":70,"unit":"bpm"},
           {"code":"149530","value":70,"unit":"/min"},{"code":"blood","value":1,"unit":"L"},
           {"code":"etco2","value":35,"value":36,"unit":"mm[Hg]"}"#,
    );
    let decoded = decoded(&[&payload]);
    assert_eq!(decoded.observations.values(), [97.0, 70.0]);
    assert_eq!(decoded.repeats, 1);
    let said: Vec<_> = decoded.quarantined.iter().map(ToString::to_string).collect();
    let at = "topic 1 partition 2 offset 0: ";
    let expected = [
        "bad_json: a field is given twice, or a text is none in reading 7",
        "not_an_object in reading 3",
        "unknown_code in reading 1, reading 6",
        "implausible in reading 2 (temperature)",
    ];
    assert_eq!(said, expected.map(|text| format!("{at}{text}")));
}
