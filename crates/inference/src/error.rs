//! Why a model was refused. Every variant is the fault of the model's files and is mended there: nothing here
//! is worth a retry.

use std::path::PathBuf;

/// A model could not be loaded. `Display` names the file, the cause and the fix; what lies underneath is its
/// source.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file could not be read.
    #[error("cannot read {path}: a model is a folder with model.yaml, its ONNX file and its golden rows")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A file is larger than any sensible one.
    #[error("{path} is larger than {limit} bytes: ship a smaller file")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Most bytes that are read of such a file.
        limit: u64,
    },
    /// The contract is not YAML, or its shape is wrong. The source carries the line.
    #[error("{path} is not a valid contract: correct the line that follows")]
    Contract {
        /// The contract.
        path: PathBuf,
        /// Line, column and cause.
        source: Box<serde_saphyr::Error>,
    },
    /// A field of the contract has a value that makes no sense.
    #[error("{path}: {field} {problem}")]
    Field {
        /// The contract.
        path: PathBuf,
        /// The field, as a path through the contract: `inputs[3].range`.
        field: String,
        /// What is wrong with it and what it must be.
        problem: String,
    },
    /// The folder is not the one that the contract names.
    #[error(
        "{path} says model {name} version {version}, which belongs in a folder {name}/{version}: move the folder or correct the contract"
    )]
    Misplaced {
        /// The contract.
        path: PathBuf,
        /// The contract's `model`.
        name: String,
        /// The contract's `version`.
        version: u32,
    },
    /// The ONNX file is not the one that the contract was written for.
    #[error(
        "{path} has sha256 {got}, the contract says {expected}: restore the file, or export the model again with its contract under a new version"
    )]
    Digest {
        /// The ONNX file.
        path: PathBuf,
        /// The contract's `sha256`.
        expected: String,
        /// That of the file.
        got: String,
    },
    /// The network uses decision trees.
    #[error(
        "{path} uses {operator}: tract runs trees some 400 times slower than a network of the same quality, too slow for a ward; train a network (MLP, TCN, GRU) instead"
    )]
    Trees {
        /// The ONNX file.
        path: PathBuf,
        /// The ONNX operator.
        operator: String,
    },
    /// The network draws random numbers.
    #[error(
        "{path} uses {operator}: a score must depend on its inputs alone; export the model for inference, without sampling"
    )]
    Random {
        /// The ONNX file.
        path: PathBuf,
        /// The ONNX operator.
        operator: String,
    },
    /// The network uses an operator that tract does not know.
    #[error(
        "{path} uses the operator {operator}, which tract does not run: export the model with plain ONNX operators (opset 9 to 18)"
    )]
    Operator {
        /// The ONNX file.
        path: PathBuf,
        /// The ONNX operator.
        operator: String,
    },
    /// The network does not take or give what the contract says.
    #[error(
        "{path}: {part} is {got}, the contract asks for {expected}: export the model so that it agrees with its contract"
    )]
    Shape {
        /// The ONNX file.
        path: PathBuf,
        /// Which part of the network.
        part: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        got: String,
    },
    /// The file is no network, or tract cannot run it.
    #[error("{path} cannot be made to run: export it again and check it with onnx.checker and onnxruntime")]
    Graph {
        /// The ONNX file.
        path: PathBuf,
        /// What tract said, an error or a panic.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file of golden rows cannot be understood.
    #[error("{path}, line {line}: {problem}")]
    GoldenFile {
        /// The golden rows.
        path: PathBuf,
        /// Line in the file, from 1.
        line: u64,
        /// What is wrong and what it must be.
        problem: String,
    },
    /// A golden row was scored wrongly.
    #[error(
        "{path}, line {line}: the model gives {got}, expected {expected} within {tolerance:e}: the network and its golden rows are not of one training run; export both again"
    )]
    Golden {
        /// The golden rows.
        path: PathBuf,
        /// Line in the file, from 1.
        line: u64,
        /// The value in the file.
        expected: f64,
        /// The score, or why there is none.
        got: String,
        /// The contract's `tolerance`.
        tolerance: f64,
    },
    /// A golden row's score changes with the rows beside it (`MODEL-3`).
    #[error(
        "{path}, line {line}: the model gives {alone} for the row alone but {together} among others: it mixes patients; normalise by constants, not over the batch"
    )]
    MixesRows {
        /// The golden rows.
        path: PathBuf,
        /// Line in the file, from 1.
        line: u64,
        /// The score of the row on its own, or why there is none.
        alone: String,
        /// Its score in a larger batch, or why there is none.
        together: String,
    },
}
