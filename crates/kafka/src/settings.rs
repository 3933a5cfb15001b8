//! What librdkafka is told to do differently, and why.
//!
//! Its defaults are made for throughput with seconds of patience; an alert has two seconds from data to screen.

use std::collections::BTreeMap;

use rdkafka::ClientConfig;

use crate::EngineError;

/// What nobody else may set, and the argument that is meant instead. Any other value of these would break what the engine
/// promises: nothing lost, nothing told twice, every patient in the shard of its key.
const OWN: [(&str, &str); 18] = [
    ("bootstrap.servers", "--brokers"),
    ("metadata.broker.list", "--brokers"),
    ("group.id", "--group"),
    ("group.instance.id", "--instance"),
    ("transactional.id", "--group"),
    ("group.protocol", ""),
    ("partition.assignment.strategy", ""),
    ("partitioner", ""),
    ("isolation.level", ""),
    ("enable.idempotence", ""),
    ("enable.gapless.guarantee", ""),
    ("acks", ""),
    ("request.required.acks", ""),
    ("enable.auto.commit", ""),
    ("enable.auto.offset.store", ""),
    ("auto.offset.reset", ""),
    ("enable.partition.eof", ""),
    ("allow.auto.create.topics", ""),
];

/// Further settings of librdkafka by name, such as `security.protocol`; they come last and win.
pub type ClientSettings = BTreeMap<String, String>;

/// Both directions: come back within a second after a broker did.
const BOTH: [(&str, &str); 4] = [
    ("client.id", "wardwatch"),
    ("reconnect.backoff.ms", "50"),
    ("reconnect.backoff.max.ms", "1000"),
    ("allow.auto.create.topics", "false"),
];

/// Of the engine in its group: gone for six seconds is gone.
const MEMBER: [(&str, &str); 3] = [
    ("partition.assignment.strategy", "range"),
    ("session.timeout.ms", "6000"),
    ("heartbeat.interval.ms", "1500"),
];

/// An open transaction holds up whoever reads only what is committed, so none stays open for long.
const TRANSACTIONAL: [(&str, &str); 2] = [("transaction.timeout.ms", "5000"), ("message.timeout.ms", "4500")];

const CONSUMER: [(&str, &str); 10] = [
    // Offsets are committed in the transaction of their outputs (LOG-1).
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "earliest"),
    // The end of a partition has to be known: only there may a tick advance log time.
    ("enable.partition.eof", "true"),
    // That it is reached, librdkafka learns from an empty answer; data is sent at once, however long this is.
    ("fetch.wait.max.ms", "20"),
    ("fetch.min.bytes", "1"),
    // A full local queue is looked at again after 10 ms instead of 1 s; so is a failed fetch.
    ("fetch.queue.backoff.ms", "10"),
    ("fetch.error.backoff.ms", "50"),
    // Bounds on what is read ahead; with queues of their own they hold for each partition.
    ("queued.min.messages", "50000"),
    ("queued.max.messages.kbytes", "32768"),
];

const PRODUCER: [(&str, &str); 7] = [
    // No record twice and none out of order because of librdkafka's own retries.
    ("enable.idempotence", "true"),
    ("acks", "all"),
    // A bundle is complete when it is sent: nothing more is worth waiting for.
    ("linger.ms", "0"),
    ("compression.type", "lz4"),
    ("message.timeout.ms", "30000"),
    ("queue.buffering.max.messages", "200000"),
    // A patient's records lie in the same partition as those of Java producers.
    ("partitioner", "murmur2_random"),
];

/// Whether settings leave alone what the engine's promises rest on.
///
/// # Errors
/// [`EngineError::OwnSetting`]
pub fn check_settings(more: &ClientSettings) -> Result<(), EngineError> {
    match OWN.iter().find(|(name, _)| more.contains_key(*name)) {
        None => Ok(()),
        Some((name, instead)) => Err(EngineError::OwnSetting { name, instead }),
    }
}

/// A consumer's settings.
pub(crate) fn consumer(brokers: &str, group: &str, more: &ClientSettings) -> ClientConfig {
    let mut config = both(brokers);
    config.set("group.id", group);
    set_all(&mut config, &CONSUMER);
    with(config, more)
}

/// The settings of an engine in its group; `instance` is its name there, if it has one of its own.
pub(crate) fn member(
    brokers: &str,
    group: &str,
    instance: Option<&str>,
    more: &ClientSettings,
) -> ClientConfig {
    let mut config = consumer(brokers, group, &ClientSettings::new());
    set_all(&mut config, &MEMBER);
    if let Some(instance) = instance {
        config.set("group.instance.id", instance);
    }
    with(config, more)
}

/// The settings of a shard's producer.
pub(crate) fn transactional(brokers: &str, id: &str, more: &ClientSettings) -> ClientConfig {
    let mut config = producer(brokers, &ClientSettings::new());
    set_all(&mut config, &TRANSACTIONAL);
    config.set("transactional.id", id);
    with(config, more)
}

/// A producer's settings.
pub(crate) fn producer(brokers: &str, more: &ClientSettings) -> ClientConfig {
    let mut config = both(brokers);
    set_all(&mut config, &PRODUCER);
    with(config, more)
}

/// An administrator's settings.
pub(crate) fn admin(brokers: &str, more: &ClientSettings) -> ClientConfig {
    with(both(brokers), more)
}

fn both(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    set_all(&mut config, &BOTH);
    config
}

fn set_all(config: &mut ClientConfig, settings: &[(&str, &str)]) {
    for (name, value) in settings {
        config.set(*name, *value);
    }
}

fn with(mut config: ClientConfig, more: &ClientSettings) -> ClientConfig {
    for (name, value) in more {
        config.set(name, value);
    }
    config
}
