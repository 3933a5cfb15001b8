//! What the station is told.

use wardwatch_alarms::{Alarm, Alert, ScoreRecord, SystemCondition};
use wardwatch_event_time::Timestamp;

/// One record for the board, with the shard that it came from: a shard's clock is what its patients' ages are taken
/// against, and when a shard falls silent its patients' values are no longer current.
///
/// A shard here is any number that tells feeds apart: a partition, or one of a demo's several engines.
#[derive(Clone, Debug)]
pub enum Update {
    /// A record of topic `scores`.
    Score {
        /// The shard.
        shard: u32,
        /// The record.
        record: Box<ScoreRecord>,
    },
    /// A record of topic `alerts`.
    Alert {
        /// The shard.
        shard: u32,
        /// The record.
        alert: Box<Alert>,
    },
    /// A record of topic `alarms`.
    Alarm {
        /// The shard.
        shard: u32,
        /// The record.
        alarm: Box<Alarm>,
    },
    /// A record of topic `conditions.system`: what is wrong with the system itself, or no longer is.
    Condition {
        /// The record.
        condition: Box<SystemCondition>,
    },
    /// The patient is monitored no more: discharged or forgotten.
    Discharged {
        /// The patient.
        patient_id: String,
    },
    /// The engine lives: its log time, from the journal, about once a second.
    Tick {
        /// The shard.
        shard: u32,
        /// How far the shard has come, in log time.
        log_time: Timestamp,
        /// What the log's own clock reads now: the wall clock, or the scaled clock of a demo. How far `log_time` is
        /// behind it is how far the engine is behind.
        now: Timestamp,
        /// How fast that clock runs against the wall: 1 but for a demo.
        speed: f64,
        /// An edit of the pipeline is refused, and the version before it goes on.
        edit_refused: bool,
    },
}
