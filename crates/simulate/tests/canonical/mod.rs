//! The canonical JSON of `schemas/`, read strictly: an unknown field, a missing one or a wrong type fails. And short runs of
//! a simulated ward, bed by bed.
#![allow(dead_code, reason = "each test takes what it needs")]

use serde::Deserialize;
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Timestamp;
use wardwatch_simulate::{Message, Topic, Ward};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Single {
    pub patient_id: String,
    pub ts: Timestamp,
    pub device_id: Option<String>,
    pub source: String,
    pub code: VitalSign,
    pub value: Value,
    pub unit: Option<String>,
    pub status: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grouped {
    pub patient_id: String,
    pub ts: Timestamp,
    pub device_id: Option<String>,
    pub source: String,
    pub observations: Vec<Reading>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    pub code: VitalSign,
    pub value: Value,
    pub unit: Option<String>,
    pub status: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Value {
    Number(f64),
    Letter(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    pub patient_id: String,
    pub ts: Timestamp,
    pub event: String,
    pub name: String,
    pub mrn: Option<String>,
    pub age: Option<u8>,
    pub sex: Option<String>,
    pub ward: String,
    pub bed: String,
    pub spo2_scale: Option<u8>,
    pub on_oxygen: Option<bool>,
}

/// A vitals message in the grouped form, whichever it came in.
pub fn observations(message: &Message) -> Grouped {
    assert_eq!(message.topic, Topic::Vitals);
    let grouped: Grouped = match serde_json::from_slice(&message.payload) {
        Ok(grouped) => grouped,
        Err(_) => {
            let single: Single = serde_json::from_slice(&message.payload).unwrap();
            let reading = Reading {
                code: single.code,
                value: single.value,
                unit: single.unit,
                status: single.status,
            };
            Grouped {
                patient_id: single.patient_id,
                ts: single.ts,
                device_id: single.device_id,
                source: single.source,
                observations: vec![reading],
            }
        }
    };
    assert_eq!(grouped.patient_id, message.key);
    assert!((1..=64).contains(&grouped.observations.len()));
    for (at, reading) in grouped.observations.iter().enumerate() {
        let scale = matches!(reading.code.unit(), "{score}" | "{ACVPU}");
        assert!(scale || reading.unit.is_some(), "{} needs a unit", reading.code);
        assert!(
            grouped.observations[..at]
                .iter()
                .all(|other| other.code != reading.code),
            "{} twice in a group",
            reading.code
        );
    }
    grouped
}

/// A context message.
pub fn context(message: &Message) -> Context {
    assert_eq!(message.topic, Topic::Context);
    let context: Context = serde_json::from_slice(&message.payload).unwrap();
    assert_eq!(context.patient_id, message.key);
    context
}

impl Grouped {
    /// The number read for a vital sign, if the message holds one.
    pub fn number(&self, code: VitalSign) -> Option<f64> {
        self.observations
            .iter()
            .find(|reading| reading.code == code)
            .map(|reading| match &reading.value {
                Value::Number(number) => *number,
                Value::Letter(letter) => panic!("{code} is {letter}"),
            })
    }
}

/// A fixed instant.
pub fn start() -> Timestamp {
    Timestamp::parse_rfc3339(b"2026-03-01T08:00:00Z").unwrap()
}

/// The first seconds of a ward.
pub fn run(seed: u64, beds: usize, seconds: usize) -> Vec<Message> {
    let mut ward = Ward::new(seed, start(), beds);
    (0..seconds).flat_map(|_| ward.next_second()).collect()
}

/// One bed's observations with their arrivals.
pub fn bed(messages: &[Message], number: u32) -> Vec<(Timestamp, Grouped)> {
    let key = format!("sim-{number:02}");
    messages
        .iter()
        .filter(|message| message.topic == Topic::Vitals && message.key == key)
        .map(|message| (message.arrives, observations(message)))
        .collect()
}

/// A bed's values of one vital sign with the second of their `ts`.
pub fn values(messages: &[Message], number: u32, vital: VitalSign) -> Vec<(i64, f64)> {
    bed(messages, number)
        .iter()
        .filter_map(|(_, group)| Some(((group.ts - start()).micros() / 1_000_000, group.number(vital)?)))
        .collect()
}
