//! The pipeline file: YAML with SQL inside, read, checked and planned.
//!
//! ```text
//!  text ──▶ tree ──▶ Document ──▶ sources ──▶ sets ──▶ names ──▶ scores ──▶ alarms ──▶ Pipeline
//!                    (its shape)    problems of all of them are told together
//! ```
//!
//! | file | room |
//! |---|---|
//! | `pipeline` | what comes out: everything resolved, nothing left to check |
//! | `load` | from a path or a text to a pipeline |
//! | `document` | the file's shape, and its JSON Schema |
//! | `shape` | from the YAML's tree to the document |
//! | `sources` | sources, writers of context, rules of time, maximum ages |
//! | `sets` | feature sets |
//! | `names` | what scores and conditions may read, and where each name's value comes from |
//! | `scores` | scores by SQL and by model |
//! | `models` | finding and loading models |
//! | `predictions` | what scores and alarms predict |
//! | `meaning` | units that do not fit, thresholds that no value reaches, alarms that never end |
//! | `alarms`, `limits` | conditions, and limits on one vital sign |
//! | `presence` | which vital signs rules read, and when one is lost |
//! | `sql` | what the planner says of SQL, at the word that it is about |
//! | `spelling` | SQL in one spelling |
//! | `succession` | what of a running pipeline's state a newer one can go on with |
//! | `cost` | what a pipeline needs to run |
//! | `codes`, `error` | kinds of problems; why a pipeline was refused |
//!
//! Floor 2: files are read while loading, and never after. No clock, no network.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod alarms;
pub mod codes;
mod cost;
mod document;
mod error;
mod limits;
mod load;
mod meaning;
mod models;
mod names;
mod pipeline;
mod predictions;
mod presence;
mod scores;
mod sets;
mod shape;
mod sources;
mod spelling;
mod sql;
mod succession;

pub use cost::SetCost;
pub use error::PipelineError;
pub use pipeline::{
    Condition, ConditionAlarm, ContextField, Emit, FeatureSet, From, Input, LimitAlarm, OVERDUE_ALARM, Part,
    Pipeline, Predicts, Score, ScoreKind, Source, TechnicalAlarms, TimeRules, Writer, lost_alarm,
};
pub use spelling::SetSql;
pub use succession::{Kin, NoSuccession, Succession};
