//! Topics against the shards: each that shards read or write has a partition for every shard, and no more.

use super::condition::Condition;
use super::facts::LogFacts;

/// What is wrong with topics; there are as many shards as the journal has partitions. `shared` have one for each shard, the
/// `others` any number.
pub(crate) fn counts(facts: &LogFacts, journal: &str, shared: &[&str], others: &[&str]) -> Vec<Condition> {
    let shards = facts.topics.get(journal).map_or(0, |topic| topic.partitions);
    let all = shared.iter().map(|topic| (topic, true));
    let all = all.chain(others.iter().map(|topic| (topic, false)));
    let wrong = all.filter_map(|(topic, is_shared)| match facts.topics.get(*topic) {
        None => Some(Condition::TopicMissing {
            topic: (*topic).to_owned(),
        }),
        Some(found) if is_shared && shards > 0 && found.partitions != shards => {
            Some(Condition::PartitionCount {
                topic: (*topic).to_owned(),
                partitions: found.partitions,
                shards,
            })
        }
        Some(_) => None,
    });
    wrong.collect()
}

#[cfg(test)]
mod tests {
    use super::super::facts::TopicFacts;
    use super::*;

    fn found(topics: &[(&str, i32)]) -> Vec<String> {
        let topics = topics.iter().map(|(name, partitions)| {
            let facts = TopicFacts {
                id: None,
                partitions: *partitions,
            };
            ((*name).to_owned(), facts)
        });
        let facts = LogFacts {
            topics: topics.collect(),
            ..LogFacts::default()
        };
        let wrong = counts(&facts, "journal", &["vitals", "context", "journal"], &["alerts"]);
        let shown = |one: &Condition| format!("{} {}", one.code(), one.place());
        wrong.iter().map(shown).collect()
    }

    #[test]
    fn every_topic_has_a_partition_for_every_shard() {
        let right = [("vitals", 3), ("context", 3), ("journal", 3), ("alerts", 5)];
        assert!(found(&right).is_empty());
        let with = |topic: &'static str, partitions: i32| {
            found(&right.map(|(name, usual)| (name, if name == topic { partitions } else { usual })))
        };
        assert_eq!(with("vitals", 4), ["partition_count vitals"]);
        assert_eq!(with("context", 2), ["partition_count context"]);
        assert!(with("alerts", 9).is_empty());
        // The journal is what the others are held against.
        assert_eq!(
            with("journal", 4),
            ["partition_count vitals", "partition_count context"]
        );
        assert_eq!(found(&right[1..]), ["topic_missing vitals"]);
        assert_eq!(found(&right[..3]), ["topic_missing alerts"]);
    }

    #[test]
    fn the_remedy_says_which_way() {
        let remedy = |partitions| {
            let topic = "vitals".to_owned();
            Condition::PartitionCount {
                topic,
                partitions,
                shards: 3,
            }
            .remedy()
        };
        assert!(
            remedy(4).contains("create it again with 3 partitions"),
            "{}",
            remedy(4)
        );
        assert!(
            remedy(2).contains("--alter --topic vitals --partitions 3"),
            "{}",
            remedy(2)
        );
    }
}
