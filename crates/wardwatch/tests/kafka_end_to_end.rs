//! The engine against a real Kafka: alerts once and as an in-process run gives them, bad records whole in quarantine.
//!
//! Needs a broker: `WARDWATCH_TEST_BROKERS=HOST:PORT cargo test --workspace --test kafka_end_to_end -- --ignored`.
#![allow(
    clippy::disallowed_methods,
    reason = "a test beside a real broker waits in real time"
)]
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message, OwnedMessage};
use rdkafka::{Offset, TopicPartitionList};
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_inference::Models;
use wardwatch_ingest::{Arrival, Record, decode_context, decode_observations};
use wardwatch_kafka::{
    ClientSettings, Engine, EngineClock, EngineConfig, Feed, JournalRecord, SystemClock, TopicNames,
    create_topics,
};
use wardwatch_pipeline::Pipeline;
use wardwatch_shard::{Batch, ContextInput, Outputs, Shard, Wants};
use wardwatch_simulate::{Topic, Ward};

const PIPELINE: &str = include_str!("../../../pipelines/adult-ward.yaml");
const PARTITIONS: i32 = 2;
const BEDS: usize = 24;
const SECONDS: i64 = 85;

/// Records that are no observations, with the reason that quarantine must give.
const BAD: [(&str, &[u8], &str); 9] = [
    ("bad-1", b"{\"patient_id\": \"bad-1\", ", "bad_json"),
    ("bad-2", b"\xff\xfe\x00not text", "bad_utf8"),
    ("bad-3", b"[1, 2, 3]", "not_an_object"),
    ("bad-4", br#"{"patient_id":"bad-4","code":"heart_rate","value":70,"unit":"/min"}"#, "no_time"),
    (
        "bad-5",
        br#"{"patient_id":"bad-5","ts":"2026-01-01T00:00:00Z","code":"mood","value":7,"unit":"1"}"#,
        "unknown_code",
    ),
    (
        "bad-6",
        br#"{"patient_id":"bad-6","ts":"2026-01-01T00:00:00Z","code":"heart_rate","value":70,"unit":"mm[Hg]"}"#,
        "wrong_unit",
    ),
    (
        "bad-7",
        br#"{"patient_id":"bad-7","ts":"2026-01-01T00:00:00Z","code":"heart_rate","value":7000,"unit":"/min"}"#,
        "implausible",
    ),
    (
        "not-bad-8",
        br#"{"patient_id":"bad-8","ts":"2026-01-01T00:00:00Z","code":"heart_rate","value":70,"unit":"/min"}"#,
        "key_mismatch",
    ),
    (
        "bad-9",
        br#"{"patient_id":"bad-9","ts":"2026-01-01 noon","code":"heart_rate","value":70,"unit":"/min"}"#,
        "bad_time",
    ),
];

#[test]
#[ignore = "needs a real Kafka: set WARDWATCH_TEST_BROKERS"]
fn alerts_come_once_and_bad_records_are_kept() {
    let brokers = std::env::var("WARDWATCH_TEST_BROKERS").expect("WARDWATCH_TEST_BROKERS is HOST:PORT");
    let (pipeline, topics) = set_up(&brokers);
    let produced = produce(&brokers, &pipeline, &topics);
    eprintln!("produced {produced} records");

    let group = topics.journal.clone();
    let mut config = EngineConfig::new(&brokers, group, pipeline.clone());
    config.topics = topics.clone();
    let engine = Engine::start(config).unwrap();
    let health = engine.health();
    wait_until("all records are stepped", || {
        assert!(!health.has_ended(), "the engine ended by itself");
        health.stats().records >= produced && health.is_ready()
    });
    // A few ticks, which close what still waits and must be in the journal.
    std::thread::sleep(Duration::from_millis(2_500));
    engine.stop().unwrap();

    let vitals = read(&brokers, &pipeline.sources[0].topic);
    let contexts = read(&brokers, &topics.context);
    let alerts = read(&brokers, &topics.alerts);
    let quarantine = read(&brokers, &topics.quarantine);
    let journal = read(&brokers, &topics.journal);
    eprintln!(
        "{} alerts, {} quarantined, {} steps",
        alerts.len(),
        quarantine.len(),
        journal.len()
    );

    let expected = step_again(&pipeline, &topics, &vitals, &contexts, &journal);
    check_alerts(&alerts, &expected);
    check_quarantine(&quarantine, &expected);
    assert!(!read(&brokers, &topics.scores).is_empty());
}

/// What an in-process run of the same records gives.
#[derive(Default)]
struct Expected {
    alerts: BTreeMap<String, String>,
    /// (partition, offset, reason) of every entry.
    quarantined: BTreeSet<(i32, i64, String)>,
}

fn set_up(brokers: &str) -> (Arc<Pipeline>, TopicNames) {
    let unique = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let prefix = format!("e2e-{}-{unique}.", std::process::id());
    let mut pipeline = Pipeline::parse(PIPELINE, Path::new("models")).unwrap();
    for source in &mut pipeline.sources {
        source.topic = format!("{prefix}{}", source.topic);
    }
    let topics = TopicNames::with_prefix(&prefix);
    create_topics(brokers, &ClientSettings::new(), &pipeline, &topics, PARTITIONS, 1).unwrap();
    (Arc::new(pipeline), topics)
}

/// A minute and a half of a simulated ward, just past, with bad records in between. Returns how many.
fn produce(brokers: &str, pipeline: &Pipeline, topics: &TopicNames) -> u64 {
    let feed = Feed::new(brokers, &ClientSettings::new()).unwrap();
    let source = &pipeline.sources[0].topic;
    let mut ward = Ward::new(7, SystemClock.now() - Span::from_secs(SECONDS + 5), BEDS);
    let mut produced = 0;
    for second in 0..SECONDS {
        for message in ward.next_second() {
            let topic = if message.topic == Topic::Context {
                &topics.context
            } else {
                source
            };
            feed.send(topic, message.key.as_bytes(), &message.payload, message.arrives)
                .unwrap();
            produced += 1;
        }
        if let Some((key, payload, _)) = usize::try_from(second).ok().and_then(|at| BAD.get(at)) {
            feed.send(source, key.as_bytes(), payload, SystemClock.now())
                .unwrap();
            produced += 1;
        }
    }
    feed.finish();
    produced
}

/// Every record of a topic.
fn read(brokers: &str, topic: &str) -> Vec<OwnedMessage> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "e2e-reader")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create()
        .unwrap();
    let mut all = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        all.add_partition_offset(topic, partition, Offset::Beginning)
            .unwrap();
    }
    consumer.assign(&all).unwrap();
    let (mut messages, mut ended) = (Vec::new(), BTreeSet::new());
    let begun = Instant::now();
    while ended.len() < PARTITIONS as usize {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "{topic} was not read to its end"
        );
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => messages.push(message.detach()),
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                ended.insert(partition);
            }
            Some(Err(error)) => panic!("{error}"),
            None => {}
        }
    }
    messages
}

