//! The made-up alarms and alerts of the sample ward.

use wardwatch_alarms::{
    Alarm, AlarmKind, Alert, AlertId, AlertKey, Contributor, Deadline, EndReason, Phase, StageTimes,
};
use wardwatch_clinical::{AlarmPriority, VitalSign};
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_station::Update;

use crate::patients::{PIPELINE, SILENT, bed_name, input, model, patient};

/// What an alarm is about.
struct Story {
    bed: u32,
    alarm: &'static str,
    kind: AlarmKind,
    priority: AlarmPriority,
    text: &'static str,
    condition: &'static str,
    start: Timestamp,
    why: Vec<Contributor>,
}

/// The alarms that are active from the start, and the alerts that told of them; one has ended.
pub(crate) fn alarms(now: Timestamp) -> Vec<Update> {
    let over = Story {
        bed: 15,
        alarm: "tachycardia",
        kind: AlarmKind::Physiological,
        priority: AlarmPriority::Medium,
        text: "HR 134 /min > 130",
        condition: "heart_rate > 130",
        start: now - Span::from_secs(3_600),
        why: vec![points(VitalSign::HeartRate, 134.0, 1, 3)],
    };
    let mut updates = vec![
        alert(&over, Phase::Start, 0, now - Span::from_secs(3_590)),
        alert(&over, Phase::End, 1, now - Span::from_secs(3_000)),
    ];
    for story in active(now) {
        updates.push(alert(&story, Phase::Start, 0, story.start + Span::from_secs(15)));
        updates.push(alarm(&story));
    }
    updates
}

fn active(now: Timestamp) -> Vec<Story> {
    use AlarmKind::{Advisory, Physiological, Technical};
    use AlarmPriority::{High, Low, Medium};
    let story = |bed, (alarm, condition), kind, priority, text, seconds, why| Story {
        bed,
        alarm,
        kind,
        priority,
        text,
        condition,
        start: now - Span::from_secs(seconds),
        why,
    };
    let cold = vec![points(VitalSign::Temperature, 35.4, 7_300, 1)];
    let shock = vec![
        points(VitalSign::SystolicBp, 98.0, 540, 2),
        points(VitalSign::Pulse, 121.0, 1, 2),
        points(VitalSign::RespRate, 21.0, 3, 2),
    ];
    let risk = vec![
        moved(VitalSign::Spo2, 85.0, 2, 1.31, 96.0),
        moved(VitalSign::RespRate, 28.0, 3, 0.82, 17.0),
    ];
    let blue = vec![points(VitalSign::Spo2, 85.0, 2, 3)];
    let clock = ("device_clock:bedside", "device_clock");
    let silent = ("silent:bedside", "silent");
    let deteriorating = ("deteriorating", "deterioration >= 0.6");
    vec![
        story(
            17,
            ("low_temperature", "temperature < 35.5"),
            Physiological,
            Low,
            "Temp 35.4 °C < 35.5",
            2_900,
            cold,
        ),
        story(
            13,
            clock,
            Technical,
            Low,
            "Clock of bedside runs 10 min fast",
            1_900,
            vec![],
        ),
        story(
            4,
            ("news2_urgent", "news2 >= 5"),
            Physiological,
            Medium,
            "NEWS2 6 ≥ 5",
            640,
            shock,
        ),
        story(
            SILENT,
            silent,
            Technical,
            Medium,
            "No data from bedside for 60 s",
            260,
            vec![],
        ),
        story(
            1,
            deteriorating,
            Advisory,
            High,
            "Deterioration 71 % ≥ 60 %",
            95,
            risk,
        ),
        story(
            1,
            ("desaturation", "spo2 < 88"),
            Physiological,
            High,
            "SpO2 85 % < 88",
            40,
            blue,
        ),
    ]
}

/// One more alert about a bed.
pub(crate) fn desaturation(bed: u32, ordinal: u32, now: Timestamp) -> Update {
    let story = Story {
        bed,
        alarm: "desaturation",
        kind: AlarmKind::Physiological,
        priority: AlarmPriority::High,
        text: "SpO2 79 % < 80",
        condition: "spo2 < 88",
        start: now - Span::from_secs(40),
        why: vec![points(VitalSign::Spo2, 79.0, 1, 3)],
    };
    alert(&story, Phase::Escalate, ordinal, now)
}

fn id(story: &Story, phase: Phase, ordinal: u32) -> AlertId {
    let (patient_id, condition_start) = (patient(story.bed), story.start);
    let patient_id = patient_id.as_str();
    AlertId::of(&AlertKey {
        pipeline: PIPELINE,
        patient_id,
        alarm: story.alarm,
        condition_start,
        phase,
        ordinal,
    })
}

fn alarm(story: &Story) -> Update {
    let alarm = Alarm {
        patient_id: patient(story.bed),
        ward: Some("Sample".to_owned()),
        bed: bed_name(story.bed),
        alarm: story.alarm.to_owned(),
        kind: story.kind,
        priority: story.priority,
        active: true,
        condition_start: story.start,
        changed_at: story.start,
        alert_id: id(story, Phase::Start, 0),
        text: story.text.to_owned(),
    };
    Update::Alarm {
        shard: 0,
        alarm: Box::new(alarm),
    }
}

fn alert(story: &Story, phase: Phase, ordinal: u32, decided_at: Timestamp) -> Update {
    // One alert left the engine later than it should have.
    let due_at = decided_at - Span::from_secs(if story.bed == 4 { 3 } else { 0 });
    let alert = Alert {
        id: id(story, phase, ordinal),
        patient_id: patient(story.bed),
        ward: Some("Sample".to_owned()),
        bed: bed_name(story.bed),
        alarm: story.alarm.to_owned(),
        kind: story.kind,
        priority: story.priority,
        phase,
        ordinal,
        condition_start: story.start,
        reason: (phase == Phase::End).then_some(EndReason::Cleared),
        text: story.text.to_owned(),
        value: None,
        condition: story.condition.to_owned(),
        contributors: story.why.clone(),
        model: (story.kind == AlarmKind::Advisory).then(model),
        pipeline: PIPELINE.to_owned(),
        pipeline_version: 1,
        pipeline_hash: "c0ffee".repeat(10),
        stages: StageTimes {
            observed_at: decided_at,
            due_at,
            decided_at,
        },
        deadline: Deadline::new(due_at, decided_at),
    };
    Update::Alert {
        shard: 0,
        alert: Box::new(alert),
    }
}

fn points(vital: VitalSign, value: f64, age: i64, points: u8) -> Contributor {
    let input = input(vital, value, age, Timestamp::default());
    Contributor {
        input,
        points: Some(points),
        attribution: None,
        baseline: None,
    }
}

fn moved(vital: VitalSign, value: f64, age: i64, attribution: f64, baseline: f64) -> Contributor {
    let input = input(vital, value, age, Timestamp::default());
    Contributor {
        input,
        points: None,
        attribution: Some(attribution),
        baseline: Some(baseline),
    }
}
