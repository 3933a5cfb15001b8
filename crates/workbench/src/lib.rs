//! The workbench: what a data engineer does with a pipeline before it goes live.
//!
//! | folder | room |
//! |---|---|
//! | `backtest` | what a pipeline would have told over recorded data, and how right it would have been |
//! | `explain` | what a pipeline does: in words, as plans, as a graph |
//! | `plan` | what an edit of a pipeline does to the ward |
//! | `test` | tests beside a pipeline: given these observations, expect these features, scores and alerts |
//!
//! Floor 5. Everything here drives the shard that runs live; there is no second engine.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod backtest;
pub mod explain;
pub mod plan;
pub mod test;
