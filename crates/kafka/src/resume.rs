//! Where the log has changed under a shard: it is seen before the shard is opened, and the shard goes on where the log is whole.
//!
//! ```text
//!   journal's last step ┐
//!                       ├─▶ breaks ─▶ no step takes of what is gone:  the state is kept ┐
//!   the log now         ┘        └──▶ some step would have to:        it is rebuilt     ┴▶ a new lineage, from where it is whole
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use wardwatch_event_time::Timestamp;
use wardwatch_inference::Models;

use crate::conditions::{Break, Condition, LogFacts, Probe};
use crate::journal::{LineageRecord, LogView, Position};
use crate::recovery::CatchUp;
use crate::worker::{Worker, now};
use crate::{EngineConfig, EngineError, JournalRecord, meter};

/// The log as it is now, and where it is no longer the one that the journal's last step knew.
pub(crate) fn look(
    config: &EngineConfig,
    probe: &Probe,
    number: i32,
    inputs: &[&str],
    last: Option<&JournalRecord>,
) -> Result<(LogFacts, Vec<Break>), EngineError> {
    let all: Vec<&str> = inputs
        .iter()
        .copied()
        .chain([config.topics.journal.as_str()])
        .collect();
    let facts = probe.log(&all, &[number])?;
    let Some(last) = last else {
        return Ok((facts, Vec::new()));
    };
    let breaks = probe.breaks(&facts, inputs, number, (&last.log, &last.offsets, last.log_time))?;
    Ok((facts, breaks))
}

/// Goes on with broken topics where they are whole. No step that is taken again takes anything of them.
pub(crate) fn resume_at(breaks: &[Break], inputs: &[&str], position: &mut Position, catch_up: &mut CatchUp) {
    for broken in breaks {
        position.offsets.insert(broken.topic, broken.resume);
        match catch_up {
            CatchUp::Rebuild(rebuild) => {
                rebuild.until.insert(broken.topic, broken.resume);
            }
            CatchUp::Replay(steps) => {
                let topic = inputs[usize::from(broken.topic)];
                for step in steps {
                    step.offsets.insert(topic.to_owned(), broken.resume);
                }
            }
        }
    }
}

/// What a shard takes the log for from now on; `before` is what it took it for.
pub(crate) fn view(
    config: &EngineConfig,
    facts: &LogFacts,
    before: Option<&LogView>,
    breaks: &[Break],
) -> LogView {
    let inputs = config.topics.inputs(&config.pipeline);
    let journal = facts.topics.get(&config.topics.journal);
    LogView {
        shards: journal.map_or(0, |journal| journal.partitions),
        topic_ids: Arc::new(ids(facts, &inputs, before, breaks)),
        ..LogView::default()
    }
}

/// What the cluster calls the topics; where it does not tell now, what it called them before.
fn ids(
    facts: &LogFacts,
    inputs: &[&str],
    before: Option<&LogView>,
    breaks: &[Break],
) -> BTreeMap<String, String> {
    let same = (0..)
        .zip(inputs)
        .filter(|(ordinal, _)| breaks.iter().all(|broken| broken.topic != *ordinal));
    let known = same.filter_map(|(_, topic)| {
        let id = before?.topic_ids.get(*topic)?;
        Some(((*topic).to_owned(), id.clone()))
    });
    let mut ids: BTreeMap<String, String> = known.collect();
    ids.extend(facts.ids(inputs));
    ids
}

// === impl Worker ===

impl Worker<'_> {
    /// Goes on where the log begins now, where it is no longer the one that the shard has read: a new epoch begins, and patients of
    /// whom records are lost are told of.
    pub(crate) fn resume(&mut self, breaks: Vec<Break>) {
        self.inbox.is_live();
        self.paced = (self.shard.log_time() != Timestamp::MIN).then(|| (self.shard.log_time(), now()));
        if breaks.is_empty() {
            return;
        }
        for broken in &breaks {
            let is_source = usize::from(broken.topic) < self.pipeline.sources.len();
            if let Condition::RecordsLost { from, until, .. } = &broken.condition {
                meter::records_lost(until - from);
                if is_source {
                    let source = usize::from(broken.topic);
                    // A technical alarm asks no model.
                    self.shard
                        .tell_records_lost(source, &mut Models::default(), &mut self.ended);
                }
            }
        }
        let told = breaks.iter().map(|broken| broken.condition.to_string());
        let reason = told.collect::<Vec<_>>().join("; ");
        self.outlook
            .opened(breaks.into_iter().map(|broken| broken.condition).collect());
        match &mut self.begins {
            // The state was rebuilt for another reason, or for this one.
            Some(begins) => begins.reason = format!("{reason}; {}", begins.reason),
            None => {
                self.position.lineage += 1;
                self.position.digest = self.shard.digest();
                self.is_new_lineage = true;
                self.begins = Some(Box::new(LineageRecord::of(&self.pipeline, reason, false)));
            }
        }
    }
}
