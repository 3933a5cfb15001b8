//! Back-tests: what a pipeline would have told over recorded data, and how right it would have been.
//!
//! | file | room |
//! |---|---|
//! | `run` | recorded data through the live shard, the patients spread over threads |
//! | `traces` | series in little room, to be drawn |
//! | `outcomes` | what became of the patients |
//! | `metrics` | ranks, calibration, resampling |
//! | `report` | the figures of a back-test |
//! | `alarms`, `scores`, `data` | of each alarm; of each score; of the data |
//! | `compare` | two pipelines over the same data |
//! | `page` | the report as one HTML file; what runs in it is in `page/` |
//!
//! BACK-1: a second run gives the same report, to the last byte, on however many threads.

mod alarms;
mod compare;
mod data;
mod metrics;
mod outcomes;
mod page;
mod report;
mod run;
mod scores;
mod traces;

pub use alarms::{AlarmFigures, Overlap};
pub use compare::{Comparison, Difference};
pub use data::{DataFigures, VitalSignFigures};
pub use metrics::{Bin, Interval};
pub use outcomes::{Fate, OutcomesError, read as read_outcomes};
pub use page::Page;
pub use report::{AlarmGroup, Options, Report};
pub use run::{Course, Courses, RunError, Told, run};
pub use scores::{AtRate, Group, ScoreFigures};
