//! What happens to an engine in the hands of people: topics deleted under it, records that no topic takes, quarantine sent again,
//! alerts of an earlier version asked about, pipelines edited while they run.
//!
//! Needs a broker: `WARDWATCH_TEST_BROKERS=HOST:PORT cargo test --workspace --test kafka_operations -- --ignored`.
#![allow(
    clippy::disallowed_methods,
    reason = "a test beside a real broker waits in real time"
)]
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use rdkafka::admin::AdminOptions;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use support::bench::{Bench, longest_gap};
use support::oracle::{Past, read};
use wardwatch_alarms::{Alert, EndReason};
use wardwatch_kafka::{
    ClientSettings, EngineClock, EngineConfig, Feed, JournalRecord, QuarantineEntry, SnapshotStore,
    SystemClock, explain, quarantined, redrive,
};
use wardwatch_pipeline::Pipeline;

/// A record as large as its source takes, and then the headers of quarantine: its shard goes on.
#[test]
#[ignore = "needs a real Kafka: set WARDWATCH_TEST_BROKERS"]
fn a_record_too_large_for_quarantine_stops_nothing() {
    let bench = Bench::new(1);
    let engine = bench.engine("one", None);
    let (huge, long_key) = (vec![b'x'; 950_000], vec![b'k'; 20_000]);
    send(&bench, b"huge", &huge);
    send(&bench, &long_key, b"{}");
    let entries = wait_for(&bench, 2);
    assert_eq!((entries[0].payload.len(), entries[0].is_cut()), (786_432, true));
    assert_eq!(entries[0].header("cut_from_bytes"), "950000");
    assert_eq!(
        (entries[1].key.as_ref().unwrap().len(), entries[1].is_cut()),
        (1_024, true)
    );
    engine.terminate();
}

/// What is sent again and refused again is told apart from what is new, and goes no second time by itself.
#[test]
#[ignore = "needs a real Kafka: set WARDWATCH_TEST_BROKERS"]
fn what_comes_back_from_a_redrive_is_known() {
    let bench = Bench::new(1);
    let engine = bench.engine("one", None);
    // One reading has no such code, the other is of the future: two entries.
    let twice = br#"{"patient_id":"p","ts":"2099-01-01T00:00:00Z","observations":[
        {"code":"mood","value":7,"unit":"1"},{"code":"heart_rate","value":70,"unit":"/min"}]}"#;
    send(&bench, b"p", twice);
    let command = br#"{"patient_id":"p","alarm":"slow","condition_start":"2026-01-01T00:00:00Z","action":"accept","by":"nurse 17",
        "ts":"2026-01-01T00:00:09Z"}"#;
    let feed = Feed::new(&bench.brokers, &ClientSettings::new()).unwrap();
    feed.send(&bench.topics.commands, b"p", command, SystemClock.now())
        .unwrap();
    feed.finish();
    let first = wait_for(&bench, 3);
    let reasons: Vec<&str> = first.iter().map(|entry| entry.header("reason")).collect();
    assert!(reasons.contains(&"unknown_alarm"), "{reasons:?}");
    assert!(first.iter().all(|entry| !entry.came_back));
    redrive(&bench.brokers, &ClientSettings::new(), &first).unwrap();
    // The record with two flaws went once.
    let all = wait_for(&bench, 6);
    assert_eq!(all.len(), 6);
    let (old, new) = all.split_at(3);
    assert!(old.iter().all(|entry| entry.came_back));
    assert!(new.iter().all(|entry| !entry.came_back));
    let places: Vec<String> = old.iter().map(QuarantineEntry::place).collect();
    for entry in new {
        assert!(
            entry
                .redriven_from()
                .all(|from| places.contains(&from.to_owned()))
        );
        assert!(entry.redriven_from().count() > 0);
    }
    engine.terminate();
}

/// A topic is deleted under an engine: it ends and says which.
#[test]
#[ignore = "needs a real Kafka: set WARDWATCH_TEST_BROKERS"]
fn a_deleted_topic_ends_the_engine_with_its_name() {
    let bench = Bench::new(1);
    let feeding = bench.feed(52, 6);
    let mut engine = bench.engine("one", None);
    thread::sleep(Duration::from_secs(6));
    assert!(!engine.has_ended());
    delete(&bench, &bench.topics.alarms);
    let status = engine.wait(Duration::from_secs(40));
    feeding.stop();
    let log = std::fs::read_to_string(&engine.log).unwrap();
    let last = log.lines().rev().find(|line| line.starts_with("error:")).unwrap();
    assert!(
        !status.success() && last.contains("do not exist") && last.contains(&bench.topics.alarms),
        "{log}"
    );
}

