//! Several values of one time: all of them count, the worst is told of, and their order changes nothing.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::collections::BTreeSet;

use proptest::prelude::*;
use support::course::{Course, alerts_of, scores_at, told, told_by};
use support::{Row, row, windows};
use wardwatch_clinical::VitalSign::{self, HeartRate, RespRate, Spo2};
use wardwatch_shard::Outputs;

const PIPELINE: &str = "pipeline: instants
version: 1
sources:
  - { name: bedside, topic: vitals.bedside, format: observation-json }
time: { lateness: 2m, hold: 0s, grace: 2s, future_skew: 10s, silent_after: 6m, forget_after: 24h }
features:
  - name: f
    window: 1m
    every: 10s
    sql: SELECT patient_id, count(spo2) AS spo2_count, min(spo2) AS spo2_min, max(spo2) AS spo2_max FROM vitals GROUP BY patient_id
scores:
  - { name: saturation, sql: spo2 }
  - { name: rate, sql: heart_rate }
  - { name: breaths, sql: resp_rate }
alarms:
  - { name: desaturation, limit: spo2 < 88, for: 15s, at_once: spo2 < 80, clear_when: spo2 >= 90, priority: high, repeat_after: 5m }
technical: { silent: high, device_clock: medium }
";

/// Several values of each of these times, which come one after the other.
fn instants(times: impl IntoIterator<Item = i64>, values: &[f64]) -> Vec<Row> {
    let of_instant = |ts: i64| values.iter().map(move |value| row("a", ts, Spo2, *value).by("m"));
    times.into_iter().flat_map(of_instant).collect()
}

/// As single messages and in groups; both say the same.
fn run(rows: Vec<Row>, until: i64) -> Outputs {
    let course = Course::new(PIPELINE, rows, until);
    let (single, grouped) = (course.run(), course.clone().grouped().run());
    assert_eq!(told(&single), told(&grouped));
    assert_eq!(single.counts.observations, grouped.counts.observations);
    single
}

fn orders(values: &[f64]) -> Vec<Vec<f64>> {
    match values {
        [] => vec![Vec::new()],
        _ => (0..values.len())
            .flat_map(|first| {
                let mut rest = values.to_vec();
                let first = rest.remove(first);
                orders(&rest)
                    .into_iter()
                    .map(move |rest| [vec![first], rest].concat())
            })
            .collect(),
    }
}

#[test]
fn a_second_with_a_value_far_too_low_alarms_at_once() {
    for values in orders(&[95.0, 78.0]) {
        let out = run(instants(0..30, &values), 40);
        assert_eq!(told(&out), ["0 desaturation start"], "{values:?}");
        assert_eq!(out.counts.observations, 60);
        assert_eq!(alerts_of(&out, "desaturation")[0].value, Some(78.0));
    }
}

#[test]
fn a_minute_with_a_value_far_too_low_alarms_at_once() {
    for values in orders(&[95.0, 79.0, 78.0]) {
        let rows = [instants([0], &[96.0]), instants([300], &values)].concat();
        let out = run(rows, 315);
        assert_eq!(told(&out), ["300 desaturation start"], "{values:?}");
        assert_eq!(out.counts.observations, 4);
        assert_eq!(scores_at(&out, 315).scores[0].value, Some(78.0), "{values:?}");
    }
}

/// Lasting means that each time had a value below the limit; it is over at the first time that has none.
#[test]
fn only_a_later_time_clears() {
    for values in orders(&[97.0, 85.0, 96.0]) {
        let rows = [
            instants(0..5, &[97.0, 96.0]),
            instants(5..40, &values),
            instants(40..50, &[97.0, 96.0]),
            instants(50..55, &values),
            instants(55..70, &[95.0]),
        ];
        let out = run(rows.concat(), 75);
        assert_eq!(
            told(&out),
            ["20 desaturation start", "40 desaturation end cleared"],
            "{values:?}"
        );
    }
}

/// Also where the values of a time come minutes apart, as a device that stamps minutes sends them.
#[test]
fn a_value_of_the_same_minute_clears_nothing_however_late_it_comes() {
    let values = [
        (0, 0, 97.0),
        (0, 20, 96.0),
        (60, 60, 75.0),
        (60, 80, 97.0),
        (60, 110, 98.0),
        (120, 120, 99.0),
        (120, 140, 98.0),
    ];
    let rows = values.map(|(ts, comes, value)| row("a", ts, Spo2, value).by("m").comes(comes));
    let out = run(rows.to_vec(), 150);
    assert_eq!(
        told(&out),
        ["60 desaturation start", "120 desaturation end cleared"]
    );
    assert_eq!(out.counts.observations, 7);
}

