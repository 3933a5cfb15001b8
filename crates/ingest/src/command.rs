//! Commands: what people do about alarms.
//!
//! A command names the condition by patient, alarm and begin, as the `alarms` topic told it. So one that comes late, when the
//! condition is over or another has begun, does nothing.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use wardwatch_event_time::Timestamp;

use crate::fields::{check_patient, instant, label, object, patient_id, value};
use crate::reason::{Flaw, Reason};
use crate::record::Record;

/// A command. `Debug` tells what is to be done, not about whom.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct CommandRecord {
    /// The patient.
    pub patient_id: String,
    /// The alarm's name.
    pub alarm: String,
    /// When the condition began that it is about, in event time.
    pub condition_start: Timestamp,
    /// What to do.
    pub action: CommandAction,
    /// Who says so.
    pub by: String,
    /// When it was said.
    pub ts: Timestamp,
}

/// What a command asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandAction {
    /// Somebody has seen the alarm and sees to it: it is not repeated until it becomes worse.
    Accept,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    patient_id: Option<&'a RawValue>,
    #[serde(borrow)]
    alarm: Option<&'a RawValue>,
    #[serde(borrow)]
    condition_start: Option<&'a RawValue>,
    #[serde(borrow)]
    action: Option<&'a RawValue>,
    #[serde(borrow)]
    by: Option<&'a RawValue>,
    #[serde(borrow)]
    ts: Option<&'a RawValue>,
}

impl fmt::Debug for CommandRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandRecord")
            .field("action", &self.action)
            .field("ts", &self.ts)
            .finish_non_exhaustive()
    }
}

/// Decodes one command (`schemas/command.schema.json`).
///
/// # Errors
/// Why the record belongs in quarantine; see [`Quarantined::record`](crate::Quarantined::record).
pub fn decode_command(record: &Record<'_>) -> Result<CommandRecord, Flaw> {
    let wire: Wire<'_> = object(record)?;
    let missing = |name| Flaw::new(Reason::MissingField, name);
    let command = CommandRecord {
        patient_id: patient_id(wire.patient_id)?,
        alarm: label(wire.alarm, "alarm")?.ok_or(missing("alarm"))?,
        condition_start: instant(wire.condition_start, "condition_start")?,
        action: value(wire.action, "action")?.ok_or(missing("action"))?,
        by: label(wire.by, "by")?.ok_or(missing("by"))?,
        ts: instant(wire.ts, "ts")?,
    };
    check_patient(record, &command.patient_id)?;
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"patient_id":"p-1","alarm":"low","condition_start":"2026-01-01T00:00:00Z","action":"accept",
        "by":"nurse 17","ts":"2026-01-01T00:00:09Z"}"#;

    #[test]
    fn the_schemas_example_comes_back_as_it_was() {
        let schema: serde_json::Value =
            serde_json::from_str(include_str!("../../../schemas/command.schema.json")).unwrap();
        let example = &schema["examples"][0];
        assert!(jsonschema::is_valid(&schema, example));
        let command = decode(&example.to_string(), None).unwrap();
        let again = serde_json::to_value(&command).unwrap();
        assert!(jsonschema::is_valid(&schema, &again));
        assert_eq!(&again, example);
    }

    fn decode(payload: &str, key: Option<&str>) -> Result<CommandRecord, Flaw> {
        decode_command(&Record {
            payload: payload.as_bytes(),
            key: key.map(str::as_bytes),
            append_time: Timestamp::from_millis(0),
            topic: 2,
            partition: 0,
            offset: 7,
        })
    }

    #[test]
    fn a_command_names_its_condition() {
        let command = decode(GOOD, Some("p-1")).unwrap();
        assert_eq!((command.alarm.as_str(), command.by.as_str()), ("low", "nurse 17"));
        assert_eq!(
            command.condition_start,
            Timestamp::parse_rfc3339(b"2026-01-01T00:00:00Z").unwrap()
        );
        assert!(!format!("{command:?}").contains("p-1"));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let told = |from: &str, to: &str| decode(&GOOD.replace(from, to), Some("p-1")).unwrap_err();
        assert_eq!(
            told("\"by\":\"nurse 17\",", ""),
            Flaw::new(Reason::MissingField, "by")
        );
        assert_eq!(told("accept", "shout"), Flaw::new(Reason::BadValue, "action"));
        assert_eq!(
            told("00:00:00Z", "noon"),
            Flaw::new(Reason::BadTime, "condition_start")
        );
        assert_eq!(
            decode(GOOD, Some("p-2")).unwrap_err(),
            Flaw::from(Reason::KeyMismatch)
        );
        assert_eq!(decode("", None).unwrap_err().reason, Reason::BadJson);
    }
}
