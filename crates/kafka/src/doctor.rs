//! Whether an engine could run on a cluster, and how those that run fare: looked at from outside, with nothing changed and
//! nobody disturbed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::{Offset, TopicPartitionList};
use wardwatch_event_time::Timestamp;

use crate::recovery::has_committed;
use crate::topics::{PATIENCE, Size};
use crate::worker::now;
use crate::{
    EngineClock, EngineConfig, EngineError, JournalRecord, SystemClock, contact, plan_topics, settings,
};

/// How far clocks may be apart before somebody should look.
const APART: f64 = 1.0;

/// So many places from its end the journal is read: the last are markers of transactions.
const BACK: i64 = 20;

/// How long one look takes when nothing comes.
const LOOK: Duration = Duration::from_millis(100);

/// After which time without a step an engine does not run.
const STALE: f64 = 15.0;

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

/// Looks at brokers, topics, permissions and clocks. What needs a broker that does not answer is left out.
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
    let looks: [(&'static str, Look); 5] = [
        ("topics", topics),
        ("group", group),
        ("transactions", transactions),
        ("clocks", clocks),
        ("versions", versions),
    ];
    findings.extend(looks.map(|(what, look)| Finding {
        what,
        found: look(config),
    }));
    findings
}

/// Whether the topics can keep what the engine promises.
fn topics(config: &EngineConfig) -> Result<String, Wrong> {
    // Only what is there is looked at; the size is that of topics that are created.
    let size = Size {
        partitions: 1,
        replication: 1,
    };
    let plan = plan_topics(
        &config.brokers,
        &config.settings,
        &config.pipeline,
        &config.topics,
        size,
    )?;
    let changes: Vec<String> = plan
        .changes
        .iter()
        .map(|change| format!("\n    {change}"))
        .collect();
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

/// The newest step of a shard, with the time when the broker took it.
type Step = (Timestamp, JournalRecord);

/// By shard, its newest step.
fn newest_steps(config: &EngineConfig) -> Result<BTreeMap<i32, Step>, Wrong> {
    let consumer: BaseConsumer = settings::consumer(&config.brokers, &config.group, &config.settings)
        .create()
        .map_err(EngineError::client)?;
    let journal = &config.topics.journal;
    let failed = |error| EngineError::Journal(error).or_not_allowed();
    let metadata = consumer.fetch_metadata(Some(journal), PATIENCE).map_err(failed)?;
    let partitions = metadata
        .topics()
        .first()
        .map_or(0, |topic| topic.partitions().len());
    let mut assignment = TopicPartitionList::new();
    for shard in 0..partitions as i32 {
        assignment
            .add_partition_offset(journal, shard, Offset::OffsetTail(BACK))
            .map_err(failed)?;
    }
    consumer.assign(&assignment).map_err(failed)?;
    let mut newest: BTreeMap<i32, Step> = BTreeMap::new();
    let mut at_end = 0;
    let begun = now();
    while begun.elapsed() < PATIENCE && at_end < partitions {
        let message = match consumer.poll(LOOK) {
            Some(Ok(message)) => message,
            Some(Err(KafkaError::PartitionEOF(_))) => {
                at_end += 1;
                continue;
            }
            Some(Err(error)) => return Err(failed(error).into()),
            None => continue,
        };
        let taken = Timestamp::from_millis(message.timestamp().to_millis().unwrap_or(0));
        let record = message
            .payload()
            .and_then(|payload| serde_json::from_slice(payload).ok());
        if let Some(record) = record {
            newest.insert(message.partition(), (taken, record));
        }
    }
    Ok(newest)
}

/// When the broker took the newest step, when its engine thinks it was, and how long that is ago.
fn clocks(config: &EngineConfig) -> Result<String, Wrong> {
    let newest = newest_steps(config)?
        .into_values()
        .max_by_key(|(taken, _)| *taken);
    let Some((taken, record)) = newest else {
        return Ok("unknown: no step is in the journal yet".to_owned());
    };
    let ago = (SystemClock.now() - taken).secs_f64();
    let apart = (record.at - taken).secs_f64();
    if ago < -APART {
        return Err(Wrong::from(format!(
            "this host's clock is {:.1} s behind the brokers': set it, by NTP",
            -ago
        )));
    }
    if apart.abs() > APART {
        return Err(Wrong::from(format!(
            "an engine's clock and its broker's are {:.1} s apart: set both, by NTP",
            apart.abs()
        )));
    }
    match ago > STALE {
        true => Ok(format!(
            "the newest step is {ago:.0} s old: no engine runs, or this host's clock is ahead"
        )),
        false => Ok(format!(
            "the newest step is {ago:.1} s old; its engine's clock and the broker's agree to {:.3} s",
            apart.abs()
        )),
    }
}

/// Which version of the pipeline runs, and whether it is one.
fn versions(config: &EngineConfig) -> Result<String, Wrong> {
    let now = SystemClock.now();
    let is_live = |(taken, _): &Step| (now - *taken).secs_f64() <= STALE;
    let live: Vec<Step> = newest_steps(config)?.into_values().filter(is_live).collect();
    if live.iter().any(|(_, record)| record.edit_refused) {
        return Err(
            "an edit of the pipeline's file is refused, and the version before it goes on: `wardwatch validate` tells what is wrong \
             with the file, `wardwatch rollback` lets it say again what runs"
                .into(),
        );
    }
    let versions: BTreeSet<u32> = live.iter().map(|(_, record)| record.pipeline_version).collect();
    let ours = config.pipeline.version;
    match Vec::from_iter(versions)[..] {
        [] => Ok("unknown: no engine runs".to_owned()),
        [one] if one == ours => Ok(format!("every shard runs version {one}")),
        [one] => Ok(format!(
            "every shard runs version {one}; this file says version {ours}"
        )),
        ref several => Err(format!(
            "shards run versions {several:?}: the engines of the group have different files, and each shard that moves goes over to \
             another version; give all of them the same"
        )
        .into()),
    }
}
