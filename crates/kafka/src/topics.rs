//! Topics: their names, creating them, and checking that a pipeline can run on them.

use std::time::Duration;

use futures::executor::block_on;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::metadata::Metadata;
use rdkafka::types::RDKafkaErrorCode;
use wardwatch_pipeline::Pipeline;

use crate::{ClientSettings, EngineError, settings};

/// How long the broker may take to answer about topics.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// The topics of a pipeline besides its sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicNames {
    /// Who the patients are; compacted, read from its start.
    pub context: String,
    /// What happened; append only.
    pub alerts: String,
    /// The state of every alarm condition; compacted; as many partitions as the sources.
    pub alarms: String,
    /// Scores of patients; append only.
    pub scores: String,
    /// What could not be taken, whole.
    pub quarantine: String,
    /// How far each shard came; as many partitions as the sources.
    pub journal: String,
}

// === impl TopicNames ===

impl Default for TopicNames {
    fn default() -> Self {
        Self::with_prefix("")
    }
}

impl TopicNames {
    /// The usual names behind a prefix, so that several pipelines fit on one broker.
    pub fn with_prefix(prefix: &str) -> Self {
        let name = |name: &str| format!("{prefix}{name}");
        Self {
            context: name("context"),
            alerts: name("alerts"),
            alarms: name("alarms"),
            scores: name("scores"),
            quarantine: name("quarantine"),
            journal: name("journal"),
        }
    }

    /// What a pipeline reads: its sources in their order, then the context.
    pub(crate) fn inputs<'a>(&'a self, pipeline: &'a Pipeline) -> Vec<&'a str> {
        let sources = pipeline.sources.iter().map(|source| source.topic.as_str());
        sources.chain([self.context.as_str()]).collect()
    }

    pub(crate) fn outputs(&self) -> [&str; 5] {
        [
            &self.alerts,
            &self.alarms,
            &self.scores,
            &self.quarantine,
            &self.journal,
        ]
    }
}

/// Creates the topics of a pipeline that do not exist yet, with the settings that it relies on: the broker's own append
/// time on what it reads, compaction where the newest record of a key counts. Blocks.
///
/// # Errors
/// [`EngineError`] when the broker does not answer or refuses one.
pub fn create_topics(
    brokers: &str,
    more: &ClientSettings,
    pipeline: &Pipeline,
    names: &TopicNames,
    partitions: i32,
    replication: i32,
) -> Result<(), EngineError> {
    let admin: AdminClient<DefaultClientContext> = settings::admin(brokers, more)
        .create()
        .map_err(EngineError::Client)?;
    let topic = |name| NewTopic::new(name, partitions, TopicReplication::Fixed(replication));
    let mut topics: Vec<NewTopic<'_>> = names
        .inputs(pipeline)
        .into_iter()
        .map(|name| topic(name).set("message.timestamp.type", "LogAppendTime"))
        .chain(names.outputs().into_iter().map(topic))
        .collect();
    for compacted in [&names.context, &names.alarms] {
        if let Some(at) = topics.iter().position(|topic| topic.name == compacted) {
            let topic = topics.swap_remove(at);
            topics.push(topic.set("cleanup.policy", "compact"));
        }
    }
    let options = AdminOptions::new()
        .request_timeout(Some(PATIENCE))
        .operation_timeout(Some(PATIENCE));
    let created =
        block_on(admin.create_topics(&topics, &options)).map_err(|source| EngineError::Unreachable {
            brokers: brokers.to_owned(),
            source,
        })?;
    for outcome in created {
        match outcome {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => {
                return Err(EngineError::CreateTopic {
                    topic,
                    reason: code.to_string(),
                });
            }
        }
    }
    Ok(())
}

/// Whether a pipeline can run on this cluster: all topics are there, and a shard is the same partition of each.
pub(crate) fn check(metadata: &Metadata, pipeline: &Pipeline, names: &TopicNames) -> Result<(), EngineError> {
    let inputs = names.inputs(pipeline);
    let mut all: Vec<&str> = inputs.iter().copied().chain(names.outputs()).collect();
    let partitions = |name: &str| -> usize {
        let topic = metadata.topics().iter().find(|topic| topic.name() == name);
        topic.map_or(0, |topic| topic.partitions().len())
    };
    let missing = all.iter().filter(|name| partitions(name) == 0);
    let missing: Vec<String> = missing.map(|name| (*name).to_owned()).collect();
    if !missing.is_empty() {
        return Err(EngineError::MissingTopics { names: missing });
    }
    let first = inputs[0];
    let expected = partitions(first);
    for topic in inputs
        .into_iter()
        .chain([names.journal.as_str(), names.alarms.as_str()])
    {
        let found = partitions(topic);
        if found != expected {
            return Err(EngineError::UnevenPartitions {
                topic: topic.to_owned(),
                found,
                first: first.to_owned(),
                expected,
            });
        }
    }
    all.sort_unstable();
    if let Some(twice) = all.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(EngineError::TopicTwice {
            topic: twice[0].to_owned(),
        });
    }
    Ok(())
}
