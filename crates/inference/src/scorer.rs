//! The engine's way to its models.
//!
//! What a model computes may differ in its last bits from one machine to the next, so recovery never asks a
//! model again: it puts the journaled outputs behind this trait. Everything that crosses it can therefore be
//! written to a journal.

use crate::{Attribution, Model, Rows, Unavailable};

/// So many inputs are told of, at most: those that moved a score most.
const MOST_TOLD: usize = 5;

/// Scores rows by models that it knows by index: their order in the pipeline.
pub trait Scorer {
    /// Scores `rows` by model `model`. Clears `out`, then pushes one result a row, in the order of `rows`.
    ///
    /// # Panics
    /// If there is no such model, or the rows have another width than its inputs: a pipeline binds both when
    /// it is planned.
    fn score(&mut self, model: usize, rows: Rows<'_>, out: &mut Vec<Result<f64, Unavailable>>);

    /// What the five present inputs of `row` that moved it most contributed to its score by model `model`, largest first;
    /// see [`Model::attribute`].
    ///
    /// # Errors
    /// The reason why there is no score to explain.
    ///
    /// # Panics
    /// As [`Scorer::score`].
    fn attribute(
        &mut self,
        model: usize,
        row: &[f64],
        baseline: &[f64],
    ) -> Result<Vec<Attribution>, Unavailable>;
}

/// The models of a pipeline, in its order. A clone shares the networks and has buffers of its own: one a
/// shard.
#[derive(Debug, Clone, Default)]
pub struct Models {
    models: Vec<Model>,
}

// === impl Models ===

impl Models {
    /// The models that a pipeline names, in its order.
    #[must_use]
    pub fn new(models: Vec<Model>) -> Self {
        Self { models }
    }

    /// The models, by index.
    #[must_use]
    pub fn as_slice(&self) -> &[Model] {
        &self.models
    }
}

impl Scorer for Models {
    fn score(&mut self, model: usize, rows: Rows<'_>, out: &mut Vec<Result<f64, Unavailable>>) {
        self.models[model].score(rows, out);
    }

    fn attribute(
        &mut self,
        model: usize,
        row: &[f64],
        baseline: &[f64],
    ) -> Result<Vec<Attribution>, Unavailable> {
        let mut attributions = self.models[model].attribute(row, baseline)?;
        attributions.truncate(MOST_TOLD);
        Ok(attributions)
    }
}
