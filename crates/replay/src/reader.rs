//! Several files read as one log: merged by append time.
//!
//! At equal times context comes before observations, and an earlier file before a later one; within a file the order is the
//! file's. A batch ends where some file has to be read on, so a batch may be short; batch cuts never change a result.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::interleave_record_batch;
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Timestamp;
use wardwatch_ingest::{BadReading, ContextRecord, Flaw, Observations, Quarantined, Reason, Record};

use crate::files::{self, Arrivals, Aside, CHUNK_ROWS, Chunks, FileReport, FileReports, Inputs, Opened};
use crate::{Position, ReplayError, refused};

const ALONE: Flaw = Flaw::new(
    Reason::BadTime,
    "ts: more than a week from every other of the file",
);

/// Reads files of observations and context as one log.
pub struct Reader {
    files: Vec<Input>,
    aside: Aside,
    reports: FileReports,
}

/// The next records of the log.
#[derive(Debug)]
pub struct ReadBatch {
    /// Messages in order of append time; their offsets are [`Position`]s.
    pub observations: Observations,
    /// Context records in order of append time, which is their `ts`.
    pub context: Vec<(Timestamp, ContextRecord)>,
    /// Rows and lines that are no observations, or some readings of a line; their offsets are [`Position`]s.
    pub quarantined: Vec<Quarantined>,
    /// Readings that repeat, with the same value, an earlier one of their own message; they are dropped.
    pub repeats: u64,
}

/// One file and how far it has been merged.
struct Input {
    /// Its place among the files.
    file: usize,
    path: PathBuf,
    chunks: Box<dyn Chunks>,
    arrivals: Arrivals,
    order: Order,
    row_a_reading: bool,
    context: VecDeque<(Timestamp, ContextRecord)>,
    observations: Observations,
    /// The next row of `observations`.
    at: usize,
    ended: bool,
}

/// The order in which a file's observations are taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// That of `arrived_at`.
    Arrival,
    /// That of `ts`.
    Time,
    /// That of its rows.
    Rows,
}

// === impl Reader ===

impl Reader {
    /// Opens files by their endings. `sources` are the names of the pipeline's sources: an observation whose `source` is one
    /// of them is of that one, any other of the first.
    ///
    /// # Errors
    /// A file cannot be read or is not of its format.
    pub fn open(inputs: impl Into<Inputs>, sources: &[String]) -> Result<Self, ReplayError> {
        let inputs = inputs.into();
        let paths = &inputs.files;
        if paths.len() > Position::MOST_FILES {
            return Err(ReplayError::TooManyFiles {
                files: paths.len(),
                most: Position::MOST_FILES,
            });
        }
        let sources: Arc<[String]> = sources.into();
        let mut aside = Aside::default();
        let mut reports = FileReports::new(paths.iter().map(|path| path.display().to_string()));
        let mut files = Vec::with_capacity(paths.len());
        for (file, path) in paths.iter().enumerate() {
            let Opened {
                chunks,
                context,
                quarantined: flawed,
                has_arrivals,
                row_a_reading,
            } = files::open(path, file, inputs.multiline)?;
            reports.of_file(file).note_context(context.len(), &flawed);
            aside.quarantined.extend(flawed);
            files.push(Input {
                file,
                path: path.clone(),
                chunks,
                arrivals: Arrivals::new(Arc::clone(&sources)),
                order: match has_arrivals {
                    true => Order::Arrival,
                    false if inputs.as_is => Order::Rows,
                    false => Order::Time,
                },
                row_a_reading,
                context,
                observations: Observations::empty(),
                at: 0,
                ended: false,
            });
        }
        Ok(Self {
            files,
            aside,
            reports,
        })
    }

    /// The next batch, `None` at the end of all files. It may be without observations.
    ///
    /// # Errors
    /// A file cannot be read on.
    pub fn next_batch(&mut self) -> Result<Option<ReadBatch>, ReplayError> {
        for file in &mut self.files {
            let report = self.reports.of_file(file.file);
            file.refill(&mut self.aside, report)?;
        }
        let mut picked = Vec::new();
        let mut context = Vec::new();
        while picked.len() + context.len() < CHUNK_ROWS {
            let Some((file, (_, is_observation))) = self.earliest() else {
                break;
            };
            let input = &mut self.files[file];
            if !is_observation {
                context.extend(input.context.pop_front());
                continue;
            }
            picked.push((file, input.at));
            input.at += 1;
            if input.at == input.observations.len() && !input.ended {
                break;
            }
        }
        let Aside { quarantined, repeats } = std::mem::take(&mut self.aside);
        if picked.is_empty() && context.is_empty() && quarantined.is_empty() && repeats == 0 {
            return Ok(None);
        }
        Ok(Some(ReadBatch {
            observations: self.gather(&picked),
            context,
            quarantined,
            repeats,
        }))
    }

