//! Several sources, admission and discharge, windows without rows, and alarms of models.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use support::{BASE, Row, alerts, at, observations, row, windows};
use wardwatch_alarms::{AlarmKind, EndReason, Phase, ScoreRecord};
use wardwatch_clinical::VitalSign::{self, HeartRate, Spo2};
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_inference::Models;
use wardwatch_ingest::{Record, decode_context};
use wardwatch_pipeline::Pipeline;
use wardwatch_shard::{Batch, ContextInput, Outputs, Shard, Wants};

const PIPELINE: &str = "pipeline: test
version: 1
sources:
  - { name: bedside, topic: vitals.bedside, format: observation-json }
  - { name: wearable, topic: vitals.wearable, format: observation-json, trend_only: TREND }
time: { lateness: 2m, hold: 0s, grace: 2s, future_skew: 10s, silent_after: 60s, forget_after: 1h }
features:
  - name: short
    window: 1m
    every: 10s
    emit: EMIT
    sql: SELECT patient_id, avg(heart_rate) AS heart_rate_mean, count(spo2) AS spo2_count FROM vitals GROUP BY patient_id
alarms:
  - { name: desaturation, limit: spo2 < 88, for: 15s, at_once: spo2 < 80, priority: high }
";

struct Log {
    shard: Shard,
    models: Models,
    out: Outputs,
}

impl Log {
    fn new(pipeline: Pipeline) -> Self {
        let wants = Wants {
            features: true,
            scores: true,
            per_step: usize::MAX,
        };
        Self {
            models: Models::new(pipeline.models.clone()),
            shard: Shard::new(Arc::new(pipeline), wants),
            out: Outputs::default(),
        }
    }

    fn of(trend: bool, emit: &str) -> Self {
        let text = PIPELINE
            .replace("TREND", &trend.to_string())
            .replace("EMIT", emit);
        Self::new(Pipeline::parse(&text, Path::new("models")).unwrap())
    }

    fn rows(&mut self, rows: &[Row]) {
        self.batch(rows, Vec::new());
    }

    fn batch(&mut self, rows: &[Row], context: Vec<ContextInput>) {
        let batch = Batch {
            observations: observations(rows),
            context,
            ..Batch::default()
        };
        self.shard
            .step(&batch, None, &mut self.models, &mut self.out)
            .unwrap();
    }

    fn tick(&mut self, second: i64) {
        self.shard
            .step(
                &Batch::default(),
                Some(at(second)),
                &mut self.models,
                &mut self.out,
            )
            .unwrap();
    }

    fn context(&mut self, second: i64, event: &str, more: &str) {
        self.batch(&[], vec![context(at(second), event, more)]);
    }

    /// (window end, revision) of every evaluation.
    fn ends(&self) -> Vec<(i64, u32)> {
        windows(&self.out)
            .into_iter()
            .map(|window| (window.2, window.3))
            .collect()
    }
}

