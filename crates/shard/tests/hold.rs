//! What a window reads that waits for what comes late, how old its inputs are, and what may begin on it.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use support::{BASE, Row, alerts, at, observations, row, run};
use wardwatch_clinical::VitalSign::{self, HeartRate, RespRate, Spo2, Temperature};
use wardwatch_inference::Models;
use wardwatch_ingest::{Record, decode_context};
use wardwatch_pipeline::Pipeline;
use wardwatch_shard::{Batch, ContextInput, Outputs, Shard, Wants};

/// Scores over features and newest values; conditions on both. Two grids of windows that share few ends.
fn pipeline(time: &str) -> Arc<Pipeline> {
    let text = format!(
        "pipeline: hold
version: 1
sources:
  - {{ name: bedside, topic: vitals.bedside, format: observation-json }}
time: {time}
max_age: {{ heart_rate: 40s, spo2: 25s, resp_rate: 3m }}
features:
  - name: short
    window: 30s
    every: 10s
    sql: SELECT patient_id, avg(heart_rate) AS heart_rate_mean, count(spo2) AS spo2_count FROM vitals GROUP BY patient_id
  - name: other
    window: 70s
    every: 35s
    sql: SELECT patient_id, max(heart_rate) AS heart_rate_max FROM vitals GROUP BY patient_id
scores:
  - {{ name: newest, sql: heart_rate }}
  - {{ name: gap, sql: heart_rate - heart_rate_mean }}
  - {{ name: ratio, sql: 100 * resp_rate / spo2 }}
  - {{ name: reserve, sql: heart_rate_max - heart_rate }}
alarms:
  - {{ name: fast, when: newest > 130, clear_when: newest < 120, priority: medium }}
  - {{ name: hypoxic, when: spo2 < 88 AND spo2_count > 0, clear_when: spo2 >= 90, priority: medium }}
  - {{ name: spent, when: reserve < 5, clear_when: reserve > 10, priority: low }}
"
    );
    Arc::new(Pipeline::parse(&text, Path::new("models")).unwrap())
}

const WAITS: &str =
    "{ lateness: 2m, hold: 2m, grace: off, silent_after: 10h, forget_after: 100h, max_score_age: 50h }";
const FRESH: &str = "{ lateness: 2h, hold: 0s, grace: 2s, silent_after: 10h, forget_after: 100h }";
const WHOLE: &[usize] = &[usize::MAX];

/// A score's values by the end of its window, in seconds after the base; not where a window of another set repeats it.
fn score(out: &Outputs, patient: &str, name: &str) -> Vec<(i64, Option<f64>)> {
    let of_patient = out.scores.iter().filter(|record| &*record.patient_id == patient);
    let value = |record: &wardwatch_alarms::ScoreRecord| {
        let score = record.scores.iter().find(|score| &*score.name == name)?;
        let end = score.window_end.filter(|end| *end == record.window_end)?;
        Some((end.millis() / 1_000 - BASE, score.value))
    };
    of_patient.filter_map(value).collect()
}

/// A score's newest value for the window that ends there.
fn score_at(out: &Outputs, name: &str, end: i64) -> Option<f64> {
    let values = score(out, "a", name);
    values.iter().rfind(|(at, _)| *at == end).unwrap().1
}

/// The end of the first window from a second on, of the set with a slide of ten seconds.
fn end_from(second: i64) -> i64 {
    (BASE + second + 9).div_euclid(10) * 10 - BASE
}

fn vital() -> impl Strategy<Value = (VitalSign, f64)> {
    prop_oneof![
        (100u32..150).prop_map(|value| (HeartRate, f64::from(value))),
        (82u32..100).prop_map(|value| (Spo2, f64::from(value))),
        (8u32..40).prop_map(|value| (RespRate, f64::from(value))),
    ]
}

/// Rows of two patients: what was measured, and by how much it comes late.
fn rows() -> impl Strategy<Value = Vec<(Row, i64)>> {
    let one = (0usize..2, 0i64..500, 0i64..118, vital());
    proptest::collection::vec(one, 1..120).prop_map(|rows| {
        let mut seen = std::collections::HashSet::new();
        rows.into_iter()
            .map(|(patient, ts, delay, (vital, value))| (row(["a", "b"][patient], ts, vital, value), delay))
            .filter(|(row, _)| seen.insert((row.patient.clone(), row.ts, row.vital)))
            .collect()
    })
}

/// Window ends with every score, to nine digits, patient by patient.
fn all_scores(out: &Outputs) -> Vec<(String, i64, Vec<Option<String>>)> {
    let nine = |value: f64| format!("{value:.9e}");
    let mut all: Vec<_> = out
        .scores
        .iter()
        .map(|record| {
            let values = record.scores.iter().map(|score| score.value.map(nine));
            let end = record.window_end.micros();
            (record.patient_id.to_string(), end, values.collect())
        })
        .collect();
    all.sort();
    all
}

