//! The made-up patients of the sample ward and their evaluations.

use wardwatch_alarms::{Input, ModelIdentity, ScoreRecord, ScoreValue};
use wardwatch_clinical::scores::{News2Input, news2};
use wardwatch_clinical::{Acvpu, VitalSign};
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_station::Update;

pub(crate) const PIPELINE: &str = "sample";

/// The bed whose monitor has fallen silent.
pub(crate) const SILENT: u32 = 20;

/// Usual value, how far it wanders, and its age in seconds.
const VITALS: [(VitalSign, f64, f64, i64); 10] = [
    (VitalSign::HeartRate, 78.0, 16.0, 1),
    (VitalSign::Pulse, 77.0, 16.0, 1),
    (VitalSign::Spo2, 96.6, 2.2, 2),
    (VitalSign::RespRate, 16.0, 4.5, 3),
    (VitalSign::SystolicBp, 124.0, 16.0, 540),
    (VitalSign::DiastolicBp, 74.0, 9.0, 540),
    (VitalSign::MeanBp, 91.0, 10.0, 540),
    (VitalSign::Temperature, 37.0, 0.8, 7_300),
    (VitalSign::O2Flow, 0.6, 1.0, 9_100),
    (VitalSign::Consciousness, 0.0, 0.0, 5_200),
];

pub(crate) fn patient(bed: u32) -> String {
    format!("sample-{:03}", bed + 1)
}

pub(crate) fn bed_name(bed: u32) -> Option<String> {
    Some(format!("S-{:02}", bed + 1))
}

pub(crate) fn model() -> ModelIdentity {
    ModelIdentity {
        name: "sample-model".to_owned(),
        version: 1,
        sha256: "5a".repeat(32),
    }
}

/// A value of a vital sign that was observed `age` seconds before `now`.
pub(crate) fn input(vital: VitalSign, value: f64, age: i64, now: Timestamp) -> Input {
    Input {
        name: vital.name().to_owned(),
        label: vital.label().to_owned(),
        value: Some(value),
        text: None,
        unit: vital.unit().to_owned(),
        observed_at: Some(now - Span::from_secs(age)),
        age_seconds: Some(age as f64),
        stale: age > i64::from(vital.info().max_age_seconds),
    }
}

/// An evaluation of one bed.
pub(crate) fn score(bed: u32, second: u32, now: Timestamp) -> Update {
    let inputs = inputs(bed, second, now);
    let record = ScoreRecord {
        patient_id: patient(bed),
        ward: Some("Sample".to_owned()),
        bed: bed_name(bed),
        window_end: now,
        at: now,
        revision: 0,
        scores: vec![early_warning(&inputs), risk(bed, second)],
        inputs,
        pipeline: PIPELINE.to_owned(),
        pipeline_version: 1,
    };
    Update::Score {
        shard: 0,
        record: Box::new(record),
    }
}

/// A number between -1 and 1 that depends on bed, moment and vital sign, and wanders slowly.
fn wander(bed: u32, second: u32, vital: VitalSign) -> f64 {
    let phase = f64::from(bed) * 2.4 + vital.index() as f64 * 1.7;
    (f64::from(second) / 37.0 + phase).sin() * 0.7 + (f64::from(second) / 5.0 + phase * 3.0).sin() * 0.3
}

fn inputs(bed: u32, second: u32, now: Timestamp) -> Vec<Input> {
    // One patient's temperature was never taken.
    let known = VITALS
        .iter()
        .filter(|(vital, ..)| bed != 9 || *vital != VitalSign::Temperature);
    let one = |(vital, usual, spread, age): &(VitalSign, f64, f64, i64)| {
        let value = usual + illness(bed, *vital) + spread * wander(bed, second, *vital);
        let age = match bed {
            // One patient's oximeter fell off a while ago.
            11 if matches!(vital, VitalSign::Spo2 | VitalSign::Pulse) => 1_500,
            SILENT => *age + 330,
            _ => *age,
        };
        input(*vital, value.clamp(0.0, *vital.plausible().end()), age, now)
    };
    known.map(one).collect()
}

/// By how much an illness moves a value.
fn illness(bed: u32, vital: VitalSign) -> f64 {
    match (bed, vital) {
        (1, VitalSign::Spo2) => -12.0,
        (1, VitalSign::RespRate) => 11.0,
        (4, VitalSign::HeartRate | VitalSign::Pulse) => 42.0,
        (4, VitalSign::SystolicBp | VitalSign::DiastolicBp | VitalSign::MeanBp) => -22.0,
        (7, VitalSign::RespRate) => 5.0,
        _ => 0.0,
    }
}

fn early_warning(inputs: &[Input]) -> ScoreValue {
    let fresh = |vital: VitalSign| {
        inputs
            .iter()
            .find(|input| input.name == vital.name() && !input.stale)?
            .value
    };
    let score = news2(&News2Input {
        resp_rate: fresh(VitalSign::RespRate),
        spo2: fresh(VitalSign::Spo2),
        on_oxygen: fresh(VitalSign::O2Flow).map(|flow| flow >= 1.0),
        systolic_bp: fresh(VitalSign::SystolicBp),
        pulse: fresh(VitalSign::Pulse),
        consciousness: Some(Acvpu::Alert),
        temperature: fresh(VitalSign::Temperature),
        spo2_scale: None,
    });
    ScoreValue {
        name: "news2".to_owned(),
        value: score.total().map(f64::from),
        lowest: Some(score.lowest().into()),
        highest: Some(score.highest().into()),
        missing: score.missing().map(str::to_owned).collect(),
        points: score
            .parameters()
            .iter()
            .map(|name| (*name).to_owned())
            .zip(score.points())
            .collect(),
        ..ScoreValue::default()
    }
}

fn risk(bed: u32, second: u32) -> ScoreValue {
    let silent = bed == 7;
    let base = if bed == 1 {
        0.71
    } else {
        0.06 + 0.01 * f64::from(bed % 9)
    };
    ScoreValue {
        name: "deterioration".to_owned(),
        value: (!silent).then(|| base + 0.02 * wander(bed, second, VitalSign::HeartRate)),
        unavailable: silent.then(|| "age missing".to_owned()),
        fallback: Some("news2".to_owned()),
        model: (!silent).then(model),
        ..ScoreValue::default()
    }
}
