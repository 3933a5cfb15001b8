//! What is observed of the log. Nothing here is decided; the checks are pure functions of it.

use std::collections::BTreeMap;

/// A topic that exists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TopicFacts {
    /// What the cluster calls it besides its name; none where the cluster does not tell.
    pub id: Option<String>,
    pub partitions: i32,
}

/// Where a partition's log begins and ends, as offsets.
///
/// ```text
///   start             stable           end
///   ├── can be read ──┼── in an open ──┤
///                       transaction, or after it
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PartitionFacts {
    pub start: i64,
    /// The last stable offset.
    pub stable: i64,
    pub end: i64,
}

/// Topics by name, and partitions by topic and number. What does not exist is not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogFacts {
    pub topics: BTreeMap<String, TopicFacts>,
    pub partitions: BTreeMap<(String, i32), PartitionFacts>,
}

// === impl LogFacts ===

impl LogFacts {
    pub(crate) fn partition(&self, topic: &str, partition: i32) -> Option<PartitionFacts> {
        self.partitions.get(&(topic.to_owned(), partition)).copied()
    }

    /// The ids of these topics, as far as the cluster tells them.
    pub(crate) fn ids(&self, topics: &[&str]) -> BTreeMap<String, String> {
        let id = |topic: &&str| Some(((*topic).to_owned(), self.topics.get(*topic)?.id.clone()?));
        topics.iter().filter_map(id).collect()
    }
}
