//! The call that adds offsets to a transaction, with a bound on its time.
//!
//! librdkafka's own timeout of it does not hold (its issues 5456 and 5511, seen with 2.12.1): with the group's coordinator gone it
//! may wait until that broker is back. So it is made on a thread of its own, and a call that does not return is left behind with
//! its producer. What becomes of it is as with an engine that was taken for dead: the next producer of the shard fences it.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};

use crate::EngineError;

/// Beyond its timeout the call may take so long.
const GRACE: Duration = Duration::from_millis(500);

type Job = (TopicPartitionList, Arc<ConsumerGroupMetadata>);

/// Adds offsets to the transactions of a producer.
pub(crate) struct OffsetSender {
    /// None while it ends.
    jobs: Option<SyncSender<Job>>,
    outcomes: Receiver<Result<(), KafkaError>>,
    thread: Option<JoinHandle<()>>,
    timeout: Duration,
    is_left_behind: Cell<bool>,
}

// === impl OffsetSender ===

impl OffsetSender {
    /// Starts the thread.
    pub(crate) fn start<C: ProducerContext + 'static>(
        producer: Arc<BaseProducer<C>>,
        timeout: Duration,
    ) -> Result<Self, EngineError> {
        let (sender, jobs) = sync_channel::<Job>(1);
        let (told, outcomes) = sync_channel(1);
        let call = move || {
            for (offsets, member) in jobs {
                let outcome = producer.send_offsets_to_transaction(&offsets, &member, timeout);
                if told.send(outcome).is_err() {
                    return;
                }
            }
        };
        let thread = thread::Builder::new()
            .name("send-offsets".to_owned())
            .spawn(call)
            .map_err(EngineError::Thread)?;
        Ok(Self {
            jobs: Some(sender),
            outcomes,
            thread: Some(thread),
            timeout,
            is_left_behind: Cell::new(false),
        })
    }

    /// Makes the call. Once it has not come back in time, the producer is good for nothing more.
    pub(crate) fn send(
        &self,
        offsets: &TopicPartitionList,
        member: &Arc<ConsumerGroupMetadata>,
    ) -> Result<(), KafkaError> {
        let silent = KafkaError::Global(RDKafkaErrorCode::OperationTimedOut);
        let job = (offsets.clone(), Arc::clone(member));
        let jobs = self.jobs.as_ref().filter(|_| !self.is_left_behind.get());
        if jobs.is_none_or(|jobs| jobs.send(job).is_err()) {
            return Err(silent);
        }
        match self.outcomes.recv_timeout(self.timeout + GRACE) {
            Ok(outcome) => outcome,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                self.is_left_behind.set(true);
                Err(silent)
            }
        }
    }
}

impl Drop for OffsetSender {
    /// Waits for the thread, so that a producer is gone when its outbox is.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && !self.is_left_behind.get()
            && thread.join().is_err()
        {
            tracing::error!("the thread that sends offsets panicked");
        }
    }
}
