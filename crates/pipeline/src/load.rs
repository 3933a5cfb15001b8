//! From a path or a text to a [`Pipeline`].

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::document::Document;
use crate::models::{ModelShelf, Place as ModelPlace};
use crate::names::Names;
use crate::problems::{Place, Problems};
use crate::{Pipeline, PipelineError, TechnicalAlarms, alarms, scores, sets, shape, sources};

/// Most bytes of a pipeline file, thirty times the longest that is shipped: it goes whole into a record of the journal.
const MOST_BYTES: u64 = 1 << 17;

/// Loads the pipeline file at `path`, with the models of a folder or else of the nearest one above it.
pub(crate) fn load(path: &Path, models: Option<&Path>) -> Result<Pipeline, PipelineError> {
    let bytes = fs::metadata(path).map_err(unreadable(path))?.len();
    check_size(path, bytes)?;
    let text = fs::read_to_string(path).map_err(unreadable(path))?;
    load_text(path, &text, models)
}

/// As if the file held this text.
pub(crate) fn load_text(path: &Path, text: &str, models: Option<&Path>) -> Result<Pipeline, PipelineError> {
    if let Some(folder) = models {
        return build(path, text, ModelPlace::Folder(folder.to_path_buf()));
    }
    let shelves: Vec<PathBuf> = path
        .canonicalize()
        .map_err(unreadable(path))?
        .ancestors()
        .skip(1)
        .map(|folder| folder.join("models"))
        .collect();
    let place = match shelves.iter().find(|shelf| shelf.is_dir()) {
        Some(shelf) => ModelPlace::Folder(shelf.clone()),
        None => ModelPlace::NotFound(shelves),
    };
    build(path, text, place)
}

fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> PipelineError {
    let path = path.to_path_buf();
    |source| PipelineError::Read { path, source }
}

/// Checks a text.
pub(crate) fn parse(text: &str, models_dir: &Path) -> Result<Pipeline, PipelineError> {
    build(
        Path::new("pipeline"),
        text,
        ModelPlace::Folder(models_dir.to_path_buf()),
    )
}

fn check_size(path: &Path, bytes: u64) -> Result<(), PipelineError> {
    if bytes <= MOST_BYTES {
        return Ok(());
    }
    Err(PipelineError::TooLarge {
        path: path.to_path_buf(),
        bytes,
        most: MOST_BYTES,
    })
}

fn build(path: &Path, text: &str, models: ModelPlace) -> Result<Pipeline, PipelineError> {
    check_size(path, text.len() as u64)?;
    let document: Document = serde_saphyr::from_str(text).map_err(|error| shape::refused(path, &error))?;
    let mut problems = Problems::default();
    check_head(&document, &mut problems);

    let time = sources::time(&document.time, &mut problems);
    let sources = sources::sources(&document, &mut problems);
    let max_age = sources::max_age(&document.max_age, &mut problems);
    let sets = sets::sets(&document.features, &sources, &mut problems);
    let names = Names::new(&sets.planned, sets.complete);
    let mut shelf = ModelShelf::new(models);
    let scores = scores::scores(&document.scores, &names, &mut shelf, &mut problems);
    let alarms = alarms::alarms(&document, &names, &scores, &sources, &max_age, &mut problems);

    if !problems.0.is_empty() {
        return Err(PipelineError::Invalid {
            path: path.to_path_buf(),
            problems: problems.0,
        });
    }
    Ok(Pipeline {
        name: document.pipeline.into(),
        version: document.version,
        hash: sha256_hex(text).into(),
        text: text.into(),
        sources,
        time,
        max_age,
        sets: sets.planned.into_iter().flatten().collect(),
        scores: scores
            .into_iter()
            .map(|score| score.planned.expect("a score without problems is planned"))
            .collect(),
        limits: alarms.limits,
        conditions: alarms.conditions,
        technical: TechnicalAlarms {
            silent: document.technical.silent,
            device_clock: document.technical.device_clock,
        },
        models: shelf.into_models(),
    })
}

fn check_head(document: &Document, problems: &mut Problems) {
    // A pipeline's name is the one name that SQL never reads: a hyphen is welcome.
    problems.check_name(
        &Place::section("pipeline"),
        &document.pipeline.replace('-', "_"),
        &[],
    );
    if document.version == 0 {
        problems.push(
            &Place::section("version"),
            "versions begin at 1",
            "write `version: 1`",
        );
    }
}

fn sha256_hex(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
