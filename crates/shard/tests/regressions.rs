//! Errors that other stream processors have had, one test each. Those that need Kafka are in `crates/wardwatch/tests`:
//! offsets of the last batch only, an idle partition that stalls windows, one bad record that stops a pipeline.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::sync::Arc;

use support::{Row, alerts, at, observations, pipeline, row, windows};
use wardwatch_clinical::VitalSign::{HeartRate, Spo2};
use wardwatch_inference::Models;
use wardwatch_ingest::Reason;
use wardwatch_pipeline::Pipeline;
use wardwatch_shard::{Batch, Outputs, Shard, Wants};

const TIME: &str =
    "{ lateness: 2m, hold: 0s, grace: 2s, future_skew: 10s, silent_after: 60s, forget_after: 1h }";
const ALARMS: &str = "alarms:
  - { name: desaturation, limit: spo2 < 88, for: 15s, at_once: spo2 < 80, priority: high }
";
const WANTS: Wants = Wants {
    features: true,
    scores: true,
    per_step: 500,
};

/// A shard that can be taken down and up between two batches.
struct Log {
    pipeline: Arc<Pipeline>,
    shard: Shard,
    out: Outputs,
}

impl Log {
    fn new() -> Self {
        let pipeline = pipeline(TIME, ALARMS);
        Self {
            shard: Shard::new(Arc::clone(&pipeline), WANTS),
            pipeline,
            out: Outputs::default(),
        }
    }

    fn rows(&mut self, rows: &[Row]) -> &mut Self {
        self.step(rows, None)
    }

    fn tick(&mut self, second: i64) -> &mut Self {
        self.step(&[], Some(second))
    }

    fn step(&mut self, rows: &[Row], tick: Option<i64>) -> &mut Self {
        let batch = Batch {
            observations: observations(rows),
            ..Batch::default()
        };
        self.shard
            .step(&batch, tick.map(at), &mut Models::default(), &mut self.out)
            .unwrap();
        self
    }

    fn restart(&mut self) -> &mut Self {
        let snapshot = self.shard.capture().unwrap();
        self.shard = Shard::restore(Arc::clone(&self.pipeline), WANTS, &snapshot).unwrap();
        self
    }

    /// (patient, window end, mean heart rate) of the short set.
    fn means(&self) -> Vec<(String, i64, Option<f64>)> {
        let short = windows(&self.out).into_iter().filter(|window| window.1 == 0);
        short
            .map(|window| (window.0, window.2, window.4[0].map(f64::from_bits)))
            .collect()
    }
}

/// Restored state without its group keys, so that the next keys inherit it.
#[test]
fn whoever_comes_after_a_restore_inherits_nothing() {
    let mut log = Log::new();
    log.rows(&[
        row("a", 1, HeartRate, 180.0),
        row("b", 1, HeartRate, 60.0),
        row("a", 2, Spo2, 79.0),
    ]);
    log.restart();
    // Before those that were there come back.
    log.rows(&[row("c", 3, HeartRate, 90.0), row("d", 3, Spo2, 97.0)]);
    log.rows(&[row("b", 4, HeartRate, 62.0), row("a", 4, HeartRate, 178.0)]);
    let later = ["a", "b", "c", "d"].map(|patient| row(patient, 12, HeartRate, 100.0));
    log.rows(&later);
    let expected = [("a", 179.0), ("b", 61.0), ("c", 90.0)];
    let means: Vec<_> = log
        .means()
        .into_iter()
        .filter(|(_, _, mean)| mean.is_some())
        .collect();
    assert_eq!(
        means,
        expected.map(|(patient, mean)| (patient.to_owned(), 10, Some(mean)))
    );
    assert_eq!(alerts(&log.out, "a").len(), 1);
    assert!(
        ["b", "c", "d"]
            .iter()
            .all(|patient| alerts(&log.out, patient).is_empty())
    );
}

/// Rows in time that are dropped after a restore, because the restored clock stands too far ahead.
#[test]
fn what_is_in_time_is_in_time_after_a_restore() {
    let told = |restarts: bool| {
        let mut log = Log::new();
        log.rows(&[row("a", 200, HeartRate, 80.0)]);
        if restarts {
            log.restart();
        }
        let mut in_time = row("a", 85, HeartRate, 90.0);
        in_time.append = 201;
        let mut late = row("a", 79, HeartRate, 90.0);
        late.append = 202;
        log.rows(&[in_time, late, row("a", 203, HeartRate, 80.0)]);
        let refused: Vec<_> = log
            .out
            .refused
            .iter()
            .map(|refused| (refused.row, refused.reason))
            .collect();
        (log.out.counts.observations, refused)
    };
    assert_eq!(told(false), (3, vec![(1, Reason::Late)]));
    assert_eq!(told(true), told(false));
}

/// A single fast device clock that drops the whole fleet's data.
#[test]
fn a_fast_device_costs_nobody_else_a_reading() {
    let mut log = Log::new();
    let mut fast = row("a", 3_600, HeartRate, 80.0);
    fast.append = 1;
    log.rows(&[fast.clone()]);
    // Within the skew it is believed, for its own patient.
    fast.ts = 10;
    log.rows(&[fast]);
    for second in 2..30 {
        log.rows(&[
            row("b", second, HeartRate, 70.0),
            row("c", second, HeartRate, 75.0),
        ]);
    }
    assert_eq!(log.out.refused.len(), 1);
    assert_eq!(log.out.counts.observations, 1 + 2 * 28);
    let ends: Vec<_> = log
        .means()
        .into_iter()
        .filter(|(patient, ..)| patient == "b")
        .map(|(_, end, _)| end)
        .collect();
    assert_eq!(ends, [10, 20]);
}

/// A key that falls silent and whose window never closes.
#[test]
fn the_window_of_a_silent_patient_closes() {
    let mut log = Log::new();
    log.rows(&[row("a", 1, HeartRate, 80.0)]);
    log.tick(11);
    assert_eq!(log.means(), []);
    // The pane's end and the grace.
    log.tick(12);
    assert_eq!(log.means(), [("a".to_owned(), 10, Some(80.0))]);
}

/// Late rows that are dropped without a count, and without a trace.
#[test]
fn each_late_row_is_counted_and_kept() {
    let mut log = Log::new();
    log.rows(&[row("a", 500, HeartRate, 80.0)]);
    let late: Vec<Row> = (0..7)
        .map(|second| Row {
            append: 501,
            ..row("a", second, HeartRate, 90.0)
        })
        .collect();
    log.rows(&late);
    assert_eq!(log.out.counts.late, 7);
    let rows: Vec<_> = log
        .out
        .refused
        .iter()
        .map(|refused| (refused.row, refused.reason))
        .collect();
    assert_eq!(rows, (0..7).map(|row| (row, Reason::Late)).collect::<Vec<_>>());
}
