//! Topics as they are on a cluster: looked at, created, changed.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use futures::executor::block_on;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, ConfigResource, ConfigSource, NewTopic, OwnedResourceSpecifier,
    ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::KafkaResult;
use rdkafka::metadata::{Metadata, MetadataTopic};
use rdkafka::types::RDKafkaErrorCode;
use wardwatch_pipeline::Pipeline;

use super::plan::{Change, Found, Plan};
use super::wanted::{Wanted, wanted};
use super::{PATIENCE, Size, TopicNames};
use crate::recovery::has_committed;
use crate::worker::now;
use crate::{ClientSettings, EngineConfig, EngineError, contact, settings};

/// Between two looks for topics that were created.
const LOOK: Duration = Duration::from_millis(50);

type Admin = AdminClient<DefaultClientContext>;

/// What is to be done on a cluster so that a pipeline can run on it. Blocks.
///
/// # Errors
/// [`EngineError`] when no broker answers, or the pipeline names a topic twice.
pub fn find(
    brokers: &str,
    more: &ClientSettings,
    pipeline: &Pipeline,
    names: &TopicNames,
    size: Size,
) -> Result<Plan, EngineError> {
    let metadata = contact::metadata(brokers, more)?;
    let admin = admin(brokers, more)?;
    look(Some(&admin), &metadata, pipeline, names, size).map(|(plan, _)| plan)
}

/// Does what a plan says: creates topics and changes settings. Blocks.
///
/// # Errors
/// [`EngineError`]: the cluster does not answer or refuses; or partitions differ, which nobody but a person can mend.
pub fn apply(brokers: &str, more: &ClientSettings, plan: &Plan) -> Result<(), EngineError> {
    let admin = admin(brokers, more)?;
    for change in &plan.changes {
        match change {
            Change::Create { .. } => create(&admin, brokers, change)?,
            Change::Set {
                topic, setting, to, ..
            } => set(&admin, brokers, topic, setting, to)?,
            Change::Repartition { .. } => {
                return Err(EngineError::Topics {
                    problems: vec![change.to_string()],
                });
            }
        }
    }
    wait_for(&admin, brokers, plan)
}

/// Waits until the cluster shows what was created: brokers learn of it one after the other.
fn wait_for(admin: &Admin, brokers: &str, plan: &Plan) -> Result<(), EngineError> {
    let created = plan.changes.iter().filter_map(|change| match change {
        Change::Create { topic, .. } => Some(topic.as_str()),
        _ => None,
    });
    let mut unseen: BTreeSet<&str> = created.collect();
    let begun = now();
    while !unseen.is_empty() {
        if begun.elapsed() > PATIENCE {
            let names = unseen.into_iter().map(str::to_owned).collect();
            return Err(EngineError::MissingTopics { names });
        }
        thread::sleep(LOOK);
        let metadata = admin.inner().fetch_metadata(None, PATIENCE);
        let metadata = metadata.map_err(|source| unreachable(brokers, source))?;
        let has_leaders = |topic: &MetadataTopic| topic.partitions().iter().all(|of| of.leader() >= 0);
        let shown = metadata.topics().iter().filter(|topic| has_leaders(topic));
        shown.for_each(|topic| {
            unseen.remove(topic.name());
        });
    }
    Ok(())
}

/// Whether the topics can keep the promise.
pub(crate) fn check(config: &EngineConfig) -> Result<(), EngineError> {
    let metadata = contact::metadata(&config.brokers, &config.settings)?;
    let admin = admin(&config.brokers, &config.settings)?;
    let as_is = Size {
        partitions: 1,
        replication: 1,
    };
    let admin = (!config.trusts_topics).then_some(&admin);
    let (plan, are_told) = look(admin, &metadata, &config.pipeline, &config.topics, as_is)?;
    let missing = plan.changes.iter().filter_map(|change| match change {
        Change::Create { topic, .. } => Some(topic.clone()),
        _ => None,
    });
    let missing: Vec<String> = missing.collect();
    if !missing.is_empty() {
        return Err(EngineError::MissingTopics { names: missing });
    }
    // Partitions that somebody has added to a topic of shards that have run: they go on, and that is told.
    let is_added = |change: &Change| match change {
        Change::Repartition {
            found,
            first,
            expected,
            ..
        } => *first == config.topics.journal && found > expected,
        _ => false,
    };
    let (added, wrong): (Vec<&Change>, Vec<&Change>) =
        plan.changes.iter().partition(|change| is_added(change));
    if !wrong.is_empty() || (!added.is_empty() && !has_run(config)?) {
        let problems = plan.changes.iter().map(ToString::to_string).collect();
        return Err(EngineError::Topics { problems });
    }
    if are_told && !plan.unseen.is_empty() {
        return Err(EngineError::Unseen { names: plan.unseen });
    }
    Ok(())
}

