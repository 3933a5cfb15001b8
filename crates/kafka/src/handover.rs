//! A shard that goes on under another pipeline: when that happens, and again where the journal says that it did.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use wardwatch_event_time::Timestamp;
use wardwatch_inference::Models;
use wardwatch_pipeline::{Pipeline, Succession};
use wardwatch_shard::{Outputs, Shard, Wants};

use crate::filler::{Place, fill};
use crate::journal::{JournalRecord, LineageRecord};
use crate::{EngineConfig, EngineError};

/// The shard under `new`. What ends because `new` does not have its alarm goes to `ended`; `filled` stands at the same place.
pub(crate) fn handed_over(
    mut old: Shard,
    new: Arc<Pipeline>,
    succession: &Succession,
    filled: Option<Shard>,
    ended: &mut Outputs,
) -> Shard {
    // An end asks no model.
    old.end_removed(&new, succession, &mut Models::default(), ended);
    old.succeed(new, succession, filled)
}

/// A shard without a record, for windows that begin to be filled before there is a log.
pub(crate) fn unfilled(pipeline: Arc<Pipeline>) -> Shard {
    Shard::new(pipeline, Wants::default())
}

/// The same again: `old` stands at `offsets`, before a step of which the journal says that it begins another lineage with this
/// state. `known` is a pipeline at hand, maybe that one.
///
/// # Errors
/// [`EngineError::Diverged`] when the pipeline is not to be had, or why the log cannot be read.
pub(crate) fn handed_over_again(
    config: &EngineConfig,
    known: &Arc<Pipeline>,
    (old, offsets): (Shard, &BTreeMap<u16, i64>),
    (step, begins): (&JournalRecord, &LineageRecord),
    stop: &AtomicBool,
) -> Result<Shard, EngineError> {
    let impossible = |what| EngineError::Diverged {
        shard: step.shard,
        sequence: step.sequence,
        what,
    };
    let new = match begins.pipeline_hash == known.hash {
        true => Arc::clone(known),
        false => {
            let load = config.load.as_ref();
            let loaded = load.and_then(|load| load(&begins.pipeline_text).ok());
            Arc::new(loaded.ok_or_else(|| impossible("the text of its pipeline cannot be loaded"))?)
        }
    };
    if new.model_identities() != begins.models {
        return Err(impossible("the models at hand are not those of that time"));
    }
    let succession = new
        .succession(old.pipeline())
        .map_err(|_| impossible("its pipeline does not follow from the one before"))?;
    let here = Place {
        offsets: offsets.clone(),
        log_time: old.log_time(),
        shards: step.log.shards,
    };
    let filled = match new.to_fill(&succession).map(Arc::new) {
        None => None,
        Some(only) if here.log_time == Timestamp::MIN => Some(unfilled(only)),
        Some(only) => Some(fill(config, step.shard, only, here, stop)?),
    };
    Ok(handed_over(
        old,
        new,
        &succession,
        filled,
        &mut Outputs::default(),
    ))
}
