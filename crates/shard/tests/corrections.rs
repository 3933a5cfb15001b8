//! Corrections: what a sender takes back counts no more, in no alarm and no score.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::collections::BTreeSet;

use support::course::{Course, alerts_of, quarantined, scores_at, told, told_by};
use support::{Row, every, row, together};
use wardwatch_clinical::VitalSign::{HeartRate, Spo2, Temperature};
use wardwatch_ingest::Kind::{self, Absent, Corrected, Measured, Withdrawn};
use wardwatch_shard::Outputs;

const PIPELINE: &str = "pipeline: corrections
version: 1
sources:
  - { name: bedside, topic: vitals.bedside, format: observation-json }
  - { name: watch, topic: vitals.watch, format: observation-json, trend_only: true }
time: { lateness: 2m, hold: 0s, grace: 2s, future_skew: 10s, silent_after: 2m, forget_after: 24h }
lost_after: { spo2: 30s }
features:
  - name: f
    window: 1m
    every: 10s
    sql: SELECT patient_id, avg(temperature) AS warmth, min(spo2) AS spo2_min FROM vitals GROUP BY patient_id
scores:
  - { name: temp, sql: temperature }
  - { name: saturation, sql: spo2 }
  - { name: mean, sql: warmth }
  - { name: rate, sql: heart_rate }
alarms:
  - { name: desaturation, limit: spo2 < 88, for: 15s, at_once: spo2 < 80, clear_when: spo2 >= 90, priority: high, repeat_after: 5m }
  - { name: fever, limit: temperature >= 38.3, priority: medium }
  - { name: hot, when: temp >= 39, clear_when: temp < 38.5, priority: medium }
  - { name: warm, when: warmth >= 39, priority: low }
  - { name: racing, when: rate > 130, priority: low }
technical: { silent: high, device_clock: medium }
";

/// A temperature of device `m`: when it was measured, when it comes, what it is.
fn temp(kind: Kind, ts: i64, comes: i64, value: f64) -> Row {
    row("a", ts, Temperature, value).by("m").comes(comes).says(kind)
}

fn spo2(kind: Kind, ts: i64, comes: i64, value: f64) -> Row {
    row("a", ts, Spo2, value).by("m").comes(comes).says(kind)
}

/// Something else that comes all the time, so that windows close.
fn beside(until: i64) -> Vec<Row> {
    every(5, 0..until, HeartRate, 80.0)
        .into_iter()
        .map(|row| row.by("ecg"))
        .collect()
}

fn score(out: &Outputs, name: &str, second: i64) -> Option<f64> {
    let scores = &scores_at(out, second).scores;
    scores.iter().find(|score| &*score.name == name).unwrap().value
}

