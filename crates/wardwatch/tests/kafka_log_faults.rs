//! The log is not what an engine takes it for: records without keys or placed by other partitioners, topics made again, records
//! deleted unread, transactions that hang, partitions added, clocks that jump. Nothing is lost silently, and whatever is wrong is
//! in the log, the metrics, `/readyz`, `doctor` and the topic of conditions.
//!
//! Needs a broker: `WARDWATCH_TEST_BROKERS=HOST:PORT cargo test --workspace --test kafka_log_faults -- --ignored`.
#![allow(
    clippy::disallowed_methods,
    reason = "a test beside a real broker waits in real time"
)]
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use rdkafka::admin::{AdminOptions, AlterConfig, NewPartitions, ResourceSpecifier};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use support::bench::{Bench, EngineProcess, create_topics};
use support::oracle::{header, read};
use wardwatch_alarms::{Alert, Phase, SystemCondition};
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_kafka::{EngineClock, SystemClock};

const PIPELINE: &str = r#"
pipeline: faults
version: 1
sources:
  - { name: bedside, topic: PREFIXvitals.bedside, format: observation-json }
  - { name: wearable, topic: PREFIXvitals.wearable, format: observation-json }
time: { lateness: 2m, hold: 0s, grace: 2s, future_skew: 10s, silent_after: SILENT, forget_after: 24h }
features:
  - { name: short, window: 1m, every: 10s, sql: "SELECT patient_id, avg(spo2) AS spo2_mean FROM vitals GROUP BY patient_id" }
scores:
  - { name: mean, sql: spo2_mean }
alarms:
  - { name: desaturation, limit: spo2 < 88, for: 3s, at_once: spo2 < 80, clear_when: spo2 >= 90, priority: high }
"#;

/// Topics of their own, and what is asked of them.
struct Ward {
    bench: Bench,
}

// === impl Ward ===

impl Ward {
    fn new(partitions: i32, silent: &str) -> Self {
        let brokers = std::env::var("WARDWATCH_TEST_BROKERS").expect("WARDWATCH_TEST_BROKERS is HOST:PORT");
        let bench = Bench::of(&PIPELINE.replace("SILENT", silent), &brokers, partitions);
        Self { bench }
    }

    fn vitals(&self) -> String {
        format!("{}vitals.bedside", self.bench.prefix)
    }