/// Twelve shards of one engine have no more than two snapshots at hand at a time; none goes without, also at the end.
#[test]
#[ignore = "needs a real Kafka: set WARDWATCH_TEST_BROKERS"]
fn every_shard_of_twelve_has_its_snapshots() {
    let bench = Bench::new(12);
    let feeding = bench.feed(53, 60);
    let engine = bench.engine("one", None);
    thread::sleep(Duration::from_secs(9));
    bench.settle(feeding.stop());
    let log = engine.log.clone();
    engine.terminate();
    let log = std::fs::read_to_string(log).unwrap();
    assert!(!log.contains("left out"), "{log}");
    let newest = bench
        .journal()
        .into_iter()
        .map(|step| (step.shard, step.sequence));
    let newest: std::collections::BTreeMap<i32, u64> = newest.collect();
    let folder = bench.snapshots().join("lively").join(&bench.topics.journal);
    for (shard, sequence) in newest {
        let files = std::fs::read_dir(folder.join(format!("{shard:05}")))
            .unwrap()
            .flatten();
        let names: Vec<String> = files
            .map(|file| file.file_name().into_string().unwrap())
            .collect();
        let last = format!("{:020}.snapshot", sequence + 1);
        assert!(
            names.iter().any(|name| name.ends_with(&last)),
            "shard {shard}: {last} of {names:?}"
        );
    }
    bench.check(&Past::default());
}

/// An alert of an earlier version is derived again with that version, out of the journal.
#[test]
#[ignore = "needs a real Kafka: set WARDWATCH_TEST_BROKERS"]
fn an_alert_of_an_earlier_version_is_explained() {
    let bench = Bench::new(1);
    let feeding = bench.feed(54, 6);
    bench.engine("one", None).run_for(12).terminate();
    bench.edit(&[
        ("\nversion: 1\n", "\nversion: 2\n"),
        ("window: 20s", "window: 30s"),
    ]);
    let renewed = Pipeline::load(&bench.folder.path().join("pipeline.yaml"), None);
    let renewed = Arc::new(renewed.unwrap());
    bench.engine("one", None).run_for(8).terminate();
    feeding.stop();
    let mut config = EngineConfig::new(&bench.brokers, bench.group(), renewed);
    config.topics = bench.topics.clone();
    config.snapshots = Some(Arc::new(SnapshotStore::open(&bench.store).unwrap()));
    let folder = bench.folder.path().to_owned();
    config.load = Some(Arc::new(move |text| Pipeline::parse(text, &folder)));
    let alerts = read(&bench.brokers, &bench.topics.alerts, 1);
    let alerts = alerts
        .iter()
        .map(|message| serde_json::from_slice(message.payload().unwrap()).unwrap());
    let alerts: Vec<Alert> = alerts.collect();
    let of_version = |version| {
        alerts
            .iter()
            .rfind(|alert| alert.pipeline_version == version)
            .unwrap()
    };
    let is_derived_again = |version| {
        let explained = explain(&config, &of_version(version).id.to_string()).unwrap();
        assert!(
            explained.identical && explained.digests_agree == Some(true),
            "from {}: {:?}",
            explained.begun_with,
            explained.derived
        );
    };
    is_derived_again(1);
    is_derived_again(2);
    // Without a snapshot of the newer lineage, the way leads from the earlier one over to the other pipeline.
    let of_shard = bench
        .snapshots()
        .join(format!("lively/{}/00000", bench.topics.journal));
    let mut removed = 0;
    for file in std::fs::read_dir(&of_shard).unwrap().flatten() {
        if file
            .file_name()
            .to_string_lossy()
            .starts_with("00000000000000000002-")
        {
            std::fs::remove_file(file.path()).unwrap();
            removed += 1;
        }
    }
    assert!(removed > 0);
    is_derived_again(2);
    // Without what it was derived from, that is said, instead of what else comes out of the rest.
    let source = &bench.pipeline.sources[0].topic;
    let mut all = TopicPartitionList::new();
    all.add_partition_offset(source, 0, Offset::End).unwrap();
    block_on(bench.admin().delete_records(&all, &AdminOptions::new())).unwrap();
    for version in [1, 2] {
        let refused = explain(&config, &of_version(version).id.to_string()).unwrap_err();
        let refused = refused.to_string();
        assert!(
            refused.contains(source) && refused.contains("retention.ms"),
            "{refused}"
        );
    }
}

