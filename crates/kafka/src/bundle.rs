//! The outputs of one turn as records of topics.
//!
//! A bundle is published as a whole before the offsets behind it are committed (LOG-1); the next stage makes the two one
//! transaction. Payloads are a function of the log; what depends on this machine's clock travels in headers.

use serde::Serialize;
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Timestamp;
use wardwatch_ingest::Quarantined;
use wardwatch_shard::Outputs;

use crate::decode::RefusedRecord;
use crate::journal::JournalRecord;
use crate::{EngineError, TopicNames};

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
    records: Vec<Outgoing<'n>>,
}

// === impl Bundle ===

impl<'n> Bundle<'n> {
    pub(crate) fn new(names: &'n TopicNames, inputs: &'n [&'n str]) -> Self {
        Self {
            names,
            inputs,
            records: Vec::new(),
        }
    }

    /// Adds what a step gave. `received` is when the engine took the records from Kafka, `produced` is now.
    pub(crate) fn outputs(
        &mut self,
        outputs: &Outputs,
        received: Timestamp,
        produced: Timestamp,
    ) -> Result<(), EngineError> {
        let names = self.names;
        for alert in &outputs.alerts {
            let headers = vec![
                ("received_at", received.to_string()),
                ("produced_at", produced.to_string()),
            ];
            self.json(&names.alerts, &alert.patient_id, alert, headers)?;
        }
        for alarm in &outputs.alarms {
            let key = format!("{}|{}", alarm.patient_id, alarm.alarm);
            self.json(&names.alarms, &key, alarm, Vec::new())?;
        }
        for score in &outputs.scores {
            self.json(&names.scores, &score.patient_id, score, Vec::new())?;
        }
        Ok(())
    }

    /// Adds what could not be decoded.
    pub(crate) fn quarantined(&mut self, quarantined: Vec<Quarantined>) {
        for entry in quarantined {
            let vitals: Vec<VitalSign> = entry.readings.iter().filter_map(|bad| bad.vital).collect();
            self.quarantine(entry, &vitals);
        }
    }

    /// Adds what the shard refused.
    pub(crate) fn refused(&mut self, refused: Vec<RefusedRecord>) {
        for entry in refused {
            self.quarantine(entry.quarantined, &entry.vitals);
        }
    }

    fn quarantine(&mut self, entry: Quarantined, vitals: &[VitalSign]) {
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
        self.records.push(Outgoing {
            topic: &self.names.quarantine,
            partition: None,
            key: entry.key,
            payload: entry.payload,
            headers,
        });
    }

    /// Adds a step's journal record.
    pub(crate) fn journal(&mut self, record: &JournalRecord) -> Result<(), EngineError> {
        let names = self.names;
        self.json(&names.journal, &record.pipeline, record, Vec::new())?;
        if let Some(journal) = self.records.last_mut() {
            journal.partition = Some(record.shard);
        }
        Ok(())
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

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

fn listed(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(",")
}
