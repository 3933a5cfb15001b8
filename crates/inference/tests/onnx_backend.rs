//! Operators that clinical networks are made of, against the ONNX project's own test vectors.
//!
//! These graphs have shapes of their own and no contract, so they run in tract directly: what is tested is
//! that the engine below this crate computes what the standard says.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use tract_onnx::data_resolver::MmapDataResolver;
use tract_onnx::prelude::*;
use tract_onnx::tensor::{load_tensor, proto_from_reader};

/// Tolerance of the ONNX backend suite for float32.
const ABSOLUTE: f64 = 1e-7;
const RELATIVE: f64 = 1e-3;

fn tensor(path: &Path) -> Option<Tensor> {
    let proto = proto_from_reader(fs::File::open(path).ok()?).unwrap();
    Some(load_tensor(&MmapDataResolver, &proto, None).unwrap())
}

#[track_caller]
fn check(name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/onnx-backend")
        .join(name);
    let data = folder.join("test_data_set_0");
    let inputs: TVec<TValue> = (0..)
        .map_while(|i| tensor(&data.join(format!("input_{i}.pb"))))
        .map(Into::into)
        .collect();
    let mut bytes = fs::File::open(folder.join("model.onnx")).unwrap();
    let plan = onnx()
        .model_for_read(&mut bytes)
        .unwrap()
        .into_optimized()
        .unwrap()
        .into_runnable()
        .unwrap();
    let outputs = plan.run(inputs).unwrap();
    assert!(!outputs.is_empty());
    for (i, output) in outputs.iter().enumerate() {
        let expected = tensor(&data.join(format!("output_{i}.pb"))).unwrap();
        assert_eq!(output.shape(), expected.shape());
        let (got, expected) = (
            output.cast_to::<f64>().unwrap(),
            expected.cast_to::<f64>().unwrap(),
        );
        let (got, expected) = (
            got.try_as_plain_ram().unwrap(),
            expected.try_as_plain_ram().unwrap(),
        );
        for (got, expected) in got
            .as_slice::<f64>()
            .unwrap()
            .iter()
            .zip(expected.as_slice::<f64>().unwrap())
        {
            assert!(
                (got - expected).abs() <= ABSOLUTE + RELATIVE * expected.abs(),
                "{name}: {got} for {expected}"
            );
        }
    }
}

#[test]
fn dense_layers() {
    [
        "gemm_all_attributes",
        "gemm_default_vector_bias",
        "gemm_transposeB",
        "Linear",
    ]
    .into_iter()
    .for_each(check);
}

#[test]
fn activations() {
    ["sigmoid_example", "softmax_axis_1"].into_iter().for_each(check);
}

#[test]
fn missing_values_inside_a_graph() {
    ["where_example", "isnan"].into_iter().for_each(check);
}

#[test]
fn networks_over_time() {
    ["gru_defaults", "Conv1d"].into_iter().for_each(check);
}
