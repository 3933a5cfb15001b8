//! What can be wrong with the log, the cluster or the engines, by name: its code, its place, what it means and how it is fixed.

use std::fmt;

use wardwatch_event_time::Span;

/// Something that is not as the engine needs it, and is no patient's.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Records without a key come to a topic of several partitions. They are quarantined.
    RecordWithoutKey {
        /// The topic.
        topic: String,
        /// Where they lie.
        partition: i32,
    },
    /// Records lie in another partition than murmur2 of their key says.
    OtherPartitioner {
        /// The topic.
        topic: String,
        /// Where they lie.
        partition: i32,
        /// It is where librdkafka's default, CRC32, puts them.
        is_crc32: bool,
    },
    /// A topic was deleted and created again; the shard has gone on from its start.
    TopicRecreated {
        /// The topic.
        topic: String,
        /// The shard.
        partition: i32,
    },
    /// Records were deleted before the shard had read them.
    RecordsLost {
        /// The topic.
        topic: String,
        /// The shard.
        partition: i32,
        /// The first offset that may be missing.
        from: i64,
        /// The first that is there.
        until: i64,
    },
    /// A transaction of some producer stays open, and hides what others have written after it began.
    OpenTransaction {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// Where it begins.
        offset: i64,
    },
    /// A topic that shards read or write does not exist, or is not shown.
    TopicMissing {
        /// The topic.
        topic: String,
    },
    /// A topic has another number of partitions than there are shards.
    PartitionCount {
        /// The topic.
        topic: String,
        /// What it has.
        partitions: i32,
        /// How many shards there are: the partitions of the journal.
        shards: i32,
    },
    /// The leader of a partition stamps records with another time than the engine's clock shows.
    BrokerClock {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// By how much it is ahead; negative: behind.
        ahead: Span,
    },
    /// The clock of a host and the brokers' are apart.
    HostClock {
        /// Whose.
        host: &'static str,
        /// By how much it is ahead of the brokers'; negative: behind.
        ahead: Span,
    },
    /// Topics' settings cannot keep what the engine promises.
    TopicSettings {
        /// The topic.
        topic: String,
        /// The setting.
        setting: String,
        /// What it is, and what goes wrong.
        problem: String,
    },
    /// Shards run different versions of the pipeline.
    Versions {
        /// Which.
        versions: Vec<u32>,
    },
    /// An edit of the pipeline is refused.
    EditRefused,
    /// Snapshots cannot be kept.
    SnapshotStore {
        /// Why.
        reason: String,
    },
    /// No broker answers.
    Unreachable {
        /// Why.
        reason: String,
    },
}

// === impl Condition ===

impl Condition {
    /// Every code, in the order of declaration.
    pub const CODES: [&'static str; 14] = [
        "record_without_key",
        "other_partitioner",
        "topic_recreated",
        "records_lost",
        "open_transaction",
        "topic_missing",
        "partition_count",
        "broker_clock",
        "host_clock",
        "topic_settings",
        "versions_differ",
        "edit_refused",
        "snapshot_store",
        "brokers_unreachable",
    ];

