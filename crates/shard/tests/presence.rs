//! Vital signs that come no more, while other data come: somebody is told, once, and nothing is told as if it were measured.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::ops::Range;

use support::course::{Course, alerts_of, told, told_by};
use support::{Row, every, row, together};
use wardwatch_alarms::{Alert, Phase};
use wardwatch_clinical::AlarmPriority;
use wardwatch_clinical::VitalSign::{
    self, Consciousness, HeartRate, RespRate, Spo2, SystolicBp, Temperature,
};
use wardwatch_ingest::Kind;
use wardwatch_shard::Outputs;

const PIPELINE: &str = "pipeline: presence
version: 1
sources:
  - { name: bedside, topic: vitals.bedside, format: observation-json }
  - { name: chart, topic: vitals.chart, format: observation-json, charted: true, silent_after: 12h }
time: { lateness: 2m, hold: 0s, grace: 2s, future_skew: 10s, silent_after: 60s, forget_after: 24h }
lost_after: { spo2: 30s }
features:
  - { name: f, window: 1m, every: 10s, sql: \"SELECT patient_id, avg(spo2) AS spo2_mean FROM vitals GROUP BY patient_id\" }
scores:
  - { name: warmth, sql: temperature }
  - { name: awake, sql: consciousness }
alarms:
  - { name: desaturation, limit: spo2 < 88, for: 15s, at_once: spo2 < 80, clear_when: spo2 >= 90, priority: high, repeat_after: 5m }
  - { name: fever, limit: temperature >= 38.3, priority: medium }
technical: { silent: high, device_clock: medium }
";
const UNSAID: &str = "lost_after: { spo2: 30s }\n";
const LOST: &str = "lost:spo2";
const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;

fn spo2(when: Range<i64>, value: f64) -> Vec<Row> {
    every(1, when, Spo2, value)
}

fn heart(when: Range<i64>) -> Vec<Row> {
    every(1, when, HeartRate, 80.0)
}

fn charted(second: i64, vital: VitalSign, value: f64) -> Row {
    row("a", second, vital, value).of_source(1)
}

fn run<const N: usize>(rows: [Vec<Row>; N], until: i64) -> Outputs {
    Course::new(PIPELINE, together(rows), until).run()
}

fn texts<'o>(out: &'o Outputs, alarm: &str) -> Vec<&'o str> {
    alerts_of(out, alarm)
        .iter()
        .map(|alert| alert.text.as_str())
        .collect()
}

#[test]
fn a_probe_that_comes_off_is_told_of() {
    // The maximum age, ten minutes, unless the pipeline says otherwise.
    for (pipeline, at) in [(PIPELINE.to_owned(), 89), (PIPELINE.replace(UNSAID, ""), 659)] {
        let out = Course::new(&pipeline, together([spo2(0..60, 97.0), heart(0..900)]), 900).run();
        assert_eq!(told(&out), [format!("{at} lost:spo2 start")]);
        let alert = alerts_of(&out, LOST)[0];
        let after = if at == 89 { "30s" } else { "10m" };
        assert_eq!(alert.text, format!("No SpO2 for {after}: other data come"));
        assert_eq!(alert.stages.observed_at, support::at(59));
    }
}

/// During an alarm: it says once that it is unknown, and is told again when a value decides.
#[test]
fn an_alarm_whose_value_grows_old_becomes_unknown_and_stays_open() {
    let off = || together([spo2(0..60, 84.0), heart(0..1_800)]);
    let repeated = ["15 start", "315 update", "615 update", "659 unknown"];
    let out = run([off()], 1_800);
    assert_eq!(told_by(&out, "desaturation"), repeated);
    assert_eq!(told_by(&out, LOST), ["89 start"]);
    let alerts = alerts_of(&out, "desaturation");
    assert_eq!((alerts[3].phase, alerts[3].value), (Phase::Unknown, None));
    assert_eq!(alerts[3].text, "Unknown: nothing newer than 10m of SpO2");
    // What a new value says of it: it goes on, is worse, is over, or neither.
    let cases = [
        (84.0, "1800 update"),
        (75.0, "1800 escalate"),
        (97.0, "1800 end cleared"),
        (89.0, "1800 update"),
    ];
    for (value, said) in cases {
        let out = run([off(), spo2(1_800..1_801, value)], 1_800);
        assert_eq!(
            told_by(&out, "desaturation"),
            [&repeated[..], &[said]].concat(),
            "{value} %"
        );
        assert_eq!(told_by(&out, LOST), ["89 start", "1800 end cleared"], "{value} %");
    }
    // Known again, it is repeated, and may become unknown again.
    let out = run([off(), spo2(1_800..1_801, 84.0), heart(1_800..2_600)], 2_600);
    let again = ["1800 update", "2100 update", "2400 update", "2400 unknown"];
    assert_eq!(told_by(&out, "desaturation")[4..], again);
}

