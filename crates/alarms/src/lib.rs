//! Alarms: limits, conditions, and the alerts that tell of them.
//!
//! An *alarm condition* is clinical state: "desaturation is active for this patient". An *alert* is a message about one
//! change of it. This room holds the state machine that turns judgements into transitions, and the records that leave
//! the engine; who judges what, and when, is the shard's business.
//!
//! | file | room |
//! |---|---|
//! | `limit` | a threshold on one vital sign |
//! | `rules` | an alarm's timing; how a value stands to its thresholds |
//! | `phase` | the changes that alerts tell of |
//! | `machine` | idle, pending, active: one alarm condition of one patient |
//! | `id` | why a repeated run names every alert the same |
//! | `record` | alerts, alarm states and scores as they go on the wire |
//! | `system` | what is wrong with the system itself, as it goes on the wire |
//! | `schema` | how types of other rooms look in the records' JSON Schemas |
//!
//! Floor 1: pure. Time is always an argument.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod id;
mod limit;
mod machine;
mod phase;
mod record;
mod rules;
mod schema;
mod system;

pub use id::{AlertId, AlertKey};
pub use limit::{Comparison, ComparisonError, Operator};
pub use machine::Machine;
pub use phase::{EndReason, Phase, Told, Transition};
pub use record::{
    Alarm, AlarmKind, Alert, Contributor, Deadline, Input, ModelIdentity, ScoreRecord, ScoreValue,
    StageTimes, Text,
};
pub use rules::{Confirm, Judgement, Known, Rules};
pub use system::SystemCondition;
