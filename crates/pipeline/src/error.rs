//! Why a pipeline was refused. All of it is its author's to mend.

use std::path::PathBuf;

use wardwatch_yaml::Invalid;

/// Why a pipeline was refused.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The file cannot be read.
    #[error("cannot read the pipeline {}; check the path and its permissions", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file holds bytes that are no text.
    #[error("the pipeline {} is not UTF-8 text; save it as UTF-8", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// The folder holds no pipeline.
    #[error("the folder {} holds no pipeline; a pipeline's parts end in .yaml, and its tests in .test.yaml", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// The text is larger than any pipeline.
    #[error("the pipeline {} has {bytes} bytes, more than {most}; split it into several pipelines", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The bound.
        most: u64,
    },
    /// The text has these problems.
    #[error("{0}")]
    Invalid(Invalid),
}
