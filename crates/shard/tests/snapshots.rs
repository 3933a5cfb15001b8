//! SNAPSHOT-1: captured, restored and going on is the same as never stopped. SUCCEED-1: so is going on under another pipeline,
//! as far as that says the same.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use support::{Row, at, observations, row, windows};
use wardwatch_alarms::{Alarm, Alert, EndReason};
use wardwatch_clinical::VitalSign::{self, HeartRate, RespRate, Spo2};
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_inference::Models;
use wardwatch_ingest::{CommandAction, CommandRecord, ContextRecord, Observations, Record, decode_context};
use wardwatch_pipeline::Pipeline;
use wardwatch_shard::{
    Batch, CommandInput, ContextInput, Digest, Outputs, Shard, Snapshot, TableError, Wants,
};

const PIPELINE: &str = "pipeline: test
version: 1
sources:
  - { name: bedside, topic: vitals.bedside, format: observation-json }
  - { name: wearable, topic: vitals.wearable, format: observation-json, lateness: 5m }
context:
  - { name: adt, topic: context.adt }
  - { name: charting, topic: context.charting }
time: { lateness: 1m, hold: 5s, grace: 2s, future_skew: 10s, silent_after: 40s, forget_after: 3m }
max_age: { heart_rate: 4m, spo2: 4m, resp_rate: 4m }
features:
  - name: short
    window: 1m
    every: 10s
    emit: every_pane
    sql: |
      SELECT patient_id, avg(heart_rate) AS heart_rate_mean, stddev(heart_rate) AS heart_rate_sd, median(spo2) AS spo2_median,
             slope(spo2) AS spo2_slope, count(resp_rate) AS resp_rate_count, array_length(array_agg(spo2 ORDER BY ts DESC)) AS spo2_rows
      FROM vitals GROUP BY patient_id
  - name: long
    window: 2m
    every: 30s
    sql: SELECT patient_id, max(heart_rate) AS heart_rate_max FROM vitals WHERE source = 'bedside' GROUP BY patient_id
