//! Where a pipeline's models are, for every command that loads one.

use std::path::{Path, PathBuf};

use wardwatch_pipeline::{Pipeline, PipelineError};

/// The argument `--models`.
#[derive(Clone, clap::Args)]
pub struct ModelsFolder {
    /// Folder of the models [default: the nearest folder `models` above the pipeline's file]
    #[arg(long, value_name = "FOLDER", env = "WARDWATCH_MODELS")]
    models: Option<PathBuf>,
}

// === impl ModelsFolder ===

impl ModelsFolder {
    /// The folder, if one is given.
    pub fn folder(&self) -> Option<&Path> {
        self.models.as_deref()
    }

    /// Loads a pipeline with the models from here.
    ///
    /// # Errors
    /// As [`Pipeline::load`].
    pub fn load(&self, path: &Path) -> Result<Pipeline, PipelineError> {
        Pipeline::load(path, self.models.as_deref())
    }

    /// As if the file held this text.
    ///
    /// # Errors
    /// As [`Pipeline::load`].
    pub fn load_text(&self, path: &Path, text: &str) -> Result<Pipeline, PipelineError> {
        Pipeline::load_text(path, text, self.models.as_deref())
    }
}
