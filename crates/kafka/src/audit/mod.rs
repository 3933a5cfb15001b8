//! An alert derived again: its step found in the journal, stepped to from a state before it, with all that led to it.
//!
//! ```text
//!   alert ─▶ its header `step` ─▶ the journal ─▶ a state before it ─▶ step, step, … ─▶ the same alert?
//! ```
//!
//! What models answered is taken from the journal, and asked again: the two may differ in last digits only.

mod found;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Float64Type;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use serde::Serialize;
use wardwatch_alarms::{Alert, EndReason, ScoreRecord};
use wardwatch_event_time::Timestamp;
use wardwatch_inference::{Answers, Attribution, Models, Recorded, Rows, Scorer, Unavailable};
use wardwatch_pipeline::Pipeline;
use wardwatch_shard::{Outputs, Wants};

use self::found::{Found, find, pipeline_of, step_of};
use crate::decode::{DecodedBatch, decode};
use crate::handover::handed_over_again;
use crate::inbox::Inbox;
use crate::journal::{JournalRecord, Position};
use crate::lane::Received;
use crate::member::{EngineConsumer, MemberContext, split_off};
use crate::reader::GROUP;
use crate::restore::{Base, base_before};
use crate::topics::PATIENCE;
use crate::worker::now;
use crate::{EngineConfig, EngineError, settings};

/// How long one look takes when nothing comes.
const LOOK: Duration = Duration::from_millis(20);

/// An alert, and what it was derived from.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The alert as it stands in its topic.
    pub alert: Alert,
    /// Whether it was derived again, equal in every byte.
    pub identical: bool,
    /// What was derived instead, where it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub derived: Option<Alert>,
    /// The partition number.
    pub shard: i32,
    /// The lineage of the step.
    pub lineage: u64,
    /// The step that decided, in the journal.
    pub sequence: u64,
    /// Where its record stands in the journal.
    pub journal_offset: i64,
    /// What was begun with: a snapshot, nothing, or a state rebuilt from the log.
    pub begun_with: String,
    /// How many steps were taken from there.
    pub steps: usize,
    /// Whether every step came to the digest of the journal; absent where the state was begun from the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digests_agree: Option<bool>,
    /// By how much models, asked again, differ from what the journal says they answered.
    pub models_differ_by: f64,
    /// As far as windows reach back, or the state that was begun with.
    pub since: Timestamp,
    /// The patient's messages since then, oldest first.
    pub rows: Vec<Row>,
    /// The patient's windows since then, with their features.
    pub windows: Vec<Window>,
    /// The patient's newest scores at the decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scores: Option<ScoreRecord>,
}

/// A message of the patient.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Where it lies.
    pub topic: String,
    /// Where it lies.
    pub offset: i64,
    /// When the broker took it.
    pub append_time: Timestamp,
    /// What it says.
    pub payload: String,
}

/// An evaluated window of the patient.
#[derive(Clone, Debug, Serialize)]
pub struct Window {
    /// The feature set.
    pub set: String,
    /// The window's end.
    pub end: Timestamp,
    /// 0 for its first evaluation.
    pub revision: u32,
    /// The features; absent where missing.
    pub features: BTreeMap<String, Option<f64>>,
}

/// Answers as the journal says, and asks the models as well.
struct Compared {
    recorded: Recorded,
    models: Models,
    /// The largest difference.
    differ_by: f64,
    again: Vec<Result<f64, Unavailable>>,
}

