//! The producer: a bundle is out when every record of it is acknowledged.

use std::sync::Mutex;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, NoCustomPartitioner, Producer, ProducerContext};

use crate::bundle::{Bundle, Outgoing};
use crate::{ClientSettings, EngineError, settings};

/// How long one look for acknowledgements may take; `flush` itself looks in slices of 100 ms, a floor under every bundle.
const SLICE: Duration = Duration::from_millis(1);

/// Takes delivery reports and keeps the first failure.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    failed: Mutex<Option<(String, KafkaError)>>,
}

/// Publishes bundles.
pub(crate) struct Outbox {
    producer: BaseProducer<Deliveries>,
}

// === impl Deliveries ===

impl ClientContext for Deliveries {}

impl ProducerContext<NoCustomPartitioner> for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, message)) = result {
            let mut failed = self.failed.lock().expect("no panic while it is held");
            failed.get_or_insert_with(|| (message.topic().to_owned(), error.clone()));
        }
    }
}

impl Deliveries {
    fn take_failure(&self) -> Result<(), EngineError> {
        match self.failed.lock().expect("no panic while it is held").take() {
            None => Ok(()),
            Some((topic, source)) => Err(EngineError::Produce { topic, source }),
        }
    }
}

// === impl Outbox ===

impl Outbox {
    pub(crate) fn new(brokers: &str, more: &ClientSettings) -> Result<Self, EngineError> {
        let producer = settings::producer(brokers, more)
            .create_with_context(Deliveries::default())
            .map_err(EngineError::Client)?;
        Ok(Self { producer })
    }

    /// Produces a bundle and waits until the broker has acknowledged all of it. Bounded by `message.timeout.ms`.
    ///
    /// # Errors
    /// [`EngineError::Produce`]: the outcome of some records is a failure, or unknown.
    pub(crate) fn publish(&mut self, bundle: &Bundle<'_>) -> Result<(), EngineError> {
        for record in bundle.records() {
            self.send(record)?;
        }
        while self.producer.in_flight_count() > 0 {
            self.producer.poll(SLICE);
        }
        // What was acknowledged last may still wait to be told.
        self.producer.poll(Duration::ZERO);
        self.producer.context().take_failure()
    }

    fn send(&self, outgoing: &Outgoing<'_>) -> Result<(), EngineError> {
        let mut record: BaseRecord<'_, [u8], [u8]> =
            BaseRecord::to(outgoing.topic).payload(&outgoing.payload);
        record.key = outgoing.key.as_deref();
        record.partition = outgoing.partition;
        if !outgoing.headers.is_empty() {
            let headers = OwnedHeaders::new_with_capacity(outgoing.headers.len());
            let headers = outgoing.headers.iter().fold(headers, |headers, (key, value)| {
                headers.insert(Header {
                    key,
                    value: Some(value),
                })
            });
            record.headers = Some(headers);
        }
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                // The local queue is bounded: wait for acknowledgements, then go on.
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                    self.producer.poll(SLICE);
                    record = again;
                }
                Err((source, _)) => {
                    return Err(EngineError::Produce {
                        topic: outgoing.topic.to_owned(),
                        source,
                    });
                }
            }
        }
    }
}
