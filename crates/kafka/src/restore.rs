//! A state to go on from: out of a snapshot that the journal vouches for, or nothing with all its steps.

use std::sync::Arc;

use rdkafka::Offset;
use wardwatch_event_time::Timestamp;
use wardwatch_shard::{Shard, Snapshot, Wants};

use crate::journal::{JournalRecord, Position};
use crate::log_reader::{LogReader, Tail, break_at};
use crate::recovery::FIRST_LINEAGE;
use crate::snapshot_file::{self, FileError, Header};
use crate::snapshots::{KEPT, Stored};
use crate::{EngineConfig, EngineError, meter};

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
    #[error("the journal no longer reaches back to it; lengthen the journal's min.compaction.lag.ms")]
    BeforeJournal,
    #[error("the journal after it cannot be read")]
    JournalUnread(#[source] EngineError),
    #[error("the journal holds no such step with this digest")]
    NotInJournal,
    #[error("a later state was rebuilt, and does not follow from it")]
    Rebuilt,
}

/// The newest snapshot that can be gone on with, and the steps after it.
pub(crate) fn restore(
    config: &EngineConfig,
    number: i32,
    committed: &Position,
    inputs: &[&str],
) -> Option<(Shard, Position, Vec<JournalRecord>)> {
    let store = config.snapshots.as_ref()?;
    let stored = store.list(config.snapshots_of(number));
    let stored = stored.inspect_err(|error| {
        tracing::error!(
            shard = number,
            error = error as &dyn std::error::Error,
            "snapshots cannot be looked for"
        );
        meter::snapshot_refused();
    });
    // Older ones are kept for audits; each would be read whole, and a rebuild is quicker than many of them.
    for Stored { path, .. } in stored.ok()?.into_iter().take(KEPT) {
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

/// The state in a snapshot, and the steps after it up to a position. It is under the pipeline that it was taken of, and goes over
/// to another one where the journal says so, and to this engine's once it is live.
fn restore_from(
    config: &EngineConfig,
    number: i32,
    object: &[u8],
    until: &Position,
    inputs: &[&str],
    wants: Wants,
) -> Result<(Shard, Position, Vec<JournalRecord>), Unfit> {
    let (header, _) = snapshot_file::read_header(object)?;
    // It lies beside the snapshots, unless the store was away when it was to be kept.
    let text = || {
        let store = config.snapshots.as_ref()?;
        let kept = store.kept_text(&header.pipeline, &config.topics.journal, &header.pipeline_hash);
        let journaled = || {
            let reader = LogReader::of_journal(config, number).ok()?;
            let begins = reader.begin_of(&header.pipeline_hash).ok()??;
            Some(begins.pipeline_text.to_string())
        };
        kept.ok().or_else(journaled)
    };
    let own = predecessor(config, &header.pipeline_hash, text);
    let config = own.as_ref().unwrap_or(config);
    check(config, &header)?;
    let steps = steps_between(config, number, Offset::Offset(header.journal_offset), until);
    let mut steps = steps.map_err(Unfit::JournalUnread)?.into_iter();
    let (offset, step) = steps.next().ok_or(Unfit::NotInJournal)?;
    let position = step.position(inputs);
    if offset != header.journal_offset {
        return Err(Unfit::BeforeJournal);
    }
    let is_it = (position.lineage, position.sequence, position.digest)
        == (header.lineage, header.sequence, header.digest);
    if !is_it {
        return Err(Unfit::NotInJournal);
    }
    let later: Vec<JournalRecord> = steps.map(|(_, record)| record).collect();
    if later.iter().any(JournalRecord::is_rebuilt) {
        return Err(Unfit::Rebuilt);
    }
    let snapshot = snapshot_file::read(object)?;
    let shard = Shard::restore(Arc::clone(&config.pipeline), wants, &snapshot);
    let shard = shard.map_err(FileError::Tables)?;
    Ok((shard, position, later))
}

/// This configuration with an earlier pipeline that this engine's can go over from; none where it is the same, or not at hand.
fn predecessor(
    config: &EngineConfig,
    hash: &str,
    text: impl FnOnce() -> Option<String>,
) -> Option<EngineConfig> {
    if hash == &*config.pipeline.hash {
        return None;
    }
    let load = config.load.as_ref()?;
    let pipeline = load(&text()?).ok().filter(|pipeline| *pipeline.hash == *hash)?;
    config.pipeline.succession(&pipeline).ok()?;
    Some(EngineConfig {
        pipeline: Arc::new(pipeline),
        ..config.clone()
    })
}

/// Nothing, and all steps of the journal up to a position, if it has them from the first and they are not too many.
pub(crate) fn from_the_first(
    config: &EngineConfig,
    number: i32,
    until: &Position,
    wants: Wants,
) -> Option<(Shard, Position, Vec<JournalRecord>)> {
    if until.sequence > MOST_REPLAYED {
        return None;
    }
    let steps = steps_between(config, number, Offset::Beginning, until);
    let steps = steps.inspect_err(|error| {
        tracing::error!(
            shard = number,
            error = error as &dyn std::error::Error,
            "the journal cannot be read from its first record"
        );
    });
    let steps: Vec<JournalRecord> = steps.ok()?.into_iter().map(|(_, record)| record).collect();
    let (first, later) = steps.split_first().filter(|(first, _)| first.sequence == 0)?;
    if later.iter().any(JournalRecord::is_rebuilt) {
        return None;
    }
    let begins = first.begins.as_ref()?;
    let own = predecessor(config, &begins.pipeline_hash, || {
        Some(begins.pipeline_text.to_string())
    });
    let config = own.as_ref().unwrap_or(config);
    if begins.pipeline_hash != config.pipeline.hash || begins.models != config.pipeline.model_identities() {
        return None;
    }
    let position = Position {
        lineage: FIRST_LINEAGE,
        ..Position::default()
    };
    let shard = Shard::new(Arc::clone(&config.pipeline), wants);
    tracing::info!(
        shard = number,
        steps = steps.len(),
        "there is no snapshot; all steps of the journal are taken again"
    );
    Some((shard, position, steps))
}

/// The journal from an offset up to a position.
fn steps_between(
    config: &EngineConfig,
    number: i32,
    from: Offset,
    until: &Position,
) -> Result<Tail, EngineError> {
    let mut steps = Tail::new();
    LogReader::of_journal(config, number)?.read(from, |offset, step: JournalRecord| {
        let is_last = step.sequence + 1 >= until.sequence;
        steps.push((offset, step));
        break_at(is_last)
    })?;
    Ok(steps)
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

/// A state to derive `step` from: a snapshot before it, by preference one from before `since`; else nothing with all steps; else
/// nothing with the steps of twice the time that windows reach back.
///
/// # Errors
/// [`EngineError::NotDerivable`] when the journal no longer holds those steps, or what keeps it from being read.
pub(crate) fn base_before(
    config: &EngineConfig,
    number: i32,
    step: &JournalRecord,
    since: Timestamp,
    wants: Wants,
) -> Result<Base, EngineError> {
    let inputs = config.topics.inputs(&config.pipeline);
    let until = step.position(&inputs);
    if let Some(store) = &config.snapshots {
        let stored = store
            .list(config.snapshots_of(number))
            .map_err(EngineError::Store)?;
        for Stored { path, .. } in those_before(stored, (step.lineage, step.sequence), since) {
            let object = store.load(&path).map_err(EngineError::Store)?;
            match restore_from(config, number, &object, &until, &inputs, wants) {
                Ok((shard, position, steps)) => {
                    return Ok(Base {
                        shard,
                        position,
                        steps,
                        told: format!("the snapshot {path}"),
                        is_exact: true,
                    });
                }
                Err(unfit) => {
                    tracing::warn!(%path, error = &unfit as &dyn std::error::Error, "a snapshot is passed over");
                }
            }
        }
    }
    if let Some((shard, position, steps)) = from_the_first(config, number, &until, wants) {
        return Ok(Base {
            shard,
            position,
            steps,
            told: "nothing, at the journal's first step".to_owned(),
            is_exact: true,
        });
    }
    let reach = config.pipeline.reach();
    let from = LogReader::of_journal(config, number)?.offset_at(step.log_time - reach - reach)?;
    let mut steps = steps_between(config, number, from, &until)?.into_iter();
    let (Some((_, first)), true) = (steps.next(), steps.len() > 0) else {
        return Err(EngineError::NotDerivable {
            reason: "there is no snapshot from before it, and the journal holds no step within twice the time that windows \
                     reach back"
                .to_owned(),
        });
    };
    Ok(Base {
        shard: Shard::new(Arc::clone(&config.pipeline), wants),
        position: first.position(&inputs),
        steps: steps.map(|(_, record)| record).collect(),
        told: format!(
            "nothing, after step {}: twice as far back as windows reach",
            first.sequence
        ),
        is_exact: false,
    })
}

/// Of all snapshots, the newest first, those from which a step can be come to: from before `since` the newest first, then the
/// oldest first of the others.
fn those_before(mut stored: Vec<Stored>, (lineage, sequence): (u64, u64), since: Timestamp) -> Vec<Stored> {
    stored.retain(|one| one.lineage <= lineage && one.sequence <= sequence);
    let later = stored.partition_point(|one| one.written > since);
    stored[..later].reverse();
    stored.rotate_left(later);
    stored
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_from_before_the_windows_comes_first() {
        let stored = |written, lineage, sequence| Stored {
            path: format!("{lineage}-{sequence}").into(),
            written: Timestamp::from_micros(written),
            lineage,
            sequence,
        };
        let all = [
            (90, 3, 95),
            (80, 3, 85),
            (70, 3, 75),
            (60, 3, 65),
            (50, 3, 55),
            (40, 3, 45),
            (30, 2, 35),
        ];
        let all = all.map(|(written, lineage, sequence)| stored(written, lineage, sequence));
        let found = those_before(all.to_vec(), (3, 85), Timestamp::from_micros(55));
        let sequences: Vec<u64> = found.iter().map(|one| one.sequence).collect();
        // A lineage may have taken along the state of the one before.
        assert_eq!(sequences, [55, 45, 35, 65, 75, 85]);
    }
}
