//! A model's folder that a test may spoil: a copy of a fixture.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tempfile::TempDir;
use wardwatch_inference::{Model, ModelError};

/// The fixtures of this crate.
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// A copy of a fixture model, in the right place under a temporary folder.
pub struct Copy {
    name: &'static str,
    root: TempDir,
}

// === impl Copy ===

impl Copy {
    /// Copies fixture `name`.
    pub fn of(name: &'static str) -> Self {
        let copy = Self {
            name,
            root: tempfile::tempdir().unwrap(),
        };
        fs::create_dir_all(copy.folder()).unwrap();
        for file in fs::read_dir(fixtures().join(name).join("1")).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), copy.path(file.file_name().to_str().unwrap())).unwrap();
        }
        copy
    }

    /// `<temporary>/<name>/1`.
    pub fn folder(&self) -> PathBuf {
        self.root.path().join(self.name).join("1")
    }

    /// A file of the model.
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder().join(file)
    }

    /// Replaces `from` by `to` in a text file; `from` must be there.
    pub fn edit(self, file: &str, from: &str, to: &str) -> Self {
        let text = fs::read_to_string(self.path(file)).unwrap();
        assert!(text.contains(from), "`{from}` is not in {file}");
        fs::write(self.path(file), text.replacen(from, to, 1)).unwrap();
        self
    }

    /// Puts `bytes` in the network's place and their sha256 into the contract, as an exporter would.
    pub fn with_network(self, bytes: &[u8]) -> Self {
        let file = format!("{}.onnx", self.name);
        let hex = |bytes: &[u8]| {
            Sha256::digest(bytes)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        };
        let old = hex(&fs::read(self.path(&file)).unwrap());
        fs::write(self.path(&file), bytes).unwrap();
        self.edit("model.yaml", &old, &hex(bytes))
    }

    /// Puts one of the graphs that a model must refuse in the network's place.
    pub fn with_graph(self, name: &str) -> Self {
        let bytes = fs::read(fixtures().join("graphs").join(format!("{name}.onnx"))).unwrap();
        self.with_network(&bytes)
    }

    /// Loads it.
    pub fn load(&self) -> Result<Model, ModelError> {
        Model::load(&self.folder())
    }
}
