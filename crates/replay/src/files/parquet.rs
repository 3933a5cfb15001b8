//! Parquet: a long table, a row an observation.
//!
//! INT96, the time of older writers, holds days and nanoseconds, and the decoder lets what 64 bits of nanoseconds do not
//! hold wrap to another date. So such columns are read a second time, in seconds, which never wrap: where the two do not
//! agree, the date is one that no time can be read from.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, TimestampNanosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int64Type, Schema, TimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Type;
use parquet::errors::ParquetError;

use super::columns::OBSERVATIONS;
use super::rows::Rows;
use super::table::as_json;
use super::{CHUNK_ROWS, Chunk, Chunks, Opened};
use crate::ReplayError;

/// Nanoseconds that stand for a date they do not hold: whole microseconds, in a year that no time can have.
const OUT_OF_REACH: i64 = i64::MIN / 1_000 * 1_000;

struct ParquetChunks {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    /// The columns of INT96 once more, in seconds.
    seconds: Option<ParquetRecordBatchReader>,
    rows: Rows,
    read: u64,
    total: u64,
}

/// Opens a Parquet file.
pub(super) fn open(path: &Path, file: usize) -> Result<Opened, ReplayError> {
    let failed = |source| ReplayError::Parquet {
        path: path.into(),
        source,
    };
    let opened = File::open(path).map_err(|source| ReplayError::Read {
        path: path.into(),
        source,
    })?;
    let found = ArrowReaderMetadata::load(&opened, ArrowReaderOptions::new()).map_err(failed)?;
    let int96 = int96_columns(&found);
    // Nested columns are no part of an observation.
    let fields = found.schema().fields().iter().enumerate();
    let flat: Vec<(usize, &str)> = fields
        .filter(|(_, field)| !field.data_type().is_nested())
        .map(|(place, field)| (place, field.name().as_str()))
        .collect();
    OBSERVATIONS.check(path, flat.iter().map(|(_, name)| *name), String::new)?;
    let has_arrivals = flat.iter().any(|(_, name)| *name == "arrived_at");
    let total = found.metadata().file_metadata().num_rows().max(0) as u64;
    let reader = |schema, columns: &[usize]| {
        let file = opened.try_clone().map_err(ParquetError::from)?;
        reader(file, &found, schema, columns)
    };
    let places: Vec<usize> = flat.iter().map(|(place, _)| *place).collect();
    let schema = |unit| with_views(found.schema(), &int96, unit);
    let seconds = match int96.is_empty() {
        true => None,
        false => Some(reader(schema(TimeUnit::Second), &int96).map_err(failed)?),
    };
    let chunks = ParquetChunks {
        path: path.into(),
        reader: reader(schema(TimeUnit::Nanosecond), &places).map_err(failed)?,
        seconds,
        rows: Rows::new(file),
        read: 0,
        total,
    };
    Ok(Opened::rows(chunks, has_arrivals))
}

/// The places of flat columns of INT96.
fn int96_columns(found: &ArrowReaderMetadata) -> Vec<usize> {
    let roots = found
        .parquet_schema()
        .root_schema()
        .get_fields()
        .iter()
        .enumerate();
    let int96 = roots.filter(|(_, root)| root.is_primitive() && root.get_physical_type() == Type::INT96);
    int96.map(|(place, _)| place).collect()
}

fn reader(
    file: File,
    found: &ArrowReaderMetadata,
    schema: Schema,
    columns: &[usize],
) -> Result<ParquetRecordBatchReader, ParquetError> {
    let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
    let metadata = ArrowReaderMetadata::try_new(Arc::clone(found.metadata()), options)?;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
    let projection = ProjectionMask::roots(builder.parquet_schema(), columns.iter().copied());
    builder
        .with_projection(projection)
        .with_batch_size(CHUNK_ROWS)
        .build()
}

/// The schema with texts as views, which are read without copying them, and INT96 in a unit.
fn with_views(schema: &Schema, int96: &[usize], unit: TimeUnit) -> Schema {
    let fields = schema.fields().iter().enumerate().map(|(place, field)| {
        let data_type = match field.data_type() {
            _ if int96.contains(&place) => DataType::Timestamp(unit, None),
            DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
            _ => return Field::clone(field),
        };
        Field::new(field.name(), data_type, field.is_nullable())
    });
    Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone())
}

/// The batch with the columns of another one in their places.
fn with_columns(
    batch: &RecordBatch,
    others: &RecordBatch,
    of: impl Fn(&ArrayRef, &ArrayRef) -> ArrayRef,
) -> RecordBatch {
    let (schema, mut columns) = (batch.schema(), batch.columns().to_vec());
    for (field, other) in others.schema().fields().iter().zip(others.columns()) {
        let place = schema
            .index_of(field.name())
            .expect("the other reader has all columns");
        columns[place] = of(&columns[place], other);
    }
    let columns = schema
        .fields()
        .iter()
        .zip(columns)
        .map(|(field, column)| (field.name(), column));
    RecordBatch::try_from_iter(columns).expect("columns of one length")
}

/// Nanoseconds, where they are those of the seconds beside them.
fn checked(nanos: &ArrayRef, seconds: &ArrayRef) -> ArrayRef {
    const BILLION: i64 = 1_000_000_000;
    let (nanos, seconds) = (numbers(nanos), numbers(seconds));
    let checked = nanos.iter().zip(&seconds).map(|(nanos, seconds)| {
        let is_held = nanos?.div_euclid(BILLION) == seconds?;
        Some(if is_held { nanos? } else { OUT_OF_REACH })
    });
    Arc::new(checked.collect::<TimestampNanosecondArray>())
}

fn numbers(instants: &ArrayRef) -> Int64Array {
    let numbers = cast(instants, &DataType::Int64).expect("an instant is a number");
    numbers.as_primitive::<Int64Type>().clone()
}

// === impl ParquetChunks ===

impl Chunks for ParquetChunks {
    fn next(&mut self) -> Result<Option<Chunk>, ReplayError> {
        let failed = |path: &Path, error: arrow::error::ArrowError| ReplayError::Parquet {
            path: path.into(),
            source: error.into(),
        };
        let Some(batch) = self.reader.next() else {
            return Ok(self.rows.finish());
        };
        let mut batch = batch.map_err(|error| failed(&self.path, error))?;
        self.read += batch.num_rows() as u64;
        let mut shown = batch.clone();
        if let Some(seconds) = self.seconds.as_mut().and_then(Iterator::next) {
            let seconds = seconds.map_err(|error| failed(&self.path, error))?;
            shown = with_columns(&batch, &seconds, |_, seconds| Arc::clone(seconds));
            batch = with_columns(&batch, &seconds, checked);
        }
        // In quarantine a row of INT96 stands with whole seconds: those are of the date that it names.
        self.rows
            .judge(&batch, &self.path, &[], |row| as_json(&shown, row))
            .map(Some)
    }

    fn fraction(&self) -> f64 {
        if self.total == 0 {
            1.0
        } else {
            self.read as f64 / self.total as f64
        }
    }
}
