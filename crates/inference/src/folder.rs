//! Reads the files of a model: each at once, each with a bound, so that a wrong path cannot fill the memory.

use std::fs::File;
use std::io::{Error, ErrorKind, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::ModelError;

/// The contract's name in a model's folder.
pub(crate) const CONTRACT_FILE: &str = "model.yaml";
/// Most bytes of a contract.
pub(crate) const CONTRACT_BYTES: u64 = 1 << 20;
/// Most bytes of an ONNX file. A network for vital signs is a few hundred kB.
pub(crate) const GRAPH_BYTES: u64 = 256 << 20;
/// Most bytes of golden rows.
pub(crate) const GOLDEN_BYTES: u64 = 16 << 20;

/// The whole of `path`, at most `limit` bytes.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, ModelError> {
    let unreadable = |source| ModelError::Read {
        path: path.into(),
        source,
    };
    let mut bytes = Vec::new();
    File::open(path)
        .map_err(unreadable)?
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > limit {
        return Err(ModelError::TooLarge {
            path: path.into(),
            limit,
        });
    }
    Ok(bytes)
}

/// The whole of `path` as UTF-8, at most `limit` bytes.
pub(crate) fn read_text(path: &Path, limit: u64) -> Result<String, ModelError> {
    String::from_utf8(read(path, limit)?).map_err(|cause| ModelError::Read {
        path: path.into(),
        source: Error::new(ErrorKind::InvalidData, cause),
    })
}

/// The sha256 of `bytes` in lower-case hex.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha256_of_abc_is_that_of_fips_180() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_hex(b"abc"), expected);
    }

    #[test]
    fn a_file_over_its_limit_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, b"12345").unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"12345");
        assert!(matches!(
            read(&path, 4),
            Err(ModelError::TooLarge { limit: 4, .. })
        ));
    }

    #[test]
    fn an_absent_file_is_named() {
        let error = read(Path::new("absent/model.yaml"), 1).unwrap_err();
        assert!(error.to_string().contains("absent/model.yaml"), "{error}");
    }
}
