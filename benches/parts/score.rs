//! Scores of ten thousand patients: NEWS2 in SQL, and a model.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array};
use arrow::datatypes::DataType;
use criterion::{Criterion, Throughput};
use wardwatch_benches::pipeline;
use wardwatch_inference::{Model, Models, Rows, Scorer};
use wardwatch_pipeline::ScoreKind;

const ROWS: usize = 10_000;

pub fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("score");
    group.throughput(Throughput::Elements(ROWS as u64));

    let pipeline = pipeline();
    let ScoreKind::Sql { expression, .. } = &pipeline.scores[0].kind else {
        unreachable!("the benchmarks' score is by SQL");
    };
    let columns: Vec<ArrayRef> = expression
        .inputs()
        .fields()
        .iter()
        .map(|field| match field.data_type() {
            DataType::Boolean => Arc::new(BooleanArray::from(vec![false; ROWS])) as ArrayRef,
            _ => Arc::new(Float64Array::from_iter_values(
                (0..ROWS).map(|row| usual(field.name(), row)),
            )),
        })
        .collect();
    group.bench_function("news2", |bencher| {
        bencher.iter(|| expression.evaluate(columns.clone(), ROWS).expect("sound"));
    });

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/mortality/2");
    let model = Model::load(&folder).expect("the shipped model is sound");
    let inputs = model.contract().inputs.len();
    let values: Vec<f64> = (0..ROWS * inputs).map(|at| 40.0 + (at % 61) as f64).collect();
    let mut models = Models::new(vec![model]);
    let mut scores = Vec::new();
    group.bench_function("mortality model, 119 inputs", |bencher| {
        bencher.iter(|| models.score(0, Rows::new(&values, inputs), &mut scores));
    });
    group.finish();
}

fn usual(name: &str, row: usize) -> f64 {
    let spread = (row % 13) as f64;
    match name {
        "resp_rate" => 12.0 + spread,
        "spo2" => 88.0 + spread.min(12.0),
        "arterial_systolic" => 85.0 + 6.0 * spread,
        "temperature" => 35.0 + 0.4 * spread,
        "consciousness" => 0.0,
        "spo2_scale" => 1.0,
        _ => 45.0 + 7.0 * spread,
    }
}
