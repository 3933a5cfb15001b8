//! The nurse station: one page that shows every patient, and says so when it cannot.
//!
//! ```text
//!  topics ──▶ Station::publish ──▶ Board ──200 ms, alerts at once──▶ Hub ──server-sent events──▶ page/
//!  (the binary)                    (pure)                            (ring, broadcast)
//! ```
//!
//! | file | room |
//! |---|---|
//! | `update` | what the station is told: scores, alerts, alarms, conditions of the system, discharges, ticks |
//! | `board` | the state behind the page: tiles, alerts, feeds; pure |
//! | `tile` | one patient on the board, and how urgent |
//! | `view` | the JSON that the page draws: values at chart precision, words, reasons |
//! | `hub` | numbered messages to every page, kept for a while so that a page can resume |
//! | `station` | the handle that ties board and hub together, and its pulse |
//! | `server` | listening on loopback, the routes, an orderly end |
//! | `guard` | which requests are answered, and the headers of every answer |
//! | `patience` | dropping a connection that takes no bytes |
//! | `page` | the page's files, embedded |
//! | `error` | what can fail |
//!
//! Floor 4: it does I/O and reads a clock, but never to decide about a patient. Ages on the page are taken against the
//! log's clock, which arrives with every tick.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod board;
mod error;
mod guard;
mod hub;
mod page;
mod patience;
mod server;
mod station;
mod tile;
mod update;
mod view;

pub use board::{Board, BoardConfig, Haste, MAX_ALERTS, MAX_CONDITIONS, MAX_PATIENTS};
pub use error::StationError;
pub use server::{Running, ServerConfig, serve};
pub use station::Station;
pub use update::Update;
pub use view::{
    AlarmView, AlertView, ConditionView, Delta, FeedView, Heartbeat, LostView, PointsView, ReadingView,
    ScoreView, Snapshot, TileView, WhyView,
};
