//! The handle that the binary holds: board and hub under one lock, and the pulse that moves changes from one to the
//! other.
//!
//! The lock is held for microseconds, or for the time it takes to write one delta or snapshot; never across an await.
//! Applying an update under it, instead of queueing, means that nothing is ever dropped: the board is bounded by itself.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::board::{Board, BoardConfig, Haste};
use crate::hub::{Hub, Subscription};
use crate::update::Update;

/// Between two regular deltas.
const ROUTINE: Duration = Duration::from_millis(200);

/// Between two urgent deltas, so that a storm of alerts is sent in few messages.
const URGENT: Duration = Duration::from_millis(20);

/// Between two heartbeats. A page that hears nothing for 4 s says so.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// A nurse station. Clones share one board.
#[derive(Clone, Debug)]
pub struct Station {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    desk: Mutex<Desk>,
    urgent: Notify,
}

#[derive(Debug)]
struct Desk {
    board: Board,
    hub: Hub,
}

// === impl Station ===

impl Station {
    /// A station without patients.
    pub fn new(config: BoardConfig) -> Self {
        let desk = Mutex::new(Desk {
            board: Board::new(config),
            hub: Hub::new(),
        });
        Self {
            shared: Arc::new(Shared {
                desk,
                urgent: Notify::new(),
            }),
        }
    }

    /// Tells the station something. From any thread; returns at once and never drops an update.
    pub fn publish(&self, update: Update) {
        let haste = self.desk().board.apply(update, now());
        if haste == Haste::AtOnce {
            self.shared.urgent.notify_one();
        }
    }

    /// Pages that are connected now.
    pub fn pages(&self) -> usize {
        self.desk().hub.pages()
    }

    pub(crate) fn subscribe(&self, last_id: Option<&str>) -> Option<Subscription> {
        let desk = self.desk();
        let now = now();
        desk.hub
            .subscribe(last_id, &desk.board.heartbeat(now), || desk.board.snapshot(now))
    }

    /// Moves what changed to the pages.
    fn flush(&self) {
        let mut desk = self.desk();
        if let Some(delta) = desk.board.take_delta(now()) {
            desk.hub.delta(&delta);
        }
    }

    fn heartbeat(&self) {
        let desk = self.desk();
        desk.hub.heartbeat(&desk.board.heartbeat(now()));
    }

    /// Ends every page's stream.
    pub(crate) fn close(&self) {
        self.flush();
        self.desk().hub.close();
    }

    /// Sends deltas and heartbeats for ever. Heartbeats come from here, and not from each page's own stream, so that
    /// one that arrives proves the whole way.
    pub(crate) async fn pulse(self) {
        let mut heartbeat = interval(HEARTBEAT);
        let mut routine = interval(ROUTINE);
        routine.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = heartbeat.tick() => self.heartbeat(),
                _ = routine.tick() => self.flush(),
                () = self.shared.urgent.notified() => {
                    self.flush();
                    sleep(URGENT).await;
                }
            }
        }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.shared
            .desk
            .lock()
            .expect("a board that panicked must not be shown")
    }
}

/// The station measures how long it has heard nothing: that is about this machine, not about a patient.
#[allow(
    clippy::disallowed_methods,
    reason = "the only clock of the station; the board takes it as an argument"
)]
fn now() -> Instant {
    Instant::now()
}
