use std::fs::File;

use arrow::array::{Array, AsArray, Float64Array};
use arrow::datatypes::Float64Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tempfile::TempDir;

use super::*;

const PIPELINE: &str = r#"
pipeline: two-sets
version: 1
sources: [{ name: bedside, topic: vitals.bedside, format: observation-json }]
time: { lateness: 2m, hold: 0s, grace: 2s, future_skew: 10s, silent_after: 60s, forget_after: 24h }
features:
  - { name: short, window: 1m, every: 10s, sql: "SELECT patient_id, avg(spo2) AS spo2_mean FROM vitals GROUP BY patient_id" }
  - { name: long, window: 1h, every: 1m, sql: "SELECT patient_id, min(spo2) AS spo2_min FROM vitals GROUP BY patient_id" }
"#;

fn rows(set: usize, schema: &SchemaRef, window_end: &[i64], features: &[f64]) -> FeatureRows {
    let features = Arc::new(Float64Array::from(features.to_vec()));
    FeatureRows {
        set,
        patient_id: window_end.iter().map(|_| "p-1".into()).collect(),
        window_end: window_end.to_vec(),
        at: window_end.iter().map(|end| end + 1).collect(),
        revision: vec![0; window_end.len()],
        rows: RecordBatch::try_new(Arc::clone(schema), vec![features]).unwrap(),
    }
}

#[test]
fn sets_share_the_rows_of_one_close() {
    let dir = TempDir::new().unwrap();
    let pipeline = Pipeline::parse(PIPELINE, dir.path()).unwrap();
    let path = dir.path().join("features.parquet");
    let mut writer = FeatureWriter::create(&path, &pipeline).unwrap();
    let schemas: Vec<SchemaRef> = pipeline
        .sets
        .iter()
        .map(|set| Arc::clone(set.plan.features()))
        .collect();
    let long = rows(1, &schemas[1], &[60_000_000], &[90.0]);
    let short = rows(0, &schemas[0], &[50_000_000, 60_000_000], &[95.0, 96.0]);
    writer.write([long, short]).unwrap();
    writer.finish().unwrap();

    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap())
        .unwrap()
        .build()
        .unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    let [batch] = &batches[..] else {
        panic!("one batch")
    };
    let names: Vec<String> = batch
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    assert_eq!(
        names,
        [
            "patient_id",
            "window_end",
            "at",
            "revision",
            "feature_sets",
            "spo2_mean",
            "spo2_min"
        ]
    );
    let sets: Vec<_> = batch.column(4).as_string::<i32>().iter().flatten().collect();
    assert_eq!(sets, ["short long", "short"]);
    let column = |at: usize| {
        batch
            .column(at)
            .as_primitive::<Float64Type>()
            .iter()
            .collect::<Vec<_>>()
    };
    assert_eq!(column(5), [Some(96.0), Some(95.0)]);
    assert_eq!(column(6), [Some(90.0), None]);
    assert_eq!(batch.column(0).null_count(), 0);
}
