//! Features as Parquet, for training and comparison.
//!
//! One row an evaluation: `patient_id`, `window_end`, `at` (log time of the close), `revision`, then one column a feature.
//! Several feature sets share a row where they were evaluated for the same patient and window at the same close; then
//! `feature_sets` says which of them were, separated by spaces, and the columns of the others are null. A feature that
//! two sets name alike is written as `set.feature`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampMicrosecondArray, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use wardwatch_pipeline::Pipeline;
use wardwatch_shard::FeatureRows;

use crate::ReplayError;

/// Rows are gathered to so many before they are written: a hundred columns make small writes dear.
const WRITE_ROWS: usize = 16_384;

/// Writes features to a Parquet file.
pub struct FeatureWriter {
    path: PathBuf,
    writer: ArrowWriter<File>,
    schema: SchemaRef,
    sets: Vec<(String, SchemaRef)>,
    waiting: Vec<FeatureRows>,
    waiting_rows: usize,
}

/// Which evaluation a row is.
#[derive(Default)]
struct Evaluations {
    patient_id: Vec<Arc<str>>,
    window_end: Vec<i64>,
    at: Vec<i64>,
    revision: Vec<u32>,
    /// Row of each set's features, a set after the other.
    rows: Vec<Vec<Option<u32>>>,
}

// === impl FeatureWriter ===

impl FeatureWriter {
    /// Creates the file, with the columns of the pipeline's feature sets.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn create(path: &Path, pipeline: &Pipeline) -> Result<Self, ReplayError> {
        let file = File::create(path).map_err(|source| ReplayError::Write {
            path: path.into(),
            source,
        })?;
        let sets = pipeline
            .sets
            .iter()
            .map(|set| (set.name.clone(), Arc::clone(set.plan.features())));
        let sets: Vec<(String, SchemaRef)> = sets.collect();
        let schema = schema(&sets);
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            // Features are doubles that seldom repeat; a dictionary of them is only work.
            .set_dictionary_enabled(false);
        for column in ["patient_id", "window_end", "at", "revision", "feature_sets"] {
            properties = properties.set_column_dictionary_enabled(ColumnPath::from(column), true);
        }
        let writer =
            ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties.build())).map_err(|source| {
                ReplayError::Features {
                    path: path.into(),
                    source,
                }
            })?;
        Ok(Self {
            path: path.into(),
            writer,
            schema,
            sets,
            waiting: Vec::new(),
            waiting_rows: 0,
        })
    }

    /// Takes the features of one step.
    ///
    /// # Errors
    /// The file cannot be written on.
    pub fn write(&mut self, rows: impl IntoIterator<Item = FeatureRows>) -> Result<(), ReplayError> {
        for rows in rows {
            self.waiting_rows += rows.patient_id.len();
            self.waiting.push(rows);
        }
        if self.waiting_rows >= WRITE_ROWS {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// Completes the file.
    ///
    /// # Errors
    /// The file cannot be written on.
    pub fn finish(mut self) -> Result<(), ReplayError> {
        self.flush()?;
        match self.writer.close() {
            Ok(_) => Ok(()),
            Err(source) => Err(ReplayError::Features {
                path: self.path,
                source,
            }),
        }
    }

    fn flush(&mut self) -> Result<(), ReplayError> {
        if self.waiting_rows == 0 {
            return Ok(());
        }
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting_rows = 0;
        let evaluations = Evaluations::of(&waiting, self.sets.len());
        let batch = self.batch(&waiting, &evaluations);
        self.writer.write(&batch).map_err(|source| ReplayError::Features {
            path: self.path.clone(),
            source,
        })
    }

    fn batch(&self, waiting: &[FeatureRows], evaluations: &Evaluations) -> RecordBatch {
        let patient_id = StringArray::from_iter_values(&evaluations.patient_id);
        let instants =
            |micros: &[i64]| Arc::new(TimestampMicrosecondArray::from(micros.to_vec()).with_timezone("UTC"));
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(patient_id),
            instants(&evaluations.window_end),
            instants(&evaluations.at),
            Arc::new(UInt32Array::from(evaluations.revision.clone())),
        ];
        if self.sets.len() > 1 {
            columns.push(Arc::new(self.evaluated_sets(evaluations)));
        }
        for (set, (_, schema)) in self.sets.iter().enumerate() {
            let parts = waiting
                .iter()
                .filter(|rows| rows.set == set)
                .map(|rows| &rows.rows);
            let features = concat_batches(schema, parts).expect("a set's features have its schema");
            let rows = UInt32Array::from(evaluations.rows[set].clone());
            let features = take_record_batch(&features, &rows).expect("rows of the set's features");
            columns.extend(features.columns().iter().cloned());
        }
        RecordBatch::try_new(Arc::clone(&self.schema), columns).expect("columns of the schema, of one length")
    }

    fn evaluated_sets(&self, evaluations: &Evaluations) -> StringArray {
        let sets = |row: usize| {
            let evaluated = self
                .sets
                .iter()
                .zip(&evaluations.rows)
                .filter(|(_, rows)| rows[row].is_some());
            let names: Vec<&str> = evaluated.map(|((name, _), _)| name.as_str()).collect();
            names.join(" ")
        };
        StringArray::from_iter_values((0..evaluations.patient_id.len()).map(sets))
    }
}

