//! What is wrong with the log itself: noticed, told, and ended when it is over.
//!
//! ```text
//!   probe ─▶ facts ─▶ pure checks ─▶ conditions ─▶ registry ─▶ log, metrics, /readyz, topic `conditions.system`
//!   (I/O)             breaks, stalls, keys,                └──▶ `doctor` runs the same checks, once
//!                     stamps, steps
//! ```
//!
//! | file | room |
//! |---|---|
//! | `condition` | every condition by name, with its code, place, words and remedy |
//! | `facts` | what is observed of topics and partitions |
//! | `breaks` | whether the log is still the one that a shard has read |
//! | `stalls` | transactions that stay open |
//! | `keys` | where records lie, against where their keys put them |
//! | `stamps` | append times against the engine's clock |
//! | `steps` | what the newest steps say of clocks and versions |
//! | `topics` | topics against the shards |
//! | `registry` | what is so now |
//! | `probe`, `topic_ids` | looking at the cluster |
//! | `watch` | the thread that looks, time and again |
//!
//! CONDITION-1: whatever `doctor` would report, a running engine has told within a minute: both run the same checks.

mod breaks;
mod condition;
mod facts;
mod keys;
mod probe;
mod registry;
mod stalls;
mod stamps;
mod steps;
mod topic_ids;
mod topics;
mod watch;

pub(crate) use breaks::Break;
pub use condition::Condition;
pub(crate) use facts::{LogFacts, TopicFacts};
pub(crate) use keys::Keys;
pub(crate) use probe::{Probe, newest_keys, newest_steps};
pub(crate) use registry::{Conditions, Observer, SHOWN};
pub(crate) use stalls::{PATIENCE as STALLED, Stalls};
pub(crate) use stamps::{Stamps, TOLERANCE};
pub(crate) use steps::{NewestSteps, clocks, live, versions};
pub(crate) use topics::counts;
pub(crate) use watch::{Seen, Watch};
