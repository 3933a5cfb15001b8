//! A test bench: topics of its own on a real Kafka, a ward that feeds them in real time, and engines as processes that can
//! be stopped in every way a process can.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::executor::block_on;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::OwnedMessage;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_kafka::{
    ClientSettings, EngineClock, Feed, JournalRecord, Size, SystemClock, TopicNames, apply_plan, plan_topics,
};
use wardwatch_pipeline::Pipeline;
use wardwatch_simulate::{Topic, Ward};

use super::oracle::{self, Past};

/// A pipeline whose thresholds lie in the middle of what is normal, so that alarms come and go all the time.
const PIPELINE: &str = r#"
pipeline: lively
version: 1
sources: [{ name: bedside, topic: PREFIXvitals.bedside, format: observation-json }]
time: { lateness: 2m, hold: 0s, grace: 1s, future_skew: 10s, silent_after: 3s, forget_after: 24h }
features:
  - name: short
    window: 20s
    every: 2s
    sql: |
      SELECT patient_id, avg(heart_rate) AS heart_rate_mean, slope(heart_rate) AS heart_rate_slope, median(spo2) AS spo2_median
      FROM vitals GROUP BY patient_id
scores:
  - name: news2
    sql: "news2(resp_rate, spo2, spo2_scale, on_oxygen, arterial_systolic, heart_rate, consciousness, temperature)"
  - { name: shock, sql: "shock_index(heart_rate_mean, arterial_systolic)" }
alarms:
  - { name: low, limit: spo2 < 96, for: 2s, at_once: spo2 < 94, priority: high, repeat_after: 5s }
  - { name: fast, limit: heart_rate > 80, for: 1s, clear_when: heart_rate < 79, priority: medium }
  - { name: faster, when: heart_rate_slope > 0.05, clear_when: heart_rate_slope < 0, for: 2s, priority: low, repeat_after: 6s }
  - { name: shocked, when: shock > 0.7, clear_when: shock < 0.65, priority: low, repeat_after: 6s }
  - { name: urgent, when: news2_lowest >= 2, clear_when: news2_highest < 2, for: 1s, priority: medium }
"#;

/// Topics of its own on a broker.
pub struct Bench {
    pub brokers: String,
    /// Where the engines think the broker is.
    pub brokers_of_engines: String,
    /// What else they are told.
    pub arguments: Vec<String>,
    pub environment: Vec<(String, String)>,
    /// Where they keep snapshots.
    pub store: String,
    pub partitions: i32,
    pub prefix: String,
    pub pipeline: Arc<Pipeline>,
    pub topics: TopicNames,
    pub folder: tempfile::TempDir,
}

/// A ward that sends in real time until it is told to stop.
pub struct Feeding {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

/// An engine as a process.
pub struct EngineProcess {
    child: Child,
    pub log: PathBuf,
}

/// The folder of the models that are shipped.
fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models")
}

/// Creates what the pipeline needs.
pub fn create_topics(brokers: &str, pipeline: &Pipeline, topics: &TopicNames, partitions: i32) {
    let size = Size {
        partitions,
        replication: if brokers.contains(',') { 3 } else { 1 },
    };
    let settings = ClientSettings::new();
    let plan = plan_topics(brokers, &settings, pipeline, topics, size).unwrap();
    apply_plan(brokers, &settings, &plan).unwrap();
}

// === impl Bench ===

impl Bench {
    /// On the broker of `WARDWATCH_TEST_BROKERS`.
    pub fn new(partitions: i32) -> Self {
        let brokers = std::env::var("WARDWATCH_TEST_BROKERS").expect("WARDWATCH_TEST_BROKERS is HOST:PORT");
        Self::on(&brokers, partitions)
    }

    /// On these brokers.
    pub fn on(brokers: &str, partitions: i32) -> Self {
        Self::of(PIPELINE, brokers, partitions)
    }