/// What was told of conditions: patient, alarm, begin, phase, value.
fn all_alerts(out: &Outputs) -> Vec<(String, String, i64, &'static str, Option<u64>)> {
    let conditions = out
        .alerts
        .iter()
        .filter(|alert| ["fast", "hypoxic", "spent"].contains(&alert.alarm.as_str()));
    let mut all: Vec<_> = conditions
        .map(|alert| {
            (
                alert.patient_id.to_string(),
                alert.alarm.clone(),
                alert.condition_start.micros(),
                alert.phase.name(),
                alert.value.map(f64::to_bits),
            )
        })
        .collect();
    // What is told again, or no more known, is told by the log's time.
    all.retain(|alert: &(String, String, i64, &str, Option<u64>)| !matches!(alert.3, "unknown" | "update"));
    all.sort();
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// With `hold` = `lateness` and no grace, scores and the conditions on them are those of the rows in order of their
    /// timestamps, in whatever order they come.
    #[test]
    fn arrival_order_changes_no_score_and_no_condition(rows in rows(), cut in 1usize..9) {
        let pipeline = pipeline(WAITS);
        let ordered = |delayed: bool| {
            let mut rows: Vec<Row> = rows
                .iter()
                .map(|(row, delay)| Row { append: row.ts + if delayed { *delay } else { 0 }, ..row.clone() })
                .collect();
            rows.sort_by_key(|row| row.append);
            rows
        };
        let sorted = run(&pipeline, &ordered(false), WHOLE, 500);
        let arriving = run(&pipeline, &ordered(true), &[cut], 3);
        prop_assert_eq!(arriving.refused.len(), 0);
        prop_assert!(!sorted.scores.is_empty());
        prop_assert_eq!(all_scores(&sorted), all_scores(&arriving));
        prop_assert_eq!(all_alerts(&sorted), all_alerts(&arriving));
    }

    /// Every score of newest values is what a search through the rows finds as of the window's end.
    #[test]
    fn a_waiting_score_reads_what_was_observed_before_its_end(rows in rows()) {
        let pipeline = pipeline(WAITS);
        let mut arriving: Vec<Row> = rows.iter().map(|(row, delay)| Row { append: row.ts + delay, ..row.clone() }).collect();
        arriving.sort_by_key(|row| row.append);
        let out = run(&pipeline, &arriving, WHOLE, 500);
        for patient in ["a", "b"] {
            for (end, value) in score(&out, patient, "newest") {
                let before = arriving.iter().filter(|row| row.patient == patient && row.vital == HeartRate && row.ts < end);
                let newest = before.max_by_key(|row| row.ts).filter(|row| end - row.ts <= 40);
                prop_assert_eq!(value, newest.map(|row| row.value), "{} {}", patient, end);
            }
        }
    }
}

#[test]
fn what_was_observed_at_the_end_or_later_is_not_read() {
    let pipeline = pipeline(WAITS);
    let end = end_from(20);
    let rows = [
        row("a", end - 3, HeartRate, 100.0),
        row("a", end, HeartRate, 110.0),
        row("a", end + 20, HeartRate, 120.0),
        row("a", end + 130, HeartRate, 130.0),
    ];
    let out = run(&pipeline, &rows, WHOLE, 500);
    assert_eq!(score_at(&out, "newest", end), Some(100.0));
    assert_eq!(score_at(&out, "newest", end + 10), Some(110.0));
    assert_eq!(score_at(&out, "newest", end + 30), Some(120.0));
}

#[test]
fn a_late_value_is_read_by_the_windows_that_wait_for_it() {
    let pipeline = pipeline(WAITS);
    let end = end_from(20);
    let late = Row {
        append: end + 100,
        ..row("a", end - 1, HeartRate, 105.0)
    };
    let rows = [
        row("a", end - 5, HeartRate, 100.0),
        row("a", end + 15, HeartRate, 120.0),
        late,
        row("a", end + 140, HeartRate, 130.0),
    ];
    let out = run(&pipeline, &rows, WHOLE, 500);
    assert_eq!(score_at(&out, "newest", end), Some(105.0));
    assert_eq!(score_at(&out, "newest", end + 20), Some(120.0));
}

