//! The oracle: what a single-threaded run of the same records gives, against what was committed.
//!
//! The journal says how the log was cut into steps and where it ticked; everything else is taken from the topics
//! themselves. A fresh shard that steps through it in memory must come to the same digest after every step, and to the
//! same outputs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message, OwnedMessage};
use rdkafka::{Offset, TopicPartitionList};
use wardwatch_event_time::Timestamp;
use wardwatch_inference::Models;
use wardwatch_ingest::{Arrival, Record, decode_command, decode_context, decode_observations};
use wardwatch_kafka::{JournalRecord, TopicNames};
use wardwatch_pipeline::Pipeline;
use wardwatch_shard::{Batch, CommandInput, ContextInput, Outputs, Shard, Wants};

/// What an in-process run of the same records gives.
#[derive(Default)]
pub struct Expected {
    /// Each alert as text, by id.
    pub alerts: BTreeMap<String, String>,
    /// The ids of a patient's alerts, in order.
    pub of_patients: BTreeMap<String, Vec<String>>,
    /// Alarm states and scores as texts, each as often as it came.
    pub alarms: BTreeMap<String, usize>,
    pub scores: BTreeMap<String, usize>,
    /// (partition, offset, reason) of every entry.
    pub quarantined: BTreeSet<(i32, i64, String)>,
}

/// Holds what was committed against a run in memory. Returns the journal with the brokers' times, and how many alerts there are.
///
/// # Panics
/// When anything is lost, there twice, or different.
pub fn check(
    brokers: &str,
    pipeline: &Arc<Pipeline>,
    topics: &TopicNames,
    partitions: i32,
) -> (Vec<(Timestamp, JournalRecord)>, usize) {
    check_since(brokers, pipeline, topics, partitions, &Past::default())
}

/// What the topics no longer tell, or tell otherwise.
#[derive(Default)]
pub struct Past {
    /// Journal records that may be gone by now.
    pub journal: Vec<OwnedMessage>,
    /// Steps that the test itself has written into the journal; nothing happened in them.
    pub forged: BTreeSet<u64>,
}

/// The same after a state was rebuilt: the run in memory never was, and must still tell the same. Digests of a new lineage are
/// not compared, since they begin anew.
pub fn check_since(
    brokers: &str,
    pipeline: &Arc<Pipeline>,
    topics: &TopicNames,
    partitions: i32,
    past: &Past,
) -> (Vec<(Timestamp, JournalRecord)>, usize) {
    let read = |topic: &str| read(brokers, topic, partitions);
    let journal = past.journal.iter().cloned().chain(read(&topics.journal));
    let journal: BTreeMap<(i32, i64), OwnedMessage> = journal
        .map(|message| ((message.partition(), message.offset()), message))
        .collect();
    let journal: Vec<OwnedMessage> = journal.into_values().collect();
    let expected = step_again(
        pipeline,
        topics,
        &read(&pipeline.sources[0].topic),
        &read(&topics.context),
        &read(&topics.commands),
        &journal,
        past,
    );
    let alerts = read(&topics.alerts);
    check_alerts(&alerts, &expected);
    assert_eq!(counted(&read(&topics.scores)), expected.scores, "scores");
    assert_eq!(counted(&read(&topics.alarms)), expected.alarms, "alarms");
    let quarantine = read(&topics.quarantine);
    assert_eq!(
        quarantine.len(),
        expected.quarantined.len(),
        "nothing is in quarantine twice"
    );
    assert_eq!(quarantined(&quarantine), expected.quarantined);
    let journal = journal.iter().map(|message| {
        let record = serde_json::from_slice(message.payload().unwrap()).unwrap();
        (append_time(message), record)
    });
    (journal.collect(), alerts.len())
}

/// Every committed record of a topic.
pub fn read(brokers: &str, topic: &str, partitions: i32) -> Vec<OwnedMessage> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "e2e-reader")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create()
        .unwrap();
    let mut all = TopicPartitionList::new();
    for partition in 0..partitions {
        all.add_partition_offset(topic, partition, Offset::Beginning)
            .unwrap();
    }
    consumer.assign(&all).unwrap();
    let (mut messages, mut ended) = (Vec::new(), BTreeSet::new());
    let begun = Instant::now();
    while ended.len() < partitions as usize {
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
    commands: &[OwnedMessage],
    journal: &[OwnedMessage],
    past: &Past,
) -> Expected {
    let mut expected = Expected::default();
    let partitions = journal.iter().map(Message::partition).max().unwrap_or(0) + 1;
    for partition in 0..partitions {
        let of_partition = |messages: &[OwnedMessage]| -> Vec<OwnedMessage> {
            messages
                .iter()
                .filter(|message| message.partition() == partition)
                .cloned()
                .collect()
        };
        let (vitals, contexts, commands) = (
            of_partition(vitals),
            of_partition(contexts),
            of_partition(commands),
        );
        let mut shard = Shard::new(pipeline.clone(), Wants::default());
        let mut models = Models::new(pipeline.models.clone());
        let mut steps = Vec::new();
        // Whether digests are those of a shard that has stepped everything.
        let mut is_whole = true;
        let (mut vitals_done, mut contexts_done, mut commands_done) = (0, 0, 0);
        for (sequence, entry) in of_partition(journal).iter().enumerate() {
            let entry: JournalRecord = serde_json::from_slice(entry.payload().unwrap()).unwrap();
            assert_eq!(entry.sequence, sequence as u64, "the journal has no gap");
            let until = |topic: &str| entry.offsets.get(topic).copied().unwrap_or(0);
            let vitals = between(&vitals, &mut vitals_done, until(&pipeline.sources[0].topic));
            let contexts = between(&contexts, &mut contexts_done, until(&topics.context));
            let commands = between(&commands, &mut commands_done, until(&topics.commands));
            if let Some(begins) = entry.begins.as_ref().filter(|_| sequence > 0) {
                match begins.went_along {
                    true => {
                        let new = Pipeline::parse(&begins.pipeline_text, Path::new("models")).unwrap();
                        models = Models::new(new.models.clone());
                        let mut ended = Outputs::default();
                        shard = gone_over(shard, Arc::new(new), &steps, &mut ended);
                        expected.take(&ended);
                    }
                    false => is_whole = false,
                }
            }
            let records = [vitals, contexts, commands];
            let outputs = step(&mut shard, &mut models, &records, entry.tick, &mut expected);
            steps.push((records, entry.tick));
            let digest = match is_whole && !past.forged.contains(&entry.sequence) {
                true => shard.digest(),
                false => entry.digest,
            };
            assert_eq!(
                (shard.log_time(), digest),
                (entry.log_time, entry.digest),
                "step {sequence} of shard {partition}"
            );
            expected.take(&outputs);
        }
        assert_eq!(
            vitals_done,
            vitals.len() as i64,
            "the journal covers every record"
        );
    }
    expected
}

