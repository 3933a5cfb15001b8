//! The engine against a real Kafka: alerts once and as an in-process run gives them, bad records whole in quarantine.
//!
//! Needs a broker: `WARDWATCH_TEST_BROKERS=HOST:PORT cargo test --workspace --test kafka_end_to_end -- --ignored`.
#![allow(
    clippy::disallowed_methods,
    reason = "a test beside a real broker waits in real time"
)]
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::executor::block_on;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Message, OwnedMessage};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use support::bench::{Bench, create_topics};
use support::oracle::{self, Past, header, read};
use wardwatch_alarms::{Alarm, AlarmKind, Alert, Phase};
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_kafka::{
    ClientSettings, Engine, EngineClock, EngineConfig, Feed, SystemClock, TopicNames, explain,
};
use wardwatch_pipeline::Pipeline;
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
    let engine = Engine::start(config.clone()).unwrap();
    let health = engine.health();
    wait_until("all records are stepped", || {
        assert!(!health.has_ended(), "the engine ended by itself");
        health.stats().records >= produced && health.is_ready()
    });
    // A few ticks, which close what still waits and must be in the journal.
    std::thread::sleep(Duration::from_millis(2_500));
    engine.stop().unwrap();

    let (_, alerts) = oracle::check(&brokers, &pipeline, &topics, PARTITIONS);
    assert!(alerts > 0 && !read(&brokers, &topics.scores, PARTITIONS).is_empty());
    check_quarantine(&read(&brokers, &topics.quarantine, PARTITIONS));
    check_offsets(&brokers, &config);
    let alerts = read(&brokers, &topics.alerts, PARTITIONS);
    for alarm in ["desaturation", "device_clock"] {
        let named = format!("\"alarm\":\"{alarm}");
        let is_it = |alert: &OwnedMessage| String::from_utf8_lossy(alert.payload().unwrap()).contains(&named);
        let alert = alerts.iter().find(|alert| is_it(alert)).expect(alarm);
        derived_again(&config, alert);
    }
}

/// An alert by itself leads back to its step, and to itself.
fn derived_again(config: &EngineConfig, message: &OwnedMessage) {
    let alert: Alert = serde_json::from_slice(message.payload().unwrap()).unwrap();
    let explanation = explain(config, &alert.id.to_string()).unwrap();
    assert!(explanation.identical, "{:?}", explanation.derived);
    assert_eq!(explanation.digests_agree, Some(true));
    assert!(!explanation.rows.is_empty());
    assert!(
        explanation
            .rows
            .iter()
            .all(|row| row.payload.contains(&*alert.patient_id))
    );
}

