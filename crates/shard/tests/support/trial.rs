//! A shard that takes a ward event by event, beside a model of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use wardwatch_alarms::{EndReason, Phase};
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Timestamp;
use wardwatch_inference::Models;
use wardwatch_ingest::{ContextRecord, Kind, Reason, Record, decode_context};
use wardwatch_pipeline::{Pipeline, lost_alarm};
use wardwatch_shard::{Batch, ContextInput, Counts, Digest, Outputs, Shard, Wants};

use crate::model::{Fate, Model, Told};
use crate::ward::{Event, Message, PATIENTS, at, observations};

pub const PIPELINE: &str = "pipeline: wards
version: 1
sources:
  - { name: bedside, topic: vitals.bedside, format: observation-json }
  - { name: strict, topic: vitals.strict, format: observation-json, wrong_clock: quarantine, silent_after: 25s }
  - { name: rounds, topic: vitals.rounds, format: observation-json, charted: true, past_skew: off, silent_after: 4m }
  - { name: wearable, topic: vitals.wearable, format: observation-json, trend_only: true, lateness: 5m }
time: { lateness: 2m, hold: 0s, grace: 2s, future_skew: 10s, silent_after: 40s, forget_after: 8m }
max_age: { heart_rate: 90s, spo2: 60s, resp_rate: 2m, systolic_bp: 6m }
lost_after: { heart_rate: 30s, spo2: 20s }
features:
  - name: short
    window: 1m
    every: 30s
    sql: SELECT patient_id, avg(heart_rate) AS heart_rate_mean, min(spo2) AS spo2_min FROM vitals GROUP BY patient_id
  - name: long
    window: 2m
    every: 1m
    sql: SELECT patient_id, max(resp_rate) AS resp_rate_max FROM vitals GROUP BY patient_id
