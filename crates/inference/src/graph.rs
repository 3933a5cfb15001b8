//! The ONNX network in tract.
//!
//! A network is compiled once for each of a few fixed batch sizes, its *lanes*, since recurrent networks do
//! not compile for an open one. Any number of rows is cut to fit; the last cut is filled up by repeating its
//! last row, whose extra results are dropped. This is sound because rows do not see each other (`MODEL-3`,
//! checked for every lane when a model is loaded).
//!
//! Nothing is kept from one run to the next but the input's memory, so a run that fails or panics cannot
//! spoil a later one.

mod guard;
mod onnx;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use tract_onnx::prelude::{TValue, Tensor, TractResult, TypedSimplePlan, tvec};

use crate::ModelError;
use guard::guarded;

/// Rows of each lane, smallest first. A lane of 1,024 was measured to gain little for a dense network and to
/// slow a recurrent one.
pub(crate) const LANES: [usize; 3] = [1, 16, 128];
/// Rows from which each lane is used, though it may not be full: a run costs about as much as sixteen of its
/// rows, so fewer rows are cheaper in several runs of the lane before.
const FROM: [usize; 3] = [1, 2, 72];

/// A network, ready to run. A clone shares the compiled plans.
#[derive(Clone)]
pub(crate) struct Graph {
    width: usize,
    lanes: Vec<Lane>,
}

/// A network compiled for one batch size.
#[derive(Clone)]
struct Lane {
    rows: usize,
    plan: Arc<TypedSimplePlan>,
    /// The input's memory. tract lets go of it when a run ends, so it is written in place.
    input: Arc<Tensor>,
}

// === impl Graph ===

impl Graph {
    /// Compiles the ONNX file `bytes` for every lane. `path` is only named in errors.
    ///
    /// # Errors
    /// [`ModelError::Trees`], [`ModelError::Random`], [`ModelError::Operator`], [`ModelError::Shape`] when
    /// the network must not or cannot be run as the contract asks; [`ModelError::Graph`] for whatever else
    /// tract says, panics included.
    pub(crate) fn load(path: &Path, bytes: &[u8], width: usize, output: &str) -> Result<Self, ModelError> {
        let network = onnx::Network::read(path, bytes)?;
        network.check_operators()?;
        network.check_input(width)?;
        network.check_output_name(output)?;
        let lane = |&rows: &usize| {
            let plan = network.compile(rows, width)?;
            let input = Tensor::zero::<f32>(&[rows, width]).map_err(|source| ModelError::Graph {
                path: path.into(),
                source: source.into(),
            })?;
            Ok(Lane {
                rows,
                plan,
                input: Arc::new(input),
            })
        };
        Ok(Self {
            width,
            lanes: LANES.iter().map(lane).collect::<Result<_, ModelError>>()?,
        })
    }

    /// Runs the network on whole rows of `width` values. Clears `out`, then pushes one number a row, or none
    /// where the network failed.
    pub(crate) fn run(&mut self, tensor: &[f32], out: &mut Vec<Option<f32>>) {
        out.clear();
        let mut rest = tensor;
        while !rest.is_empty() {
            let left = rest.len() / self.width;
            let lane = &mut self.lanes[lane_for(left)];
            let (now, later) = rest.split_at(lane.rows.min(left) * self.width);
            if lane.run(now, self.width, out).is_err() {
                self.run_apart(now, out);
            }
            rest = later;
        }
    }

    /// Runs rows one by one after their batch failed: one patient's row must not cost the others their
    /// scores.
    fn run_apart(&mut self, rows: &[f32], out: &mut Vec<Option<f32>>) {
        for row in rows.chunks_exact(self.width) {
            if self.lanes[0].run(row, self.width, out).is_err() {
                out.push(None);
            }
        }
    }
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph")
            .field("width", &self.width)
            .field("lanes", &LANES)
            .finish_non_exhaustive()
    }
}

// === impl Lane ===

impl Lane {
    /// Appends one number for each of `rows`, at most as many as the lane has; appends nothing when the run
    /// fails. The cause is dropped: tract's messages quote tensors, which hold patient data.
    fn run(&mut self, rows: &[f32], width: usize, out: &mut Vec<Option<f32>>) -> Result<(), ()> {
        let count = rows.len() / width;
        let numbers = guarded(|| {
            let input = Arc::make_mut(&mut self.input);
            fill(input.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?, rows, width);
            self.plan.run(tvec!(TValue::from_const(Arc::clone(&self.input))))
        });
        let numbers = numbers.map_err(drop)?;
        let numbers = numbers_of(&numbers[0]).map_err(drop)?;
        out.extend(numbers[..count].iter().copied().map(Some));
        Ok(())
    }
}

/// Copies `rows` into `input` and repeats the last of them to its end: a row that is known to be sound.
fn fill(input: &mut [f32], rows: &[f32], width: usize) {
    let (used, spare) = input.split_at_mut(rows.len());
    used.copy_from_slice(rows);
    let last = &rows[rows.len() - width..];
    spare
        .chunks_exact_mut(width)
        .for_each(|row| row.copy_from_slice(last));
}

fn numbers_of(output: &Tensor) -> TractResult<&[f32]> {
    output.try_as_plain_ram()?.as_slice::<f32>()
}

/// The lane for the next cut when `left` rows are left.
fn lane_for(left: usize) -> usize {
    FROM.iter().rposition(|&from| from <= left).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_cut_to_the_lanes() {
        let cuts = |mut left: usize| {
            let mut cuts = Vec::new();
            while left > 0 {
                let rows = LANES[lane_for(left)];
                cuts.push(rows);
                left -= rows.min(left);
            }
            cuts
        };
        assert_eq!(cuts(1), [1]);
        assert_eq!(cuts(7), [16]);
        assert_eq!(cuts(17), [16, 1]);
        assert_eq!(cuts(72), [128]);
        assert_eq!(cuts(129), [128, 1]);
        assert_eq!(cuts(300), [128, 128, 16, 16, 16]);
    }

    #[test]
    fn spare_rows_repeat_the_last() {
        let mut input = [0.0; 8];
        fill(&mut input, &[1.0, 2.0, 3.0, 4.0], 2);
        assert_eq!(input, [1.0, 2.0, 3.0, 4.0, 3.0, 4.0, 3.0, 4.0]);
    }
}