/// Single messages a vital sign, and groups; often and seldom; as soon as it is configured.
#[test]
fn it_is_lost_when_the_pipeline_says_so() {
    for after in [2, 5, 10, 11, 15, 30, 60, 590] {
        for every_seconds in [1, 4, 9] {
            let pipeline = PIPELINE.replace("spo2: 30s", &format!("spo2: {after}s"));
            let both = |vital, until| every(every_seconds, 0..until, vital, 97.0);
            let rows = together([both(Spo2, 100), both(HeartRate, 900)]);
            let last = (99 / every_seconds * every_seconds) as i64;
            for grouped in [false, true] {
                let course = Course::new(&pipeline, rows.clone(), 900);
                let out = if grouped {
                    course.grouped().run()
                } else {
                    course.run()
                };
                let lost = told_by(&out, LOST);
                if (every_seconds as i64) > after {
                    continue;
                }
                let at: i64 = lost[0].strip_suffix(" start").unwrap().parse().unwrap();
                assert_eq!(lost.len(), 1, "{after} s, every {every_seconds} s: {lost:?}");
                // A source that goes on may send its vital signs one by one.
                let latest = (last + after).max(last + 20);
                assert!(
                    (last + after..=latest).contains(&at),
                    "{after} s, every {every_seconds} s: {at}"
                );
            }
        }
    }
}

/// It ends by the next usable reading, and by nothing else.
#[test]
fn only_a_usable_reading_brings_it_back() {
    let start = || together([spo2(0..60, 97.0), heart(0..300)]);
    let reading = |kind, measured| row("a", measured, Spo2, 96.0).comes(200).says(kind);
    let cases: [(&str, Row, &[&str]); 5] = [
        (
            "a value",
            reading(Kind::Measured, 200),
            &["89 start", "200 end cleared", "230 start"],
        ),
        (
            "a late value that is the newest",
            reading(Kind::Measured, 70),
            &["89 start", "200 end cleared", "230 start"],
        ),
        (
            "an older value",
            reading(Kind::Measured, 50).by("other"),
            &["89 start"],
        ),
        ("no measurement", reading(Kind::Absent, 200), &["89 start"]),
        (
            "a value of the future",
            reading(Kind::Measured, 900),
            &["89 start"],
        ),
    ];
    for (name, reading, expected) in cases {
        assert_eq!(
            told_by(&run([start(), vec![reading]], 300), LOST),
            expected,
            "{name}"
        );
    }
}

/// A device that says that it measures nothing is there, and gives no value.
#[test]
fn no_measurement_is_a_sign_of_life_and_no_value() {
    let absent: Vec<Row> = every(1, 60..900, Spo2, 0.0)
        .into_iter()
        .map(|row| row.says(Kind::Absent))
        .collect();
    let out = run([spo2(0..60, 84.0), absent.clone()], 900);
    assert_eq!(told_by(&out, "silent:bedside"), [""; 0]);
    assert_eq!(
        texts(&out, LOST),
        ["No SpO2 for 30s: its device says that it measures nothing"]
    );
    assert_eq!(out.counts.absent, 840);
    assert_eq!(told_by(&out, "desaturation").last().unwrap(), "659 unknown");
    // What was never measured is not missed.
    assert_eq!(told(&run([absent], 900)), [""; 0]);
}

/// A vital sign that nobody reads, or that this patient never had, is not missed.
#[test]
fn only_what_rules_read_and_the_patient_had_is_missed() {
    let out = run([every(1, 0..60, RespRate, 16.0), heart(0..900)], 900);
    assert_eq!(told(&out), [""; 0]);
}

