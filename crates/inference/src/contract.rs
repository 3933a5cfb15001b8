//! `model.yaml`: what a model reads, what it gives and how it was made.
//!
//! Unknown fields are refused, so that a misspelt policy is an error and not a default. Whatever the types
//! cannot say is checked in `check`, once, when the contract is parsed: a [`Contract`] that exists keeps its
//! rules.

mod check;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::ModelError;

/// A model's contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// The model's name: `[a-z][a-z0-9_-]*`, at most 64 characters. Pipelines say `name@version`.
    pub model: String,
    /// The model's version, from 1. Another network or another policy is another version.
    pub version: u32,
    /// The ONNX file, beside the contract.
    pub file: String,
    /// The sha256 of the ONNX file, 64 hexadecimal digits in lower case.
    pub sha256: String,
    /// What the probability is a probability of, in words for a nurse: "in-hospital death, from the data up
    /// to the time of scoring".
    pub predicts: String,
    /// The inputs, in the order of the network's tensor; 1 to 1,024.
    pub inputs: Vec<Input>,
    /// What happens when inputs are missing.
    pub missing: MissingPolicy,
    /// What the network gives.
    pub output: Output,
    /// How well the probability is calibrated. The network itself gives calibrated probabilities; these are
    /// figures for the reader.
    pub calibration: Calibration,
    /// How the model was made, so that it can be made again.
    pub training: Training,
    /// The golden rows, a CSV file beside the contract: a header of the inputs' names in order, then
    /// `expected`; at least ten rows; an empty cell is a missing value.
    pub golden: String,
    /// How far a golden row's score may lie from `expected`, absolute; above 0, at most 0.001.
    pub tolerance: f64,
}

/// One input of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The feature's name as a pipeline's SQL gives it: `[a-z][a-z0-9_]*`, at most 64 characters, unique in
    /// the contract.
    pub name: String,
    /// The unit in UCUM; `"1"` for a number without one.
    pub unit: String,
    /// Smallest and largest value that the model was trained to read, both included. A value outside counts
    /// as missing, and is counted: it is not clamped, since a clamped artefact would look like a real
    /// extreme.
    pub range: [f64; 2],
    /// Mean over the training cohort, within `range`. Stands in the tensor for a missing value, and for a
    /// patient's baseline while there is none.
    pub cohort_mean: f64,
    /// Whether the model must not speak without this input. A count of 0 is as good as none.
    #[serde(default)]
    pub required: bool,
    /// What it says of the patient, and so when it is evidence that something was measured.
    #[serde(default)]
    pub kind: InputKind,
}

/// When an input is evidence that something was measured. Whatever its kind, the network is given its value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    /// A value of a vital sign, or computed from such: when it is there.
    #[default]
    Measurement,
    /// How often something was measured: when it is above 0.
    Count,
    /// Age, sex and the like: never, since it is there before anything is measured.
    Context,
}

/// What happens when inputs are missing.
///
/// The network takes one tensor f32\[N, F\]: the F inputs, a missing one replaced by its cohort mean. With
/// `presence` it is f32\[N, 2F\]: the F values, then F flags, 1 for present and 0 for missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MissingPolicy {
    /// Whether the network also takes a flag for each input that says whether it is present.
    pub presence: bool,
    /// With fewer inputs that are evidence of a measurement ([`InputKind`]) there is no score; 1 to the number of inputs that
    /// can be.
    pub require_at_least: u16,
}

/// What the network gives: one number a row, f32\[N\] or f32\[N, 1\].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// The name of the network's only output.
    pub name: String,
    /// What the number means.
    pub kind: OutputKind,
}

/// What a model's number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputKind {
    /// A calibrated probability, 0 to 1.
    Probability,
}

/// How well the probabilities agree with what happened, as measured in training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// How the network was calibrated: `platt on held-out folds`, `none`.
    pub method: String,
    /// Slope of the outcome's logit over the predicted logit; 1 is perfect.
    pub slope: f64,
    /// Intercept of the same line; 0 is perfect.
    pub intercept: f64,
    /// The rows that both were measured on.
    pub on: String,
}

/// How a model was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// The data sets, each with its version.
    pub data: Vec<String>,
    /// The licence of the data.
    pub licence: String,
    /// The script that made the files of this folder.
    pub script: String,
    /// The seed that it was run with.
    pub seed: u64,
}

// === impl Contract ===

impl Contract {
    /// Parses and checks the text of a contract; `path` is only named in errors.
    ///
    /// # Errors
    /// [`ModelError::Contract`] with the line when the text has another shape, [`ModelError::Field`] when a
    /// value makes no sense.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ModelError> {
        let contract: Self = serde_saphyr::from_str(text).map_err(|source| ModelError::Contract {
            path: path.into(),
            source: Box::new(source),
        })?;
        check::check(path, &contract)?;
        Ok(contract)
    }

    /// Values in one row of the network's tensor: one an input, two with `presence`.
    #[must_use]
    pub fn tensor_width(&self) -> usize {
        self.inputs.len() * if self.missing.presence { 2 } else { 1 }
    }
}
