//! The built-in files: every charted row, and the end of every stay.

use arrow::array::{Array, AsArray, PrimitiveArray, RecordBatch};
use arrow::datatypes::{ArrowPrimitiveType, Float64Type, Int32Type, TimestampMicrosecondType};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::push_decoder::PushBuffers;
use serde::Deserialize;
use std::collections::BTreeMap;
use wardwatch_event_time::Timestamp;

use super::items::{self, Item};
use crate::SimulateError;

static VITALS: &[u8] = include_bytes!("../../data/mimic-iii-demo-vitals.parquet");
static STAYS: &[u8] = include_bytes!("../../data/mimic-iii-demo-stays.csv");

/// One charted value.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) item: &'static Item,
    pub(crate) charttime: Timestamp,
    pub(crate) storetime: Timestamp,
    /// Finite, in `unit`.
    pub(crate) value: f64,
    /// As charted; `None` for scales.
    pub(crate) unit: Option<String>,
    /// Withdrawn later as an error.
    pub(crate) error: bool,
}

/// One stay; its rows, at least one, by arrival, then `ts`, then device.
#[derive(Debug)]
pub(crate) struct Stay {
    pub(crate) icustay_id: i32,
    pub(crate) rows: Vec<Row>,
    outtime: Timestamp,
}

/// One line of the list of stays.
#[derive(Deserialize)]
struct StayLine {
    icustay_id: i32,
    outtime: Timestamp,
}

/// Every stay, by number.
pub(crate) fn stays() -> Result<Vec<Stay>, SimulateError> {
    let mut ends = BTreeMap::new();
    for line in csv::Reader::from_reader(STAYS).deserialize() {
        let line: StayLine = line?;
        ends.insert(line.icustay_id, line.outtime);
    }
    rows()?
        .into_iter()
        .map(|(icustay_id, mut rows)| {
            let outtime = ends
                .remove(&icustay_id)
                .ok_or(SimulateError::UnknownStay { icustay_id })?;
            rows.sort_by_key(super::group);
            Ok(Stay {
                icustay_id,
                rows,
                outtime,
            })
        })
        .collect()
}

/// Every row, by stay.
fn rows() -> Result<BTreeMap<i32, Vec<Row>>, SimulateError> {
    let mut buffers = PushBuffers::new(VITALS.len() as u64);
    buffers.push_range(0..VITALS.len() as u64, VITALS.into());
    let mut rows: BTreeMap<i32, Vec<Row>> = BTreeMap::new();
    for batch in ParquetRecordBatchReaderBuilder::try_new(buffers)?.build()? {
        read_batch(&batch?, &mut rows)?;
    }
    Ok(rows)
}

fn read_batch(batch: &RecordBatch, rows: &mut BTreeMap<i32, Vec<Row>>) -> Result<(), SimulateError> {
    let stays = primitive::<Int32Type>(batch, "icustay_id")?;
    let items = primitive::<Int32Type>(batch, "itemid")?;
    let charttimes = primitive::<TimestampMicrosecondType>(batch, "charttime")?;
    let storetimes = primitive::<TimestampMicrosecondType>(batch, "storetime")?;
    let values = primitive::<Float64Type>(batch, "valuenum")?;
    let units = column(batch, "valueuom", |array| array.as_string_opt::<i32>())?;
    let errors = column(batch, "error", |array| array.as_boolean_opt())?;
    for at in 0..batch.num_rows() {
        let itemid = items.value(at);
        rows.entry(stays.value(at)).or_default().push(Row {
            item: items::find(itemid).ok_or(SimulateError::UnknownItem { itemid })?,
            charttime: Timestamp::from_micros(charttimes.value(at)),
            storetime: Timestamp::from_micros(storetimes.value(at)),
            value: values.value(at),
            unit: units.is_valid(at).then(|| units.value(at).to_owned()),
            error: errors.value(at),
        });
    }
    Ok(())
}

fn primitive<'a, T: ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    name: &'static str,
) -> Result<&'a PrimitiveArray<T>, SimulateError> {
    column(batch, name, |array| {
        array
            .as_primitive_opt::<T>()
            .filter(|array| array.null_count() == 0)
    })
}

fn column<'a, A>(
    batch: &'a RecordBatch,
    name: &'static str,
    cast: impl FnOnce(&'a dyn Array) -> Option<&'a A>,
) -> Result<&'a A, SimulateError> {
    batch
        .column_by_name(name)
        .and_then(|array| cast(array.as_ref()))
        .ok_or(SimulateError::Column { name })
}

// === impl Stay ===

impl Stay {
    pub(crate) fn first_arrival(&self) -> Timestamp {
        self.rows[0].storetime
    }

    /// When the patient leaves: as recorded, but not before the last row has arrived.
    pub(crate) fn discharge(&self) -> Timestamp {
        let last = self.rows.last().expect("a stay has rows");
        self.outtime.max(last.storetime)
    }
}
