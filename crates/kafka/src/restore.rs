//! A state to go on from: out of a snapshot that the journal vouches for, or nothing with all its steps.

use std::sync::Arc;

use wardwatch_shard::{Shard, Snapshot, Wants};

use crate::journal::{JournalRecord, Position};
use crate::log_reader::{LogReader, Tail};
use crate::recovery::{FIRST_LINEAGE, reach};
use crate::snapshot_file::{self, FileError, Header};
use crate::{EngineConfig, meter};

/// Without a snapshot so many steps are taken again at most, about a day of a quiet shard; beyond it the state is rebuilt.
const MOST_REPLAYED: u64 = 100_000;

/// Why a snapshot is not gone on with.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error("it is damaged")]
    Damaged(#[from] FileError),
    #[error(
        "it was written for {its}, and this engine runs {ours}; restoring across versions is not possible"
    )]
    OtherPipeline { its: String, ours: String },
    #[error("its models are not those of this engine")]
    OtherModels,
    #[error("its tables have format {its}, and this build reads format {ours}")]
    OtherFormat { its: u32, ours: u32 },
    #[error("the journal no longer reaches back to it; lengthen the journal's retention.ms")]
    BeforeJournal,
    #[error("the journal holds no such step with this digest")]
    NotInJournal,
}

/// The newest snapshot that can be gone on with, and the steps after it.
pub(crate) fn restore(
    config: &EngineConfig,
    number: i32,
    committed: &Position,
    inputs: &[&str],
) -> Option<(Shard, Position, Vec<JournalRecord>)> {
    let store = config.snapshots.as_ref()?;
    let paths = store.list(config.snapshots_of(number));
    let paths = paths.inspect_err(|error| {
        tracing::error!(
            shard = number,
            error = error as &dyn std::error::Error,
            "snapshots cannot be looked for"
        );
        meter::snapshot_refused();
    });
    for path in paths.ok()? {
        let object = match store.load(&path) {
            Ok(object) => object,
            Err(error) => {
                tracing::error!(%path, error = &error as &dyn std::error::Error, "a snapshot is passed over");
                meter::snapshot_refused();
                continue;
            }
        };
        match restore_from(config, number, &object, committed, inputs, Wants::default()) {
            Ok(restored) => {
                tracing::info!(shard = number, %path, steps = restored.2.len(), "restored; the steps since then are taken again");
                return Some(restored);
            }
            Err(unfit) => {
                tracing::warn!(%path, error = &unfit as &dyn std::error::Error, "a snapshot is passed over");
                meter::snapshot_refused();
            }
        }
    }
    None
}

fn restore_from(
    config: &EngineConfig,
    number: i32,
    object: &[u8],
    committed: &Position,
    inputs: &[&str],
    wants: Wants,
) -> Result<(Shard, Position, Vec<JournalRecord>), Unfit> {
    let (header, _) = snapshot_file::read_header(object)?;
    check(config, &header)?;
    let tail: Result<Tail, _> =
        LogReader::of_journal(config, number).and_then(|reader| reader.tail(Some(header.journal_offset)));
    let tail = tail.map_err(|_| Unfit::BeforeJournal)?;
    let (step, later) = tail.split_first().ok_or(Unfit::NotInJournal)?;
    let position = step.1.position(inputs);
    if step.0 != header.journal_offset {
        return Err(Unfit::BeforeJournal);
    }
    let is_it = (position.lineage, position.sequence, position.digest)
        == (header.lineage, header.sequence, header.digest);
    if !is_it || position.lineage != committed.lineage {
        return Err(Unfit::NotInJournal);
    }
    let snapshot = snapshot_file::read(object)?;
    let shard = Shard::restore(Arc::clone(&config.pipeline), wants, &snapshot);
    let shard = shard.map_err(FileError::Tables)?;
    let later = later.iter().map(|(_, record)| record.clone()).collect();
    Ok((shard, position, later))
}