scores:
  - { name: newest, sql: \"coalesce(heart_rate, 0) + coalesce(spo2, 0) + coalesce(resp_rate, 0) + coalesce(systolic_bp, 0)\" }
  - { name: shock, sql: \"shock_index(heart_rate_mean, spo2_min)\" }
alarms:
  - { name: low, limit: spo2 < 88, priority: high }
  - { name: lasting, limit: spo2 < 88, for: 15s, at_once: spo2 < 80, confirm: 2 readings, repeat_after: 30s, priority: high }
  - { name: fast, limit: heart_rate > 130, clear_when: heart_rate <= 120, priority: medium }
  - { name: breathing, limit: resp_rate > 30, for: 10s, priority: medium }
  - { name: pressure, limit: systolic_bp < 90, priority: medium }
  - { name: racing, when: heart_rate_mean > 130, clear_when: heart_rate_mean < 120, for: 20s, repeat_after: 1m, priority: medium }
";

pub fn pipeline() -> Arc<Pipeline> {
    parse(PIPELINE)
}

pub fn parse(text: &str) -> Arc<Pipeline> {
    Arc::new(Pipeline::parse(text, Path::new("models")).expect("the test's pipeline is right"))
}

pub struct Trial {
    pub shard: Shard,
    pipeline: Arc<Pipeline>,
    models: Models,
    wants: Wants,
    /// Of everything so far.
    pub out: Outputs,
    told: Told,
}

impl Trial {
    pub fn new(pipeline: &Arc<Pipeline>, per_step: usize) -> Self {
        let wants = Wants {
            features: true,
            scores: true,
            per_step,
        };
        Self {
            shard: Shard::new(Arc::clone(pipeline), wants),
            pipeline: Arc::clone(pipeline),
            models: Models::default(),
            wants,
            out: Outputs::default(),
            told: Told::new(),
        }
    }

    /// Takes events up to and with the first tick in one step. What it gave begins at these alerts, and is counted alone.
    pub fn step(&mut self, events: &[Event]) -> (usize, Counts) {
        let messages: Vec<&Message> = events.iter().filter_map(Event::message).collect();
        let context = events.iter().filter_map(|event| match event {
            Event::Context { at, patient, event } => Some(context(*at, *patient, event)),
            Event::Message(_) | Event::Tick(_) => None,
        });
        let batch = Batch {
            observations: observations(&messages),
            context: context.collect(),
            ..Batch::default()
        };
        let tick = events.iter().find_map(|event| match event {
            Event::Tick(now) => Some(at(*now)),
            Event::Message(_) | Event::Context { .. } => None,
        });
        let (alerts, alarms) = (self.out.alerts.len(), self.out.alarms.len());
        let before = std::mem::take(&mut self.out.counts);
        self.shard
            .step(&batch, tick, &mut self.models, &mut self.out)
            .expect("a step");
        let counts = self.out.counts;
        self.out.counts = before;
        self.out.counts.add(&counts);
        for alarm in &self.out.alarms[alarms..] {
            let key = (alarm.patient_id.to_string(), alarm.alarm.clone());
            self.told.insert(key, alarm.clone());
        }
        (alerts, counts)
    }

    pub fn restart(&mut self) {
        let snapshot = self.shard.capture().expect("a snapshot");
        self.shard =
            Shard::restore(Arc::clone(&self.pipeline), self.wants, &snapshot).expect("a snapshot of ours");
    }

    /// Goes on under another pipeline that says the same.
    pub fn upgrade(&mut self, pipeline: &Arc<Pipeline>) {
        while self.shard.has_more() {
            self.step(&[]);
        }
        let succession = pipeline.succession(&self.pipeline).expect("it says the same");
        let empty = Shard::new(Arc::clone(pipeline), self.wants);
        let mut old = std::mem::replace(&mut self.shard, empty);
        old.end_removed(pipeline, &succession, &mut self.models, &mut self.out);
        self.shard = old.succeed(Arc::clone(pipeline), &succession, None);
        self.pipeline = Arc::clone(pipeline);
    }

    /// Runs a ward whose steps hold so many events, the numbers in turn; a step ends with a tick at the latest.
    pub fn run(mut self, events: &[Event], cuts: &[usize], restarts: &[bool]) -> Self {
        let (mut cuts, mut restarts) = (cuts.iter().cycle(), restarts.iter().cycle());
        let mut left = events;
        while !left.is_empty() {
            let most = *cuts.next().expect("there is a cut");
            let tick = left.iter().position(|event| matches!(event, Event::Tick(_)));
            let len = most
                .min(tick.map_or(left.len(), |tick| tick + 1))
                .max(1)
                .min(left.len());
            let (step, rest) = left.split_at(len);
            self.step(step);
            left = rest;
            if *restarts.next().expect("there is an answer") {
                self.restart();
            }
        }
        self
    }

    pub fn finish(mut self) -> (Outputs, Digest) {
        self.shard
            .finish(Timestamp::MAX, &mut self.models, &mut self.out)
            .expect("the end");
        (self.out, self.shard.digest())
    }
}

fn context(now: i64, patient: usize, event: &str) -> ContextInput {
    let patient = PATIENTS[patient];
    let payload = format!(
        r#"{{"patient_id":"{patient}","event":"{event}","ts":"{}","bed":"1"}}"#,
        at(now)
    );
    let record: ContextRecord = decode_context(&Record {
        topic: 4,
        partition: 0,
        offset: 0,
        key: Some(patient.as_bytes()),
        payload: payload.as_bytes(),
        append_time: at(now),
    })
    .expect("the test's context is right");
    ContextInput {
        append_time: at(now),
        writer: 0,
        record,
    }
}

/// A ward, event by event, beside its model: the first thing that is wrong. Gives how often limits were compared.
pub fn watch(pipeline: &Arc<Pipeline>, events: &[Event]) -> Result<u64, String> {
    let mut trial = Trial::new(pipeline, 500);
    let mut model = Model::new(pipeline);
    let mut discharged: Vec<usize> = Vec::new();
    for event in events {
        let now = at(event.time());
        // What is due by then comes before the event.
        let tick = Event::Tick(event.time());
        for event in [&tick, event] {
            let refused = trial.out.refused.len();
            let ended = trial.out.ended.len();
            let (alerts, counts) = trial.step(std::slice::from_ref(event));
            model.advance(now);
            for id in &trial.out.ended[ended..] {
                let patient = PATIENTS
                    .iter()
                    .position(|patient| patient == id)
                    .expect("a patient");
                let stay = model.stays.remove(&patient);
                let heard_at = stay.and_then(|stay| stay.heard_at);
                let is_forgotten = heard_at.is_none_or(|at| now - at >= pipeline.time.forget_after);
                let is_discharged = matches!(
                    event,
                    Event::Context {
                        event: "discharge",
                        ..
                    }
                );
                if !is_forgotten && !is_discharged && !discharged.contains(&patient) {
                    return Err(format!("{id} is monitored no more at {now}"));
                }
                let mut left = trial
                    .told
                    .iter()
                    .filter(|((of, _), alarm)| of == id && alarm.active);
                if let Some(((_, alarm), _)) = left.next() {
                    return Err(format!("{alarm} goes on, though the stay has ended"));
                }
            }
            let mut fates = Vec::new();
            match event {
                Event::Message(message) => fates = model.take(message),
                Event::Context {
                    patient,
                    event: "discharge",
                    ..
                } => discharged.push(*patient),
                Event::Context { .. } | Event::Tick(_) => {
                    model.stays.values_mut().for_each(|stay| stay.usable.clear());
                }
            }
            let told = |error: String| format!("{error}; at {} after {event:?}", event.time());
            check_fates(&fates, &counts).map_err(told)?;
            check_refused(&trial.out, refused, event, &counts).map_err(told)?;
            check_ends(&trial.out, alerts, &model).map_err(told)?;
            model.check_presence(now, &trial.told).map_err(told)?;
            model.check_limits(now, &trial.told).map_err(told)?;
        }
    }
    Ok(model.compared)
}

/// As [`watch`], with a panic told as any other thing that is wrong.
pub fn verdict(check: impl Fn(&[Event]) -> Result<(), String>, events: &[Event]) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(|| check(events))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(text.unwrap_or_else(|| "a panic".to_owned()))
    })
}