scores:
  - { name: news2, sql: \"news2(resp_rate, spo2, spo2_scale, on_oxygen, systolic_bp, heart_rate, consciousness, temperature)\" }
  - { name: shock, sql: \"shock_index(heart_rate_mean, spo2_median)\" }
alarms:
  - { name: desaturation, limit: spo2 < 88, for: 15s, at_once: spo2 < 80, repeat_after: 30s, priority: high }
  - { name: fast, when: heart_rate_mean > 130, clear_when: heart_rate_mean < 110, for: 20s, repeat_after: 1m, priority: medium }
  - { name: urgent, when: news2_lowest >= 3, for: 10s, priority: medium }
";

/// What happens at an append time.
#[derive(Clone, Debug)]
enum Event {
    Row(Row),
    /// Dated so many seconds earlier.
    Context {
        patient: usize,
        event: &'static str,
        visit: &'static str,
        bed: u8,
        writer: u16,
        age: i64,
    },
    /// One of the conditions that were told of last is accepted, over or not.
    Accept(usize),
    Tick,
}

const PATIENTS: [&str; 4] = ["a", "b", "c", "d"];

fn event() -> impl Strategy<Value = Event> {
    let vital = prop_oneof![
        (60u32..160).prop_map(|value| (HeartRate, f64::from(value))),
        (76u32..100).prop_map(|value| (Spo2, f64::from(value))),
        (8u32..30).prop_map(|value| (RespRate, f64::from(value))),
    ];
    let reading = (
        0usize..4,
        vital,
        0u16..2,
        prop_oneof![Just(None), Just(Some("monitor-1")), Just(Some("watch"))],
    );
    // Mostly in time, some late, some far ahead of the broker.
    let delay = prop_oneof![6 => 0i64..5, 2 => 5i64..90, 1 => -90i64..-5];
    prop_oneof![
        16 => (reading, delay).prop_map(|((patient, (vital, value), topic, device), delay)| {
            Event::Row(Row { topic, device, ..row(PATIENTS[patient], -delay, vital, value) })
        }),
        2 => context_event(),
        2 => (0usize..8).prop_map(Event::Accept),
        2 => Just(Event::Tick),
    ]
}

fn context_event() -> impl Strategy<Value = Event> {
    let event = prop_oneof![
        3 => Just("admit"), 1 => Just("transfer"), 2 => Just("update"), 3 => Just("discharge"), 1 => Just("withdraw"),
    ];
    let visit = prop_oneof![Just(""), Just("V1"), Just("V2")];
    let age = prop_oneof![2 => Just(0i64), 1 => 0i64..60];
    (0usize..4, event, visit, 0u8..9, 0u16..2, age).prop_map(|(patient, event, visit, bed, writer, age)| {
        Event::Context {
            patient,
            event,
            visit,
            bed,
            writer,
            age,
        }
    })
}

/// Events with their append times; now and then the ward falls silent.
fn events() -> impl Strategy<Value = Vec<(i64, Event)>> {
    let pause = prop_oneof![12 => 0i64..4, 2 => 5i64..40, 1 => 60i64..240];
    proptest::collection::vec((pause, event()), 1..120).prop_map(|events| {
        let mut now = 0;
        let place = |(pause, event)| {
            now += pause;
            (now, event)
        };
        events.into_iter().map(place).collect()
    })
}

fn context(patient: &str, event: &str, visit: &str, bed: u8, ts: i64, now: i64) -> ContextRecord {
    let payload = format!(
        r#"{{"patient_id":"{patient}","event":"{event}","visit":"{visit}","ts":"{}","bed":"{bed}","age":7{bed},"sex":"female","on_oxygen":true}}"#,
        at(ts)
    );
    let record = Record {
        topic: 2,
        partition: 0,
        offset: 0,
        key: Some(patient.as_bytes()),
        payload: payload.as_bytes(),
        append_time: at(now),
    };
    decode_context(&record).unwrap()
}

/// A shard that is thrown away and restored after some of its steps.
struct Log {
    pipeline: Arc<Pipeline>,
    shard: Shard,
    models: Models,
    out: Outputs,
    wants: Wants,
    /// The newest state of every alarm.
    told: BTreeMap<(String, String), Alarm>,
}

impl Log {
    fn new(pipeline: &Arc<Pipeline>, per_step: usize) -> Self {
        let wants = Wants {
            features: true,
            scores: true,
            per_step,
        };
        Self {
            pipeline: Arc::clone(pipeline),
            shard: Shard::new(Arc::clone(pipeline), wants),
            models: Models::new(pipeline.models.clone()),
            out: Outputs::default(),
            wants,
            told: BTreeMap::new(),
        }
    }

    fn step(&mut self, observations: Observations, context: Vec<ContextInput>, tick: Option<Timestamp>) {
        let batch = Batch {
            observations,
            context,
            ..Batch::default()
        };
        self.step_batch(&batch, tick);
    }

    fn step_batch(&mut self, batch: &Batch, tick: Option<Timestamp>) {
        let before = self.out.alarms.len();
        self.shard
            .step(batch, tick, &mut self.models, &mut self.out)
            .unwrap();
        for alarm in &self.out.alarms[before..] {
            let key = (alarm.patient_id.to_string(), alarm.alarm.clone());
            self.told.insert(key, alarm.clone());
        }
    }

    fn accept(&mut self, pick: usize, now: i64) {
        let Some(alarm) = self.told.values().cycle().nth(pick) else {
            return;
        };
        let record = CommandRecord {
            patient_id: alarm.patient_id.to_string(),
            alarm: alarm.alarm.clone(),
            condition_start: alarm.condition_start,
            action: CommandAction::Accept,
            by: "nurse".to_owned(),
            ts: at(now),
        };
        let input = CommandInput {
            append_time: at(now),
            record,
        };
        let batch = Batch {
            commands: vec![input],
            ..Batch::default()
        };
        self.step_batch(&batch, None);
    }

    fn restart(&mut self) {
        let snapshot = self.shard.capture().unwrap();
        self.shard = Shard::restore(Arc::clone(&self.pipeline), self.wants, &snapshot).unwrap();
        assert_eq!(
            self.shard.capture().unwrap(),
            snapshot,
            "what is restored is what was captured"
        );
    }

    fn run(mut self, events: &[(i64, Event)], restarts: &[bool]) -> (Outputs, Digest) {
        self.go(events, restarts);
        self.shard
            .finish(Timestamp::MAX, &mut self.models, &mut self.out)
            .unwrap();
        (self.out, self.shard.digest())
    }

    fn go(&mut self, events: &[(i64, Event)], restarts: &[bool]) {
        for ((now, event), restart) in events.iter().zip(restarts.iter().cycle()) {
            match event {
                Event::Row(row) => {
                    let row = Row {
                        append: *now,
                        ts: now + row.ts,
                        ..row.clone()
                    };
                    self.step(observations(&[row]), Vec::new(), None);
                }
                Event::Context {
                    patient,
                    event,
                    visit,
                    bed,
                    writer,
                    age,
                } => {
                    let record = context(PATIENTS[*patient], event, visit, *bed, now - age, *now);
                    let input = ContextInput {
                        append_time: at(*now),
                        writer: *writer,
                        record,
                    };
                    self.step(Observations::empty(), vec![input], None);
                }
                Event::Accept(pick) => self.accept(*pick, *now),
                Event::Tick => self.step(Observations::empty(), Vec::new(), Some(at(*now))),
            }
            if *restart {
                self.restart();
            }
        }
    }

    /// A shard that has lost its state after these events: rebuilt from as much of the log as windows reach.
    fn rebuilt(&self, events: &[(i64, Event)]) -> Self {
        let mut rebuilt = Self::new(&self.pipeline, self.wants.per_step);
        rebuilt.fill(events, self.shard.log_time());
        rebuilt.shard.adopt_alarms(self.told.values());
        rebuilt.told = self.told.clone();
        rebuilt
    }
}

/// The same pipeline, written in another order.
const REORDERED: &str = "pipeline: test
version: 2
sources:
  - { name: bedside, topic: vitals.bedside, format: observation-json }
  - { name: wearable, topic: vitals.wearable, format: observation-json, lateness: 5m }
context:
  - { name: adt, topic: context.adt }
  - { name: charting, topic: context.charting }
time: { lateness: 1m, hold: 5s, grace: 2s, future_skew: 10s, silent_after: 40s, forget_after: 3m }
max_age: { heart_rate: 4m, spo2: 4m, resp_rate: 4m }
features:
  - name: long
    window: 2m
    every: 30s
    sql: select patient_id, max(heart_rate) as heart_rate_max from vitals where source = 'bedside' group by patient_id
  - name: short
    window: 1m
    every: 10s
    emit: every_pane
    sql: |
      SELECT patient_id, avg(heart_rate) AS heart_rate_mean, stddev(heart_rate) AS heart_rate_sd, median(spo2) AS spo2_median,
             slope(spo2) AS spo2_slope, count(resp_rate) AS resp_rate_count, array_length(array_agg(spo2 ORDER BY ts DESC)) AS spo2_rows
      FROM vitals GROUP BY patient_id
scores:
  - { name: shock, sql: \"shock_index(heart_rate_mean, spo2_median)\" }
  - { name: news2, sql: \"news2(resp_rate, spo2, spo2_scale, on_oxygen, systolic_bp, heart_rate, consciousness, temperature)\" }
alarms:
  - { name: urgent, when: news2_lowest >= 3, for: 10s, priority: medium }
  - { name: fast, when: heart_rate_mean > 130, clear_when: heart_rate_mean < 110, for: 20s, repeat_after: 1m, priority: medium }
  - { name: desaturation, limit: spo2 < 88, for: 15s, at_once: spo2 < 80, repeat_after: 30s, priority: high }
";

impl Log {
    /// Evaluates what waits; the next pipeline cannot.
    fn drain(&mut self) {
        while self.shard.has_more() {
            self.step(Observations::empty(), Vec::new(), None);
        }
    }

    /// Goes on under another pipeline after these events.
    fn succeed(mut self, pipeline: &Arc<Pipeline>, events: &[(i64, Event)]) -> Self {
        self.drain();
        let succession = pipeline.succession(&self.pipeline).unwrap();
        let fresh = succession.fresh_sets();
        let filled = (!fresh.is_empty()).then(|| {
            let mut filler = Self::new(&self.pipeline, self.wants.per_step);
            filler.pipeline = Arc::new(pipeline.only_sets(&fresh));
            filler.fill(events, self.shard.log_time());
            filler.shard
        });
        let mut shard = std::mem::replace(&mut self.shard, Shard::new(Arc::clone(pipeline), self.wants));
        shard.end_removed(pipeline, &succession, &mut self.models, &mut self.out);
        self.shard = shard.succeed(Arc::clone(pipeline), &succession, filled);
        self.pipeline = Arc::clone(pipeline);
        self.models = Models::new(pipeline.models.clone());
        self
    }

    /// A shard of this log's pipeline that has seen nothing steps as much of the log as windows reach.
    fn fill(&mut self, events: &[(i64, Event)], log_time: Timestamp) {
        const REACH: i64 = 2 * 120 + 30 + 300 + 5 + 2;
        self.shard = Shard::new(Arc::clone(&self.pipeline), self.wants);
        let recent: Vec<(i64, Event)> = events
            .iter()
            .filter(|(now, event)| match event {
                Event::Row(_) => at(*now) >= log_time - Span::from_secs(REACH),
                // Compacted, and read from its start.
                Event::Context { .. } => true,
                Event::Accept(_) | Event::Tick => false,
            })
            .cloned()
            .collect();
        self.go(&recent, &[false]);
        while self.shard.has_more() || self.shard.log_time() < log_time {
            self.step(Observations::empty(), Vec::new(), Some(log_time));
        }
        self.out = Outputs::default();
    }
}

fn json(alerts: &[Alert]) -> Vec<String> {
    alerts
        .iter()
        .map(|alert| serde_json::to_string(alert).unwrap())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// SNAPSHOT-1, with late rows, fast clocks, silence, discharges, returns, and windows that wait.
    #[test]
    fn a_restored_shard_goes_on_as_if_never_stopped(
        events in events(),
        restarts in proptest::collection::vec(any::<bool>(), 1..9),
        per_step in 1usize..4,
    ) {
        let pipeline = Arc::new(Pipeline::parse(PIPELINE, Path::new("models")).unwrap());
        let (whole, digest) = Log::new(&pipeline, per_step).run(&events, &[false]);
        let (stopped, stopped_digest) = Log::new(&pipeline, per_step).run(&events, &restarts);
        prop_assert_eq!(json(&whole.alerts), json(&stopped.alerts));
        prop_assert_eq!(windows(&whole), windows(&stopped));
        prop_assert_eq!(whole.refused, stopped.refused);
        prop_assert_eq!(whole.scores, stopped.scores);
        prop_assert_eq!(whole.ended, stopped.ended);
        prop_assert_eq!(digest, stopped_digest);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// A shard that lost everything but the log and the alarms topic goes on telling what there is to tell, under the same
    /// names: nothing twice, nothing left out.
    #[test]
    fn a_rebuilt_shard_tells_what_is_left_to_tell(events in events(), lost in 1usize..120) {
        let pipeline = Arc::new(Pipeline::parse(PIPELINE, Path::new("models")).unwrap());
        let (before, after) = events.split_at(lost.min(events.len()));
        let mut whole = Log::new(&pipeline, 500);
        whole.go(before, &[false]);
        while whole.shard.has_more() {
            whole.step(Observations::empty(), Vec::new(), None);
        }
        let rebuilt = whole.rebuilt(before);
        whole.out = Outputs::default();
        let ids = |out: &Outputs| {
            let id = |alert: &Alert| (alert.patient_id.to_string(), alert.alarm.clone(), alert.phase, alert.ordinal, alert.stages.due_at, alert.id);
            let mut ids: Vec<_> = out.alerts.iter().map(id).collect();
            ids.sort();
            ids
        };
        let (whole, rebuilt) = (whole.run(after, &[false]).0, rebuilt.run(after, &[false]).0);
        prop_assert_eq!(ids(&whole), ids(&rebuilt));
    }
}

/// What can be told of alerts whatever the order of the pipeline's parts.
fn alert_ids(out: &Outputs) -> Vec<String> {
    let id = |alert: &Alert| {
        let due_at = alert.stages.due_at;
        format!(
            "{} {} {:?} {} {due_at} {}",
            alert.patient_id, alert.alarm, alert.phase, alert.ordinal, alert.id
        )
    };
    let mut ids: Vec<String> = out.alerts.iter().map(id).collect();
    ids.sort();
    ids
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// SUCCEED-1, wherever the parts stand.
    #[test]
    fn under_a_pipeline_that_says_the_same_nothing_changes(events in events(), swapped in 1usize..120) {
        let [old, new] = [PIPELINE, REORDERED].map(|text| Arc::new(Pipeline::parse(text, Path::new("models")).unwrap()));
        let (before, after) = events.split_at(swapped.min(events.len()));
        let run = |swaps: bool| {
            let mut log = Log::new(&old, 500);
            log.go(before, &[false]);
            log.drain();
            if swaps {
                log = log.succeed(&new, before);
            }
            log.run(after, &[false]).0
        };
        let (whole, swapped) = (run(false), run(true));
        prop_assert_eq!(alert_ids(&whole), alert_ids(&swapped));
        prop_assert_eq!(whole.refused, swapped.refused);
        prop_assert_eq!(whole.ended, swapped.ended);
        prop_assert_eq!(whole.counts.windows, swapped.counts.windows);
    }

    /// Another window: from the swap on it is as if it had always been so, and no window is told twice or left out.
    #[test]
    fn a_window_that_changes_is_filled_from_the_log(events in events(), swapped in 1usize..120) {
        let text = PIPELINE.replace("window: 1m", "window: 2m").replace("version: 1", "version: 2");
        let [old, new] = [PIPELINE, &text].map(|text| Arc::new(Pipeline::parse(text, Path::new("models")).unwrap()));
        let (before, after) = events.split_at(swapped.min(events.len()));
        let begin = |pipeline| {
            let mut log = Log::new(pipeline, 500);
            log.go(before, &[false]);
            log.drain();
            log
        };
        let mut always = begin(&new);
        always.out = Outputs::default();
        let mut swapped = begin(&old).succeed(&new, before);
        swapped.out = Outputs::default();
        let (always, swapped) = (always.run(after, &[false]).0, swapped.run(after, &[false]).0);
        prop_assert_eq!(windows(&always), windows(&swapped));
    }
}

/// What is active of an alarm that is gone is told its end, once; of one that only waits nobody hears.
#[test]
fn alarms_that_are_gone_end() {
    let alarm = PIPELINE
        .lines()
        .find(|line| line.contains("name: desaturation"))
        .unwrap();
    let [old, new] = [
        PIPELINE,
        &PIPELINE.replace(alarm, "").replace("version: 1", "version: 2"),
    ]
    .map(|text| Arc::new(Pipeline::parse(text, Path::new("models")).unwrap()));
    let mut before: Vec<(i64, Event)> = (0..30)
        .map(|now| (now, Event::Row(row("told", 0, Spo2, 85.0))))
        .chain((20..30).map(|now| (now, Event::Row(row("waits", 0, Spo2, 85.0)))))
        .collect();
    before.sort_by_key(|(now, _)| *now);
    let mut log = Log::new(&old, 500);
    log.go(&before, &[false]);
    log.out = Outputs::default();
    let mut log = log.succeed(&new, &before);
    log.go(&[(200, Event::Tick), (300, Event::Tick)], &[false]);
    let ends: Vec<_> = log
        .out
        .alerts
        .iter()
        .filter(|alert| alert.alarm == "desaturation")
        .collect();
    assert_eq!(ends.len(), 1);
    assert_eq!(
        (&*ends[0].patient_id, ends[0].reason),
        ("told", Some(EndReason::Removed))
    );
    assert!(
        ends[0].text.ends_with("no longer watched for"),
        "{}",
        ends[0].text
    );
    assert!(
        log.out
            .alarms
            .iter()
            .any(|alarm| alarm.alarm == "desaturation" && !alarm.active)
    );
}

/// What was waited for under another rule is not told under this one; what is told goes on, and ends by the new rule.
#[test]
fn alarms_go_on_under_their_new_rules() {
    let text = |limit: &str| {
        PIPELINE
            .replace("limit: spo2 < 88", limit)
            .replace("version: 1", "version: 2")
    };
    let [old, new] = [PIPELINE, &text("limit: spo2 < 86, clear_when: spo2 >= 92")]
        .map(|text| Arc::new(Pipeline::parse(text, Path::new("models")).unwrap()));
    let values = |patient: &'static str, from: i64, until: i64, value: f64| {
        (from..until).map(move |now| (now, Event::Row(row(patient, 0, Spo2, value))))
    };
    let mut log = Log::new(&old, 500);
    // One waits since ten seconds, another is told since half a minute.
    let mut before: Vec<(i64, Event)> = values("waits", 40, 50, 87.0)
        .chain(values("told", 0, 50, 85.0))
        .collect();
    before.sort_by_key(|(now, _)| *now);
    log.go(&before, &[false]);
    let mut log = log.succeed(&new, &before);
    log.out = Outputs::default();
    let mut after: Vec<(i64, Event)> = values("waits", 50, 80, 87.0)
        .chain(values("told", 50, 70, 91.0))
        .chain(values("told", 70, 80, 93.0))
        .collect();
    after.sort_by_key(|(now, _)| *now);
    log.go(&after, &[false]);
    let told: Vec<(String, &str)> = log
        .out
        .alerts
        .iter()
        .filter(|alert| alert.alarm == "desaturation" && alert.phase.name() != "update")
        .map(|alert| (alert.patient_id.to_string(), alert.phase.name()))
        .collect();
    assert_eq!(told, [("told".to_owned(), "end")]);
}

/// A score that reads a feature that changed is computed anew at once: nobody is told of what the old one said.
#[test]
fn alarms_are_judged_by_scores_of_their_own_pipeline() {
    let text = |spo2: &str, alarms: &str| {
        format!(
            "pipeline: test
version: 1
sources: [{{ name: bedside, topic: vitals.bedside, format: observation-json }}]
time: {{ lateness: 2m, hold: 0s, grace: 1s, future_skew: 10s, silent_after: 60s, forget_after: 1h }}
features:
  - {{ name: fine, window: 20s, every: 5s, sql: \"SELECT patient_id, avg(heart_rate) AS hr FROM vitals GROUP BY patient_id\" }}
  - {{ name: coarse, window: 1m, every: 30s, sql: \"SELECT patient_id, {spo2} AS y FROM vitals GROUP BY patient_id\" }}
scores: [{{ name: sc, sql: y }}]
alarms:
{alarms}"
        )
    };
    let old = text(
        "avg(spo2)",
        "  - { name: odd, when: sc < 90 AND hr > 0, priority: high }\n",
    );
    let new = text(
        "100 - avg(spo2)",
        "  - { name: odd, when: sc > 10 AND hr > 0, priority: high }
  - { name: usual, when: sc < 10 AND hr > 0, priority: low }\n",
    );
    let [old, new] = [old, new].map(|text| Arc::new(Pipeline::parse(&text, Path::new("models")).unwrap()));
    let events = |seconds: std::ops::Range<i64>| -> Vec<(i64, Event)> {
        let both = |now| {
            let values = [(HeartRate, 80.0), (Spo2, 96.0)];
            values.map(|(vital, value)| (now, Event::Row(row("a", 0, vital, value))))
        };
        seconds.flat_map(both).collect()
    };
    let mut log = Log::new(&old, 500);
    log.go(&events(0..95), &[false]);
    log.drain();
    let mut log = log.succeed(&new, &events(0..95));
    log.out = Outputs::default();
    // Windows of `fine` close, none of `coarse`.
    log.go(&events(95..110), &[false]);
    let told: Vec<String> = log
        .out
        .alerts
        .iter()
        .map(|alert| format!("{} {}", alert.alarm, alert.phase.name()))
        .collect();
    assert_eq!(told, ["usual start"]);
}

/// A model's baseline is state too: hours of intensive care, stopped after each.
#[test]
fn what_a_model_explains_itself_by_is_restored() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join("pipelines/icu-deterioration.yaml")).unwrap();
    let pipeline = Arc::new(Pipeline::parse(&text, &root.join("models")).unwrap());
    let vital_signs = [
        (HeartRate, 95.0, 1.5),
        (VitalSign::ArterialSystolic, 110.0, -1.5),
        (VitalSign::ArterialMean, 75.0, -1.2),
        (VitalSign::RespRate, 22.0, 0.5),
        (Spo2, 95.0, -0.5),
        (VitalSign::Temperature, 36.0, -0.1),
        (VitalSign::GcsTotal, 12.0, -0.3),
    ];
    let events: Vec<(i64, Event)> = (0..30)
        .flat_map(|hour| {
            vital_signs.map(|(vital, begins, moves)| {
                let value: f64 = begins + moves * hour as f64;
                (hour * 3_600, Event::Row(row("a", 0, vital, value.max(3.0))))
            })
        })
        .collect();
    let (whole, digest) = Log::new(&pipeline, 500).run(&events, &[false]);
    let (stopped, stopped_digest) = Log::new(&pipeline, 500).run(&events, &[true]);
    assert!(
        whole.alerts.iter().any(|alert| alert.model.is_some()),
        "a model alarms"
    );
    assert_eq!(json(&whole.alerts), json(&stopped.alerts));
    assert_eq!(digest, stopped_digest);
}

#[test]
fn tables_of_another_build_are_refused_by_name() {
    let pipeline = Arc::new(Pipeline::parse(PIPELINE, Path::new("models")).unwrap());
    let mut log = Log::new(&pipeline, 500);
    log.step(observations(&[row("a", 0, Spo2, 91.0)]), Vec::new(), None);
    let whole = log.shard.capture().unwrap();
    let refused = |spoil: fn(&mut Snapshot)| {
        let mut spoiled = whole.clone();
        spoil(&mut spoiled);
        Shard::restore(Arc::clone(&pipeline), log.wants, &spoiled).unwrap_err()
    };
    let missing = refused(|snapshot| drop(snapshot.shard.remove("timers")));
    assert!(
        matches!(&missing, TableError::NoTable { table } if table == "timers"),
        "{missing}"
    );
    let column = refused(|snapshot| {
        let panes = snapshot.patients[0].get_mut("set_0.panes").unwrap();
        panes.remove_column(2);
    });
    assert!(
        matches!(&column, TableError::Column { column, .. } if column == "first_at"),
        "{column}"
    );
    let twice = refused(|snapshot| snapshot.patients.push(snapshot.patients[0].clone()));
    assert!(
        matches!(&twice, TableError::Row { table, row: 0, .. } if table == "patients"),
        "{twice}"
    );
}