/// Finds an alert and derives it again, with the version of the pipeline that decided it: the journal has its text, which
/// [`EngineConfig::load`] makes a pipeline. Blocks.
///
/// # Errors
/// [`EngineError::NoSuchAlert`], [`EngineError::NotDerivable`], or what keeps the log from being read.
pub fn explain(config: &EngineConfig, id: &str) -> Result<Explanation, EngineError> {
    // It reads as readers do; whoever may that need not be allowed what an engine is.
    let mut config = EngineConfig {
        group: GROUP.to_owned(),
        ..config.clone()
    };
    let Found {
        alert,
        payload,
        shard,
        sequence,
    } = find(&config, id)?;
    if alert.reason == Some(EndReason::Removed) {
        return Err(EngineError::NotDerivable {
            reason: format!(
                "no data ended it: the pipeline that followed version {} does not have the alarm",
                alert.pipeline_version
            ),
        });
    }
    if alert.pipeline_hash != config.pipeline.hash {
        config.pipeline = Arc::new(pipeline_of(&config, &alert, shard)?);
    }
    let config = &config;
    let inputs = config.topics.inputs(&config.pipeline);
    let (journal_offset, step) = step_of(config, &alert, shard, sequence)?;
    let far_enough = step.log_time - config.pipeline.reach();
    let wants = Wants {
        features: true,
        ..Wants::default()
    };
    let Base {
        shard: mut state,
        position,
        steps,
        told,
        is_exact,
    } = base_before(config, shard, &step, far_enough, wants)?;
    // What came before the state is in it, and no longer seen.
    let since = far_enough.max(state.log_time());
    let consumer: EngineConsumer = Arc::new(
        settings::consumer(&config.brokers, &config.group, &config.settings)
            .create_with_context(MemberContext::default())
            .map_err(EngineError::client)?,
    );
    check_log(&consumer, &inputs, shard, &position, &steps)?;
    let mut assignment = TopicPartitionList::new();
    let queues = split_off(&consumer, &inputs, shard, &position, &mut assignment)?;
    consumer.assign(&assignment).map_err(EngineError::Consume)?;
    let mut inbox = Inbox::new(&queues, &position);

    let mut explanation = Explanation {
        identical: false,
        derived: None,
        shard,
        lineage: step.lineage,
        sequence,
        journal_offset,
        begun_with: told,
        steps: 0,
        digests_agree: is_exact.then_some(true),
        models_differ_by: 0.0,
        since,
        rows: Vec::new(),
        windows: Vec::new(),
        scores: None,
        alert,
    };
    let mut compared = Compared {
        recorded: Recorded::new(Answers::default()),
        models: Models::new(state.pipeline().models.clone()),
        differ_by: 0.0,
        again: Vec::new(),
    };
    let mut offsets = position.offsets;
    for record in &steps {
        if let Some(begins) = record.handover().filter(|_| is_exact) {
            let at = (state, &offsets);
            let stop = AtomicBool::new(false);
            state = handed_over_again(config, &config.pipeline, at, (record, begins), &stop)?;
            compared.models = Models::new(state.pipeline().models.clone());
        }
        let records = records_of(&consumer, &mut inbox, record, &inputs)?;
        offsets = record.position(&inputs).offsets;
        let mut decoded = decode(&records, state.pipeline(), record.log.shards);
        decoded.batch.held = record.log.held_sources(&inputs);
        let mut outputs = Outputs::default();
        compared.recorded = Recorded::new(record.answers.clone());
        let scorer: &mut dyn Scorer = match is_exact && !record.answers_left_out {
            true => &mut compared,
            false => &mut compared.models,
        };
        state
            .step(&decoded.batch, record.tick, scorer, &mut outputs)
            .map_err(|source| EngineError::Step { shard, source })?;
        explanation.steps += 1;
        let agrees = state.digest() == record.digest;
        explanation.digests_agree = explanation.digests_agree.map(|all| all && agrees);
        explanation.take(state.pipeline(), &inputs, &records, &decoded, outputs);
    }
    explanation.models_differ_by = compared.differ_by;
    // Read back from JSON, a number may differ in its last bit from the one that was written.
    let again = explanation.derived.as_ref().map(serde_json::to_vec);
    explanation.identical = again.is_some_and(|again| again.is_ok_and(|again| again == payload));
    if explanation.identical {
        explanation.derived = None;
    }
    Ok(explanation)
}

/// Whether topics still hold what the steps took after a position.
fn check_log(
    consumer: &EngineConsumer,
    inputs: &[&str],
    shard: i32,
    position: &Position,
    steps: &[JournalRecord],
) -> Result<(), EngineError> {
    for (ordinal, topic) in (0..).zip(inputs) {
        // Of a topic that was not read by then, the first step that took of it took at least the record before where it ended.
        let mut taken = steps.iter().filter_map(|step| step.offsets.get(*topic));
        let needed = Some(position.offset(ordinal)).filter(|offset| *offset > 0);
        let needed = needed.or_else(|| taken.find(|after| **after > 0).map(|after| after - 1));
        let Some(needed) = needed else { continue };
        let (begin, _) = consumer
            .fetch_watermarks(topic, shard, PATIENCE)
            .map_err(|error| EngineError::Consume(error).or_not_allowed())?;
        if begin > needed {
            return Err(EngineError::NotDerivable {
                reason: format!(
                    "topic {topic} begins at offset {begin} of partition {shard}, and what led to the alert begins at {needed}; \
                     lengthen its retention.ms"
                ),
            });
        }
    }
    Ok(())
}

