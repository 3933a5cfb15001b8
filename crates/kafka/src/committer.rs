//! The thread that commits a shard's bundles, one transaction each, in order.
//!
//! After a failure, or when nobody knows whether a commit was one, the producer is thrown away and a new one is opened
//! under the same id. That settles the old transaction; the journal's last record then tells what became of it. A bundle is
//! a function of the log, so one that was lost is simply published again.
//!
//! ```text
//!   publish ──▶ committed
//!      └─ trouble ─▶ open anew ─▶ the journal ends ┬ with this bundle:        committed
//!                                                  ├ where this bundle begins: publish again
//!                                                  └ elsewhere:               another engine works on the shard
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rdkafka::consumer::Consumer;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};

use crate::EngineError;
use crate::bundle::Bundle;
use crate::desk::Desk;
use crate::journal::Position;
use crate::meter::{self, Stage};
use crate::outbox::{Outbox, Trouble};
use crate::recovery::{AGAIN, take_over};
use crate::worker::{Surroundings, now};

/// After a commit the coordinator still writes its markers. Asked for the next transaction meanwhile, it has the client wait
/// 20 ms; so it is left in peace for half as long as the commit took, in which the next bundle grows. Within these bounds.
const REST: (Duration, Duration) = (Duration::from_millis(3), Duration::from_millis(25));

/// How long a broker may take to say whether a topic is there.
const LOOK_FOR_TOPIC: Duration = Duration::from_secs(2);

/// Commits bundles of one shard.
pub(crate) struct Committer<'c> {
    around: &'c Surroundings,
    shard: i32,
    inputs: &'c [&'c str],
    /// None between two producers.
    outbox: Option<Outbox>,
    /// What is committed.
    committed: Position,
    /// Where the newest committed journal record stands.
    journaled: Option<i64>,
    /// Told when this thread has to come to an end; then a failure is final.
    stop: &'c AtomicBool,
}

// === impl Committer ===

impl<'c> Committer<'c> {
    pub(crate) fn new(
        around: &'c Surroundings,
        shard: i32,
        inputs: &'c [&'c str],
        outbox: Outbox,
        (committed, journaled): (Position, Option<i64>),
        stop: &'c AtomicBool,
    ) -> Self {
        Self {
            around,
            shard,
            inputs,
            outbox: Some(outbox),
            committed,
            journaled,
            stop,
        }
    }

    /// Commits what comes to the desk until nothing more comes.
    pub(crate) fn run(mut self, desk: &Desk<'_>) {
        let _leaves = Leaves(desk);
        while let Some(bundle) = desk.take() {
            let begun = now();
            self.around.health.commits(self.shard, true);
            if let Err(error) = self.commit(&bundle) {
                return desk.fail(error);
            }
            self.around.health.commits(self.shard, false);
            let took = begun.elapsed();
            meter::stage(Stage::Commit, took.as_secs_f64());
            desk.committed(self.journaled);
            thread::sleep((took / 2).clamp(REST.0, REST.1));
        }
    }

    fn commit(&mut self, bundle: &Bundle<'_>) -> Result<(), EngineError> {
        let ends = bundle.ends().expect("a bundle holds a step");
        while !self.attempt(bundle)? {}
        self.committed = ends.clone();
        Ok(())
    }

    /// One transaction. Returns whether the bundle is committed.
    fn attempt(&mut self, bundle: &Bundle<'_>) -> Result<bool, EngineError> {
        let Some(outbox) = &self.outbox else {
            return self.look_up(bundle);
        };
        let offsets = self.offsets(bundle.ends().expect("a bundle holds a step"))?;
        let member = self.around.consumer.group_metadata();
        let member = Arc::new(member.ok_or(EngineError::Overtaken { shard: self.shard })?);
        // Where the shard is only given back for a while, nobody else waits for a coordinator that does not answer; what is not
        // committed is stepped again. An engine that ends leaves no transaction open if it can.
        let may_wait = || !self.stop.load(Ordering::Acquire) || self.around.stop.load(Ordering::Acquire);
        match outbox.publish(bundle, &offsets, &member, &may_wait) {
            Ok(()) => {
                self.journaled = outbox.journaled().or(self.journaled);
                Ok(true)
            }
            Err(Trouble::Fenced(error)) => {
                tracing::warn!(shard = self.shard, %error, "the shard's producer was fenced");
                Err(EngineError::Overtaken { shard: self.shard })
            }
            Err(Trouble::Unknown(error)) if error.is_final() => Err(error),
            Err(Trouble::Unknown(error)) => {
                tracing::warn!(
                    shard = self.shard,
                    error = &error as &dyn std::error::Error,
                    "a transaction failed, or its outcome is unknown; it is looked up"
                );
                meter::transaction_troubled();
                self.outbox = None;
                self.check_topics(&error)?;
                self.give_up_if_stopped(error)?;
                Ok(false)
            }
        }
    }

    /// A topic that somebody has deleted makes every attempt fail alike.
    fn check_topics(&self, error: &EngineError) -> Result<(), EngineError> {
        let EngineError::Produce { topic, .. } = error else {
            return Ok(());
        };
        let found = self.around.consumer.fetch_metadata(Some(topic), LOOK_FOR_TOPIC);
        let is_gone = found.is_ok_and(|found| {
            let unknown = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
            found.topics().iter().any(|topic| topic.error() == Some(unknown))
        });
        match is_gone {
            true => Err(EngineError::MissingTopics {
                names: vec![topic.clone()],
            }),
            false => Ok(()),
        }
    }

    /// Opens a new producer and finds out what became of the bundle.
    fn look_up(&mut self, bundle: &Bundle<'_>) -> Result<bool, EngineError> {
        let (outbox, tail) = match take_over(&self.around.config, self.shard, self.journaled) {
            Ok(looked) => looked,
            Err(error) if error.is_final() => return Err(error),
            Err(error) => {
                tracing::warn!(
                    shard = self.shard,
                    error = &error as &dyn std::error::Error,
                    "Kafka is out of reach"
                );
                thread::sleep(AGAIN);
                self.give_up_if_stopped(error)?;
                return Ok(false);
            }
        };
        let last = tail.last();
        let stands = last.map_or_else(Position::default, |(_, record)| record.position(self.inputs));
        if bundle.ends().is_some_and(|ends| stands.is_at(ends)) {
            self.journaled = last.map(|(offset, _)| *offset);
            self.outbox = Some(outbox);
            Ok(true)
        } else if stands.is_at(&self.committed) {
            self.outbox = Some(outbox);
            Ok(false)
        } else {
            Err(EngineError::Overtaken { shard: self.shard })
        }
    }

    /// The offsets behind a bundle, as the group commits them.
    fn offsets(&self, ends: &Position) -> Result<TopicPartitionList, EngineError> {
        let mut list = TopicPartitionList::new();
        for (topic, offset) in &ends.offsets {
            list.add_partition_offset(
                self.inputs[usize::from(*topic)],
                self.shard,
                Offset::Offset(*offset),
            )
            .map_err(EngineError::Commit)?;
        }
        Ok(list)
    }

    fn give_up_if_stopped(&self, error: EngineError) -> Result<(), EngineError> {
        if self.stop.load(Ordering::Acquire) {
            return Err(error);
        }
        Ok(())
    }
}

/// Tells the worker if this thread panics; it would wait for ever.
struct Leaves<'d, 'n>(&'d Desk<'n>);

impl Drop for Leaves<'_, '_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.fail(EngineError::Panicked);
        }
    }
}
