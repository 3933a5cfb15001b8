//! What comes of one patient, through a shard that runs live, one that is restored after each step, and one whose pipeline is
//! upgraded again and again. All three must decide the same (SNAPSHOT-1, SUCCEED-1), and count each reading once (READINGS-1).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use wardwatch_alarms::{Alert, ScoreRecord};
use wardwatch_event_time::Timestamp;
use wardwatch_inference::Models;
use wardwatch_ingest::{
    MessageHead, Observations, ObservationsBuilder, Placed, Reading, Record, decode_context,
};
use wardwatch_pipeline::Pipeline;
use wardwatch_shard::{Batch, ContextInput, Digest, Outputs, Shard, Wants};

use super::{BASE, Row, at};

const WANTS: Wants = Wants {
    features: true,
    scores: true,
    per_step: 500,
};

/// Steps between two upgrades.
const UPGRADED: usize = 7;

/// What comes, and until when the log goes on.
#[derive(Clone, Debug)]
pub struct Course {
    pipeline: String,
    rows: Vec<Row>,
    context: Vec<(i64, String)>,
    until: i64,
    is_grouped: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// All that comes in a second is a step.
    Live,
    /// A message is a step, and the shard is thrown away and restored after each.
    Restored,
    Upgraded,
}

struct Run<'c> {
    course: &'c Course,
    pipeline: Arc<Pipeline>,
    shard: Shard,
    models: Models,
    out: Outputs,
    steps: usize,
}

impl Course {
    /// `rows` come in the order of their append times, those of one time as they stand.
    pub fn new(pipeline: &str, mut rows: Vec<Row>, until: i64) -> Self {
        rows.sort_by_key(|row| row.append);
        Self {
            pipeline: pipeline.to_owned(),
            rows,
            context: Vec::new(),
            until,
            is_grouped: false,
        }
    }

    /// Rows beside each other that differ in vital sign, value and kind alone are one message.
    pub fn grouped(self) -> Self {
        Self {
            is_grouped: true,
            ..self
        }
    }

    /// A context record about patient `a`.
    pub fn context(mut self, second: i64, event: &str, more: &str) -> Self {
        let payload = format!(
            r#"{{"patient_id":"a","ts":"{}","event":"{event}"{more}}}"#,
            at(second)
        );
        self.context.push((second, payload));
        self
    }

    pub fn run(&self) -> Outputs {
        let (live, digest) = self.once(How::Live);
        let (restored, restored_digest) = self.once(How::Restored);
        assert_eq!(lines(&live), lines(&restored), "restored");
        assert_eq!(super::windows(&live), super::windows(&restored), "restored");
        assert_eq!(digest, restored_digest, "restored");
        let (upgraded, _) = self.once(How::Upgraded);
        assert_eq!(lines(&live), lines(&upgraded), "upgraded");
        for out in [&live, &restored, &upgraded] {
            assert!(out.counts.balance(), "READINGS-1: {:?}", out.counts);
            assert_eq!(out.counts.readings, self.rows.len() as u64);
        }
        live
    }

    fn once(&self, how: How) -> (Outputs, Digest) {
        let pipeline = parse(&self.pipeline);
        let mut run = Run {
            course: self,
            shard: Shard::new(Arc::clone(&pipeline), WANTS),
            models: Models::new(pipeline.models.clone()),
            pipeline,
            out: Outputs::default(),
            steps: 0,
        };
        let of_rows = self.rows.iter().map(|row| row.append);
        let of_context = self.context.iter().map(|(second, _)| *second);
        let mut seconds: Vec<i64> = of_rows.chain(of_context).collect();
        seconds.sort_unstable();
        seconds.dedup();
        for second in seconds {
            run.second(second, how);
        }
        run.step(Batch::default(), Some(at(self.until)), how);
        (run.out, run.shard.digest())
    }

    /// Rows as messages.
    fn messages<'r>(&self, rows: &'r [Row]) -> Vec<&'r [Row]> {
        let is_one = |row: &Row, next: &Row| {
            self.is_grouped
                && (&row.patient, row.ts, row.append, row.topic, row.device)
                    == (&next.patient, next.ts, next.append, next.topic, next.device)
        };
        rows.chunk_by(is_one).collect()
    }
}