/// Steps fresh shards through the journal.
fn step_again(
    pipeline: &Arc<Pipeline>,
    topics: &TopicNames,
    vitals: &[OwnedMessage],
    contexts: &[OwnedMessage],
    journal: &[OwnedMessage],
) -> Expected {
    let mut expected = Expected::default();
    for partition in 0..PARTITIONS {
        let of_partition = |messages: &[OwnedMessage]| -> Vec<OwnedMessage> {
            messages
                .iter()
                .filter(|message| message.partition() == partition)
                .cloned()
                .collect()
        };
        let (vitals, contexts) = (of_partition(vitals), of_partition(contexts));
        let mut shard = Shard::new(pipeline.clone(), Wants::default());
        let mut models = Models::new(pipeline.models.clone());
        let (mut vitals_done, mut contexts_done) = (0, 0);
        for (sequence, entry) in of_partition(journal).iter().enumerate() {
            let entry: JournalRecord = serde_json::from_slice(entry.payload().unwrap()).unwrap();
            assert_eq!(entry.sequence, sequence as u64, "the journal has no gap");
            let until = |topic: &str| entry.offsets.get(topic).copied().unwrap_or(0);
            let vitals = between(&vitals, &mut vitals_done, until(&pipeline.sources[0].topic));
            let contexts = between(&contexts, &mut contexts_done, until(&topics.context));
            let outputs = step(
                &mut shard,
                &mut models,
                &vitals,
                &contexts,
                entry.tick,
                &mut expected,
            );
            assert_eq!(
                shard.log_time(),
                entry.log_time,
                "step {sequence} of shard {partition}"
            );
            for alert in outputs.alerts {
                let twice = expected
                    .alerts
                    .insert(alert.id.to_string(), serde_json::to_string(&alert).unwrap());
                assert!(twice.is_none());
            }
        }
        assert_eq!(
            vitals_done,
            vitals.len() as i64,
            "the journal covers every record"
        );
    }
    expected
}

