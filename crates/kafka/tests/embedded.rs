//! The engine on the broker in this process: what goes in, what comes out, and where a restart begins.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test beside a broker waits in real time and stops at the first surprise"
)]

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use wardwatch_event_time::{Span, Timestamp};
use wardwatch_kafka::{
    ClientSettings, EmbeddedBroker, Engine, EngineClock, EngineConfig, EngineError, Feed, Output,
    OutputReader, Stats, SystemClock, TopicNames,
};
use wardwatch_pipeline::Pipeline;

const PIPELINE: &str = r#"
pipeline: small
version: 1
sources: [{ name: bedside, topic: vitals.bedside, format: observation-json }]
time: { lateness: 2m, hold: 0s, grace: 1s, future_skew: 10s, silent_after: 60s, forget_after: 24h }
features:
  - { name: short, window: 10s, every: 1s, sql: "SELECT patient_id, avg(spo2) AS spo2_mean FROM vitals GROUP BY patient_id" }
scores:
  - { name: mean, sql: spo2_mean }
alarms:
  - { name: desaturation, limit: spo2 < 88, for: 15s, at_once: spo2 < 80, priority: high }
"#;

struct Ward {
    broker: EmbeddedBroker,
    pipeline: Arc<Pipeline>,
    now: Timestamp,
}

impl Ward {
    fn new(text: &str, partitions: i32) -> Self {
        let broker = EmbeddedBroker::start().unwrap();
        let pipeline = Arc::new(Pipeline::parse(text, Path::new("models")).unwrap());
        broker
            .create_topics(&pipeline, &TopicNames::default(), partitions)
            .unwrap();
        Self {
            broker,
            pipeline,
            now: SystemClock.now(),
        }
    }

