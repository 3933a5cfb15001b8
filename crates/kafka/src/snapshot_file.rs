//! A snapshot as one object: a header, then tables.
//!
//! ```text
//!   WWSNAP01 | length | header, JSON | its checksum | table | table | …
//! ```
//!
//! The header says whose state it is and where in the log it stands, and lists the tables with their lengths and checksums.
//! A table is an Arrow IPC stream. Integers are little-endian. FILE-1: what does not agree with its checksum is not read.

use std::io::Cursor;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use serde::{Deserialize, Serialize};
use wardwatch_alarms::ModelIdentity;
use wardwatch_event_time::Timestamp;
use wardwatch_shard::{Digest, Snapshot, TableError, Tables};

const MAGIC: &[u8; 8] = b"WWSNAP01";

/// A header longer than this is none.
const MOST_HEADER: usize = 64 << 20;

/// Whose state it is, and where in the log it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// The layout of the tables.
    pub format: u32,
    pub pipeline: Arc<str>,
    pub pipeline_version: u32,
    pub pipeline_hash: Arc<str>,
    pub models: Vec<ModelIdentity>,
    pub build: Arc<str>,
    pub shard: i32,
    pub lineage: u64,
    /// Of the next step.
    pub sequence: u64,
    /// Where the journal record of the last step stands.
    pub journal_offset: i64,
    /// What the shard had decided.
    pub digest: Digest,
    /// What the engine's clock read.
    pub taken_at: Timestamp,
    /// In the order of the file; [`write`] fills it in.
    #[serde(default)]
    pub tables: Vec<TableEntry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TableEntry {
    /// None for what belongs to no one patient, else the part of the patients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    part: Option<usize>,
    name: String,
    bytes: usize,
    crc32: u32,
}

/// Why an object is not a snapshot to go on with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("it does not begin as a snapshot does")]
    NotASnapshot,
    #[error("it ends in the middle: {needed} bytes are needed, {found} are there")]
    Truncated { needed: usize, found: usize },
    #[error("{part} does not agree with its checksum")]
    Checksum { part: String },
    #[error("its header cannot be read")]
    Header(#[source] serde_json::Error),
    #[error("its table {table} cannot be read")]
    Arrow { table: String, source: ArrowError },
    #[error("its tables do not fit together")]
    Tables(#[from] TableError),
}

/// The object, in pieces to be written one after the other.
///
/// # Errors
/// [`FileError::Arrow`]: a defect.
pub(crate) fn write(header: &Header, snapshot: &Snapshot) -> Result<Vec<Vec<u8>>, FileError> {
    let shard = snapshot.shard.iter().map(|table| (None, table));
    let patients = snapshot.patients.iter().enumerate();
    let patients = patients.flat_map(|(part, tables)| tables.iter().map(move |table| (Some(part), table)));
    let mut header = header.clone();
    let mut pieces = vec![Vec::new()];
    header.tables.clear();
    for (part, (name, batch)) in shard.chain(patients) {
        let bytes = encode(batch).map_err(|source| FileError::Arrow {
            table: name.clone(),
            source,
        })?;
        header.tables.push(TableEntry {
            part,
            name: name.clone(),
            bytes: bytes.len(),
            crc32: crc32fast::hash(&bytes),
        });
        pieces.push(bytes);
    }
    let header = serde_json::to_vec(&header).map_err(FileError::Header)?;
    let first = &mut pieces[0];
    first.extend_from_slice(MAGIC);
    first.extend_from_slice(&(header.len() as u32).to_le_bytes());
    first.extend_from_slice(&header);
    first.extend_from_slice(&crc32fast::hash(&header).to_le_bytes());
    Ok(pieces)
}

/// The header, and where the tables begin.
///
/// # Errors
/// [`FileError`] when the object is damaged.
pub(crate) fn read_header(object: &[u8]) -> Result<(Header, usize), FileError> {
    let magic = object.first_chunk::<8>().filter(|magic| *magic == MAGIC);
    magic.ok_or(FileError::NotASnapshot)?;
    let length = u32::from_le_bytes(chunk(object, 8)?) as usize;
    if length > MOST_HEADER {
        return Err(FileError::NotASnapshot);
    }
    let header = piece(object, 12, length)?;
    if crc32fast::hash(header) != u32::from_le_bytes(chunk(object, 12 + length)?) {
        return Err(FileError::Checksum {
            part: "the header".to_owned(),
        });
    }
    let header = serde_json::from_slice(header).map_err(FileError::Header)?;
    Ok((header, 16 + length))
}

/// The state.
///
/// # Errors
/// [`FileError`] when the object is damaged.
pub(crate) fn read(object: &[u8]) -> Result<Snapshot, FileError> {
    let (header, mut at) = read_header(object)?;
    let mut snapshot = Snapshot {
        shard: Tables::new(),
        patients: Vec::new(),
    };
    for entry in header.tables {
        let bytes = piece(object, at, entry.bytes)?;
        if crc32fast::hash(bytes) != entry.crc32 {
            return Err(FileError::Checksum {
                part: format!("its table {}", entry.name),
            });
        }
        let batch = decode(bytes).map_err(|source| FileError::Arrow {
            table: entry.name.clone(),
            source,
        })?;
        let tables = match entry.part {
            None => &mut snapshot.shard,
            Some(part) => {
                snapshot
                    .patients
                    .resize_with(snapshot.patients.len().max(part + 1), Tables::new);
                &mut snapshot.patients[part]
            }
        };
        tables.insert(entry.name, batch);
        at += entry.bytes;
    }
    if at != object.len() {
        return Err(FileError::Truncated {
            needed: at,
            found: object.len(),
        });
    }
    Ok(snapshot)
}

fn encode(batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema())?;
    writer.write(batch)?;
    writer.into_inner()
}