/// The records that a step took.
fn records_of<'q>(
    consumer: &EngineConsumer,
    inbox: &mut Inbox<'q>,
    record: &JournalRecord,
    inputs: &[&str],
) -> Result<Vec<Received<'q>>, EngineError> {
    let begun = now();
    inbox.set_bounds(&record.log.bounds, inputs);
    inbox.take_before(&record.position(inputs).offsets, |is_last| {
        // Serves callbacks; records come by the lanes.
        if let Some(Err(error)) = consumer.poll(Duration::ZERO)
            && !matches!(error, KafkaError::PartitionEOF(_))
        {
            crate::lane::consumer_error(error)?;
        }
        if begun.elapsed() > 2 * PATIENCE {
            return Err(EngineError::LogSilent { shard: record.shard });
        }
        if !is_last {
            thread::sleep(LOOK);
        }
        Ok(())
    })
}

// === impl Explanation ===

impl Explanation {
    /// Keeps what a step says of the patient.
    fn take(
        &mut self,
        pipeline: &Pipeline,
        inputs: &[&str],
        records: &[Received<'_>],
        decoded: &DecodedBatch,
        outputs: Outputs,
    ) {
        let patient = Arc::clone(&self.alert.patient_id);
        let messages = decoded.batch.observations.messages();
        let own: BTreeSet<(u16, i64)> = (0..messages.len())
            .filter(|row| messages.patient_id(*row) == &*patient)
            .map(|row| (messages.topic(row), decoded.batch.observations.offset()[row]))
            .collect();
        for record in records {
            let is_said = usize::from(record.topic) >= pipeline.sources.len();
            let raw = record.record();
            let is_own = own.contains(&(record.topic, record.offset()))
                || (is_said && raw.key == Some(patient.as_bytes()));
            if is_own && record.append_time >= self.since {
                self.rows.push(Row {
                    topic: inputs[usize::from(record.topic)].to_owned(),
                    offset: record.offset(),
                    append_time: record.append_time,
                    payload: String::from_utf8_lossy(raw.payload).into_owned(),
                });
            }
        }
        for rows in &outputs.features {
            let set = &pipeline.sets[rows.set];
            let is_told = |row: &usize| {
                rows.patient_id[*row] == patient && rows.window_end[*row] >= self.since.micros()
            };
            for row in (0..rows.patient_id.len()).filter(is_told) {
                let schema = rows.rows.schema();
                let features = schema
                    .fields()
                    .iter()
                    .zip(rows.rows.columns())
                    .map(|(field, column)| {
                        let column = column.as_primitive::<Float64Type>();
                        (
                            field.name().clone(),
                            column.is_valid(row).then(|| column.value(row)),
                        )
                    });
                self.windows.push(Window {
                    set: set.name.clone(),
                    end: Timestamp::from_micros(rows.window_end[row]),
                    revision: rows.revision[row],
                    features: features.collect(),
                });
            }
        }
        let scores = outputs
            .scores
            .into_iter()
            .filter(|score| score.patient_id == patient);
        self.scores = scores.last().or(self.scores.take());
        let id = self.alert.id;
        self.derived = outputs
            .alerts
            .into_iter()
            .find(|alert| alert.id == id)
            .or(self.derived.take());
    }
}

// === impl Compared ===

impl Scorer for Compared {
    fn score(&mut self, model: usize, rows: Rows<'_>, out: &mut Vec<Result<f64, Unavailable>>) {
        self.models.score(model, rows, &mut self.again);
        self.recorded.score(model, rows, out);
        for (recorded, again) in out.iter().zip(&self.again) {
            let difference = match (recorded, again) {
                (Ok(recorded), Ok(again)) => (recorded - again).abs(),
                (Err(recorded), Err(again)) if recorded == again => 0.0,
                _ => f64::INFINITY,
            };
            self.differ_by = self.differ_by.max(difference);
        }
    }

    fn attribute(
        &mut self,
        model: usize,
        row: &[f64],
        baseline: &[f64],
    ) -> Result<Vec<Attribution>, Unavailable> {
        self.recorded.attribute(model, row, baseline)
    }
}
