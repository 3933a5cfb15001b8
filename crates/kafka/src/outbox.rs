//! A shard's transactional producer: a bundle and the offsets behind it become visible together, or not at all.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::Timestamp as KafkaTimestamp;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, NoCustomPartitioner, Producer, ProducerContext};
use wardwatch_event_time::Timestamp;

use crate::bundle::{Bundle, Outgoing};
use crate::failpoint::failpoint;
use crate::offset_sender::OffsetSender;
use crate::worker::now;
use crate::{EngineClock, EngineConfig, EngineError, settings};

/// Between two looks for acknowledgements. The client's own waits are no good for this: `flush` looks in slices of 100 ms, a
/// floor under every bundle, and `poll` spends the last millisecond of its timeout turning in circles.
const LOOK: Duration = Duration::from_micros(200);

/// A broker whose time is before this has none: the one in this process answers 1234.
const YEAR_2000: i64 = 946_684_800_000;

/// How long one call about a transaction may take; a call that timed out is made again.
const CALL: Duration = Duration::from_secs(2);

/// How long a transaction may take in all, before its outcome is looked up instead.
const PATIENCE: Duration = Duration::from_secs(8);

/// Takes delivery reports: keeps the first failure, and where the newest journal record went.
pub(crate) struct Deliveries {
    journal: String,
    /// Told what time it is.
    clock: Arc<dyn EngineClock>,
    failed: Mutex<Option<(String, KafkaError)>>,
    journaled: AtomicI64,
}

/// A producer that has fenced every earlier one of its shard.
pub(crate) struct Outbox {
    // Before the producer, which it may outlive.
    offsets: OffsetSender,
    producer: Arc<BaseProducer<Deliveries>>,
    is_transactional: bool,
}

/// Why a bundle did not go out for certain.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// A newer producer has taken over the shard, or the broker has given this one up.
    Fenced(KafkaError),
    /// The transaction was not committed, or nobody knows.
    Unknown(EngineError),
}

// === impl Deliveries ===

impl ClientContext for Deliveries {}

impl ProducerContext<NoCustomPartitioner> for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(message) if message.topic() == self.journal => {
                self.journaled.fetch_max(message.offset(), Ordering::Relaxed);
                let taken_at = match message.timestamp() {
                    KafkaTimestamp::LogAppendTime(millis) if millis >= YEAR_2000 => {
                        Some(Timestamp::from_millis(millis))
                    }
                    _ => None,
                };
                self.clock.heard(taken_at);
            }
            Ok(_) => {}
            Err((error, message)) => {
                let mut failed = self.failed.lock().expect("no panic while it is held");
                failed.get_or_insert_with(|| (message.topic().to_owned(), error.clone()));
            }
        }
    }
}

impl Deliveries {
    fn take_failure(&self) -> Result<(), EngineError> {
        match self.failed.lock().expect("no panic while it is held").take() {
            None => Ok(()),
            Some((topic, source)) => Err(EngineError::Produce { topic, source }.or_not_allowed()),
        }
    }
}

// === impl Outbox ===

impl Outbox {
    /// Opens the shard's producer: earlier ones are fenced, and what they left open is aborted or completed. Blocks.
    ///
    /// # Errors
    /// [`EngineError::Client`], or [`EngineError::Transactions`] when the coordinator does not answer in time.
    pub(crate) fn open(config: &EngineConfig, shard: i32) -> Result<Self, EngineError> {
        let context = Deliveries {
            journal: config.topics.journal.clone(),
            clock: Arc::clone(&config.clock),
            failed: Mutex::default(),
            journaled: AtomicI64::new(-1),
        };
        let id = format!("{}-{shard}", config.group);
        let (brokers, more) = (&config.brokers, &config.settings);
        let client = match config.exactly_once {
            true => settings::transactional(brokers, &id, more),
            false => settings::producer(brokers, more),
        };
        let producer = Arc::new(client.create_with_context(context).map_err(EngineError::client)?);
        let outbox = Self {
            offsets: OffsetSender::start(Arc::clone(&producer), CALL)?,
            producer,
            is_transactional: config.exactly_once,
        };
        let begun = now();
        outbox
            .again(
                || begun.elapsed() < PATIENCE,
                |producer| producer.init_transactions(CALL),
            )
            .map_err(|error| EngineError::Transactions(error).or_not_allowed())?;
        Ok(outbox)
    }

    /// The offset of the newest journal record that the broker has acknowledged.
    pub(crate) fn journaled(&self) -> Option<i64> {
        let offset = self.producer.context().journaled.load(Ordering::Relaxed);
        (offset >= 0).then_some(offset)
    }

    /// One transaction: the bundle, and the offsets behind it. A call that timed out is made again for as
    /// long as it `may_wait`, within bounds.
    pub(crate) fn publish(
        &self,
        bundle: &Bundle<'_>,
        offsets: &TopicPartitionList,
        member: &Arc<ConsumerGroupMetadata>,
        may_wait: &dyn Fn() -> bool,
    ) -> Result<(), Trouble> {
        let begun = now();
        let has_patience = || begun.elapsed() < PATIENCE && may_wait();
        self.again(has_patience, Producer::begin_transaction)?;
        for record in bundle.records() {
            failpoint("produce");
            self.send(record).map_err(Trouble::Unknown)?;
        }
        failpoint("journal");
        while self.producer.in_flight_count() > 0 {
            self.hear();
        }
        // What was acknowledged last may still wait to be told.
        self.producer.poll(Duration::ZERO);
        if let Err(error) = self.producer.context().take_failure() {
            return Err(self.why_it_failed().unwrap_or(Trouble::Unknown(error)));
        }
        if offsets.count() > 0 {
            failpoint("offsets");
            self.again(has_patience, |_| self.offsets.send(offsets, member))?;
        }
        failpoint("commit");
        self.again(has_patience, |producer| producer.commit_transaction(CALL))?;
        failpoint("committed");
        Ok(())
    }

