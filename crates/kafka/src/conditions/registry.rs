//! What is so now: observations in, transitions out to the log, the metrics, `/readyz`, and records for the topic.
//!
//! Each observer says all that it sees, time and again; the conditions are what any of them sees. One that a predecessor has left
//! in the topic is taken over, until the observers have had time to see it too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use wardwatch_alarms::SystemCondition;
use wardwatch_event_time::{Span, Timestamp};

use super::condition::Condition;
use crate::meter;

/// How long it is told that the log has changed under a shard. It is over by then, but somebody should have seen it.
pub(crate) const SHOWN: Span = Span::from_secs(900);

/// How long what a predecessor has left is believed.
const BELIEVED: Span = Span::from_secs(60);

/// Who observes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Observer {
    /// Looks at where partitions begin and end.
    Partitions,
    /// Looks at topics.
    Topics,
    /// Looks at what `doctor` looks at besides.
    Cluster,
    /// A shard's thread, at the records that come to it.
    Shard(i32),
}

/// What an engine has noticed.
#[derive(Debug)]
pub(crate) struct Conditions {
    writer: String,
    state: Mutex<State>,
}

/// By code and place.
type Key = (String, String);

#[derive(Debug, Default)]
struct State {
    /// The shards that are this engine's.
    shards: BTreeSet<i32>,
    seen: BTreeMap<Observer, Vec<Condition>>,
    active: BTreeMap<Key, SystemCondition>,
    /// What a predecessor has left, and until when it is believed.
    believed: BTreeMap<Key, Timestamp>,
    /// To be written to the topic; the newest of each.
    unwritten: BTreeMap<Key, SystemCondition>,
}

// === impl Conditions ===

impl Conditions {
    pub(crate) fn new(group: &str) -> Self {
        Self {
            writer: format!("engine/{group}"),
            state: Mutex::default(),
        }
    }

    /// All that an observer sees now.
    pub(crate) fn observe(&self, observer: Observer, conditions: Vec<Condition>, now: Timestamp) {
        let mut state = self.lock();
        state.seen.insert(observer, conditions);
        self.settle(&mut state, now);
    }

    fn settle(&self, state: &mut State, now: Timestamp) {
        let mut seen: BTreeMap<Key, &Condition> = BTreeMap::new();
        for condition in state.seen.values().flatten() {
            seen.insert(key(condition), condition);
        }
        for (key, condition) in &seen {
            state.believed.remove(key);
            if state.active.contains_key(key) {
                continue;
            }
            let record = SystemCondition {
                writer: self.writer.clone(),
                kind: key.0.clone(),
                place: key.1.clone(),
                active: true,
                blocks_readiness: condition.blocks_readiness(),
                since: now,
                changed_at: now,
                text: condition.to_string(),
                remedy: condition.remedy(),
            };
            tracing::warn!(
                code = record.kind,
                place = record.place,
                remedy = record.remedy,
                "{}",
                record.text
            );
            meter::condition_began(condition.code(), &record.place);
            state.unwritten.insert(key.clone(), record.clone());
            state.active.insert(key.clone(), record);
        }
        state.believed.retain(|_, until| now < *until);
        let over = |key: &Key| !seen.contains_key(key) && !state.believed.contains_key(key);
        let over: Vec<Key> = state.active.keys().filter(|key| over(key)).cloned().collect();
        for key in over {
            let Some(mut record) = state.active.remove(&key) else {
                continue;
            };
            (record.active, record.changed_at) = (false, now);
            tracing::info!(
                code = record.kind,
                place = record.place,
                "it is over: {}",
                record.text
            );
            meter::condition_ended(&record.kind, &record.place);
            state.unwritten.insert(key, record);
        }
    }

    /// These shards are this engine's from now on; what is so of others is for their engine to tell.
    pub(crate) fn assigned(&self, shards: &[i32]) {
        let mut state = self.lock();
        state.shards = shards.iter().copied().collect();
        let State {
            shards,
            seen,
            active,
            believed,
            unwritten,
        } = &mut *state;
        seen.retain(|observer, _| match observer {
            Observer::Shard(shard) => shards.contains(shard),
            Observer::Partitions | Observer::Topics | Observer::Cluster => true,
        });
        let is_ours = |place: &str| partition(place).is_none_or(|partition| shards.contains(&partition));
        for conditions in seen.values_mut() {
            conditions.retain(|condition| is_ours(&condition.place()));
        }
        active.retain(|(kind, place), _| {
            let stays = is_ours(place);
            if !stays {
                meter::condition_ended(kind, place);
            }
            stays
        });
        believed.retain(|(_, place), _| is_ours(place));
        unwritten.retain(|(_, place), _| is_ours(place));
    }

    /// What the topic says of this engine's shards and topics, from before.
    pub(crate) fn take_over(&self, left: impl IntoIterator<Item = SystemCondition>, now: Timestamp) {
        let mut state = self.lock();
        for record in left {
            let is_ours = partition(&record.place).is_none_or(|partition| state.shards.contains(&partition));
            let key = (record.kind.clone(), record.place.clone());
            if record.writer != self.writer || !record.active || !is_ours || state.active.contains_key(&key) {
                continue;
            }
            let is_past = ["records_lost", "topic_recreated"].contains(&&*record.kind);
            let until = if is_past {
                record.since + SHOWN
            } else {
                now + BELIEVED
            };
            state.believed.insert(key.clone(), until);
            meter::condition_began(&record.kind, &record.place);
            state.active.insert(key, record);
        }
        self.settle(&mut state, now);
    }