    /// Its stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::RecordWithoutKey { .. } => "record_without_key",
            Self::OtherPartitioner { .. } => "other_partitioner",
            Self::TopicRecreated { .. } => "topic_recreated",
            Self::RecordsLost { .. } => "records_lost",
            Self::OpenTransaction { .. } => "open_transaction",
            Self::TopicMissing { .. } => "topic_missing",
            Self::PartitionCount { .. } => "partition_count",
            Self::BrokerClock { .. } => "broker_clock",
            Self::HostClock { .. } => "host_clock",
            Self::TopicSettings { .. } => "topic_settings",
            Self::Versions { .. } => "versions_differ",
            Self::EditRefused => "edit_refused",
            Self::SnapshotStore { .. } => "snapshot_store",
            Self::Unreachable { .. } => "brokers_unreachable",
        }
    }

    /// Where it is: `TOPIC/PARTITION`, a topic, or what else it is about.
    pub fn place(&self) -> String {
        match self {
            Self::RecordWithoutKey { topic, partition }
            | Self::OtherPartitioner { topic, partition, .. }
            | Self::TopicRecreated { topic, partition }
            | Self::RecordsLost { topic, partition, .. }
            | Self::OpenTransaction { topic, partition, .. }
            | Self::BrokerClock { topic, partition, .. } => format!("{topic}/{partition}"),
            Self::TopicMissing { topic } | Self::PartitionCount { topic, .. } => topic.clone(),
            Self::TopicSettings { topic, setting, .. } => format!("{topic}:{setting}"),
            Self::HostClock { host, .. } => (*host).to_owned(),
            Self::Versions { .. } | Self::EditRefused => "pipeline".to_owned(),
            Self::SnapshotStore { .. } => "snapshots".to_owned(),
            Self::Unreachable { .. } => "brokers".to_owned(),
        }
    }

    /// Whether an engine is not ready while it is so: data that should be seen are not.
    pub fn blocks_readiness(&self) -> bool {
        matches!(
            self,
            Self::RecordWithoutKey { .. }
                | Self::OpenTransaction { .. }
                | Self::TopicMissing { .. }
                | Self::PartitionCount { .. }
                | Self::Unreachable { .. }
        )
    }

    /// How it is fixed.
    pub fn remedy(&self) -> String {
        match self {
            Self::RecordWithoutKey { .. } => {
                "let the producer send the patient's id as the key; then `wardwatch quarantine list` shows what was set aside".into()
            }
            Self::OtherPartitioner { is_crc32: true, .. } => {
                "the producer uses librdkafka's default partitioner, CRC32: set partitioner=murmur2_random there".into()
            }
            Self::OtherPartitioner { is_crc32: false, .. } => {
                "the producer chooses partitions by itself: set partitioner=murmur2_random (librdkafka; its default is CRC32), or \
                 leave out partitioner.class (Java)"
                    .into()
            }
            Self::TopicRecreated { .. } => "nothing, if that was meant; what the old topic held is gone".into(),
            Self::RecordsLost { .. } => {
                "lengthen retention.ms of the topic beyond the longest time without an engine; see what deleted its records".into()
            }
            Self::OpenTransaction { topic, partition, .. } => format!(
                "restart or end the producer that holds it, or `kafka-transactions.sh abort --topic {topic} --partition {partition}`; \
                 give producers a transaction.timeout.ms of seconds"
            ),
            Self::TopicMissing { topic } => format!(
                "create {topic} with `wardwatch topics apply`, or give the permissions that `wardwatch topics plan` prints"
            ),
            Self::PartitionCount {
                topic,
                partitions,
                shards,
            } if partitions > shards => format!(
                "delete {topic}, create it again with {shards} partitions (`wardwatch topics apply`) and let its producers send again; for \
                 more shards, stop the engines and make every topic of the pipeline and the group anew"
            ),
            Self::PartitionCount { topic, shards, .. } => {
                format!("give {topic} {shards} partitions: `kafka-topics.sh --alter --topic {topic} --partitions {shards}`")
            }
            Self::BrokerClock { .. } => {
                "set the clocks of all brokers by NTP; if the brokers are right and the engines' clock is not, restart the engines".into()
            }
            Self::HostClock { .. } => "set the clocks of hosts and brokers by NTP".into(),
            Self::TopicSettings { .. } => "`wardwatch topics apply` sets what it can".into(),
            Self::Versions { .. } => "give all engines of the group the same file".into(),
            Self::EditRefused => {
                "`wardwatch validate` tells what is wrong with the file; `wardwatch rollback` lets it say again what runs".into()
            }
            Self::SnapshotStore { .. } => {
                "see that the disk of --snapshots has room, or that the store answers and lets this user write".into()
            }
            Self::Unreachable { .. } => "check the brokers and the network".into(),
        }
    }
}