    /// Ten seconds of a patient who desaturates in the last, and two records that nobody can read.
    fn send(&self) {
        let feed = Feed::new(&self.broker.brokers(), &ClientSettings::new()).unwrap();
        let send = |topic: &str, payload: &str, at| feed.send(topic, b"p-1", payload.as_bytes(), at).unwrap();
        let admit = format!(
            r#"{{"patient_id":"p-1","event":"admit","ts":"{}","bed":"7"}}"#,
            self.now - Span::from_secs(12)
        );
        send("context", &admit, self.now - Span::from_secs(12));
        for second in 1..=10 {
            let at = self.now - Span::from_secs(11 - second);
            let value = if second == 10 { 75 } else { 97 };
            let reading =
                format!(r#"{{"patient_id":"p-1","ts":"{at}","code":"spo2","value":{value},"unit":"%"}}"#);
            send("vitals.bedside", &reading, at);
        }
        send("vitals.bedside", "not JSON", self.now);
        send("vitals.bedside", r#"{"patient_id":"p-1"}"#, self.now);
        feed.finish();
    }

    /// Runs an engine until it is ready and `enough`.
    fn run(&self, enough: impl Fn(Stats) -> bool) -> Stats {
        let mut config = EngineConfig::new(self.broker.brokers(), "group", Arc::clone(&self.pipeline));
        config.trusts_topics = true;
        let engine = Engine::start(config).unwrap();
        let until = Instant::now() + Duration::from_secs(30);
        while !(engine.health().is_ready() && enough(engine.stats())) {
            assert!(
                Instant::now() < until && !engine.health().has_ended(),
                "{:?}",
                engine.stats()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        let stats = engine.stats();
        engine.stop().unwrap();
        stats
    }

    fn outputs(&self) -> Vec<Output> {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let tell = Arc::clone(&seen);
        let reader = OutputReader::start(
            &self.broker.brokers(),
            &ClientSettings::new(),
            &TopicNames::default(),
            move |_, output| tell.lock().unwrap().push(output),
        );
        let reader = reader.unwrap();
        std::thread::sleep(Duration::from_secs(1));
        reader.stop().unwrap();
        let seen = seen.lock().unwrap();
        seen.clone()
    }
}

#[test]
fn what_goes_in_comes_out_once_and_a_restart_goes_on_behind_it() {
    let ward = Ward::new(PIPELINE, 1);
    ward.send();
    let stats = ward.run(|stats| stats.records >= 13);
    assert_eq!((stats.records, stats.alerts, stats.quarantined), (13, 1, 2));

    let outputs = ward.outputs();
    let alerts: Vec<_> = outputs
        .iter()
        .filter_map(|output| match output {
            Output::Alert(alert) => Some(alert),
            _ => None,
        })
        .collect();
    assert_eq!(alerts.len(), 1);
    assert_eq!(
        (
            alerts[0].alarm.as_str(),
            alerts[0].value,
            alerts[0].bed.as_deref()
        ),
        ("desaturation", Some(75.0), Some("7"))
    );
    assert!(
        outputs
            .iter()
            .any(|output| matches!(output, Output::Alarm(alarm) if alarm.active))
    );
    let scores = outputs
        .iter()
        .filter(|output| matches!(output, Output::Score(_)))
        .count();
    assert!(scores >= 9, "a score a closed window, {scores}");
    let journal = outputs.iter().rev().find_map(|output| match output {
        Output::Journal(journal) => Some(journal),
        _ => None,
    });
    let journal = journal.unwrap();
    assert_eq!(
        (
            journal.offsets["vitals.bedside"],
            journal.offsets["context"],
            journal.patients
        ),
        (12, 1, 1)
    );

    // Committed with its outputs: nothing is told twice.
    let again = ward.run(|_| true);
    assert_eq!((again.records, again.alerts, again.quarantined), (0, 0, 0));
}

#[test]
fn an_engine_refuses_topics_that_it_cannot_run_on() {
    let broker = EmbeddedBroker::start().unwrap();
    let pipeline = Arc::new(Pipeline::parse(PIPELINE, Path::new("models")).unwrap());
    let start = || {
        let mut config = EngineConfig::new(broker.brokers(), "group", Arc::clone(&pipeline));
        config.trusts_topics = true;
        Engine::start(config)
    };
    assert!(
        matches!(start(), Err(EngineError::MissingTopics { names }) if names.contains(&"alerts".to_owned()))
    );
}

#[test]
fn context_of_several_writers_is_merged_by_time() {
    let context =
        "context: [{ name: adt, topic: hospital.adt }, { name: charting, topic: context.charting }]\ntime:";
    let ward = Ward::new(&PIPELINE.replace("time:", context), 1);
    let feed = Feed::new(&ward.broker.brokers(), &ClientSettings::new()).unwrap();
    let ago = |seconds: i64| ward.now - Span::from_secs(seconds);
    let send = |topic: &str, rest: &str, ts: i64| {
        let record = format!(r#"{{"patient_id":"p-1","ts":"{}",{rest}}}"#, ago(ts));
        feed.send(topic, b"p-1", record.as_bytes(), ward.now).unwrap();
    };
    send(
        "hospital.adt",
        r#""event":"admit","visit":"V1","ward":"4W","bed":"B1""#,
        60,
    );
    send(
        "context.charting",
        r#""event":"update","ward":"4 West","bed":"B9""#,
        50,
    );
    send(
        "hospital.adt",
        r#""event":"transfer","visit":"V1","bed":"B2""#,
        20,
    );
    send(
        "hospital.adt",
        r#""event":"update","visit":"V1","ward":"4W","bed":"B1""#,
        40,
    );
    // Whoever has been discharged stays so.
    feed.send(
        "hospital.adt",
        b"p-2",
        br#"{"patient_id":"p-2","ts":"2026-01-02T00:00:00Z","event":"discharge"}"#,
        ward.now,
    )
    .unwrap();
    feed.send(
        "hospital.adt",
        b"p-2",
        br#"{"patient_id":"p-2","ts":"2026-01-01T00:00:00Z","event":"admit"}"#,
        ward.now,
    )
    .unwrap();
    send("vitals.bedside", r#""code":"spo2","value":75,"unit":"%""#, 0);
    feed.finish();
    let stats = ward.run(|stats| stats.records >= 7 && stats.alerts >= 1);
    assert_eq!((stats.records, stats.quarantined), (7, 0));
    let outputs = ward.outputs();
    let alert = outputs.iter().find_map(|output| match output {
        Output::Alert(alert) => Some(alert),
        _ => None,
    });
    let alert = alert.unwrap();
    assert_eq!(
        (
            alert.visit.as_deref(),
            alert.ward.as_deref(),
            alert.bed.as_deref()
        ),
        (Some("V1"), Some("4 West"), Some("B2")),
        "the ward is charting's once the admission system no longer states it"
    );
    let journal = outputs.iter().rev().find_map(|output| match output {
        Output::Journal(journal) => Some(journal),
        _ => None,
    });
    let journal = journal.unwrap();
    assert_eq!(
        (
            journal.offsets["hospital.adt"],
            journal.offsets["context.charting"]
        ),
        (5, 1)
    );
    assert_eq!(journal.patients, 1);
}