    /// What is so now.
    pub(crate) fn active(&self) -> Vec<SystemCondition> {
        self.lock().active.values().cloned().collect()
    }

    /// What is to be written to the topic. What cannot be is given back by [`give_back`](Self::give_back).
    pub(crate) fn take_unwritten(&self) -> Vec<SystemCondition> {
        std::mem::take(&mut self.lock().unwritten).into_values().collect()
    }

    pub(crate) fn give_back(&self, records: Vec<SystemCondition>) {
        let mut state = self.lock();
        for record in records {
            let key = (record.kind.clone(), record.place.clone());
            state.unwritten.entry(key).or_insert(record);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while it is held")
    }
}

fn key(condition: &Condition) -> Key {
    (condition.code().to_owned(), condition.place())
}

/// The partition of a place, where it has one.
fn partition(place: &str) -> Option<i32> {
    place.rsplit_once('/')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn open(partition: i32) -> Condition {
        Condition::OpenTransaction {
            topic: "vitals".to_owned(),
            partition,
            offset: 7,
        }
    }

    fn shown(records: &[SystemCondition]) -> Vec<String> {
        let shown = |record: &SystemCondition| {
            format!(
                "{} {} {}",
                record.kind,
                record.place,
                if record.active { "on" } else { "off" }
            )
        };
        records.iter().map(shown).collect()
    }

    #[test]
    fn each_change_is_written_once() {
        let all = Conditions::new("ward");
        all.assigned(&[0, 1]);
        all.observe(Observer::Partitions, vec![open(0)], at(1));
        all.observe(Observer::Partitions, vec![open(0)], at(2));
        assert_eq!(shown(&all.take_unwritten()), ["open_transaction vitals/0 on"]);
        all.observe(Observer::Partitions, vec![open(0), open(1)], at(3));
        assert_eq!(shown(&all.take_unwritten()), ["open_transaction vitals/1 on"]);
        all.observe(Observer::Partitions, vec![], at(4));
        let written = all.take_unwritten();
        assert_eq!(
            shown(&written),
            ["open_transaction vitals/0 off", "open_transaction vitals/1 off"]
        );
        assert_eq!((written[0].since, written[0].changed_at), (at(1), at(4)));
        assert_eq!(written[0].key(), "engine/ward|open_transaction|vitals/0");
        assert!(all.active().is_empty());
    }

    #[test]
    fn what_two_see_is_over_when_neither_does() {
        let all = Conditions::new("ward");
        all.assigned(&[0]);
        all.observe(Observer::Partitions, vec![open(0)], at(1));
        all.observe(Observer::Shard(0), vec![open(0)], at(1));
        all.observe(Observer::Partitions, vec![], at(2));
        assert_eq!(all.active().len(), 1);
        all.observe(Observer::Shard(0), vec![], at(3));
        assert!(all.active().is_empty());
    }

    #[test]
    fn what_could_not_be_written_is_written_later_unless_it_has_changed() {
        let all = Conditions::new("ward");
        all.assigned(&[0]);
        all.observe(Observer::Partitions, vec![open(0)], at(1));
        let failed = all.take_unwritten();
        all.give_back(failed);
        assert_eq!(shown(&all.take_unwritten()), ["open_transaction vitals/0 on"]);
        all.give_back(all.take_unwritten());
        all.observe(Observer::Partitions, vec![open(0)], at(1));
        all.observe(Observer::Partitions, vec![], at(2));
        assert_eq!(shown(&all.take_unwritten()), ["open_transaction vitals/0 off"]);
    }

    #[test]
    fn a_successor_ends_what_its_predecessor_began() {
        let first = Conditions::new("ward");
        first.assigned(&[0, 1]);
        first.observe(Observer::Partitions, vec![open(0), open(1)], at(1));
        let left = first.take_unwritten();
        let next = Conditions::new("ward");
        next.assigned(&[0]);
        next.take_over(left.clone(), at(10));
        assert_eq!(shown(&next.active()), ["open_transaction vitals/0 on"]);
        // It has not looked yet.
        next.observe(Observer::Topics, vec![], at(20));
        assert_eq!(next.active().len(), 1);
        next.observe(Observer::Partitions, vec![], at(71));
        assert_eq!(shown(&next.take_unwritten()), ["open_transaction vitals/0 off"]);
        // Of another group it knows nothing.
        let stranger = Conditions::new("other");
        stranger.assigned(&[0, 1]);
        stranger.take_over(left, at(10));
        assert!(stranger.active().is_empty());
    }

    #[test]
    fn a_shard_that_moves_takes_its_conditions_along() {
        let all = Conditions::new("ward");
        all.assigned(&[0, 1]);
        all.observe(Observer::Shard(1), vec![open(1)], at(1));
        all.take_unwritten();
        all.assigned(&[0]);
        assert!(all.active().is_empty() && all.take_unwritten().is_empty());
    }
}
