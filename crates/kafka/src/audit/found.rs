//! What leads from an alert's id to the step that decided it, and to the pipeline of that time.

use rdkafka::message::{BorrowedMessage, Headers, Message};
use wardwatch_alarms::Alert;
use wardwatch_event_time::Span;
use wardwatch_pipeline::Pipeline;

use crate::bundle::STEP;
use crate::journal::JournalRecord;
use crate::log_reader::{LogReader, break_at, read_all};
use crate::{EngineConfig, EngineError};

/// By how much two brokers' clocks may differ.
const CLOCKS_DIFFER: Span = Span::from_secs(60);

/// An alert as it was committed, and the step that decided it.
pub(super) struct Found {
    pub alert: Alert,
    /// As it stands in its topic.
    pub payload: Vec<u8>,
    pub shard: i32,
    pub sequence: u64,
}

/// Finds an alert by its id.
pub(super) fn find(config: &EngineConfig, id: &str) -> Result<Found, EngineError> {
    let mut found = None;
    read_all(
        &config.brokers,
        &config.settings,
        &config.topics.alerts,
        |message| {
            found = alert_of(message, id);
            break_at(found.is_some())
        },
    )?;
    found.ok_or_else(|| EngineError::NoSuchAlert { id: id.to_owned() })
}

fn alert_of(message: &BorrowedMessage<'_>, id: &str) -> Option<Found> {
    let payload = message.payload()?;
    let alert: Alert = serde_json::from_slice(payload).ok()?;
    if alert.id.to_string() != id {
        return None;
    }
    let headers = message.headers()?;
    let step = headers.iter().find(|header| header.key == STEP)?.value?;
    let (shard, sequence) = std::str::from_utf8(step).ok()?.split_once(':')?;
    Some(Found {
        alert,
        payload: payload.to_vec(),
        shard: shard.parse().ok()?,
        sequence: sequence.parse().ok()?,
    })
}

/// The pipeline that decided an alert, out of the journal.
pub(super) fn pipeline_of(config: &EngineConfig, alert: &Alert, shard: i32) -> Result<Pipeline, EngineError> {
    let version = alert.pipeline_version;
    let not_derivable = |reason: &str| EngineError::NotDerivable {
        reason: format!("version {version} of the pipeline decided it, and {reason}"),
    };
    let lineage = LogReader::of_journal(config, shard)?
        .begin_of(&alert.pipeline_hash)?
        .ok_or_else(|| not_derivable("the journal no longer holds its text; give that version's file"))?;
    let load = config.load.as_ref();
    let load =
        load.ok_or_else(|| not_derivable("nothing here can load its text; give that version's file"))?;
    let pipeline = load(&lineage.pipeline_text)
        .map_err(|error| not_derivable(&format!("its text in the journal cannot be loaded: {error}")))?;
    if pipeline.model_identities() != lineage.models {
        return Err(not_derivable(
            "the models of that time are not those in the folder; give theirs by --models",
        ));
    }
    Ok(pipeline)
}

/// The step that decided an alert, with its offset in the journal.
pub(super) fn step_of(
    config: &EngineConfig,
    alert: &Alert,
    shard: i32,
    sequence: u64,
) -> Result<(i64, JournalRecord), EngineError> {
    let journal = LogReader::of_journal(config, shard)?;
    // A step is journaled after what it decides was due; brokers' clocks differ a little.
    let from = journal.offset_at(alert.stages.due_at - CLOCKS_DIFFER)?;
    let mut found = None;
    journal.read(from, |offset, step: JournalRecord| {
        found = (step.sequence == sequence).then_some((offset, step));
        break_at(found.is_some())
    })?;
    found.ok_or_else(|| EngineError::NotDerivable {
        reason: "the journal no longer holds its step".to_owned(),
    })
}