/// What is told of the fever, and the temperature that scores read in the end.
#[test]
fn the_newest_value_and_its_limit_follow_a_correction_at_once() {
    type Reading = (Kind, i64, i64, f64);
    const FIRST: Reading = (Measured, 0, 0, 40.6);
    const SECOND: Reading = (Measured, 30, 30, 40.0);
    const THIRD: Reading = (Measured, 30, 30, 36.8);
    const BETTER: Reading = (Corrected, 0, 40, 36.6);
    const WORSE: Reading = (Corrected, 0, 40, 40.6);
    type Case = (
        &'static str,
        &'static [Reading],
        &'static [&'static str],
        Option<f64>,
    );
    let cases: [Case; 20] = [
        (
            "to a better value",
            &[FIRST, BETTER],
            &["0 start", "40 end corrected"],
            Some(36.6),
        ),
        (
            "to a worse value",
            &[(Measured, 0, 0, 36.6), WORSE],
            &["40 start"],
            Some(40.6),
        ),
        (
            "to a fever of another height",
            &[(Measured, 0, 0, 38.5), WORSE],
            &["0 start"],
            Some(40.6),
        ),
        ("to the same value", &[FIRST, WORSE], &["0 start"], Some(40.6)),
        (
            "withdrawn, and nothing else is known",
            &[FIRST, (Withdrawn, 0, 40, 0.0)],
            &["0 start", "40 end corrected"],
            None,
        ),
        (
            "withdrawn, and the value before it was worse",
            &[FIRST, THIRD, (Withdrawn, 30, 40, 0.0)],
            &["0 start", "30 end cleared", "40 start"],
            Some(40.6),
        ),
        (
            "withdrawn, and the value before it was better",
            &[(Measured, 0, 0, 37.0), SECOND, (Withdrawn, 30, 40, 0.0)],
            &["30 start", "40 end corrected"],
            Some(37.0),
        ),
        (
            "an older value withdrawn",
            &[FIRST, SECOND, (Withdrawn, 0, 40, 0.0)],
            &["0 start"],
            Some(40.0),
        ),
        (
            "an older value that is over withdrawn",
            &[FIRST, THIRD, (Withdrawn, 0, 40, 0.0)],
            &["0 start", "30 end cleared"],
            Some(36.8),
        ),
        (
            "an older value corrected to a worse one",
            &[(Measured, 0, 0, 37.0), THIRD, WORSE],
            &[],
            Some(36.8),
        ),
        (
            "before its original",
            &[(Corrected, 0, 10, 36.6), (Measured, 0, 20, 40.6)],
            &[],
            Some(36.6),
        ),
        (
            "withdrawn before its original",
            &[(Withdrawn, 0, 10, 0.0), (Measured, 0, 20, 40.6)],
            &[],
            None,
        ),
        (
            "the original again, early and late",
            &[
                FIRST,
                BETTER,
                (Measured, 0, 50, 40.6),
                (Measured, 0, 300, 40.6),
                (Measured, 0, 3_000, 40.6),
            ],
            &["0 start", "40 end corrected"],
            Some(36.6),
        ),
        (
            "a correction again",
            &[FIRST, BETTER, (Corrected, 0, 50, 36.6)],
            &["0 start", "40 end corrected"],
            Some(36.6),
        ),
        (
            "a correction of a correction",
            &[FIRST, BETTER, (Corrected, 0, 50, 39.9)],
            &["0 start", "40 end corrected", "50 start"],
            Some(39.9),
        ),
        (
            "corrected, then withdrawn",
            &[FIRST, (Corrected, 0, 40, 39.9), (Withdrawn, 0, 50, 0.0)],
            &["0 start", "50 end corrected"],
            None,
        ),
        (
            "withdrawn, then corrected",
            &[FIRST, (Withdrawn, 0, 40, 0.0), (Corrected, 0, 50, 39.9)],
            &["0 start", "40 end corrected", "50 start"],
            Some(39.9),
        ),
        (
            "of a time that no value has",
            &[FIRST, (Corrected, 5, 40, 36.6)],
            &["0 start", "40 end cleared"],
            Some(36.6),
        ),
        (
            "hours later",
            &[FIRST, (Corrected, 0, 9_000, 36.6)],
            &["0 start", "9000 end corrected"],
            Some(36.6),
        ),
        (
            "of several values of one time",
            &[FIRST, (Measured, 0, 1, 36.9), (Measured, 0, 2, 39.0), BETTER],
            &["0 start", "40 end corrected"],
            Some(36.6),
        ),
    ];
    for dedupe in ["on", "off"] {
        let pipeline = PIPELINE.replacen(
            "observation-json }",
            &format!("observation-json, dedupe: {dedupe} }}"),
            1,
        );
        for (name, readings, expected, newest) in cases {
            // Without a log of what was accepted there is nothing to fall back to.
            if dedupe == "off" && name.contains("the value before it") {
                continue;
            }
            let last = readings.iter().map(|reading| reading.2).max().unwrap();
            let readings = readings
                .iter()
                .map(|(kind, ts, comes, value)| temp(*kind, *ts, *comes, *value));
            let rows = together([beside(last + 20), readings.collect()]);
            let out = Course::new(&pipeline, rows, last + 20).run();
            assert_eq!(told_by(&out, "fever"), expected, "{name}, dedupe {dedupe}");
            assert_eq!(score(&out, "temp", last + 20), newest, "{name}, dedupe {dedupe}");
            assert_eq!(quarantined(&out).len(), 0, "{name}: {:?}", out.counts);
            let ids: BTreeSet<_> = out.alerts.iter().map(|alert| alert.id).collect();
            assert_eq!(ids.len(), out.alerts.len(), "{name}: ALARM-2");
        }
    }
}