fn set_up(brokers: &str) -> (Arc<Pipeline>, TopicNames) {
    let prefix = unique_prefix();
    let mut pipeline = Pipeline::parse(PIPELINE, Path::new("models")).unwrap();
    for source in &mut pipeline.sources {
        source.topic = format!("{prefix}{}", source.topic);
    }
    let topics = TopicNames::with_prefix(&prefix);
    create_topics(brokers, &pipeline, &topics, PARTITIONS);
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

/// Every bad record whole with its reason.
fn check_quarantine(quarantine: &[OwnedMessage]) {
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

/// The offsets of every topic are committed, and not of the one that came last only.
fn check_offsets(brokers: &str, config: &EngineConfig) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", &config.group)
        .create()
        .unwrap();
    for topic in [&config.pipeline.sources[0].topic, &config.topics.context] {
        for partition in 0..PARTITIONS {
            let records = read(brokers, topic, PARTITIONS);
            let offsets = records.iter().filter(|record| record.partition() == partition);
            let end = offsets.map(|record| record.offset() + 1).max().unwrap();
            let mut wanted = TopicPartitionList::new();
            wanted.add_partition(topic, partition);
            let committed = consumer
                .committed_offsets(wanted, Duration::from_secs(10))
                .unwrap();
            assert_eq!(
                committed.elements()[0].offset(),
                Offset::Offset(end),
                "{topic} {partition}"
            );
        }
    }
}

/// One patient in one of four partitions: idle partitions stall nothing, and tick on.
#[test]
#[ignore = "needs a real Kafka: set WARDWATCH_TEST_BROKERS"]
fn an_idle_partition_stalls_nothing() {
    let bench = Bench::new(4);
    let feeding = bench.feed(50, 1);
    let engine = bench.engine("one", None);
    std::thread::sleep(Duration::from_secs(12));
    let scores = read(&bench.brokers, &bench.topics.scores, 4).len();
    assert!(
        scores >= 3,
        "{scores} scores in twelve seconds, with a window every two"
    );
    bench.settle(feeding.stop());
    engine.terminate();
    let (journal, _) = bench.check(&Past::default());
    for shard in 0..4 {
        let ticks = journal
            .iter()
            .filter(|(_, step)| step.shard == shard && step.tick.is_some())
            .count();
        assert!(ticks >= 8, "shard {shard} has ticked {ticks} times");
    }
}

/// Every alarm is accepted as soon as it is told: it is told who did, and nothing is repeated until it becomes worse.
#[test]
#[ignore = "needs a real Kafka: set WARDWATCH_TEST_BROKERS"]
fn what_is_accepted_is_not_repeated() {
    let bench = Bench::new(2);
    let feeding = bench.feed(51, 20);
    let engine = bench.engine("one", None);
    let feed = Feed::new(&bench.brokers, &ClientSettings::new()).unwrap();
    let mut accepted = BTreeSet::new();
    for _ in 0..30 {
        std::thread::sleep(Duration::from_millis(500));
        for message in read(&bench.brokers, &bench.topics.alarms, 2) {
            let alarm: Alarm = serde_json::from_slice(message.payload().unwrap()).unwrap();
            if alarm.active && alarm.accepted_by.is_none() && accepted.insert(alarm.alert_id) {
                let command = format!(
                    r#"{{"patient_id":"{}","alarm":"{}","condition_start":"{}","action":"accept","by":"nurse 17","ts":"{}"}}"#,
                    alarm.patient_id,
                    alarm.alarm,
                    alarm.condition_start,
                    SystemClock.now()
                );
                let (topic, key) = (&bench.topics.commands, alarm.patient_id.as_bytes());
                feed.send(topic, key, command.as_bytes(), SystemClock.now())
                    .unwrap();
            }
        }
    }
    feed.finish();
    bench.settle(feeding.stop());
    engine.terminate();
    bench.check(&Past::default());
    let (mut quiet, mut unknown) = (BTreeSet::new(), BTreeSet::new());
    let mut told = 0;
    for message in read(&bench.brokers, &bench.topics.alerts, 2) {
        let alert: Alert = serde_json::from_slice(message.payload().unwrap()).unwrap();
        let condition = (
            alert.patient_id.clone(),
            alert.alarm.clone(),
            alert.condition_start,
        );
        match alert.phase {
            Phase::Accept => {
                assert_eq!(alert.accepted_by.as_deref(), Some("nurse 17"));
                quiet.insert(condition);
                told += 1;
            }
            Phase::Unknown => drop(unknown.insert(condition)),
            // Something is known of it again, or its clock is wrong by another amount: that is new.
            Phase::Update if unknown.remove(&condition) || alert.kind == AlarmKind::Technical => {}
            Phase::Update => assert!(!quiet.contains(&condition), "{} is repeated", alert.id),
            Phase::Start | Phase::Escalate | Phase::End => {
                unknown.remove(&condition);
                quiet.remove(&condition);
            }
        }
    }
    assert!(told > 10, "{told} were accepted");
}

/// What one message of a ward says, and when it came.
struct Said {
    is_context: bool,
    key: String,
    payload: Vec<u8>,
    at: Timestamp,
}

/// Half an hour of a ward, and a pipeline with a limit in the middle of what is usual, so that there is much to tell.
fn simulated_ward() -> (String, Vec<Said>) {
    let pipeline = PIPELINE
        .replace("limit: spo2 < 88", "limit: spo2 < 95")
        .replace("clear_when: spo2 >= 90", "clear_when: spo2 >= 96")
        .replace("repeat_after: 5m", "repeat_after: 20s");
    let mut ward = Ward::new(11, SystemClock.now() - Span::from_secs(1_900), BEDS);
    let said = (0..1_800).flat_map(|_| ward.next_second());
    let said = said.map(|message| Said {
        is_context: message.topic == Topic::Context,
        key: message.key,
        payload: message.payload,
        at: message.arrives,
    });
    (pipeline, said.collect())
}

/// A pipeline's file, and NDJSON in order of time.
fn recorded_ward(pipeline: &str, ndjson: &str) -> (String, Vec<Said>) {
    let text = std::fs::read_to_string(ndjson).unwrap();
    let said = text.lines().map(|line| {
        let fields: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| fields[name].as_str().unwrap();
        Said {
            is_context: fields.get("event").is_some(),
            key: text("patient_id").to_owned(),
            payload: line.into(),
            at: Timestamp::parse_rfc3339(text("ts").as_bytes()).unwrap(),
        }
    });
    (std::fs::read_to_string(pipeline).unwrap(), said.collect())
}

/// Live and in a back-test, what came through a topic gives the same alerts, all of them. Of a simulated ward, or of what
/// `WARDWATCH_RECORDED_WARD=PIPELINE.yaml:FILE.ndjson` says.
#[test]
#[ignore = "needs a real Kafka: set WARDWATCH_TEST_BROKERS"]
fn a_back_test_of_what_was_recorded_gives_the_same_alerts() {
    let brokers = std::env::var("WARDWATCH_TEST_BROKERS").expect("WARDWATCH_TEST_BROKERS is HOST:PORT");
    let folder = tempfile::tempdir().unwrap();
    let prefix = unique_prefix();
    let (text, mut said) = match std::env::var("WARDWATCH_RECORDED_WARD") {
        Err(_) => simulated_ward(),
        Ok(files) => files
            .split_once(':')
            .map(|(pipeline, ndjson)| recorded_ward(pipeline, ndjson))
            .expect("PIPELINE.yaml:FILE.ndjson"),
    };
    let text = text.replace("vitals.bedside", &format!("{prefix}vitals.bedside"));
    let path = folder.path().join("pipeline.yaml");
    std::fs::write(&path, &text).unwrap();
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let pipeline = Arc::new(Pipeline::load(&path, Some(&models)).unwrap());
    let topics = TopicNames::with_prefix(&prefix);
    create_topics(&brokers, &pipeline, &topics, PARTITIONS);

    // As fast as it goes. Brokers keep the times at which it came, and the engine's clock stands at its end.
    for topic in [&topics.context, &pipeline.sources[0].topic] {
        keep_times(&brokers, topic);
    }
    // Log time comes to the same end in both, by the last record of each partition; no window ends just before it, for which
    // an engine would still wait.
    let last = said.iter().map(|said| said.at).max().unwrap();
    let end = Timestamp::from_micros(last.micros() / 10_000_000 * 10_000_000 + 25_000_000);
    for key in ["end-1", "end-2", "end-3", "end-4"] {
        let reading = format!(r#"{{"patient_id":"{key}","ts":"{end}","code":"spo2","value":97,"unit":"%"}}"#);
        said.push(Said {
            is_context: false,
            key: key.to_owned(),
            payload: reading.into(),
            at: end,
        });
    }
    let feed = Feed::new(&brokers, &ClientSettings::new()).unwrap();
    for said in &said {
        let topic = match said.is_context {
            true => &topics.context,
            false => &pipeline.sources[0].topic,
        };
        feed.send(topic, said.key.as_bytes(), &said.payload, said.at)
            .unwrap();
    }
    let produced = said.len() as u64;
    feed.finish();
    let mut config = EngineConfig::new(&brokers, topics.journal.clone(), pipeline);
    config.topics = topics.clone();
    config.trusts_topics = true;
    config.clock = Arc::new(Stopped(end));
    let engine = Engine::start(config).unwrap();
    let health = engine.health();
    let mut stepped = 0;
    while stepped < produced {
        wait_until("more records are stepped", || health.stats().records > stepped);
        stepped = health.stats().records;
    }
    // A tick closes what still waits.
    std::thread::sleep(Duration::from_millis(2_500));
    engine.stop().unwrap();
    let alerts = read(&brokers, &topics.alerts, PARTITIONS);
    // What is due after the last record is the engine's alone.
    let id = |message: &OwnedMessage| -> Option<String> {
        let alert: Alert = serde_json::from_slice(message.payload().unwrap()).unwrap();
        (alert.stages.due_at <= end).then(|| alert.id.to_string())
    };
    let mut live: Vec<String> = alerts.iter().filter_map(id).collect();
    live.sort();

    let recorded = folder.path().join("ward.ndjson");
    wardwatch(&[
        "record".as_ref(),
        path.as_ref(),
        recorded.as_ref(),
        "--models".as_ref(),
        models.as_ref(),
        "--brokers".as_ref(),
        brokers.as_ref(),
        "--topic-prefix".as_ref(),
        prefix.as_ref(),
    ]);
    let lines = std::fs::read_to_string(&recorded).unwrap().lines().count() as u64;
    assert_eq!(lines, produced);
    let ids = folder.path().join("ids");
    wardwatch(&[
        "backtest".as_ref(),
        path.as_ref(),
        "--models".as_ref(),
        models.as_ref(),
        "--input".as_ref(),
        recorded.as_ref(),
        "--alert-ids".as_ref(),
        ids.as_ref(),
    ]);
    let ids = std::fs::read_to_string(ids).unwrap();
    eprintln!("{produced} records, {} alerts", live.len());
    assert!(live.len() > 100, "{}", live.len());
    assert_eq!(ids.lines().collect::<Vec<_>>(), live);
}

/// A clock that stands.
#[derive(Debug)]
struct Stopped(Timestamp);

impl EngineClock for Stopped {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// Has the brokers keep the times of a topic's producers, and what is of long ago.
fn keep_times(brokers: &str, topic: &str) {
    let admin: AdminClient<_> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .create()
        .unwrap();
    let config = AlterConfig::new(ResourceSpecifier::Topic(topic))
        .set("message.timestamp.type", "CreateTime")
        .set("retention.ms", "-1");
    block_on(admin.alter_configs([&config], &AdminOptions::new())).unwrap();
}

fn unique_prefix() -> String {
    let unique = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    format!("e2e-{}-{unique}.", std::process::id())
}

fn wardwatch(arguments: &[&OsStr]) {
    let output = Command::new(env!("CARGO_BIN_EXE_wardwatch"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