    /// What became of the files, as far as they have been read.
    pub fn into_reports(self) -> FileReports {
        self.reports
    }

    /// Notes readings of the message at `offset` that were refused after they had been read.
    pub(crate) fn refuse(&mut self, offset: i64, reason: Reason, readings: u64) {
        self.reports
            .refuse(Position::of_offset(offset).file, reason, readings);
    }

    /// How much of the input has been read, from 0 to 1.
    pub fn fraction(&self) -> f64 {
        let read: f64 = self.files.iter().map(|file| file.chunks.fraction()).sum();
        if self.files.is_empty() {
            1.0
        } else {
            (read / self.files.len() as f64).min(1.0)
        }
    }

    /// The file of a position.
    ///
    /// # Panics
    /// If the position is not of this reader.
    pub fn path(&self, position: Position) -> &Path {
        &self.files[position.file].path
    }

    /// Where reading `nth` of the message at `offset` stands.
    ///
    /// # Panics
    /// If the offset is not of this reader.
    pub fn position(&self, offset: i64, nth: usize) -> Position {
        self.files[Position::of_offset(offset).file].position(offset, nth)
    }

    /// The file whose next record is the earliest, with that record's time and whether it is an observation.
    #[inline]
    fn earliest(&self) -> Option<(usize, (i64, bool))> {
        let heads = self
            .files
            .iter()
            .enumerate()
            .filter_map(|(file, input)| Some((file, input.head()?)));
        heads.min_by_key(|(file, head)| (*head, *file))
    }

    /// The picked rows as one batch; without a copy where they stand in one file.
    fn gather(&self, picked: &[(usize, usize)]) -> Observations {
        let Some(&(file, start)) = picked.first() else {
            return Observations::empty();
        };
        if picked.iter().all(|(other, _)| *other == file) {
            return self.files[file].observations.slice(start, picked.len());
        }
        let batches: Vec<&RecordBatch> = self.files.iter().map(|file| file.observations.batch()).collect();
        let batch = interleave_record_batch(&batches, picked).expect("rows of batches of one schema");
        Observations::from_batch(batch).expect("rows are observations")
    }
}

// === impl Input ===

impl Input {
    /// Time and kind of the next record; context stands before observations.
    #[inline]
    fn head(&self) -> Option<(i64, bool)> {
        let observation =
            (self.at < self.observations.len()).then(|| (self.observations.append_time()[self.at], true));
        let context = self.context.front().map(|(ts, _)| (ts.micros(), false));
        match (context, observation) {
            (Some(context), Some(observation)) => Some(context.min(observation)),
            (context, observation) => context.or(observation),
        }
    }

    /// Reads on where everything read so far has been merged.
    fn refill(&mut self, aside: &mut Aside, report: &mut FileReport) -> Result<(), ReplayError> {
        while self.at == self.observations.len() && !self.ended {
            self.at = 0;
            let unsettled = match self.order {
                Order::Rows => match self.chunks.next()? {
                    Some(chunk) => aside.take(chunk, report),
                    None => {
                        self.ended = true;
                        Observations::empty()
                    }
                },
                Order::Arrival | Order::Time => {
                    self.ended = true;
                    files::sorted(&mut *self.chunks, &self.path, aside, report)?
                }
            };
            let believed = match self.order {
                Order::Time => self.without_lone_dates(&unsettled, aside, report),
                Order::Arrival | Order::Rows => unsettled,
            };
            self.observations = self.arrivals.settle(believed);
        }
        Ok(())
    }

    /// Sorted observations without those whose date stands alone, which go to quarantine.
    fn without_lone_dates(
        &self,
        sorted: &Observations,
        aside: &mut Aside,
        report: &mut FileReport,
    ) -> Observations {
        let kept = files::standing_alone(sorted);
        for row in (0..kept.start).chain(kept.end..sorted.len()) {
            let first = sorted.readings_offsets()[row] as usize;
            let end = sorted.readings_offsets()[row + 1] as usize;
            for place in first..end {
                let payload = refused::record(sorted, row, place);
                let record = Record {
                    payload: payload.as_bytes(),
                    key: None,
                    append_time: Timestamp::from_micros(sorted.append_time()[row]),
                    topic: 0,
                    partition: 0,
                    offset: self.position(sorted.offset()[row], place - first).offset(),
                };
                let vital = VitalSign::from_index(sorted.vitals()[place]);
                let bad = BadReading { index: 0, vital };
                aside
                    .quarantined
                    .push(Quarantined::readings(&record, ALONE, vec![bad]));
            }
            report.refuse(ALONE.reason, (end - first) as u64);
        }
        sorted.slice(kept.start, kept.len())
    }

    /// Where reading `nth` of the message at `offset` stands.
    fn position(&self, offset: i64, nth: usize) -> Position {
        let mut position = Position::of_offset(offset);
        if self.row_a_reading {
            position.row += nth as u64;
        }
        position
    }
}

#[cfg(test)]
mod tests;
