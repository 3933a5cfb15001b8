//! Whether an engine could run on a cluster, and how those that run fare: looked at from outside, with nothing changed and
//! nobody disturbed. A running engine looks at the same, by the same checks ([`notice`]).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::thread;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, Producer};
use wardwatch_alarms::SystemCondition;
use wardwatch_event_time::Timestamp;

use crate::conditions::{
    Condition, LogFacts, NewestSteps, Probe, STALLED, Stalls, TopicFacts, clocks, counts, live, newest_keys,
    newest_steps, versions,
};
use crate::log_reader::read_all;
use crate::recovery::has_committed;
use crate::topics::{Change, PATIENCE, Plan, Size};
use crate::worker::now;
use crate::{EngineClock, EngineConfig, EngineError, SystemClock, contact, plan_topics, settings};

/// What a look of a running engine finds wrong.
type Notice<'l> = &'l dyn Fn() -> Result<Vec<Condition>, EngineError>;

/// What is found, or what is wrong.
type Look = fn(&EngineConfig) -> Result<String, Wrong>;

/// An error, or a sentence that says what is wrong and how it is mended.
pub type Wrong = Box<dyn std::error::Error + Send + Sync>;

/// Something that was looked at.
#[derive(Debug)]
pub struct Finding {
    /// What.
    pub what: &'static str,
    /// What was found, or what is wrong.
    pub found: Result<String, Wrong>,
}

