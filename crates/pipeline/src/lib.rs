//! The pipeline file: YAML with SQL inside, read, checked and planned.
//!
//! ```text
//!  text ──serde──▶ Document ──▶ sources ──▶ sets ──▶ names ──▶ scores ──▶ alarms ──▶ Pipeline
//!                 (its shape)       problems of all of them are told together
//! ```
//!
//! | file | room |
//! |---|---|
//! | `pipeline` | what comes out: everything resolved, nothing left to check |
//! | `document` | the file's shape, and its JSON Schema |
//! | `load` | from a path or a text to a pipeline |
//! | `sources` | sources, rules of time, maximum ages |
//! | `sets` | feature sets |
//! | `names` | what scores and conditions may read, and where each name's value comes from |
//! | `scores` | scores by SQL and by model |
//! | `models` | finding and loading models |
//! | `alarms`, `limits` | conditions, and limits on one vital sign |
//! | `problems`, `nearest`, `sql_error`, `shape` | telling what is wrong, where, and what to write instead |
//! | `error` | why a pipeline was refused |
//!
//! Floor 2: files are read while loading, and never after. No clock, no network.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod alarms;
mod document;
mod error;
mod limits;
mod load;
mod models;
mod names;
mod nearest;
mod pipeline;
mod problems;
mod scores;
mod sets;
mod shape;
mod sources;
mod sql_error;

pub use error::{PipelineError, Problem};
pub use pipeline::{
    Condition, ConditionAlarm, ContextField, Emit, FeatureSet, From, Input, LimitAlarm, Part, Pipeline,
    Score, ScoreKind, Source, TechnicalAlarms, TimeRules,
};