#[test]
fn an_exact_repeat_is_dropped_and_nothing_else() {
    let out = run(instants(0..10, &[95.0, 78.0]), 20);
    // Twice, and in another order.
    let again = |second: i64| instants([second], &[95.0, 78.0, 78.0, 95.0, 78.0]);
    let repeated = Course::new(PIPELINE, (0..10).flat_map(again).collect(), 20).run();
    assert_eq!((repeated.counts.observations, repeated.counts.repeats), (20, 30));
    assert_eq!(told(&out), told(&repeated));
    assert_eq!(windows(&out), windows(&repeated));
    // As it comes twice in single precision, or with more digits.
    let near = instants(0..10, &[95.0, 78.3, f64::from(78.3_f32)]);
    assert_eq!(Course::new(PIPELINE, near, 20).run().counts.repeats, 10);
}

/// Where one value must be chosen, it is the worse one, whichever way that is.
#[test]
fn scores_and_windows_take_the_worse_value() {
    let cases: [(VitalSign, usize, [f64; 3], f64); 5] = [
        (Spo2, 0, [99.0, 92.0, 95.0], 92.0),
        (HeartRate, 1, [80.0, 150.0, 110.0], 150.0),
        (HeartRate, 1, [80.0, 35.0, 60.0], 35.0),
        (RespRate, 2, [16.0, 31.0, 20.0], 31.0),
        (RespRate, 2, [16.0, 5.0, 12.0], 5.0),
    ];
    for (vital, score, values, worst) in cases {
        for values in orders(&values) {
            let of_instant = |ts| {
                values
                    .iter()
                    .map(move |value| row("a", ts, vital, *value).by("m"))
            };
            let rows = (0..=10).flat_map(of_instant).collect();
            let out = run(rows, 25);
            assert_eq!(scores_at(&out, 25).scores[score].value, Some(worst), "{values:?}");
        }
    }
    let out = run(instants(0..=10, &[99.0, 92.0, 95.0]), 15);
    let first = windows(&out).into_iter().find(|window| window.2 == 10).unwrap().4;
    assert_eq!(
        first,
        [
            Some(30f64.to_bits()),
            Some(92f64.to_bits()),
            Some(99f64.to_bits())
        ]
    );
}

/// Of two devices at one time each is judged by itself: the one's later time does not clear the other.
#[test]
fn two_devices_share_no_instant() {
    let both = |second: i64| {
        [
            row("a", second, Spo2, 97.0).by("m"),
            row("a", second, Spo2, 78.0).by("n"),
        ]
    };
    let rows: Vec<Row> = (0..20).flat_map(both).collect();
    let clear = |second: i64| {
        [
            row("a", second, Spo2, 97.0).by("m"),
            row("a", second, Spo2, 93.0).by("n"),
        ]
    };
    let rows = rows.into_iter().chain((20..30).flat_map(clear)).collect();
    let out = run(rows, 35);
    assert_eq!(
        told(&out),
        ["0 desaturation start", "20 desaturation end cleared"]
    );
    assert_eq!(out.counts.observations, 60);
}

#[test]
fn a_value_of_an_instant_that_is_over_is_history() {
    // 78 % of second 3 comes when second 5 is known: windows take it, a limit does not.
    let mut rows = instants(0..6, &[95.0, 96.0]);
    rows.push(row("a", 3, Spo2, 78.0).by("m").comes(5));
    rows.extend(instants(6..20, &[95.0, 96.0]));
    let out = run(rows, 25);
    assert_eq!(told(&out), [""; 0]);
    let first = windows(&out).into_iter().find(|window| window.2 == 10).unwrap().4;
    assert_eq!(first[1], Some(78f64.to_bits()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The order within an instant changes nothing of what is told, of windows and of scores.
    #[test]
    fn the_order_within_an_instant_changes_nothing(
        instants in proptest::collection::vec(proptest::collection::btree_set(74u32..100, 1..4), 2..40),
        turns in proptest::collection::vec(0usize..4, 40),
    ) {
        // Once a device has given one time twice, it is known to.
        let known = [BTreeSet::from([96, 97])];
        let rows = |turn: &dyn Fn(usize) -> usize| -> Vec<Row> {
            let all = known.iter().chain(&instants).enumerate();
            all.flat_map(|(second, values)| {
                let mut values: Vec<f64> = values.iter().map(|value| f64::from(*value)).collect();
                let turn = turn(second) % values.len();
                values.rotate_left(turn);
                values.into_iter().map(move |value| row("a", second as i64 * 2, Spo2, value).by("m"))
            }).collect()
        };
        let until = 2 * instants.len() as i64 + 25;
        let sorted = Course::new(PIPELINE, rows(&|_| 0), until).run();
        let turned = Course::new(PIPELINE, rows(&|second| turns[second % turns.len()]), until).run();
        let lines = |out: &Outputs| told_by(out, "desaturation");
        prop_assert_eq!(lines(&sorted), lines(&turned));
        prop_assert_eq!(windows(&sorted), windows(&turned));
        let newest = |out: &Outputs| scores_at(out, until).scores[0].value;
        prop_assert_eq!(newest(&sorted), newest(&turned));
    }
}
