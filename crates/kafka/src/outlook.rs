//! What a shard's thread sees of the log besides its records: what the newest look has shown, and what the records themselves say
//! of their keys and of brokers' clocks.

use std::time::{Duration, Instant};

use wardwatch_event_time::{Span, Timestamp};

use crate::EngineError;
use crate::conditions::{Condition, Conditions, Keys, Observer, SHOWN, Seen, Stamps};
use crate::inbox::Inbox;
use crate::journal::LogView;
use crate::lane::Received;
use crate::worker::now;

/// Between two times that it is told what is wrong.
const TELL: Duration = Duration::from_secs(1);

/// For so long after a transaction was seen in a topic nothing follows from how late its records come.
const HIDES: Duration = Duration::from_secs(60);

/// What a shard's thread sees of the log.
pub(crate) struct Outlook<'w> {
    shard: i32,
    inputs: &'w [&'w str],
    seen: &'w Seen,
    conditions: &'w Conditions,
    /// The newest look that was heeded.
    look: u64,
    /// By topic ordinal.
    topics: Vec<Topic>,
    /// What was wrong when the shard was opened, and since when that is told.
    opened: Option<(Vec<Condition>, Instant)>,
    told: Option<Instant>,
}

/// What the records of one topic say.
#[derive(Clone, Copy, Default)]
struct Topic {
    keys: Keys,
    stamps: Stamps,
    /// How many partitions it has, where that is as many as there are shards; else 0, and nothing follows from where records lie.
    partitions: i32,
    /// How many times its end had been reached when its newest record came.
    ends: u64,
    /// When it was seen last that a transaction hides some of it: its records then wait before they can be read.
    hidden: Option<Instant>,
}

// === impl Outlook ===

impl<'w> Outlook<'w> {
    pub(crate) fn new(shard: i32, inputs: &'w [&'w str], seen: &'w Seen, conditions: &'w Conditions) -> Self {
        Self {
            shard,
            inputs,
            seen,
            conditions,
            look: 0,
            topics: vec![Topic::default(); inputs.len()],
            opened: None,
            told: None,
        }
    }

    /// What was wrong when the shard was opened: it is over, but it is told for a while.
    pub(crate) fn opened(&mut self, conditions: Vec<Condition>) {
        self.opened = Some((conditions, now()));
    }

    /// Heeds the newest look: what is held up is noted.
    ///
    /// # Errors
    /// [`EngineError::LogChanged`] when the log is no longer the one that the shard reads.
    pub(crate) fn heed(&mut self, inbox: &Inbox<'_>, log: &mut LogView) -> Result<(), EngineError> {
        let Some(seen) = self.seen.since(&mut self.look) else {
            return Ok(());
        };
        log.held.clear();
        for (ordinal, name) in (0..).zip(self.inputs) {
            let is = seen.facts.topics.get(*name);
            let id = is.and_then(|topic| topic.id.as_ref());
            let is_another = matches!((log.topic_ids.get(*name), id), (Some(was), Some(is)) if was != is);
            let found = seen.facts.partition(name, self.shard);
            if is_another || found.is_some_and(|found| inbox.waits_for(ordinal, found.start)) {
                return Err(EngineError::LogChanged { shard: self.shard });
            }
            if seen.stalls.is_held(name, self.shard) {
                log.held.insert((*name).to_owned());
            }
            let partitions = is.map_or(0, |topic| topic.partitions);
            let topic = &mut self.topics[usize::from(ordinal)];
            topic.partitions = if partitions == log.shards { partitions } else { 0 };
            if found.is_some_and(|found| found.stable < found.end) {
                topic.hidden = Some(now());
            }
        }
        Ok(())
    }

    /// Takes note of what records say that have just come; `received` is the engine's time.
    pub(crate) fn note(&mut self, records: &[Received<'_>], received: Timestamp, inbox: &Inbox<'_>) {
        if records.is_empty() {
            return;
        }
        let now = now();
        for record in records {
            let topic = &mut self.topics[usize::from(record.topic)];
            topic
                .keys
                .note(record.key(), record.append_time, self.shard, topic.partitions);
            let ends = inbox.ends(record.topic);
            let was_at_end = std::mem::replace(&mut topic.ends, ends) != ends
                && topic.hidden.is_none_or(|last| now.duration_since(last) > HIDES);
            topic.stamps.note(record.stamped - received, was_at_end, now);
        }
    }

    /// Tells what is wrong.
    pub(crate) fn tell(&mut self, received: Timestamp) {
        if self.told.is_some_and(|told| told.elapsed() < TELL) {
            return;
        }
        let now = now();
        self.told = Some(now);
        let mut found = Vec::new();
        for (topic, name) in self.topics.iter().zip(self.inputs) {
            found.extend(topic.keys.conditions(name, self.shard, received));
            found.extend(topic.stamps.apart(now).map(|ahead| Condition::BrokerClock {
                topic: (*name).to_owned(),
                partition: self.shard,
                ahead,
            }));
        }
        let is_shown = |since: Instant| {
            let for_so_long =
                Span::from_micros(i64::try_from(since.elapsed().as_micros()).unwrap_or(i64::MAX));
            for_so_long < SHOWN
        };
        match &self.opened {
            Some((conditions, since)) if is_shown(*since) => found.extend(conditions.iter().cloned()),
            _ => self.opened = None,
        }
        self.conditions
            .observe(Observer::Shard(self.shard), found, received);
    }
}
