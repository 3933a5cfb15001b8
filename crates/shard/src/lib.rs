//! The shard: one partition of a pipeline, as a pure function of its inputs.
//!
//! ```text
//!   batch, tick ──▶ step ──▶ alerts, alarms, scores, refusals
//!                    │
//!   rows ─▶ clock ─▶ repeats ─▶ panes ─▶ newest values ─▶ limits ─▶ closes ─▶ features ─▶ scores ─▶ conditions
//! ```
//!
//! The same `step` runs live, in replay and in tests. It reads no clock, does no I/O and draws no random numbers: time
//! enters with the records and ticks, a model's outputs through the [`Scorer`](wardwatch_inference::Scorer).
//!
//! | file | room |
//! |---|---|
//! | `batch` | what goes in and what comes out |
//! | `shard` | the state and the step: rows in log order, timers before rows |
//! | `adopt` | alarms taken over where the state had to be rebuilt |
//! | `command` | what people say, among the messages; accepting an alarm |
//! | `context` | what a context record does to a stay |
//! | `statements` | what writers state of a patient, merged |
//! | `admit` | one message: its device's clock, repeats, panes, newest values |
//! | `limits` | limits, judged device by device |
//! | `correct` | values that were corrected or withdrawn, and what follows at once |
//! | `roster` | patients by id and by dense slot |
//! | `patient` | one patient's state |
//! | `history` | the newest values as of a window's end, where `hold` waits |
//! | `ended` | what is left of stays that have ended, and what is stated of who is not monitored |
//! | `devices` | the devices of a source, each with its clock |
//! | `seen` | which observations have been accepted: repeats |
//! | `presence` | which vital signs still come: lost, overdue |
//! | `timers` | what is due by log time |
//! | `closing` | when panes close, and what waits to be evaluated |
//! | `evaluate` | windows to features to scores |
//! | `conditions` | alarms on features and scores |
//! | `inputs` | names in scores and conditions, resolved |
//! | `outcome` | a score's result, row by row |
//! | `baseline` | a patient's own usual values |
//! | `tell` | transitions to alerts |
//! | `words` | what technical alarms say |
//! | `account` | what records say of scores and inputs |
//! | `digest` | what has been decided so far, as one number |
//! | `snapshot` | the whole state as Arrow tables, and back |
//! | `technical` | technical alarms: silence, wrong clocks, lost records |
//! | `succeed` | a shard goes on under a newer pipeline |
//!
//! SHARD-1: log time never goes back. SHARD-2: batch cuts never change a result. SHARD-3: one patient's clock, silence or
//! lateness changes nothing of another's. When a decided window is evaluated, and so `decided_at` and the order among the
//! alarms of a patient, is no result: it may wait, half a second at most. READINGS-1 stands in `admit`, PRESENT-1 in `presence`,
//! SEEN-1 in `seen`.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod account;
mod admit;
mod adopt;
mod baseline;
mod batch;
mod closing;
mod command;
mod conditions;
mod context;
mod correct;
mod devices;
mod digest;
mod ended;
mod evaluate;
mod history;
mod inputs;
mod limits;
mod outcome;
mod patient;
mod presence;
mod roster;
mod seen;
mod shard;
mod snapshot;
mod statements;
mod succeed;
mod technical;
mod tell;
mod timers;
mod words;

pub use batch::{
    Batch, CommandInput, ContextInput, Counts, Failure, FeatureRows, Outputs, Refused, StepError, Wants,
};
pub use digest::Digest;
pub use shard::Shard;
pub use snapshot::Snapshot;
pub use wardwatch_windowing::table::{TableError, Tables};