/// The source is silent as a whole: that says more. When it comes back each vital sign has a little time.
#[test]
fn silence_supersedes_what_is_lost() {
    // All of it stops.
    let out = run([spo2(0..60, 97.0), heart(0..60)], 900);
    assert_eq!(told(&out), ["119 silent:bedside start"]);
    // The probe first, the rest later.
    let out = run([spo2(0..60, 97.0), heart(0..200)], 900);
    assert_eq!(
        told(&out),
        [
            "89 lost:spo2 start",
            "259 silent:bedside start",
            "259 lost:spo2 end superseded"
        ]
    );
    // It comes back: with the probe, a little later, or without.
    for (from, expected) in [(400, vec![]), (408, vec![]), (900, vec!["410 lost:spo2 start"])] {
        let rows = [
            spo2(0..60, 97.0),
            heart(0..60),
            heart(400..500),
            spo2(from..500.max(from), 97.0),
        ];
        let lines = told(&run(rows, 500));
        let start = [
            "119 silent:bedside start".to_owned(),
            "400 silent:bedside end cleared".to_owned(),
        ];
        assert_eq!(lines[..2], start, "from {from}");
        assert_eq!(lines[2..], expected, "from {from}");
    }
}

/// A pause that is shorter than a silence is not a loss of each vital sign.
#[test]
fn a_pause_of_the_whole_source_loses_nothing() {
    for pause in [20, 35, 55] {
        let again = 60 + pause;
        let rows = [
            heart(0..60),
            spo2(0..60, 97.0),
            heart(again..300),
            spo2(again + 3..300, 97.0),
        ];
        assert_eq!(told(&run(rows, 300)), [""; 0], "{pause} s");
    }
}

/// As long as one of them sends it, it is there; both stand in the alert.
#[test]
fn of_two_devices_one_is_enough() {
    let by = |device, when: Range<i64>, value| -> Vec<Row> {
        every(5, when, Spo2, value)
            .into_iter()
            .map(|row| row.by(device))
            .collect()
    };
    let out = run([by("m", 0..100, 97.0), by("n", 0..400, 96.0), heart(0..600)], 600);
    assert_eq!(told_by(&out, LOST), ["425 start"]);
    // They disagree.
    let out = run([by("m", 0..300, 97.0), by("n", 0..300, 75.0)], 299);
    assert_eq!(told(&out), ["0 desaturation start"]);
    let shown = |alert: &Alert| -> Vec<(String, Option<f64>)> {
        let each = alert.contributors.iter().map(|one| &one.input);
        each.map(|input| (input.device_id.as_deref().unwrap_or("-").to_owned(), input.value))
            .collect()
    };
    let expected = [("n".to_owned(), Some(75.0)), ("m".to_owned(), Some(97.0))];
    assert_eq!(shown(alerts_of(&out, "desaturation")[0]), expected);
    // The one that is low goes away: its last value counts until it is too old, and the other decides then.
    let out = run([by("m", 0..900, 97.0), by("n", 0..100, 75.0)], 900);
    assert_eq!(
        told_by(&out, "desaturation"),
        ["0 start", "300 update", "600 update", "695 end cleared"]
    );
    assert_eq!(told_by(&out, LOST), [""; 0]);
}

/// What people chart is overdue, once a patient, with low priority.
#[test]
fn what_people_chart_is_overdue_once() {
    const HOURS_8: i64 = 8 * HOUR;
    let round = |second| {
        vec![
            charted(second, Temperature, 37.0),
            charted(second + 5, Consciousness, 0.0),
        ]
    };
    let bedside: Vec<Row> = every(30, 0..HOURS_8 + 1_200, HeartRate, 80.0);
    let out = run([round(0), bedside.clone()], HOURS_8 + 1_200);
    let first = format!("{HOURS_8} overdue start");
    let second = format!("{} overdue update", HOURS_8 + 5);
    assert_eq!(told(&out), [first.clone(), second.clone()]);
    let alert = alerts_of(&out, "overdue")[0];
    assert_eq!(
        (alert.priority, alert.text.as_str()),
        (AlarmPriority::Low, "Overdue: Temp")
    );
    assert_eq!(texts(&out, "overdue")[1], "Overdue: Temp, ACVPU");
    // The next round ends it.
    let end = HOURS_8 + 600;
    let out = run([round(0), round(end), bedside.clone()], HOURS_8 + 1_200);
    assert_eq!(
        told(&out),
        [
            first.clone(),
            second.clone(),
            format!("{} overdue end cleared", end + 5)
        ]
    );
    // Half a round leaves the rest of it.
    let half = vec![charted(end, Temperature, 37.0)];
    let out = run([round(0), half, bedside.clone()], HOURS_8 + 1_200);
    assert_eq!(
        told(&out),
        [first, second, format!("{} overdue update", end + 10)]
    );
    assert_eq!(texts(&out, "overdue")[2], "Overdue: ACVPU");
    // A vital sign of a monitor that people chart here is overdue too, once it is too old.
    let out = run([vec![charted(0, Spo2, 97.0)], bedside], 900);
    assert_eq!(told(&out), ["600 overdue start"]);
}

