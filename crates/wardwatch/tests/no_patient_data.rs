//! Patients' data in every field that can hold them, and none of it in logs, metrics, health or error texts.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test beside a real process waits in real time and stops at the first surprise"
)]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use wardwatch_event_time::{Span, Timestamp};
use wardwatch_kafka::{ClientSettings, EmbeddedBroker, EngineClock, Feed, SystemClock, TopicNames};
use wardwatch_pipeline::Pipeline;

/// In every planted value, in any case.
const PLANTED: &str = "zebulon";

const PIPELINE: &str = r#"
pipeline: small
version: 1
sources: [{ name: bedside, topic: vitals.bedside, format: observation-json }]
time: { lateness: 2m, hold: 0s, grace: 1s, future_skew: 10s, silent_after: 2s, forget_after: 24h }
features:
  - { name: short, window: 10s, every: 1s, sql: "SELECT patient_id, avg(spo2) AS spo2_mean FROM vitals GROUP BY patient_id" }
scores:
  - { name: bed_number, sql: "SCORE" }
alarms:
  - { name: desaturation, limit: spo2 < 88, for: 15s, at_once: spo2 < 80, priority: high }
"#;
const SOUND: &str = "CASE WHEN ward = 'x' THEN 1.0 ELSE 2.0 END";
const BROKEN: &str = "CAST(bed AS DOUBLE)";

#[test]
fn an_engine_tells_nobody_who_its_patients_are() {
    let (_dir, _broker, engine) = busy_engine(SOUND);
    // Alerts, quarantine and silence have happened when the metrics say so.
    let metrics = engine.wait_for(|metrics| {
        count(metrics, "wardwatch_alerts_total") >= 3.0
            && count(metrics, "wardwatch_quarantined_total") >= 9.0
            && count(metrics, "wardwatch_silent_patients") >= 1.0
    });
    let seen = [
        metrics,
        engine.get("/readyz"),
        engine.get("/livez"),
        engine.get("/zebulon-nowhere").replace("zebulon-nowhere", ""),
        engine.stop(),
    ];
    check(&seen);
}

#[test]
fn an_engine_whose_sql_fails_says_why_without_the_value_and_goes_on() {
    let (_dir, _broker, engine) = busy_engine(BROKEN);
    let metrics = engine.wait_for(|metrics| {
        count(metrics, "wardwatch_sql_failures_total") >= 1.0
            && count(metrics, "wardwatch_alerts_total") >= 3.0
    });
    let log = engine.stop();
    assert!(
        log.contains("score bed_number") && log.contains("TRY_CAST"),
        "{log}"
    );
    check(&[metrics, log]);
}

#[test]
fn a_replay_of_what_cannot_be_taken_does_not_quote_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = pipeline(dir.path(), "1 / CAST(age - age AS BIGINT)");
    fs::write(
        dir.path().join("w.ndjson"),
        concat!(
            r#"{"patient_id":"zebulon","event":"admit","ts":"2026-01-01T00:00:00Z","age":50}"#,
            "\n",
            r#"{"patient_id":"zebulon","ts":"2026-01-01T00:00:01Z","code":"spo2","value":75,"unit":"%"}"#,
            "\nzebulon\n",
            r#"{"patient_id":"zebulon","ts":"2026-01-01T00:01:01Z","code":"zebulon","value":75,"unit":"%"}"#,
            "\n",
            r#"{"patient_id":"zebulon","ts":"2026-01-01T00:01:01Z","code":"spo2","value":75,"unit":"%"}"#,
        ),
    )
    .unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_wardwatch"))
        .args(["replay", file.to_str().unwrap(), "--input", "w.ndjson"])
        .current_dir(dir.path())
        .env("RUST_LOG", "trace")
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap() + &String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("a division by zero"), "{told}");
    check(&[told]);
}

/// An engine with a score, on a broker that has all records.
fn busy_engine(score: &str) -> (tempfile::TempDir, EmbeddedBroker, Engine) {
    let dir = tempfile::tempdir().unwrap();
    let broker = EmbeddedBroker::start().unwrap();
    let file = pipeline(dir.path(), score);
    let names = TopicNames::default();
    broker
        .create_topics(&Pipeline::load(&file, None).unwrap(), &names, 1)
        .unwrap();
    let engine = Engine::start(&file, &broker.brokers());
    send_everything(&broker, &names);
    (dir, broker, engine)
}

fn pipeline(dir: &Path, score: &str) -> std::path::PathBuf {
    let path = dir.join("pipeline.yaml");
    fs::write(&path, PIPELINE.replace("SCORE", score)).unwrap();
    path
}

