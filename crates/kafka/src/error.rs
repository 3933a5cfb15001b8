//! What can fail on the live path. Bad data is not among it: that goes to quarantine.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use wardwatch_pipeline::NoSuccession;
use wardwatch_shard::StepError;

use crate::StoreError;

/// Why the engine did not start, or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Configuration: librdkafka refuses a setting.
    #[error("the Kafka client cannot be created; check its settings (--kafka, and --kafka-file for secrets)")]
    Client(#[source] KafkaError),
    /// Configuration: librdkafka does not know a setting, or not this value of it. The value may be a secret, so it is not told.
    #[error(
        "the Kafka client does not take the setting {name} as it is given (--kafka, --kafka-file): {reason}"
    )]
    Setting {
        /// The setting.
        name: String,
        /// What librdkafka says.
        reason: String,
    },
    /// Configuration: a setting that the engine's promises rest on.
    #[error(
        "the setting {name} is the engine's own, since its promises rest on it: leave it out{}{instead}",
        if instead.is_empty() { "" } else { ", and use " }
    )]
    OwnSetting {
        /// The setting.
        name: &'static str,
        /// The argument that is meant; may be empty.
        instead: &'static str,
    },
    /// Outside system: no broker answers. Retry.
    #[error(
        "no broker answers at {brokers} ({reason}): check the address, that Kafka runs there, and settings such as security.protocol and ssl.certificate.location"
    )]
    Unreachable {
        /// As configured.
        brokers: String,
        /// What librdkafka says.
        reason: String,
    },
    /// Configuration: a broker does not take this client, or this client the broker's certificate.
    #[error(
        "the brokers at {brokers} and this client do not trust each other: {reason}; check security.protocol, ssl.* and sasl.* (--kafka, --kafka-file)"
    )]
    Refused {
        /// As configured.
        brokers: String,
        /// What librdkafka says.
        reason: String,
    },
    /// Configuration: this user may not do what an engine does.
    #[error(
        "Kafka does not let this user use {what}; `wardwatch topics plan` prints the permissions of each role"
    )]
    NotAllowed {
        /// What it concerns, and the argument of `kafka-acls` for it.
        what: &'static str,
        /// What was tried.
        source: Box<EngineError>,
    },
    /// Configuration: topics that are needed do not exist, or are not shown.
    #[error(
        "these topics do not exist, or this user may not see them: {}; create them with `wardwatch topics apply`, or give the permissions that `wardwatch topics plan` prints",
        names.join(", ")
    )]
    MissingTopics {
        /// Their names.
        names: Vec<String>,
    },
    /// Configuration: topics cannot keep what the engine promises.
    #[error(
        "the topics cannot keep what the engine promises (`wardwatch topics apply` sets what it can):{}",
        problems.iter().map(|problem| format!("\n- {problem}")).collect::<String>()
    )]
    Topics {
        /// Each with its topic, its setting and the reason.
        problems: Vec<String>,
    },
    /// Configuration: whether topics can keep what the engine promises cannot be seen.
    #[error(
        "the settings of these topics are not shown to this user, so it cannot be seen whether they keep what the engine promises: {}; allow DescribeConfigs, as `wardwatch topics plan` prints it",
        names.join(", ")
    )]
    Unseen {
        /// Their names.
        names: Vec<String>,
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
    /// Outside system: an output was not acknowledged, so its transaction is not committed. It is tried again.
    #[error("writing to topic {topic} failed")]
    Produce {
        /// The topic.
        topic: String,
        /// What librdkafka says.
        source: KafkaError,
    },
    /// Configuration, or a change of the group's coordinator: another member has this engine's name. It joins anew, a few
    /// times.
    #[error("another engine has this engine's name in the group; give each --instance a name of its own")]
    Replaced(#[source] KafkaError),
    /// Outside system: where to begin is not known. Start again.
    #[error("the offsets to begin at could not be read")]
    Committed(#[source] KafkaError),
    /// Outside system: the journal cannot be read. Start again.
    #[error("the journal could not be read")]
    Journal(#[source] KafkaError),
    /// Outside system: the journal gives nothing for too long. Start again.
    #[error("the journal of shard {shard} could not be read to its end in time")]
    JournalSilent {
        /// The partition number.
        shard: i32,
    },
    /// Somebody has deleted the journal. Beginning anew would tell again what the log still holds.
    #[error(
        "the journal of shard {shard} is empty, but its group has committed offsets: the topic was deleted, or is not compacted. To begin anew, and be told again what the sources still hold, delete the group: `kafka-consumer-groups --delete --group {group}`"
    )]
    JournalLost {
        /// The partition number.
        shard: i32,
        /// The group.
        group: String,
    },
    /// Outside system: records that the journal speaks of do not come. Start again.
    #[error(
        "records that the journal of shard {shard} speaks of did not come; they may be gone: check the topics' retention.ms"
    )]
    LogSilent {
        /// The partition number.
        shard: i32,
    },
    /// Outside system: a topic of the shard was deleted and created again, or records were deleted that it had not read. The shard
    /// begins anew, where the log begins now.
    #[error("the log of shard {shard} is no longer the one that it has read")]
    LogChanged {
        /// The partition number.
        shard: i32,
    },
    /// Outside system, **outcome unknown** until it is looked up: a transaction failed.
    #[error(
        "a transaction failed; check that the cluster's transaction coordinator runs and that this user may use it"
    )]
    Transactions(#[source] KafkaError),
    /// Us: offsets could not be listed.
    #[error("the offsets of a transaction could not be listed")]
    Commit(#[source] KafkaError),
    /// Outside system: another engine works on the shard. Whoever the group gives it to goes on.
    #[error(
        "shard {shard} is no longer this engine's: another one has taken it over, or Kafka gave up its transaction after transaction.timeout.ms"
    )]
    Overtaken {
        /// The partition number.
        shard: i32,
    },
    /// Configuration: an edited pipeline that the engine cannot go over to while it runs.
    #[error(transparent)]
    Succession(#[from] NoSuccession),
    /// Us, or damage: the state that was restored does not lead where the journal says. It is rebuilt from the log.
    #[error("shard {shard} cannot step its journal again, at step {sequence}: {what}")]
    Diverged {
        /// The partition number.
        shard: i32,
        /// Of the step.
        sequence: u64,
        /// What went wrong.
        what: &'static str,
    },
    /// Configuration or us: the pipeline fails over data.
    #[error("shard {shard} failed")]
    Step {
        /// The partition number.
        shard: i32,
        /// Why.
        source: StepError,
    },
    /// Usage: there is no such alert in the alerts topic.
    #[error("no alert {id} is in the alerts topic; its retention may have passed")]
    NoSuchAlert {
        /// As it was given.
        id: String,
    },
    /// The log no longer holds what an alert was derived from.
    #[error("the alert cannot be derived again: {reason}")]
    NotDerivable {
        /// What is missing.
        reason: String,
    },
    /// Outside system: snapshots cannot be had, where an alert is to be derived from one.
    #[error("snapshots cannot be read")]
    Store(#[source] StoreError),
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

// === impl EngineError ===

impl EngineError {
    /// Why librdkafka makes no client.
    pub(crate) fn client(error: KafkaError) -> Self {
        match error {
            KafkaError::ClientConfig(_, reason, name, value) => Self::Setting {
                name,
                reason: if value.is_empty() {
                    reason
                } else {
                    reason.replace(&value, "…")
                },
            },
            error => Self::Client(error),
        }
    }

    /// This, or where a permission is missing, that.
    pub(crate) fn or_not_allowed(self) -> Self {
        use RDKafkaErrorCode::{
            ClusterAuthorizationFailed, GroupAuthorizationFailed, TopicAuthorizationFailed,
            TransactionalIdAuthorizationFailed,
        };
        let code = match &self {
            Self::Consume(source)
            | Self::Produce { source, .. }
            | Self::Committed(source)
            | Self::Journal(source)
            | Self::Transactions(source) => source.rdkafka_error_code(),
            _ => None,
        };
        let what = match code {
            Some(ClusterAuthorizationFailed) => "the cluster",
            Some(GroupAuthorizationFailed) => "the group (--group)",
            Some(TopicAuthorizationFailed) => "a topic (--topic)",
            Some(TransactionalIdAuthorizationFailed) => "the transactional id (--transactional-id)",
            _ => return self,
        };
        Self::NotAllowed {
            what,
            source: Box::new(self),
        }
    }

    /// Whether trying again mends nothing.
    pub(crate) fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Client(_)
                | Self::Setting { .. }
                | Self::NotAllowed { .. }
                | Self::MissingTopics { .. }
                | Self::JournalLost { .. }
        )
    }
}