fn send(bench: &Bench, key: &[u8], payload: &[u8]) {
    let feed = Feed::new(&bench.brokers, &ClientSettings::new()).unwrap();
    let source = &bench.pipeline.sources[0].topic;
    feed.send(source, key, payload, SystemClock.now()).unwrap();
    feed.finish();
}

/// The entries of the quarantine, once there are so many.
fn wait_for(bench: &Bench, count: usize) -> Vec<QuarantineEntry> {
    let begun = Instant::now();
    loop {
        let entries = quarantined(&bench.brokers, &ClientSettings::new(), &bench.topics, 100, |_| {
            true
        })
        .unwrap();
        if entries.len() >= count {
            return entries;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "of {count} there are {:?}",
            entries.iter().map(|entry| &entry.headers).collect::<Vec<_>>()
        );
        thread::sleep(Duration::from_millis(200));
    }
}

fn delete(bench: &Bench, topic: &str) {
    let deleted = block_on(bench.admin().delete_topics(&[topic], &AdminOptions::new())).unwrap();
    deleted.into_iter().for_each(|outcome| drop(outcome.unwrap()));
}

/// What a person asks of a running engine: is all well, and what comes of this patient?
#[test]
#[ignore = "needs a real Kafka: set WARDWATCH_TEST_BROKERS"]
fn a_doctor_looks_and_a_tap_shows_one_patient() {
    let bench = Bench::new(2);
    let pipeline = bench.folder.path().join("pipeline.yaml");
    let ask = |command: &[&str], more: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_wardwatch"))
            .args(command)
            .args(["--brokers", &bench.brokers, "--group", &bench.group()])
            .args(more)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let why = String::from_utf8_lossy(&output.stderr);
        (output.status.code(), format!("{text}{why}"))
    };
    let pipeline = pipeline.to_str().unwrap();
    // Under another prefix there are no topics.
    let (code, told) = ask(&["doctor", pipeline], &["--topic-prefix", "nowhere."]);
    assert_eq!(code, Some(1), "{told}");
    assert!(
        told.contains("WRONG topics") && told.contains("create topic nowhere.journal"),
        "{told}"
    );

    let engine = bench.engine("one", None);
    let feeding = bench.feed(57, 12);
    thread::sleep(Duration::from_secs(10));
    let prefix = ["--topic-prefix", &bench.prefix];
    let (code, told) = ask(&["doctor", pipeline], &prefix);
    assert_eq!(code, Some(0), "{told}");
    assert!(
        told.contains("1 engines are in it") && told.contains("agree to"),
        "{told}"
    );

    bench.settle(feeding.stop());
    let mut from_start = prefix.to_vec();
    from_start.extend(["--from-start", "--most", "3"]);
    let (code, told) = ask(&["tap", pipeline, "sources"], &from_start);
    assert_eq!((code, told.lines().count()), (Some(0), 3), "{told}");
    let first: serde_json::Value = serde_json::from_str(told.lines().next().unwrap()).unwrap();
    let patient = first["record"]["patient_id"].as_str().unwrap();
    from_start.extend(["--patient", patient]);
    let (code, told) = ask(&["tap", pipeline, "scores"], &from_start);
    assert_eq!((code, told.lines().count()), (Some(0), 3), "{told}");
    for line in told.lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(record["record"]["patient_id"], patient);
    }
    let (code, told) = ask(&["tap", pipeline, "alerts"], &["--alarm", "no_such"]);
    assert_eq!(code, Some(1));
    assert!(told.contains("the pipeline has no alarm no_such"), "{told}");
    engine.terminate();
}