    fn producer(&self, settings: &[(&str, &str)]) -> BaseProducer {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bench.brokers)
            .set("partitioner", "murmur2_random");
        for (name, value) in settings {
            config.set(*name, *value);
        }
        config.create().unwrap()
    }

    /// Sends a saturation of a patient now.
    fn measure(&self, producer: &BaseProducer, patient: &str, spo2: u32) {
        send(producer, &self.vitals(), Some(patient), &reading(patient, spo2));
    }

    /// Sends so many, 20 ms apart.
    fn measure_often(&self, producer: &BaseProducer, patient: &str, spo2: u32, times: usize) {
        for _ in 0..times {
            self.measure(producer, patient, spo2);
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn admit(&self, producer: &BaseProducer, patient: &str) {
        let record = format!(
            r#"{{"patient_id":"{patient}","ts":"{}","event":"admit","ward":"4W","bed":"B-{patient}"}}"#,
            SystemClock.now() - Span::from_secs(60)
        );
        send(producer, &self.bench.topics.context, Some(patient), &record);
    }

    /// An engine that is ready.
    fn engine(&self) -> EngineProcess {
        let mut engine = self.bench.engine("one", None);
        wait_for("the engine is ready", 40, || {
            assert!(!engine.has_ended(), "{}", log(&engine));
            readyz(&engine).0 == 200
        });
        engine
    }

    fn alerts(&self) -> Vec<Alert> {
        let alerts = read(
            &self.bench.brokers,
            &self.bench.topics.alerts,
            self.bench.partitions,
        );
        let alert = |message: &rdkafka::message::OwnedMessage| {
            serde_json::from_slice(message.payload().unwrap()).unwrap()
        };
        alerts.iter().map(alert).collect()
    }

    /// `patient alarm phase` of every alert of an alarm that begins so.
    fn told(&self, alarm: &str) -> Vec<String> {
        let alerts = self.alerts().into_iter();
        let alerts = alerts.filter(|alert| alert.alarm.starts_with(alarm));
        alerts
            .map(|alert| format!("{} {} {}", alert.patient_id, alert.alarm, alert.phase.name()))
            .collect()
    }

    /// The codes of what is wrong now, with their places less the prefix.
    fn conditions(&self) -> BTreeSet<String> {
        let records = read(
            &self.bench.brokers,
            &self.bench.topics.conditions,
            self.bench.partitions,
        );
        let mut newest = BTreeMap::new();
        for message in records {
            let record: SystemCondition = serde_json::from_slice(message.payload().unwrap()).unwrap();
            assert_eq!(message.key().unwrap(), record.key().as_bytes());
            newest.insert(record.key(), record);
        }
        let active = newest.into_values().filter(|record| record.active);
        active
            .map(|record| format!("{} {}", record.kind, record.place.replace(&self.bench.prefix, "")))
            .collect()
    }

    /// What `doctor` says is wrong.
    fn doctor(&self) -> (Option<i32>, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_wardwatch"))
            .arg("doctor")
            .arg(self.bench.folder.path().join("pipeline.yaml"))
            .args([
                "--brokers",
                &self.bench.brokers,
                "--topic-prefix",
                &self.bench.prefix,
            ])
            .args(["--group", &self.bench.group(), "--snapshots", &self.bench.store])
            .env("NO_COLOR", "1")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), text.replace(&self.bench.prefix, ""))
    }

    /// Deletes a topic and creates it again as the pipeline needs it.
    fn recreate(&self, topic: &str, partitions: i32) {
        let deleted = block_on(self.bench.admin().delete_topics(&[topic], &AdminOptions::new()));
        assert!(deleted.unwrap()[0].is_ok());
        thread::sleep(Duration::from_secs(2));
        create_topics(
            &self.bench.brokers,
            &self.bench.pipeline,
            &self.bench.topics,
            partitions,
        );
    }

    /// Deletes records of partition 0 of the source before an offset, as retention would.
    fn delete_before(&self, offset: i64) {
        let mut before = TopicPartitionList::new();
        before
            .add_partition_offset(&self.vitals(), 0, Offset::Offset(offset))
            .unwrap();
        let deleted = block_on(self.bench.admin().delete_records(&before, &AdminOptions::new()));
        assert!(deleted.unwrap().elements().iter().all(|one| one.error().is_ok()));
    }

    /// Changes a setting of the source.
    fn set(&self, setting: &str, value: &str) {
        let topic = self.vitals();
        let config = AlterConfig::new(ResourceSpecifier::Topic(&topic))
            .set("retention.ms", "604800000")
            .set("retention.bytes", "-1")
            .set(setting, value);
        block_on(self.bench.admin().alter_configs([&config], &AdminOptions::new())).unwrap();
    }
}

fn reading(patient: &str, spo2: u32) -> String {
    reading_at(patient, spo2, SystemClock.now())
}

fn reading_at(patient: &str, spo2: u32, ts: Timestamp) -> String {
    format!(r#"{{"patient_id":"{patient}","ts":"{ts}","code":"spo2","value":{spo2},"unit":"%"}}"#)
}

fn send(producer: &BaseProducer, topic: &str, key: Option<&str>, payload: &str) {
    let mut record: BaseRecord<'_, str, str> = BaseRecord::to(topic).payload(payload);
    record.key = key;
    assert!(producer.send(record).is_ok());
    producer.flush(Duration::from_secs(10)).unwrap();
}

fn log(engine: &EngineProcess) -> String {
    std::fs::read_to_string(&engine.log).unwrap()
}

/// What an engine answers to an HTTP request: the status, and the whole.
fn get(engine: &EngineProcess, path: &str) -> (u16, String) {
    let log = log(engine);
    let addr = log
        .rsplit_once("addr=")
        .map(|(_, addr)| addr.lines().next().unwrap().trim());
    let Some(Ok(mut stream)) = addr.map(TcpStream::connect) else {
        return (0, String::new());
    };
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or(0), answer)
}

