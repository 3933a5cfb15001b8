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
//! | `text` | the files, and places in them: in the YAML, and inside of SQL in the YAML |
//! | `node`, `variables` | YAML as a tree with places; variables put in |
//! | `document` | the file's shape, and its JSON Schema |
//! | `shape`, `read` | from the tree to the document |
//! | `sources` | sources, rules of time, maximum ages |
//! | `sets` | feature sets |
//! | `names` | what scores and conditions may read, and where each name's value comes from |
//! | `scores` | scores by SQL and by model |
//! | `models` | finding and loading models |
//! | `meaning` | units that do not fit, thresholds that no value reaches, alarms that never end |
//! | `alarms`, `limits` | conditions, and limits on one vital sign |
//! | `problems`, `nearest`, `sql` | telling what is wrong, where, and what to write instead |
//! | `cost` | what a pipeline needs to run |
//! | `code`, `error`, `report` | kinds of problems; why a pipeline was refused, and how a terminal shows it |
//!
//! Floor 2: files are read while loading, and never after. No clock, no network.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod alarms;
mod code;
mod cost;
mod document;
mod error;
mod limits;
mod load;
mod meaning;
mod models;
mod names;
mod nearest;
mod node;
mod pipeline;
mod problems;
mod read;
mod report;
mod scores;
mod sets;
mod shape;
mod sources;
mod sql;
mod text;
mod variables;

pub use code::Code;
pub use cost::SetCost;
pub use error::{Invalid, PipelineError, Problem};
pub use pipeline::{
    Condition, ConditionAlarm, ContextField, Emit, FeatureSet, From, Input, LimitAlarm, Part, Pipeline,
    Score, ScoreKind, Source, TechnicalAlarms, TimeRules,
};