#[test]
fn a_discharge_ends_everything() {
    let rows = together([
        spo2(0..60, 84.0),
        heart(0..700),
        vec![
            charted(0, SystolicBp, 120.0),
            row("a", 900, HeartRate, 80.0).by("watch").comes(690),
        ],
    ]);
    let course = Course::new(
        &PIPELINE.replace(
            "name: fever, limit: temperature >= 38.3",
            "name: low, limit: systolic_bp < 90",
        ),
        rows,
        900,
    );
    let out = course.context(695, "discharge", "").run();
    let last: Vec<String> = told(&out)
        .into_iter()
        .filter(|line| line.contains("discharged"))
        .collect();
    let expected = [
        "695 desaturation end discharged",
        "695 device_clock:bedside end discharged",
        "695 lost:spo2 end discharged",
    ];
    assert_eq!(last, expected, "{:?}", told(&out));
    let open = |alarm: &str| {
        told_by(&out, alarm)
            .last()
            .is_some_and(|line| !line.contains("end"))
    };
    assert!(
        !["desaturation", LOST, "overdue", "device_clock:bedside"]
            .into_iter()
            .any(open),
        "{:?}",
        told(&out)
    );
}

/// A reading that is on time is on time, and a value a minute never silent.
#[test]
fn silence_on_time_is_no_silence() {
    let pipeline = PIPELINE.replace(UNSAID, "");
    let rows = every(60, 0..30 * MINUTE, Spo2, 97.0);
    assert_eq!(told(&Course::new(&pipeline, rows, 30 * MINUTE).run()), [""; 0]);
    let slower = every(61, 0..10 * MINUTE, Spo2, 97.0);
    let lines = told(&Course::new(&pipeline, slower, 10 * MINUTE).run());
    assert!(lines.contains(&"60 silent:bedside start".to_owned()), "{lines:?}");
}

/// One wild reading begins nothing where confirmation is asked for, and two in a row, or three seconds, do.
#[test]
fn a_wild_reading_is_confirmed_first() {
    let lasting = "at_once: spo2 < 80, confirm: 3s,";
    let twice = "at_once: spo2 < 80, confirm: 2 readings,";
    type Case = (&'static str, &'static [(i64, f64)], &'static [&'static str]);
    let cases: [Case; 9] = [
        (lasting, &[(0, 97.0), (1, 60.0), (2, 97.0)], &[]),
        (
            lasting,
            &[(0, 97.0), (1, 60.0), (2, 60.0), (3, 97.0), (4, 60.0), (5, 97.0)],
            &[],
        ),
        (
            lasting,
            &[(0, 97.0), (1, 60.0), (2, 60.0), (3, 61.0), (4, 62.0)],
            &["4 start"],
        ),
        // Nothing follows: it is believed.
        (lasting, &[(0, 97.0), (1, 60.0)], &["4 start"]),
        (
            twice,
            &[(0, 97.0), (1, 60.0), (2, 97.0), (3, 60.0), (4, 97.0)],
            &[],
        ),
        (twice, &[(0, 97.0), (1, 60.0), (2, 61.0)], &["2 start"]),
        // Of one time they are one reading.
        (twice, &[(0, 97.0), (1, 60.0), (1, 61.0), (2, 97.0)], &[]),
        // It counts as an ordinary violation meanwhile.
        (
            lasting,
            &[(0, 85.0), (5, 60.0), (6, 85.0), (15, 85.0)],
            &["15 start"],
        ),
        (
            lasting,
            &[
                (0, 85.0),
                (15, 85.0),
                (16, 60.0),
                (17, 85.0),
                (18, 60.0),
                (21, 60.0),
            ],
            &["15 start", "21 escalate"],
        ),
    ];
    for (confirm, values, expected) in cases {
        let pipeline = PIPELINE.replace("at_once: spo2 < 80,", confirm);
        let rows = values
            .iter()
            .map(|(second, value)| row("a", *second, Spo2, *value))
            .collect();
        let until = values.last().unwrap().0 + 8;
        let out = Course::new(&pipeline, rows, until).run();
        assert_eq!(told_by(&out, "desaturation"), expected, "{confirm} {values:?}");
    }
}
