//! What the log hides or has lost, as a shard is told of it: no silence is claimed of what may only be hidden, every patient of a
//! source whose records are gone is told of, and both outlive a restart.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::sync::Arc;

use support::{Row, alerts, at, observations, pipeline, row};
use wardwatch_clinical::VitalSign::{HeartRate, Spo2};
use wardwatch_inference::Models;
use wardwatch_pipeline::Pipeline;
use wardwatch_shard::{Batch, Outputs, Shard, Wants};

const TIME: &str =
    "{ lateness: 2m, hold: 0s, grace: 2s, future_skew: 10s, silent_after: 10s, forget_after: 2h }";
const ALARMS: &str = "alarms:
  - { name: desaturation, limit: spo2 < 88, for: 15s, at_once: spo2 < 80, priority: high }
";

struct Log {
    pipeline: Arc<Pipeline>,
    shard: Shard,
    out: Outputs,
}

impl Log {
    fn new() -> Self {
        let pipeline = pipeline(TIME, ALARMS);
        Self {
            shard: Shard::new(Arc::clone(&pipeline), Wants::default()),
            pipeline,
            out: Outputs::default(),
        }
    }

    fn step(&mut self, rows: &[Row], tick: i64, is_held: bool) -> &mut Self {
        let batch = Batch {
            observations: observations(rows),
            held: if is_held { vec![0] } else { Vec::new() },
            ..Batch::default()
        };
        self.shard
            .step(&batch, Some(at(tick)), &mut Models::default(), &mut self.out)
            .unwrap();
        self
    }

    /// A tick a second.
    fn tick_through(&mut self, seconds: std::ops::Range<i64>, is_held: bool) {
        for second in seconds {
            self.step(&[], second, is_held);
        }
    }

    /// A patient's reading every five seconds, each with its tick.
    fn hear(&mut self, patient: &str, fives: std::ops::Range<i64>) {
        for five in fives {
            self.step(&[row(patient, five * 5, HeartRate, 70.0)], five * 5, false);
        }
    }

    fn restart(&mut self) -> &mut Self {
        let snapshot = self.shard.capture().unwrap();
        let shard = Shard::restore(Arc::clone(&self.pipeline), Wants::default(), &snapshot).unwrap();
        assert_eq!(shard.capture().unwrap(), snapshot);
        self.shard = shard;
        self
    }

    fn lose(&mut self) -> &mut Self {
        self.shard
            .tell_records_lost(0, &mut Models::default(), &mut self.out);
        self
    }

    fn told(&self, patient: &str) -> Vec<(String, &'static str, i64)> {
        alerts(&self.out, patient)
    }
}

fn told(alarm: &str, phase: &'static str, second: i64) -> (String, &'static str, i64) {
    (alarm.to_owned(), phase, second)
}

#[test]
fn no_silence_is_claimed_of_what_is_hidden() {
    let mut log = Log::new();
    log.step(&[row("a", 0, HeartRate, 70.0)], 0, false);
    log.tick_through(1..60, true);
    assert!(log.told("a").is_empty());
    // What was hidden comes: the patient was heard all the time.
    log.step(&[row("a", 59, HeartRate, 71.0)], 60, false);
    log.tick_through(61..69, false);
    assert!(log.told("a").is_empty());
    log.step(&[], 75, false);
    assert_eq!(log.told("a"), [told("silent:bedside", "start", 69)]);
}

#[test]
fn whoever_was_silent_all_the_time_is_told_of_at_once_afterwards() {
    let mut log = Log::new();
    log.step(&[row("a", 0, HeartRate, 70.0)], 0, false);
    log.tick_through(1..60, true);
    log.restart();
    log.step(&[], 62, false);
    let silence = log.told("a");
    assert!(
        matches!(&silence[..], [(alarm, "start", 59..=62)] if alarm == "silent:bedside"),
        "{silence:?}"
    );
}

#[test]
fn limits_are_judged_while_something_is_hidden() {
    let mut log = Log::new();
    log.step(&[row("a", 0, Spo2, 86.0)], 0, false);
    log.step(&[], 20, true);
    assert_eq!(log.told("a"), [told("desaturation", "start", 15)]);
}

#[test]
fn every_patient_of_a_source_is_told_that_records_are_lost() {
    let mut log = Log::new();
    log.step(
        &[row("a", 0, HeartRate, 70.0), row("b", 0, HeartRate, 70.0)],
        1,
        false,
    );
    log.lose();
    for patient in ["a", "b"] {
        assert_eq!(log.told(patient), [told("records_lost:bedside", "start", 1)]);
    }
    // Once more while it is shown: nothing new. It ends after a quarter of an hour, also over a restart.
    log.lose().restart();
    log.hear("a", 1..180);
    assert_eq!(log.told("a").len(), 1);
    log.step(&[row("a", 900, HeartRate, 70.0)], 902, false);
    assert_eq!(log.told("a")[1..], [told("records_lost:bedside", "end", 901)]);
}

#[test]
fn a_rebuilt_state_ends_what_was_told_before() {
    let mut log = Log::new();
    log.step(&[row("a", 0, HeartRate, 70.0)], 1, false).lose();
    let alarms = std::mem::take(&mut log.out).alarms;
    let mut rebuilt = Log::new();
    rebuilt.step(&[row("a", 0, HeartRate, 70.0)], 1, false);
    rebuilt.shard.adopt_alarms(&alarms);
    rebuilt.hear("a", 1..200);
    assert_eq!(rebuilt.told("a"), [told("records_lost:bedside", "end", 901)]);
}

#[test]
fn a_patient_who_was_discharged_is_told_of_no_more() {
    let mut log = Log::new();
    log.step(&[row("a", 0, HeartRate, 70.0)], 1, false).lose();
    // Forgotten after two hours; the timer of what is shown finds an ended alarm, or nobody.
    log.step(&[], 10_000, false);
    let phases: Vec<_> = log
        .told("a")
        .into_iter()
        .filter(|(alarm, ..)| alarm == "records_lost:bedside")
        .collect();
    assert_eq!(
        phases,
        [
            told("records_lost:bedside", "start", 1),
            told("records_lost:bedside", "end", 901)
        ]
    );
}
