//! A score is unavailable while what it predicts is there already, and an alarm on it neither begins nor ends by that.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::path::Path;
use std::sync::Arc;

use support::{BASE, Row, alerts, row, run};
use wardwatch_clinical::VitalSign::{HeartRate, MeanBp};
use wardwatch_pipeline::Pipeline;
use wardwatch_shard::Outputs;

fn pipeline(present_when: &str) -> Arc<Pipeline> {
    let text = format!(
        "pipeline: present
version: 1
sources: [{{ name: bedside, topic: vitals.bedside, format: observation-json }}]
time: {{ lateness: 2m, grace: 2s, silent_after: 10h, forget_after: 20h }}
max_age: {{ mean_bp: 1m }}
features:
  - name: short
    window: 20s
    every: 10s
    sql: SELECT patient_id, avg(heart_rate) AS heart_rate_mean FROM vitals GROUP BY patient_id
  - name: long
    window: 1m
    every: 20s
    sql: SELECT patient_id, min(mean_bp) AS mean_bp_min FROM vitals GROUP BY patient_id
scores:
  - {{ name: early, sql: 'qsofa(40, mean_bp, 15)' }}
  - {{ name: risk, sql: heart_rate_mean / 200, predicts: {{ outcome: shock, horizon: 1h }}, present_when: \"{present_when}\" }}
alarms:
  - {{ name: at_risk, when: risk >= 0.6, clear_when: risk < 0.5, priority: medium }}
"
    );
    Arc::new(Pipeline::parse(&text, Path::new("models")).unwrap())
}

/// A heart rate and, where there is one, a mean pressure every five seconds.
fn rows(course: impl Fn(i64) -> (f64, Option<f64>)) -> Vec<Row> {
    let mut rows = Vec::new();
    for ts in (0..300).step_by(5) {
        let (heart_rate, mean_bp) = course(ts);
        rows.push(row("a", ts, HeartRate, heart_rate));
        rows.extend(mean_bp.map(|mean_bp| row("a", ts, MeanBp, mean_bp)));
    }
    rows
}

/// (second, value, reason) of every window of the score's own.
fn risk(out: &Outputs) -> Vec<(i64, Option<f64>, Option<String>)> {
    let of = |record: &wardwatch_alarms::ScoreRecord| {
        let score = record.scores.iter().find(|score| &*score.name == "risk").unwrap();
        let end = score.window_end.filter(|end| *end == record.window_end)?;
        let reason = score.unavailable.as_ref().map(ToString::to_string);
        Some((end.millis() / 1_000 - BASE, score.value, reason))
    };
    out.scores.iter().filter_map(of).collect()
}

#[test]
fn it_is_unavailable_with_the_reason_and_speaks_again_afterwards() {
    let pipeline = pipeline("mean_bp < 65");
    let out = run(
        &pipeline,
        &rows(|ts| (80.0, Some(if (100..200).contains(&ts) { 60.0 } else { 75.0 }))),
        &[7],
        500,
    );
    let risk = risk(&out);
    assert!(risk.len() >= 29, "{}", risk.len());
    for (end, value, reason) in risk {
        // The heart rate beyond a window's end decides it; the pressure of that instant comes after it.
        let is_low = end > 100 && end <= 200;
        assert_eq!(value.is_none(), is_low, "{end}");
        let expected = is_low.then(|| "what it predicts is there already: mean_bp < 65".to_owned());
        assert_eq!(reason, expected, "{end}");
    }
}

#[test]
fn what_is_not_known_is_not_there() {
    let pipeline = pipeline("mean_bp < 65");
    // The pressure was low, and nobody has measured it since.
    let out = run(
        &pipeline,
        &rows(|ts| (80.0, (ts < 50).then_some(60.0))),
        &[usize::MAX],
        500,
    );
    for (end, value, _) in risk(&out) {
        assert_eq!(value.is_none(), end <= 45 + 60, "{end}");
    }
    let never = run(&pipeline, &rows(|_| (80.0, None)), &[usize::MAX], 500);
    assert!(risk(&never).iter().all(|(_, value, _)| value.is_some()));
}

#[test]
fn an_alarm_on_it_neither_begins_nor_ends() {
    let pipeline = pipeline("mean_bp < 65");
    let of = |low: std::ops::Range<i64>, fast: std::ops::Range<i64>| {
        let rows = rows(|ts| {
            (
                if fast.contains(&ts) { 140.0 } else { 80.0 },
                Some(if low.contains(&ts) { 60.0 } else { 75.0 }),
            )
        });
        let out = run(&pipeline, &rows, &[3], 500);
        let told = alerts(&out, "a")
            .into_iter()
            .filter(|(alarm, ..)| alarm == "at_risk");
        told.map(|(_, phase, at)| (phase, at)).collect::<Vec<_>>()
    };
    // Low all the while that the heart is fast: there is nothing to predict.
    assert_eq!(of(0..300, 50..150), []);
    assert_eq!(of(300..300, 50..150), [("start", 70), ("end", 170)]);
    // It becomes low after the alarm began, and the heart slows meanwhile: the alarm ends when the score speaks again.
    assert_eq!(of(100..250, 50..150), [("start", 70), ("end", 260)]);
}

#[test]
fn it_may_read_features_of_a_coarser_set() {
    let pipeline = pipeline("mean_bp_min < 65");
    assert_eq!(pipeline.scores[1].set, 0, "the finer of both");
    let out = run(
        &pipeline,
        &rows(|ts| (80.0, Some(if ts == 100 { 60.0 } else { 75.0 }))),
        &[usize::MAX],
        500,
    );
    // In the windows of a minute that end from 120 s to 160 s.
    for (end, value, _) in risk(&out) {
        assert_eq!(value.is_none(), (120..180).contains(&end), "{end}");
    }
}

#[test]
fn it_is_part_of_what_a_score_says() {
    let (one, other) = (pipeline("mean_bp < 65"), pipeline("mean_bp < 60"));
    assert_eq!(one.succession(&one).unwrap().fresh_scores(), Vec::<usize>::new());
    assert_eq!(other.succession(&one).unwrap().fresh_scores(), [1]);
}
