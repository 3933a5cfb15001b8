//! The product's own decoder takes everything that is sent here, and refuses the artefacts and nothing else.
#![allow(clippy::unwrap_used)]

mod canonical;

use canonical::{run, start};
use std::collections::BTreeMap;
use wardwatch_event_time::Span;
use wardwatch_ingest::{
    Arrival, ContextEvent, Decoded, Kind, Reason, Record, decode_context, decode_observations,
};
use wardwatch_simulate::{Charting, Message, Rebase, Topic};

fn record((offset, message): (usize, &Message)) -> Record<'_> {
    Record {
        payload: &message.payload,
        key: Some(message.key.as_bytes()),
        append_time: message.arrives,
        topic: 0,
        partition: 0,
        offset: offset as i64,
    }
}

/// Decodes the observations; counts the readings refused by reason.
fn decode(messages: &[Message]) -> (Decoded, BTreeMap<Reason, usize>) {
    let vitals = messages.iter().filter(|message| message.topic == Topic::Vitals);
    let decoded = decode_observations(vitals.enumerate().map(record), Arrival::Broker);
    let mut refused = BTreeMap::new();
    for quarantined in &decoded.quarantined {
        // A record refused as a whole lists no readings; all of those here would be single.
        *refused.entry(quarantined.reason).or_default() += quarantined.readings.len().max(1);
    }
    (decoded, refused)
}

/// Readings of a kind.
fn of_kind(decoded: &Decoded, kind: Kind) -> usize {
    let observations = &decoded.observations;
    let offsets = observations.readings_offsets();
    let rows = (0..observations.len()).filter(|row| observations.kind(*row) == kind);
    rows.map(|row| (offsets[row + 1] - offsets[row]) as usize).sum()
}

/// Admissions, updates and discharges.
fn contexts(messages: &[Message]) -> Vec<ContextEvent> {
    messages
        .iter()
        .filter(|message| message.topic == Topic::Context)
        .map(|message| decode_context(&record((0, message))).unwrap().event)
        .collect()
}

#[test]
fn of_the_charting_only_the_impossible_is_refused() {
    let rebase = Rebase {
        start: start(),
        pause: Span::from_secs(180),
        beds: 24,
    };
    let messages: Vec<Message> = Charting::new(rebase).unwrap().collect();
    let (decoded, refused) = decode(&messages);
    let refused_in_all: usize = refused.values().sum();
    assert_eq!(decoded.observations.readings_len() + refused_in_all, 98_210);
    assert_eq!(decoded.repeats, 0);
    assert_eq!(refused.keys().copied().collect::<Vec<_>>(), [Reason::Implausible]);
    assert_eq!(of_kind(&decoded, Kind::Withdrawn), 25);
    // Seventeen rows are impossible by any measure; how many more are is for the plausible ranges to say.
    assert!((17..500).contains(&refused[&Reason::Implausible]), "{refused:?}");
    let events = contexts(&messages);
    let admitted = events
        .iter()
        .filter(|event| **event == ContextEvent::Admit)
        .count();
    assert_eq!((events.len(), admitted), (200, 100));
}

#[test]
fn of_the_simulated_ward_nothing_is_refused_and_probes_that_are_off_say_so() {
    let messages = run(11, 24, 600);
    let (decoded, refused) = decode(&messages);
    assert_eq!(refused, BTreeMap::new());
    // Bed 9's probe alone is off for 20 s: SpO2 and pulse each.
    let absent = of_kind(&decoded, Kind::Absent);
    assert!((40..2_000).contains(&absent), "{absent}");
    assert!(decoded.observations.readings_len() > 80_000);
    assert_eq!(contexts(&messages).len(), 25);
}
