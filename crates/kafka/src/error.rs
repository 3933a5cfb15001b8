//! What can fail on the live path. Bad data is not among it: that goes to quarantine.

use rdkafka::error::KafkaError;
use wardwatch_shard::StepError;

/// Why the engine did not start, or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Configuration: librdkafka refuses a setting.
    #[error("the Kafka client cannot be created; check the settings given for it")]
    Client(#[source] KafkaError),
    /// Outside system: no broker answers. Retry.
    #[error(
        "no broker answers at {brokers}: check the address, that Kafka runs there, and settings such as security.protocol"
    )]
    Unreachable {
        /// As configured.
        brokers: String,
        /// What librdkafka says.
        source: KafkaError,
    },
    /// Configuration: topics that are needed do not exist.
    #[error("these topics do not exist: {}; create them, or start with --create-topics", names.join(", "))]
    MissingTopics {
        /// Their names.
        names: Vec<String>,
    },
    /// Configuration: a patient would be in different partitions of different topics.
    #[error(
        "topic {topic} has {found} partitions and {first} has {expected}; a pipeline's sources and its context need equally many"
    )]
    UnevenPartitions {
        /// The topic that differs.
        topic: String,
        /// Its partitions.
        found: usize,
        /// The topic that it is compared with.
        first: String,
        /// That one's partitions.
        expected: usize,
    },
    /// Configuration: one topic would be read twice or written to by its own reader.
    #[error("topic {topic} is named twice; sources, context and outputs each need a topic of their own")]
    TopicTwice {
        /// Its name.
        topic: String,
    },
    /// Outside system: a topic could not be created.
    #[error("topic {topic} could not be created: {reason}")]
    CreateTopic {
        /// Its name.
        topic: String,
        /// The broker's reason.
        reason: String,
    },
    /// Outside system: the consumer cannot go on. Start again: it resumes at the committed offsets.
    #[error("reading from Kafka failed for good")]
    Consume(#[source] KafkaError),
    /// Outside system, **outcome unknown**: outputs may or may not be in their topics. Start again: it resumes at the
    /// committed offsets, and alerts keep their ids.
    #[error("writing to topic {topic} failed or its outcome is unknown")]
    Produce {
        /// The topic.
        topic: String,
        /// What librdkafka says.
        source: KafkaError,
    },
    /// Outside system: where to begin is not known. Start again.
    #[error("the committed offsets could not be read")]
    Committed(#[source] KafkaError),
    /// Outside system: offsets were not committed. Start again: outputs since the last commit are produced again.
    #[error("committing offsets failed")]
    Commit(#[source] KafkaError),
    /// Configuration or us: the pipeline fails over data.
    #[error("shard {shard} failed")]
    Step {
        /// The partition number.
        shard: i32,
        /// Why.
        source: StepError,
    },
    /// Us: an output could not be written as JSON.
    #[error("an output for topic {topic} could not be written as JSON")]
    Encode {
        /// The topic.
        topic: String,
        /// Why.
        source: serde_json::Error,
    },
    /// This machine: no thread could be started.
    #[error("no thread could be started for the engine")]
    Thread(#[source] std::io::Error),
    /// Us: the engine's thread panicked.
    #[error("the engine's thread panicked; its log says where")]
    Panicked,
}
