//! Records of topics as they come, for somebody who looks.
//!
//! Who may look is Kafka's to say: a tap reads with its user's own permissions, and nothing of an engine is asked.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Duration;

use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use wardwatch_event_time::Timestamp;

use crate::reader::{Beyond, open};
use crate::{ClientSettings, EngineError};

/// How long one look takes when nothing comes.
const LOOK: Duration = Duration::from_millis(100);

/// A record as it stands on a topic. It holds patient data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tapped {
    /// The topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its place there.
    pub offset: i64,
    /// When the broker took it.
    pub at: Timestamp,
    /// The key.
    pub key: Option<Vec<u8>>,
    /// The value; empty for a tombstone.
    pub payload: Vec<u8>,
    /// The headers, in order.
    pub headers: Vec<(String, String)>,
}

/// Where a tap begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TapFrom {
    /// With what comes from now on.
    Now,
    /// With the first record that is there.
    Start,
    /// With the first record that is there; it ends with the last one that is there by then.
    All,
}

/// Tells committed records of some topics as they come, until `tell` breaks; None is told whenever nothing came for a moment.
/// Blocks.
///
/// # Errors
/// [`EngineError`]: settings refused, no broker, topics missing or not allowed.
pub fn tap(
    brokers: &str,
    more: &ClientSettings,
    topics: &[String],
    from: TapFrom,
    mut tell: impl FnMut(Option<Tapped>) -> ControlFlow<()>,
) -> Result<(), EngineError> {
    let offset = match from {
        TapFrom::Now => Offset::End,
        TapFrom::Start | TapFrom::All => Offset::Beginning,
    };
    let opened = |topics: &[String], beyond| {
        let topics = topics.iter().map(String::as_str);
        open(brokers, more, topics, offset, beyond)
    };
    if from == TapFrom::All {
        // Topic by topic, since an end is told with the number of the partition alone. What is missing is told before anything.
        let consumers = topics.chunks(1).map(|topic| opened(topic, Beyond::Tell));
        for consumer in consumers.collect::<Result<Vec<_>, _>>()? {
            let partitions = consumer.assignment().map_err(EngineError::Consume)?.count();
            if read(&consumer, partitions, &mut tell)?.is_break() {
                break;
            }
        }
        return Ok(());
    }
    read(&opened(topics, Beyond::Wait)?, usize::MAX, &mut tell).map(drop)
}

/// Reads until `tell` breaks, or until so many partitions have come to their end.
fn read(
    consumer: &BaseConsumer,
    partitions: usize,
    tell: &mut impl FnMut(Option<Tapped>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, EngineError> {
    let mut ended = BTreeSet::new();
    while ended.len() < partitions {
        let told = match consumer.poll(LOOK) {
            None => tell(None),
            Some(Ok(message)) => tell(Some(Tapped::of(&message))),
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                ended.insert(partition);
                ControlFlow::Continue(())
            }
            Some(Err(error)) if is_final(&error) => return Err(EngineError::Consume(error).or_not_allowed()),
            Some(Err(error)) => {
                tracing::warn!(%error, "reading is disturbed");
                ControlFlow::Continue(())
            }
        };
        if told.is_break() {
            return Ok(told);
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn is_final(error: &KafkaError) -> bool {
    matches!(error, KafkaError::MessageConsumptionFatal(_))
        || error.rdkafka_error_code() == Some(RDKafkaErrorCode::TopicAuthorizationFailed)
}

// === impl Tapped ===

impl Tapped {
    fn of(message: &BorrowedMessage<'_>) -> Self {
        let headers = message.headers().into_iter().flat_map(Headers::iter);
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        Self {
            topic: message.topic().to_owned(),
            partition: message.partition(),
            offset: message.offset(),
            at: Timestamp::from_millis(message.timestamp().to_millis().unwrap_or(0)),
            key: message.key().map(<[u8]>::to_vec),
            payload: message.payload().unwrap_or_default().to_vec(),
            headers: headers
                .map(|header| (header.key.to_owned(), text(header.value)))
                .collect(),
        }
    }
}