    /// Of another pipeline, whose topics begin with PREFIX.
    pub fn of(pipeline: &str, brokers: &str, partitions: i32) -> Self {
        let brokers = brokers.to_owned();
        let unique = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let prefix = format!("f{}-{unique}.", std::process::id());
        let folder = tempfile::tempdir().unwrap();
        let text = pipeline.replace("PREFIX", &prefix);
        std::fs::write(folder.path().join("pipeline.yaml"), &text).unwrap();
        let pipeline = Arc::new(Pipeline::parse(&text, &models()).unwrap());
        let topics = TopicNames::with_prefix(&prefix);
        create_topics(&brokers, &pipeline, &topics, partitions);
        Self {
            brokers_of_engines: brokers.clone(),
            arguments: vec!["--models".to_owned(), models().display().to_string()],
            environment: Vec::new(),
            store: folder.path().join("snapshots").display().to_string(),
            brokers,
            partitions,
            prefix,
            pipeline,
            topics,
            folder,
        }
    }

    /// The group of the engines.
    pub fn group(&self) -> String {
        format!("{}group", self.prefix)
    }

    /// Writes a step into each shard's journal that never was, with a digest that nobody comes to. Returns their sequences.
    pub fn forge_journal(&self) -> BTreeSet<u64> {
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .create()
            .unwrap();
        let mut newest = BTreeMap::new();
        for record in self.journal() {
            newest.insert(record.shard, record);
        }
        let mut forged = BTreeSet::new();
        for mut record in newest.into_values() {
            record.sequence += 1;
            (record.tick, record.begins) = (None, None);
            let text = serde_json::to_string(&record).unwrap();
            let text = text.replace(&record.digest.to_string(), "00000000deadbeef");
            let forgery: BaseRecord<'_, str, str> = BaseRecord::to(&self.topics.journal)
                .partition(record.shard)
                .key("lively")
                .payload(&text);
            assert!(producer.send(forgery).is_ok());
            forged.insert(record.sequence);
        }
        producer.flush(Duration::from_secs(10)).unwrap();
        forged
    }

    /// Whether a transaction is open in any of the outputs: then what is committed ends before what is written.
    pub fn has_open_transaction(&self) -> bool {
        let ends = |isolation: &str| -> Vec<i64> {
            let consumer: BaseConsumer = ClientConfig::new()
                .set("bootstrap.servers", &self.brokers)
                .set("isolation.level", isolation)
                .create()
                .unwrap();
            let topics = [
                &self.topics.journal,
                &self.topics.alerts,
                &self.topics.alarms,
                &self.topics.scores,
            ];
            let all = topics
                .iter()
                .flat_map(|topic| (0..self.partitions).map(move |shard| (topic, shard)));
            let end = |(topic, shard): (&&String, i32)| {
                consumer
                    .fetch_watermarks(topic, shard, Duration::from_secs(10))
                    .unwrap()
                    .1
            };
            all.map(end).collect()
        };
        ends("read_committed") != ends("read_uncommitted")
    }