fn readyz(engine: &EngineProcess) -> (u16, String) {
    get(engine, "/readyz")
}

/// Whether a condition stands in the metrics.
fn is_metered(engine: &EngineProcess, code: &str, place: &str) -> bool {
    let (_, metrics) = get(engine, "/metrics");
    let wanted = format!("wardwatch_system_condition{{code=\"{code}\",place=\"");
    metrics
        .lines()
        .any(|line| line.starts_with(&wanted) && line.contains(place) && line.ends_with(" 1"))
}

fn wait_for(what: &str, seconds: u64, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(
            begun.elapsed() < Duration::from_secs(seconds),
            "{what}: not within {seconds} s"
        );
        thread::sleep(Duration::from_millis(300));
    }
}

/// One patient whose records have no keys does not become one patient a partition.
#[test]
#[ignore = "needs a real Kafka: set WARDWATCH_TEST_BROKERS"]
fn a_record_without_a_key_is_quarantined_where_there_are_several_partitions() {
    let ward = Ward::new(3, "8s");
    let engine = ward.engine();
    let (keyless, keyed) = (ward.producer(&[("partitioner", "random")]), ward.producer(&[]));
    for second in 0..12 {
        let spo2 = if second > 6 { 75 } else { 96 };
        send(&keyless, &ward.vitals(), None, &reading("p-1", spo2));
        ward.measure(&keyed, "p-2", 95);
        // A command without a key could come to any shard; a compacted topic, as that of the context, takes no such record.
        let command = format!(
            r#"{{"patient_id":"p-2","alarm":"desaturation","condition_start":"2026-01-01T00:00:00Z","action":"accept","by":"nurse 17","ts":"{}"}}"#,
            SystemClock.now()
        );
        send(&keyless, &ward.bench.topics.commands, None, &command);
        thread::sleep(Duration::from_millis(400));
    }
    wait_for("everything is quarantined", 20, || {
        read(&ward.bench.brokers, &ward.bench.topics.quarantine, 3).len() == 24
    });
    let quarantine = read(&ward.bench.brokers, &ward.bench.topics.quarantine, 3);
    assert!(
        quarantine
            .iter()
            .all(|entry| header(entry, "reason").unwrap() == "missing_key")
    );
    thread::sleep(Duration::from_secs(9));
    // Nobody has become a patient by them: no alarm, and no silence.
    let told: BTreeSet<String> = ward
        .alerts()
        .iter()
        .map(|alert| alert.patient_id.to_string())
        .collect();
    assert!(!told.contains("p-1"), "{told:?}");
    let (status, why) = readyz(&engine);
    assert!(status == 503 && why.contains("record_without_key"), "{why}");
    assert!(is_metered(&engine, "record_without_key", "vitals.bedside"));
    let conditions = ward.conditions();
    assert!(
        conditions
            .iter()
            .any(|one| one.starts_with("record_without_key vitals.bedside/")),
        "{conditions:?}"
    );
    assert!(log(&engine).contains("record_without_key"), "{}", log(&engine));
    let (code, text) = ward.doctor();
    assert!(
        code == Some(1) && text.contains("record_without_key vitals.bedside/"),
        "{text}"
    );
    assert!(text.contains("send the patient's id as the key"), "{text}");
    engine.terminate();
    // Without an engine it says so too.
    assert!(ward.doctor().1.contains("record_without_key vitals.bedside/"));
}

#[test]
#[ignore = "needs a real Kafka: set WARDWATCH_TEST_BROKERS"]
fn with_one_partition_no_key_is_needed() {
    let ward = Ward::new(1, "60s");
    let engine = ward.engine();
    send(&ward.producer(&[]), &ward.vitals(), None, &reading("p-1", 70));
    wait_for("the alarm", 10, || {
        ward.told("desaturation") == ["p-1 desaturation start"]
    });
    assert_eq!((readyz(&engine).0, ward.conditions().len()), (200, 0));
    engine.terminate();
}

