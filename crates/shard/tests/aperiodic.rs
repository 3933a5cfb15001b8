//! Values that are measured now and then, and sent again and again: they count as long as they are fresh, once.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::path::Path;

use support::course::{Course, quarantined, score_at, scores_at, told_by};
use support::{Row, every, row, together};
use wardwatch_clinical::VitalSign::{
    Consciousness, HeartRate, Pulse, RespRate, Spo2, SystolicBp, Temperature,
};
use wardwatch_shard::Outputs;

const PIPELINE: &str = "pipeline: aperiodic
version: 1
sources:
  - { name: bedside, topic: vitals.bedside, format: observation-json }
  - { name: cart, topic: vitals.cart, format: observation-json, silent_after: 12h }
time: { lateness: 2m, hold: 0s, grace: 2s, future_skew: 10s, silent_after: 60s, forget_after: 24h }
features:
  - { name: f, window: 1m, every: 10s, sql: \"SELECT patient_id, count(systolic_bp) AS cuffs FROM vitals GROUP BY patient_id\" }
scores:
  - { name: pressure, sql: systolic_bp }
  - { name: warmth, sql: temperature }
alarms:
  - { name: hypotension, limit: systolic_bp < 90, clear_when: systolic_bp >= 95, priority: high }
  - { name: seldom, when: cuffs >= 1000, priority: low }
technical: { silent: high, device_clock: medium }
";
const MINUTE: i64 = 60;

/// A cuff pressure that was measured then, in the messages of these seconds.
fn cuff(measured: i64, sent: impl IntoIterator<Item = i64>, value: f64) -> Vec<Row> {
    let again = |second| row("a", measured, SystolicBp, value).comes(second);
    sent.into_iter().map(again).collect()
}

fn monitor(until: i64) -> Vec<Row> {
    every(5, 0..until, HeartRate, 80.0)
}

fn run(rows: Vec<Row>, until: i64) -> Outputs {
    Course::new(PIPELINE, rows, until).run()
}

/// Whatever stands first in a message.
#[test]
fn a_cuff_pressure_of_a_while_ago_counts_and_its_repeats_do_not() {
    let text = std::fs::read_to_string(Path::new("../../pipelines/adult-ward.yaml")).unwrap();
    let vitals = [
        (Spo2, 98.0),
        (Pulse, 90.0),
        (RespRate, 16.0),
        (Temperature, 37.0),
        (Consciousness, 0.0),
    ];
    let now = |second: i64| {
        vitals
            .map(|(vital, value)| row("a", second, vital, value))
            .to_vec()
    };
    let old = |second: i64| cuff(-24 * MINUTE, [second], 84.0);
    let mut scores = Vec::new();
    for cuff_first in [true, false] {
        let rows = (0..40).step_by(5).flat_map(|second| match cuff_first {
            true => [old(second), now(second)].concat(),
            false => [now(second), old(second)].concat(),
        });
        let course = Course::new(&text, rows.collect(), 45).grouped();
        let out = course
            .context(0, "admit", r#","spo2_scale":1,"on_oxygen":false"#)
            .run();
        assert_eq!(told_by(&out, "hypotension"), ["0 start"], "first: {cuff_first}");
        assert_eq!(
            (out.counts.observations, out.counts.repeats),
            (41, 7),
            "first: {cuff_first}"
        );
        assert_eq!(
            quarantined(&out).len(),
            0,
            "first: {cuff_first}: {:?}",
            out.counts
        );
        scores.push(score_at(&out, 45));
    }
    // 84 mmHg are three points.
    assert_eq!(scores, [Some(3.0), Some(3.0)]);
}

#[test]
fn a_measurement_that_came_in_time_is_repeated_when_it_comes_late() {
    for dedupe in [true, false] {
        let rows = together([monitor(3_000), cuff(0, (0..3_000).step_by(5), 84.0)]);
        let pipeline = if dedupe {
            PIPELINE.to_owned()
        } else {
            PIPELINE.replacen("json }", "json, dedupe: off }", 1)
        };
        let out = Course::new(&pipeline, rows, 3_000).run();
        assert_eq!(told_by(&out, "hypotension"), ["0 start"], "dedupe: {dedupe}");
        assert_eq!(quarantined(&out).len(), 0, "dedupe: {dedupe}: {:?}", out.counts);
        if dedupe {
            assert_eq!((out.counts.observations, out.counts.repeats), (601, 599));
        }
        assert_eq!(score_at(&out, 3_000), Some(84.0));
    }
}

/// Each new measurement stands for itself: the one before ends with it, and never comes back.
#[test]
fn a_newer_measurement_takes_its_place_at_once() {
    // Measured every ten minutes, sent from three minutes later on until the next one is.
    let values = [84.0, 120.0, 80.0, 130.0];
    let each = (0..).zip(values).flat_map(|(place, value)| {
        let measured = place * 10 * MINUTE;
        cuff(measured, (measured + 180..measured + 780).step_by(5), value)
    });
    let rows = together([monitor(2_500), each.collect()]);
    let out = run(rows, 2_500);
    let expected = ["180 start", "780 end cleared", "1380 start", "1980 end cleared"];
    assert_eq!(told_by(&out, "hypotension"), expected);
    assert_eq!(out.counts.observations, 500 + 4);
    assert_eq!(quarantined(&out).len(), 0);
    // One of before, sent once more, is a repeat of history.
    let again = cuff(0, [2_400, 2_405], 84.0);
    let out = run(
        together([
            monitor(2_500),
            cuff(0, [200], 84.0),
            cuff(1_200, [1_300], 120.0),
            again,
        ]),
        2_500,
    );
    assert_eq!(told_by(&out, "hypotension"), ["200 start", "1300 end cleared"]);
    assert_eq!((out.counts.repeats, out.counts.late), (2, 0));
}

/// In windows, as newest value and by limits within its age; beyond it nothing uses it, and somebody can read why.
#[test]
fn lateness_guards_windows_only() {
    let cases = [
        // Age when it comes, of how many windows, of scores, of limits, in quarantine.
        (0, true, true, 0),
        (40, true, true, 0),
        (130, false, true, 0),
        (59 * MINUTE, false, true, 0),
        (60 * MINUTE, false, true, 0),
        (61 * MINUTE, false, false, 1),
        (24 * 60 * MINUTE, false, false, 1),
    ];
    for (age, in_windows, is_used, late) in cases {
        let rows = together([monitor(400), cuff(300 - age, [300], 84.0)]);
        let out = run(rows, 400);
        let counted = support::windows(&out)
            .iter()
            .any(|window| window.4[0].map(f64::from_bits) > Some(0.0));
        assert_eq!(counted, in_windows, "{age} s old");
        assert_eq!(
            told_by(&out, "hypotension").contains(&"300 start".to_owned()),
            is_used,
            "{age} s old"
        );
        let score = scores_at(&out, 310).scores[0].value;
        assert_eq!(
            score,
            is_used.then_some(84.0).filter(|_| age < 60 * MINUTE),
            "{age} s old"
        );
        assert_eq!(out.counts.late, late, "{age} s old");
    }
}

/// More old values than are kept aside cost at most a line each in quarantine.
#[test]
fn many_old_values_are_each_used_or_told_of_once() {
    let old: Vec<Row> = (0..60)
        .flat_map(|minute| cuff(-minute * MINUTE, [300 + minute], 120.0))
        .collect();
    let again: Vec<Row> = old
        .iter()
        .cloned()
        .map(|row| Row {
            append: row.append + 100,
            ..row
        })
        .collect();
    let out = run(together([monitor(600), old, again]), 600);
    assert_eq!(out.counts.repeats, 60);
    assert!(out.counts.late <= 59, "{:?}", out.counts);
}

/// A temperature by hand, typed in late; from another source, and from two.
#[test]
fn what_is_charted_late_is_the_newest_that_there_is() {
    let typed =
        |measured: i64, comes: i64, value| row("a", measured, Temperature, value).of_source(1).comes(comes);
    let rows = vec![
        typed(-3_600, 100, 38.9),
        typed(-7_200, 105, 37.2),
        typed(-3_600, 200, 38.9),
        typed(60, 300, 39.4),
    ];
    let out = run(together([monitor(400), rows]), 400);
    let warmth = |second| scores_at(&out, second).scores[1].value;
    assert_eq!([113, 213, 313].map(warmth), [Some(38.9), Some(38.9), Some(39.4)]);
    assert_eq!(out.counts.repeats, 1);
    assert_eq!(quarantined(&out), [("late", 1)].into());
    // The same value by two devices is measured twice.
    let by = |device: &'static str| {
        cuff(-600, [100, 105], 84.0)
            .into_iter()
            .map(move |row| row.by(device))
    };
    let out = run(together([monitor(200), by("m").chain(by("n")).collect()]), 200);
    assert_eq!((out.counts.observations, out.counts.repeats), (42, 2));
    assert_eq!(told_by(&out, "hypotension"), ["100 start"]);
}

/// A value is not younger for being sent again: past its maximum age nobody is told of it any more.
#[test]
fn a_repeated_value_grows_old() {
    let rows = together([monitor(4_000), cuff(0, (10..4_000).step_by(5), 84.0)]);
    let out = run(rows, 4_000);
    assert_eq!(told_by(&out, "hypotension"), ["10 start", "3600 unknown"]);
    assert_eq!(told_by(&out, "lost:systolic_bp"), ["3600 start"]);
    assert_eq!(score_at(&out, 4_000), None);
}
