//! The lanes of a shard, merged into log order.
//!
//! ```text
//!  bedside   ─ 1 3 4 7 ─ ┐  known until 7
//!  wearable  ─ 2 5     ─ ┼▶ 1 2 3 4 5 | 7 waits, until the wearable's lane has shown what it holds up to 7
//!  context   ─ (end)   ─ ┘  at its end: waits for nobody
//! ```
//!
//! While catching up, topics are merged by append time, so that a backlog is stepped as it happened and not as fast as
//! each topic happens to arrive. Once every lane has been at its end, what arrives is taken at once: waiting for a quiet
//! topic would delay an alert. The journal keeps the order that was taken.

use std::collections::BTreeMap;

use rdkafka::consumer::base_consumer::PartitionQueue;
use wardwatch_event_time::Timestamp;

use crate::EngineError;
use crate::journal::{Bounds, Position};
use crate::lane::{Lane, Received};
use crate::member::MemberContext;

/// What waits for one shard.
pub(crate) struct Inbox<'q> {
    /// By topic ordinal.
    lanes: Vec<Lane<'q>>,
    /// No record that is taken came later than this.
    until: Timestamp,
}

// === impl Inbox ===

impl<'q> Inbox<'q> {
    /// Lanes over the queues of a shard's topics, from where the shard stands.
    pub(crate) fn new(queues: &'q [PartitionQueue<MemberContext>], position: &Position) -> Self {
        let lanes = (0..).zip(queues);
        let lanes = lanes.map(|(topic, queue)| Lane::new(queue, topic, position.offset(topic)));
        Self {
            lanes: lanes.collect(),
            until: Timestamp::MAX,
        }
    }

    /// It is `now`, by the engine's clock, and no record that is taken from now on can have come after `until`.
    pub(crate) fn pass_time(&mut self, now: Timestamp, until: Timestamp) {
        self.until = until;
        self.lanes.iter_mut().for_each(|lane| lane.pass_time(now));
    }

    /// What is taken next came between these, as it was found when it was taken first; `inputs` are the topics by ordinal.
    pub(crate) fn set_bounds(&mut self, bounds: &Bounds, inputs: &[&str]) {
        self.until = bounds.until.unwrap_or(Timestamp::MAX);
        for (lane, topic) in self.lanes.iter_mut().zip(inputs) {
            let since = bounds.since.get(*topic).copied();
            lane.came_since(Some(since.unwrap_or(Timestamp::MIN)));
        }
    }

    /// From now on what is taken is new.
    pub(crate) fn is_live(&mut self) {
        self.until = Timestamp::MAX;
        self.lanes.iter_mut().for_each(|lane| lane.came_since(None));
    }

    /// How many times the end of a topic, by ordinal, has been reached.
    pub(crate) fn ends(&self, topic: u16) -> u64 {
        self.lanes[usize::from(topic)].ends()
    }

    /// Whether records before `start` of a topic, by ordinal, should still have come.
    pub(crate) fn waits_for(&self, topic: u16, start: i64) -> bool {
        self.lanes[usize::from(topic)].waits_for(start)
    }

    /// What lies before these offsets, in log order, as soon as it is all at hand. `wait` is called after each look, told
    /// whether it was the last one.
    pub(crate) fn take_before(
        &mut self,
        offsets: &BTreeMap<u16, i64>,
        mut wait: impl FnMut(bool) -> Result<(), EngineError>,
    ) -> Result<Vec<Received<'q>>, EngineError> {
        self.limit(offsets);
        while !self.is_at_limit() {
            self.fill()?;
            wait(self.is_at_limit())?;
        }
        let records = self.take();
        self.unlimit();
        Ok(records)
    }

    /// Reads ahead on every lane.
    pub(crate) fn fill(&mut self) -> Result<(), EngineError> {
        self.lanes.iter_mut().try_for_each(Lane::fill)
    }

    /// From now on only what lies before these offsets is taken, by topic ordinal; nothing of topics that are not named.
    pub(crate) fn limit(&mut self, offsets: &BTreeMap<u16, i64>) {
        for (topic, lane) in (0..).zip(&mut self.lanes) {
            lane.limit(Some(offsets.get(&topic).copied().unwrap_or(0)));
        }
    }

    /// From now on everything is taken.
    pub(crate) fn unlimit(&mut self) {
        self.lanes.iter_mut().for_each(|lane| lane.limit(None));
    }

    /// Whether everything before the limits is at hand.
    pub(crate) fn is_at_limit(&self) -> bool {
        self.lanes.iter().all(Lane::is_at_limit)
    }

    /// Whether everything before the limits has come, where they move while the log grows: an end that was reached before says
    /// nothing. The record before each limit must be there.
    pub(crate) fn has_come_to_limits(&self) -> bool {
        self.lanes.iter().all(Lane::has_come_to_limit)
    }

    /// The records that can be stepped now, in log order.
    pub(crate) fn take(&mut self) -> Vec<Received<'q>> {
        let until = self
            .lanes
            .iter()
            .map(Lane::known_until)
            .min()
            .unwrap_or(Timestamp::MIN);
        let mut records = Vec::new();
        for lane in &mut self.lanes {
            lane.take_until(until, &mut records);
        }
        for record in &mut records {
            record.append_time = record.append_time.min(self.until);
        }
        records.sort_by_key(Received::place);
        records
    }

    /// Whether every topic is read to its end, so that a tick may advance log time.
    pub(crate) fn is_at_end(&self) -> bool {
        self.lanes.iter().all(Lane::is_at_end)
    }

    /// The append time of the oldest record that waits.
    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        self.lanes.iter().filter_map(Lane::oldest).min()
    }
}
