//! How an engine fares, for whoever asks from another thread.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use wardwatch_alarms::SystemCondition;

use crate::conditions::Conditions;

/// A thread that has not turned for so long hangs; so does a commit.
const HANGS_AFTER: Duration = Duration::from_secs(5);

/// How an engine fares, for whoever asks from another thread.
#[derive(Debug)]
pub struct Health {
    /// By shard; those that are assigned.
    shards: Mutex<BTreeMap<i32, ShardHealth>>,
    /// The group has given this member its part, which may be nothing.
    has_joined: AtomicBool,
    ended: AtomicBool,
    /// What is wrong with the log, the cluster or the engines.
    pub(crate) conditions: Conditions,
    records: AtomicU64,
    steps: AtomicU64,
    windows: AtomicU64,
    alerts: AtomicU64,
    quarantined: AtomicU64,
}

#[derive(Debug)]
struct ShardHealth {
    last_turn: Instant,
    caught_up: bool,
    /// A bundle is being committed since then.
    committing_since: Option<Instant>,
}

/// What an engine did since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Records taken from Kafka and stepped.
    pub records: u64,
    /// Steps of all shards.
    pub steps: u64,
    /// Windows evaluated.
    pub windows: u64,
    /// Alerts decided; they are committed a moment later.
    pub alerts: u64,
    /// Records for the quarantine topic.
    pub quarantined: u64,
}

/// Marks the end of the engine's thread, also by a panic.
pub(crate) struct Ending(pub std::sync::Arc<Health>);

// === impl Health ===

#[allow(
    clippy::disallowed_methods,
    reason = "measures whether a shard's thread hangs"
)]
impl Health {
    pub(crate) fn new(group: &str) -> Self {
        Self {
            conditions: Conditions::new(group),
            shards: Mutex::default(),
            has_joined: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            records: AtomicU64::new(0),
            steps: AtomicU64::new(0),
            windows: AtomicU64::new(0),
            alerts: AtomicU64::new(0),
            quarantined: AtomicU64::new(0),
        }
    }

    /// Whether the engine has its part of the shards, each turns and commits, each has once read its topics to their ends with no
    /// window left to evaluate, and nothing keeps data from them.
    pub fn is_ready(&self) -> bool {
        self.fares()
            && !self
                .conditions()
                .iter()
                .any(|condition| condition.blocks_readiness)
    }

    /// What is wrong with the log, the cluster or the engines now.
    pub fn conditions(&self) -> Vec<SystemCondition> {
        self.conditions.active()
    }

    fn fares(&self) -> bool {
        let shards = self.shards.lock().expect("no panic while it is held");
        let hangs = |since: Instant| since.elapsed() >= HANGS_AFTER;
        let fares = |shard: &ShardHealth| {
            shard.caught_up && !hangs(shard.last_turn) && !shard.committing_since.is_some_and(hangs)
        };
        self.has_joined.load(Ordering::Acquire) && !self.has_ended() && shards.values().all(fares)
    }

    /// Whether the engine's thread has ended, by itself or because it was told to.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// The shards that this engine has been given.
    pub fn shards(&self) -> Vec<i32> {
        let shards = self.shards.lock().expect("no panic while it is held");
        shards.keys().copied().collect()
    }

    /// What it did so far.
    pub fn stats(&self) -> Stats {
        Stats {
            records: self.records.load(Ordering::Relaxed),
            steps: self.steps.load(Ordering::Relaxed),
            windows: self.windows.load(Ordering::Relaxed),
            alerts: self.alerts.load(Ordering::Relaxed),
            quarantined: self.quarantined.load(Ordering::Relaxed),
        }
    }

    /// Called when the group has given or taken shards.
    pub(crate) fn assigned(&self, numbers: &[i32]) {
        let fresh = |number: &i32| {
            let shard = ShardHealth {
                last_turn: Instant::now(),
                caught_up: false,
                committing_since: None,
            };
            (*number, shard)
        };
        self.conditions.assigned(numbers);
        *self.shards.lock().expect("no panic while it is held") = numbers.iter().map(fresh).collect();
        self.has_joined.store(true, Ordering::Release);
    }

    /// Called when the group has taken everything back and not given anew.
    pub(crate) fn revoked(&self) {
        self.has_joined.store(false, Ordering::Release);
    }

    /// Called when a shard begins to commit, and when it has.
    pub(crate) fn commits(&self, number: i32, is_committing: bool) {
        let mut shards = self.shards.lock().expect("no panic while it is held");
        if let Some(shard) = shards.get_mut(&number) {
            shard.committing_since = is_committing.then(Instant::now);
        }
    }

    /// Called after each turn of a shard, with what it did.
    pub(crate) fn turned(&self, number: i32, did: Stats, caught_up: bool) {
        self.records.fetch_add(did.records, Ordering::Relaxed);
        self.steps.fetch_add(did.steps, Ordering::Relaxed);
        self.windows.fetch_add(did.windows, Ordering::Relaxed);
        self.alerts.fetch_add(did.alerts, Ordering::Relaxed);
        self.quarantined.fetch_add(did.quarantined, Ordering::Relaxed);
        let mut shards = self.shards.lock().expect("no panic while it is held");
        if let Some(shard) = shards.get_mut(&number) {
            shard.last_turn = Instant::now();
            shard.caught_up |= caught_up;
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Release);
    }
}
