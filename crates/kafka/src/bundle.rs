//! The outputs of some steps as records of topics: what one transaction holds.
//!
//! Payloads are a function of the log; what depends on this machine's clock travels in headers.

use serde::Serialize;
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Timestamp;
use wardwatch_inference::Answers;
use wardwatch_ingest::Quarantined;
use wardwatch_shard::Outputs;

use crate::decode::{RefusedRecord, redriven_from};
use crate::failpoint::most_journaled;
use crate::journal::{JournalRecord, Position};
use crate::lane::Received;
use crate::quarantine::REDRIVEN;
use crate::{EngineError, TopicNames};

/// The header of an alert that says by which step it was decided, SHARD:SEQUENCE in the journal.
pub(crate) const STEP: &str = "step";

/// A quarantined record keeps so many bytes of its payload, and of its key: a larger one might fit no topic and would stop its
/// shard. The whole of it lies where it came from.
const MOST_QUARANTINED: usize = 768 << 10;
const MOST_KEY: usize = 1 << 10;

/// A journal record that is larger leaves out what models answered; Kafka's default is 1 MiB.
const MOST_JOURNALED: usize = 900_000;

/// The header of a quarantined record that is only the begin of one: how long that was.
pub(crate) const CUT: &str = "cut_from_bytes";

/// One record to be produced.
#[derive(Debug)]
pub(crate) struct Outgoing<'n> {
    pub topic: &'n str,
    /// By key when none is given.
    pub partition: Option<i32>,
    pub key: Option<Vec<u8>>,
    pub payload: Vec<u8>,
    pub headers: Vec<(&'static str, String)>,
}

/// All records of one turn, in the order of production.
#[derive(Debug)]
pub(crate) struct Bundle<'n> {
    names: &'n TopicNames,
    /// What the pipeline reads, by topic ordinal.
    inputs: &'n [&'n str],
    shard: i32,
    records: Vec<Outgoing<'n>>,
    /// Where the shard stands after the last step of it.
    ends: Option<Position>,
}

// === impl Bundle ===

impl<'n> Bundle<'n> {
    pub(crate) fn new(names: &'n TopicNames, inputs: &'n [&'n str], shard: i32) -> Self {
        Self {
            names,
            inputs,
            shard,
            records: Vec::new(),
            ends: None,
        }
    }

    /// Adds what later steps gave.
    pub(crate) fn append(&mut self, later: Self) {
        self.records.extend(later.records);
        self.ends = later.ends.or(self.ends.take());
    }

    /// Adds what a step gave. `received` is when the engine took the records from Kafka; `journal` will be added with them.
    pub(crate) fn outputs(
        &mut self,
        outputs: &Outputs,
        received: Timestamp,
        journal: &JournalRecord,
    ) -> Result<(), EngineError> {
        let names = self.names;
        let step = format!("{}:{}", journal.shard, journal.sequence);
        for alert in &outputs.alerts {
            let headers = vec![
                ("received_at", received.to_string()),
                ("produced_at", journal.at.to_string()),
                (STEP, step.clone()),
            ];
            self.json(&names.alerts, &alert.patient_id, alert, headers)?;
        }
        for alarm in &outputs.alarms {
            let key = format!("{}|{}", alarm.patient_id, alarm.alarm);
            self.json(&names.alarms, &key, alarm, Vec::new())?;
            // Whoever takes the shard over reads its alarms from one partition.
            self.in_own_partition();
        }
        for score in &outputs.scores {
            self.json(&names.scores, &score.patient_id, score, Vec::new())?;
        }
        Ok(())
    }

    /// Adds what could not be decoded of these records.
    pub(crate) fn quarantined(&mut self, quarantined: Vec<Quarantined>, records: &[Received<'_>]) {
        for entry in quarantined {
            let vitals: Vec<VitalSign> = entry.readings.iter().filter_map(|bad| bad.vital).collect();
            self.quarantine(entry, &vitals, records);
        }
    }

    /// Adds what the shard refused of these records.
    pub(crate) fn refused(&mut self, refused: Vec<RefusedRecord>, records: &[Received<'_>]) {
        for entry in refused {
            self.quarantine(entry.quarantined, &entry.vitals, records);
        }
    }

    fn quarantine(&mut self, mut entry: Quarantined, vitals: &[VitalSign], records: &[Received<'_>]) {
        let mut headers = vec![
            ("reason", entry.reason.code().to_owned()),
            ("detail", entry.detail.to_owned()),
            ("topic", self.inputs[usize::from(entry.topic)].to_owned()),
            ("partition", entry.partition.to_string()),
            ("offset", entry.offset.to_string()),
            ("append_time", entry.append_time.to_string()),
        ];
        if !entry.readings.is_empty() {
            let readings = entry.readings.iter().map(|bad| bad.index.to_string());
            headers.push(("readings", listed(readings)));
        }
        if !vitals.is_empty() {
            headers.push((
                "vitals",
                listed(vitals.iter().map(|vital| vital.name().to_owned())),
            ));
        }
        if let Some(place) = redriven_from(&entry, records) {
            headers.push((REDRIVEN, place.to_owned()));
        }
        let bytes = entry.payload.len();
        let has_long_key = entry.key.as_ref().is_some_and(|key| key.len() > MOST_KEY);
        if bytes > MOST_QUARANTINED || has_long_key {
            entry.payload.truncate(MOST_QUARANTINED);
            entry.key.iter_mut().for_each(|key| key.truncate(MOST_KEY));
            headers.push((CUT, bytes.to_string()));
        }
        self.records.push(Outgoing {
            topic: &self.names.quarantine,
            partition: None,
            key: entry.key,
            payload: entry.payload,
            headers,
        });
    }

    /// Adds a step's journal record; the shard then stands there. A record that would fit no topic leaves its answers out.
    pub(crate) fn journal(&mut self, mut record: JournalRecord, ends: &Position) -> Result<(), EngineError> {
        let names = self.names;
        self.json(&names.journal, &record.pipeline, &record, Vec::new())?;
        let bytes = self.records.last().map_or(0, |newest| newest.payload.len());
        if bytes > most_journaled(MOST_JOURNALED) && !record.answers.is_empty() {
            self.records.pop();
            record.answers = Answers::default();
            record.answers_left_out = true;
            tracing::warn!(
                shard = self.shard,
                sequence = record.sequence,
                bytes,
                "what models answered in one step is too much for the journal; they are asked again if it is taken again"
            );
            self.json(&names.journal, &record.pipeline, &record, Vec::new())?;
        }
        self.in_own_partition();
        self.ends = Some(ends.clone());
        Ok(())
    }

    fn in_own_partition(&mut self) {
        if let Some(newest) = self.records.last_mut() {
            newest.partition = Some(self.shard);
        }
    }

    fn json(
        &mut self,
        topic: &'n str,
        key: &str,
        record: &impl Serialize,
        headers: Vec<(&'static str, String)>,
    ) -> Result<(), EngineError> {
        let payload = serde_json::to_vec(record).map_err(|source| EngineError::Encode {
            topic: topic.to_owned(),
            source,
        })?;
        self.records.push(Outgoing {
            topic,
            partition: None,
            key: Some(key.as_bytes().to_vec()),
            payload,
            headers,
        });
        Ok(())
    }

    pub(crate) fn records(&self) -> &[Outgoing<'n>] {
        &self.records
    }

    /// Where the shard stands after it; none while it is empty.
    pub(crate) fn ends(&self) -> Option<&Position> {
        self.ends.as_ref()
    }
}

fn listed(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(",")
}