    /// Edits the pipeline's file; engines that run notice.
    pub fn edit(&self, edits: &[(&str, &str)]) {
        let path = self.folder.path().join("pipeline.yaml");
        let mut text = std::fs::read_to_string(&path).unwrap();
        for (from, to) in edits {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        std::fs::write(&path, text).unwrap();
    }

    /// Waits until this holds of the newest journal record of every shard.
    pub fn wait_for(&self, what: &str, holds: impl Fn(&JournalRecord) -> bool) {
        let begun = Instant::now();
        loop {
            let mut newest = BTreeMap::new();
            for record in self.journal() {
                newest.insert(record.shard, record);
            }
            if newest.len() == self.partitions as usize && newest.values().all(&holds) {
                return;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "{what}: not within 60 s"
            );
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// The folder of the snapshots.
    pub fn snapshots(&self) -> PathBuf {
        PathBuf::from(&self.store)
    }

    /// Starts an engine by that name in the group; it ends itself at the given passing of a failpoint.
    pub fn engine(&self, name: &str, failpoint: Option<String>) -> EngineProcess {
        self.spawn(name, Some(name), failpoint)
    }

    /// Starts an engine without a name in the group: it leaves when it ends.
    pub fn guest(&self, name: &str) -> EngineProcess {
        self.spawn(name, None, None)
    }

    fn spawn(&self, name: &str, instance: Option<&str>, failpoint: Option<String>) -> EngineProcess {
        let log = self.folder.path().join(format!("{name}.log"));
        let mut options = File::options();
        let file = options.create(true).append(true).open(&log).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_wardwatch"));
        command
            .arg("engine")
            .arg(self.folder.path().join("pipeline.yaml"))
            .args([
                "--brokers",
                &self.brokers_of_engines,
                "--topic-prefix",
                &self.prefix,
            ])
            .args(["--group", &self.group()])
            .args(&self.arguments)
            .args(instance.into_iter().flat_map(|instance| ["--instance", instance]))
            .args(["--listen", "127.0.0.1:0", "--snapshot-every", "2", "--snapshots"])
            .arg(&self.store)
            .env_remove("WARDWATCH_FAILPOINT")
            .envs(self.environment.iter().cloned())
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file);
        if let Some(failpoint) = failpoint {
            command.env("WARDWATCH_FAILPOINT", failpoint);
        }
        EngineProcess {
            child: command.spawn().unwrap(),
            log,
        }
    }

    /// A ward of so many beds, each with a message a second.
    pub fn feed(&self, seed: u64, beds: usize) -> Feeding {
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&sent));
        let feed = Feed::new(&self.brokers, &ClientSettings::new()).unwrap();
        let (source, context) = (
            self.pipeline.sources[0].topic.clone(),
            self.topics.context.clone(),
        );
        let thread = thread::spawn(move || {
            let mut ward = Ward::new(seed, SystemClock.now(), beds);
            while !stopped.load(Ordering::Acquire) {
                for message in ward.next_second() {
                    while SystemClock.now() < message.arrives {
                        thread::sleep(Duration::from_millis(1));
                    }
                    let topic = if message.topic == Topic::Context {
                        &context
                    } else {
                        &source
                    };
                    feed.send(topic, message.key.as_bytes(), &message.payload, message.arrives)
                        .unwrap();
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            }
            feed.finish();
        });
        Feeding { stop, sent, thread }
    }

    /// The committed journal.
    pub fn journal(&self) -> Vec<JournalRecord> {
        let journal = oracle::read(&self.brokers, &self.topics.journal, self.partitions);
        let record = |message: &rdkafka::message::OwnedMessage| {
            serde_json::from_slice(message.payload().unwrap()).unwrap()
        };
        journal.iter().map(record).collect()
    }

    /// How many records have been stepped and committed.
    pub fn stepped(&self) -> u64 {
        let mut newest = std::collections::BTreeMap::new();
        for record in self.journal() {
            newest.insert(record.shard, record.offsets.values().sum::<i64>());
        }
        newest.values().sum::<i64>() as u64
    }

    /// Waits until so many records are stepped and committed, and what they made due has had time to come.
    pub fn settle(&self, sent: u64) {
        let begun = Instant::now();
        while self.stepped() < sent {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "{} of {sent} records are stepped",
                self.stepped()
            );
            thread::sleep(Duration::from_millis(500));
        }
        // Ticks end silences and windows; they are in the journal too.
        thread::sleep(Duration::from_secs(5));
    }

