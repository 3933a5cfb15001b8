//! One change to a good contract, one refusal that names the field.

use std::path::Path;

use crate::{Contract, ModelError};

const GOOD: &str = include_str!("../../../tests/fixtures/network/1/model.yaml");

fn parse(text: &str) -> Result<Contract, ModelError> {
    Contract::parse(Path::new("network/1/model.yaml"), text)
}

/// Replaces `from` by `to` in the good contract; the change must take hold, or the test would prove nothing.
fn changed(from: &str, to: &str) -> ModelError {
    let text = GOOD.replacen(from, to, 1);
    assert_ne!(text, GOOD, "`{from}` is not in the contract");
    parse(&text).unwrap_err()
}

#[track_caller]
fn check_field(from: &str, to: &str, named: &str) {
    match changed(from, to) {
        ModelError::Field { ref field, .. } => assert_eq!(field, named),
        other => panic!("{from} to {to}: {other:?}"),
    }
}

#[test]
fn a_good_contract_is_read_as_written() {
    let contract = parse(GOOD).unwrap();
    assert_eq!((contract.model.as_str(), contract.version), ("network", 1));
    assert_eq!(contract.inputs.len(), 6);
    assert_eq!(contract.tensor_width(), 12);
    assert!(contract.inputs[0].required && !contract.inputs[1].required);
    assert_eq!(contract.inputs[3].unit, "mm[Hg]");
}

#[test]
fn values_that_make_no_sense_are_refused_by_name() {
    for (from, to, field) in [
        ("model: network", "model: Net work", "model"),
        ("version: 1", "version: 0", "version"),
        ("file: network.onnx", "file: ../network.onnx", "file"),
        ("golden: golden.csv", "golden: /golden.csv", "golden"),
        ("sha256: ", "sha256: A", "sha256"),
        (
            "predicts: nothing, the weights are random",
            "predicts: ' '",
            "predicts",
        ),
        ("name: heart_rate_mean", "name: heart-rate", "inputs[0].name"),
        ("name: spo2_min", "name: heart_rate_mean", "inputs[1].name"),
        ("unit: \"/min\"", "unit: \"\"", "inputs[0].unit"),
        ("range: [0, 300]", "range: [300, 0]", "inputs[0].range"),
        ("range: [0, 300]", "range: [0, 1e39]", "inputs[0].range"),
        ("range: [0, 300]", "range: [.nan, 300]", "inputs[0].range"),
        ("cohort_mean: 86.2", "cohort_mean: 301", "inputs[0].cohort_mean"),
        (
            "require_at_least: 3",
            "require_at_least: 0",
            "missing.require_at_least",
        ),
        (
            "require_at_least: 3",
            "require_at_least: 7",
            "missing.require_at_least",
        ),
        // Six inputs, of which one can be no evidence.
        (
            "range: [16, 120], cohort_mean: 64.3, required: false }
missing: { presence: true, require_at_least: 3 }",
            "range: [16, 120], cohort_mean: 64.3, kind: context }
missing: { presence: true, require_at_least: 6 }",
            "missing.require_at_least",
        ),
        ("slope: 1.0", "slope: .nan", "calibration.slope"),
        ("data: [none]", "data: []", "training.data"),
        ("tolerance: 1.0e-5", "tolerance: 0", "tolerance"),
        ("tolerance: 1.0e-5", "tolerance: 0.01", "tolerance"),
    ] {
        check_field(from, to, field);
    }
}

#[test]
fn shapes_that_differ_are_refused_with_their_line() {
    for (from, to, line) in [
        ("require_at_least: 3", "require_atleast: 3", 13),
        ("version: 1", "version: 1\nversion: 2", 3),
        ("kind: probability", "kind: logit", 14),
        ("tolerance: 1.0e-5", "tolerance: 1.0e-5\nextra: 1", 19),
        ("range: [0, 300]", "range: [0, 300, 1]", 7),
    ] {
        match changed(from, to) {
            ModelError::Contract { source, .. } => {
                assert_eq!(
                    source.location().map(|place| place.line()),
                    Some(line),
                    "{source}"
                );
            }
            other => panic!("{from} to {to}: {other:?}"),
        }
    }
}

#[test]
fn a_contract_survives_writing_and_reading() {
    let contract = parse(GOOD).unwrap();
    assert_eq!(
        parse(&serde_saphyr::to_string(&contract).unwrap()).unwrap(),
        contract
    );
}
