//! What the page draws, as JSON.
//!
//! The server says what a value is and when it was observed, at chart precision and in words; the page adds only what
//! passes with time: ages, staleness, the state of the connection. Times are milliseconds since 1970 on the log's clock.
//!
//! | event | data | when |
//! |---|---|---|
//! | `snapshot` | [`Snapshot`] | first, and when a page has missed too much |
//! | `delta` | [`Delta`] | on change: every 200 ms, at once with an alert or an alarm |
//! | `heartbeat` | [`Heartbeat`] | every 2 s |

mod alert;
mod condition;
mod reading;
mod score;
mod words;

pub use alert::{AlarmView, AlertView, WhyView};
pub use condition::ConditionView;
pub use reading::ReadingView;
pub use score::{PointsView, ScoreView};

use std::sync::Arc;

use serde::Serialize;
use wardwatch_clinical::AlarmPriority;

/// Everything: replaces what the page knew.
#[derive(Clone, Debug, Serialize)]
pub struct Snapshot {
    /// The page's heading: the ward.
    pub title: String,
    /// A line that must be read with everything below it, such as that this is a demo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Every patient, in no particular order.
    pub tiles: Vec<TileView>,
    /// The alerts, newest first.
    pub alerts: Vec<Arc<AlertView>>,
    /// The technical lane: what is wrong with the system itself.
    pub conditions: Vec<ConditionView>,
    /// The engine's shards.
    pub feeds: Vec<FeedView>,
    /// Patients were left out because the board is full.
    pub full: bool,
}

/// What changed since the message before.
#[derive(Clone, Debug, Serialize)]
pub struct Delta {
    /// Patients that are new or changed, each in whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tiles: Vec<TileView>,
    /// Patients that are monitored no more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<String>,
    /// New alerts, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<Arc<AlertView>>,
    /// The technical lane, whole, where it has changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<ConditionView>>,
    /// The engine's shards.
    pub feeds: Vec<FeedView>,
}

/// The station lives, and this is how the engine does.
#[derive(Clone, Debug, Serialize)]
pub struct Heartbeat {
    /// The engine's shards.
    pub feeds: Vec<FeedView>,
    /// Patients were left out because the board is full.
    pub full: bool,
}

/// One shard of the engine, as last heard of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FeedView {
    /// The shard.
    pub shard: u32,
    /// Log time of its last tick.
    pub log_time: i64,
    /// What the log's clock read at that tick.
    pub now: i64,
    /// How fast the log's clock runs against the wall.
    pub speed: f64,
    /// An edit of the pipeline is refused, and the version before it goes on: a technical alarm.
    pub edit_refused: bool,
    /// How long ago the tick came in, on the wall, in milliseconds.
    pub tick_age: u64,
}

/// One patient.
#[derive(Clone, Debug, Serialize)]
pub struct TileView {
    /// The patient's id: the tile's key.
    pub patient: String,
    /// The bed, when known.
    pub bed: Option<String>,
    /// The ward, when known.
    pub ward: Option<String>,
    /// The shard whose clock counts.
    pub shard: u32,
    /// The higher, the further up; see `tile`.
    pub urgency: u32,
    /// The scores, in the pipeline's order.
    pub scores: Vec<ScoreView>,
    /// When they were evaluated.
    pub evaluated_at: Option<i64>,
    /// The newest value of every vital sign.
    pub readings: Vec<ReadingView>,
    /// The highest priority among all active alarms.
    pub priority: Option<AlarmPriority>,
    /// Active alarms, the most urgent first; silence stands in `lost`.
    pub alarms: Vec<AlarmView>,
    /// A source fell silent.
    pub lost: Option<LostView>,
}

/// Silence of one or more sources of a patient.
#[derive(Clone, Debug, Serialize)]
pub struct LostView {
    /// Since when: the latest start among the silent sources, so that a value observed after it is from another one.
    pub since: i64,
    /// The highest priority among these alarms.
    pub priority: AlarmPriority,
    /// The silent sources, by name.
    pub sources: Vec<String>,
}
