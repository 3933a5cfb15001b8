//! Records of topics as they come, for somebody who looks.
//!
//! Who may look is Kafka's to say: a tap reads with its user's own permissions, and nothing of an engine is asked.

use std::ops::ControlFlow;
use std::time::Duration;

use rdkafka::Offset;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Headers, Message};
use wardwatch_event_time::Timestamp;

use crate::reader::open;
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
        TapFrom::Start => Offset::Beginning,
    };
    let consumer = open(brokers, more, topics.iter().map(String::as_str), offset)?;
    loop {
        let told = match consumer.poll(LOOK) {
            None => tell(None),
            Some(Ok(message)) => {
                let headers = message.headers().into_iter().flat_map(Headers::iter);
                tell(Some(Tapped {
                    topic: message.topic().to_owned(),
                    partition: message.partition(),
                    offset: message.offset(),
                    at: Timestamp::from_millis(message.timestamp().to_millis().unwrap_or(0)),
                    key: message.key().map(<[u8]>::to_vec),
                    payload: message.payload().unwrap_or_default().to_vec(),
                    headers: headers
                        .map(|header| {
                            let value = String::from_utf8_lossy(header.value.unwrap_or_default());
                            (header.key.to_owned(), value.into_owned())
                        })
                        .collect(),
                }))
            }
            Some(Err(error)) if is_final(&error) => return Err(EngineError::Consume(error).or_not_allowed()),
            Some(Err(error)) => {
                tracing::warn!(%error, "reading is disturbed");
                ControlFlow::Continue(())
            }
        };
        if told.is_break() {
            return Ok(());
        }
    }
}

fn is_final(error: &KafkaError) -> bool {
    matches!(error, KafkaError::MessageConsumptionFatal(_))
        || error.rdkafka_error_code() == Some(RDKafkaErrorCode::TopicAuthorizationFailed)
}
