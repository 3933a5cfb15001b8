//! What a row does to its patient: clocks, panes, limits, silence, the end of a stay.

mod support;

use support::{Row, alerts, pipeline, row, run, windows};
use wardwatch_clinical::VitalSign::{HeartRate, Spo2};
use wardwatch_ingest::Reason;

const TIME: &str =
    "{ lateness: 2m, hold: 0s, grace: 2s, future_skew: 10s, silent_after: 60s, forget_after: 1h }";
const ALARMS: &str = "alarms:
  - { name: desaturation, limit: spo2 < 88, for: 15s, at_once: spo2 < 80, priority: high }
  - { name: fast, when: heart_rate_mean > 130, clear_when: heart_rate_mean < 120, priority: medium }
";
const ALL: &[usize] = &[usize::MAX];

fn spo2(ts: i64, value: f64) -> Row {
    row("a", ts, Spo2, value)
}

#[test]
fn a_limit_waits_and_the_worse_one_does_not() {
    let pipeline = pipeline(TIME, ALARMS);
    let out = run(
        &pipeline,
        &[spo2(0, 86.0), spo2(5, 86.0), spo2(16, 86.0), spo2(20, 95.0)],
        ALL,
        500,
    );
    let expected = [("desaturation", "start", 15), ("desaturation", "end", 20)];
    assert_eq!(
        alerts(&out, "a"),
        expected.map(|(name, phase, at)| (name.to_owned(), phase, at))
    );
    let out = run(&pipeline, &[spo2(0, 79.0)], ALL, 500);
    assert_eq!(alerts(&out, "a"), [("desaturation".to_owned(), "start", 0)]);
}

#[test]
fn a_pane_closes_when_the_clock_passes_its_end() {
    let pipeline = pipeline(TIME, "");
    let out = run(
        &pipeline,
        &[row("a", 1, HeartRate, 80.0), row("a", 12, HeartRate, 90.0)],
        ALL,
        500,
    );
    let ends: Vec<_> = windows(&out)
        .into_iter()
        .filter(|window| window.1 == 0)
        .map(|window| window.2)
        .collect();
    assert_eq!(ends, [10, 20]);
    let first = &out.features.iter().find(|rows| rows.set == 0).unwrap();
    assert_eq!(first.at[0] / 1_000_000 - support::BASE, 12);
}

#[test]
fn a_late_row_revises_the_newest_window() {
    let pipeline = pipeline(TIME, "");
    let mut late = row("a", 5, HeartRate, 100.0);
    late.append = 13;
    let mut next = row("a", 14, HeartRate, 90.0);
    next.append = 18;
    let rows = [
        row("a", 1, HeartRate, 80.0),
        row("a", 12, HeartRate, 90.0),
        late,
        next,
    ];
    let out = run(&pipeline, &rows, ALL, 500);
    let short: Vec<_> = windows(&out)
        .into_iter()
        .filter(|window| window.1 == 0)
        .map(|window| (window.2, window.3, window.4[0]))
        .collect();
    let mean = |value: f64| Some(value.to_bits());
    assert_eq!(short[..2], [(10, 0, mean(80.0)), (10, 1, mean(90.0))]);
    assert_eq!(out.counts.revisions, 1);
}

#[test]
fn future_late_repeat_and_another_value_are_told_apart() {
    let pipeline = pipeline(TIME, "");
    let mut future = spo2(500, 97.0);
    future.append = 200;
    future.device = Some("monitor-7");
    let mut old = spo2(70, 97.0);
    old.append = 201;
    let rows = [spo2(200, 97.0), future, old, spo2(200, 97.0), spo2(200, 96.0)];
    let out = run(&pipeline, &rows, ALL, 500);
    let reasons: Vec<_> = out
        .refused
        .iter()
        .map(|refused| (refused.row, refused.reason))
        .collect();
    assert_eq!(reasons, [(1, Reason::Future), (2, Reason::Late)]);
    assert_eq!((out.counts.repeats, out.counts.observations), (1, 2));
    let flagged = out
        .alerts
        .iter()
        .find(|alert| alert.alarm == "device_clock:bedside")
        .unwrap();
    assert!(flagged.text.contains("monitor-7"));
}

#[test]
fn silence_has_an_alarm_and_an_end() {
    let pipeline = pipeline(TIME, "");
    let rows = [
        spo2(0, 97.0),
        row("b", 59, Spo2, 97.0),
        row("b", 61, Spo2, 97.0),
        spo2(80, 97.0),
    ];
    let out = run(&pipeline, &rows, ALL, 500);
    let silent = "silent:bedside".to_owned();
    assert_eq!(
        alerts(&out, "a"),
        [(silent.clone(), "start", 60), (silent, "end", 80)]
    );
    assert_eq!(alerts(&out, "b"), []);
}

#[test]
fn a_forgotten_patient_ends_every_alarm_and_frees_the_slot() {
    let pipeline = pipeline(TIME, ALARMS);
    let rows = [
        spo2(0, 79.0),
        row("b", 4_000, Spo2, 97.0),
        row("a", 4_001, Spo2, 79.0),
    ];
    let out = run(&pipeline, &rows, ALL, 500);
    assert_eq!(out.ended, ["a"]);
    let told = alerts(&out, "a");
    assert_eq!(told.iter().filter(|(_, phase, _)| *phase == "end").count(), 2);
    assert!(told.contains(&("desaturation".to_owned(), "start", 4_001)));
}

#[test]
fn a_condition_has_hysteresis() {
    let pipeline = pipeline(TIME, ALARMS);
    let rows: Vec<Row> = [(0, 140.0), (60, 125.0), (120, 140.0), (180, 100.0), (250, 100.0)]
        .map(|(ts, value)| row("a", ts, HeartRate, value))
        .into();
    let out = run(&pipeline, &rows, ALL, 500);
    let fast: Vec<_> = alerts(&out, "a")
        .into_iter()
        .filter(|(alarm, ..)| alarm == "fast")
        .map(|(_, phase, _)| phase)
        .collect();
    assert_eq!(fast, ["start", "end"]);
}
