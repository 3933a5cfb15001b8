//! What the cluster calls a topic besides its name: the id that a topic made again under the same name does not share.
//!
//! librdkafka tells it (`rd_kafka_DescribeTopics`, since 2.4), the Rust binding does not pass the call on. So it is made here,
//! through the binding's own declarations of the C functions, and nowhere else in this crate is there unsafe code. Every pointer
//! that this module creates is owned by a guard that destroys it once; what the result hands out lives as long as the event that
//! holds it, and is copied before that is destroyed.
#![allow(
    unsafe_code,
    reason = "a call of librdkafka that its Rust binding does not offer"
)]

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::ptr;
use std::time::Duration;

use rdkafka::bindings as native;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{IsError, KafkaError, KafkaResult, RDKafkaErrorCode};

use super::facts::TopicFacts;

/// Something of librdkafka's that is destroyed when it is dropped.
struct Guard<T> {
    pointer: *mut T,
    destroy: unsafe extern "C" fn(*mut T),
}

/// What the cluster says of topics that exist. Blocks for `timeout` at most.
///
/// # Errors
/// No broker answers, or this user may not see them.
pub(super) fn describe<C: ClientContext>(
    client: &Client<C>,
    topics: &[&str],
    timeout: Duration,
) -> KafkaResult<BTreeMap<String, TopicFacts>> {
    let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    let names = topics.iter().map(|topic| CString::new(*topic));
    let names: Vec<CString> = names.collect::<Result<_, _>>().map_err(KafkaError::Nul)?;
    let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
    let kafka = client.native_ptr();
    // SAFETY: `kafka` is a live client for as long as `client` is borrowed. The names outlive the call that copies them. Each
    // created pointer is checked and owned by a guard; the request takes none of them over.
    let event = unsafe {
        let queue = Guard::own(native::rd_kafka_queue_new(kafka), native::rd_kafka_queue_destroy)?;
        let options = Guard::own(
            native::rd_kafka_AdminOptions_new(
                kafka,
                native::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
            ),
            native::rd_kafka_AdminOptions_destroy,
        )?;
        let refused =
            native::rd_kafka_AdminOptions_set_request_timeout(options.pointer, millis, ptr::null_mut(), 0);
        if refused.is_error() {
            return Err(KafkaError::AdminOp(refused.into()));
        }
        let wanted = Guard::own(
            native::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len()),
            native::rd_kafka_TopicCollection_destroy,
        )?;
        native::rd_kafka_DescribeTopics(kafka, wanted.pointer, options.pointer, queue.pointer);
        let event = native::rd_kafka_queue_poll(queue.pointer, millis);
        if event.is_null() {
            return Err(KafkaError::AdminOp(RDKafkaErrorCode::OperationTimedOut));
        }
        Guard::own(event, native::rd_kafka_event_destroy)?
    };
    facts(&event)
}

/// Copies what an event tells.
fn facts(event: &Guard<native::rd_kafka_event_t>) -> KafkaResult<BTreeMap<String, TopicFacts>> {
    let mut found = BTreeMap::new();
    // SAFETY: the event is live; its result, the descriptions in it and their texts live as long as the event does, and all that
    // is kept of them is copied. `count` says how long the array is; a null result is looked for before it is used.
    unsafe {
        let failed = native::rd_kafka_event_error(event.pointer);
        if failed.is_error() {
            return Err(KafkaError::AdminOp(failed.into()));
        }
        let result = native::rd_kafka_event_DescribeTopics_result(event.pointer);
        if result.is_null() {
            return Err(KafkaError::AdminOp(RDKafkaErrorCode::Fail));
        }
        let mut count = 0;
        let all = native::rd_kafka_DescribeTopics_result_topics(result, &mut count);
        for at in 0..count {
            let topic = *all.add(at);
            let error = native::rd_kafka_TopicDescription_error(topic);
            // It does not exist, or is not shown: it is left out.
            if native::rd_kafka_error_code(error).is_error() {
                continue;
            }
            let mut partitions = 0;
            native::rd_kafka_TopicDescription_partitions(topic, &mut partitions);
            let id = native::rd_kafka_TopicDescription_topic_id(topic);
            let is_known = native::rd_kafka_Uuid_most_significant_bits(id) != 0
                || native::rd_kafka_Uuid_least_significant_bits(id) != 0;
            let text = |text| CStr::from_ptr(text).to_string_lossy().into_owned();
            let facts = TopicFacts {
                // Brokers before Kafka 2.8 have none.
                id: is_known.then(|| text(native::rd_kafka_Uuid_base64str(id))),
                partitions: i32::try_from(partitions).unwrap_or(i32::MAX),
            };
            found.insert(text(native::rd_kafka_TopicDescription_name(topic)), facts);
        }
    }
    Ok(found)
}

// === impl Guard ===

impl<T> Guard<T> {
    /// Owns a pointer that librdkafka has just created, if it has.
    fn own(pointer: *mut T, destroy: unsafe extern "C" fn(*mut T)) -> KafkaResult<Self> {
        if pointer.is_null() {
            return Err(KafkaError::AdminOp(RDKafkaErrorCode::Fail));
        }
        Ok(Self { pointer, destroy })
    }
}

impl<T> Drop for Guard<T> {
    fn drop(&mut self) {
        // SAFETY: the pointer came from the function that `destroy` belongs to, and is destroyed nowhere else.
        unsafe { (self.destroy)(self.pointer) }
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::consumer::{BaseConsumer, Consumer};
    use rdkafka::mocking::MockCluster;

    use super::*;
    use crate::worker::now;
    use crate::{ClientSettings, settings};

    /// The broker in this process has no controller, which is what answers.
    #[test]
    fn what_does_not_answer_is_waited_for_no_longer_than_asked() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("vitals", 3, 1).unwrap();
        let settings = settings::consumer(&cluster.bootstrap_servers(), "g", &ClientSettings::new());
        let consumer: BaseConsumer = settings.create().unwrap();
        let begun = now();
        let found = describe(consumer.client(), &["vitals"], Duration::from_millis(300));
        assert!(
            found.is_err() && begun.elapsed() < Duration::from_secs(2),
            "{found:?}"
        );
        assert!(
            describe(consumer.client(), &[], Duration::from_millis(300))
                .unwrap()
                .is_empty()
        );
        let twice = describe(consumer.client(), &["vitals", "vitals"], Duration::from_secs(9));
        assert!(
            twice.is_err() && begun.elapsed() < Duration::from_secs(2),
            "{twice:?}"
        );
    }
}