/// Vital signs by CRC32, context by murmur2, and the other way round.
#[test]
#[ignore = "needs a real Kafka: set WARDWATCH_TEST_BROKERS"]
fn another_partitioner_is_named_and_alerts_say_that_context_is_missing() {
    for (of_context, of_vitals, topic) in [
        ("murmur2_random", "consistent_random", "vitals.bedside"),
        ("consistent_random", "murmur2_random", "context"),
    ] {
        let ward = Ward::new(3, "60s");
        let engine = ward.engine();
        let context = ward.producer(&[("partitioner", of_context)]);
        let vitals = ward.producer(&[("partitioner", of_vitals)]);
        let patients: Vec<String> = (0..8).map(|patient| format!("p-{patient}")).collect();
        patients.iter().for_each(|patient| ward.admit(&context, patient));
        thread::sleep(Duration::from_secs(1));
        patients
            .iter()
            .for_each(|patient| ward.measure(&vitals, patient, 75));
        wait_for("all alarms", 20, || ward.told("desaturation").len() == 8);
        let alerts = ward.alerts();
        let missing = alerts.iter().filter(|alert| alert.context_missing).count();
        assert!((1..8).contains(&missing), "{missing}");
        assert!(
            alerts
                .iter()
                .all(|alert| alert.context_missing == alert.bed.is_none())
        );
        let is_named = |one: &String| one.starts_with(&format!("other_partitioner {topic}/"));
        wait_for("the condition", 20, || ward.conditions().iter().any(is_named));
        assert!(ward.conditions().iter().all(is_named), "{:?}", ward.conditions());
        assert!(is_metered(&engine, "other_partitioner", topic));
        // It goes on.
        assert_eq!(readyz(&engine).0, 200);
        let (code, text) = ward.doctor();
        assert!(
            code == Some(1) && text.contains(&format!("other_partitioner {topic}/")),
            "{text}"
        );
        assert!(
            text.contains("CRC32") && text.contains("partitioner=murmur2_random"),
            "{text}"
        );
        engine.terminate();
    }
}

/// A topic that is deleted and created again while no engine runs, whether it has become longer or shorter, and however the engine
/// had ended.
#[test]
#[ignore = "needs a real Kafka: set WARDWATCH_TEST_BROKERS"]
fn a_topic_made_again_while_away_is_read_from_its_start() {
    for (records, is_killed) in [(80, false), (80, true), (60, false), (20, false)] {
        let ward = Ward::new(1, "600s");
        let producer = ward.producer(&[]);
        let engine = ward.engine();
        ward.measure_often(&producer, "p-1", 96, 60);
        ward.bench.settle(60);
        match is_killed {
            true => engine.kill(),
            false => drop(engine.terminate()),
        }
        ward.recreate(&ward.vitals(), 1);
        ward.measure_often(&producer, "p-9", 70, records / 2);
        ward.measure_often(&producer, "p-9", 96, records / 2);
        let before = ward.doctor().1;
        assert!(before.contains("topic_recreated vitals.bedside/0"), "{before}");
        let engine = ward.engine();
        wait_for("the first records are told of", 20, || {
            ward.told("desaturation") == ["p-9 desaturation start", "p-9 desaturation end"]
        });
        let read = ward.bench.journal().last().unwrap().offsets[&ward.vitals()];
        assert_eq!(read, records as i64, "all are read");
        let begun = ward
            .bench
            .journal()
            .into_iter()
            .filter_map(|step| step.begins)
            .next_back();
        assert!(begun.unwrap().reason.contains("was deleted and created again"));
        assert!(
            ward.conditions().contains("topic_recreated vitals.bedside/0"),
            "{:?}",
            ward.conditions()
        );
        assert!(is_metered(&engine, "topic_recreated", "vitals.bedside/0"));
        assert!(log(&engine).contains("topic_recreated"));
        assert!(ward.doctor().1.contains("topic_recreated vitals.bedside/0"));
        assert_eq!(readyz(&engine).0, 200);
        engine.terminate();
        // It is the same topic from now on.
        let engine = ward.engine();
        ward.measure(&producer, "p-9", 71);
        wait_for("it goes on where it stood", 20, || {
            ward.told("desaturation").len() == 3
        });
        engine.terminate();
    }
}

