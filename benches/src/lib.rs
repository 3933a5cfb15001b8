//! What the benchmarks share: the pipeline that they run and the messages that they feed.
//!
//! | program | measures |
//! |---|---|
//! | `cargo bench -p wardwatch-benches` | the parts in one process: decode, panes, close, score, and all of them together |
//! | `kafka drain` | a loaded topic through a real Kafka, engine included |
//! | `kafka latency` | open loop: from a message's intended send time to its alert on the topic |

use wardwatch_event_time::Timestamp;
use wardwatch_ingest::Record;
use wardwatch_pipeline::Pipeline;
use wardwatch_simulate::Message;

/// The benchmarks' pipeline: eight vital signs, seven aggregates each, five minutes every ten seconds.
///
/// # Panics
/// When `pipeline.yaml` beside this crate is broken.
#[must_use]
pub fn pipeline() -> Pipeline {
    let text = include_str!("../pipeline.yaml");
    Pipeline::parse(text, std::path::Path::new("models")).expect("the benchmarks' pipeline is sound")
}

/// 2026-03-01T00:00:00Z: where simulated load begins.
#[must_use]
pub fn start() -> Timestamp {
    Timestamp::from_millis(1_772_323_200_000)
}

/// Messages as the records of one partition of one topic.
pub fn records(messages: &[Message]) -> impl Iterator<Item = Record<'_>> {
    (0..).zip(messages).map(|(offset, message)| Record {
        payload: &message.payload,
        key: Some(message.key.as_bytes()),
        append_time: message.arrives,
        topic: 0,
        partition: 0,
        offset,
    })
}
