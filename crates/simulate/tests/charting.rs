//! The real charting: all of it, in order, unchanged but for when it happens.
#![allow(clippy::unwrap_used)]

mod canonical;

use canonical::{Value, start};
use std::collections::{BTreeMap, BTreeSet};
use wardwatch_clinical::{VitalSign, units::to_canonical};
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_simulate::{Charting, Message, Rebase, Topic};

fn charting(beds: usize) -> Vec<Message> {
    let rebase = Rebase {
        start: start(),
        pause: Span::from_secs(180),
        beds,
    };
    Charting::new(rebase).unwrap().collect()
}

#[test]
fn every_row_is_sent_once_as_charted() {
    let (mut rows, mut withdrawn, mut ahead, mut hour_old, mut behind, mut hour_behind) = (0, 0, 0, 0, 0, 0);
    let (mut clocks, mut latest) = (BTreeMap::new(), Span::ZERO);
    let mut identities = BTreeSet::new();
    let mut largest = 0.0f64;
    for message in charting(100)
        .iter()
        .filter(|message| message.topic == Topic::Vitals)
    {
        let group = canonical::observations(message);
        let clock = clocks.entry(&message.key).or_insert(group.ts);
        *clock = group.ts.max(*clock);
        let lateness = *clock - group.ts;
        latest = latest.max(lateness);
        for reading in &group.observations {
            rows += 1;
            withdrawn += usize::from(reading.status.as_deref() == Some("entered-in-error"));
            ahead += usize::from(group.ts > message.arrives);
            hour_old += usize::from(message.arrives - group.ts > Span::from_secs(3_600));
            behind += usize::from(lateness > Span::ZERO);
            hour_behind += usize::from(lateness > Span::from_secs(3_600));
            let identity = (
                message.key.clone(),
                group.device_id.clone(),
                reading.code,
                group.ts,
            );
            assert!(identities.insert(identity), "two observations with one identity");
            match reading.value {
                Value::Number(number) => largest = largest.max(number),
                Value::Letter(_) => panic!("charting has numbers only"),
            }
        }
    }
    // Counted in the source with SQL.
    assert_eq!((rows, withdrawn, ahead, hour_old), (98_210, 25, 12_686, 15_864));
    assert_eq!(
        (behind, hour_behind, latest),
        (9_486, 2_945, Span::from_secs(86_400))
    );
    assert_eq!(largest, 11_647.0);
}

#[test]
fn order_is_that_of_arrival_and_each_stay_is_admitted_first_and_discharged_last() {
    let messages = charting(24);
    assert!(messages.is_sorted_by_key(|message| message.arrives));
    assert_eq!(messages[0].arrives, start());
    let mut present = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for message in &messages {
        if message.topic == Topic::Vitals {
            assert!(present.contains_key(&message.key), "charting outside a stay");
            continue;
        }
        let context = canonical::context(message);
        assert_eq!(context.ts, message.arrives);
        match context.event.as_str() {
            "admit" => {
                assert!(
                    present.values().all(|bed| *bed != context.bed),
                    "two patients in a bed"
                );
                assert!(seen.insert(message.key.clone()), "a stay twice");
                present.insert(message.key.clone(), context.bed);
            }
            "discharge" => assert_eq!(present.remove(&message.key), Some(context.bed)),
            other => panic!("{other}"),
        }
        assert!(present.len() <= 24);
    }
    assert!(present.is_empty());
    assert_eq!(seen.len(), 100);
}

#[test]
fn rebasing_keeps_every_distance_within_a_stay() {
    let by_stay = |beds| {
        let mut stays: BTreeMap<String, Vec<(Span, Span)>> = BTreeMap::new();
        let mut starts: BTreeMap<String, Timestamp> = BTreeMap::new();
        for message in charting(beds) {
            if message.topic == Topic::Vitals {
                let first = *starts.entry(message.key.clone()).or_insert(message.arrives);
                let ts = canonical::observations(&message).ts;
                stays
                    .entry(message.key)
                    .or_default()
                    .push((message.arrives - first, ts - first));
            }
        }
        stays
    };
    let (ward, all_at_once) = (by_stay(7), by_stay(1_000));
    assert_eq!(ward, all_at_once);
    // Stay 254635 as charted: first stored 17:10 of 17:09, last stored 27 h later, of 26 h 55 min.
    let known = &ward["mimic-254635"];
    assert!(known.contains(&(Span::ZERO, Span::from_secs(-60))));
    assert_eq!(
        known.last(),
        Some(&(Span::from_secs(96_900), Span::from_secs(96_600)))
    );
}

#[test]
fn all_stays_begin_a_pause_apart_when_beds_suffice() {
    let admissions: Vec<Timestamp> = charting(100)
        .iter()
        .filter(|message| message.topic == Topic::Context)
        .map(canonical::context)
        .filter(|context| context.event == "admit")
        .map(|context| context.ts)
        .collect();
    let expected: Vec<Timestamp> = (0..100).map(|bed| start() + Span::from_secs(180 * bed)).collect();
    assert_eq!(admissions, expected);
}

#[test]
fn units_are_as_charted_and_the_decoder_knows_them() {
    let mut units: BTreeMap<(VitalSign, Option<String>), usize> = BTreeMap::new();
    for message in charting(100)
        .iter()
        .filter(|message| message.topic == Topic::Vitals)
    {
        for reading in canonical::observations(message).observations {
            *units.entry((reading.code, reading.unit)).or_default() += 1;
        }
    }
    for (code, unit) in units.keys() {
        let unit = unit.as_deref().unwrap_or_default();
        assert!(to_canonical(*code, unit, 1.0).is_ok(), "{code} in {unit}");
    }
    let count = |code, unit: &str| units.get(&(code, Some(unit.to_owned()))).copied();
    assert_eq!(count(VitalSign::Temperature, "Deg. F"), Some(1_415));
    assert_eq!(count(VitalSign::Temperature, "degF"), Some(1_628));
    assert_eq!(count(VitalSign::Temperature, "Deg. C"), Some(938));
    assert_eq!(count(VitalSign::RespRate, "insp/min"), Some(7_034));
    assert_eq!(count(VitalSign::HeartRate, "BPM"), Some(6_392));
    assert_eq!(count(VitalSign::O2Flow, "lpm"), Some(581));
    assert_eq!(count(VitalSign::Fio2, "1"), Some(1_055));
    assert_eq!(count(VitalSign::Fio2, "%"), Some(1_003));
    assert_eq!(count(VitalSign::Fio2, "torr"), None);
}

#[test]
fn two_replays_are_byte_for_byte_the_same() {
    assert_eq!(charting(24), charting(24));
}
