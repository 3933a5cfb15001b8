//! Alarms: limits, conditions, and the alerts that tell of them.
//!
//! An *alarm condition* is clinical state: "desaturation is active for this patient". An *alert* is a message about one
//! change of it. This room holds the state machine that turns judgements into transitions, and the records that leave
//! the engine; who judges what, and when, is the shard's business.
//!
//! | file | room |
//! |---|---|
//! | `limit` | a threshold on one vital sign |
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
mod record;
mod schema;
mod system;

pub use id::{AlertId, AlertKey};
pub use limit::{Comparison, ComparisonError, Operator};
pub use machine::{Confirm, EndReason, Judgement, Known, Machine, Phase, Rules, Told, Transition};
pub use record::{
    Alarm, AlarmKind, Alert, Contributor, Deadline, Input, ModelIdentity, ScoreRecord, ScoreValue,
    StageTimes, Text,
};
pub use system::SystemCondition;
