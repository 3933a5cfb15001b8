//! From bytes to observations in Arrow, or to quarantine with a reason.
//!
//! | Module | Holds |
//! |---|---|
//! | `record` | one record of a log or file: its bytes and where they stand |
//! | `json` | canonical observation JSON, single and grouped ([`decode_observations`]) |
//! | `context` | who the patient is and where ([`decode_context`]) |
//! | `command` | what people do about alarms ([`decode_command`]) |
//! | `fields` | what both have in common |
//! | `reading` | code, unit and value to a vital sign's canonical value: one set of rules for JSON and files |
//! | `meanings` | remembering what pairs of code and unit mean |
//! | `observations` | the Arrow batch, its schema and builder |
//! | `quarantine`, `reason` | what did not pass, whole, and why |
//! | `identity` | which texts may name a patient, a device, a place |
//! | `status` | what a sender's status says about a value |
//! | `time` | times, as text or as a count |
//! | `phi` | values that must not reach a log |
//!
//! Architecture invariants: pure functions of their arguments, no clock, no I/O. Bad data is a value
//! ([`Quarantined`]), never an error; nothing is dropped, and no input makes this crate panic.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod command;
mod context;
mod error;
mod fields;
mod identity;
mod json;
mod meanings;
mod observations;
mod phi;
mod quarantine;
mod reading;
mod reason;
mod record;
mod status;
mod time;

pub use command::{CommandAction, CommandRecord, decode_command};
pub use context::{ContextEvent, ContextRecord, OLDEST, Sex, decode_context};
pub use error::IngestError;
pub use identity::{check_origin, check_patient_id};
pub use json::{Decoded, decode_observations};
pub use meanings::Meanings;
pub use observations::{Message, MessageHead, Messages, Observations, ObservationsBuilder, Placed};
pub use phi::Phi;
pub use quarantine::{BadReading, Quarantined};
pub use reading::{Meaning, Reading, Value};
pub use reason::{Flaw, Reason};
pub use record::{Arrival, MOST_BYTES, MOST_READINGS, Record};
pub use status::{Kind, read_status};
pub use time::{TimeUnit, read_time, read_time_count};
