use serde_json::Value;

use super::*;

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../../schemas/context.schema.json")).unwrap()
}

fn record(payload: &[u8]) -> Record<'_> {
    Record {
        payload,
        key: None,
        // 2026-03-04T11:15:00Z, the time of the second example.
        append_time: Timestamp::from_millis(1_772_622_900_000),
        topic: 1,
        partition: 0,
        offset: 5,
    }
}

/// The flaw of the usual record with one field replaced.
fn with(name: &str, value: Value) -> (Result<ContextRecord, Flaw>, bool) {
    let mut message = schema()["examples"][0].clone();
    message[name] = value;
    let valid = jsonschema::is_valid(&schema(), &message);
    (decode_context(&record(message.to_string().as_bytes())), valid)
}

#[test]
fn the_schemas_examples_come_back_as_they_were() {
    for example in schema()["examples"].as_array().unwrap() {
        assert!(jsonschema::is_valid(&schema(), example));
        let context = decode_context(&record(example.to_string().as_bytes())).unwrap();
        let again = serde_json::to_string(&context).unwrap();
        assert_eq!(decode_context(&record(again.as_bytes())), Ok(context));
        assert!(jsonschema::is_valid(
            &schema(),
            &serde_json::from_str(&again).unwrap()
        ));
    }
}

#[test]
fn each_flaw_has_its_reason_and_the_schema_sees_it() {
    use serde_json::json;
    let cases = [
        ("patient_id", json!(null), "missing_field: patient_id"),
        ("patient_id", json!(7), "bad_patient_id: not a text"),
        ("patient_id", json!(""), "bad_patient_id"),
        ("ts", json!(null), "no_time: ts"),
        ("ts", json!("2026-03-01"), "bad_time: ts"),
        ("ts", json!(1), "bad_time: ts"),
        ("event", json!(null), "missing_field: event"),
        ("event", json!("born"), "bad_value: event"),
        ("name", json!(["Ada"]), "bad_value: name"),
        ("name", json!("x".repeat(129)), "bad_value: name"),
        ("ward", json!("4\u{7}W"), "bad_value: ward"),
        ("age", json!("71"), "bad_value: age"),
        ("age", json!(-1), "implausible: age"),
        ("age", json!(131), "implausible: age"),
        ("sex", json!("F"), "bad_value: sex"),
        ("spo2_scale", json!(3), "bad_value: spo2_scale"),
        ("on_oxygen", json!(1), "bad_value: on_oxygen"),
        ("pregnant", json!("yes"), "bad_value: pregnant"),
        ("visit", json!(7), "bad_value: visit"),
        ("visit", json!("v\u{7}"), "bad_value: visit"),
        ("writer", json!(["adt"]), "bad_value: writer"),
    ];
    for (name, value, expected) in cases {
        let (context, valid) = with(name, value.clone());
        assert_eq!(context.unwrap_err().to_string(), expected, "{name} {value}");
        assert!(!valid, "the schema allows {name} {value}");
    }
}

#[test]
fn what_is_unknown_is_ignored_and_what_is_null_or_empty_is_absent() {
    for (name, value) in [
        ("diet", Value::from("light")),
        ("bed", Value::Null),
        ("bed", "".into()),
    ] {
        let (context, valid) = with(name, value);
        let context = context.unwrap();
        assert_eq!((context.bed.is_none(), valid), (name == "bed", true));
    }
}

#[test]
fn what_is_no_record_has_its_reason() {
    let cases: [(&[u8], &str); 5] = [
        (b"[]", "not_an_object"),
        (b"{\"patient_id\":", "bad_json: ends too early"),
        (b"{\"ts\":1,\"ts\":1}", "bad_json: a field is given twice"),
        (b"\xff", "bad_utf8"),
        (b"", "missing_field: key of a tombstone"),
    ];
    for (payload, expected) in cases {
        assert_eq!(
            decode_context(&record(payload)).unwrap_err().to_string(),
            expected
        );
    }
}

#[test]
fn a_tombstone_withdraws_what_was_stated() {
    let tombstone = Record {
        key: Some(b"p-1"),
        ..record(b"")
    };
    let context = decode_context(&tombstone).unwrap();
    assert_eq!(
        (context.patient_id.as_str(), context.event),
        ("p-1", ContextEvent::Withdraw)
    );
    assert_eq!(context.ts, tombstone.append_time);
}

/// A discharge that is planned for tomorrow, or a clock that is off by years, would win over every record until then.
#[test]
fn what_is_dated_far_ahead_is_quarantined() {
    let dated = |ts: &str| {
        let payload = format!(r#"{{"patient_id":"p-1","ts":"{ts}","event":"discharge"}}"#);
        decode_context(&record(payload.as_bytes())).map_err(|flaw| flaw.reason)
    };
    assert!(dated("2026-03-04T11:20:00Z").is_ok());
    assert_eq!(dated("2026-03-04T11:20:00.000001Z"), Err(Reason::Future));
    assert_eq!(dated("2062-03-04T11:15:00Z"), Err(Reason::Future));
    assert!(
        dated("1970-01-01T00:00:00Z").is_ok(),
        "an old record is no harm: newer ones win"
    );
}

#[test]
fn the_key_is_the_patient() {
    let payload = schema()["examples"][1].to_string();
    let wrong = Record {
        key: Some(b"p-2"),
        ..record(payload.as_bytes())
    };
    assert_eq!(decode_context(&wrong), Err(Reason::KeyMismatch.into()));
}

#[test]
fn debug_hides_who_it_is() {
    let payload = schema()["examples"][0].to_string();
    let shown = format!("{:?}", decode_context(&record(payload.as_bytes())).unwrap());
    for secret in ["Ada", "0048151", "p-1017", "71", "V-2214"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