/// The same under a running engine, several times; and to a topic that few records come to.
#[test]
#[ignore = "needs a real Kafka: set WARDWATCH_TEST_BROKERS"]
fn a_topic_made_again_under_a_running_engine_is_read_from_its_start() {
    let ward = Ward::new(1, "600s");
    let producer = ward.producer(&[]);
    let mut engine = ward.engine();
    ward.admit(&producer, "p-1");
    ward.measure_often(&producer, "p-1", 96, 30);
    ward.bench.settle(31);
    for (round, patient) in (1..).zip(["p-7", "p-8"]) {
        ward.recreate(&ward.vitals(), 1);
        // As many as before or more, at once: an old offset would lie among them.
        ward.measure_often(&producer, patient, 70, 20);
        ward.measure_often(&producer, patient, 96, 20);
        let expected = [
            format!("{patient} desaturation start"),
            format!("{patient} desaturation end"),
        ];
        wait_for("its first records are told of", 40, || {
            ward.told("desaturation").ends_with(&expected)
        });
        assert_eq!(ward.told("desaturation").len(), 2 * round);
    }
    // What is known of the patients outlives that.
    ward.recreate(&ward.bench.topics.context, 1);
    ward.measure(&producer, "p-1", 71);
    wait_for("the context is still known", 40, || {
        let alerts = ward.alerts();
        alerts
            .iter()
            .any(|alert| &*alert.patient_id == "p-1" && alert.bed.as_deref() == Some("B-p-1"))
    });
    wait_for("it is told", 40, || {
        ward.conditions().contains("topic_recreated context/0")
    });
    assert!(!engine.has_ended());
    engine.terminate();
}

/// Retention takes records that nobody has read, while no engine runs.
#[test]
#[ignore = "needs a real Kafka: set WARDWATCH_TEST_BROKERS"]
fn records_deleted_before_they_were_read_are_told_of() {
    for is_killed in [false, true] {
        let ward = Ward::new(1, "600s");
        let producer = ward.producer(&[]);
        ward.admit(&producer, "p-1");
        let engine = ward.engine();
        ward.measure_often(&producer, "p-1", 96, 20);
        ward.bench.settle(21);
        match is_killed {
            true => engine.kill(),
            false => drop(engine.terminate()),
        }
        ward.measure_often(&producer, "p-9", 70, 30);
        ward.measure_often(&producer, "p-9", 96, 30);
        ward.delete_before(55);
        let (code, before) = ward.doctor();
        assert!(
            code == Some(1) && before.contains("records_lost vitals.bedside/0: records 20 to 54"),
            "{before}"
        );
        let engine = ward.engine();
        wait_for("the patients of the shard", 20, || {
            ward.told("records_lost") == ["p-1 records_lost:bedside start"]
        });
        assert_eq!(readyz(&engine).0, 200);
        assert!(
            ward.conditions().contains("records_lost vitals.bedside/0"),
            "{:?}",
            ward.conditions()
        );
        assert!(is_metered(&engine, "records_lost", "vitals.bedside/0"));
        assert!(
            get(&engine, "/metrics")
                .1
                .contains("wardwatch_records_lost_total 35")
        );
        assert!(log(&engine).contains("records 20 to 54"), "{}", log(&engine));
        let (code, text) = ward.doctor();
        assert!(code == Some(1) && text.contains("records 20 to 54"), "{text}");
        let begun = ward
            .bench
            .journal()
            .into_iter()
            .filter_map(|step| step.begins)
            .next_back();
        assert!(begun.unwrap().reason.contains("records 20 to 54"));
        engine.terminate();
        // Once is enough, and what is told goes on over a restart.
        let engine = ward.engine();
        thread::sleep(Duration::from_secs(3));
        assert_eq!(ward.told("records_lost").len(), 1);
        assert!(ward.doctor().1.contains("records_lost vitals.bedside/0"));
        engine.terminate();
    }
}

