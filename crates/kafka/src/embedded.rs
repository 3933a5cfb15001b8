//! A broker in this process and a feed for it, for demos and tests.
//!
//! It speaks Kafka's protocol on loopback and keeps everything in memory. It proves nothing about transactions, stamps no
//! append times, and silently drops what is older than 5 MiB or 100,000 batches of a partition.

use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use wardwatch_event_time::Timestamp;
use wardwatch_pipeline::Pipeline;

use crate::{ClientSettings, EngineError, TopicNames, settings};

/// How long a full local queue is waited for at a time.
const SLICE: Duration = Duration::from_millis(5);

/// How long the last records of a feed may take.
const LAST: Duration = Duration::from_secs(2);

/// A broker in this process; it ends when dropped.
pub struct EmbeddedBroker {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

/// Produces records with a time of their own, which stands for the broker's append time.
pub struct Feed {
    producer: BaseProducer,
}

// === impl EmbeddedBroker ===

impl EmbeddedBroker {
    /// Starts it on a free port of loopback.
    ///
    /// # Errors
    /// [`EngineError::Client`] if no port can be opened.
    pub fn start() -> Result<Self, EngineError> {
        let cluster = MockCluster::new(1).map_err(EngineError::client)?;
        Ok(Self { cluster })
    }

    /// Its address.
    pub fn brokers(&self) -> String {
        self.cluster.bootstrap_servers()
    }

    /// Creates the topics of a pipeline.
    ///
    /// # Errors
    /// [`EngineError::CreateTopic`] with the broker's reason.
    pub fn create_topics(
        &self,
        pipeline: &Pipeline,
        names: &TopicNames,
        partitions: i32,
    ) -> Result<(), EngineError> {
        for topic in names.inputs(pipeline).into_iter().chain(names.outputs()) {
            self.cluster
                .create_topic(topic, partitions, 1)
                .map_err(|error| EngineError::CreateTopic {
                    topic: topic.to_owned(),
                    reason: error.to_string(),
                })?;
        }
        Ok(())
    }
}

// === impl Feed ===

impl Feed {
    /// A feed to these brokers.
    ///
    /// # Errors
    /// [`EngineError::Client`] when a setting is refused.
    pub fn new(brokers: &str, more: &ClientSettings) -> Result<Self, EngineError> {
        let producer = settings::producer(brokers, more)
            .create()
            .map_err(EngineError::client)?;
        Ok(Self { producer })
    }

    /// Produces one record, at the millisecond of `at`. It is on its way when this returns.
    ///
    /// # Errors
    /// [`EngineError::Produce`] when the producer refuses it.
    pub fn send(&self, topic: &str, key: &[u8], payload: &[u8], at: Timestamp) -> Result<(), EngineError> {
        let mut record = BaseRecord::to(topic)
            .key(key)
            .payload(payload)
            .timestamp(at.millis());
        loop {
            match self.producer.send(record) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                    self.producer.poll(SLICE);
                    record = again;
                }
                Err((source, _)) => {
                    return Err(EngineError::Produce {
                        topic: topic.to_owned(),
                        source,
                    });
                }
            }
        }
        self.producer.poll(Duration::ZERO);
        Ok(())
    }

    /// Waits until the broker has all records, or two seconds.
    pub fn finish(self) {
        if let Err(error) = self.producer.flush(LAST) {
            tracing::warn!(%error, "the last records of a feed were not acknowledged");
        }
    }
}
