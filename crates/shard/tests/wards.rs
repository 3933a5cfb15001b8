//! Random wards: no reading is lost silently, nothing is too old without a word, and each device changes only what is its own.
//!
//! `WARDS_CASES` says how many wards each property is tried on. A ward that fails is told as the fewest of its events that still
//! do.

mod support;

#[path = "support/model.rs"]
mod model;
#[path = "support/trial.rs"]
mod trial;
#[path = "support/ward.rs"]
mod ward;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use trial::{PIPELINE, Trial, parse, pipeline, verdict, watch};
use ward::{Device, Event, Message, PATIENTS, Setting, device, minimal, ward_of, wards};
use wardwatch_alarms::Alert;
use wardwatch_clinical::VitalSign;
use wardwatch_ingest::Kind;
use wardwatch_pipeline::{Pipeline, lost_alarm};
use wardwatch_shard::{Counts, Outputs};

/// How many wards, where the environment does not say.
fn config(usual: u32) -> ProptestConfig {
    let given = std::env::var("WARDS_CASES")
        .ok()
        .and_then(|given| given.parse().ok());
    ProptestConfig {
        // Of a ward that fails the events are left out instead, one by one.
        max_shrink_iters: 0,
        failure_persistence: None,
        // Always the same wards, unless others are asked for.
        rng_seed: match given {
            Some(_) => RngSeed::Random,
            None => RngSeed::Fixed(20_261_130),
        },
        ..ProptestConfig::with_cases(given.unwrap_or(usual))
    }
}

/// Whether a check holds for a ward; if not, it is told of the fewest of its events for which the same is wrong.
fn holds(events: &[Event], check: impl Fn(&[Event]) -> Result<(), String>) -> Result<(), TestCaseError> {
    let Err(error) = verdict(&check, events) else {
        return Ok(());
    };
    let kind = |error: &str| error.split([':', ';']).next().unwrap_or_default().to_owned();
    let fails = |fewer: &[Event]| verdict(&check, fewer).is_err_and(|other| kind(&other) == kind(&error));
    let fewest = minimal(events.to_vec(), fails);
    let error = verdict(&check, &fewest).expect_err("it failed");
    Err(TestCaseError::fail(format!("{error}\n{fewest:#?}")))
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, one: &T, other: &T) -> Result<(), String> {
    match one == other {
        true => Ok(()),
        false => Err(format!("{what}: {one:#?} and {other:#?}")),
    }
}

/// What is said of alerts whatever the order: all but when they were decided.
fn said(alerts: &[&Alert]) -> Vec<String> {
    let said = |alert: &&Alert| {
        let due_at = alert.stages.due_at;
        let (value, reason) = (alert.value, alert.reason);
        format!(
            "{} {} {:?} {} {due_at} {reason:?} {value:?} {} {}",
            alert.patient_id, alert.alarm, alert.phase, alert.ordinal, alert.text, alert.id
        )
    };
    let mut said: Vec<String> = alerts.iter().map(said).collect();
    said.sort();
    said
}

fn counted(out: &Outputs) -> Counts {
    // When windows are evaluated is no result.
    Counts {
        deadline_misses: 0,
        ..out.counts
    }
}

/// SHARD-2, SNAPSHOT-1 and SUCCEED-1 at once: one step an event, against steps of many with restarts and an upgrade.
fn changes_nothing(
    events: &[Event],
    cuts: &[usize],
    restarts: &[bool],
    per_step: usize,
) -> Result<(), String> {
    let (old, new) = (pipeline(), parse(&PIPELINE.replace("version: 1", "version: 2")));
    let (whole, digest) = Trial::new(&old, 500).run(events, &[1], &[false]).finish();
    let (before, after) = events.split_at(events.len() / 2);
    let mut other = Trial::new(&old, per_step).run(before, cuts, restarts);
    other.upgrade(&new);
    let (other, other_digest) = other.run(after, cuts, restarts).finish();
    let all = |out: &Outputs| said(&out.alerts.iter().collect::<Vec<_>>());
    same("alerts", &all(&whole), &all(&other))?;
    same("counts", &counted(&whole), &counted(&other))?;
    same("ended", &whole.ended, &other.ended)?;
    let reasons = |out: &Outputs| {
        out.refused
            .iter()
            .map(|refused| (refused.reason, refused.vital))
            .collect::<Vec<_>>()
    };
    same("refused", &reasons(&whole), &reasons(&other))?;
    same("digest", &digest, &other_digest)
}

