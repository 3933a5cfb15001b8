//! Topics: what a pipeline needs of them, what there is, and what is to be done about the difference.
//!
//! ```text
//!   wanted (names, partitions, settings and why) ┐
//!                                                ├─▶ plan ─▶ apply: create, change
//!   found (on the cluster)                       ┘      └──▶ the engine refuses to start
//! ```
//!
//! TOPICS-1: an engine starts only on topics that can keep its promise.

mod acl;
mod cluster;
mod names;
mod plan;
mod wanted;

use std::time::Duration;

pub use acl::{Acl, acls};
pub(crate) use cluster::check;
pub use cluster::{apply, find};
pub use names::TopicNames;
pub use plan::{Change, Plan};

/// How long the broker may take to answer about topics.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// How many partitions and copies topics get that do not exist yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Partitions: as many as shards.
    pub partitions: i32,
    /// Brokers that keep each.
    pub replication: i32,
}
