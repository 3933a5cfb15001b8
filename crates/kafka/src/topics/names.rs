//! What the topics of a pipeline are called.

use wardwatch_pipeline::Pipeline;

/// The topics of a pipeline besides its sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicNames {
    /// Who the patients are, where the pipeline does not name writers of context; compacted, read from its start.
    pub context: String,
    /// What people do about alarms; as many partitions as the sources.
    pub commands: String,
    /// What happened; append only.
    pub alerts: String,
    /// The state of every alarm condition; compacted; as many partitions as the sources.
    pub alarms: String,
    /// Scores of patients; append only.
    pub scores: String,
    /// What could not be taken, whole.
    pub quarantine: String,
    /// How far each shard came; its partitions are the shards.
    pub journal: String,
    /// What is wrong with the system itself; compacted. No shard reads it.
    pub conditions: String,
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
            commands: name("alerts.commands"),
            alerts: name("alerts"),
            alarms: name("alarms"),
            scores: name("scores"),
            quarantine: name("quarantine"),
            journal: name("journal"),
            conditions: name("conditions.system"),
        }
    }

    /// Where a pipeline's context comes from, by writer.
    pub fn contexts<'a>(&'a self, pipeline: &'a Pipeline) -> impl Iterator<Item = &'a str> {
        let topics = pipeline.writers.iter().map(|writer| writer.topic.as_deref());
        topics.map(|topic| topic.unwrap_or(&self.context))
    }

    /// What a pipeline reads: its sources in their order, then context by writer, then the commands.
    pub(crate) fn inputs<'a>(&'a self, pipeline: &'a Pipeline) -> Vec<&'a str> {
        let sources = pipeline.sources.iter().map(|source| source.topic.as_str());
        sources
            .chain(self.contexts(pipeline))
            .chain([self.commands.as_str()])
            .collect()
    }

    pub(crate) fn outputs(&self) -> [&str; 6] {
        [
            &self.alerts,
            &self.alarms,
            &self.scores,
            &self.quarantine,
            &self.journal,
            &self.conditions,
        ]
    }

    /// What has a partition for each shard: what a pipeline reads, and where a shard writes to its own partition.
    pub(crate) fn shared<'a>(&'a self, pipeline: &'a Pipeline) -> Vec<&'a str> {
        let own = [self.alarms.as_str(), self.journal.as_str()];
        self.inputs(pipeline).into_iter().chain(own).collect()
    }
}
