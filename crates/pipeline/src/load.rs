//! From a path or a text to a [`Pipeline`].

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wardwatch_alarms::Known;
use wardwatch_yaml::{
    At, FileText, Invalid, Lookup, Place, Problems, Spot, Texts, Warnings, codes as yaml_codes,
};

use crate::alarms::Alarms;
use crate::document::Document;
use crate::models::{ModelShelf, Place as ModelPlace};
use crate::names::Names;
use crate::{
    FeatureSet, Pipeline, PipelineError, Score, TechnicalAlarms, alarms, presence, scores, sets, shape,
    sources,
};

/// Most bytes of a pipeline, thirty times the longest that is shipped: it goes whole into a record of the journal.
const MOST_BYTES: u64 = 1 << 17;

/// Where a pipeline's models are, and its variables' values.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'s> {
    /// Else in the nearest folder `models` above the pipeline.
    pub models: Option<&'s Path>,
    pub variables: Lookup<'s>,
}

/// Loads the pipeline at `path`: a file, or a folder of parts.
pub(crate) fn load(path: &Path, around: Surroundings<'_>) -> Result<Pipeline, PipelineError> {
    let mut texts = Texts::default();
    for file in files(path)? {
        let bytes = read(path, &file)?;
        let text = String::from_utf8(bytes).map_err(|_| PipelineError::NotText { path: file.clone() })?;
        // A byte order mark says nothing in UTF-8.
        let text = text.trim_start_matches('\u{feff}');
        texts.0.push(FileText::new(&file, text));
    }
    build(path, texts, around)
}

/// One number of all files.
pub(crate) fn fingerprint(path: &Path) -> Result<String, PipelineError> {
    let mut all = Vec::new();
    for file in files(path)? {
        all.extend_from_slice(file.as_os_str().as_encoded_bytes());
        all.push(0);
        all.extend(read(path, &file)?);
    }
    Ok(sha256_hex(&all))
}

fn read(path: &Path, file: &Path) -> Result<Vec<u8>, PipelineError> {
    let bytes = fs::metadata(file).map_err(unreadable(file))?.len();
    check_size(path, bytes)?;
    fs::read(file).map_err(unreadable(file))
}

/// As if the file at `path` held this text, which need not be there.
pub(crate) fn load_text(
    path: &Path,
    text: &str,
    around: Surroundings<'_>,
) -> Result<Pipeline, PipelineError> {
    build(path, Texts(vec![FileText::new(path, text)]), around)
}

/// The files of a pipeline, in the order of their names.
pub(crate) fn files(path: &Path) -> Result<Vec<PathBuf>, PipelineError> {
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let entries = fs::read_dir(path).map_err(unreadable(path))?;
    let mut files = Vec::new();
    for entry in entries {
        let file = entry.map_err(unreadable(path))?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let is_yaml = name.ends_with(".yaml") || name.ends_with(".yml");
        let is_part = is_yaml && !name.ends_with(".test.yaml") && !name.starts_with('.');
        if is_part && file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    match files.is_empty() {
        true => Err(PipelineError::Empty {
            path: path.to_path_buf(),
        }),
        false => Ok(files),
    }
}

fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> PipelineError {
    let path = path.to_path_buf();
    |source| PipelineError::Read { path, source }
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

/// Where the models of a pipeline at `path` are looked up.
fn shelf(path: &Path, models: Option<&Path>) -> Result<ModelPlace, PipelineError> {
    if let Some(folder) = models {
        return Ok(ModelPlace::Folder(folder.to_path_buf()));
    }
    // Of a text that was kept the file may be gone.
    let whole = path.canonicalize().or_else(|_| std::path::absolute(path));
    let path = whole.map_err(unreadable(path))?;
    let shelves: Vec<PathBuf> = path
        .ancestors()
        .skip(1)
        .map(|folder| folder.join("models"))
        .collect();
    Ok(match shelves.iter().find(|shelf| shelf.is_dir()) {
        Some(shelf) => ModelPlace::Folder(shelf.clone()),
        None => ModelPlace::NotFound(shelves),
    })
}

fn build(path: &Path, texts: Texts, around: Surroundings<'_>) -> Result<Pipeline, PipelineError> {
    let mut problems = Problems {
        texts,
        ..Problems::default()
    };
    let refused = |problems| Err(PipelineError::Invalid(Invalid::new(path.to_path_buf(), problems)));
    let (parts, text) = wardwatch_yaml::parts(around.variables, &mut problems);
    check_size(path, text.len() as u64)?;
    let Some(document) = shape::document(parts, &mut problems) else {
        if problems.notes.is_empty() {
            let fix = "begin with `pipeline: a-name` and `version: 1`";
            problems.push(
                yaml_codes::MISSING_FIELD,
                &Place::whole(At::begin_of(0)),
                "there is nothing in it",
                fix,
            );
        }
        return refused(problems);
    };
    check_head(&document, &mut problems);

    let time = sources::time(&document.time, &mut problems);
    let sources = sources::sources(&document, &mut problems);
    let writers = sources::writers(&document, &sources, &mut problems);
    let max_age = sources::max_age(&document.max_age, &mut problems);
    let lost_after = presence::lost_after(&document.lost_after, &max_age, &sources, &mut problems);
    let sets = sets::sets(&document.features, &sources, &mut problems);
    let names = Names::new(&sets.planned, sets.complete, sets.known);
    let mut shelf = ModelShelf::new(shelf(path, around.models)?);
    let scores = scores::scores(&document.scores, &names, &mut shelf, &mut problems);
    let alarms = alarms::alarms(&document, &names, &scores, &sources, &max_age, &mut problems);

    if !problems.notes.is_empty() {
        return refused(problems);
    }
    let sets: Vec<FeatureSet> = sets.planned.into_iter().flatten().collect();
    let scores: Vec<Score> = scores
        .into_iter()
        .map(|score| score.planned.expect("a score without problems is planned"))
        .collect();
    let Alarms {
        limits,
        mut conditions,
    } = alarms;
    for alarm in &mut conditions {
        alarm.rules.known = Known::AfterJudgement(presence::known_for(alarm, &sets, &scores, &max_age));
    }
    Ok(Pipeline {
        name: document.pipeline.value.into(),
        version: document.version.value,
        hash: sha256_hex(text.as_bytes()).into(),
        text: text.into(),
        sources,
        writers,
        time,
        max_age,
        lost_after,
        watched: presence::watched(&sets, &scores, &limits, &conditions),
        sets,
        scores,
        limits,
        conditions,
        technical: TechnicalAlarms {
            silent: document.technical.silent,
            device_clock: document.technical.device_clock,
            lost: document.technical.lost,
            overdue: document.technical.overdue,
        },
        models: shelf.into_models(),
        warnings: Warnings::new(problems),
    })
}

fn check_head(document: &Document, problems: &mut Problems) {
    // A pipeline's name is the one name that SQL never reads: a hyphen is welcome.
    let name = Spot {
        value: document.pipeline.value.replace('-', "_"),
        at: document.pipeline.at,
    };
    problems.check_name(&Place::section("pipeline", name.at), &name, &[]);
    if document.version.value == 0 {
        problems.push(
            yaml_codes::WRONG_VALUE,
            &Place::section("version", document.version.at),
            "versions begin at 1",
            "write `version: 1`",
        );
    }
}

fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