    /// An administrator of the brokers.
    pub fn admin(&self) -> AdminClient<DefaultClientContext> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers);
        config.create().unwrap()
    }

    /// Deletes all of the journal but its last record, as its compaction would in time; with `all` that too. Returns what it
    /// was.
    pub fn forget_journal(&self, all: bool) -> Vec<OwnedMessage> {
        let journal = oracle::read(&self.brokers, &self.topics.journal, self.partitions);
        let admin = self.admin();
        let mut ends = TopicPartitionList::new();
        for partition in 0..self.partitions {
            let offsets = journal.iter().filter(|message| message.partition() == partition);
            let last = Offset::Offset(offsets.map(Message::offset).max().unwrap_or(0));
            let until = if all { Offset::End } else { last };
            ends.add_partition_offset(&self.topics.journal, partition, until)
                .unwrap();
        }
        // Of a compacted topic nobody may delete.
        let clean_up_by = |policy| {
            let config = AlterConfig::new(ResourceSpecifier::Topic(&self.topics.journal))
                .set("message.timestamp.type", "LogAppendTime")
                .set("min.compaction.lag.ms", "86400000")
                .set("cleanup.policy", policy);
            block_on(admin.alter_configs([&config], &AdminOptions::new())).unwrap();
        };
        clean_up_by("delete");
        // Brokers learn of that one after the other.
        let delete = || block_on(admin.delete_records(&ends, &AdminOptions::new())).unwrap();
        let is_done = || {
            delete()
                .elements()
                .iter()
                .all(|partition| partition.error().is_ok())
        };
        let begun = Instant::now();
        while !is_done() {
            assert!(
                begun.elapsed() < Duration::from_secs(10),
                "the journal cannot be deleted"
            );
            thread::sleep(Duration::from_millis(100));
        }
        clean_up_by("compact");
        journal
    }

    /// Holds everything that was committed against a run in memory.
    pub fn check(&self, past: &Past) -> (Vec<(Timestamp, JournalRecord)>, usize) {
        oracle::check_since(&self.brokers, &self.pipeline, &self.topics, self.partitions, past)
    }
}

/// By shard, the longest time between two steps, in seconds: how long its patients had no fresh score.
pub fn longest_gap(journal: &[(Timestamp, JournalRecord)]) -> f64 {
    let mut last = std::collections::BTreeMap::new();
    let mut longest = Span::ZERO;
    for (at, record) in journal {
        if let Some(before) = last.insert(record.shard, *at) {
            longest = longest.max(*at - before);
        }
    }
    longest.secs_f64()
}

// === impl Feeding ===

impl Feeding {
    /// Ends it; returns how many records it has sent.
    pub fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Release);
        self.thread.join().unwrap();
        self.sent.load(Ordering::Relaxed)
    }
}

// === impl EngineProcess ===

impl EngineProcess {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal: `TERM`, `KILL`, `STOP`, `CONT`.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &id])
            .status()
            .unwrap();
        assert!(sent.success(), "kill -{name}");
    }

    /// Lets it run for some seconds.
    pub fn run_for(self, seconds: u64) -> Self {
        thread::sleep(Duration::from_secs(seconds));
        self
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for its end.
    pub fn wait(&mut self, patience: Duration) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(
                begun.elapsed() < patience,
                "the engine still runs; its log is {}",
                self.log.display()
            );
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// As `kill -9`.
    pub fn kill(mut self) {
        self.signal("KILL");
        assert_eq!(self.wait(Duration::from_secs(5)).signal(), Some(9));
    }

    /// SIGTERM: it ends in order. Returns how long that took.
    pub fn terminate(mut self) -> Duration {
        let begun = Instant::now();
        self.signal("TERM");
        let status = self.wait(Duration::from_secs(20));
        assert!(
            status.success(),
            "{status}: {}",
            std::fs::read_to_string(&self.log).unwrap()
        );
        begun.elapsed()
    }
}

impl Drop for EngineProcess {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            self.child.kill().ok();
            self.child.wait().ok();
        }
    }
}

/// What the engines last said, when a case fails.
impl Drop for Bench {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        let files = std::fs::read_dir(self.folder.path())
            .into_iter()
            .flatten()
            .flatten();
        for path in files.map(|file| file.path()) {
            if path.extension().is_some_and(|extension| extension == "log") {
                let log = std::fs::read_to_string(&path).unwrap_or_default();
                let lines: Vec<&str> = log.lines().collect();
                let newest = &lines[lines.len().saturating_sub(40)..];
                eprintln!("{}:\n{}", path.display(), newest.join("\n"));
            }
        }
    }
}