/// Looks at brokers, topics, permissions, the log and clocks. What needs a broker that does not answer is left out.
pub fn examine(config: &EngineConfig) -> Vec<Finding> {
    let answer = contact::metadata(&config.brokers, &config.settings);
    let is_there = answer.is_ok();
    let mut findings = vec![Finding {
        what: "brokers",
        found: answer
            .map(|metadata| format!("{} answer", metadata.brokers().len()))
            .map_err(Wrong::from),
    }];
    if !is_there {
        return findings;
    }
    let looks: [(&'static str, Look); 6] = [
        ("topics", topics),
        ("group", group),
        ("transactions", transactions),
        ("log", log),
        ("clocks", clocks_agree),
        ("versions", one_version),
    ];
    findings.extend(looks.map(|(what, look)| Finding {
        what,
        found: look(config),
    }));
    findings
}

/// What a running engine notices besides what it sees of the log all the time: topics' settings, clocks, versions, the newest
/// keys, the place of snapshots. A look that fails says nothing: that no broker answers is noticed elsewhere.
pub(crate) fn notice(
    config: &EngineConfig,
    topics: &BTreeMap<String, TopicFacts>,
    shards: &[i32],
) -> Vec<Condition> {
    let looks: [(&str, Notice<'_>); 3] = [
        ("settings", &|| match config.trusts_topics {
            true => Ok(Vec::new()),
            false => Ok(plan(config)?.changes.iter().filter_map(setting).collect()),
        }),
        ("steps", &|| {
            let (newest, now) = (newest_steps(config)?, SystemClock.now());
            let apart = match config.clock.is_of_brokers() {
                true => clocks(&newest, &config.topics.journal, now),
                false => Vec::new(),
            };
            Ok(apart.into_iter().chain(versions(&newest, now)).collect())
        }),
        ("keys", &|| misplaced(config, topics, shards)),
    ];
    let look = |(what, look): (&str, Notice<'_>)| {
        look().unwrap_or_else(|error| {
            tracing::debug!(
                what,
                error = &error as &dyn std::error::Error,
                "it cannot be looked at now"
            );
            Vec::new()
        })
    };
    let store = config.snapshots.as_ref().and_then(|store| store.check().err());
    let store = store.map(|error| Condition::SnapshotStore {
        reason: error.to_string(),
    });
    looks.into_iter().flat_map(look).chain(store).collect()
}

/// Which topics are missing or have another number of partitions than there are shards.
pub(crate) fn topic_counts(config: &EngineConfig, topics: &BTreeMap<String, TopicFacts>) -> Vec<Condition> {
    let names = &config.topics;
    let shared = names.shared(&config.pipeline);
    let outputs = names.outputs().into_iter();
    let others: Vec<&str> = outputs.filter(|topic| !shared.contains(topic)).collect();
    let facts = LogFacts {
        topics: topics.clone(),
        ..LogFacts::default()
    };
    counts(&facts, &names.journal, &shared, &others)
}

fn plan(config: &EngineConfig) -> Result<Plan, EngineError> {
    // Only what is there is looked at; the size is that of topics that are created.
    let size = Size {
        partitions: 1,
        replication: 1,
    };
    plan_topics(
        &config.brokers,
        &config.settings,
        &config.pipeline,
        &config.topics,
        size,
    )
}

fn setting(change: &Change) -> Option<Condition> {
    match change {
        Change::Set { topic, setting, .. } => Some(Condition::TopicSettings {
            topic: topic.clone(),
            setting: setting.clone(),
            problem: change.to_string(),
        }),
        Change::Create { .. } | Change::Repartition { .. } => None,
    }
}

/// Whether the topics can keep what the engine promises. Their partitions are looked at with the log.
fn topics(config: &EngineConfig) -> Result<String, Wrong> {
    let plan = plan(config)?;
    let changes = plan.changes.iter();
    let changes = changes.filter(|change| !matches!(change, Change::Repartition { .. }));
    let changes: Vec<String> = changes.map(|change| format!("\n    {change}")).collect();
    match (changes.is_empty(), plan.unseen.is_empty()) {
        (true, true) => Ok("they can keep what the engine promises".to_owned()),
        (true, false) => Err(Wrong::from(format!(
            "the settings of {} are not shown to this user; allow DescribeConfigs, as `wardwatch topics plan` prints it",
            plan.unseen.join(", ")
        ))),
        (false, _) => Err(Wrong::from(format!(
            "`wardwatch topics apply` sets what it can:{}",
            changes.concat()
        ))),
    }
}

/// Whether this user may use the group.
fn group(config: &EngineConfig) -> Result<String, Wrong> {
    // Whether it has is no matter; that it may be asked is.
    has_committed(config, 0)?;
    let consumer: BaseConsumer = settings::consumer(&config.brokers, &config.group, &config.settings)
        .create()
        .map_err(EngineError::client)?;
    let members = consumer
        .fetch_group_list(Some(&config.group), PATIENCE)
        .map_err(|error| EngineError::Committed(error).or_not_allowed())?;
    let engines = members.groups().first().map_or(0, |group| group.members().len());
    Ok(format!(
        "{} may be used; {engines} engines are in it",
        config.group
    ))
}

/// Whether this user may use transactions. An id of its own fences no engine.
fn transactions(config: &EngineConfig) -> Result<String, Wrong> {
    let id = format!("{}-doctor", config.group);
    let producer: BaseProducer = settings::transactional(&config.brokers, &id, &config.settings)
        .create()
        .map_err(EngineError::client)?;
    producer
        .init_transactions(PATIENCE)
        .map_err(|error| EngineError::Transactions(error).or_not_allowed())?;
    Ok("a coordinator answers, and they may be used; writing to topics was not tried".to_owned())
}

/// What is right, or all that is wrong.
fn verdict(wrong: &[String], right: impl FnOnce() -> String) -> Result<String, Wrong> {
    match wrong.is_empty() {
        true => Ok(right()),
        false => Err(Wrong::from(wrong.join("\n    "))),
    }
}

/// Each with its code, its place and its remedy.
fn lines(conditions: &[Condition]) -> Vec<String> {
    let line = |condition: &Condition| {
        let (code, place) = (condition.code(), condition.place());
        format!("{code} {place}: {condition}. Fix: {}", condition.remedy())
    };
    conditions.iter().map(line).collect()
}

/// Whether the log is what engines take it for.
fn log(config: &EngineConfig) -> Result<String, Wrong> {
    let names = &config.topics;
    let inputs = names.inputs(&config.pipeline);
    let all: Vec<&str> = inputs.iter().copied().chain(names.outputs()).collect();
    let probe = Probe::new(config)?;
    let topics = probe.topics(&all)?;
    let shards: Vec<i32> = (0..topics.get(&names.journal).map_or(0, |journal| journal.partitions)).collect();
    let newest = newest_steps(config)?;
    let mut found = topic_counts(config, &topics);
    found.extend(misplaced(config, &topics, &shards)?);
    let mut read = topics;
    read.retain(|topic, _| inputs.contains(&topic.as_str()));
    let look = || -> Result<LogFacts, EngineError> {
        let partitions = probe.partitions(&read, &shards)?;
        Ok(LogFacts {
            topics: read.clone(),
            partitions,
        })
    };
    let facts = look()?;
    for (shard, step) in &newest {
        let stood = (&step.log, &step.offsets, step.log_time);
        let changed = probe.breaks(&facts, &inputs, *shard, stood)?.into_iter();
        found.extend(changed.map(|broken| broken.condition));
    }
    let mut stalls = Stalls::default();
    stalls.look(&facts, now());
    if facts.partitions.values().any(|found| found.stable < found.end) {
        // Whether that stands still is seen by looking again.
        thread::sleep(STALLED);
        stalls.look(&look()?, now());
        found.extend(stalls.conditions());
    }
    let mut wrong = lines(&found);
    wrong.extend(told_by_engines(config, &newest, &found)?);
    verdict(&wrong, || {
        "topics, offsets and keys are what the engines take them for".to_owned()
    })
}

/// Records that lie where their keys do not put them.
fn misplaced(
    config: &EngineConfig,
    topics: &BTreeMap<String, TopicFacts>,
    shards: &[i32],
) -> Result<Vec<Condition>, EngineError> {
    let inputs = config.topics.inputs(&config.pipeline);
    let read = inputs
        .iter()
        .filter_map(|topic| Some((*topic, topics.get(*topic)?.clone())));
    let shard_count = topics
        .get(&config.topics.journal)
        .map_or(0, |journal| journal.partitions);
    let now = SystemClock.now();
    let newest = newest_keys(config, &read.collect(), shards, shard_count)?;
    let found = newest
        .iter()
        .flat_map(|((topic, partition), keys)| keys.conditions(topic, *partition, now));
    Ok(found.collect())
}

/// What engines that run have noticed and told, beyond what is found here.
fn told_by_engines(
    config: &EngineConfig,
    newest: &NewestSteps,
    found: &[Condition],
) -> Result<Vec<String>, EngineError> {
    if live(newest, SystemClock.now()).next().is_none() {
        return Ok(Vec::new());
    }
    let writer = format!("engine/{}", config.group);
    let mut told: BTreeMap<String, SystemCondition> = BTreeMap::new();
    read_all(
        &config.brokers,
        &config.settings,
        &config.topics.conditions,
        |message| {
            let payload = message.payload().unwrap_or_default();
            if let Ok(record) = serde_json::from_slice::<SystemCondition>(payload) {
                told.insert(record.key(), record);
            }
            ControlFlow::Continue(())
        },
    )?;
    let known: BTreeSet<(&str, String)> = found.iter().map(|one| (one.code(), one.place())).collect();
    let told = told.values().filter(|record| {
        let key = (record.kind.as_str(), record.place.clone());
        record.active && record.writer == writer && !known.contains(&key)
    });
    let line = |record: &SystemCondition| {
        let SystemCondition {
            kind,
            place,
            text,
            remedy,
            since,
            ..
        } = record;
        format!("{kind} {place}: {text}. Fix: {remedy}. An engine has noticed it at {since}")
    };
    Ok(told.map(line).collect())
}

/// Whether the clocks of hosts and brokers agree.
fn clocks_agree(config: &EngineConfig) -> Result<String, Wrong> {
    let (newest, now) = (newest_steps(config)?, SystemClock.now());
    let Some(last) = newest.values().max_by_key(|step| step.taken) else {
        return Ok("unknown: no step is in the journal yet".to_owned());
    };
    let ago = (now - last.taken).secs_f64();
    verdict(
        &lines(&clocks(&newest, &config.topics.journal, now)),
        || match live(&newest, now).next().is_none() {
            true => {
                format!("the newest step is {ago:.0} s old: no engine runs, or this host's clock is ahead")
            }
            false => format!(
                "the newest step is {ago:.1} s old; its engine's clock and the broker's agree to {:.3} s",
                (last.at - last.taken).secs_f64().abs()
            ),
        },
    )
}

/// Which version of the pipeline runs, and whether it is one.
fn one_version(config: &EngineConfig) -> Result<String, Wrong> {
    let (newest, now): (_, Timestamp) = (newest_steps(config)?, SystemClock.now());
    let ours = config.pipeline.version;
    verdict(&lines(&versions(&newest, now)), || {
        match live(&newest, now).next().map(|(_, step)| step.version) {
            None => "unknown: no engine runs".to_owned(),
            Some(one) if one == ours => format!("every shard runs version {one}"),
            Some(one) => format!("every shard runs version {one}; this file says version {ours}"),
        }
    })
}