/// A record about patient `a`.
fn context(append_time: Timestamp, event: &str, more: &str) -> ContextInput {
    let payload = format!(r#"{{"patient_id":"a","ts":"{append_time}","event":"{event}"{more}}}"#);
    let record = Record {
        payload: payload.as_bytes(),
        key: Some(b"a"),
        append_time,
        topic: 2,
        partition: 0,
        offset: 0,
    };
    ContextInput {
        append_time,
        writer: 0,
        record: decode_context(&record).unwrap(),
    }
}

fn wearable(ts: i64, vital: VitalSign, value: f64) -> Row {
    Row {
        topic: 1,
        ..row("a", ts, vital, value)
    }
}

#[test]
fn a_source_for_trends_feeds_features_and_nothing_else() {
    let mut log = Log::of(true, "rows");
    log.rows(&[
        row("a", 1, HeartRate, 80.0),
        wearable(2, Spo2, 70.0),
        wearable(9, HeartRate, 100.0),
        // Its own clock is past the pane's end, the bedside's is not.
        wearable(11, HeartRate, 100.0),
    ]);
    assert_eq!(log.ends(), []);
    log.rows(&[row("a", 11, HeartRate, 80.0)]);
    assert_eq!(log.ends(), [(10, 0)]);
    let features = &windows(&log.out)[0].4;
    assert_eq!(features, &[Some(90f64.to_bits()), Some(1f64.to_bits())]);
    assert_eq!(alerts(&log.out, "a"), [], "70 % by a wearable is a trend");
}

#[test]
fn a_source_holds_the_others_up_until_it_is_silent() {
    let mut log = Log::of(false, "rows");
    // Grace would close the panes too: they are looked at before it is over.
    log.rows(&[wearable(1, HeartRate, 80.0), row("a", 1, HeartRate, 80.0)]);
    let bedside: Vec<Row> = (2..=70).map(|second| row("a", second, HeartRate, 80.0)).collect();
    log.rows(&bedside[..10]);
    assert_eq!(
        log.ends(),
        [],
        "the wearable's clock stands at 1 s, and grace ends at 12 s"
    );
    log.rows(&bedside[10..]);
    assert!(alerts(&log.out, "a").contains(&("silent:wearable".to_owned(), "start", 61)));
    // Silent since 61 s: from now on a pane closes as soon as the bedside's clock has passed it.
    let closed_at_70 = log.out.features.iter().any(|rows| {
        let ends = rows.window_end.iter().zip(&rows.at);
        ends.into_iter()
            .any(|(end, at)| (*end, *at) == ((BASE + 70) * 1_000_000, (BASE + 70) * 1_000_000))
    });
    assert!(closed_at_70, "{:?}", log.ends());
}

#[test]
fn every_pane_is_evaluated_when_that_is_asked_for() {
    let mut log = Log::of(true, "every_pane");
    log.rows(&[row("a", 1, HeartRate, 80.0)]);
    (2..=45).for_each(|second| log.tick(second));
    assert_eq!(log.ends(), [(10, 0), (20, 0), (30, 0), (40, 0)]);
    let mut on_data = Log::of(true, "rows");
    on_data.rows(&[row("a", 1, HeartRate, 80.0)]);
    (2..=45).for_each(|second| on_data.tick(second));
    assert_eq!(on_data.ends(), [(10, 0)]);
}

#[test]
fn monitoring_lasts_from_admission_to_discharge() {
    let mut log = Log::of(true, "rows");
    log.context(0, "admit", r#","ward":"W3","bed":"7""#);
    assert_eq!(log.shard.patients(), 1);
    log.rows(&[row("a", 5, Spo2, 75.0)]);
    let start = &log.out.alerts[0];
    assert_eq!(
        (start.phase, start.ward.as_deref(), start.bed.as_deref()),
        (Phase::Start, Some("W3"), Some("7"))
    );
    log.context(9, "discharge", "");
    let end = log.out.alerts.last().unwrap();
    assert_eq!((end.phase, end.reason), (Phase::End, Some(EndReason::Discharged)));
    assert_eq!(end.condition_start, log.out.alerts[0].condition_start);
    assert_eq!(
        (log.shard.patients(), &log.out.ended[..]),
        (0, &["a".to_owned()][..])
    );
    // Who comes back begins anew: no ward, no bed, and no memory of the alarm.
    log.rows(&[row("a", 20, Spo2, 75.0)]);
    let again = log.out.alerts.last().unwrap();
    assert_eq!(
        (again.phase, again.bed.as_deref(), log.shard.patients()),
        (Phase::Start, None, 1)
    );
    // Nothing of the first stay fires in the second.
    let before = log.out.alerts.len();
    log.tick(50);
    assert_eq!(log.out.alerts.len(), before);
}

/// Regression (ALARM-2): a row of before the discharge that comes after it began the same condition under the same name.
#[test]
fn who_comes_back_has_alerts_with_names_of_their_own() {
    let mut log = Log::of(true, "rows");
    log.rows(&[row("a", 5, Spo2, 75.0)]);
    log.context(6, "discharge", "");
    let late = Row {
        append: 8,
        device: Some("another"),
        ..row("a", 5, Spo2, 75.0)
    };
    log.rows(&[late]);
    log.context(9, "discharge", "");
    let told: Vec<_> = log
        .out
        .alerts
        .iter()
        .map(|alert| (alert.phase, alert.ordinal))
        .collect();
    use Phase::{End, Start};
    assert_eq!(told, [(Start, 0), (End, 1), (Start, 2), (End, 3)]);
    let ids: BTreeSet<_> = log.out.alerts.iter().map(|alert| alert.id).collect();
    assert_eq!(ids.len(), 4);
}

/// Regression (SHARD-3): a condition whose `for` ends between a window's decision and the discharge was told only when the
/// window happened to be evaluated before, such as when many others closed with it.
#[test]
fn what_is_due_before_a_discharge_is_told() {
    let told = |others: usize| {
        let text = PIPELINE
            .replace("TREND", "true")
            .replace("EMIT", "rows")
            .replace("count(spo2) AS spo2_count", "min(spo2) AS spo2_min")
            + "  - { name: low, when: spo2_min < 88, for: 100ms, priority: medium }\n";
        let mut log = Log::new(Pipeline::parse(&text, Path::new("models")).unwrap());
        let mut rows = Vec::new();
        for second in [5, 10] {
            rows.push(row("a", second, Spo2, 85.0));
            rows.extend((0..others).map(|other| row(&format!("q{other}"), second, Spo2, 97.0)));
        }
        log.batch(
            &rows,
            vec![context(at(10) + Span::from_millis(300), "discharge", "")],
        );
        alerts(&log.out, "a")
            .into_iter()
            .filter(|(alarm, ..)| alarm == "low")
            .map(|(_, phase, _)| phase)
            .collect::<Vec<_>>()
    };
    assert_eq!(told(0), ["start", "end"]);
    assert_eq!(told(300), ["start", "end"]);
}

#[test]
fn a_patient_whose_data_never_come_is_silent() {
    let mut log = Log::of(false, "rows");
    log.context(0, "admit", "");
    log.tick(59);
    assert_eq!(alerts(&log.out, "a"), []);
    log.tick(61);
    assert_eq!(
        alerts(&log.out, "a"),
        [("silent:bedside".to_owned(), "start", 60)]
    );
    log.rows(&[row("a", 70, HeartRate, 80.0)]);
    assert_eq!(alerts(&log.out, "a")[1], ("silent:bedside".to_owned(), "end", 70));
}

#[test]
fn of_two_devices_at_one_instant_the_one_that_violates_is_told_of() {
    let mut log = Log::of(true, "rows");
    let device = |device, value| Row {
        device: Some(device),
        ..row("a", 1, Spo2, value)
    };
    log.rows(&[device("x", 96.0), device("y", 75.0)]);
    let alert = &log.out.alerts[0];
    assert_eq!(
        (alert.value, alert.text.as_str()),
        (Some(75.0), "SpO2 75 %, limit spo2 < 80")
    );
}

#[test]
fn a_step_over_hours_dates_its_alerts_to_their_time() {
    let text = PIPELINE.replace("TREND", "true").replace("EMIT", "rows").replace(
        "alarms:",
        "alarms:\n  - { name: fast, when: heart_rate_mean > 130, priority: medium }",
    );
    let mut log = Log::new(Pipeline::parse(&text, Path::new("models")).unwrap());
    // One step: fast at first, then three hours of good health, the last window closed by its grace alone.
    let mut rows: Vec<Row> = (0..3 * 360)
        .map(|at| row("a", at * 10, HeartRate, 80.0))
        .collect();
    rows[0].value = 150.0;
    rows.last_mut().unwrap().value = 800.0 - 450.0;
    let batch = Batch {
        observations: observations(&rows),
        ..Batch::default()
    };
    log.shard
        .step(&batch, Some(at(4 * 3_600)), &mut log.models, &mut log.out)
        .unwrap();
    assert!(log.out.alerts.len() >= 3, "{:?}", alerts(&log.out, "a"));
    for alert in &log.out.alerts {
        let waited = alert.stages.decided_at - alert.stages.due_at;
        assert!(
            waited <= Span::from_millis(500) && !alert.deadline.missed,
            "{}: {waited}",
            alert.alarm
        );
    }
}

#[test]
fn scores_of_two_sets_are_told_once_an_instant() {
    let text = PIPELINE.replace("TREND", "true").replace("EMIT", "rows").replace(
        "alarms:",
        "  - name: long
    window: 2m
    every: 30s
    sql: SELECT patient_id, max(heart_rate) AS heart_rate_max FROM vitals GROUP BY patient_id
scores: [{ name: mean, sql: heart_rate_mean }, { name: max, sql: heart_rate_max }]
alarms:",
    );
    let rows: Vec<Row> = (0..200)
        .map(|second| row("a", second, HeartRate, second as f64 / 2.0 + 40.0))
        .collect();
    let told = |cut: usize, per_step: usize| {
        let pipeline = Arc::new(Pipeline::parse(&text, Path::new("models")).unwrap());
        let out = support::run(&pipeline, &rows, &[cut], per_step);
        let of = |record: &ScoreRecord| {
            let values = record.scores.iter().map(|score| score.value.map(f64::to_bits));
            (
                record.window_end.micros(),
                record.revision,
                values.collect::<Vec<_>>(),
            )
        };
        out.scores.iter().map(of).collect::<Vec<_>>()
    };
    let whole = told(200, usize::MAX);
    let instants: BTreeSet<_> = whole.iter().map(|(end, revision, _)| (end, revision)).collect();
    assert_eq!((whole.len(), instants.len()), (21, 21));
    for (cut, per_step) in [(1, 1), (7, 1), (50, 3)] {
        assert_eq!(told(cut, per_step), whole);
    }
}

#[test]
fn hours_without_a_record_are_many_steps_of_a_bounded_size() {
    let patients: Vec<Row> = (0..300)
        .map(|patient| row(&format!("p{patient}"), 1, HeartRate, 80.0))
        .collect();
    let [mut whole, mut cut] = [(); 2].map(|()| {
        let mut log = Log::of(true, "every_pane");
        log.rows(&patients);
        log
    });
    // Each patient's window closes every 10 s, until an hour without data forgets them.
    whole.tick(50 * 60);
    let mut steps = 0;
    loop {
        let reach = cut.shard.reach_of_step().min(at(50 * 60));
        let before = cut.out.counts.windows;
        let tick = Some(reach);
        cut.shard
            .step(&Batch::default(), tick, &mut cut.models, &mut cut.out)
            .unwrap();
        assert!(cut.out.counts.windows - before <= 5_000 + 300);
        steps += 1;
        if reach == at(50 * 60) {
            break;
        }
    }
    assert!(steps > 10, "{steps}");
    assert!(whole.out.counts.windows > 60_000, "{}", whole.out.counts.windows);
    assert_eq!(windows(&cut.out), windows(&whole.out));
    assert_eq!(alerts(&cut.out, "p7"), alerts(&whole.out, "p7"));
    assert_eq!(cut.shard.digest(), whole.shard.digest());
}

#[test]
fn sql_that_fails_over_one_patient_spares_the_others() {
    let text = PIPELINE.replace("TREND", "true").replace("EMIT", "rows").replace(
        "avg(heart_rate) AS heart_rate_mean",
        "100 / (CAST(min(heart_rate) AS BIGINT) - 75) AS heart_rate_mean",
    );
    let mut log = Log::new(Pipeline::parse(&text, Path::new("models")).unwrap());
    let patients = |second, value: f64| {
        [
            row("a", second, HeartRate, 75.0),
            row("b", second, HeartRate, value),
        ]
    };
    log.rows(&[patients(1, 80.0), patients(11, 80.0)].concat());
    let features: Vec<_> = windows(&log.out)
        .into_iter()
        .map(|window| (window.0, window.4[0]))
        .collect();
    assert_eq!(
        features,
        [("a".to_owned(), None), ("b".to_owned(), Some(20f64.to_bits()))]
    );
    let failure = log.out.failures["feature set short"];
    assert_eq!((failure.windows, log.out.counts.failed), (1, 1));
    assert!(failure.reason.contains("division by zero"));
}

#[test]
fn a_model_says_what_moved_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join("pipelines/icu-deterioration.yaml")).unwrap();
    let mut log = Log::new(Pipeline::parse(&text, &root.join("models")).unwrap());
    log.context(0, "admit", r#","age":88,"sex":"male""#);
    // A day of intensive care that goes from bad to worse.
    let vital_signs = [
        (HeartRate, 95.0, 1.5),
        (VitalSign::ArterialSystolic, 110.0, -1.5),
        (VitalSign::ArterialDiastolic, 60.0, -1.0),
        (VitalSign::ArterialMean, 75.0, -1.2),
        (VitalSign::RespRate, 22.0, 0.5),
        (Spo2, 95.0, -0.5),
        (VitalSign::Temperature, 36.0, -0.1),
        (VitalSign::GcsTotal, 8.0, -0.3),
    ];
    for hour in 0..24 {
        let rows: Vec<Row> = vital_signs
            .iter()
            .map(|(vital, begins, moves)| {
                let value = begins + moves * hour as f64;
                let value = if *vital == VitalSign::GcsTotal {
                    value.max(3.0).round()
                } else {
                    value
                };
                row("a", 60 + hour * 3_600, *vital, value)
            })
            .collect();
        log.rows(&rows);
    }
    let alert = log
        .out
        .alerts
        .iter()
        .find(|alert| alert.alarm == "high_risk_of_death")
        .expect("he is dying");
    assert_eq!(alert.kind, AlarmKind::Advisory);
    assert_eq!(
        alert.model.as_ref().map(|model| model.name.as_str()),
        Some("mortality")
    );
    assert!(alert.value.unwrap() >= 0.4);
    let moved: Vec<f64> = alert
        .contributors
        .iter()
        .filter_map(|one| one.attribution)
        .collect();
    assert_eq!(moved.len(), 5);
    assert!(
        moved.windows(2).all(|pair| pair[0].abs() >= pair[1].abs()),
        "the most telling first: {moved:?}"
    );
    assert!(moved[0] > 0.0, "what moved it most moved it up");
    assert!(alert.contributors.iter().all(|one| one.baseline.is_some()));
}