impl Run<'_> {
    fn second(&mut self, second: i64, how: How) {
        let course = self.course;
        for (_, payload) in course.context.iter().filter(|(at, _)| *at == second) {
            self.step(context(payload, at(second)), None, how);
        }
        let from = course.rows.partition_point(|row| row.append < second);
        let until = course.rows.partition_point(|row| row.append <= second);
        let messages = course.messages(&course.rows[from..until]);
        let per_step = if how == How::Restored { 1 } else { usize::MAX };
        for messages in messages.chunks(per_step.min(messages.len().max(1))) {
            let batch = Batch {
                observations: observations(messages),
                ..Batch::default()
            };
            self.step(batch, None, how);
        }
        self.step(Batch::default(), Some(at(second)), how);
    }

    fn step(&mut self, batch: Batch, tick: Option<Timestamp>, how: How) {
        let step = self.shard.step(&batch, tick, &mut self.models, &mut self.out);
        step.expect("a step");
        self.steps += 1;
        match how {
            How::Live => {}
            How::Restored => {
                let snapshot = self.shard.capture().expect("a snapshot");
                let pipeline = Arc::clone(&self.pipeline);
                self.shard = Shard::restore(pipeline, WANTS, &snapshot).expect("what was captured");
            }
            How::Upgraded if self.steps.is_multiple_of(UPGRADED) => self.upgrade(),
            How::Upgraded => {}
        }
    }

    fn upgrade(&mut self) {
        while self.shard.has_more() {
            let step = self
                .shard
                .step(&Batch::default(), None, &mut self.models, &mut self.out);
            step.expect("a step");
        }
        let version = format!("version: {}", self.pipeline.version + 1);
        let next = parse(&self.course.pipeline.replacen("version: 1", &version, 1));
        let succession = next.succession(&self.pipeline).expect("the same parts");
        let mut shard = std::mem::replace(&mut self.shard, Shard::new(Arc::clone(&next), WANTS));
        shard.end_removed(&next, &succession, &mut self.models, &mut self.out);
        self.shard = shard.succeed(Arc::clone(&next), &succession, None);
        self.pipeline = next;
    }
}

fn parse(text: &str) -> Arc<Pipeline> {
    Arc::new(Pipeline::parse(text, Path::new("../../models")).expect("the test's pipeline is right"))
}

fn context(payload: &str, append_time: Timestamp) -> Batch {
    let record = Record {
        payload: payload.as_bytes(),
        key: Some(b"a"),
        append_time,
        topic: 2,
        partition: 0,
        offset: 0,
    };
    let input = ContextInput {
        append_time,
        writer: 0,
        record: decode_context(&record).expect("the test's context is right"),
    };
    Batch {
        context: vec![input],
        ..Batch::default()
    }
}

fn observations(messages: &[&[Row]]) -> Observations {
    let mut builder = ObservationsBuilder::with_capacity(messages.len(), messages.len());
    for message in messages {
        for row in *message {
            let reading = Reading {
                vital: row.vital,
                value: row.value,
            };
            assert_eq!(builder.special(row.kind, reading), Placed::Taken);
        }
        let head = &message[0];
        builder.close(&MessageHead {
            patient_id: &head.patient,
            ts: at(head.ts),
            device_id: head.device,
            source: None,
            append_time: at(head.append),
            topic: head.topic,
            offset: 0,
            kind: head.kind,
        });
    }
    builder.finish()
}

/// Alerts by name and text; what an upgrade may change is left out.
fn lines(out: &Outputs) -> Vec<String> {
    let line = |alert: &Alert| {
        let Alert {
            id,
            text,
            value,
            replaced,
            ..
        } = alert;
        let contributors: Vec<_> = alert.contributors.iter().map(|one| &one.input).collect();
        format!(
            "{id} {} {text} {value:?} {replaced:?} {contributors:?}",
            told_of(alert)
        )
    };
    out.alerts.iter().map(line).collect()
}

fn told_of(alert: &Alert) -> String {
    let second = alert.stages.due_at.millis() / 1_000 - BASE;
    let reason = alert.reason.map(|reason| format!(" {reason:?}").to_lowercase());
    let (alarm, phase) = (&alert.alarm, alert.phase.name());
    format!("{second} {alarm} {phase}{}", reason.unwrap_or_default())
}

/// Every alert: when, of which alarm, what, and why it ended.
pub fn told(out: &Outputs) -> Vec<String> {
    out.alerts.iter().map(told_of).collect()
}

/// As [`told`], of one alarm.
pub fn told_by(out: &Outputs, alarm: &str) -> Vec<String> {
    let of_alarm = |alert: &&Alert| alert.alarm == alarm;
    let alerts = out.alerts.iter().filter(of_alarm).map(told_of);
    alerts
        .map(|line| line.replace(&format!("{alarm} "), ""))
        .collect()
}

/// The alerts of one alarm.
pub fn alerts_of<'o>(out: &'o Outputs, alarm: &str) -> Vec<&'o Alert> {
    out.alerts.iter().filter(|alert| alert.alarm == alarm).collect()
}

/// Readings that were not taken, by reason.
pub fn quarantined(out: &Outputs) -> BTreeMap<&'static str, u64> {
    let counts = &out.counts;
    let all = [
        ("late", counts.late),
        ("future", counts.future),
        ("wrong_clock", counts.wrong_clock),
    ];
    all.into_iter().filter(|(_, count)| *count > 0).collect()
}

/// The newest scores of patient `a` at a second.
pub fn scores_at(out: &Outputs, second: i64) -> &ScoreRecord {
    let of_patient = out.scores.iter().filter(|record| &*record.patient_id == "a");
    let mut by_then = of_patient.filter(|record| record.at <= at(second));
    by_then.next_back().expect("a score by then")
}

/// A score by its place, at a second.
pub fn score_at(out: &Outputs, second: i64) -> Option<f64> {
    scores_at(out, second).scores[0].value
}
