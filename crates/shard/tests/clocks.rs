//! Devices whose clock is wrong: they cost no reading for longer than a minute, and no other device anything.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::path::Path;

use support::course::{Course, alerts_of, quarantined, score_at, told, told_by};
use support::{Row, every, row, together, windows};
use wardwatch_alarms::{Alert, Phase};
use wardwatch_clinical::VitalSign::{
    self, Consciousness, HeartRate, Pulse, RespRate, Spo2, SystolicBp, Temperature,
};
use wardwatch_shard::Outputs;

const PIPELINE: &str = "pipeline: clocks
version: 1
sources:
  - { name: bedside, topic: vitals.bedside, format: observation-json }
  - { name: watch, topic: vitals.watch, format: observation-json, trend_only: true }
  - { name: chart, topic: vitals.chart, format: observation-json, silent_after: 1h }
time: { lateness: 2m, hold: 0s, grace: 2s, future_skew: 10s, silent_after: 1m, forget_after: 24h }
lost_after: { spo2: 30s }
features:
  - name: f
    window: 1m
    every: 10s
    emit: rows
    sql: SELECT patient_id, avg(spo2) AS spo2_mean, count(spo2) AS spo2_count FROM vitals GROUP BY patient_id
scores:
  - { name: saturation, sql: spo2 }
alarms:
  - { name: desaturation, limit: spo2 < 88, for: 15s, at_once: spo2 < 80, clear_when: spo2 >= 90, priority: high, repeat_after: 5m }
technical: { silent: high, device_clock: medium }
";
const CLOCK: &str = "device_clock:bedside";

const HOUR: i64 = 3_600;
/// From 2026-09-21, when the tests' log begins.
const TO_2000: i64 = support::BASE - 946_684_800;
const TO_1970: i64 = support::BASE;

fn shipped(name: &str) -> String {
    std::fs::read_to_string(Path::new("../../pipelines").join(name)).unwrap()
}

fn source(of: &str) -> String {
    PIPELINE.replacen("observation-json }", &format!("observation-json, {of} }}"), 1)
}

/// An oximeter that sends every five seconds.
fn oximeter(when: std::ops::Range<i64>, behind: i64, value: f64) -> Vec<Row> {
    let rows = every(5, when, Spo2, value).into_iter();
    rows.map(|row| row.by("oximeter").behind(behind)).collect()
}

/// Electrodes whose clock is right.
fn electrodes(when: std::ops::Range<i64>) -> Vec<Row> {
    every(5, when, HeartRate, 80.0)
        .into_iter()
        .map(|row| row.by("ecg"))
        .collect()
}

fn texts<'o>(out: &'o Outputs, alarm: &str) -> Vec<&'o str> {
    alerts_of(out, alarm)
        .iter()
        .map(|alert| alert.text.as_str())
        .collect()
}

/// Mean and count of SpO2 in the window that ends then.
fn window(out: &Outputs, end: i64) -> (Option<f64>, Option<f64>) {
    let all = windows(out);
    let newest = all.iter().rfind(|window| window.2 == end).unwrap();
    let number = |place: usize| newest.4[place].map(f64::from_bits);
    (number(0), number(1))
}

/// Begins exactly beyond `past_skew`; up to the maximum age its values count from the first one on.
#[test]
fn a_slow_clock_beside_a_right_one_costs_no_reading() {
    for behind in [61, 121, 300, HOUR, 5 * HOUR, TO_2000, TO_1970] {
        let rows = together([electrodes(0..200), oximeter(0..200, behind, 70.0)]);
        let out = Course::new(PIPELINE, rows, 205).run();
        let is_usable = behind <= 600;
        let expected = match is_usable {
            true => &["0 desaturation start", "60 device_clock:bedside start"][..],
            false => &[
                "10 lost:spo2 start",
                "60 device_clock:bedside start",
                "60 lost:spo2 end cleared",
                "60 desaturation start",
            ],
        };
        assert_eq!(told(&out), expected, "{behind} s behind");
        let said = texts(&out, CLOCK)[0];
        assert!(said.starts_with("The clock of device oximeter is "), "{said}");
        assert!(
            said.ends_with(" behind: its times are corrected (bedside)"),
            "{said}"
        );
        assert_eq!(window(&out, 200), (Some(70.0), Some(12.0)), "{behind} s behind");
        assert_eq!(score_at(&out, 205), Some(70.0), "{behind} s behind");
        let most_late = if is_usable { 0 } else { 12 };
        assert!(
            out.counts.late <= most_late && out.counts.future == 0,
            "{:?}",
            out.counts
        );
        let shown = &out.scores.last().unwrap().inputs;
        let spo2 = shown.iter().find(|input| input.name == "spo2").unwrap();
        assert!(
            spo2.clock_corrected && spo2.age_seconds.unwrap() <= 15.0,
            "{spo2:?}"
        );
    }
    // Within the skew nothing is wrong, and nothing is said.
    let rows = together([electrodes(0..200), oximeter(0..200, 60, 97.0)]);
    assert_eq!(told(&Course::new(PIPELINE, rows, 205).run()), [""; 0]);
}

