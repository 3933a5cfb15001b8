//! NDJSON: canonical observation JSON, single or grouped, and context records, a line each.
//!
//! A line with a field `event` is a context record. Context is what is true of a patient from its time on, whatever place
//! it has in the file, so it is gathered first; the same pass finds out whether any line says when it arrived. A context
//! record without `arrived_at` arrived at its own time.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;
use wardwatch_event_time::Timestamp;
use wardwatch_ingest::{
    Arrival, ContextRecord, Flaw, Quarantined, Reason, Record, decode_context, decode_observations, read_time,
};

use super::found::{BYTE_ORDER_MARK, check_text};
use super::{CHUNK_ROWS, Chunk, Chunks, Opened};
use crate::{Position, ReplayError};

/// Bytes of lines decoded at once; one line may exceed it.
const CHUNK_BYTES: usize = 8 << 20;

struct NdjsonChunks {
    lines: Lines,
    file: usize,
    bytes: u64,
    /// Whether lines have to be told from context records.
    has_context: bool,
}

/// Reads lines, and knows where it is.
struct Lines {
    path: PathBuf,
    reader: BufReader<File>,
    line: u64,
    read: u64,
}

#[derive(Deserialize)]
struct Event {
    event: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Arrived {
    arrived_at: Option<String>,
}

/// Opens an NDJSON file.
pub(super) fn open(path: &Path, file: usize) -> Result<Opened, ReplayError> {
    let mut lines = Lines::open(path)?;
    let mut context: Vec<(Timestamp, ContextRecord)> = Vec::new();
    let mut quarantined = Vec::new();
    let (mut has_arrivals, mut has_context) = (false, false);
    let mut bytes = Vec::new();
    while lines.next(&mut bytes)? {
        let Ok(text) = std::str::from_utf8(&bytes) else {
            continue;
        };
        has_arrivals |= !has_arrivals && text.contains("\"arrived_at\"");
        if !is_context(text) {
            continue;
        }
        has_context = true;
        let record = record(&bytes, file, lines.line);
        match arrived(text).and_then(|arrived| read_context(record, arrived)) {
            Ok(told) => context.push(told),
            Err(flaw) => quarantined.push(Quarantined::record(&record, flaw)),
        }
    }
    context.sort_by_key(|(ts, _)| *ts);
    let chunks = NdjsonChunks {
        bytes: lines.read,
        lines: Lines::open(path)?,
        file,
        has_context,
    };
    Ok(Opened {
        chunks: Box::new(chunks),
        context: VecDeque::from(context),
        quarantined,
        has_arrivals,
        row_a_reading: false,
    })
}

fn is_context(text: &str) -> bool {
    text.contains("\"event\"") && serde_json::from_str::<Event>(text).is_ok_and(|found| found.event.is_some())
}

/// A record of context with its arrival.
fn read_context(record: Record<'_>, arrived: Option<Timestamp>) -> Result<(Timestamp, ContextRecord), Flaw> {
    let append_time = arrived.unwrap_or(Timestamp::MAX);
    let stated = decode_context(&Record {
        append_time,
        ..record
    })?;
    Ok((arrived.unwrap_or(stated.ts), stated))
}

/// When a line says that it arrived.
fn arrived(text: &str) -> Result<Option<Timestamp>, Flaw> {
    let bad = Flaw::new(Reason::BadTime, "arrived_at");
    let Arrived { arrived_at } = serde_json::from_str(text).map_err(|_| bad)?;
    let time = arrived_at.map(|time| read_time(time.as_bytes(), "arrived_at"));
    time.transpose()
}

fn record(payload: &[u8], file: usize, line: u64) -> Record<'_> {
    Record {
        payload,
        key: None,
        append_time: Timestamp::from_micros(0),
        topic: 0,
        partition: 0,
        offset: Position { file, row: line }.offset(),
    }
}

// === impl NdjsonChunks ===

impl Chunks for NdjsonChunks {
    fn next(&mut self) -> Result<Option<Chunk>, ReplayError> {
        let mut text = Vec::new();
        let mut spans = Vec::new();
        let mut bytes = Vec::new();
        while spans.len() < CHUNK_ROWS && text.len() < CHUNK_BYTES && self.lines.next(&mut bytes)? {
            let blank = bytes.trim_ascii().is_empty();
            if blank || self.has_context && std::str::from_utf8(&bytes).is_ok_and(is_context) {
                continue;
            }
            spans.push((text.len()..text.len() + bytes.len(), self.lines.line));
            text.extend_from_slice(&bytes);
        }
        if spans.is_empty() {
            return Ok(None);
        }
        let records = spans
            .into_iter()
            .map(|(span, line)| record(&text[span], self.file, line));
        let decoded = decode_observations(records, Arrival::File);
        Ok(Some(Chunk {
            observations: decoded.observations,
            quarantined: decoded.quarantined,
            repeats: decoded.repeats,
            open_quotes: Vec::new(),
        }))
    }

    fn fraction(&self) -> f64 {
        if self.bytes == 0 {
            1.0
        } else {
            self.lines.read as f64 / self.bytes as f64
        }
    }
}

// === impl Lines ===

impl Lines {
    fn open(path: &Path) -> Result<Self, ReplayError> {
        let failed = |source| ReplayError::Read {
            path: path.into(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let mut reader = BufReader::with_capacity(1 << 18, file);
        check_text(path, reader.fill_buf().map_err(failed)?)?;
        Ok(Self {
            path: path.into(),
            reader,
            line: 0,
            read: 0,
        })
    }

    /// The next line, without its end; false when there is none.
    fn next(&mut self, bytes: &mut Vec<u8>) -> Result<bool, ReplayError> {
        bytes.clear();
        let read = self.reader.read_until(b'\n', bytes);
        let read = read.map_err(|source| ReplayError::Read {
            path: self.path.clone(),
            source,
        })?;
        self.line += 1;
        self.read += read as u64;
        if self.line == 1 && bytes.starts_with(BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
        }
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        Ok(read > 0)
    }
}
