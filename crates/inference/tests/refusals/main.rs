//! Every way in which a model can be wrong is found when it is loaded, as an error that names the file: never
//! a panic, never a score.

#![allow(clippy::unwrap_used)]

mod copy;

use std::error::Error;
use std::fs;

use copy::{Copy, fixtures};
use wardwatch_inference::ModelError;

/// Loads, and expects an error whose message names all of `words`.
#[track_caller]
fn refusal(copy: &Copy, words: &[&str]) -> ModelError {
    let error = copy.load().expect_err("the model is wrong");
    let message = error.to_string();
    for word in words {
        assert!(message.contains(word), "`{word}` is not in: {message}");
    }
    error
}

#[test]
fn the_fixtures_themselves_are_accepted() {
    for name in ["network", "logistic", "sequence", "lookup"] {
        Copy::of(name).load().unwrap();
    }
}

#[test]
fn one_flipped_bit_of_the_network_is_found() {
    let copy = Copy::of("network");
    let mut bytes = fs::read(copy.path("network.onnx")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(copy.path("network.onnx"), bytes).unwrap();
    let error = refusal(&copy, &["network.onnx", "sha256", "restore"]);
    assert!(matches!(error, ModelError::Digest { .. }));
}

#[test]
fn a_changed_golden_row_is_found_by_its_line() {
    let copy = Copy::of("logistic").edit("golden.csv", "0.0691383779", "0.0691603779");
    let error = refusal(&copy, &["golden.csv", "line 4", "0.0691603779"]);
    assert!(matches!(error, ModelError::Golden { line: 4, .. }));
}

#[test]
fn a_golden_row_without_a_score_is_refused() {
    let copy = Copy::of("network").edit("golden.csv", "\n84.22,", "\n,");
    refusal(&copy, &["golden.csv", "line 2", "no score", "required input 0"]);
}

#[test]
fn a_weight_changed_with_a_new_digest_is_still_found() {
    let copy = Copy::of("logistic");
    let mut bytes = fs::read(copy.path("logistic.onnx")).unwrap();
    let half = 0.5_f32.to_le_bytes();
    let at = bytes.windows(4).position(|window| window == half).unwrap();
    bytes[at..at + 4].copy_from_slice(&0.51_f32.to_le_bytes());
    assert!(matches!(
        refusal(&copy.with_network(&bytes), &["golden.csv"]),
        ModelError::Golden { .. }
    ));
}

#[test]
fn a_missing_file_is_named() {
    for file in ["model.yaml", "network.onnx", "golden.csv"] {
        let copy = Copy::of("network");
        fs::remove_file(copy.path(file)).unwrap();
        assert!(matches!(refusal(&copy, &[file]), ModelError::Read { .. }));
    }
}

#[test]
fn an_unknown_field_is_shown_with_its_line() {
    let copy = Copy::of("network").edit("model.yaml", "presence: true,", "presense: true,");
    let error = refusal(&copy, &["model.yaml"]);
    let source = error.source().unwrap().to_string();
    assert!(
        source.contains("line 13") && source.contains("presense"),
        "{source}"
    );
}

#[test]
fn a_folder_of_another_name_or_version_is_refused() {
    let copy = Copy::of("network").edit("model.yaml", "version: 1", "version: 2");
    assert!(matches!(
        refusal(&copy, &["network/2"]),
        ModelError::Misplaced { .. }
    ));
}

#[test]
fn a_corrupt_network_is_an_error_and_no_panic() {
    let whole = fs::read(fixtures().join("network/1/network.onnx")).unwrap();
    let mut scrambled = whole.clone();
    scrambled
        .iter_mut()
        .skip(3)
        .step_by(7)
        .for_each(|byte| *byte = byte.wrapping_add(91));
    for bytes in [
        b"".as_slice(),
        b"not an ONNX file at all",
        &whole[..whole.len() / 2],
        &scrambled,
    ] {
        refusal(&Copy::of("network").with_network(bytes), &["network.onnx"]);
    }
}

#[test]
fn a_graph_on_which_tract_panics_is_an_error() {
    let error = refusal(
        &Copy::of("logistic").with_graph("dangling_output"),
        &["logistic.onnx", "onnx.checker"],
    );
    assert!(error.source().unwrap().to_string().contains("panic"), "{error:?}");
}

#[test]
fn a_network_that_disagrees_with_its_contract_is_refused() {
    for (graph, part, got) in [
        ("wide", "input", "4"),
        ("fixed_batch", "input", "1"),
        ("double", "input", "f64"),
        ("two_columns", "output", "2"),
        ("two_outputs", "output", "2"),
        ("other_name", "output", "score"),
    ] {
        let error = refusal(
            &Copy::of("logistic").with_graph(graph),
            &["logistic.onnx", part, got],
        );
        assert!(matches!(error, ModelError::Shape { .. }), "{graph}: {error:?}");
    }
    // With presence flags the tensor is twice as wide.
    let copy = Copy::of("logistic").edit("model.yaml", "presence: false", "presence: true");
    assert!(matches!(
        refusal(&copy, &["input", "6"]),
        ModelError::Shape { .. }
    ));
}

#[test]
fn operators_that_cannot_or_must_not_run_are_named() {
    let error = refusal(
        &Copy::of("logistic").with_graph("trees"),
        &["TreeEnsembleRegressor", "400 times", "network"],
    );
    assert!(matches!(error, ModelError::Trees { .. }));
    let error = refusal(&Copy::of("logistic").with_graph("random"), &["RandomUniformLike"]);
    assert!(matches!(error, ModelError::Random { .. }));
    let error = refusal(
        &Copy::of("logistic").with_graph("unknown_operator"),
        &["Divination"],
    );
    assert!(matches!(error, ModelError::Operator { .. }));
}

#[test]
fn a_network_that_mixes_the_rows_of_a_batch_is_refused() {
    // Alone, a softmax over the batch is always 1: golden rows that say so are met, row by row.
    let copy = Copy::of("logistic").with_graph("mixes_rows");
    let golden = fs::read_to_string(copy.path("golden.csv")).unwrap();
    let ones = golden
        .lines()
        .enumerate()
        .map(|(number, line)| match line.rsplit_once(',') {
            Some((inputs, _)) if number > 0 => format!("{inputs},1.0\n"),
            _ => format!("{line}\n"),
        });
    fs::write(copy.path("golden.csv"), ones.collect::<String>()).unwrap();
    assert!(matches!(
        refusal(&copy, &["mixes patients"]),
        ModelError::MixesRows { line: 2, .. }
    ));
}

#[test]
fn numbers_that_are_no_probability_never_get_out() {
    refusal(
        &Copy::of("logistic").with_graph("not_a_number"),
        &["no score", "finite"],
    );
    refusal(
        &Copy::of("logistic").with_graph("not_a_probability"),
        &["no score", "no probability"],
    );
}
