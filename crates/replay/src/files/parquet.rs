//! Parquet: a long table, a row an observation.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};

use super::rows::Rows;
use super::table::as_json;
use super::{CHUNK_ROWS, Chunk, Chunks, Opened};
use crate::ReplayError;

struct ParquetChunks {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
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
    let options = ArrowReaderOptions::new().with_schema(Arc::new(with_views(found.schema())));
    let metadata = ArrowReaderMetadata::try_new(Arc::clone(found.metadata()), options).map_err(failed)?;
    let total = metadata.metadata().file_metadata().num_rows().max(0) as u64;
    let has_arrivals = metadata.schema().field_with_name("arrived_at").is_ok();
    // Nested columns are no part of an observation.
    let flat = metadata
        .schema()
        .fields()
        .iter()
        .enumerate()
        .filter(|(_, field)| !field.data_type().is_nested());
    let flat: Vec<usize> = flat.map(|(position, _)| position).collect();
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(opened, metadata);
    let projection = ProjectionMask::roots(builder.parquet_schema(), flat);
    let reader = builder
        .with_projection(projection)
        .with_batch_size(CHUNK_ROWS)
        .build()
        .map_err(failed)?;
    let chunks = ParquetChunks {
        path: path.into(),
        reader,
        rows: Rows::new(file),
        read: 0,
        total,
    };
    Ok(Opened::rows(chunks, has_arrivals))
}

/// The schema with texts as views, which are read without copying them.
fn with_views(schema: &Schema) -> Schema {
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 => {
            Field::new(field.name(), DataType::Utf8View, field.is_nullable())
        }
        _ => Field::clone(field),
    });
    Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone())
}

// === impl ParquetChunks ===

impl Chunks for ParquetChunks {
    fn next(&mut self) -> Result<Option<Chunk>, ReplayError> {
        let Some(batch) = self.reader.next() else {
            return Ok(self.rows.finish());
        };
        let batch = batch.map_err(|error| ReplayError::Parquet {
            path: self.path.clone(),
            source: error.into(),
        })?;
        self.read += batch.num_rows() as u64;
        self.rows
            .judge(&batch, &self.path, &[], |row| as_json(&batch, row))
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
