//! One shard with its log: what waits for it, and how far it came.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use wardwatch_event_time::Timestamp;
use wardwatch_shard::Shard;

use crate::inbox::Inbox;
use crate::lane::Received;

/// Between two ticks of a shard.
const TICK: Duration = Duration::from_secs(1);

/// One shard with its log.
pub(crate) struct Worker<'q> {
    pub number: i32,
    pub shard: Shard,
    pub inbox: Inbox<'q>,
    pub sequence: u64,
    /// By topic ordinal, the offset after the last record stepped.
    pub offsets: BTreeMap<u16, i64>,
    last_tick: Instant,
}

// === impl Worker ===

impl<'q> Worker<'q> {
    /// A shard that has stepped nothing yet.
    pub(crate) fn new(number: i32, shard: Shard, inbox: Inbox<'q>) -> Self {
        Self {
            number,
            shard,
            inbox,
            sequence: 0,
            offsets: BTreeMap::new(),
            last_tick: now(),
        }
    }

    /// The log time to advance to: once a second, and only where every topic is read to its end.
    pub(crate) fn tick(&mut self, to: Timestamp) -> Option<Timestamp> {
        if !self.inbox.is_at_end() || self.last_tick.elapsed() < TICK {
            return None;
        }
        self.last_tick = now();
        Some(to)
    }

    /// Notes that these records have been stepped.
    pub(crate) fn passed(&mut self, records: &[Received<'_>]) {
        for record in records {
            let after = self.offsets.entry(record.topic).or_default();
            *after = (*after).max(record.offset() + 1);
        }
    }
}

/// Durations of this machine, for metrics and the pace of ticks; never an input of a step.
#[allow(clippy::disallowed_methods, reason = "measures durations on the live path")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