/// The identity of a reading holds its device, its source and its patient.
#[test]
fn a_correction_replaces_nothing_of_another_device() {
    let of_m = temp(Measured, 0, 0, 40.6);
    let of_others = [
        Row {
            device: Some("n"),
            ..temp(Corrected, 0, 40, 36.6)
        },
        Row {
            device: None,
            ..temp(Corrected, 0, 40, 36.6)
        },
        Row {
            topic: 1,
            ..temp(Corrected, 0, 40, 36.6)
        },
        Row {
            patient: "b".to_owned(),
            ..temp(Corrected, 0, 40, 36.6)
        },
    ];
    for other in of_others {
        let rows = together([beside(60), vec![of_m.clone(), other.clone()]]);
        let out = Course::new(PIPELINE, rows, 60).run();
        assert_eq!(told_by(&out, "fever"), ["0 start"], "{other:?}");
        assert_eq!(score(&out, "temp", 60), Some(40.6), "{other:?}");
    }
}

#[test]
fn scores_and_the_conditions_on_them_follow_at_once() {
    let at_40 = |kind, value| {
        let rows = together([
            beside(100),
            vec![temp(Measured, 0, 0, 40.6), temp(kind, 0, 40, value)],
        ]);
        Course::new(PIPELINE, rows, 100).run()
    };
    let out = at_40(Corrected, 36.6);
    assert_eq!(
        (score(&out, "temp", 39), score(&out, "temp", 40)),
        (Some(40.6), Some(36.6))
    );
    assert_eq!(told_by(&out, "hot"), ["10 start", "40 end corrected"]);
    assert!(
        alerts_of(&out, "hot")[1]
            .text
            .ends_with("ended, the value was corrected")
    );
    // Windows are not retracted: they say that they hold it, as long as they do.
    assert_eq!(score(&out, "mean", 55), Some(40.6));
    let says = |second| {
        scores_at(&out, second)
            .replaced
            .iter()
            .any(|vital| vital == "temperature")
    };
    assert_eq!([39, 40, 45, 60, 70].map(says), [false, true, true, true, false]);
    assert_eq!(told_by(&out, "warm")[0], "10 start");
    assert!(alerts_of(&out, "warm")[0].replaced.is_empty());
    // What was withdrawn says nothing any more.
    let out = at_40(Withdrawn, 0.0);
    assert_eq!(score(&out, "temp", 40), None);
    assert_eq!(told_by(&out, "hot"), ["10 start", "40 end corrected"]);
    // To a value that alarms.
    let rows = together([
        beside(100),
        vec![temp(Measured, 0, 0, 36.6), temp(Corrected, 0, 40, 40.6)],
    ]);
    let out = Course::new(PIPELINE, rows, 100).run();
    assert_eq!(told_by(&out, "hot"), ["40 start"]);
}

/// A condition whose window holds a replaced value says so when it is told of.
#[test]
fn alerts_say_that_their_window_holds_a_replaced_value() {
    let readings = vec![
        temp(Measured, 0, 0, 38.0),
        temp(Measured, 3, 3, 44.0),
        temp(Corrected, 3, 9, 37.0),
    ];
    let out = Course::new(PIPELINE, together([beside(100), readings]), 100).run();
    let alerts = alerts_of(&out, "warm");
    assert_eq!(told_by(&out, "warm")[0], "10 start");
    assert_eq!(alerts[0].replaced, ["temperature"]);
    assert_eq!(alerts_of(&out, "hot").len(), 0);
}

/// What ends for its own reason says that, also while something else is corrected.
#[test]
fn a_correction_is_no_reason_for_what_does_not_read_it() {
    let heart = |now: i64| row("a", now, HeartRate, if now < 42 { 150.0 } else { 80.0 }).by("ecg");
    let rows = (0..100).step_by(2).map(heart).collect();
    let readings = vec![temp(Measured, 0, 0, 40.6), temp(Corrected, 0, 45, 36.6)];
    let out = Course::new(PIPELINE, together([rows, readings]), 100).run();
    let lines = told_by(&out, "racing");
    assert!(lines.len() == 2 && lines[1].ends_with("end cleared"), "{lines:?}");
    // And what nobody knows stays open.
    let heart: Vec<Row> = every(5, 0..30, HeartRate, 150.0)
        .into_iter()
        .map(|row| row.by("ecg"))
        .collect();
    let spo2 = every(5, 0..900, Spo2, 97.0)
        .into_iter()
        .map(|row| row.by("m"))
        .collect();
    let readings = vec![temp(Measured, 0, 0, 40.6), temp(Withdrawn, 0, 800, 0.0)];
    let out = Course::new(PIPELINE, together([heart, spo2, readings]), 900).run();
    assert!(
        told_by(&out, "racing").iter().all(|line| !line.contains("end")),
        "{:?}",
        told(&out)
    );
    assert_eq!(told_by(&out, "hot")[1], "800 end corrected");
}

