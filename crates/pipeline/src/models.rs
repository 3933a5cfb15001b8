//! Finding and loading models: `<models>/<name>/<version>`, each once a pipeline.

use std::fs;
use std::path::{Path, PathBuf};
use wardwatch_yaml::{Place as At, Problems, with_causes};

use wardwatch_inference::{Contract, Model};

use crate::codes;

/// Where models are looked up.
#[derive(Debug)]
pub(crate) enum Place {
    /// In this folder.
    Folder(PathBuf),
    /// Nowhere: none of these folders exists.
    NotFound(Vec<PathBuf>),
}

/// The models that a pipeline runs.
#[derive(Debug)]
pub(crate) struct ModelShelf {
    place: Place,
    models: Vec<Model>,
}

// === impl ModelShelf ===

impl ModelShelf {
    /// An empty shelf.
    pub fn new(place: Place) -> Self {
        Self {
            place,
            models: Vec::new(),
        }
    }

    /// Loads the model `name@version` unless it is loaded; its index.
    pub fn load(&mut self, text: &str, at: &At, problems: &mut Problems) -> Option<usize> {
        let Some((name, version)) = parse(text) else {
            problems.push(
                codes::UNKNOWN_MODEL,
                at,
                format!("{text:?} names no model"),
                "write its name and version, such as mortality@2",
            );
            return None;
        };
        let loaded = self.models.iter().position(|model| {
            let identity = model.identity();
            identity.name == name && identity.version == version
        });
        if loaded.is_some() {
            return loaded;
        }
        let shelf = match &self.place {
            Place::Folder(shelf) => shelf,
            Place::NotFound(tried) => {
                let tried: Vec<String> = tried.iter().map(|folder| folder.display().to_string()).collect();
                problems.push(
                    codes::UNKNOWN_MODEL,
                    at,
                    format!("there is no folder of models; looked for {}", tried.join(", ")),
                    "put the model into a folder `models` beside the pipeline or above it",
                );
                return None;
            }
        };
        let folder = shelf.join(name).join(version.to_string());
        if !folder.is_dir() {
            let cause = format!("there is no model {text}: {} is not a folder", folder.display());
            problems.push(
                codes::UNKNOWN_MODEL,
                at,
                cause,
                format!("use one of those there are: {}", list(shelf)),
            );
            return None;
        }
        match Model::load(&folder) {
            Ok(model) => {
                self.models.push(model);
                Some(self.models.len() - 1)
            }
            Err(error) => {
                problems.push(
                    codes::BAD_MODEL,
                    at,
                    with_causes(&error),
                    "mend the model's files",
                );
                None
            }
        }
    }

    /// The contract of a loaded model.
    pub fn contract(&self, model: usize) -> &Contract {
        self.models[model].contract()
    }

    /// The models, in the order of their indices.
    pub fn into_models(self) -> Vec<Model> {
        self.models
    }
}

/// `name@version`; the name becomes part of a path, so nothing but a model's name may pass.
fn parse(text: &str) -> Option<(&str, u32)> {
    let (name, version) = text.split_once('@')?;
    let is_name = name
        .bytes()
        .next()
        .is_some_and(|first| first.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte));
    let version = version.parse().ok().filter(|version| *version > 0)?;
    is_name.then_some((name, version))
}

/// The models of a folder as `name@version`, in order.
fn list(shelf: &Path) -> String {
    let folders = |path: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        let mut folders: Vec<PathBuf> = entries
            .map(|entry| entry.path())
            .filter(|path| path.is_dir())
            .collect();
        folders.sort();
        folders
    };
    let last = |path: &Path| {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let names: Vec<String> = folders(shelf)
        .iter()
        .flat_map(|name| {
            folders(name)
                .into_iter()
                .map(move |version| (last(name), version))
        })
        .filter(|(_, version)| version.join("model.yaml").is_file())
        .map(|(name, version)| format!("{name}@{}", last(&version)))
        .collect();
    if names.is_empty() {
        "none yet".to_owned()
    } else {
        names.join(", ")
    }
}