/// Whether any shard has ever stepped anything.
fn has_run(config: &EngineConfig) -> Result<bool, EngineError> {
    let journal = contact::metadata(&config.brokers, &config.settings)?;
    let journal = journal
        .topics()
        .iter()
        .find(|topic| topic.name() == config.topics.journal);
    let shards = journal.map_or(0, |journal| journal.partitions().len());
    for shard in 0..shards as i32 {
        if has_committed(config, shard)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The plan, and whether the cluster has answered about settings.
fn look(
    admin: Option<&Admin>,
    metadata: &Metadata,
    pipeline: &Pipeline,
    names: &TopicNames,
    size: Size,
) -> Result<(Plan, bool), EngineError> {
    let wanted = wanted(pipeline, names);
    let mut all: Vec<&str> = wanted.iter().map(|topic| topic.name.as_str()).collect();
    all.sort_unstable();
    if let Some(twice) = all.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(EngineError::TopicTwice {
            topic: twice[0].to_owned(),
        });
    }
    let mut found = BTreeMap::new();
    for topic in metadata.topics() {
        if all.contains(&topic.name()) && !topic.partitions().is_empty() {
            let partitions = topic.partitions().len();
            let copies = topic.partitions().iter().map(|of| of.replicas().len()).min();
            found.insert(
                topic.name().to_owned(),
                Found {
                    partitions,
                    copies: copies.map_or(1, |copies| copies as i32),
                    settings: None,
                },
            );
        }
    }
    let are_told = admin.is_some_and(|admin| see_settings(admin, &wanted, &mut found));
    Ok((Plan::new(&wanted, &found, size), are_told))
}

/// Adds the settings of the topics, where the cluster tells them. Returns whether it has answered.
fn see_settings(admin: &Admin, wanted: &[Wanted], found: &mut BTreeMap<String, Found>) -> bool {
    let names: Vec<&str> = wanted
        .iter()
        .map(|topic| topic.name.as_str())
        .filter(|name| found.contains_key(*name))
        .collect();
    let resources = match described(admin, &names) {
        Ok(resources) => resources,
        Err(error) => {
            tracing::warn!(%error, "the cluster does not answer about the settings of topics, so they are not checked");
            return false;
        }
    };
    for resource in resources {
        // Where this user may not see them there are none.
        if !resource.entries.is_empty()
            && let OwnedResourceSpecifier::Topic(name) = &resource.specifier
            && let Some(topic) = found.get_mut(name)
        {
            let entries = resource.entries.iter();
            let set = entries.filter_map(|entry| Some((entry.name.clone(), entry.value.clone()?)));
            topic.settings = Some(set.collect());
        }
    }
    true
}

/// The settings of topics, as far as this user may see them.
fn described(admin: &Admin, topics: &[&str]) -> KafkaResult<Vec<ConfigResource>> {
    if topics.is_empty() {
        return Ok(Vec::new());
    }
    let wanted: Vec<ResourceSpecifier<'_>> =
        topics.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
    let described = block_on(admin.describe_configs(&wanted, &options()))?;
    Ok(described.into_iter().filter_map(Result::ok).collect())
}

fn create(admin: &Admin, brokers: &str, change: &Change) -> Result<(), EngineError> {
    let Change::Create {
        topic,
        partitions,
        replication,
        settings,
    } = change
    else {
        return Ok(());
    };
    let new = NewTopic::new(topic, *partitions, TopicReplication::Fixed(*replication));
    let new = settings
        .iter()
        .fold(new, |new, (name, value)| new.set(name, value));
    let created = block_on(admin.create_topics([&new], &options()));
    for outcome in created.map_err(|source| unreachable(brokers, source))? {
        match outcome {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, RDKafkaErrorCode::InvalidReplicationFactor)) => {
                let reason = format!(
                    "the cluster has fewer than {replication} brokers to keep copies on; give a smaller --replication"
                );
                return Err(EngineError::CreateTopic { topic, reason });
            }
            Err((topic, code)) => {
                let reason = code.to_string();
                return Err(EngineError::CreateTopic { topic, reason });
            }
        }
    }
    Ok(())
}

/// Changes one setting. The call replaces all settings of a topic, so the others are given as they are.
fn set(admin: &Admin, brokers: &str, topic: &str, setting: &str, to: &str) -> Result<(), EngineError> {
    let not_set = |why: &str| EngineError::Topics {
        problems: vec![format!(
            "topic {topic}: {setting} could not be set to {to} ({why}); set it with `kafka-configs --alter --topic {topic} --add-config {setting}={to}`"
        )],
    };
    let resources = described(admin, &[topic]).map_err(|error| not_set(&error.to_string()))?;
    if resources.is_empty() {
        return Err(not_set("the others cannot be read, and would be lost"));
    }
    let entries = resources.iter().flat_map(|resource| &resource.entries);
    let own =
        entries.filter(|entry| matches!(entry.source, ConfigSource::DynamicTopic) && entry.name != setting);
    let own: Vec<(&str, &str)> = own
        .filter_map(|entry| Some((entry.name.as_str(), entry.value.as_deref()?)))
        .collect();
    let config = AlterConfig::new(ResourceSpecifier::Topic(topic)).set(setting, to);
    let config = own
        .into_iter()
        .fold(config, |config, (name, value)| config.set(name, value));
    let altered = block_on(admin.alter_configs([&config], &options()));
    for outcome in altered.map_err(|source| unreachable(brokers, source))? {
        if let Err((_, code)) = outcome {
            return Err(not_set(&code.to_string()));
        }
    }
    Ok(())
}

fn admin(brokers: &str, more: &ClientSettings) -> Result<Admin, EngineError> {
    settings::admin(brokers, more)
        .create()
        .map_err(EngineError::client)
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(PATIENCE))
        .operation_timeout(Some(PATIENCE))
}

fn unreachable(brokers: &str, source: rdkafka::error::KafkaError) -> EngineError {
    EngineError::Unreachable {
        brokers: brokers.to_owned(),
        reason: source.to_string(),
    }
}
