//! `schemas/observation.schema.json` says what the decoder does.

use serde_json::Value;
use wardwatch_clinical::VitalSign;

use super::reasons::{Schema, bad_messages};
use super::*;
use crate::status;

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../../../schemas/observation.schema.json")).unwrap()
}

#[test]
fn names_and_units_are_those_of_the_registry() {
    let schema = schema();
    let listed = schema["$defs"]["vital_sign"]["oneOf"].as_array().unwrap();
    assert_eq!(listed.len(), VitalSign::COUNT);
    for (vital, listed) in VitalSign::ALL.into_iter().zip(listed) {
        assert_eq!(listed["const"], vital.name());
        assert!(
            listed["description"]
                .as_str()
                .unwrap()
                .ends_with(&format!(". Unit: {}", vital.unit())),
            "{vital}"
        );
    }
    let statuses = schema["$defs"]["status"]["enum"].as_array().unwrap();
    let statuses: Vec<_> = statuses.iter().filter_map(Value::as_str).collect();
    let known = [
        &status::COUNTS[..],
        &status::CORRECTS,
        &status::WITHDRAWS,
        &status::ABSENT,
    ]
    .concat();
    assert_eq!(statuses, known);
}

#[test]
fn every_code_of_the_registry_is_allowed() {
    let schema = schema();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let message = |code: Value| serde_json::json!({"patient_id": "p", "ts": "2026-03-01T09:30:00Z", "code": code, "value": 1});
    for vital in VitalSign::ALL {
        let info = vital.info();
        let numbers = info
            .mdc
            .iter()
            .flat_map(|mdc| [Value::from(mdc.number), mdc.number.to_string().into()]);
        let names = info
            .mdc
            .iter()
            .flat_map(|mdc| mdc.names())
            .chain(info.loinc.iter().copied())
            .map(Value::from);
        for code in numbers.chain(names).chain([info.name.into()]) {
            assert!(validator.is_valid(&message(code.clone())), "{code}");
        }
    }
}

#[test]
fn its_examples_decode_without_a_flaw() {
    let schema = schema();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let examples = schema["examples"].as_array().unwrap();
    for example in examples {
        assert!(validator.is_valid(example), "{example}");
        let decoded = decoded(&[example.to_string()]);
        assert_eq!(decoded.quarantined, []);
        assert_eq!(
            decoded.observations.readings_len(),
            example["observations"].as_array().map_or(1, Vec::len)
        );
    }
    assert_eq!(
        decoded(&[examples[1].to_string()]).observations.values(),
        [72.0, 97.0, 37.0, 0.0]
    );
}

#[test]
fn it_refuses_what_it_can_see() {
    let schema = schema();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (payload, _, expected) in bad_messages() {
        let valid = validator.is_valid(&serde_json::from_str(&payload).unwrap());
        assert_eq!(
            if valid { Schema::Allows } else { Schema::Refuses },
            expected,
            "{payload}"
        );
    }
}

proptest! {
    #[test]
    fn what_it_refuses_is_quarantined(messages in proptest::collection::vec(generate::message(), 20)) {
        let schema = schema();
        let validator = jsonschema::validator_for(&schema).unwrap();
        for message in messages {
            let Ok(instance) = serde_json::from_str::<Value>(&message) else { continue };
            let accepted = decoded(&[&message]).quarantined.is_empty();
            prop_assert!(!accepted || validator.is_valid(&instance), "accepted, but not valid: {message}");
        }
    }
}
