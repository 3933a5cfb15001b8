//! A timeline through a shard: every second a tick, as on a live topic that is read to its end.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Float64Type;
use wardwatch_alarms::{Alarm, Alert, Phase, ScoreRecord};
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_inference::Models;
use wardwatch_ingest::{
    Arrival, CommandAction, CommandRecord, Decoded, Observations, Record, decode_observations,
};
use wardwatch_pipeline::Pipeline;
use wardwatch_shard::{Batch, CommandInput, ContextInput, Outputs, Shard, StepError, TableError, Wants};

use super::timeline::{Event, Timeline, What};

/// Between two ticks.
const SECOND: Span = Span::from_secs(1);

/// Why a course ended before its time.
#[derive(Debug, thiserror::Error)]
pub(super) enum CourseError {
    /// The pipeline fails over data.
    #[error(transparent)]
    Step(#[from] StepError),
    /// Us: a state could not be stored and read back.
    #[error("the state could not be stored and read back")]
    State(#[from] TableError),
}

/// What a course gave.
#[derive(Debug, Default)]
pub(super) struct Course {
    pub start: Timestamp,
    pub alerts: Vec<Alert>,
    pub scores: Vec<ScoreRecord>,
    pub windows: Vec<Window>,
    /// Readings that were not taken, by reason.
    pub quarantined: BTreeMap<&'static str, u64>,
    /// The newest state of every alarm.
    alarms: BTreeMap<(Arc<str>, String), Alarm>,
}

/// An evaluated window of one patient.
#[derive(Debug)]
pub(super) struct Window {
    pub patient: Arc<str>,
    pub set: usize,
    /// Log time of the evaluation.
    pub at: Timestamp,
    /// By column of the set.
    pub features: Vec<Option<f64>>,
}

struct Run<'r> {
    pipeline: &'r Arc<Pipeline>,
    shard: Shard,
    models: Models,
    /// What has been stepped, for a rebuild.
    log: Vec<&'r Event>,
    course: Course,
}

const WANTS: Wants = Wants {
    features: true,
    scores: true,
    per_step: usize::MAX,
};

// === impl Course ===

impl Course {
    /// Runs a timeline to its end, and at least until `until`.
    pub fn run(
        pipeline: &Arc<Pipeline>,
        start: Timestamp,
        timeline: &Timeline,
        until: Span,
    ) -> Result<Self, CourseError> {
        let mut run = Run {
            pipeline,
            shard: Shard::new(Arc::clone(pipeline), WANTS),
            models: Models::new(pipeline.models.clone()),
            log: Vec::new(),
            course: Self {
                start,
                ..Self::default()
            },
        };
        let mut tick = start;
        for event in &timeline.events {
            while tick < event.at {
                run.step(&Batch::default(), Some(tick))?;
                tick = tick + SECOND;
            }
            run.take(event)?;
        }
        let end = start + timeline.until.max(until);
        while tick <= end {
            run.step(&Batch::default(), Some(tick))?;
            tick = tick + SECOND;
        }
        Ok(run.course)
    }

    /// The alarms that began.
    pub fn raised(&self) -> Vec<String> {
        let began = self.alerts.iter().filter(|alert| alert.phase == Phase::Start);
        began.map(|alert| alert.alarm.clone()).collect()
    }
}

// === impl Run ===

impl<'r> Run<'r> {
    fn take(&mut self, event: &'r Event) -> Result<(), CourseError> {
        match &event.what {
            What::Restart => {
                let stored = self.shard.capture()?;
                self.shard = Shard::restore(Arc::clone(self.pipeline), WANTS, &stored)?;
            }
            What::Rebalance => self.rebuild()?,
            _ => {
                let batch = self.batch(event, true);
                self.step(&batch, None)?;
                self.log.push(event);
            }
        }
        Ok(())
    }