#[test]
fn ages_are_measured_from_the_end_and_not_from_the_decision() {
    // Every window is decided a day after its end; its set is half a minute long.
    let pipeline = pipeline(
        "{ lateness: 24h, hold: 24h, grace: off, silent_after: 30h, forget_after: 100h, max_score_age: 50h }",
    );
    let end = end_from(60);
    let rows = [
        row("a", end - 26, Spo2, 92.0),
        row("a", end - 26, RespRate, 23.0),
        row("a", end - 5, HeartRate, 140.0),
        row("a", end + 90_000, HeartRate, 90.0),
    ];
    let out = run(&pipeline, &rows, WHOLE, 500);
    assert_eq!(score_at(&out, "newest", end), Some(140.0));
    assert_eq!(score_at(&out, "gap", end), Some(0.0));
    // Spo2 was 26 s old at the window's end, and may be 25 s old.
    assert_eq!(score_at(&out, "ratio", end), None);
    assert_eq!(score_at(&out, "ratio", end_from(end - 20)), Some(25.0));
    assert!(alerts(&out, "a").iter().any(|alert| alert.0 == "fast"));
    let input = |name: &str| {
        let record = out
            .scores
            .iter()
            .find(|record| record.window_end == at(end))
            .unwrap();
        record
            .inputs
            .iter()
            .find(|input| input.name == name)
            .unwrap()
            .clone()
    };
    let spo2 = input("spo2");
    // A screen is told how old it was at the decision, and that the window could not use it.
    assert_eq!((spo2.stale, spo2.age_seconds), (true, Some(90_026.0)));
    assert!(!input("heart_rate").stale);
}

#[test]
fn without_hold_a_score_reads_the_newest_values() {
    let pipeline = pipeline(FRESH);
    let end = end_from(20);
    let rows = [
        row("a", end - 3, HeartRate, 100.0),
        row("a", end + 1, HeartRate, 110.0),
    ];
    let out = run(&pipeline, &rows, WHOLE, 500);
    assert_eq!(score_at(&out, "newest", end), Some(110.0));
}

#[test]
fn a_revision_reads_what_came_late_as_of_its_end() {
    let pipeline = pipeline("{ lateness: 10m, hold: 5s, grace: 2s, silent_after: 10h, forget_after: 100h }");
    let end = end_from(20);
    let late = Row {
        append: end + 8,
        ..row("a", end - 1, HeartRate, 105.0)
    };
    let rows = [
        row("a", end - 5, HeartRate, 100.0),
        row("a", end + 6, HeartRate, 120.0),
        late,
        row("b", end + 60, HeartRate, 80.0),
    ];
    let out = run(&pipeline, &rows, WHOLE, 500);
    let values: Vec<_> = score(&out, "a", "newest")
        .into_iter()
        .filter(|(at, _)| *at == end)
        .collect();
    assert_eq!(values, [(end, Some(100.0)), (end, Some(105.0))]);
}

/// A backlog that comes after an outage, and what follows it.
fn backlog(time: &str, from: i64) -> Outputs {
    let mut rows = Vec::new();
    for ts in (from..3_600).step_by(5) {
        rows.push(Row {
            append: 3_600,
            ..row("a", ts, HeartRate, 150.0)
        });
    }
    rows.push(row("b", 3_700, HeartRate, 80.0));
    run(&pipeline(time), &rows, WHOLE, 500)
}

#[test]
fn a_backlog_raises_no_emergencies_of_an_hour_ago() {
    // It ends a minute before it comes.
    let mut rows: Vec<Row> = (0..100)
        .map(|place| Row {
            append: 3_600,
            ..row("a", place * 5, HeartRate, 150.0)
        })
        .collect();
    rows.push(row("b", 3_700, HeartRate, 80.0));
    let of = |time: &str| run(&pipeline(time), &rows, WHOLE, 500);
    let told = |out: &Outputs| {
        alerts(out, "a")
            .into_iter()
            .filter(|alert| alert.0 == "fast" && alert.1 == "start")
            .count()
    };
    assert_eq!(told(&of(FRESH)), 0);
    assert!(
        of(FRESH).scores.iter().any(|record| &*record.patient_id == "a"),
        "the scores are there"
    );
    let charting = FRESH.replace("}", ", max_score_age: 2h }");
    assert_eq!(told(&of(&charting)), 1);
}

#[test]
fn the_fresh_end_of_a_backlog_begins_a_condition() {
    let out = backlog(FRESH, 0);
    let fast: Vec<_> = out
        .alerts
        .iter()
        .filter(|alert| alert.alarm == "fast" && alert.phase.name() == "start")
        .collect();
    assert_eq!(fast.len(), 1);
    let begun = fast[0].condition_start.millis() / 1_000 - BASE;
    assert!((3_300..=3_310).contains(&begun), "{begun}");
    let begun = |time: &str| {
        let out = backlog(time, 0);
        let alert = out.alerts.iter().find(|alert| alert.alarm == "fast").unwrap();
        3_600 - (alert.condition_start.millis() / 1_000 - BASE)
    };
    assert!((50..=60).contains(&begun(&FRESH.replace("}", ", max_score_age: 1m }"))));
    assert!((1_790..=1_800).contains(&begun(&FRESH.replace("}", ", max_score_age: 30m }"))));
}