/// Who is known as one device in the log.
type Who = (usize, u16, Option<&'static str>);

fn who(message: &Message) -> Who {
    (message.patient, message.source, message.device)
}

/// By patient, window's end, decision and revision: what a score could read of vital signs.
type Inputs = BTreeMap<(String, i64, i64, u32), Vec<String>>;

fn inputs(out: &Outputs, of: usize, is_other: impl Fn(VitalSign) -> bool) -> Inputs {
    let records = out.scores.iter().map(|record| {
        let inputs = record.inputs.iter().filter(|input| {
            let vital = VitalSign::from_name(&input.name).expect("a vital sign");
            *record.patient_id != *PATIENTS[of] || is_other(vital)
        });
        let inputs = inputs.map(|input| {
            let (at, is_corrected) = (input.observed_at, input.clock_corrected);
            format!(
                "{} {:?} {at:?} {} {is_corrected}",
                input.name, input.value, input.stale
            )
        });
        let key = (
            record.patient_id.to_string(),
            record.window_end.micros(),
            record.at.micros(),
            record.revision,
        );
        (key, inputs.collect())
    });
    records.collect()
}

/// One device's messages are left out. What only others measure stays the same.
fn changes_only_its_own(events: &[Event], pick: usize) -> Result<(), String> {
    // Nobody is forgotten, and no two records come at one time: what else depends on the device would hide what must not.
    let pipeline = parse(&PIPELINE.replace("forget_after: 8m", "forget_after: 100h"));
    let devices: BTreeSet<Who> = events.iter().filter_map(Event::message).map(who).collect();
    let Some(removed) = devices.iter().nth(pick % devices.len().max(1)).copied() else {
        return Ok(());
    };
    let is_removed = |event: &&Event| event.message().is_some_and(|message| who(message) == removed);
    let rest: Vec<Event> = events
        .iter()
        .filter(|event| !is_removed(event))
        .cloned()
        .collect();
    let sends = |events: &mut dyn Iterator<Item = &Event>, source: Option<u16>| -> BTreeSet<VitalSign> {
        let messages = events.filter_map(Event::message);
        let of = messages.filter(|message| {
            message.patient == removed.0 && source.is_none_or(|source| message.source == source)
        });
        of.flat_map(|message| &message.readings)
            .map(|(vital, _)| *vital)
            .collect()
    };
    let own = sends(&mut events.iter().filter(is_removed), None);
    let of_source = sends(&mut events.iter(), Some(removed.1));
    let (with, _) = Trial::new(&pipeline, 500).run(events, &[1], &[false]).finish();
    let (without, _) = Trial::new(&pipeline, 500).run(&rest, &[1], &[false]).finish();
    let is_other = |alert: &Alert| {
        *alert.patient_id != *PATIENTS[removed.0] || concerns_others(&pipeline, alert, &own, &of_source)
    };
    let others = |out: &Outputs| {
        said(
            &out.alerts
                .iter()
                .filter(|alert| is_other(alert))
                .collect::<Vec<_>>(),
        )
    };
    same("alerts", &others(&with), &others(&without))?;
    let [with, without] = [&with, &without].map(|out| inputs(out, removed.0, |vital| !own.contains(&vital)));
    for (key, inputs) in &with {
        if let Some(other) = without.get(key) {
            same(&format!("inputs of {key:?}"), inputs, other)?;
        }
    }
    Ok(())
}

/// Whether an alert is about vital signs that a device does not send, nor, where silence is told of as loss, its source.
fn concerns_others(
    pipeline: &Pipeline,
    alert: &Alert,
    own: &BTreeSet<VitalSign>,
    of_source: &BTreeSet<VitalSign>,
) -> bool {
    let limit = pipeline.limits.iter().find(|limit| limit.name == alert.alarm);
    let lost = VitalSign::ALL
        .iter()
        .find(|vital| lost_alarm(**vital) == alert.alarm);
    match (limit, lost) {
        (Some(limit), _) => !own.contains(&limit.limit.vital),
        (_, Some(lost)) => !of_source.contains(lost),
        _ => false,
    }
}

/// Makes the times of arrival differ.
fn apart(mut events: Vec<Event>) -> Vec<Event> {
    let mut last = i64::MIN;
    for event in &mut events {
        let now = event.time().max(last + 1);
        last = now;
        match event {
            Event::Message(message) => message.append = now,
            Event::Tick(at) | Event::Context { at, .. } => *at = now,
        }
    }
    events
}

/// A device that sends steadily, whatever else it does: its clock is right, or as wrong as is told. What it sends again or corrects
/// comes within a minute: where nothing else comes, rows that are steadily later than that are those of a slow clock.
fn steady(setting: Setting) -> impl Strategy<Value = Device> {
    (
        device(),
        proptest::sample::select(&[1_000i64, 2_000, 5_000, 7_000, 10_000, 15_000][..]),
    )
        .prop_map(move |(device, every)| Device {
            source: 0,
            every,
            messages: (240_000 / every).max(20),
            stamp: device.stamp.min(1_000),
            glitch: device.glitch.filter(|_| !matches!(setting, Setting::Right)),
            repeats: device.repeats.map(|(every, later)| (every, later % 50_000)),
            corrects: device
                .corrects
                .map(|(every, later, kind)| (every, later % 50_000, kind)),
            setting,
            ..device
        })
}

/// Alerts of wrong clocks.
fn clock_alerts(out: &Outputs) -> impl Iterator<Item = &Alert> {
    out.alerts
        .iter()
        .filter(|alert| alert.alarm.starts_with("device_clock"))
}

proptest! {
    #![proptest_config(config(400))]

    /// READINGS-1, PRESENT-1 and LIMIT-1, after every event of a ward.
    #[test]
    fn every_reading_is_accounted_for_and_nothing_is_too_old_without_a_word(ward in wards()) {
        let pipeline = pipeline();
        holds(&ward, |events| watch(&pipeline, events).map(|_| ()))?;
    }
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn cuts_restarts_and_upgrades_change_nothing(
        ward in wards(),
        cuts in proptest::collection::vec(1usize..40, 1..5),
        restarts in proptest::collection::vec(any::<bool>(), 1..9),
        per_step in 1usize..5,
    ) {
        holds(&ward, |events| changes_nothing(events, &cuts, &restarts, per_step))?;
    }

    #[test]
    fn a_device_changes_only_what_is_its_own(ward in wards(), pick in any::<usize>()) {
        let is_context = |event: &Event| matches!(event, Event::Context { .. });
        let ward = apart(ward.into_iter().filter(|event| !is_context(event)).collect());
        holds(&ward, |events| changes_only_its_own(events, pick))?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 500, ..config(300) })]

    #[test]
    fn a_right_clock_is_never_called_wrong_whatever_comes_late(devices in proptest::collection::vec(steady(Setting::Right), 1..3)) {
        let ward = ward_of(&devices, Vec::new(), 10_000);
        let (out, _) = Trial::new(&pipeline(), 500).run(&ward, &[50], &[false]).finish();
        prop_assert_eq!(clock_alerts(&out).next().map(|alert| &alert.text), None);
    }
}

/// Of an overdue round it is told when it has settled, and not when the pipeline is another.
#[test]
fn an_upgrade_hurries_no_word_on_what_is_overdue() {
    let rounds = |append: i64, ts: i64, reading| {
        Event::Message(Message {
            append,
            ts,
            patient: 1,
            source: 2,
            device: Some("monitor-2"),
            kind: Kind::Measured,
            readings: vec![reading],
        })
    };
    let events = [
        rounds(92_700, -203_706, (VitalSign::SystolicBp, 85.0)),
        rounds(92_700, 91_294, (VitalSign::RespRate, 31.0)),
        rounds(325_359, 251_294, (VitalSign::RespRate, 31.0)),
        Event::Tick(1_152_855),
        Event::Tick(1_164_500),
        Event::Tick(1_176_145),
    ];
    assert_eq!(changes_nothing(&events, &[1], &[false], 500), Ok(()));
}
