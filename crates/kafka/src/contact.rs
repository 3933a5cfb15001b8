//! The first word with a cluster: who answers there, or why nobody does.
//!
//! librdkafka tries for ever and tells its reasons by the way. Here they are heard, and what no patience mends ends the wait.

use std::sync::Mutex;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;

use crate::reader::GROUP;
use crate::topics::PATIENCE;
use crate::worker::now;
use crate::{ClientSettings, EngineError, settings};

/// How long one attempt takes; between two it is heard what went wrong.
const ATTEMPT: Duration = Duration::from_secs(1);

/// How long a poll waits that only hears what there is.
const MOMENT: Duration = Duration::from_millis(10);

/// Hears what librdkafka says about connections.
#[derive(Debug, Default)]
struct Listener {
    /// The newest, and whether waiting may mend it.
    heard: Mutex<Option<Heard>>,
}

#[derive(Clone, Debug)]
struct Heard {
    code: Option<RDKafkaErrorCode>,
    reason: String,
}

/// What the cluster says of its brokers and topics. Blocks, for as long as a broker may take to answer.
///
/// # Errors
/// [`EngineError::Client`] for a setting that librdkafka does not take, [`EngineError::Refused`] when a broker does not take
/// this client, or this client the broker's certificate, [`EngineError::Unreachable`] when none answers in time.
pub(crate) fn metadata(brokers: &str, more: &ClientSettings) -> Result<Metadata, EngineError> {
    let consumer: BaseConsumer<Listener> = settings::consumer(brokers, GROUP, more)
        .create_with_context(Listener::default())
        .map_err(EngineError::client)?;
    let begun = now();
    loop {
        let source = match consumer.fetch_metadata(None, ATTEMPT) {
            Ok(metadata) => return Ok(metadata),
            Err(source) => source,
        };
        hear(&consumer);
        let heard = consumer
            .context()
            .heard
            .lock()
            .expect("no panic while it is held")
            .clone();
        match heard {
            Some(heard) if heard.is_final() => {
                return Err(EngineError::Refused {
                    brokers: brokers.to_owned(),
                    reason: heard.reason,
                });
            }
            _ if begun.elapsed() < PATIENCE => {}
            heard => {
                return Err(EngineError::Unreachable {
                    brokers: brokers.to_owned(),
                    reason: heard.map_or_else(|| source.to_string(), |heard| heard.reason),
                });
            }
        }
    }
}

/// Polls a consumer without partitions until nothing is left: librdkafka reports errors only through polls. A poll that does not
/// wait ends at the first log line, and an error behind that line stays unread.
pub(crate) fn hear<C: ConsumerContext>(consumer: &BaseConsumer<C>) {
    while consumer.poll(MOMENT).is_some() {}
}

// === impl Listener ===

impl ClientContext for Listener {
    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        tracing::debug!(?code, reason, "no connection yet");
        let mut heard = self.heard.lock().expect("no panic while it is held");
        // That all brokers are down follows from what was heard before.
        if code != Some(RDKafkaErrorCode::AllBrokersDown) || heard.is_none() {
            let reason = reason.to_owned();
            *heard = Some(Heard { code, reason });
        }
    }
}

impl ConsumerContext for Listener {}

// === impl Heard ===

impl Heard {
    fn is_final(&self) -> bool {
        use RDKafkaErrorCode::{Authentication, SSL, SaslAuthenticationFailed};
        matches!(self.code, Some(Authentication | SaslAuthenticationFailed | SSL))
    }
}