/// Nothing, and all steps of the journal, if it has them from the first and they are not too many.
pub(crate) fn from_the_first(
    config: &EngineConfig,
    number: i32,
    committed: &Position,
) -> Option<(Shard, Position, Vec<JournalRecord>)> {
    if committed.lineage != FIRST_LINEAGE || committed.sequence > MOST_REPLAYED {
        return None;
    }
    let tail: Result<Tail, _> = LogReader::of_journal(config, number).and_then(|reader| reader.tail(Some(0)));
    let tail = tail.inspect_err(|error| {
        tracing::error!(
            shard = number,
            error = error as &dyn std::error::Error,
            "the journal cannot be read from its first record"
        );
    });
    let steps: Vec<JournalRecord> = tail.ok()?.into_iter().map(|(_, record)| record).collect();
    let first = steps.first().filter(|first| first.sequence == 0)?;
    let begins = first.begins.as_ref()?;
    if begins.pipeline_hash != config.pipeline.hash || begins.models != config.pipeline.model_identities() {
        return None;
    }
    let position = Position {
        lineage: FIRST_LINEAGE,
        ..Position::default()
    };
    let shard = Shard::new(Arc::clone(&config.pipeline), Wants::default());
    tracing::info!(
        shard = number,
        steps = steps.len(),
        "there is no snapshot; all steps of the journal are taken again"
    );
    Some((shard, position, steps))
}

/// A state before a step, and the steps from there.
pub(crate) struct Base {
    pub shard: Shard,
    pub position: Position,
    pub steps: Vec<JournalRecord>,
    /// What it is, in words.
    pub told: String,
    /// Whether it is the state that there was, to the last bit.
    pub is_exact: bool,
}

/// A state to derive `step` from: the newest snapshot before it, else nothing with all steps, else nothing with as many steps as
/// windows reach back.
pub(crate) fn base_before(
    config: &EngineConfig,
    number: i32,
    step: &JournalRecord,
    journal: &Tail,
    wants: Wants,
) -> Base {
    let inputs = config.topics.inputs(&config.pipeline);
    let at = step.position(&inputs);
    let all = || journal.iter().map(|(_, record)| record.clone());
    let store = config.snapshots.as_ref();
    let paths = store.and_then(|store| store.list(config.snapshots_of(number)).ok());
    for path in paths.into_iter().flatten() {
        let object = store.and_then(|store| store.load(&path).ok());
        let Some(object) = object else { continue };
        let is_before =
            snapshot_file::read_header(&object).is_ok_and(|(header, _)| header.sequence <= step.sequence);
        if !is_before {
            continue;
        }
        if let Ok((shard, position, steps)) = restore_from(config, number, &object, &at, &inputs, wants) {
            return Base {
                shard,
                position,
                steps,
                told: format!("the snapshot {path}"),
                is_exact: true,
            };
        }
    }
    let fresh = Shard::new(Arc::clone(&config.pipeline), wants);
    let has_all =
        journal.first().is_some_and(|(_, first)| first.sequence == 0) && step.lineage == FIRST_LINEAGE;
    let from = step.log_time - reach(&config.pipeline) - reach(&config.pipeline);
    let skipped = match has_all {
        true => 0,
        false => journal.partition_point(|(_, record)| record.log_time < from),
    };
    let position = match skipped.checked_sub(1) {
        None => Position::default(),
        Some(before) => journal[before].1.position(&inputs),
    };
    Base {
        shard: fresh,
        position,
        steps: all().skip(skipped).collect(),
        told: match has_all {
            true => "nothing, at the journal's first step".to_owned(),
            false => format!("nothing, at step {}: twice as far back as windows reach", skipped),
        },
        is_exact: has_all,
    }
}

/// Whether it is of the same pipeline, models and layout.
fn check(config: &EngineConfig, header: &Header) -> Result<(), Unfit> {
    let pipeline = &config.pipeline;
    if header.format != Snapshot::FORMAT {
        return Err(Unfit::OtherFormat {
            its: header.format,
            ours: Snapshot::FORMAT,
        });
    }
    if header.pipeline_hash != pipeline.hash {
        let named = |name: &str, version: u32, hash: &str| {
            format!("{name} version {version} ({})", hash.get(..8).unwrap_or(hash))
        };
        return Err(Unfit::OtherPipeline {
            its: named(&header.pipeline, header.pipeline_version, &header.pipeline_hash),
            ours: named(&pipeline.name, pipeline.version, &pipeline.hash),
        });
    }
    if header.models != pipeline.model_identities() {
        return Err(Unfit::OtherModels);
    }
    Ok(())
}
