//! What could not be taken as an observation, kept whole with its reason.
//!
//! One entry per record and flaw: a group in which three readings have an unknown unit makes one entry that lists the
//! three, so a hostile message cannot be multiplied by its readings. The payload is the original bytes, always.

use std::fmt;

use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Timestamp;

use crate::reason::{Flaw, Reason};
use crate::record::Record;

/// A record, or some readings of it, in quarantine.
#[derive(Clone, PartialEq)]
pub struct Quarantined {
    /// Why.
    pub reason: Reason,
    /// What exactly, as a fixed text without patient data; may be empty.
    pub detail: &'static str,
    /// The readings concerned, in order; empty when it is the whole record.
    pub readings: Vec<BadReading>,
    /// Ordinal of the topic in the pipeline.
    pub topic: u16,
    /// Partition of the topic.
    pub partition: i32,
    /// Offset in the partition.
    pub offset: i64,
    /// The broker's append time.
    pub append_time: Timestamp,
    /// The record's key.
    pub key: Option<Vec<u8>>,
    /// The whole record's original bytes.
    pub payload: Vec<u8>,
}

/// A reading that did not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadReading {
    /// Position in the group, from 0; 0 in a single message.
    pub index: u16,
    /// Its vital sign, if its code is known.
    pub vital: Option<VitalSign>,
}

// === impl Quarantined ===

impl Quarantined {
    /// A whole record.
    pub fn record(record: &Record<'_>, flaw: Flaw) -> Self {
        Self::readings(record, flaw, Vec::new())
    }

    /// Some readings of a record.
    pub fn readings(record: &Record<'_>, flaw: Flaw, readings: Vec<BadReading>) -> Self {
        Self {
            reason: flaw.reason,
            detail: flaw.detail,
            readings,
            topic: record.topic,
            partition: record.partition,
            offset: record.offset,
            append_time: record.append_time,
            key: record.key.map(<[u8]>::to_vec),
            payload: record.payload.to_vec(),
        }
    }

    /// The reason with its detail.
    pub fn flaw(&self) -> Flaw {
        Flaw::new(self.reason, self.detail)
    }
}

impl fmt::Debug for Quarantined {
    /// Everything but key and payload, which are patient data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quarantined")
            .field("flaw", &format_args!("{}", self.flaw()))
            .field("readings", &self.readings)
            .field("topic", &self.topic)
            .field("partition", &self.partition)
            .field("offset", &self.offset)
            .field("append_time", &self.append_time)
            .field("bytes", &self.payload.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Quarantined {
    /// One line for a report: where, why, which readings.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "topic {} partition {} offset {}: {}",
            self.topic,
            self.partition,
            self.offset,
            self.flaw()
        )?;
        for (nth, bad) in self.readings.iter().enumerate() {
            f.write_str(if nth == 0 { " in " } else { ", " })?;
            match bad.vital {
                Some(vital) => write!(f, "reading {} ({vital})", bad.index)?,
                None => write!(f, "reading {}", bad.index)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_text_form_shows_key_or_payload() {
        let record = Record {
            payload: b"payload of Ada Lovelace",
            key: Some(b"Ada Lovelace"),
            append_time: Timestamp::from_micros(0),
            topic: 1,
            partition: 2,
            offset: 3,
        };
        let bad = vec![
            BadReading {
                index: 1,
                vital: Some(VitalSign::Spo2),
            },
            BadReading {
                index: 4,
                vital: None,
            },
        ];
        let quarantined = Quarantined::readings(&record, Flaw::new(Reason::WrongUnit, "unknown unit"), bad);
        for text in [
            quarantined.to_string(),
            format!("{quarantined:?}"),
            format!("{record:?}"),
        ] {
            assert!(!text.contains("Ada"), "{text}");
            assert!(!text.contains("65, 100"), "bytes as numbers: {text}");
        }
        assert_eq!(
            quarantined.to_string(),
            "topic 1 partition 2 offset 3: wrong_unit: unknown unit in reading 1 (spo2), reading 4"
        );
    }
}