impl fmt::Display for Condition {
    /// What is wrong, without its place where that only repeats it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RecordWithoutKey { topic, partition } => write!(
                f,
                "records without a key come to partition {partition} of {topic}; any shard could get them, so they are quarantined and \
                 their patients not watched by them"
            ),
            Self::OtherPartitioner {
                topic,
                partition,
                is_crc32,
            } => {
                let whose = if *is_crc32 {
                    "CRC32"
                } else {
                    "no partitioner known here"
                };
                write!(
                    f,
                    "records in partition {partition} of {topic} are not where murmur2 of their key puts them, but where {whose} does; \
                     patients whose topics disagree have neither bed nor name here, and a discharge does not end their alarms"
                )
            }
            Self::TopicRecreated { topic, partition } => write!(
                f,
                "{topic} was deleted and created again; shard {partition} has gone on from its start, in a new epoch"
            ),
            Self::RecordsLost {
                topic,
                partition,
                from,
                until,
            } => write!(
                f,
                "records {from} to {} of partition {partition} of {topic} were deleted before they were read; the shard has gone on \
                 after them, in a new epoch",
                until - 1
            ),
            Self::OpenTransaction {
                topic,
                partition,
                offset,
            } => write!(
                f,
                "a producer's transaction is open in partition {partition} of {topic} since offset {offset}, and hides every record that \
                 came after it; no patient of it is called silent meanwhile"
            ),
            Self::TopicMissing { topic } => {
                write!(f, "topic {topic} does not exist, or this user may not see it")
            }
            Self::PartitionCount {
                topic,
                partitions,
                shards,
            } if partitions > shards => write!(
                f,
                "{topic} has {partitions} partitions and there are {shards} shards: records in partitions {shards} to {} are read by \
                 nobody, and their patients are not watched",
                partitions - 1
            ),
            Self::PartitionCount {
                topic,
                partitions,
                shards,
            } => write!(
                f,
                "{topic} has {partitions} partitions and there are {shards} shards: those from {partitions} on do not run"
            ),
            Self::BrokerClock {
                topic,
                partition,
                ahead,
            } => write!(
                f,
                "the leader of partition {partition} of {topic} stamps records {:.1} s {} the engine's clock; the engine's time goes on \
                 at its own pace",
                ahead.secs_f64().abs(),
                if *ahead > Span::ZERO { "ahead of" } else { "behind" }
            ),
            Self::HostClock { host, ahead } => write!(
                f,
                "the clock of {host} is {:.1} s {} the brokers'",
                ahead.secs_f64().abs(),
                if *ahead > Span::ZERO { "ahead of" } else { "behind" }
            ),
            Self::TopicSettings { problem, .. } => f.write_str(problem),
            Self::Versions { versions } => write!(
                f,
                "shards run versions {versions:?}: the engines of the group have different files, and each shard that moves goes over to \
                 another version"
            ),
            Self::EditRefused => {
                f.write_str("an edit of the pipeline's file is refused, and the version before it goes on")
            }
            Self::SnapshotStore { reason } => write!(f, "snapshots cannot be kept: {reason}"),
            Self::Unreachable { reason } => write!(f, "no broker answers: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each.
    fn all() -> Vec<Condition> {
        let (topic, partition) = ("vitals".to_owned(), 2);
        vec![
            Condition::RecordWithoutKey {
                topic: topic.clone(),
                partition,
            },
            Condition::OtherPartitioner {
                topic: topic.clone(),
                partition,
                is_crc32: true,
            },
            Condition::TopicRecreated {
                topic: topic.clone(),
                partition,
            },
            Condition::RecordsLost {
                topic: topic.clone(),
                partition,
                from: 20,
                until: 55,
            },
            Condition::OpenTransaction {
                topic: topic.clone(),
                partition,
                offset: 7,
            },
            Condition::TopicMissing { topic: topic.clone() },
            Condition::PartitionCount {
                topic: topic.clone(),
                partitions: 5,
                shards: 3,
            },
            Condition::BrokerClock {
                topic: topic.clone(),
                partition,
                ahead: Span::from_secs(3_600),
            },
            Condition::HostClock {
                host: "this host",
                ahead: Span::from_secs(-5),
            },
            Condition::TopicSettings {
                topic,
                setting: "retention.ms".to_owned(),
                problem: "retention.ms is 1".to_owned(),
            },
            Condition::Versions { versions: vec![1, 2] },
            Condition::EditRefused,
            Condition::SnapshotStore {
                reason: "the disk is full".to_owned(),
            },
            Condition::Unreachable {
                reason: "timed out".to_owned(),
            },
        ]
    }

    #[test]
    fn each_has_a_code_of_its_own_a_place_and_a_remedy() {
        let codes: Vec<&str> = all().iter().map(Condition::code).collect();
        assert_eq!(codes, Condition::CODES);
        for one in all() {
            let (text, remedy) = (one.to_string(), one.remedy());
            assert!(!one.place().is_empty() && !text.is_empty() && !remedy.is_empty());
            // They are put into sentences.
            assert!(!text.ends_with('.') && !remedy.ends_with('.'), "{text} {remedy}");
        }
    }

    #[test]
    fn it_says_what_and_where() {
        let texts: Vec<String> = all().iter().map(ToString::to_string).collect();
        assert!(
            texts[3].starts_with("records 20 to 54 of partition 2 of vitals were deleted"),
            "{}",
            texts[3]
        );
        assert!(
            texts[6].contains("records in partitions 3 to 4 are read by nobody"),
            "{}",
            texts[6]
        );
        assert!(texts[7].contains("3600.0 s ahead of"), "{}", texts[7]);
        assert_eq!(texts[8], "the clock of this host is 5.0 s behind the brokers'");
    }
}
