//! Results as NDJSON: a record a line.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use wardwatch_ingest::{Quarantined, Reason};

use crate::{Position, Reader, ReplayError};

/// Writes records to a file, a line each.
pub struct LineWriter {
    path: PathBuf,
    writer: BufWriter<File>,
}

/// A row in quarantine: where it stood, why, and what it said. It holds patient data.
#[derive(Debug, Serialize)]
pub struct QuarantineLine<'a> {
    /// The input file.
    pub file: String,
    /// Its row under the header, or in NDJSON its line; from 1.
    pub row: u64,
    /// Why.
    pub reason: Reason,
    /// Why, more closely; may be empty.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub detail: &'a str,
    /// The vital signs concerned, where not the whole record is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vitals: Vec<&'static str>,
    /// The row as text: a line of JSON as it stood there, a row of CSV too, a row of Parquet as JSON. In a
    /// line that is not UTF-8 each byte that is none is written `\xff`, and each backslash `\\`.
    pub record: String,
}

/// Bytes as text, from which they can be told again.
fn text(bytes: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    let mut text = String::with_capacity(bytes.len() + 8);
    for chunk in bytes.utf8_chunks() {
        text.push_str(&chunk.valid().replace('\\', "\\\\"));
        chunk
            .invalid()
            .iter()
            .for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    text
}

// === impl LineWriter ===

impl LineWriter {
    /// Creates the file.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn create(path: &Path) -> Result<Self, ReplayError> {
        let file = File::create(path).map_err(|source| ReplayError::Write {
            path: path.into(),
            source,
        })?;
        Ok(Self {
            path: path.into(),
            writer: BufWriter::with_capacity(1 << 18, file),
        })
    }

    /// Writes one record.
    ///
    /// # Errors
    /// The file cannot be written on.
    pub fn write(&mut self, record: &impl Serialize) -> Result<(), ReplayError> {
        serde_json::to_writer(&mut self.writer, record)
            .map_err(std::io::Error::from)
            .and_then(|()| self.writer.write_all(b"\n"))
            .map_err(|source| ReplayError::Write {
                path: self.path.clone(),
                source,
            })
    }

    /// Completes the file.
    ///
    /// # Errors
    /// The file cannot be written on.
    pub fn finish(mut self) -> Result<(), ReplayError> {
        self.writer.flush().map_err(|source| ReplayError::Write {
            path: self.path,
            source,
        })
    }
}

// === impl QuarantineLine ===

impl<'a> QuarantineLine<'a> {
    /// Of what a reader refused.
    pub fn of(quarantined: &'a Quarantined, reader: &Reader) -> Self {
        let position = Position::of_offset(quarantined.offset);
        Self {
            file: reader.path(position).display().to_string(),
            row: position.row,
            reason: quarantined.reason,
            detail: quarantined.detail,
            vitals: quarantined
                .readings
                .iter()
                .filter_map(|bad| bad.vital)
                .map(|vital| vital.name())
                .collect(),
            record: text(&quarantined.payload),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn no_byte_is_lost() {
        assert_eq!(text("Größe \\".as_bytes()), "Größe \\");
        assert_eq!(text(b"a\\\xfc\xe9b\xff"), r"a\\\xfc\xe9b\xff");
    }
}