/// Good, bad, early, late and contradictory records, each with the planted word wherever a sender may put text.
fn send_everything(broker: &EmbeddedBroker, names: &TopicNames) {
    let feed = Feed::new(&broker.brokers(), &ClientSettings::new()).unwrap();
    let now = SystemClock.now();
    let context = |key: &str, payload: &str| {
        feed.send(&names.context, key.as_bytes(), payload.as_bytes(), now)
            .unwrap();
    };
    context(
        "zebulon-1",
        &format!(
            r#"{{"patient_id":"zebulon-1","event":"admit","ts":"{now}","ward":"Zebulon ward","bed":"Zebulon bed","age":50,"name":"Zebulon"}}"#
        ),
    );
    context(
        "zebulon-2",
        r#"{"patient_id":"zebulon-2","event":"zebulon","ts":"zebulon"}"#,
    );
    context("zebulon-3", "zebulon, not JSON");

    let vitals = |key: &str, payload: &str, at: Timestamp| {
        feed.send("vitals.bedside", key.as_bytes(), payload.as_bytes(), at)
            .unwrap();
    };
    let reading = |patient: &str, ts: Timestamp, rest: &str| {
        format!(
            r#"{{"patient_id":"{patient}","ts":"{ts}","device_id":"zebulon-monitor","source":"zebulon-gateway",{rest}}}"#
        )
    };
    let spo2 = |value: u32| format!(r#""code":"spo2","value":{value},"unit":"%""#);
    for second in 0..5 {
        let ts = now - Span::from_secs(5 - second);
        vitals("zebulon-1", &reading("zebulon-1", ts, &spo2(75)), now);
        vitals("zebulon-4", &reading("zebulon-4", ts, &spo2(97)), now);
    }
    let bad = [
        reading("zebulon-1", now, r#""code":"zebulon","value":1,"unit":"%""#),
        reading("zebulon-1", now, r#""code":"spo2","value":1,"unit":"zebulon""#),
        reading("zebulon-1", now, r#""code":"spo2","value":"zebulon","unit":"%""#),
        reading("zebulon-1", now, r#""code":"spo2","value":97000,"unit":"%""#),
        reading(
            "zebulon-1",
            now,
            r#""code":"spo2","value":97,"unit":"%","status":"zebulon""#,
        ),
        reading("zebulon-1", now - Span::from_secs(3_600), &spo2(97)),
        reading("zebulon-1", now + Span::from_secs(600), &spo2(97)),
        reading("zebulon-1", now - Span::from_secs(1), &spo2(60)),
        reading("zebulon-other", now, &spo2(97)),
        r#"{"patient_id":"zebulon-1","ts":"zebulon","code":"spo2","value":97,"unit":"%"}"#.to_owned(),
        r#"{"patient_id":"zebulon-1", "zebulon"#.to_owned(),
        "zebulon".to_owned(),
    ];
    for payload in &bad {
        vitals("zebulon-1", payload, now);
    }
    feed.finish();
}

/// The value of a metric, summed over its labels.
fn count(metrics: &str, name: &str) -> f64 {
    let lines = metrics.lines().filter(|line| line.starts_with(name));
    lines
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

fn check(told: &[String]) {
    for text in told {
        let place = text.to_lowercase().find(PLANTED);
        assert_eq!(place, None, "a planted word is in:\n{text}");
    }
}

/// `wardwatch engine` with everything logged, as JSON.
struct Engine {
    process: Child,
    log: std::path::PathBuf,
}

impl Engine {
    fn start(pipeline: &Path, brokers: &str) -> Self {
        let log = pipeline.with_extension("log");
        let process = Command::new(env!("CARGO_BIN_EXE_wardwatch"))
            .args(["engine", pipeline.to_str().unwrap(), "--brokers", brokers])
            .args(["--listen", "127.0.0.1:0", "--log-format", "json"])
            .env("RUST_LOG", "trace")
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Self { process, log }
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// The address that the log tells.
    fn address(&self) -> Option<String> {
        let log = self.log();
        let (_, rest) = log.split_once(r#""addr":""#)?;
        Some(rest.split_once('"')?.0.to_owned())
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address().unwrap()).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn wait_for(&self, enough: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            std::thread::sleep(Duration::from_millis(100));
            let metrics = self.address().map_or_else(String::new, |_| self.get("/metrics"));
            if enough(&metrics) {
                return metrics;
            }
            assert!(
                Instant::now() < until,
                "not in time; the log:\n{}\nmetrics:\n{metrics}",
                self.log()
            );
        }
    }

    /// Ends it, and gives its whole log.
    fn stop(mut self) -> String {
        // Not kill -9: what an engine says when it ends in order is looked at too.
        let told = Command::new("kill").arg(self.process.id().to_string()).status();
        drop(told);
        self.process.wait().unwrap();
        self.log()
    }
}

/// A test that fails leaves no engine behind.
impl Drop for Engine {
    fn drop(&mut self) {
        if self.process.try_wait().is_ok_and(|status| status.is_none()) {
            self.process.kill().ok();
            self.process.wait().ok();
        }
    }
}