/// What one step took: vital signs, context, commands.
type Taken<'m> = [Vec<&'m OwnedMessage>; 3];

/// The shard under an edited pipeline; windows that it changes are filled by all steps so far.
fn gone_over(
    mut shard: Shard,
    new: Arc<Pipeline>,
    steps: &[(Taken<'_>, Option<Timestamp>)],
    ended: &mut Outputs,
) -> Shard {
    let succession = new.succession(shard.pipeline()).unwrap();
    let fresh = succession.fresh_sets();
    let filled = (!fresh.is_empty()).then(|| {
        let mut filled = Shard::new(Arc::new(new.only_sets(&fresh)), Wants::default());
        for (records, tick) in steps {
            step(
                &mut filled,
                &mut Models::default(),
                records,
                *tick,
                &mut Expected::default(),
            );
        }
        filled
    });
    shard.end_removed(&new, &succession, &mut Models::default(), ended);
    shard.succeed(new, &succession, filled)
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
    [vitals, contexts, commands]: &Taken<'_>,
    tick: Option<Timestamp>,
    expected: &mut Expected,
) -> Outputs {
    let decoded = decode_observations(vitals.iter().map(|message| record(message, 0)), Arrival::Broker);
    let context = contexts.iter().map(|message| ContextInput {
        append_time: append_time(message),
        writer: 0,
        record: decode_context(&record(message, 1)).unwrap(),
    });
    let commands = commands.iter().map(|message| CommandInput {
        append_time: append_time(message),
        record: decode_command(&record(message, 2)).unwrap(),
    });
    let batch = Batch {
        observations: decoded.observations,
        context: context.collect(),
        commands: commands.collect(),
        ..Batch::default()
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
    let mut of_patients: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for message in alerts {
        let text = std::str::from_utf8(message.payload().unwrap())
            .unwrap()
            .to_owned();
        let alert: wardwatch_alarms::Alert = serde_json::from_str(&text).unwrap();
        assert_eq!(message.key(), Some(alert.patient_id.as_bytes()));
        assert!(header(message, "produced_at").is_some() && header(message, "received_at").is_some());
        of_patients
            .entry(alert.patient_id.to_string())
            .or_default()
            .push(alert.id.to_string());
        assert!(
            seen.insert(alert.id.to_string(), text).is_none(),
            "alert {} came twice",
            alert.id
        );
    }
    let lost: Vec<_> = expected
        .alerts
        .keys()
        .filter(|id| !seen.contains_key(*id))
        .collect();
    assert!(lost.is_empty(), "{} alerts are lost", lost.len());
    assert_eq!(seen, expected.alerts);
    assert_eq!(
        of_patients, expected.of_patients,
        "each patient's alerts are in order"
    );
}

/// (partition, offset, reason) of every entry.
fn quarantined(quarantine: &[OwnedMessage]) -> BTreeSet<(i32, i64, String)> {
    let place = |message: &OwnedMessage| {
        let number = |name| header(message, name).unwrap().parse::<i64>().unwrap();
        let partition = i32::try_from(number("partition")).unwrap();
        (partition, number("offset"), header(message, "reason").unwrap())
    };
    quarantine.iter().map(place).collect()
}

fn counted(messages: &[OwnedMessage]) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    for message in messages {
        let text = std::str::from_utf8(message.payload().unwrap())
            .unwrap()
            .to_owned();
        *all.entry(text).or_default() += 1;
    }
    all
}

// === impl Expected ===

impl Expected {
    fn take(&mut self, outputs: &Outputs) {
        for alert in &outputs.alerts {
            let id = alert.id.to_string();
            let of_patient = self.of_patients.entry(alert.patient_id.to_string()).or_default();
            of_patient.push(id.clone());
            let twice = self.alerts.insert(id, serde_json::to_string(alert).unwrap());
            assert!(twice.is_none());
        }
        for alarm in &outputs.alarms {
            *self
                .alarms
                .entry(serde_json::to_string(alarm).unwrap())
                .or_default() += 1;
        }
        for score in &outputs.scores {
            *self
                .scores
                .entry(serde_json::to_string(score).unwrap())
                .or_default() += 1;
        }
    }
}

pub fn header(message: &OwnedMessage, name: &str) -> Option<String> {
    let headers = message.headers()?;
    let found = headers.iter().find(|header| header.key == name)?;
    Some(String::from_utf8(found.value?.to_vec()).unwrap())
}
