//! Back-tests: what a pipeline would have told over recorded data, and how right it would have been.
//!
//! | file | room |
//! |---|---|
//! | `run` | recorded data through the live shard, the patients spread over threads |
//! | `outcomes` | what became of the patients |
//! | `metrics` | ranks, calibration, resampling |
//! | `report` | the figures of a back-test |
//! | `alarms`, `scores` | of each alarm; of each score |
//!
//! BACK-1: a second run gives the same report, to the last byte, on however many threads.

mod alarms;
mod metrics;
mod outcomes;
mod report;
mod run;
mod scores;

pub use alarms::{AlarmFigures, Overlap};
pub use metrics::{Bin, Interval};
pub use outcomes::{Fate, OutcomesError, read as read_outcomes};
pub use report::{Options, Report};
pub use run::{Course, Courses, RunError, Told, run};
pub use scores::{AtRate, Group, ScoreFigures};