// === impl Evaluations ===

impl Evaluations {
    /// Gives each evaluation a row, in order of first appearance.
    fn of(waiting: &[FeatureRows], sets: usize) -> Self {
        let mut all = Self {
            rows: vec![Vec::new(); sets],
            ..Self::default()
        };
        let mut known: HashMap<_, usize> = HashMap::new();
        let mut read = vec![0u32; sets];
        for rows in waiting {
            for row in 0..rows.patient_id.len() {
                let key = (
                    &rows.patient_id[row],
                    rows.window_end[row],
                    rows.at[row],
                    rows.revision[row],
                );
                let at = match known.entry(key) {
                    // A set has one row an evaluation: a second one is another evaluation that looks alike.
                    Entry::Occupied(mut entry) if all.rows[rows.set][*entry.get()].is_some() => {
                        entry.insert(all.add(rows, row))
                    }
                    Entry::Occupied(entry) => *entry.get(),
                    Entry::Vacant(entry) => *entry.insert(all.add(rows, row)),
                };
                all.rows[rows.set][at] = Some(read[rows.set]);
                read[rows.set] += 1;
            }
        }
        all
    }

    fn add(&mut self, rows: &FeatureRows, row: usize) -> usize {
        self.patient_id.push(Arc::clone(&rows.patient_id[row]));
        self.window_end.push(rows.window_end[row]);
        self.at.push(rows.at[row]);
        self.revision.push(rows.revision[row]);
        self.rows.iter_mut().for_each(|set| set.push(None));
        self.patient_id.len() - 1
    }
}

fn schema(sets: &[(String, SchemaRef)]) -> SchemaRef {
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let mut fields = vec![
        Field::new("patient_id", DataType::Utf8, false),
        Field::new("window_end", instant.clone(), false),
        Field::new("at", instant, false),
        Field::new("revision", DataType::UInt32, false),
    ];
    if sets.len() > 1 {
        fields.push(Field::new("feature_sets", DataType::Utf8, false));
    }
    let head = fields.len();
    let names = |name: &str| {
        let alike = sets
            .iter()
            .flat_map(|(_, schema)| schema.fields())
            .filter(|field| field.name() == name)
            .count();
        alike + fields[..head].iter().filter(|field| field.name() == name).count()
    };
    let features = sets
        .iter()
        .flat_map(|(set, schema)| schema.fields().iter().map(move |field| (set, field)));
    let features: Vec<Field> = features
        .map(|(set, field)| match names(field.name()) {
            1 => Field::new(field.name(), DataType::Float64, true),
            _ => Field::new(format!("{set}.{}", field.name()), DataType::Float64, true),
        })
        .collect();
    fields.extend(features);
    Arc::new(Schema::new(fields))
}

#[cfg(test)]
mod tests;
