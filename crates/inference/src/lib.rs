//! Runs the models that score patients, and says why they scored so.
//!
//! A *model* is a folder `<name>/<version>/` with a *contract* (`model.yaml`), an ONNX network and *golden
//! rows*. The contract is the promise between the people who trained the model and this engine: the inputs in
//! order with their units, what happens when one is missing, what comes out, and rows with known results that
//! are scored at every load.
//!
//! | Module | Holds |
//! |---|---|
//! | [`contract`](Contract) | `model.yaml`: its types and the rules it must meet |
//! | `folder` | reading the files of a model, each with a bound on its size, and their sha256 |
//! | `golden` | `golden.csv`, and the checks that a model scores it right |
//! | `graph` | the ONNX network in tract: what is refused, plans of fixed batch sizes, the guard against panics |
//! | `encode` | a row of features to the network's tensor: the missing-value policy |
//! | [`model`](Model) | a loaded model: scores batches |
//! | `attribution` | which inputs moved one patient's score, against the patient's own baseline |
//! | [`scorer`](Scorer) | the engine's way to its models |
//! | [`recorded`](Recorded) | what models answered, for the journal and for recovery |
//! | [`error`](ModelError) | why a model was refused |
//!
//! # Invariants
//! - `MODEL-1`: NaN enters a [`Model`] only as the mark of a missing value in [`Rows`], never reaches a
//!   network and never leaves one: a score is a finite probability or an [`Unavailable`] reason.
//! - `MODEL-2`: a model that answers wrongly for a golden row is not loaded.
//! - `MODEL-3`: a row's score does not depend on the other rows of its batch (within the contract's
//!   tolerance).
//! - `MODEL-4`: the bytes that run are the bytes whose sha256 stands in the contract.
//!
//! Deliberately absent: a clock, a network connection, randomness, and any file access after [`Model::load`].

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod attribution;
mod contract;
mod encode;
mod error;
mod folder;
mod golden;
mod graph;
mod model;
mod recorded;
mod rows;
mod scorer;

pub use attribution::{Attribution, Reference};
pub use contract::{Calibration, Contract, Input, InputKind, MissingPolicy, Output, OutputKind, Training};
pub use error::ModelError;
pub use model::{Model, ModelIdentity};
pub use recorded::{Answers, AskedOtherwise, Recorded, Recording};
pub use rows::{Rows, Unavailable};
pub use scorer::{Models, Scorer};