#[test]
fn a_score_is_the_same_whatever_the_clock() {
    let vitals: [(VitalSign, f64); 6] = [
        (RespRate, 26.0),
        (Spo2, 90.0),
        (SystolicBp, 92.0),
        (Pulse, 135.0),
        (Temperature, 39.5),
        (Consciousness, 2.0),
    ];
    for behind in [0, 121, 3_700, 26 * HOUR, TO_1970, -15, -HOUR] {
        let message =
            |now: i64| vitals.map(|(vital, value)| row("a", now, vital, value).by("m").behind(behind));
        let rows: Vec<Row> = (0..300).step_by(5).flat_map(message).collect();
        let course = Course::new(&shipped("adult-ward.yaml"), rows, 300).grouped();
        let out = course
            .context(0, "admit", r#","spo2_scale":1,"on_oxygen":false"#)
            .run();
        let start = |alarm| told_by(&out, alarm).first().cloned();
        assert_eq!(score_at(&out, 300), Some(16.0), "{behind} s behind");
        // A minute until the clock is known, a minute that the condition must last, and a window.
        for alarm in ["news2_urgent", "news2_emergency"] {
            let start = start(alarm).unwrap_or_else(|| panic!("{behind} s behind: {:?}", told(&out)));
            let second: i64 = start.split(' ').next().unwrap().parse().unwrap();
            assert!(
                start.ends_with("start") && second <= 140,
                "{behind} s behind: {start}"
            );
        }
    }
}

/// A single low value, old by its device's clock when it comes, is waited for and told of.
#[test]
fn one_low_value_of_a_slow_clock_begins_an_alarm() {
    for behind in [0, 300, 590] {
        let heart: Vec<Row> = (0..700)
            .step_by(10)
            .map(|now| row("a", now, HeartRate, 80.0).behind(590))
            .collect();
        let rows = together([heart, vec![row("a", 300, Spo2, 84.0).behind(behind)]]);
        let out = Course::new(PIPELINE, rows, 700).run();
        assert_eq!(told_by(&out, "desaturation")[0], "315 start", "{behind} s behind");
    }
}

/// Right for two minutes, then set to another time while the patient desaturates.
#[test]
fn a_clock_that_is_set_while_running_is_found_within_a_minute() {
    for behind in [61, 600, HOUR, TO_2000, TO_1970, -11, -HOUR] {
        for beside in [false, true] {
            let own = [oximeter(0..120, 0, 96.0), oximeter(120..400, behind, 70.0)].concat();
            let other = if beside { electrodes(0..400) } else { Vec::new() };
            let out = Course::new(PIPELINE, together([other, own]), 400).run();
            assert_eq!(
                told_by(&out, "desaturation"),
                ["180 start"],
                "{behind} s behind: {:?}",
                told(&out)
            );
            let clock: &[&str] = if behind > 0 {
                &["180 start"]
            } else {
                &["120 start", "180 update"]
            };
            assert_eq!(told_by(&out, CLOCK), clock, "{behind} s behind");
            let is_claimed_silent = told(&out).iter().any(|line| line.contains("silent"));
            assert!(
                behind < 0 || !is_claimed_silent,
                "{behind} s behind: {:?}",
                told(&out)
            );
            assert_eq!(score_at(&out, 400), Some(70.0), "{behind} s behind");
            assert_eq!(window(&out, 390).1, Some(12.0), "{behind} s behind");
        }
    }
}

/// Then it is set right, or to another wrong time.
#[test]
fn a_clock_that_is_set_again_counts_from_then_on() {
    // By how much it is wrong, to what it is set, when what it sends counts, when it is known, and what is said then.
    let cases = [
        (HOUR, 0, 200, 200, "end cleared"),
        (121, 0, 200, 200, "end cleared"),
        (TO_1970, 0, 200, 200, "end cleared"),
        (HOUR, 1_800, 200, 200, "update"),
        (HOUR, 2 * HOUR, 260, 260, "update"),
        (-HOUR, 0, 260, 260, "end cleared"),
        // Half a minute behind its offset until then: of one time with the last of before, and the worse.
        (-30, 0, 225, 260, "end cleared"),
        (HOUR, -HOUR, 260, 260, "update"),
        (-HOUR, -2 * HOUR, 260, 260, "update"),
    ];
    for (first, second, counts_at, known_at, said) in cases {
        let rows = [oximeter(0..200, first, 96.0), oximeter(200..490, second, 70.0)].concat();
        let out = Course::new(PIPELINE, rows, 495).run();
        let name = format!("{first} s behind, then {second} s: {:?}", told(&out));
        assert_eq!(
            told_by(&out, "desaturation"),
            [format!("{counts_at} start")],
            "{name}"
        );
        let clock = told_by(&out, CLOCK);
        assert_eq!(clock.last().unwrap(), &format!("{known_at} {said}"), "{name}");
        let ends = clock.iter().filter(|line| line.contains("end")).count();
        assert_eq!(ends, usize::from(said.starts_with("end")), "{name}");
        assert_eq!(score_at(&out, 495), Some(70.0), "{name}");
        assert_eq!(window(&out, 490).1, Some(12.0), "{name}");
    }
}

#[test]
fn a_clock_that_drifts_is_followed() {
    // Seconds a minute.
    for drift in [5, 2, -2, -5] {
        let rows: Vec<Row> = (0..1_800)
            .step_by(5)
            .map(|now| {
                row("a", now, Spo2, if now < 900 { 96.0 } else { 70.0 })
                    .by("oximeter")
                    .behind(now * drift / 60)
            })
            .collect();
        let out = Course::new(PIPELINE, rows, 1_800).run();
        let start = &told_by(&out, "desaturation")[0];
        let second: i64 = start.strip_suffix(" start").unwrap().parse().unwrap();
        assert!((900..=1_020).contains(&second), "{drift}: {start}");
        assert!(out.counts.late == 0, "{drift}: {:?}", out.counts);
        let clock = told_by(&out, CLOCK);
        assert!(
            clock.iter().all(|line| !line.contains("end")),
            "{drift} s a minute, and never right: {clock:?}"
        );
        assert!(drift < 0 || told_by(&out, "silent:bedside").is_empty(), "{drift}");
    }
}

/// Each is judged by itself, both are shown, and nothing is averaged.
#[test]
fn of_two_devices_that_disagree_both_are_visible() {
    let named = |alert: &Alert| -> Vec<(String, f64)> {
        let each = alert.contributors.iter().map(|one| &one.input);
        each.map(|input| {
            (
                input.device_id.as_deref().unwrap_or("-").to_owned(),
                input.value.unwrap(),
            )
        })
        .collect()
    };
    for behind in [0, 121, HOUR, TO_1970, -HOUR] {
        let other = |when, value| -> Vec<Row> {
            every(5, when, Spo2, value)
                .into_iter()
                .map(|row| row.by("monitor"))
                .collect()
        };
        // The one that may be wrong sees it first, then neither, then the other, then neither.
        let own = [
            oximeter(0..100, behind, 97.0),
            oximeter(100..300, behind, 70.0),
            oximeter(300..700, behind, 98.0),
        ];
        let others = [other(0..400, 96.0), other(400..500, 75.0), other(500..700, 96.0)];
        let out = Course::new(PIPELINE, together([others.concat(), own.concat()]), 700).run();
        let lines = told_by(&out, "desaturation");
        assert_eq!(
            lines,
            ["100 start", "300 end cleared", "400 start", "500 end cleared"],
            "{behind}: {:?}",
            told(&out)
        );
        let alerts = alerts_of(&out, "desaturation");
        assert_eq!(
            named(alerts[0]),
            [("oximeter".to_owned(), 70.0), ("monitor".to_owned(), 96.0)],
            "{behind}"
        );
        assert_eq!(
            named(alerts[2]),
            [("monitor".to_owned(), 75.0), ("oximeter".to_owned(), 98.0)],
            "{behind}"
        );
        assert_eq!(alerts[0].value, Some(70.0));
        // A minute of both.
        let (mean, count) = window(&out, 690);
        assert_eq!((mean, count), (Some(97.0), Some(24.0)), "{behind}");
    }
}

#[test]
fn a_source_may_have_wrong_clocks_quarantined() {
    let pipeline = source("wrong_clock: quarantine");
    for behind in [121, HOUR, -HOUR] {
        let rows = together([
            electrodes(0..400),
            oximeter(0..100, 0, 96.0),
            oximeter(100..400, behind, 70.0),
        ]);
        let out = Course::new(&pipeline, rows, 400).run();
        let name = format!("{behind} s behind: {:?}", told(&out));
        // While its clock is not found to be wrong, what it sends is judged by the time that it gives.
        let history: u64 = 12;
        let kept = quarantined(&out);
        assert_eq!(kept["wrong_clock"], 60 - history, "{name}");
        assert_eq!(told_by(&out, "desaturation"), [""; 0], "{name}");
        let said = texts(&out, CLOCK);
        assert!(
            said.last().unwrap().ends_with("its data are set aside (bedside)"),
            "{said:?}"
        );
        // What nobody uses is lost, and somebody is told.
        assert_eq!(told_by(&out, "lost:spo2"), ["125 start"], "{name}");
        assert_eq!(told_by(&out, "silent:bedside"), [""; 0], "{name}");
    }
    // A device that is set right is taken again.
    let rows = together([
        electrodes(0..400),
        oximeter(0..200, HOUR, 96.0),
        oximeter(200..400, 0, 70.0),
    ]);
    let out = Course::new(&pipeline, rows, 400).run();
    assert_eq!(told_by(&out, "desaturation"), ["200 start"]);
    assert_eq!(told_by(&out, CLOCK), ["60 start", "200 end cleared"]);
}

#[test]
fn more_than_sixteen_devices_make_room_for_one_another() {
    const NAMES: [&str; 20] = [
        "d0", "d1", "d2", "d3", "d4", "d5", "d6", "d7", "d8", "d9", "d10", "d11", "d12", "d13", "d14", "d15",
        "d16", "d17", "d18", "d19",
    ];
    // A slow one, alone for two minutes; then nineteen others for one; then it comes back.
    let slow = |when| oximeter(when, HOUR, 70.0).into_iter().map(|row| row.by("d0"));
    let others = (0..57).map(|step| row("a", 120 + step, Spo2, 97.0).by(NAMES[1 + step as usize % 19]));
    let rows: Vec<Row> = slow(0..120).chain(others).chain(slow(180..300)).collect();
    let out = Course::new(PIPELINE, rows, 300).run();
    assert!(out.counts.evicted_devices >= 4, "{:?}", out.counts);
    // It is forgotten with its clock, and found again a minute after it came back.
    assert_eq!(told_by(&out, CLOCK), ["60 start", "135 end cleared", "240 start"]);
    // Nobody who saw 70 % has said anything else since.
    assert_eq!(told_by(&out, "desaturation"), ["60 start"]);
    assert_eq!(score_at(&out, 300), Some(70.0));
}

/// Late data are no wrong clock, however late, and neither of a right clock nor of a wrong one.
#[test]
fn a_backlog_after_an_outage_moves_no_clock() {
    for behind in [0, HOUR, TO_1970, -HOUR] {
        // Percent of the pace of measuring.
        for pace in [150, 400, 2_000, 100_000] {
            let dated = |measured: i64, comes: i64| {
                row("a", measured, Spo2, 96.0)
                    .by("oximeter")
                    .behind(behind)
                    .comes(comes)
            };
            let before = (0..200).step_by(5).map(|now| dated(now, now));
            // What was measured in half an hour without a network, then and now as it should be.
            let mut comes = 2_000 * 100;
            let later = (200..8_000).step_by(5).map(|now| {
                comes = comes.max(now * 100);
                comes += 500 * 100 / pace;
                dated(now, (comes - 500 * 100 / pace) / 100)
            });
            let out = Course::new(PIPELINE, before.chain(later).collect(), 8_000).run();
            let expected: &[&str] = match behind {
                0 => &[],
                behind if behind > 0 => &["60 start"],
                _ => &["0 start", "60 update"],
            };
            assert_eq!(told_by(&out, CLOCK), expected, "{behind} s behind, at {pace} %");
            assert_eq!(told_by(&out, "desaturation"), [""; 0]);
            assert_eq!(told_by(&out, "silent:bedside"), ["255 start", "2000 end cleared"]);
            assert_eq!(score_at(&out, 8_000), Some(96.0));
        }
    }
}

#[test]
fn a_device_without_a_name_has_a_clock_of_its_own() {
    let nameless: Vec<Row> = every(5, 0..200, Spo2, 70.0)
        .into_iter()
        .map(|row| row.behind(HOUR))
        .collect();
    let out = Course::new(PIPELINE, together([electrodes(0..200), nameless]), 205).run();
    assert_eq!(
        told(&out),
        [
            "10 lost:spo2 start",
            "60 device_clock:bedside start",
            "60 lost:spo2 end cleared",
            "60 desaturation start"
        ]
    );
    let alert = alerts_of(&out, CLOCK)[0];
    assert_eq!(
        alert.text,
        "The clock of device without a name is 1h behind: its times are corrected (bedside)"
    );
    assert_eq!(window(&out, 200).1, Some(12.0));
}

/// Two wrong clocks of one source are one alarm, which names both.
#[test]
fn each_wrong_clock_is_named() {
    let heart: Vec<Row> = every(5, 100..400, HeartRate, 80.0)
        .into_iter()
        .map(|row| row.by("ecg").behind(-300))
        .collect();
    let rows = together([heart, oximeter(0..300, 121, 97.0), oximeter(300..400, 0, 97.0)]);
    let out = Course::new(PIPELINE, rows, 400).run();
    assert_eq!(
        told_by(&out, CLOCK),
        ["60 start", "100 update", "160 update", "300 update"]
    );
    let said = texts(&out, CLOCK);
    let oximeter = "The clock of device oximeter is 2m1s behind: its times are corrected";
    let [aside, corrected] = ["its data are set aside", "its times are corrected"]
        .map(|effect| format!("The clock of device ecg is 5m ahead: {effect}"));
    assert_eq!(said[1], format!("{oximeter}; {aside} (bedside)"));
    assert_eq!(said[2], format!("{oximeter}; {corrected} (bedside)"));
    assert_eq!(said[3], format!("{corrected} (bedside)"));
}

/// Where data are expected late or seldom, steady lateness tells nothing; unless the pipeline asks.
#[test]
fn sources_that_are_late_by_nature_have_no_wrong_clocks() {
    let steady = |topic, behind| -> Vec<Row> {
        let rows = every(5, 0..400, HeartRate, 80.0).into_iter();
        rows.map(|row| row.by("m").of_source(topic).behind(behind))
            .collect()
    };
    for (topic, pipeline) in [
        (1, PIPELINE.to_owned()),
        (2, PIPELINE.to_owned()),
        (0, source("past_skew: off")),
    ] {
        let out = Course::new(&pipeline, steady(topic, 500), 400).run();
        assert_eq!(told(&out), [""; 0], "{topic}");
    }
    let asked = PIPELINE.replace("trend_only: true", "trend_only: true, past_skew: 5m");
    assert_eq!(
        told(&Course::new(&asked, steady(1, 500), 400).run()),
        ["60 device_clock:watch start"]
    );
    assert_eq!(told(&Course::new(&asked, steady(1, 300), 400).run()), [""; 0]);
}

/// One bad date is a bad date, of a clock that is right and of one that is known to be wrong.
#[test]
fn a_single_reading_of_the_future_moves_no_clock() {
    for behind in [0, HOUR, -HOUR] {
        let bad = oximeter(200..201, -2 * HOUR, 70.0);
        let rows = together([
            oximeter(0..200, behind, 96.0),
            bad,
            oximeter(205..300, behind, 96.0),
        ]);
        let out = Course::new(PIPELINE, rows, 300).run();
        let clock = told_by(&out, CLOCK);
        let expected: &[&str] = match behind {
            0 => &["200 start", "205 end cleared"],
            behind if behind > 0 => &["60 start"],
            _ => &["0 start", "60 update"],
        };
        assert_eq!(clock, expected, "{behind}");
        let of_start = if behind < 0 { 12 } else { 0 };
        assert_eq!(out.counts.future, 1 + of_start, "{behind}");
        assert_eq!(told_by(&out, "desaturation"), [""; 0], "{behind}");
        assert_eq!(window(&out, 290).1, Some(12.0), "{behind}");
    }
}

/// A clock that shows minutes is slow all the same.
#[test]
fn coarse_stamps_do_not_hide_a_wrong_clock() {
    for behind in [300, HOUR, TO_1970, -HOUR] {
        for (every, grain) in [(1, 60), (5, 60), (20, 60), (1, 10), (5, 30)] {
            let coarse = |row: Row| Row {
                ts: (row.append - behind).div_euclid(grain) * grain,
                ..row.by("oximeter")
            };
            let values = |now: i64| if now < 600 { 96.0 } else { 70.0 };
            let rows = (0..900)
                .step_by(every)
                .map(|now| coarse(row("a", now, Spo2, values(now))))
                .collect();
            let out = Course::new(PIPELINE, rows, 900).run();
            let name = format!(
                "{behind} s behind, every {every} s in steps of {grain} s: {:?}",
                told(&out)
            );
            assert_eq!(
                told_by(&out, CLOCK).len(),
                if behind > 0 { 1 } else { 2 },
                "{name}"
            );
            let start = &told_by(&out, "desaturation")[0];
            let second: i64 = start.strip_suffix(" start").unwrap().parse().unwrap();
            assert!((600..=660).contains(&second), "{name}");
        }
    }
    // And a right one that shows minutes is right.
    let coarse = |row: Row| Row {
        ts: row.append / 60 * 60,
        ..row
    };
    let rows = every(1, 0..600, Spo2, 96.0).into_iter().map(coarse).collect();
    assert_eq!(told_by(&Course::new(PIPELINE, rows, 600).run(), CLOCK), [""; 0]);
}

/// What is sent again with its old time says nothing of the clock, nor hides that it is wrong.
#[test]
fn a_repeated_measurement_does_not_hide_a_wrong_clock() {
    let cuff = |behind: i64| {
        every(5, 0..300, SystolicBp, 120.0).into_iter().map(move |row| {
            Row {
                ts: -behind - 1_440,
                ..row
            }
            .by("oximeter")
        })
    };
    for behind in [HOUR, TO_2000] {
        let rows = together([cuff(behind).collect(), oximeter(0..300, behind, 70.0)]);
        let out = Course::new(PIPELINE, rows, 300).run();
        assert_eq!(told_by(&out, CLOCK).len(), 1, "{behind}");
        assert!(
            alerts_of(&out, "desaturation")
                .iter()
                .any(|alert| alert.phase == Phase::Start)
        );
        assert_eq!(window(&out, 290).1, Some(12.0));
    }
}

/// Windows that ended before anybody was monitored are not evaluated one by one.
#[test]
fn a_clock_in_1970_does_not_keep_a_shard_busy() {
    let pipeline = PIPELINE.replace("emit: rows", "emit: every_pane");
    let rows = together([electrodes(0..100), oximeter(0..100, TO_1970, 70.0)]);
    let out = Course::new(&pipeline, rows, 200).run();
    assert!(out.counts.windows < 200, "{:?}", out.counts);
    assert_eq!(window(&out, 190), (None, Some(0.0)));
}
