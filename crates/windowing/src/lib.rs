//! Panes and trailing windows over DataFusion SQL.
//!
//! A feature set is one SQL query over the relation `vitals`. It is planned once; its aggregates are then run by hand, pane
//! by pane, with DataFusion's own accumulators: *update* turns observations into pane states, *merge* joins the states of
//! a window, *evaluate* finishes them. Plain aggregates of one vital sign skip even that: they share one [`Stats`] a vital
//! sign and pane.
//!
//! ```text
//!            observations                      panes of a patient                       window [E - w, E)
//!  stage ───────────────────▶ update ──▶ |state|state|state|state|state| ──▶ merge ──▶ evaluate ──▶ projection ──▶ features
//! ```
//!
//! | file | room |
//! |---|---|
//! | `relation` | the columns that SQL sees |
//! | `rewrite` | what a feature set's SQL may be, and how our functions become DataFusion's |
//! | `dissect` | SQL to DataFusion's plan, and that plan taken apart |
//! | `refuse` | which aggregates a feature set may not have |
//! | `plan` | a feature set, planned: aggregates fused and generic, projection |
//! | `stats` | the fused state of one vital sign in one pane |
//! | `fused` | plain aggregates read from fused states |
//! | `generic` | every other mergeable aggregate, by DataFusion's accumulators |
//! | `panes` | the panes of one patient |
//! | `waiting` | rows of the newest pane, not folded yet |
//! | `tiers` | runs of panes, merged once |
//! | `staged` | rows that wait to be taken into generic states |
//! | `state` | a feature set's state in one shard: take, close, evaluate, forget |
//! | `snapshot` | a feature set's state as Arrow tables, and back |
//! | `table` | columns of plain values by name |
//! | `expression` | a scalar SQL expression over named inputs: scores and conditions |
//! | `checked` | arithmetic that fails where it gives no number |
//! | `plain` | the same in plain queries |
//! | `row_errors` | what happens to rows over which SQL fails |
//! | `functions` | our SQL functions |
//! | `session` | one SQL session for all of them |
//! | `split_check` | does an aggregate survive the split into panes? |
//!
//! Floor 1. No clock is read here; a feature set is a function of its rows.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod checked;
mod dissect;
mod error;
mod expression;
mod functions;
mod fused;
mod generic;
mod panes;
mod plain;
mod plan;
mod refuse;
mod relation;
mod rewrite;
mod row_errors;
mod session;
mod snapshot;
mod split_check;
mod staged;
mod state;
mod stats;
pub mod table;
mod tiers;
mod waiting;

pub use error::PlanError;
pub use expression::Expression;
pub use functions::{AGGREGATES, FunctionReference, REFERENCE};
pub use panes::Placed;
pub use plan::SetPlan;
pub use refuse::REFUSED_AGGREGATES;
pub use relation::{PATIENT_ID, SOURCE, TS, VITALS, WINDOW_END, vitals_schema};
pub use row_errors::RowErrors;
pub use session::{function_names, prepare_query, session};
pub use state::{Due, SetState};
pub use stats::Stats;
