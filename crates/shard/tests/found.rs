//! What random wards have found, one test each.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::path::Path;
use std::sync::Arc;

use support::{Row, at, observations, row};
use wardwatch_clinical::VitalSign::{self, HeartRate, RespRate, Spo2};
use wardwatch_inference::Models;
use wardwatch_ingest::Kind;
use wardwatch_pipeline::Pipeline;
use wardwatch_shard::{Batch, Outputs, Shard, Wants};

const SOURCES: &str = "
  - { name: bedside, topic: vitals.bedside, format: observation-json }
  - { name: other, topic: vitals.other, format: observation-json, wrong_clock: quarantine }";
const ALARMS: &str = "
  - { name: low, limit: spo2 < 88, priority: high }
  - { name: lasting, limit: spo2 < 88, for: 30s, at_once: spo2 < 80, confirm: 2 readings, priority: high }
  - { name: breathing, limit: resp_rate > 30, priority: medium }";

/// A shard that takes one row after the other, a second at a time.
struct Bed {
    shard: Shard,
    out: Outputs,
}

impl Bed {
    fn new(lost_after: &str, silent_after: &str) -> Self {
        let text = format!(
            "pipeline: test
version: 1
sources:{SOURCES}
time: {{ lateness: 2m, hold: 0s, grace: 2s, future_skew: 10s, silent_after: {silent_after}, forget_after: 10h }}
max_age: {{ spo2: 2m, heart_rate: 2m, resp_rate: 2m }}
lost_after: {{ spo2: {lost_after} }}
features:
  - {{ name: short, window: 1m, every: 30s, sql: \"SELECT patient_id, avg(heart_rate) AS mean FROM vitals GROUP BY patient_id\" }}
scores: [{{ name: mean_rate, sql: mean }}]
alarms:{ALARMS}"
        );
        let pipeline = Pipeline::parse(&text, Path::new("models")).unwrap();
        Self {
            shard: Shard::new(Arc::new(pipeline), Wants::default()),
            out: Outputs::default(),
        }
    }

    fn step(&mut self, rows: &[Row], tick: Option<i64>) {
        let batch = Batch {
            observations: observations(rows),
            ..Batch::default()
        };
        self.shard
            .step(&batch, tick.map(at), &mut Models::default(), &mut self.out)
            .unwrap();
    }

    fn take(&mut self, row: Row) {
        self.step(&[row], None);
    }

    /// Takes rows in order of arrival, and time passes until then.
    fn until(&mut self, end: i64, mut rows: Vec<Row>) {
        rows.sort_by_key(|row| row.append);
        rows.into_iter().for_each(|row| self.take(row));
        self.step(&[], Some(end));
    }

    /// (phase, second) of an alarm's alerts.
    fn told(&self, alarm: &str) -> Vec<(&'static str, i64)> {
        let told = support::alerts(&self.out, "a").into_iter();
        let told = told.filter(|alert| alert.0 == alarm);
        told.map(|(_, phase, due)| (phase, due)).collect()
    }
}

fn every(seconds: i64, from: i64, until: i64, vital: VitalSign, value: f64) -> Vec<Row> {
    let times = (from..until).step_by(seconds as usize);
    times.map(|ts| row("a", ts, vital, value)).collect()
}

fn of(topic: u16, rows: Vec<Row>) -> Vec<Row> {
    rows.into_iter().map(|row| Row { topic, ..row }).collect()
}

fn by(device: &'static str, row: Row) -> Row {
    Row {
        device: Some(device),
        ..row
    }
}

#[test]
fn a_withdrawal_is_no_usable_reading() {
    let mut bed = Bed::new("20s", "60s");
    let mut rows = every(1, 0, 60, HeartRate, 80.0);
    rows.extend([row("a", 0, Spo2, 95.0), row("a", 5, Spo2, 96.0)]);
    // The value of before stands in again: it is no newer for that.
    let withdrawn = Row {
        append: 40,
        kind: Kind::Withdrawn,
        ..row("a", 5, Spo2, 96.0)
    };
    rows.push(withdrawn);
    bed.until(59, rows);
    assert_eq!(bed.told("lost:spo2"), [("start", 25)]);
}

#[test]
fn a_corrected_value_is_as_old_as_it_was() {
    let mut bed = Bed::new("20s", "60s");
    let mut rows = every(1, 0, 60, HeartRate, 80.0);
    let corrected = Row {
        append: 15,
        kind: Kind::Corrected,
        ..row("a", 5, Spo2, 94.0)
    };
    rows.extend([row("a", 5, Spo2, 95.0), corrected]);
    bed.until(59, rows);
    assert_eq!(bed.told("lost:spo2"), [("start", 25)]);
}

#[test]
fn sources_that_pause_in_turn_do_not_hide_what_is_lost() {
    let mut bed = Bed::new("20s", "60s");
    let mut rows = every(16, 0, 200, HeartRate, 80.0);
    rows.extend(of(1, every(16, 8, 200, HeartRate, 82.0)));
    rows.extend([row("a", 1, Spo2, 95.0)]);
    rows.extend(of(1, vec![row("a", 9, Spo2, 96.0)]));
    bed.until(199, rows);
    let told = bed.told("lost:spo2");
    assert!(matches!(told[..], [("start", 28..50)]), "{told:?}");
}

#[test]
fn a_sign_that_may_stay_away_for_seconds_is_missed_within_seconds() {
    let mut bed = Bed::new("5s", "60s");
    let mut rows = every(1, 0, 60, HeartRate, 80.0);
    rows.push(row("a", 3, Spo2, 95.0));
    bed.until(59, rows);
    let told = bed.told("lost:spo2");
    assert!(matches!(told[..], [("start", 8..20)]), "{told:?}");
}

#[test]
fn what_was_superseded_by_a_short_silence_is_missed_again() {
    let mut bed = Bed::new("10s", "7s");
    let mut rows = every(1, 0, 41, HeartRate, 80.0);
    rows.push(row("a", 0, Spo2, 95.0));
    // Silent after 7 s, and back before that is a pause.
    rows.extend(every(1, 49, 90, HeartRate, 80.0));
    bed.until(89, rows);
    let told = bed.told("lost:spo2");
    assert!(
        matches!(told[..], [("start", _), ("end", 47..49), ("start", 49..62)]),
        "{told:?}"
    );
}

#[test]
fn what_was_too_old_when_it_came_is_missed() {
    let mut bed = Bed::new("20s", "60s");
    let mut rows = every(1, 0, 60, HeartRate, 80.0);
    let old = Row {
        append: 3,
        ..row("a", -300, RespRate, 14.0)
    };
    rows.push(old);
    rows.extend(every(1, 40, 60, RespRate, 14.0));
    bed.until(59, rows);
    // The source has ten seconds to send each of its vital signs.
    assert_eq!(bed.told("lost:resp_rate"), [("start", 10), ("end", 40)]);
}

#[test]
fn what_a_wrong_clock_has_sent_stays_in_quarantine() {
    let mut bed = Bed::new("20s", "60s");
    let slow = |now: i64| Row {
        append: now,
        topic: 1,
        ..row("a", now - 3_600, Spo2, 70.0)
    };
    bed.until(100, (0..100).map(slow).collect());
    assert!(bed.told("device_clock:other").starts_with(&[("start", 60)]));
    assert_eq!(bed.told("low"), []);
}

#[test]
fn a_device_that_is_left_alone_is_judged_once() {
    let mut bed = Bed::new("20s", "60s");
    bed.take(by("x", row("a", 1, Spo2, 97.0)));
    bed.take(by("y", row("a", 2, Spo2, 85.0)));
    let withdrawn = Row {
        append: 3,
        kind: Kind::Withdrawn,
        ..row("a", 1, Spo2, 97.0)
    };
    bed.take(by("x", withdrawn));
    bed.take(by("y", row("a", 4, Spo2, 96.0)));
    assert_eq!(bed.told("low"), [("start", 2), ("end", 4)]);
}

#[test]
fn a_correction_does_not_delay_what_clears() {
    let mut bed = Bed::new("20s", "60s");
    bed.take(row("a", 1, Spo2, 97.0));
    let corrected = Row {
        append: 2,
        kind: Kind::Corrected,
        ..row("a", 1, Spo2, 85.0)
    };
    bed.take(corrected);
    bed.take(row("a", 3, Spo2, 96.0));
    assert_eq!(bed.told("low"), [("start", 2), ("end", 3)]);
}

#[test]
fn another_device_confirms_no_wild_reading() {
    let mut bed = Bed::new("20s", "60s");
    bed.take(by("x", row("a", 1, Spo2, 97.0)));
    bed.take(by("y", row("a", 2, Spo2, 60.0)));
    bed.take(by("x", row("a", 3, Spo2, 97.0)));
    bed.take(by("y", row("a", 4, Spo2, 96.0)));
    assert_eq!(bed.told("lasting"), []);
    bed.take(by("y", row("a", 5, Spo2, 60.0)));
    bed.take(by("x", row("a", 6, Spo2, 97.0)));
    bed.take(by("y", row("a", 7, Spo2, 61.0)));
    assert_eq!(bed.told("lasting"), [("start", 7)]);
}