/// Of limits that wait, of ones that ask for confirmation, and of two thresholds.
#[test]
fn what_a_wrong_value_began_ends_with_it() {
    let confirmed = PIPELINE.replace("at_once: spo2 < 80,", "at_once: spo2 < 80, confirm: 3s,");
    type Case<'c> = (&'c str, &'c str, &'c [(Kind, i64, i64, f64)], &'c [&'c str]);
    let cases: [Case<'_>; 9] = [
        (
            "pending",
            PIPELINE,
            &[(Measured, 0, 0, 85.0), (Corrected, 0, 10, 97.0)],
            &[],
        ),
        (
            "pending and withdrawn",
            PIPELINE,
            &[(Measured, 0, 0, 85.0), (Withdrawn, 0, 10, 0.0)],
            &[],
        ),
        (
            "pending, and it lasts",
            PIPELINE,
            &[(Measured, 0, 0, 85.0), (Corrected, 0, 10, 86.0)],
            &["15 start"],
        ),
        (
            "at once",
            PIPELINE,
            &[(Measured, 0, 0, 70.0), (Corrected, 0, 10, 97.0)],
            &["0 start", "10 end corrected"],
        ),
        (
            "to a value between",
            PIPELINE,
            &[(Measured, 0, 0, 70.0), (Corrected, 0, 10, 89.0)],
            &["0 start", "10 end corrected"],
        ),
        (
            "to a lesser violation",
            PIPELINE,
            &[(Measured, 0, 0, 70.0), (Corrected, 0, 10, 86.0)],
            &["0 start"],
        ),
        (
            "unconfirmed",
            &confirmed,
            &[(Measured, 0, 0, 70.0), (Corrected, 0, 2, 97.0)],
            &[],
        ),
        (
            "unconfirmed and withdrawn",
            &confirmed,
            &[(Measured, 0, 0, 70.0), (Withdrawn, 0, 2, 0.0)],
            &[],
        ),
        (
            "to a value far too low",
            PIPELINE,
            &[(Measured, 0, 0, 97.0), (Corrected, 0, 10, 70.0)],
            &["10 start"],
        ),
    ];
    for (name, pipeline, readings, expected) in cases {
        let readings = readings
            .iter()
            .map(|(kind, ts, comes, value)| spo2(*kind, *ts, *comes, *value));
        let out = Course::new(pipeline, together([beside(25), readings.collect()]), 25).run();
        assert_eq!(told_by(&out, "desaturation"), expected, "{name}");
    }
    // Others had it begun before: a value between the thresholds goes on.
    let low = every(1, 0..20, Spo2, 85.0)
        .into_iter()
        .map(|row| row.by("m"))
        .collect();
    let wrong = vec![spo2(Measured, 20, 20, 70.0), spo2(Corrected, 20, 25, 89.0)];
    let out = Course::new(PIPELINE, together([low, wrong, beside(40)]), 40).run();
    assert!(
        told_by(&out, "desaturation")
            .iter()
            .all(|line| !line.contains("end")),
        "{:?}",
        told(&out)
    );
}

/// After a correction a limit is cleared by the next value, as before.
#[test]
fn a_correction_makes_no_limit_wait() {
    let values = vec![
        spo2(Measured, 0, 0, 97.0),
        spo2(Corrected, 0, 2, 70.0),
        spo2(Measured, 5, 5, 96.0),
    ];
    let out = Course::new(PIPELINE, values, 5).run();
    assert_eq!(told_by(&out, "desaturation"), ["2 start", "5 end cleared"]);
}

