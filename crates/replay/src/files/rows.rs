//! Rows of a long table to messages, or to quarantine with a reason.
//!
//! Rows that follow one another and share patient, times and origin are readings of one message, as a device would have
//! sent them; what is computed does not depend on it, only the cost does. A message is a run of rows without a gap, so
//! that reading `n` of a message at offset `o` is row `o + n`: a row in quarantine ends the run, and so does a second
//! reading of one vital sign, or one of another kind. A chunk's end does not: its last message waits for the next chunk.

use std::path::Path;

use arrow::array::RecordBatch;
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Timestamp;
use wardwatch_ingest::{
    BadReading, Flaw, Kind, Meanings, MessageHead, ObservationsBuilder, Placed, Quarantined, Reading, Reason,
    Record, check_origin, check_patient_id, read_status,
};

use super::Chunk;
use super::table::Table;
use crate::{Position, ReplayError};

/// Judges a file's rows, chunk by chunk.
pub(super) struct Rows {
    file: usize,
    /// Rows seen in earlier chunks.
    before: u64,
    meanings: Meanings,
    /// The append time of the newest good row, which a row without a time of its own is filed under.
    newest: Timestamp,
    held: Option<Held>,
}

/// A row that could not even be read.
pub(super) struct Flawed {
    pub row: usize,
    pub flaw: Flaw,
}

/// The last message of a chunk, to which the next chunk may add.
struct Held {
    patient_id: String,
    device_id: Option<String>,
    source: Option<String>,
    ts: Timestamp,
    append_time: Timestamp,
    offset: i64,
    kind: Kind,
    readings: Vec<Reading>,
}

// === impl Rows ===

impl Rows {
    pub fn new(file: usize) -> Self {
        Self {
            file,
            before: 0,
            meanings: Meanings::new(),
            newest: Timestamp::from_micros(0),
            held: None,
        }
    }

    /// Judges the rows of a batch. `flawed` are in order; `render` shows a row as it stood in the file.
    pub fn judge(
        &mut self,
        batch: &RecordBatch,
        path: &Path,
        flawed: &[Flawed],
        render: impl Fn(usize) -> Vec<u8>,
    ) -> Result<Chunk, ReplayError> {
        let table = Table::of(batch, path)?;
        let held = self.held.take();
        let mut taken = ObservationsBuilder::with_capacity(batch.num_rows(), batch.num_rows());
        let mut quarantined = Vec::new();
        let mut open: Option<MessageHead<'_>> = held.as_ref().map(|held| held.open(&mut taken));
        let mut flawed = flawed.iter().peekable();
        for row in 0..batch.num_rows() {
            let offset = Position {
                file: self.file,
                row: self.before + row as u64 + 1,
            }
            .offset();
            let judged = match flawed.next_if(|flawed| flawed.row == row) {
                Some(flawed) => Err(flawed.flaw),
                None => self.row(&table, row, offset),
            };
            match judged {
                Ok((head, reading)) => {
                    let same = open.is_some_and(|open| is_same(&open, &head));
                    if !same || taken.holds(reading.vital) {
                        close(&mut taken, open.take());
                        open = Some(head);
                    }
                    let placed = taken.reading(reading);
                    debug_assert_eq!(placed, Placed::Taken, "a new message takes any reading");
                }
                Err(flaw) => {
                    close(&mut taken, open.take());
                    let vital = table.code.get(row).and_then(VitalSign::from_code);
                    quarantined.push(self.refuse(flaw, offset, &render(row), vital));
                }
            }
        }
        self.held = open.map(|head| Held::new(&head, taken.withdraw()));
        self.before += batch.num_rows() as u64;
        Ok(Chunk {
            observations: taken.finish(),
            quarantined,
            repeats: 0,
            open_quotes: Vec::new(),
        })
    }

    /// The last message of the last chunk, once.
    pub fn finish(&mut self) -> Option<Chunk> {
        let held = self.held.take()?;
        let mut taken = ObservationsBuilder::with_capacity(1, held.readings.len());
        let head = held.open(&mut taken);
        taken.close(&head);
        Some(Chunk {
            observations: taken.finish(),
            quarantined: Vec::new(),
            repeats: 0,
            open_quotes: Vec::new(),
        })
    }