#[test]
fn an_old_window_ends_a_condition() {
    let mut rows = vec![row("a", 0, HeartRate, 150.0), row("a", 12, HeartRate, 150.0)];
    for ts in [30, 45, 60] {
        rows.push(Row {
            append: 3_600,
            ..row("a", ts, HeartRate, 90.0)
        });
    }
    rows.push(row("b", 3_700, HeartRate, 80.0));
    let out = run(&pipeline(FRESH), &rows, WHOLE, 500);
    let fast: Vec<_> = alerts(&out, "a")
        .into_iter()
        .filter(|alert| alert.0 == "fast")
        .map(|alert| alert.1)
        .collect();
    // For an hour nothing is known of it.
    assert_eq!(fast, ["start", "unknown", "end"]);
}

const WANTS: Wants = Wants {
    features: true,
    scores: true,
    per_step: 500,
};

/// What ended before a patient left is decided, though it still waited.
#[test]
fn the_end_of_a_stay_decides_what_waits() {
    let pipeline = pipeline(WAITS);
    let mut shard = Shard::new(Arc::clone(&pipeline), WANTS);
    let mut out = Outputs::default();
    let end = end_from(20);
    let rows = [
        row("a", end - 3, HeartRate, 100.0),
        row("a", end + 3, HeartRate, 104.0),
    ];
    let payload = format!(
        r#"{{"patient_id":"a","event":"discharge","ts":"{}"}}"#,
        at(end + 9)
    );
    let discharge = decode_context(&Record {
        topic: 1,
        partition: 0,
        offset: 0,
        key: Some(b"a"),
        payload: payload.as_bytes(),
        append_time: at(end + 9),
    });
    let batch = Batch {
        observations: observations(&rows),
        context: vec![ContextInput {
            append_time: at(end + 9),
            writer: 0,
            record: discharge.unwrap(),
        }],
        ..Batch::default()
    };
    shard
        .step(&batch, None, &mut Models::default(), &mut out)
        .unwrap();
    assert_eq!(out.ended, ["a"]);
    // The window up to `end`, and not the one that was not over.
    assert_eq!(score(&out, "a", "newest").last(), Some(&(end, Some(100.0))));
}

/// A restart between any two rows changes no score, though what a window reads is older than its patient's newest values.
#[test]
fn what_waiting_windows_read_survives_a_restart() {
    let pipeline = pipeline(WAITS);
    let rows: Vec<Row> = (0..120)
        .map(|place| {
            let ts = place * 7 - if place % 3 == 0 { 40 } else { 0 };
            let vital = [HeartRate, Spo2, RespRate, Temperature][place as usize % 4];
            let value = if vital == Temperature {
                37.0
            } else {
                90.0 + (place % 9) as f64
            };
            Row {
                append: place * 7,
                ..row("a", ts, vital, value)
            }
        })
        .collect();
    let through = |restarts: bool| {
        let mut shard = Shard::new(Arc::clone(&pipeline), WANTS);
        let mut out = Outputs::default();
        for row in &rows {
            let batch = Batch {
                observations: observations(std::slice::from_ref(row)),
                ..Batch::default()
            };
            shard
                .step(&batch, None, &mut Models::default(), &mut out)
                .unwrap();
            if restarts {
                let snapshot = shard.capture().unwrap();
                shard = Shard::restore(Arc::clone(&pipeline), WANTS, &snapshot).unwrap();
            }
        }
        (all_scores(&out), shard.digest())
    };
    assert!(through(false).0.len() > 50);
    assert_eq!(through(false), through(true));
}

/// An edit that begins to wait, or ceases to: newest values go along.
#[test]
fn an_upgrade_to_another_hold_keeps_newest_values() {
    let of = |time: &str| pipeline(time);
    for (old, new) in [(FRESH, WAITS), (WAITS, FRESH)] {
        let (old, new) = (of(old), of(new));
        let mut shard = Shard::new(Arc::clone(&old), WANTS);
        let mut out = Outputs::default();
        let end = end_from(100);
        let step = |shard: &mut Shard, rows: &[Row], out: &mut Outputs| {
            let batch = Batch {
                observations: observations(rows),
                ..Batch::default()
            };
            shard.step(&batch, None, &mut Models::default(), out).unwrap();
        };
        step(
            &mut shard,
            &[row("a", end - 9, RespRate, 23.0), row("a", end - 8, Spo2, 92.0)],
            &mut out,
        );
        let succession = new.succession(&old).unwrap();
        let mut shard = shard.succeed(Arc::clone(&new), &succession, None);
        out = Outputs::default();
        step(
            &mut shard,
            &[
                row("a", end + 1, HeartRate, 100.0),
                row("a", end + 200, HeartRate, 100.0),
            ],
            &mut out,
        );
        assert_eq!(score_at(&out, "ratio", end), Some(25.0));
    }
}