/// What was read already may go: nobody has lost anything.
#[test]
#[ignore = "needs a real Kafka: set WARDWATCH_TEST_BROKERS"]
fn records_deleted_after_they_were_read_change_nothing() {
    let ward = Ward::new(1, "600s");
    let producer = ward.producer(&[]);
    let engine = ward.engine();
    ward.measure_often(&producer, "p-1", 96, 20);
    ward.bench.settle(20);
    ward.delete_before(20);
    thread::sleep(Duration::from_secs(4));
    engine.terminate();
    let engine = ward.engine();
    ward.measure(&producer, "p-1", 70);
    wait_for("it goes on", 20, || ward.told("desaturation").len() == 1);
    assert!(ward.told("records_lost").is_empty() && ward.conditions().is_empty());
    let begun: Vec<_> = ward
        .bench
        .journal()
        .into_iter()
        .filter_map(|step| step.begins)
        .collect();
    assert_eq!(begun.len(), 1, "{begun:?}");
    assert_eq!(ward.doctor().0, Some(0), "{}", ward.doctor().1);
    engine.terminate();
}

/// A producer that hangs in a transaction hides what others send: they are not called silent, and what hides them is told.
#[test]
#[ignore = "needs a real Kafka: set WARDWATCH_TEST_BROKERS"]
fn what_an_open_transaction_hides_is_not_called_silent() {
    let ward = Ward::new(1, "8s");
    let engine = ward.engine();
    let id = format!("{}gateway", ward.bench.prefix);
    let hangs = ward.producer(&[("transactional.id", &id), ("transaction.timeout.ms", "120000")]);
    let usual = ward.producer(&[]);
    hangs.init_transactions(Duration::from_secs(20)).unwrap();
    let wearable = format!("{}vitals.wearable", ward.bench.prefix);
    // p-3 is heard by the other source alone, which nothing hides.
    for _ in 0..3 {
        ward.measure(&usual, "p-2", 96);
        send(&usual, &wearable, Some("p-3"), &reading("p-3", 96));
        thread::sleep(Duration::from_secs(1));
    }
    hangs.begin_transaction().unwrap();
    ward.measure(&hangs, "p-1", 96);
    for second in 0..25 {
        ward.measure(&usual, "p-2", 75);
        thread::sleep(Duration::from_secs(1));
        if second == 10 {
            let (status, why) = readyz(&engine);
            assert!(
                status == 503 && why.contains("open_transaction"),
                "{status} {why}"
            );
            assert!(is_metered(&engine, "open_transaction", "vitals.bedside/0"));
            assert!(
                ward.conditions().contains("open_transaction vitals.bedside/0"),
                "{:?}",
                ward.conditions()
            );
            assert!(log(&engine).contains("open_transaction"));
            let (code, text) = ward.doctor();
            assert!(
                code == Some(1) && text.contains("open_transaction vitals.bedside/0"),
                "{text}"
            );
            assert!(text.contains("transaction.timeout.ms"), "{text}");
        }
    }
    // Time has gone on: who is really silent is called so.
    assert_eq!(ward.told("silent"), ["p-3 silent:wearable start"]);
    assert!(ward.told("desaturation").is_empty());
    hangs.commit_transaction(Duration::from_secs(20)).unwrap();
    wait_for("what was hidden", 15, || {
        ward.told("desaturation")
            .contains(&"p-2 desaturation start".to_owned())
    });
    wait_for("it is over", 15, || {
        ward.conditions().is_empty() && readyz(&engine).0 == 200
    });
    assert_eq!(ward.told("silent:bedside"), Vec::<String>::new());
    // From then on silence is claimed again.
    wait_for("silence", 20, || {
        ward.told("silent:bedside")
            .contains(&"p-2 silent:bedside start".to_owned())
    });
    engine.terminate();
    ward.check_digests();
}

