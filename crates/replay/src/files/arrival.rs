//! The order in which a file's observations came in.
//!
//! A broker stamps an append time on each record and never lets it go back. A file has two ways to say the same:
//!
//! - it has `arrived_at`: observations are taken in its order, those of equal times in the file's;
//! - it has none: observations are taken in the order of `ts`, as if each had arrived when it was measured. Then a wrong
//!   date makes no other row late. One far from all others would still let time pass for everybody, and call them silent:
//!   where it [stands alone](standing_alone) it is no date of the file.
//!
//! Either takes a sort of the whole file in memory, at most [`MOST_SORTED`] messages. A file without `arrived_at` may be
//! taken as it is instead: the order of its rows is that of arrival, and the append time the largest `ts` so far.
//!
//! ARRIVAL-1: the append times of a file's observations, as given out, never go back.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{RecordBatch, TimestampMicrosecondArray, UInt16Array, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use wardwatch_ingest::Observations;

use super::{Aside, Chunks, FileReport};
use crate::ReplayError;

/// A message takes about 100 bytes, twice during the sort: 20 GB at the most.
const MOST_SORTED: usize = 100_000_000;

/// Microseconds from a date that stands alone to the next: longer than any patient is away and still remembered.
const WEEK: i64 = 7 * 24 * 3_600 * 1_000_000;

/// Puts observations into the order of arrival, with append times and topics.
pub(crate) struct Arrivals {
    /// The pipeline's sources by name, in its order.
    sources: Arc<[String]>,
    newest: i64,
}

// === impl Arrivals ===

impl Arrivals {
    /// Of one file.
    pub fn new(sources: Arc<[String]>) -> Self {
        Self {
            sources,
            newest: i64::MIN,
        }
    }

    /// Gives a chunk of observations, which must follow the chunk before in the order of arrival, append times that do not
    /// go back, and the topics that their sources name.
    pub fn settle(&mut self, observations: Observations) -> Observations {
        let append_time =
            TimestampMicrosecondArray::from_iter_values(observations.append_time().iter().map(|time| {
                self.newest = self.newest.max(*time);
                self.newest
            }));
        let topic = self.topics(&observations);
        let schema = Observations::schema();
        let zone = schema
            .field_with_name("append_time")
            .expect("a column of observations")
            .data_type()
            .clone();
        let columns = observations
            .batch()
            .columns()
            .iter()
            .zip(schema.fields())
            .map(|(column, field)| match field.name().as_str() {
                "append_time" => Arc::new(append_time.clone().with_data_type(zone.clone())) as _,
                "topic" => Arc::new(topic.clone()) as _,
                _ => Arc::clone(column),
            });
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns.collect())
            .expect("columns of the schema, of one length");
        Observations::from_batch(batch).expect("readings are as they were")
    }

    /// The pipeline's source that each observation's `source` names; the first where it names none.
    fn topics(&self, observations: &Observations) -> UInt16Array {
        if self.sources.len() < 2 {
            return vec![0; observations.len()].into();
        }
        (0..observations.len())
            .map(|row| {
                let named = observations.source(row);
                let topic = named.and_then(|name| self.sources.iter().position(|source| source == name));
                topic.unwrap_or(0) as u16
            })
            .collect::<Vec<u16>>()
            .into()
    }
}

/// The rows of sorted observations without an instant at either end that stands alone: one patient's, more than a week from
/// all others, where those do not stand alone as well.
pub(crate) fn standing_alone(observations: &Observations) -> Range<usize> {
    let times = observations.append_time();
    let is_one_patient = |rows: Range<usize>| {
        let mut ids = rows.map(|row| observations.patient_id(row));
        let first = ids.next();
        ids.all(|id| Some(id) == first)
    };
    let mut kept = 0..times.len();
    if let (Some(first), Some(last)) = (times.first(), times.last()) {
        let second = times.partition_point(|time| time == first);
        let is_alone =
            matches!(times[second..], [next, after, ..] if next - first > WEEK && after - next <= WEEK);
        if is_alone && is_one_patient(0..second) {
            kept.start = second;
        }
        let end = times.partition_point(|time| time < last);
        let is_alone = matches!(times[kept.start.min(end)..end], [.., after, next] if last - next > WEEK && next - after <= WEEK);
        if is_alone && is_one_patient(end..times.len()) {
            kept.end = end;
        }
    }
    kept
}

/// Reads the rest of a file and sorts it by append time; observations of equal times keep their order.
pub(crate) fn sorted(
    chunks: &mut dyn Chunks,
    path: &Path,
    aside: &mut Aside,
    report: &mut FileReport,
) -> Result<Observations, ReplayError> {
    let mut parts = Vec::new();
    let mut messages = 0;
    while let Some(chunk) = chunks.next()? {
        let observations = aside.take(chunk, report);
        messages += observations.len();
        if messages > MOST_SORTED {
            return Err(ReplayError::TooLargeToSort {
                path: path.into(),
                most: MOST_SORTED,
            });
        }
        parts.push(observations.into_batch());
    }
    let whole =
        concat_batches(&Observations::schema(), &parts).expect("chunks have the schema of observations");
    drop(parts);
    let observations = Observations::from_batch(whole).expect("chunks are observations");
    let times = observations.append_time();
    if times.is_sorted() {
        return Ok(observations);
    }
    let mut order: Vec<u32> = (0..times.len() as u32).collect();
    order.sort_by_key(|row| times[*row as usize]);
    let batch =
        take_record_batch(observations.batch(), &UInt32Array::from(order)).expect("rows of the batch");
    Ok(Observations::from_batch(batch).expect("rows are observations"))
}
