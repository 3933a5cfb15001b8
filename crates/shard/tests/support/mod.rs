//! What the shard's tests share: a pipeline, a patient's rows, and runs of them.
#![allow(dead_code, reason = "each test file uses a part")]

pub mod course;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Timestamp;
use wardwatch_inference::Models;
use wardwatch_ingest::{Kind, MessageHead, Observations, ObservationsBuilder, Reading};
use wardwatch_pipeline::Pipeline;
use wardwatch_shard::{Batch, Digest, Outputs, Shard, Wants};

pub const BASE: i64 = 1_790_000_000;

/// One message with one reading.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub patient: String,
    /// Seconds after [`BASE`].
    pub ts: i64,
    pub append: i64,
    /// Index of the source.
    pub topic: u16,
    pub device: Option<&'static str>,
    pub vital: VitalSign,
    pub value: f64,
    pub kind: Kind,
}

pub fn row(patient: &str, ts: i64, vital: VitalSign, value: f64) -> Row {
    Row {
        patient: patient.to_owned(),
        ts,
        append: ts,
        topic: 0,
        device: None,
        vital,
        value,
        kind: Kind::Measured,
    }
}

/// Readings of patient `a` that come every so many seconds.
pub fn every(seconds: usize, when: Range<i64>, vital: VitalSign, value: f64) -> Vec<Row> {
    when.step_by(seconds)
        .map(|now| row("a", now, vital, value))
        .collect()
}

/// Rows of several devices, in the order in which they come.
pub fn together<const N: usize>(rows: [Vec<Row>; N]) -> Vec<Row> {
    let mut rows = rows.concat();
    rows.sort_by_key(|row| row.append);
    rows
}

impl Row {
    pub fn by(self, device: &'static str) -> Self {
        Self {
            device: Some(device),
            ..self
        }
    }

    pub fn of_source(self, topic: u16) -> Self {
        Self { topic, ..self }
    }

    pub fn says(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// Dated so many seconds before it comes; after that where it is negative.
    pub fn behind(self, seconds: i64) -> Self {
        Self {
            ts: self.append - seconds,
            ..self
        }
    }

    /// Comes then, whenever it was measured.
    pub fn comes(self, append: i64) -> Self {
        Self { append, ..self }
    }
}

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis((BASE + seconds) * 1_000)
}

pub fn pipeline(time: &str, alarms: &str) -> Arc<Pipeline> {
    let text = format!(
        "pipeline: test
version: 1
sources:
  - {{ name: bedside, topic: vitals.bedside, format: observation-json }}
time: {time}
features:
  - name: short
    window: 1m
    every: 10s
    sql: |
      SELECT patient_id, avg(heart_rate) AS heart_rate_mean, stddev(heart_rate) AS heart_rate_sd,
             slope(heart_rate) AS heart_rate_slope, min(spo2) AS spo2_min, latest(spo2) AS spo2_latest,
             age(spo2) AS spo2_age, median(heart_rate) AS heart_rate_median, count(spo2) AS spo2_count
      FROM vitals GROUP BY patient_id
  - name: long
    window: 5m
    every: 1m
    sql: SELECT patient_id, max(heart_rate) AS heart_rate_max_5m FROM vitals GROUP BY patient_id
scores:
  - name: shock
    sql: shock_index(heart_rate_mean, spo2_min)
{alarms}"
    );
    Arc::new(Pipeline::parse(&text, Path::new("models")).expect("the test's pipeline is right"))
}

pub fn observations(rows: &[Row]) -> Observations {
    let mut builder = ObservationsBuilder::with_capacity(rows.len(), rows.len());
    for (offset, row) in rows.iter().enumerate() {
        let head = MessageHead {
            patient_id: &row.patient,
            ts: at(row.ts),
            device_id: row.device,
            source: None,
            append_time: at(row.append),
            topic: row.topic,
            offset: offset as i64,
            kind: row.kind,
        };
        builder.push(
            &head,
            &[Reading {
                vital: row.vital,
                value: row.value,
            }],
        );
    }
    builder.finish()
}

/// Runs rows in batches of the given sizes (repeated), then ends the file.
pub fn run(pipeline: &Arc<Pipeline>, rows: &[Row], cuts: &[usize], per_step: usize) -> Outputs {
    run_to_digest(pipeline, rows, cuts, per_step).0
}

/// As [`run`], with what the shard had decided at the end.
pub fn run_to_digest(
    pipeline: &Arc<Pipeline>,
    rows: &[Row],
    cuts: &[usize],
    per_step: usize,
) -> (Outputs, Digest) {
    let mut shard = Shard::new(
        Arc::clone(pipeline),
        Wants {
            features: true,
            scores: true,
            per_step,
        },
    );
    let mut models = Models::default();
    let mut out = Outputs::default();
    let all = observations(rows);
    let (mut start, mut cut) = (0, 0);
    while start < rows.len() {
        let len = cuts[cut % cuts.len()].clamp(1, rows.len() - start);
        let batch = Batch {
            observations: all.slice(start, len),
            ..Batch::default()
        };
        shard.step(&batch, None, &mut models, &mut out).expect("a step");
        start += len;
        cut += 1;
    }
    shard
        .finish(Timestamp::MAX, &mut models, &mut out)
        .expect("the end");
    (out, shard.digest())
}

/// (patient, set, window end, revision, the exact bits of its features).
pub type Window = (String, usize, i64, u32, Vec<Option<u64>>);

/// Every evaluated window as text with its exact bits: (patient, set, window end, revision, features).
pub fn windows(out: &Outputs) -> Vec<Window> {
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::Float64Type;
    let mut all = Vec::new();
    for batch in &out.features {
        for row in 0..batch.patient_id.len() {
            let features = batch
                .rows
                .columns()
                .iter()
                .map(|column| column.as_primitive::<Float64Type>())
                .map(|column| column.is_valid(row).then(|| column.value(row).to_bits()))
                .collect();
            let end = batch.window_end[row] / 1_000_000 - BASE;
            all.push((
                batch.patient_id[row].to_string(),
                batch.set,
                end,
                batch.revision[row],
                features,
            ));
        }
    }
    all.sort();
    all
}

/// Alerts of one patient as (alarm, phase, due second).
pub fn alerts(out: &Outputs, patient: &str) -> Vec<(String, &'static str, i64)> {
    out.alerts
        .iter()
        .filter(|alert| &*alert.patient_id == patient)
        .map(|alert| {
            (
                alert.alarm.clone(),
                alert.phase.name(),
                alert.stages.due_at.millis() / 1_000 - BASE,
            )
        })
        .collect()
}