/// Transactions that come and go hold up nobody.
#[test]
#[ignore = "needs a real Kafka: set WARDWATCH_TEST_BROKERS"]
fn short_transactions_and_aborted_ones_are_nothing_to_tell() {
    let ward = Ward::new(1, "60s");
    let engine = ward.engine();
    let id = format!("{}gateway", ward.bench.prefix);
    let producer = ward.producer(&[("transactional.id", &id)]);
    producer.init_transactions(Duration::from_secs(20)).unwrap();
    for round in 0..12 {
        producer.begin_transaction().unwrap();
        ward.measure(&producer, "p-1", 96);
        thread::sleep(Duration::from_millis(700));
        match round % 3 {
            0 => producer.abort_transaction(Duration::from_secs(20)).unwrap(),
            _ => producer.commit_transaction(Duration::from_secs(20)).unwrap(),
        }
    }
    assert!(ward.conditions().is_empty(), "{:?}", ward.conditions());
    assert_eq!(readyz(&engine).0, 200);
    engine.terminate();
}

/// Somebody adds partitions to a topic: the shards that there are go on, nobody is told that all is well, and a restart is no
/// end either. A topic made again with as many partitions as shards is the way back.
#[test]
#[ignore = "needs a real Kafka: set WARDWATCH_TEST_BROKERS"]
fn partitions_added_under_a_running_engine_end_no_shard() {
    let ward = Ward::new(3, "600s");
    let producer = ward.producer(&[]);
    let mut engine = ward.engine();
    let patients: Vec<String> = (0..8).map(|patient| format!("p-{patient}")).collect();
    let of_old: BTreeMap<String, i32> = {
        patients
            .iter()
            .for_each(|patient| ward.measure(&producer, patient, 96));
        let records = read(&ward.bench.brokers, &ward.vitals(), 3);
        let of = |message: &rdkafka::message::OwnedMessage| {
            (
                String::from_utf8(message.key().unwrap().to_vec()).unwrap(),
                message.partition(),
            )
        };
        records.iter().map(of).collect()
    };
    let topic = ward.vitals();
    let more = NewPartitions::new(&topic, 5);
    let added = block_on(
        ward.bench
            .admin()
            .create_partitions([&more], &AdminOptions::new()),
    );
    assert!(added.unwrap()[0].is_ok());
    wait_for("it is told", 60, || {
        ward.conditions().contains("partition_count vitals.bedside")
    });
    let (status, why) = readyz(&engine);
    assert!(
        status == 503 && why.contains("partitions 3 to 4 are read by nobody"),
        "{why}"
    );
    let (code, text) = ward.doctor();
    assert!(
        code == Some(1) && text.contains("partition_count vitals.bedside"),
        "{text}"
    );
    // Those whose records still come to the old partitions are watched, whoever restarts.
    let alarm_of_all = |spo2: u32| {
        for (patient, partition) in &of_old {
            let payload = reading(patient, spo2);
            let record = BaseRecord::to(&topic)
                .partition(*partition)
                .key(patient)
                .payload(&payload);
            assert!(producer.send(record).is_ok());
        }
        producer.flush(Duration::from_secs(10)).unwrap();
    };
    alarm_of_all(75);
    wait_for("all alarms", 20, || ward.told("desaturation").len() == 8);
    assert!(!engine.has_ended(), "{}", log(&engine));
    engine.terminate();
    let mut engine = ward.bench.engine("one", None);
    alarm_of_all(96);
    wait_for("all ends after a restart", 40, || {
        ward.told("desaturation").len() == 16
    });
    assert!(!engine.has_ended());
    // The deliberate way back.
    ward.recreate(&topic, 3);
    patients
        .iter()
        .for_each(|patient| ward.measure(&producer, patient, 75));
    wait_for("a new epoch", 60, || ward.told("desaturation").len() == 24);
    wait_for("it is ready again", 60, || readyz(&engine).0 == 200);
    engine.terminate();
}

