//! One partition of one topic, read ahead by a bounded amount.
//!
//! Each has a queue of its own in librdkafka, so that a shard can wait for one topic while another is ahead, and so that
//! the end of a partition is told apart by topic.

use std::collections::VecDeque;
use std::time::Duration;

use rdkafka::Timestamp as KafkaTimestamp;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use wardwatch_event_time::Timestamp;
use wardwatch_ingest::Record;

use crate::conditions::TOLERANCE;
use crate::member::MemberContext;
use crate::quarantine::REDRIVEN;
use crate::{EngineError, meter};

/// Records that a lane holds at most; librdkafka holds more behind them, within its own bounds.
pub(crate) const MOST_AHEAD: usize = 10_000;

/// A longer header is none of ours.
const LONGEST_HEADER: usize = 1_024;

/// A record with its place in the log.
pub(crate) struct Received<'q> {
    message: BorrowedMessage<'q>,
    /// The broker's append time, within the bounds of when it can have come.
    pub append_time: Timestamp,
    /// What the broker says, whose clock may be wrong.
    pub stamped: Timestamp,
    /// Ordinal of the topic among those that the pipeline reads.
    pub topic: u16,
}

/// One partition of one topic.
pub(crate) struct Lane<'q> {
    queue: &'q PartitionQueue<MemberContext>,
    topic: u16,
    pending: VecDeque<Received<'q>>,
    /// Nothing is left to read now.
    at_end: bool,
    /// After the newest record that has come.
    next: i64,
    /// Nothing is taken from this offset on.
    limit: Option<i64>,
    /// Its end has been reached once since the start: it no longer has to catch up.
    caught_up: bool,
    /// How many times its end has been reached.
    ends: u64,
    /// When its queue was last found empty, and when its end was reached last, by the engine's clock.
    empty_at: Timestamp,
    end_at: Timestamp,
    /// What is pending came after this.
    since: Timestamp,
    /// What is taken came after this, where that is known already.
    known_since: Option<Timestamp>,
}

// === impl Received ===

impl<'q> Received<'q> {
    fn new(message: BorrowedMessage<'q>, topic: u16) -> Self {
        let append_time = match message.timestamp() {
            KafkaTimestamp::NotAvailable => Timestamp::from_millis(0),
            KafkaTimestamp::CreateTime(millis) | KafkaTimestamp::LogAppendTime(millis) => {
                Timestamp::from_millis(millis)
            }
        };
        Self {
            message,
            append_time,
            stamped: append_time,
            topic,
        }
    }

    /// The order of the log.
    pub(crate) fn place(&self) -> (Timestamp, u16, i64) {
        (self.append_time, self.topic, self.message.offset())
    }

    pub(crate) fn offset(&self) -> i64 {
        self.message.offset()
    }

    pub(crate) fn key(&self) -> Option<&[u8]> {
        self.message.key()
    }

    pub(crate) fn has_key(&self) -> bool {
        self.key().is_some()
    }

    /// The places where it lay in quarantine, if it was sent again from there.
    pub(crate) fn redriven_from(&self) -> Option<&str> {
        let headers = self.message.headers()?;
        let header = headers.iter().find(|header| header.key == REDRIVEN)?;
        let places = std::str::from_utf8(header.value?).ok();
        // Anybody may send a header.
        places.filter(|places| places.len() <= LONGEST_HEADER)
    }

    /// As the decoders take it.
    pub(crate) fn record(&self) -> Record<'_> {
        Record {
            payload: self.message.payload().unwrap_or_default(),
            key: self.message.key(),
            append_time: self.append_time,
            topic: self.topic,
            partition: self.message.partition(),
            offset: self.message.offset(),
        }
    }
}

// === impl Lane ===

impl<'q> Lane<'q> {
    /// A lane that begins to read at `offset`.
    pub(crate) fn new(queue: &'q PartitionQueue<MemberContext>, topic: u16, offset: i64) -> Self {
        Self {
            queue,
            topic,
            pending: VecDeque::new(),
            at_end: false,
            next: offset,
            limit: None,
            caught_up: false,
            ends: 0,
            empty_at: Timestamp::MIN,
            end_at: Timestamp::MIN,
            since: Timestamp::MIN,
            known_since: None,
        }
    }

