//! Alert ids.
//!
//! An id is a hash of what the alert is about, not of when or by whom it was computed. A shard that restarts, a replay
//! of the same log and a back-test all give the same id to the same alert, so a reader that has seen it can drop the
//! repeat. Versions of pipeline and model are fields of the alert, not parts of the id: a reload renames nothing.

use std::fmt;

use sha2::{Digest, Sha256};
use wardwatch_event_time::Timestamp;

use crate::Phase;

/// What an alert is about; the whole of it goes into the id.
#[derive(Clone, Copy, Debug)]
pub struct AlertKey<'a> {
    /// The pipeline's name.
    pub pipeline: &'a str,
    /// The patient.
    pub patient_id: &'a str,
    /// The visit, where it is known: a readmission is another stay.
    pub visit: Option<&'a str>,
    /// The alarm's name in the pipeline, with its source for a technical one.
    pub alarm: &'a str,
    /// When the condition began, in event time.
    pub condition_start: Timestamp,
    /// The change that the alert tells of.
    pub phase: Phase,
    /// The alert's place among those of this condition, from 0.
    pub ordinal: u32,
}

/// The name of an alert: 128 bits, printed as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertId([u8; 16]);

// === impl AlertId ===

impl AlertId {
    /// The id of an alert. Each text is preceded by its length, so that no two keys share a spelling; the visit, which may be
    /// none, stands last.
    pub fn of(key: &AlertKey<'_>) -> Self {
        let mut hash = Sha256::new();
        for text in [key.pipeline, key.patient_id, key.alarm, key.phase.name()] {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        }
        hash.update(key.condition_start.micros().to_le_bytes());
        hash.update(key.ordinal.to_le_bytes());
        if let Some(visit) = key.visit {
            hash.update((visit.len() as u64).to_le_bytes());
            hash.update(visit.as_bytes());
        }
        let digest: [u8; 32] = hash.finalize().into();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        Self(id)
    }
}

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for AlertId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for AlertId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let fail = || serde::de::Error::custom("an alert id is 32 hexadecimal digits");
        if text.len() != 32 || !text.is_ascii() {
            return Err(fail());
        }
        let mut id = [0; 16];
        for (at, byte) in id.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|_| fail())?;
        }
        Ok(Self(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: AlertKey<'_> = AlertKey {
        pipeline: "adult",
        patient_id: "p1",
        visit: None,
        alarm: "desaturation",
        condition_start: Timestamp::from_millis(1_000),
        phase: Phase::Start,
        ordinal: 0,
    };

    #[test]
    fn every_part_of_the_key_counts() {
        let id = AlertId::of(&KEY);
        assert_eq!(id, AlertId::of(&KEY));
        let others = [
            AlertKey {
                pipeline: "adultp",
                patient_id: "1",
                ..KEY
            },
            AlertKey {
                alarm: "tachycardia",
                ..KEY
            },
            AlertKey {
                condition_start: Timestamp::from_millis(1_001),
                ..KEY
            },
            AlertKey {
                phase: Phase::End,
                ..KEY
            },
            AlertKey { ordinal: 1, ..KEY },
            AlertKey {
                visit: Some("v1"),
                ..KEY
            },
            AlertKey {
                visit: Some("v2"),
                ..KEY
            },
        ];
        assert!(others.iter().all(|other| AlertId::of(other) != id));
    }

    #[test]
    fn text_round_trips() {
        let id = AlertId::of(&KEY);
        let text = serde_json::to_string(&id).unwrap();
        assert_eq!(serde_json::from_str::<AlertId>(&text).unwrap(), id);
        assert!(serde_json::from_str::<AlertId>("\"zz\"").is_err());
    }
}