    /// One row; flaws are looked for in the order in which JSON is judged.
    #[inline]
    fn row<'t>(
        &mut self,
        table: &'t Table,
        row: usize,
        offset: i64,
    ) -> Result<(MessageHead<'t>, Reading), Flaw> {
        let patient_id = table
            .patient_id
            .get(row)
            .ok_or(Flaw::new(Reason::MissingField, "patient_id"))?;
        check_patient_id(patient_id)?;
        let kind = table.status.get(row).map_or(Ok(Kind::Measured), read_status)?;
        let origin = |text: Option<&'t str>, field| text.map_or(Ok(None), |text| check_origin(text, field));
        let device_id = origin(table.device_id.get(row), "device_id")?;
        let source = origin(table.source.get(row), "source")?;
        let ts = table.ts.get(row, "ts")?.ok_or(Flaw::new(Reason::NoTime, "ts"))?;
        let append_time = table.arrived_at.get(row, "arrived_at")?.unwrap_or(ts);
        let code = table
            .code
            .get(row)
            .ok_or(Flaw::new(Reason::MissingField, "code"))?;
        let (kind, reading) = self.reading(table, row, code, kind)?;
        self.newest = append_time;
        Ok((
            MessageHead {
                patient_id,
                ts,
                device_id,
                source,
                append_time,
                topic: 0,
                offset,
                kind,
            },
            reading,
        ))
    }

    /// What a row says. What withdraws a reading, or says that nothing was measured, needs no value.
    #[inline]
    fn reading(
        &mut self,
        table: &Table,
        row: usize,
        code: &str,
        kind: Kind,
    ) -> Result<(Kind, Reading), Flaw> {
        let nothing = |vital| Reading { vital, value: 0.0 };
        if matches!(kind, Kind::Absent | Kind::Withdrawn) {
            let vital = VitalSign::from_code(code).ok_or(Reason::UnknownCode)?;
            return Ok((kind, nothing(vital)));
        }
        let meaning = self.meanings.of(code, table.unit.get(row))?;
        let value = table
            .value
            .get(row)
            .ok_or(Flaw::new(Reason::MissingField, "value"))?;
        Ok(match (meaning.reading(value)?, kind) {
            (Some(reading), kind) => (kind, reading),
            (None, Kind::Corrected) => (Kind::Withdrawn, nothing(meaning.vital())),
            (None, _) => (Kind::Absent, nothing(meaning.vital())),
        })
    }

    fn refuse(&self, flaw: Flaw, offset: i64, payload: &[u8], vital: Option<VitalSign>) -> Quarantined {
        let record = Record {
            payload,
            key: None,
            append_time: self.newest,
            topic: 0,
            partition: 0,
            offset,
        };
        let reading = vital.map(|vital| BadReading {
            index: 0,
            vital: Some(vital),
        });
        Quarantined::readings(&record, flaw, reading.into_iter().collect())
    }
}

// === impl Held ===

impl Held {
    fn new(head: &MessageHead<'_>, readings: Vec<Reading>) -> Self {
        Self {
            patient_id: head.patient_id.to_owned(),
            device_id: head.device_id.map(str::to_owned),
            source: head.source.map(str::to_owned),
            ts: head.ts,
            append_time: head.append_time,
            offset: head.offset,
            kind: head.kind,
            readings,
        }
    }

    /// Opens the message again.
    fn open(&self, taken: &mut ObservationsBuilder) -> MessageHead<'_> {
        for reading in &self.readings {
            let placed = taken.reading(*reading);
            debug_assert_eq!(placed, Placed::Taken, "it was taken before");
        }
        MessageHead {
            patient_id: &self.patient_id,
            ts: self.ts,
            device_id: self.device_id.as_deref(),
            source: self.source.as_deref(),
            append_time: self.append_time,
            topic: 0,
            offset: self.offset,
            kind: self.kind,
        }
    }
}

#[inline]
fn is_same(open: &MessageHead<'_>, head: &MessageHead<'_>) -> bool {
    open.ts == head.ts
        && open.kind == head.kind
        && open.patient_id == head.patient_id
        && open.append_time == head.append_time
        && open.device_id == head.device_id
        && open.source == head.source
}

#[inline]
fn close(taken: &mut ObservationsBuilder, open: Option<MessageHead<'_>>) {
    if let Some(head) = open {
        taken.close(&head);
    }
}