/// The pipeline's file is edited while the ward is watched: a limit, a window, a typo, and back again twice. Nothing is lost or
/// told twice, and a run in memory that goes over at the same places comes to the same digest after every step.
#[test]
#[ignore = "needs a real Kafka: set WARDWATCH_TEST_BROKERS"]
fn an_edit_goes_live_while_the_ward_is_watched() {
    let bench = Bench::new(2);
    let feeding = bench.feed(58, 24);
    let engine = bench.engine("one", None);
    thread::sleep(Duration::from_secs(8));
    let runs =
        |version| move |record: &JournalRecord| record.pipeline_version == version && !record.edit_refused;
    bench.edit(&[("spo2 < 96", "spo2 < 95"), ("\nversion: 1\n", "\nversion: 2\n")]);
    bench.wait_for("another limit", runs(2));
    thread::sleep(Duration::from_secs(4));
    // The alarm `fast` is gone; where it is active it ends.
    let fast = "  - { name: fast, limit: heart_rate > 80, for: 1s, clear_when: heart_rate < 79, priority: medium }\n";
    bench.edit(&[
        (fast, ""),
        ("window: 20s", "window: 30s"),
        ("\nversion: 2\n", "\nversion: 3\n"),
    ]);
    bench.wait_for("another window", runs(3));
    thread::sleep(Duration::from_secs(4));
    bench.edit(&[("spo2 < 95", "spo2 < 9500")]);
    bench.wait_for("a typo is refused", |record| {
        record.pipeline_version == 3 && record.edit_refused
    });

    let pipeline = bench.folder.path().join("pipeline.yaml");
    let rollback = |more: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_wardwatch"))
            .arg("rollback")
            .arg(&pipeline)
            .args(["--snapshots", &bench.store, "--topic-prefix", &bench.prefix])
            .args(more)
            .output()
            .unwrap();
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{why}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(rollback(&[]).contains("says version 3 again"));
    bench.wait_for("the typo is gone", runs(3));
    // The topics keep a week, and an engine that is started would refuse them.
    bench.edit(&[("window: 30s", "window: 240h"), ("every: 2s", "every: 1h")]);
    bench.wait_for("a window that topics do not keep is refused", |record| {
        record.pipeline_version == 3 && record.edit_refused
    });
    let log = std::fs::read_to_string(&engine.log).unwrap();
    assert!(log.contains("retention.ms"), "{log}");
    let told = rollback(&[]);
    assert!(told.contains("version 3 → lively version 3"), "{told}");
    bench.wait_for("that is gone, too", runs(3));
    std::fs::remove_file(&pipeline).unwrap();
    bench.wait_for("a file that is gone changes nothing", |record| {
        record.pipeline_version == 3 && record.edit_refused
    });
    assert!(rollback(&["--name", "lively"]).contains("says version 3 again"));
    bench.wait_for("it is there again", runs(3));
    let listed = rollback(&["--list"]);
    assert_eq!(listed.lines().count(), 3, "{listed}");
    assert!(
        listed.lines().next().unwrap().ends_with("as the file says"),
        "{listed}"
    );
    let told = rollback(&[]);
    assert!(told.contains("version 3 → lively version 2"), "{told}");
    bench.wait_for("the version before", runs(2));
    thread::sleep(Duration::from_secs(3));
    // An edit while no engine runs: the next one restores what ran, and goes over from there.
    engine.terminate();
    bench.edit(&[
        ("window: 20s", "window: 40s"),
        ("\nversion: 2\n", "\nversion: 4\n"),
    ]);
    let engine = bench.engine("one", None);
    bench.wait_for("what was edited meanwhile", runs(4));
    thread::sleep(Duration::from_secs(3));
    bench.settle(feeding.stop());
    engine.terminate();

    let (journal, alerts) = bench.check(&Past::default());
    let removed = read(&bench.brokers, &bench.topics.alerts, 2);
    let removed = removed.iter().filter(|message| {
        let alert: Alert = serde_json::from_slice(message.payload().unwrap()).unwrap();
        alert.reason == Some(EndReason::Removed)
    });
    assert!(
        removed.count() > 0,
        "of 24 patients some have the alarm that is gone"
    );
    let lineages: BTreeSet<u64> = journal.iter().map(|(_, record)| record.lineage).collect();
    assert_eq!(lineages.len(), 5, "{lineages:?}");
    eprintln!(
        "{alerts} alerts, the longest gap between two steps {} s",
        longest_gap(&journal)
    );
}
