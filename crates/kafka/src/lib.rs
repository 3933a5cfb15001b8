//! The shard's log on Kafka: records in, one bundle of outputs out, offsets committed behind it.
//!
//! ```text
//!  sources ─┐                                             ┌─▶ alerts, alarms, scores, quarantine
//!  context ─┴▶ lanes ─▶ inbox ─▶ decode ─▶ Shard::step ─▶ bundle ─▶ outbox ─▶ journal ─▶ commit
//!              (a queue    (log order)     (pure)          (one a turn)
//!              a partition)
//! ```
//!
//! | file | room |
//! |---|---|
//! | `engine` | configuration, start and stop of the engine's one thread |
//! | `turn` | the loop: poll, step, bundle, publish, commit |
//! | `worker` | one shard with its log |
//! | `lane` | one partition of one topic, read ahead by a bounded amount |
//! | `inbox` | the lanes of a shard, merged into log order |
//! | `decode` | records to a batch; what is refused finds its bytes again |
//! | `bundle` | the outputs of one turn as records of topics |
//! | `journal` | the record that says how far a shard came, and with what |
//! | `outbox` | the producer: a bundle is out when every record of it is acknowledged |
//! | `topics` | names of topics; creating and checking them |
//! | `reader` | the engine's outputs, read back for a screen |
//! | `embedded` | a broker in this process and a feed for it, for demos and tests |
//! | `clock` | the wall clock, or the scaled clock of a demo |
//! | `settings` | what librdkafka is told to do differently, and why |
//! | `meter` | metrics; never a patient in a label |
//! | `error` | what can fail, and what to do then |
//!
//! LOG-1: offsets are committed only after every output of the records before them is acknowledged by the broker.
//! LOG-2: a shard's records are stepped in the order (append time, topic ordinal, offset) within a batch; while catching up,
//! also across batches. LOG-3: what is read ahead is bounded per partition.
//!
//! Deliberately absent until the next stage: transactions and snapshots. A restart begins at the committed offsets with
//! an empty state, and outputs since the last commit are produced again under the same ids.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod bundle;
mod clock;
mod decode;
mod embedded;
mod engine;
mod error;
mod inbox;
mod journal;
mod lane;
mod meter;
mod outbox;
mod reader;
mod settings;
mod topics;
mod turn;
mod worker;

pub use clock::{EngineClock, SystemClock};
pub use embedded::{EmbeddedBroker, Feed};
pub use engine::{Engine, EngineConfig, EngineHandle, Health, Stats};
pub use error::EngineError;
pub use journal::JournalRecord;
pub use meter::describe_metrics;
pub use reader::{Output, OutputReader};
pub use settings::ClientSettings;
pub use topics::{TopicNames, create_topics};
