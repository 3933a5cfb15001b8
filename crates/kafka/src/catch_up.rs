//! A shard before it is live: brought to where its journal ends, with all outputs dropped.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use wardwatch_event_time::Timestamp;
use wardwatch_inference::{Models, Recorded, Scorer};
use wardwatch_shard::Outputs;

use crate::EngineError;
use crate::decode::decode;
use crate::handover::handed_over_again;
use crate::journal::{JournalRecord, LineageRecord, Position};
use crate::recovery::{CatchUp, Rebuild};
use crate::worker::{IDLE, MOST_RECORDS, Worker, failed, now};

/// How long the log may give nothing while a shard catches up with what the journal says is there.
const STALLED: Duration = Duration::from_secs(30);

// === impl Worker ===

impl Worker<'_> {
    /// Brings the state to where the journal ends.
    pub(crate) fn catch_up(&mut self, what: CatchUp, stop: &AtomicBool) -> Result<(), EngineError> {
        let begun = now();
        match what {
            CatchUp::Replay(records) => {
                for record in &records {
                    self.take_again(record, stop)?;
                }
            }
            CatchUp::Rebuild(from) => {
                self.rebuild(&from, stop)?;
                self.begins = Some(Box::new(LineageRecord::of(&self.pipeline, from.reason, false)));
            }
        }
        self.snapshotted = self.position.sequence;
        let seconds = begun.elapsed().as_secs_f64();
        tracing::info!(
            shard = self.number,
            seconds,
            patients = self.shard.patients(),
            "the shard is where its journal ends"
        );
        Ok(())
    }

    /// Takes a step of the journal again, with its outputs dropped.
    fn take_again(&mut self, record: &JournalRecord, stop: &AtomicBool) -> Result<(), EngineError> {
        let ends = record.position(self.inputs);
        let diverged = |what| EngineError::Diverged {
            shard: record.shard,
            sequence: record.sequence,
            what,
        };
        if let Some(begins) = record.handover() {
            self.hand_over_again(record, begins, stop)?;
        }
        if (record.lineage, record.sequence) != (self.position.lineage, self.position.sequence) {
            return Err(diverged("a step before it is missing in the journal"));
        }
        self.inbox.set_bounds(&record.log.bounds, self.inputs);
        let records = self
            .inbox
            .take_before(&ends.offsets, patience(stop, self.number))?;
        let mut decoded = decode(&records, &self.pipeline, record.log.shards);
        decoded.batch.held = record.log.held_sources(self.inputs);
        let mut recorded = Recorded::new(record.answers.clone());
        let mut models = record
            .answers_left_out
            .then(|| Models::new(self.pipeline.models.clone()));
        let scorer: &mut dyn Scorer = match &mut models {
            Some(models) => models,
            None => &mut recorded,
        };
        let mut outputs = Outputs::default();
        self.shard
            .step(&decoded.batch, record.tick, scorer, &mut outputs)
            .map_err(|source| failed(self.number, source))?;
        // Another build may decide differently in the last digits, and rightly so.
        if record.build == self.config.build {
            recorded
                .finish()
                .map_err(|_| diverged("the models were asked something else"))?;
            if self.shard.digest() != record.digest {
                return Err(diverged("it came to another digest"));
            }
        }
        self.position = Position {
            digest: self.shard.digest(),
            ..ends
        };
        Ok(())
    }

    /// Steps the log through an empty shard, with outputs dropped, and takes over the alarms as they were told.
    fn rebuild(&mut self, from: &Rebuild, stop: &AtomicBool) -> Result<(), EngineError> {
        let mut models = Models::new(self.pipeline.models.clone());
        let mut wait = patience(stop, self.number);
        // What the log holds came before its time, whatever a broker says.
        self.inbox.pass_time(Timestamp::MIN, from.log_time);
        self.inbox.limit(&from.until);
        let mut reached = false;
        while !reached || self.shard.has_more() {
            self.inbox.fill()?;
            reached = self.inbox.is_at_limit();
            let records = self.inbox.take();
            wait(!records.is_empty() || reached)?;
            for records in records.chunks(MOST_RECORDS).chain(reached.then_some(&[][..])) {
                let decoded = decode(records, &self.pipeline, self.log.shards);
                let tick = records.is_empty().then_some(from.log_time);
                self.shard
                    .step(&decoded.batch, tick, &mut models, &mut Outputs::default())
                    .map_err(|source| failed(self.number, source))?;
            }
        }
        self.inbox.unlimit();
        self.shard.adopt_alarms(&from.alarms);
        self.position.offsets.extend(&from.until);
        self.position.digest = self.shard.digest();
        Ok(())
    }

    /// Goes over to another pipeline where the journal says that the shard did. What it told then is in its topics.
    fn hand_over_again(
        &mut self,
        step: &JournalRecord,
        begins: &LineageRecord,
        stop: &AtomicBool,
    ) -> Result<(), EngineError> {
        let wanted = self.wanted.pipeline();
        let old = self.take_shard();
        let at = (old, &self.position.offsets);
        let new = handed_over_again(self.config, &wanted, at, (step, begins), stop)?;
        self.run_as(new);
        tracing::info!(
            shard = self.number,
            version = self.pipeline.version,
            "the shard went over to another pipeline here, and does so again"
        );
        Ok(())
    }
}

/// How a shard waits for its log while it catches up: some at a time, and not for ever.
pub(crate) fn patience(stop: &AtomicBool, shard: i32) -> impl FnMut(bool) -> Result<(), EngineError> {
    let mut heard = now();
    move |came| {
        if came {
            heard = now();
        } else if stop.load(Ordering::Acquire) || heard.elapsed() > STALLED {
            return Err(EngineError::LogSilent { shard });
        } else {
            thread::park_timeout(IDLE);
        }
        Ok(())
    }
}