/// READINGS-1, reading by reading: each is counted as one thing, and as one that it may be.
fn check_fates(fates: &[Vec<Fate>], counts: &Counts) -> Result<(), String> {
    if !counts.balance() || counts.readings != fates.len() as u64 {
        return Err(format!("READINGS-1: {counts:?}"));
    }
    let counted = [
        (Fate::Used, counts.observations),
        (Fate::Absent, counts.absent),
        (Fate::Correction, counts.corrections),
        (Fate::Repeat, counts.repeats),
        (Fate::Late, counts.late),
        (Fate::Future, counts.future),
        (Fate::WrongClock, counts.wrong_clock),
    ];
    for (fate, counted) in counted {
        let surely = fates.iter().filter(|fates| **fates == [fate]).count() as u64;
        let perhaps = fates.iter().filter(|fates| fates.contains(&fate)).count() as u64;
        if !(surely..=perhaps).contains(&counted) {
            return Err(format!("READINGS-1: {counted} {fate:?}, expected {fates:?}"));
        }
    }
    Ok(())
}

/// What is not taken goes to quarantine, each reading once, with its reason.
fn check_refused(out: &Outputs, from: usize, event: &Event, counts: &Counts) -> Result<(), String> {
    let Event::Message(message) = event else {
        return match out.refused.len() == from {
            true => Ok(()),
            false => Err("refused without a message".to_owned()),
        };
    };
    let batch = observations(&[message]);
    let mut places = Vec::new();
    for (reason, counted) in [
        (Reason::Late, counts.late),
        (Reason::Future, counts.future),
        (Reason::WrongClock, counts.wrong_clock),
    ] {
        let of_reason = out.refused[from..]
            .iter()
            .filter(|refused| refused.reason == reason);
        let readings: Vec<usize> = of_reason.flat_map(|refused| refused.readings(&batch)).collect();
        if readings.len() as u64 != counted {
            return Err(format!("{counted} {reason:?}, in quarantine {readings:?}"));
        }
        places.extend(readings);
    }
    places.sort_unstable();
    let many = places.len();
    places.dedup();
    match places.len() == many && (many == 0 || message.kind == Kind::Measured || counts.late == 0) {
        true => Ok(()),
        false => Err(format!("in quarantine more than once: {places:?}")),
    }
}

/// What is lost is found by a reading, and by nothing else.
fn check_ends(out: &Outputs, from: usize, model: &Model) -> Result<(), String> {
    for alert in &out.alerts[from..] {
        let vital = VitalSign::ALL
            .iter()
            .find(|vital| lost_alarm(**vital) == alert.alarm);
        let (Some(vital), Phase::End, Some(EndReason::Cleared)) = (vital, alert.phase, alert.reason) else {
            continue;
        };
        let patient = PATIENTS.iter().position(|patient| **patient == *alert.patient_id);
        let stay = patient.and_then(|patient| model.stays.get(&patient));
        if !stay.is_some_and(|stay| stay.usable.contains(vital)) {
            return Err(format!("{} ends, and nothing came", alert.alarm));
        }
    }
    Ok(())
}