/// A broker's clock jumps by an hour, forward and back: time goes on, and nobody is called silent for it.
#[test]
#[ignore = "needs a real Kafka: set WARDWATCH_TEST_BROKERS"]
fn a_clock_that_jumps_moves_no_time() {
    let ward = Ward::new(1, "30s");
    let producer = ward.producer(&[]);
    let engine = ward.engine();
    for _ in 0..9 {
        ward.measure(&producer, "p-1", 96);
        ward.measure(&producer, "p-2", 96);
        thread::sleep(Duration::from_secs(1));
    }
    // The producer's own times stand for those of a broker whose clock was set.
    ward.set("message.timestamp.type", "CreateTime");
    let topic = ward.vitals();
    let stamped = |spo2: u32, by: i64| {
        let now = SystemClock.now();
        let payload = reading_at("p-1", spo2, now);
        let millis = now.millis() + by * 1_000;
        let record = BaseRecord::to(&topic)
            .key("p-1")
            .payload(&payload)
            .timestamp(millis);
        assert!(producer.send(record).is_ok());
        producer.flush(Duration::from_secs(10)).unwrap();
    };
    wait_for("the topic has the setting", 20, || {
        stamped(96, 3_600);
        thread::sleep(Duration::from_secs(1));
        ward.conditions().contains("broker_clock vitals.bedside/0")
    });
    assert!(is_metered(&engine, "broker_clock", "vitals.bedside/0"));
    // p-2 has sent nothing for seconds, not for an hour.
    assert_eq!(ward.told("silent"), Vec::<String>::new());
    let last = ward.bench.journal().pop().unwrap();
    assert!(
        (last.log_time - SystemClock.now()).secs_f64() < 5.0,
        "{}",
        last.log_time
    );
    // An hour back: still time goes on, limits are judged, and who is silent is called so.
    for _ in 0..35 {
        stamped(75, -3_600);
        thread::sleep(Duration::from_secs(1));
    }
    assert_eq!(ward.told("desaturation"), ["p-1 desaturation start"]);
    assert_eq!(ward.told("silent:bedside"), ["p-2 silent:bedside start"]);
    let steps = ward.bench.journal();
    assert!(steps.windows(2).all(|pair| pair[0].log_time <= pair[1].log_time));
    wait_for("its settings are told of", 60, || {
        ward.conditions()
            .contains("topic_settings vitals.bedside:message.timestamp.type")
    });
    let (code, text) = ward.doctor();
    assert!(
        code == Some(1) && text.contains("broker_clock vitals.bedside/0"),
        "{text}"
    );
    engine.terminate();
    ward.set("message.timestamp.type", "LogAppendTime");
    ward.check_digests();
}

impl Ward {
    /// An engine without snapshots steps the whole journal again, and comes to the same digest after every step.
    fn check_digests(&self) {
        std::fs::remove_dir_all(self.bench.snapshots()).unwrap();
        let before = self.bench.journal().last().unwrap().lineage;
        let engine = self.engine();
        thread::sleep(Duration::from_secs(2));
        let journal = self.bench.journal();
        assert_eq!(journal.last().unwrap().lineage, before, "{}", log(&engine));
        assert!(!log(&engine).contains("another digest"), "{}", log(&engine));
        engine.terminate();
    }

    /// Nothing of an alert is told twice.
    fn ids_are_distinct(&self) {
        let alerts = self.alerts();
        let ids: BTreeSet<String> = alerts.iter().map(|alert| alert.id.to_string()).collect();
        assert_eq!(ids.len(), alerts.len());
        assert!(alerts.iter().all(|alert| alert.phase != Phase::Update));
    }
}

/// An engine that knows nothing of the topic's past begins where the topic does.
#[test]
#[ignore = "needs a real Kafka: set WARDWATCH_TEST_BROKERS"]
fn a_first_start_on_a_topic_whose_beginning_is_gone_has_lost_nothing() {
    let ward = Ward::new(1, "600s");
    let producer = ward.producer(&[]);
    ward.measure_often(&producer, "p-1", 96, 30);
    ward.delete_before(25);
    let engine = ward.engine();
    ward.measure(&producer, "p-1", 70);
    wait_for("it reads what is there", 20, || {
        ward.told("desaturation").len() == 1
    });
    assert!(ward.told("records_lost").is_empty() && ward.conditions().is_empty());
    engine.terminate();
    let engine = ward.engine();
    assert!(ward.conditions().is_empty());
    engine.terminate();
    ward.ids_are_distinct();
}