    /// What an event is to a shard; what is not taken of it is counted the first time.
    fn batch(&mut self, event: &Event, is_first: bool) -> Batch {
        let mut batch = Batch::default();
        match &event.what {
            What::Message { topic, payload, .. } => {
                let record = Record {
                    payload,
                    key: None,
                    append_time: event.at,
                    topic: *topic,
                    partition: 0,
                    offset: 0,
                };
                let Decoded {
                    observations,
                    quarantined,
                    ..
                } = decode_observations([record], Arrival::Broker);
                batch.observations = observations;
                for entry in quarantined.iter().filter(|_| is_first) {
                    let readings = entry.readings.len().max(1) as u64;
                    *self.course.quarantined.entry(entry.reason.code()).or_default() += readings;
                }
            }
            What::Decoded(observations) => batch.observations = observations.clone(),
            What::Context { writer, record } => batch.context.push(ContextInput {
                append_time: event.at,
                writer: *writer,
                record: record.clone(),
            }),
            What::Accept { patient, alarm, by } => {
                let key = (Arc::from(patient.as_str()), alarm.clone());
                // Nobody can accept what is not told.
                let active = self.course.alarms.get(&key).filter(|alarm| alarm.active);
                batch.commands.extend(active.map(|active| CommandInput {
                    append_time: event.at,
                    record: CommandRecord {
                        patient_id: patient.clone(),
                        alarm: alarm.clone(),
                        condition_start: active.condition_start,
                        action: CommandAction::Accept,
                        by: by.clone(),
                        ts: event.at,
                    },
                }));
            }
            What::Restart | What::Rebalance => {}
        }
        batch
    }

    fn step(&mut self, batch: &Batch, tick: Option<Timestamp>) -> Result<(), CourseError> {
        let mut outputs = Outputs::default();
        self.shard.step(batch, tick, &mut self.models, &mut outputs)?;
        self.keep(outputs, &batch.observations);
        Ok(())
    }

    fn keep(&mut self, outputs: Outputs, observations: &Observations) {
        let course = &mut self.course;
        for refused in &outputs.refused {
            let readings = refused.readings(observations).count() as u64;
            *course.quarantined.entry(refused.reason.code()).or_default() += readings;
        }
        for rows in &outputs.features {
            let columns: Vec<_> = rows
                .rows
                .columns()
                .iter()
                .map(|column| column.as_primitive::<Float64Type>())
                .collect();
            for row in 0..rows.patient_id.len() {
                let value =
                    |column: &&arrow::array::Float64Array| column.is_valid(row).then(|| column.value(row));
                course.windows.push(Window {
                    patient: Arc::clone(&rows.patient_id[row]),
                    set: rows.set,
                    at: Timestamp::from_micros(rows.at[row]),
                    features: columns.iter().map(value).collect(),
                });
            }
        }
        for alarm in outputs.alarms {
            course
                .alarms
                .insert((Arc::clone(&alarm.patient_id), alarm.alarm.clone()), alarm);
        }
        course.alerts.extend(outputs.alerts);
        course.scores.extend(outputs.scores);
    }

    /// As an engine that finds no snapshot: panes from the log, as far as the windows reach; alarms as they were told.
    fn rebuild(&mut self) -> Result<(), CourseError> {
        let now = self.shard.log_time();
        let from = now - self.pipeline.reach();
        let mut shard = Shard::new(Arc::clone(self.pipeline), WANTS);
        for event in std::mem::take(&mut self.log) {
            // Context is read from its begin.
            if event.at >= from || matches!(event.what, What::Context { .. }) {
                let batch = self.batch(event, false);
                shard.step(&batch, None, &mut self.models, &mut Outputs::default())?;
            }
            self.log.push(event);
        }
        shard.step(
            &Batch::default(),
            Some(now),
            &mut self.models,
            &mut Outputs::default(),
        )?;
        shard.adopt_alarms(self.course.alarms.values());
        self.shard = shard;
        Ok(())
    }
}