fn decode(bytes: &[u8]) -> Result<RecordBatch, ArrowError> {
    let mut reader = StreamReader::try_new(Cursor::new(bytes), None)?;
    let schema = reader.schema();
    let batch = reader.next().transpose()?;
    Ok(batch.unwrap_or_else(|| RecordBatch::new_empty(schema)))
}

fn piece(object: &[u8], at: usize, length: usize) -> Result<&[u8], FileError> {
    let needed = at.saturating_add(length);
    object.get(at..needed).ok_or(FileError::Truncated {
        needed,
        found: object.len(),
    })
}

fn chunk<const N: usize>(object: &[u8], at: usize) -> Result<[u8; N], FileError> {
    let chunk = piece(object, at, N)?.first_chunk();
    Ok(*chunk.expect("a piece is as long as was asked for"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array};

    use super::*;

    fn snapshot() -> Snapshot {
        let table = |numbers: Vec<i64>| {
            let column: ArrayRef = Arc::new(Int64Array::from(numbers));
            RecordBatch::try_from_iter([("number", column)]).unwrap()
        };
        Snapshot {
            shard: [
                ("timers".to_owned(), table(vec![1, 2])),
                ("free".to_owned(), table(vec![])),
            ]
            .into(),
            patients: vec![[("patients".to_owned(), table(vec![7]))].into()],
        }
    }

    fn header() -> Header {
        Header {
            format: Snapshot::FORMAT,
            pipeline: "small".into(),
            pipeline_version: 3,
            pipeline_hash: "0f".into(),
            models: Vec::new(),
            build: "test".into(),
            shard: 2,
            lineage: 1,
            sequence: 99,
            journal_offset: 400,
            digest: Digest::default(),
            taken_at: Timestamp::from_millis(6),
            tables: Vec::new(),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let object = write(&header(), &snapshot()).unwrap().concat();
        let (read_back, _) = read_header(&object).unwrap();
        assert_eq!((read_back.sequence, read_back.journal_offset), (99, 400));
        assert_eq!(read(&object).unwrap(), snapshot());
    }

    /// FILE-1: no flipped bit and no cut is ever taken for a snapshot.
    #[test]
    fn damage_is_noticed_wherever_it_is() {
        let object = write(&header(), &snapshot()).unwrap().concat();
        for at in 0..object.len() {
            assert!(read(&object[..at]).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut spoiled = object.clone();
                spoiled[at] ^= 1 << bit;
                assert!(read(&spoiled).is_err(), "bit {bit} of byte {at}");
            }
        }
    }
}
