//! Which inputs moved one patient's score, and by how much.
//!
//! *Occlusion on the logit scale*: for each present input the row is scored again with that input at its
//! *reference*, the patient's own baseline or, where there is none, the cohort mean. The contribution is what
//! the logit loses by it:
//!
//! ```text
//! contribution(i) = logit(score(row)) − logit(score(row with input i at its reference))
//! ```
//!
//! Positive raised the score. Logits, because probabilities near 0 or 1 hide what moved them. The input stays
//! *present*: what is explained is its value, not that it was measured. A missing input has no contribution.
//! For a linear model the contributions add up to the difference from the reference; for others they need
//! not, and nothing claims that they do.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::encode::{Encoder, Standing};
use crate::recorded::exact;

/// Probabilities are kept this far from 0 and 1 before their logit is taken: f32 rounds further ones to
/// exactly 0 and 1.
const NEAREST_TO_CERTAIN: f64 = 1e-6;

/// What one input contributed to a score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Attribution {
    /// Index of the input in the contract.
    pub input: u16,
    /// What the input added to the logit of the score, compared with `reference`; at most ±27.7.
    #[serde(with = "exact")]
    pub contribution: f64,
    /// The value that the input was compared with, in the input's unit.
    #[serde(with = "exact")]
    pub reference: f64,
    /// Where `reference` comes from.
    pub against: Reference,
}

/// What an input is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    /// The patient's own baseline.
    Baseline,
    /// The mean of the training cohort, for want of a baseline within the input's range.
    CohortMean,
}

/// The attributions to compute for `row`, contributions still zero; appends to `tensor`, which holds the
/// encoded row, one row for each.
pub(crate) fn occlude(
    encoder: &Encoder,
    row: &[f64],
    baseline: &[f64],
    tensor: &mut Vec<f32>,
) -> Vec<Attribution> {
    let width = tensor.len();
    let present = (0..row.len()).filter(|&index| encoder.standing(index, row[index]) == Standing::Present);
    present
        .map(|index| {
            let (reference, against) = match encoder.standing(index, baseline[index]) {
                Standing::Present => (baseline[index], Reference::Baseline),
                Standing::Missing | Standing::OutOfRange => {
                    (encoder.cohort_mean(index), Reference::CohortMean)
                }
            };
            let start = tensor.len();
            tensor.extend_from_within(..width);
            tensor[start + index] = reference as f32;
            Attribution {
                input: index as u16,
                contribution: 0.0,
                reference,
                against,
            }
        })
        .collect()
}

/// Fills in the contributions from the score of the row and those of its occluded copies, and sorts them:
/// largest first, whatever the sign; equal ones in the contract's order.
pub(crate) fn settle(attributions: &mut [Attribution], score: f64, occluded: &[f64]) {
    for (attribution, &without) in attributions.iter_mut().zip(occluded) {
        attribution.contribution = logit(score) - logit(without);
    }
    attributions.sort_by(by_weight);
}

fn by_weight(a: &Attribution, b: &Attribution) -> Ordering {
    b.contribution
        .abs()
        .total_cmp(&a.contribution.abs())
        .then(a.input.cmp(&b.input))
}

fn logit(probability: f64) -> f64 {
    let kept = probability.clamp(NEAREST_TO_CERTAIN, 1.0 - NEAREST_TO_CERTAIN);
    (kept / (1.0 - kept)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logit_is_finite_even_for_certainty() {
        assert_eq!(logit(0.5), 0.0);
        assert!((logit(0.75) - 3_f64.ln()).abs() < 1e-12);
        assert!((logit(1.0) - 13.8155).abs() < 1e-3 && (logit(0.0) + 13.8155).abs() < 1e-3);
    }

    #[test]
    fn the_largest_comes_first_and_ties_keep_the_order_of_the_contract() {
        let one = |input| Attribution {
            input,
            contribution: 0.0,
            reference: 0.0,
            against: Reference::CohortMean,
        };
        let mut attributions = [one(0), one(1), one(2), one(3)];
        settle(&mut attributions, 0.5, &[0.5, 0.25, 0.9, 0.25]);
        assert_eq!(attributions.map(|a| a.input), [2, 1, 3, 0]);
        assert!(attributions[0].contribution < 0.0 && attributions[1].contribution > 0.0);
    }
}
