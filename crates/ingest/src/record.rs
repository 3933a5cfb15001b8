//! One record as it comes from a log or a file, before anything is known about it.

use wardwatch_event_time::Timestamp;

/// Largest payload that is looked into, in bytes (1 MiB, Kafka's own default limit).
pub const MOST_BYTES: usize = 1 << 20;
/// Most readings in one grouped message: three times the vital signs there are.
pub const MOST_READINGS: usize = 64;

/// One record: its bytes and where they stand.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    /// The bytes as sent; empty for a tombstone.
    pub payload: &'a [u8],
    /// The record's key, which must be the patient id where there is one.
    pub key: Option<&'a [u8]>,
    /// The broker's append time.
    pub append_time: Timestamp,
    /// Ordinal of the topic in the pipeline.
    pub topic: u16,
    /// Partition of the topic.
    pub partition: i32,
    /// Offset in the partition, or the line of a file.
    pub offset: i64,
}

/// Where a record's append time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Arrival {
    /// From the broker: [`Record::append_time`]. A field `arrived_at` means nothing.
    #[default]
    Broker,
    /// From a file: the field `arrived_at` where there is one, else `ts`.
    File,
}

// === impl Record ===

impl std::fmt::Debug for Record<'_> {
    /// Position and size only: payload and key are patient data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record")
            .field("topic", &self.topic)
            .field("partition", &self.partition)
            .field("offset", &self.offset)
            .field("append_time", &self.append_time)
            .field("bytes", &self.payload.len())
            .finish_non_exhaustive()
    }
}
