//! The shard's log on Kafka: records in, outputs and offsets out together, recovery from the journal.
//!
//! ```text
//!                       a shard's thread                                       its committing thread
//!  sources ─┐                                                                 ┌───────── one transaction ─────────┐
//!  context ─┴▶ lanes ─▶ inbox ─▶ decode ─▶ Shard::step ─▶ bundle ─▶ desk ─▶  │ alerts, alarms, scores, quarantine │
//!              (a queue    (log order)     (pure)          (outputs)          │ journal, consumed offsets          │
//!              a partition)                                                   └────────────────────────────────────┘
//! ```
//!
//! | file | room |
//! |---|---|
//! | `engine` | configuration, start and stop |
//! | `member` | the engine in its group: which shards are its own, a thread for each |
//! | `recovery`, `restore` | before a shard's first step: who wrote last, and what state to begin with |
//! | `resume` | where the log has changed under a shard, and what it goes on with |
//! | `worker`, `catch_up` | a shard's thread: before it is live, and then: poll, step, hand over |
//! | `reload`, `filler` | an edit of the pipeline goes live; the windows that it changes, filled beside the shard |
//! | `conditions` | what is wrong with the log itself: noticed, told, ended |
//! | `outlook` | what a shard's thread sees of the log besides its records |
//! | `lane` | one partition of one topic, read ahead by a bounded amount |
//! | `inbox` | the lanes of a shard, merged into log order |
//! | `decode` | records to a batch; what is refused finds its bytes again |
//! | `bundle` | the outputs of some steps as records of topics |
//! | `desk` | where bundles wait for the commit before them |
//! | `committer` | bundles to transactions, and what became of one that failed |
//! | `outbox` | the transactional producer |
//! | `journal` | the record that says how far a shard came, and with what |
//! | `log_reader` | what a shard has written, read back |
//! | `snapshots`, `snapshot_file`, `snapshot_writer` | where snapshots are kept; one of them; the thread that writes |
//! | `kept_pipelines` | the pipelines that engines have run, for a way back |
//! | `audit` | an alert derived again, with all that led to it |
//! | `topics` | what a pipeline needs of its topics, and what is done about it |
//! | `reader` | the engine's outputs, read back for a screen |
//! | `quarantine` | what could not be taken, read back and sent again |
//! | `embedded` | a broker in this process and a feed for it, for demos and tests |
//! | `tap` | records of topics as they come, for somebody who looks |
//! | `doctor` | whether an engine could run here |
//! | `clock` | the brokers' clock, the wall clock |
//! | `program` | which program this is |
//! | `contact` | who answers, or why nobody does |
//! | `settings` | what librdkafka is told to do differently, and why |
//! | `health`, `meter` | how the engine fares; metrics, never a patient in a label |
//! | `failpoint` | where a test may kill this process |
//! | `error` | what can fail, and what to do then |
//!
//! LOG-1: outputs, journal and consumed offsets of a step become visible together, or not at all.
//! LOG-2: a shard's records are stepped in the order (append time, topic ordinal, offset) within a batch; while catching up,
//! also across batches. LOG-3: what is read ahead is bounded per partition.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod audit;
mod bundle;
mod catch_up;
mod clock;
mod committer;
mod conditions;
mod contact;
mod decode;
mod desk;
mod doctor;
mod embedded;
mod engine;
mod error;
mod failpoint;
mod filler;
mod handover;
mod health;
mod inbox;
mod journal;
mod kept_pipelines;
mod lane;
mod log_reader;
mod member;
mod meter;
mod offset_sender;
mod outbox;
mod outlook;
mod program;
mod quarantine;
mod reader;
mod recovery;
mod reload;
mod restore;
mod resume;
mod settings;
mod snapshot_file;
mod snapshot_writer;
mod snapshots;
mod tap;
mod topics;
mod worker;

pub use audit::{Explanation, explain};
pub use clock::{BrokerClock, EngineClock, SystemClock};
pub use conditions::Condition;
pub use doctor::{Finding, Wrong, examine};
pub use embedded::{EmbeddedBroker, Feed};
pub use engine::{Engine, EngineConfig, EngineHandle, LoadPipeline};
pub use error::EngineError;
pub use health::{Health, Stats};
pub use journal::{Bounds, JournalRecord, LineageRecord, LogView};
pub use kept_pipelines::KeptPipeline;
pub use meter::describe_metrics;
pub use quarantine::{QuarantineEntry, quarantined, redrive};
pub use reader::{Output, OutputReader};
pub use reload::RunningPipeline;
pub use settings::{ClientSettings, check_settings};
pub use snapshots::{SnapshotStore, StoreError};
pub use tap::{TapFrom, Tapped, tap};
pub use topics::{Acl, Change, Plan, Size, TopicNames, acls, apply as apply_plan, find as plan_topics};