#[test]
fn with_two_devices_the_other_decides_what_is_left() {
    let of = |device, now: i64, value| row("a", now, Spo2, value).by(device);
    let n = || (0..40).step_by(5).map(|now| of("n", now, 97.0));
    let cases: [(&str, Row, &[&str]); 3] = [
        (
            "corrected",
            of("m", 0, 96.0).comes(20).says(Corrected),
            &["0 start", "20 end corrected"],
        ),
        (
            "withdrawn",
            of("m", 0, 0.0).comes(20).says(Withdrawn),
            &["0 start", "20 end corrected"],
        ),
        (
            "the other's",
            of("n", 15, 75.0).comes(20).says(Corrected),
            &["0 start"],
        ),
    ];
    for (name, correction, expected) in cases {
        let rows = together([vec![of("m", 0, 70.0)], n().collect(), vec![correction]]);
        assert_eq!(
            told_by(&Course::new(PIPELINE, rows, 40).run(), "desaturation"),
            expected,
            "{name}"
        );
    }
    // Nothing is left of the first: the second is known by its newest value alone.
    let second = [of("n", 1, 70.0), of("n", 3, 97.0), of("n", 5, 98.0)];
    let rows = [
        vec![of("m", 0, 97.0)],
        second.to_vec(),
        vec![of("m", 0, 0.0).comes(2).says(Withdrawn)],
    ];
    let out = Course::new(PIPELINE, together(rows), 10).run();
    assert_eq!(told_by(&out, "desaturation"), ["1 start", "3 end cleared"]);
}

/// As the device dates it, so is it corrected.
#[test]
fn a_device_with_a_wrong_clock_corrects_its_own_readings() {
    for behind in [121, 3_600, -600] {
        let own = |row: Row| row.behind(behind);
        let spo2: Vec<Row> = every(5, 0..300, Spo2, 97.0)
            .into_iter()
            .map(|row| own(row.by("m")))
            .collect();
        let measured = own(row("a", 100, Temperature, 40.6).by("m"));
        for (kind, newest) in [(Corrected, Some(36.6)), (Withdrawn, None)] {
            let correction = Row {
                value: 36.6,
                ..measured.clone()
            }
            .comes(150)
            .says(kind);
            let again = measured.clone().comes(200);
            let rows = together([spo2.clone(), vec![measured.clone(), correction, again]]);
            let out = Course::new(PIPELINE, rows, 300).run();
            assert_eq!(
                told_by(&out, "fever"),
                ["100 start", "150 end corrected"],
                "{behind}"
            );
            assert_eq!(score(&out, "temp", 300), newest, "{behind}");
            assert_eq!(out.counts.corrections, 2, "{behind}");
        }
    }
}

/// A message may correct one reading, withdraw another, say nothing of a third and measure a fourth.
#[test]
fn each_reading_of_a_group_does_what_it_says() {
    let at_40 = |vital, kind, value| row("a", 0, vital, value).by("m").comes(40).says(kind);
    let group = vec![
        at_40(Temperature, Corrected, 36.6),
        at_40(Spo2, Withdrawn, 0.0),
        at_40(HeartRate, Measured, 150.0),
    ];
    let first = vec![spo2(Measured, 0, 0, 70.0), temp(Measured, 0, 0, 40.6)];
    let rows = together([every(5, 1..100, HeartRate, 80.0), first, group]);
    let out = Course::new(PIPELINE, rows, 60).grouped().run();
    assert_eq!(told_by(&out, "fever"), ["0 start", "40 end corrected"]);
    assert_eq!(told_by(&out, "desaturation"), ["0 start", "40 end corrected"]);
    assert_eq!(
        (out.counts.corrections, out.counts.late, out.counts.repeats),
        (2, 0, 0)
    );
    assert_eq!(score(&out, "saturation", 60), None);
    // That nothing was measured corrects nothing.
    let absent = vec![temp(Measured, 0, 0, 40.6), temp(Absent, 0, 40, 0.0)];
    let out = Course::new(PIPELINE, together([beside(60), absent]), 60).run();
    assert_eq!(
        (told_by(&out, "fever"), out.counts.absent),
        (vec!["0 start".to_owned()], 1)
    );
}

/// A lost vital sign is not measured again because somebody corrects an older value.
#[test]
fn a_correction_is_no_sign_of_a_probe() {
    let values: Vec<Row> = every(5, 0..60, Spo2, 96.0)
        .into_iter()
        .map(|row| row.by("m"))
        .collect();
    for correction in [
        spo2(Corrected, 55, 120, 95.0),
        spo2(Withdrawn, 55, 120, 0.0),
        spo2(Corrected, 20, 120, 95.0),
    ] {
        let rows = together([beside(300), values.clone(), vec![correction.clone()]]);
        let out = Course::new(PIPELINE, rows, 300).run();
        assert_eq!(told_by(&out, "lost:spo2"), ["85 start"], "{correction:?}");
    }
}

