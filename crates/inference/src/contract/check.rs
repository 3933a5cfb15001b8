//! The rules of a contract that its types cannot say.

use std::collections::HashSet;
use std::path::Path;

use super::{Calibration, Contract, Input, InputKind};
use crate::ModelError;

/// Most inputs of a model. Far above any model of vital signs; it bounds a tensor row and fits the `u16` of a
/// reason.
const INPUTS: usize = 1_024;
/// Most characters of a name.
const NAME_CHARACTERS: usize = 64;
/// Loosest agreement with golden rows that is still agreement.
const LOOSEST_TOLERANCE: f64 = 1e-3;

/// One rule: whether it holds, the field that it is about, what that field must be.
type Rule = (bool, &'static str, &'static str);

/// Refuses `contract` by the first rule that it breaks.
pub(super) fn check(path: &Path, contract: &Contract) -> Result<(), ModelError> {
    let refuse = |(field, problem)| {
        Err(ModelError::Field {
            path: path.into(),
            field,
            problem,
        })
    };
    let broken = broken(&rules(contract)).map(|(field, must)| (field.into(), must.into()));
    broken
        .or_else(|| inputs_problem(&contract.inputs))
        .map_or(Ok(()), refuse)
}

fn broken(rules: &[Rule]) -> Option<(&'static str, &'static str)> {
    rules
        .iter()
        .find(|(holds, ..)| !holds)
        .map(|&(_, field, must)| (field, must))
}

fn rules(contract: &Contract) -> [Rule; 12] {
    let needed = usize::from(contract.missing.require_at_least);
    let inputs = contract.inputs.iter();
    let evidence = inputs.filter(|input| input.kind != InputKind::Context);
    let enough = (1..=evidence.count()).contains(&needed);
    let close = contract.tolerance > 0.0 && contract.tolerance <= LOOSEST_TOLERANCE;
    let Calibration { slope, intercept, .. } = contract.calibration;
    let beside = "must be the name of a file beside the contract";
    [
        (
            is_name(&contract.model, true),
            "model",
            "must be a name like `deterioration`: [a-z][a-z0-9_-]*",
        ),
        (contract.version > 0, "version", "must be 1 or more"),
        (is_file(&contract.file), "file", beside),
        (
            is_sha256(&contract.sha256),
            "sha256",
            "must be 64 hexadecimal digits in lower case",
        ),
        (
            is_text(&contract.predicts),
            "predicts",
            "must say what the probability is of",
        ),
        (
            enough,
            "missing.require_at_least",
            "must be from 1 to the number of inputs that are not of kind context",
        ),
        (
            is_text(&contract.output.name),
            "output.name",
            "must name the output of the network",
        ),
        (slope.is_finite(), "calibration.slope", "must be a number"),
        (intercept.is_finite(), "calibration.intercept", "must be a number"),
        (
            !contract.training.data.is_empty(),
            "training.data",
            "must name at least one data set",
        ),
        (is_file(&contract.golden), "golden", beside),
        (close, "tolerance", "must be above 0 and at most 0.001"),
    ]
}

fn inputs_problem(inputs: &[Input]) -> Option<(String, String)> {
    if !(1..=INPUTS).contains(&inputs.len()) {
        return Some((
            "inputs".into(),
            format!("are {}, must be from 1 to {INPUTS}", inputs.len()),
        ));
    }
    let mut seen = HashSet::new();
    inputs.iter().enumerate().find_map(|(index, input)| {
        let (field, must) = broken(&input_rules(input, seen.insert(&input.name)))?;
        Some((
            format!("inputs[{index}].{field}"),
            format!("(`{}`) {must}", input.name),
        ))
    })
}

fn input_rules(input: &Input, is_new: bool) -> [Rule; 5] {
    let [low, high] = input.range;
    // The network reads f32: a bound beyond it would let infinity in (`MODEL-1`). NaN fails every comparison.
    let range = is_f32(low) && is_f32(high) && low < high;
    let mean = (low..=high).contains(&input.cohort_mean);
    [
        (
            is_name(&input.name, false),
            "name",
            "must be a name like `heart_rate_mean`: [a-z][a-z0-9_]*",
        ),
        (is_new, "name", "is used twice, must be unique"),
        (
            is_text(&input.unit),
            "unit",
            "must be a UCUM unit, \"1\" for a number without one",
        ),
        (range, "range", "must be [smallest, largest], finite"),
        (mean, "cohort_mean", "must lie within the range"),
    ]
}

fn is_name(text: &str, hyphens: bool) -> bool {
    let rest = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || (hyphens && c == '-');
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(rest)
        && text.len() <= NAME_CHARACTERS
}

/// One path component, so that a contract never reaches outside of its folder.
fn is_file(text: &str) -> bool {
    is_text(text) && !text.contains(['/', '\\']) && !text.starts_with('.')
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn is_text(text: &str) -> bool {
    !text.trim().is_empty()
}

fn is_f32(value: f64) -> bool {
    value.abs() <= f64::from(f32::MAX)
}

#[cfg(test)]
mod tests;
