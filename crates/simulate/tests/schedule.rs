//! The schedule that the simulated ward's documentation promises, for several seeds.
#![allow(clippy::unwrap_used)]

mod canonical;

use canonical::{Grouped, Value, bed, run, start, values};
use wardwatch_clinical::VitalSign::*;
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_simulate::Topic;

const SEEDS: [u64; 3] = [0, 42, u64::MAX];

/// Whether there are values within these seconds and a condition holds for all of them.
fn all(values: &[(i64, f64)], seconds: std::ops::Range<i64>, holds: impl Fn(f64) -> bool) -> bool {
    let mut within = values.iter().filter(|(at, _)| seconds.contains(at)).peekable();
    within.peek().is_some() && within.all(|(_, value)| holds(*value))
}

#[test]
fn within_16_s_every_sound_bed_has_all_that_an_early_warning_score_needs() {
    let messages = run(2, 24, 16);
    for number in (1..=24).filter(|number| ![16, 20].contains(number)) {
        for vital in [HeartRate, RespRate, Temperature, SystolicBp, O2Flow] {
            assert!(
                !values(&messages, number, vital).is_empty(),
                "bed {number} lacks {vital}"
            );
        }
        let awake = bed(&messages, number).iter().any(|(_, group)| {
            group
                .observations
                .iter()
                .any(|reading| reading.value == Value::Letter("A".to_owned()))
        });
        assert!(awake, "bed {number}");
    }
}

#[test]
fn saturation_of_bed_3_falls_below_88_by_10_s_and_below_80_by_150_s() {
    for seed in SEEDS {
        let spo2 = values(&run(seed, 24, 1_000), 3, Spo2);
        assert!(all(&spo2, 0..1, |v| v >= 92.0), "seed {seed}");
        assert!(all(&spo2, 10..150, |v| v < 88.0), "seed {seed}");
        assert!(all(&spo2, 10..60, |v| v >= 80.0), "seed {seed}");
        assert!(all(&spo2, 150..240, |v| v < 80.0), "seed {seed}");
        assert!(all(&spo2, 900..1_000, |v| v > 90.0), "seed {seed}");
    }
}

#[test]
fn bed_3_is_given_oxygen_and_weaned_from_it() {
    let messages = run(4, 24, 1_000);
    let updates: Vec<(Timestamp, Option<bool>)> = messages
        .iter()
        .filter(|message| message.topic == Topic::Context && message.key == "sim-03")
        .map(canonical::context)
        .map(|context| (context.ts, context.on_oxygen))
        .collect();
    let seconds: Vec<(i64, Option<bool>)> = updates
        .iter()
        .map(|(ts, oxygen)| ((*ts - start()).micros() / 1_000_000, *oxygen))
        .collect();
    assert_eq!(seconds, [(0, Some(false)), (240, Some(true)), (900, Some(false))]);
    assert_eq!(
        values(&messages, 3, O2Flow)
            .iter()
            .map(|(_, v)| *v)
            .collect::<Vec<_>>(),
        [0.0, 10.0, 0.0]
    );
}

#[test]
fn bed_7_turns_septic_over_ten_minutes() {
    for seed in SEEDS {
        let messages = run(seed, 24, 700);
        let of = |vital| values(&messages, 7, vital);
        assert!(all(&of(HeartRate), 0..60, |v| v <= 90.0), "seed {seed}");
        assert!(all(&of(HeartRate), 640..700, |v| v >= 108.0), "seed {seed}");
        assert!(
            all(&of(ArterialSystolic), 640..700, |v| v <= 100.0),
            "seed {seed}"
        );
        assert!(all(&of(Temperature), 640..700, |v| v >= 38.5), "seed {seed}");
        assert!(all(&of(RespRate), 640..700, |v| v >= 23.0), "seed {seed}");
        let voice = bed(&messages, 7).iter().any(|(_, group)| {
            group.ts - start() < Span::from_secs(542)
                && group
                    .observations
                    .iter()
                    .any(|reading| reading.value == Value::Letter("V".to_owned()))
        });
        assert!(voice, "seed {seed}");
    }
}