/// What was withdrawn is missing from then on, and somebody is told.
#[test]
fn what_is_withdrawn_is_missed() {
    let rows = |value| {
        together([
            beside(900),
            vec![spo2(Measured, 0, 0, 97.0), spo2(Withdrawn, 0, 20, value)],
        ])
    };
    let out = Course::new(
        &PIPELINE.replace("lost_after: { spo2: 30s }\n", ""),
        rows(0.0),
        100,
    )
    .run();
    assert_eq!(told_by(&out, "lost:spo2"), ["30 start"]);
    assert_eq!(
        alerts_of(&out, "lost:spo2")[0].text,
        "No SpO2 since its value was withdrawn: other data come"
    );
    let again = vec![
        temp(Measured, 0, 0, 40.6),
        temp(Withdrawn, 0, 40, 0.0),
        temp(Measured, 900, 900, 37.0),
    ];
    let out = Course::new(PIPELINE, together([beside(900), again]), 900).run();
    assert_eq!(told_by(&out, "overdue"), ["50 start", "900 end cleared"]);
    // Entered anew at once, nothing is missing.
    let anew = vec![
        temp(Measured, 0, 0, 40.6),
        temp(Withdrawn, 0, 40, 0.0),
        temp(Measured, 1, 45, 36.6),
    ];
    let out = Course::new(PIPELINE, together([beside(900), anew]), 900).run();
    assert_eq!(told_by(&out, "overdue"), [""; 0]);
}

#[test]
fn a_correction_is_remembered_for_the_larger_of_lateness_and_maximum_age() {
    // A temperature is good for eight hours, a saturation for ten minutes.
    const HOURS_8: i64 = 8 * 3_600;
    let heart: Vec<Row> = every(60, 0..HOURS_8 + 900, HeartRate, 80.0);
    let first = vec![
        temp(Measured, 0, 0, 40.6),
        temp(Corrected, 0, 40, 36.6),
        temp(Measured, 0, HOURS_8 - 60, 40.6),
    ];
    let rest = vec![
        spo2(Measured, 0, 0, 70.0),
        spo2(Corrected, 0, 40, 97.0),
        spo2(Measured, 0, 590, 70.0),
    ];
    let out = Course::new(PIPELINE, together([heart, first, rest]), HOURS_8).run();
    assert_eq!(told_by(&out, "fever"), ["0 start", "40 end corrected"]);
    assert_eq!(told_by(&out, "desaturation"), ["0 start", "40 end corrected"]);
    assert_eq!(score(&out, "temp", HOURS_8 - 1), Some(36.6));
    assert_eq!(out.counts.corrections, 4);
}

/// Where `hold` waits, windows that are still open read what is corrected as it is now.
#[test]
fn windows_that_wait_read_corrected_values() {
    let pipeline = PIPELINE.replace("hold: 0s", "hold: 30s");
    let values = [
        (Measured, 5, 5, 40.6),
        (Corrected, 5, 20, 36.6),
        (Measured, 12, 12, 37.0),
        (Withdrawn, 12, 25, 0.0),
    ];
    let readings = values.map(|(kind, ts, comes, value)| temp(kind, ts, comes, value));
    let out = Course::new(&pipeline, together([beside(120), readings.to_vec()]), 120).run();
    let first = |end: i64| {
        let of_window = out
            .scores
            .iter()
            .find(|record| record.window_end == support::at(end) && record.revision == 0);
        of_window.unwrap().scores[0].value
    };
    assert_eq!([10, 20, 30].map(first), [Some(36.6); 3]);
    assert_eq!(told_by(&out, "hot"), [""; 0]);
}

/// A source that is only for trends moves no limit by its corrections.
#[test]
fn corrections_of_trends_move_no_limit() {
    let of_watch = |kind, comes, value| spo2(kind, 0, comes, value).of_source(1);
    let rows = together([
        beside(60),
        vec![of_watch(Measured, 0, 97.0), of_watch(Corrected, 20, 70.0)],
    ]);
    let out = Course::new(PIPELINE, rows, 60).run();
    assert_eq!(told_by(&out, "desaturation"), [""; 0]);
}