    /// It is so late, by the engine's clock; what has come by then has been taken in.
    pub(crate) fn pass_time(&mut self, now: Timestamp) {
        self.empty_at = now;
    }

    /// What is taken came after this, whatever is found here; none: what is found here counts.
    pub(crate) fn came_since(&mut self, known: Option<Timestamp>) {
        self.known_since = known;
    }

    /// Takes what has arrived, up to [`MOST_AHEAD`].
    pub(crate) fn fill(&mut self) -> Result<(), EngineError> {
        while self.pending.len() < MOST_AHEAD {
            match self.queue.poll(Duration::ZERO) {
                None => break,
                Some(event) => self.take(event)?,
            }
        }
        Ok(())
    }

    fn take(&mut self, event: KafkaResult<BorrowedMessage<'q>>) -> Result<(), EngineError> {
        match event {
            Ok(message) => return self.push(message),
            Err(KafkaError::PartitionEOF(_)) => {
                self.at_end = true;
                self.caught_up = true;
                self.ends += 1;
                // It was told some time since the queue was empty.
                self.end_at = self.empty_at;
            }
            Err(error) => consumer_error(error)?,
        }
        Ok(())
    }

    fn push(&mut self, message: BorrowedMessage<'q>) -> Result<(), EngineError> {
        if message.offset() < self.next {
            // Offsets only grow: another topic has taken the place of this one.
            return Err(EngineError::LogChanged {
                shard: message.partition(),
            });
        }
        self.at_end = false;
        if self.pending.is_empty() {
            self.since = self.end_at;
        }
        self.next = message.offset() + 1;
        self.pending.push_back(Received::new(message, self.topic));
        Ok(())
    }

    /// How many times its end has been reached.
    pub(crate) fn ends(&self) -> u64 {
        self.ends
    }

    /// Whether records before this one should still come.
    pub(crate) fn waits_for(&self, offset: i64) -> bool {
        !self.at_end && self.next < offset
    }

    /// From now on nothing is taken from this offset on.
    pub(crate) fn limit(&mut self, offset: Option<i64>) {
        self.limit = offset;
    }

    /// Whether everything before the limit is at hand. The last records before it may be gone: compacted away, or markers.
    pub(crate) fn is_at_limit(&self) -> bool {
        self.at_end || self.limit.is_none_or(|limit| self.next >= limit)
    }

    /// Whether everything before the limit has come, and not only the end as it was before the limit was moved.
    pub(crate) fn has_come_to_limit(&self) -> bool {
        self.limit.is_none_or(|limit| self.next >= limit)
    }

    /// Up to which append time this lane is known; later records of others have to wait for it.
    pub(crate) fn known_until(&self) -> Timestamp {
        if self.caught_up || (self.limit.is_some() && self.is_at_limit()) {
            return Timestamp::MAX;
        }
        self.pending
            .back()
            .map_or(Timestamp::MIN, |newest| newest.append_time)
    }

    pub(crate) fn take_until(&mut self, until: Timestamp, into: &mut Vec<Received<'q>>) {
        let limit = self.limit.unwrap_or(i64::MAX);
        let since = self.known_since.unwrap_or(self.since - TOLERANCE);
        while self
            .pending
            .front()
            .is_some_and(|oldest| oldest.append_time <= until && oldest.offset() < limit)
        {
            into.extend(self.pending.pop_front().map(|mut record| {
                record.append_time = record.append_time.max(since);
                record
            }));
        }
    }

    /// The append time of the oldest record that waits.
    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        self.pending.front().map(|oldest| oldest.append_time)
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at_end && self.pending.is_empty()
    }
}

/// librdkafka mends almost everything by itself and says so; only what it gives up on ends the engine.
pub(crate) fn consumer_error(error: KafkaError) -> Result<(), EngineError> {
    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::FencedInstanceId) {
        return Err(EngineError::Replaced(error));
    }
    if matches!(error, KafkaError::MessageConsumptionFatal(_)) {
        return Err(EngineError::Consume(error));
    }
    match EngineError::Consume(error).or_not_allowed() {
        EngineError::Consume(error) => {
            tracing::warn!(%error, "reading from Kafka is disturbed; librdkafka tries again");
            meter::consumer_disturbed();
            Ok(())
        }
        error => Err(error),
    }
}