    /// Why the open transaction must be aborted, if it must. Its records are then given back without a reason; begun once more,
    /// which it cannot be, it tells the one it has.
    fn why_it_failed(&self) -> Option<Trouble> {
        match self.producer.begin_transaction() {
            Err(KafkaError::Transaction(error)) if error.txn_requires_abort() || error.is_fatal() => {
                Some(KafkaError::Transaction(error).into())
            }
            _ => None,
        }
    }

    /// Makes a call about a transaction, again for as long as it may be, and there is patience left.
    fn again(
        &self,
        has_patience: impl Fn() -> bool,
        call: impl Fn(&BaseProducer<Deliveries>) -> Result<(), KafkaError>,
    ) -> Result<(), KafkaError> {
        if !self.is_transactional {
            return Ok(());
        }
        loop {
            match call(&self.producer) {
                Err(KafkaError::Transaction(error)) if error.is_retriable() && has_patience() => {
                    tracing::debug!(%error, "a call about a transaction is made again");
                }
                outcome => return outcome,
            }
        }
    }

    /// Takes acknowledgements that have come; if none has, waits a moment.
    fn hear(&self) {
        let before = self.producer.in_flight_count();
        self.producer.poll(Duration::ZERO);
        if self.producer.in_flight_count() == before {
            thread::sleep(LOOK);
        }
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
                    self.hear();
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

// === impl Trouble ===

impl From<KafkaError> for Trouble {
    fn from(error: KafkaError) -> Self {
        use RDKafkaErrorCode::{Fenced, InvalidProducerEpoch, ProducerFenced};
        match error.rdkafka_error_code() {
            Some(Fenced | InvalidProducerEpoch | ProducerFenced) => Self::Fenced(error),
            _ => Self::Unknown(EngineError::Transactions(error).or_not_allowed()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use rdkafka::consumer::{BaseConsumer, Consumer};
    use rdkafka::mocking::{MockCluster, MockCoordinator};
    use rdkafka::producer::DefaultProducerContext;
    use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
    use wardwatch_pipeline::Pipeline;

    use super::*;
    use crate::ClientSettings;
    use crate::journal::Position;

    /// Three brokers, an engine's topics on them, and its settings.
    fn ward() -> (MockCluster<'static, DefaultProducerContext>, EngineConfig) {
        let cluster = MockCluster::new(3).unwrap();
        let text = include_str!("../../../pipelines/adult-ward.yaml");
        let pipeline = Pipeline::parse(text, "../../models".as_ref()).unwrap();
        let config = EngineConfig::new(cluster.bootstrap_servers(), "ward".to_owned(), Arc::new(pipeline));
        for topic in ["source", &config.topics.journal] {
            cluster.create_topic(topic, 1, 1).unwrap();
        }
        (cluster, config)
    }

    fn member(config: &EngineConfig) -> Arc<ConsumerGroupMetadata> {
        let consumer = settings::consumer(&config.brokers, "ward", &ClientSettings::new());
        let consumer: BaseConsumer = consumer.create().unwrap();
        Arc::new(consumer.group_metadata().unwrap())
    }

    /// librdkafka 5456: the group's coordinator is gone, and the call waits for it beyond its timeout.
    #[test]
    fn a_dead_coordinator_of_the_group_holds_up_no_transaction() {
        let (cluster, config) = ward();
        cluster
            .coordinator(MockCoordinator::Transaction("ward-0".to_owned()), 1)
            .unwrap();
        cluster
            .coordinator(MockCoordinator::Group("ward".to_owned()), 2)
            .unwrap();
        let outbox = Outbox::open(&config, 0).unwrap();
        let member = member(&config);
        let mut offsets = TopicPartitionList::new();
        offsets
            .add_partition_offset("source", 0, rdkafka::Offset::Offset(1))
            .unwrap();
        let bundle = Bundle::new(&config.topics, &["source"], 0);

        cluster.broker_down(2).unwrap();
        let begun = now();
        let outcome = outbox.publish(&bundle, &offsets, &member, &|| true);
        assert!(matches!(outcome, Err(Trouble::Unknown(_))), "{outcome:?}");
        assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
        // Another one, as for a bundle that is looked up.
        drop(outbox);
        cluster.broker_up(2).unwrap();
        let outbox = Outbox::open(&config, 0).unwrap();
        outbox.publish(&bundle, &offsets, &member, &|| true).unwrap();
    }

    /// The first bundle of a lineage has no offsets, and what comes back of it is "purged" records.
    #[test]
    fn a_missing_permission_is_told_whatever_the_bundle_holds() {
        let (cluster, config) = ward();
        let outbox = Outbox::open(&config, 0).unwrap();
        let record = serde_json::json!({
            "pipeline": "ward", "pipeline_version": 1, "shard": 0, "lineage": 1, "sequence": 0, "offsets": {},
            "at": "2026-01-01T00:00:00Z", "patients": 0, "counts": {}, "digest": "0000000000000000", "build": "",
        });
        let mut bundle = Bundle::new(&config.topics, &["source"], 0);
        bundle
            .journal(serde_json::from_value(record).unwrap(), &Position::default())
            .unwrap();
        let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
        cluster.request_errors(RDKafkaApiKey::AddPartitionsToTxn, &[refused; 3]);
        let outcome = outbox.publish(&bundle, &TopicPartitionList::new(), &member(&config), &|| true);
        let is_told = matches!(
            outcome,
            Err(Trouble::Unknown(EngineError::NotAllowed {
                what: "a topic (--topic)",
                ..
            }))
        );
        assert!(is_told, "{outcome:?}");
    }
}