/// The messages in `[done, until)`, in log order.
fn between<'m>(messages: &'m [OwnedMessage], done: &mut i64, until: i64) -> Vec<&'m OwnedMessage> {
    let from = std::mem::replace(done, until.max(*done));
    let mut taken: Vec<&OwnedMessage> = messages
        .iter()
        .filter(|message| (from..until).contains(&message.offset()))
        .collect();
    taken.sort_by_key(|message| (message.timestamp().to_millis(), message.offset()));
    taken
}

fn step(
    shard: &mut Shard,
    models: &mut Models,
    vitals: &[&OwnedMessage],
    contexts: &[&OwnedMessage],
    tick: Option<Timestamp>,
    expected: &mut Expected,
) -> Outputs {
    let decoded = decode_observations(vitals.iter().map(|message| record(message, 0)), Arrival::Broker);
    let context = contexts.iter().map(|message| ContextInput {
        append_time: append_time(message),
        record: decode_context(&record(message, 1)).unwrap(),
    });
    let batch = Batch {
        observations: decoded.observations,
        context: context.collect(),
    };
    let mut outputs = Outputs::default();
    shard.step(&batch, tick, models, &mut outputs).unwrap();
    let partition = vitals.first().map_or(0, |message| message.partition());
    let decoded = decoded
        .quarantined
        .iter()
        .map(|entry| (entry.offset, entry.reason));
    let refused = outputs
        .refused
        .iter()
        .map(|entry| (batch.observations.offset()[entry.row], entry.reason));
    for (offset, reason) in decoded.chain(refused) {
        expected
            .quarantined
            .insert((partition, offset, reason.code().to_owned()));
    }
    outputs
}

fn record(message: &OwnedMessage, topic: u16) -> Record<'_> {
    Record {
        payload: message.payload().unwrap_or_default(),
        key: message.key(),
        append_time: append_time(message),
        topic,
        partition: message.partition(),
        offset: message.offset(),
    }
}

fn append_time(message: &OwnedMessage) -> Timestamp {
    Timestamp::from_millis(message.timestamp().to_millis().unwrap())
}

/// Exactly the alerts of the in-process run, each once, byte for byte.
fn check_alerts(alerts: &[OwnedMessage], expected: &Expected) {
    let mut seen = BTreeMap::new();
    for message in alerts {
        let text = std::str::from_utf8(message.payload().unwrap())
            .unwrap()
            .to_owned();
        let alert: wardwatch_alarms::Alert = serde_json::from_str(&text).unwrap();
        assert_eq!(message.key(), Some(alert.patient_id.as_bytes()));
        assert!(header(message, "produced_at").is_some() && header(message, "received_at").is_some());
        assert!(
            seen.insert(alert.id.to_string(), text).is_none(),
            "alert {} came twice",
            alert.id
        );
    }
    assert_eq!(seen, expected.alerts);
    assert!(
        seen.values()
            .any(|text| text.contains("\"alarm\":\"desaturation\""))
    );
    assert!(
        seen.values()
            .any(|text| text.contains("\"alarm\":\"device_clock"))
    );
}

/// Every bad record whole with its reason, and nothing that the in-process run did not refuse.
fn check_quarantine(quarantine: &[OwnedMessage], expected: &Expected) {
    let mut seen = BTreeSet::new();
    for message in quarantine {
        let number = |name| header(message, name).unwrap().parse::<i64>().unwrap();
        let partition = i32::try_from(number("partition")).unwrap();
        seen.insert((partition, number("offset"), header(message, "reason").unwrap()));
    }
    assert_eq!(seen, expected.quarantined);
    for (key, payload, reason) in BAD {
        let entries: Vec<&OwnedMessage> = quarantine
            .iter()
            .filter(|message| message.key() == Some(key.as_bytes()))
            .collect();
        assert_eq!(entries.len(), 1, "{key}");
        assert_eq!(entries[0].payload(), Some(payload), "{key}");
        assert_eq!(header(entries[0], "reason").as_deref(), Some(reason), "{key}");
    }
}

fn header(message: &OwnedMessage, name: &str) -> Option<String> {
    let headers = message.headers()?;
    let found = headers.iter().find(|header| header.key == name)?;
    Some(String::from_utf8(found.value?.to_vec()).unwrap())
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{what}: not within 60 s"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}