#[test]
fn bed_11_bleeds_and_bed_14_slows() {
    for seed in SEEDS {
        let messages = run(seed, 24, 620);
        assert!(
            all(&values(&messages, 11, HeartRate), 590..620, |v| v > 115.0),
            "seed {seed}"
        );
        assert!(
            all(&values(&messages, 11, ArterialSystolic), 590..620, |v| v < 90.0),
            "seed {seed}"
        );
        assert!(
            all(&values(&messages, 14, HeartRate), 200..480, |v| v < 40.0),
            "seed {seed}"
        );
        assert!(
            all(&values(&messages, 14, HeartRate), 560..620, |v| v > 60.0),
            "seed {seed}"
        );
    }
}

#[test]
fn bed_9_sends_its_artefacts_on_time() {
    let messages = run(6, 24, 110);
    assert!(all(&values(&messages, 9, Spo2), 40..60, |v| v == -1.0));
    assert!(all(&values(&messages, 9, Spo2), 60..110, |v| v > 90.0));
    assert!(all(&values(&messages, 9, HeartRate), 100..101, |v| v == 290.0));
    assert!(all(&values(&messages, 9, HeartRate), 101..110, |v| v < 100.0));
}

#[test]
fn faulty_devices_are_faulty_as_documented() {
    let messages = run(9, 24, 300);
    let monitor = |number: u32| {
        let id = format!("SIM-MON-{number:02}");
        bed(&messages, number)
            .into_iter()
            .filter(move |(_, group)| group.device_id.as_deref() == Some(&id))
    };
    for (arrives, group) in monitor(16) {
        let ahead = group.ts - arrives;
        assert!(ahead > Span::from_secs(599) && ahead < Span::from_secs(600));
    }
    let last = bed(&messages, 18)
        .iter()
        .map(|(arrives, _)| *arrives)
        .max()
        .unwrap();
    assert!(last < start() + Span::from_secs(90) && last > start() + Span::from_secs(88));
    let late: Vec<(Timestamp, Grouped)> = monitor(20).collect();
    for (arrives, group) in &late {
        let lateness = *arrives - group.ts;
        assert!(lateness >= Span::from_secs(30) && lateness <= Span::from_secs(90));
    }
    assert!(
        !late.is_sorted_by_key(|(_, group)| group.ts),
        "late uploads come out of order"
    );
    let repeats = messages.iter().filter(|message| {
        message.key == "sim-22" && message.payload.starts_with(b"{\"patient_id\":\"sim-22\",\"ts\"")
    });
    let mut payloads: Vec<&[u8]> = repeats
        .filter(|m| String::from_utf8_lossy(&m.payload).contains("SIM-MON"))
        .map(|m| m.payload.as_slice())
        .collect();
    let sent = payloads.len();
    payloads.sort_unstable();
    payloads.dedup();
    assert_eq!((sent, payloads.len()), (600, 300));
}

#[test]
fn stable_beds_stay_within_every_limit() {
    for seed in SEEDS {
        let messages = run(seed, 24, 900);
        for number in [1, 2, 4, 6, 8, 10, 12, 13, 15, 17, 19, 21, 23, 24] {
            let of = |vital| values(&messages, number, vital);
            assert!(all(&of(HeartRate), 0..900, |v| (51.0..=90.0).contains(&v)
                || [290.0, 8_388_607.0].contains(&v)));
            assert!(all(&of(Spo2), 0..900, |v| v >= 94.0 || v == -1.0), "bed {number}");
            assert!(all(&of(RespRate), 0..900, |v| (12.0..=20.0).contains(&v)
                || v == 8_388_607.0));
            assert!(
                all(&of(SystolicBp), 0..900, |v| (101.0..=219.0).contains(&v)),
                "bed {number}"
            );
            assert!(
                all(&of(Temperature), 0..900, |v| (36.1..=38.0).contains(&v)),
                "bed {number}"
            );
        }
    }
}
