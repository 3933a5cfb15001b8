//! Back-tests: what a pipeline would have told over recorded data, and how right it would have been.
//!
//! | file | room |
//! |---|---|
//! | `run` | recorded data through the live shard, the patients spread over threads |
//! | `traces` | series in little room, to be drawn |
//! | `outcomes` | what became of the patients |
//! | `questions` | what each score and alarm is judged by, and what became of a prediction |
//! | `rankings` | which values of a score are held against an outcome, and who falls out |
//! | `metrics`, `calibration` | areas under curves, ratios, lines; resampling of patients |
//! | `report` | the figures of a back-test |
//! | `alarms`, `scores`, `data` | of each alarm; of each score; of the data |
//! | `thresholds`, `beside` | a score as an alarm; a model beside other scores |
//! | `compare` | two pipelines over the same data |
//! | `page` | the report as one HTML file; what runs in it is in `page/` |
//!
//! BACK-1: a second run gives the same report, to the last byte, on however many threads.
//! BACK-2: what a figure counts and what fell out of it add up to all there is.
//! BACK-3: a replay and a back-test of the same files decide the same windows.

mod alarms;
mod beside;
mod calibration;
mod compare;
mod data;
#[cfg(test)]
mod golden;
mod metrics;
mod outcomes;
mod page;
mod questions;
mod rankings;
mod report;
mod run;
mod scores;
mod thresholds;
mod traces;

pub use alarms::{AlarmFigures, Overlap};
pub use beside::Beside;
pub use calibration::{Bin, Calibration};
pub use compare::{Comparison, Difference};
pub use data::{DataFigures, VitalSignFigures};
pub use metrics::Interval;
pub use outcomes::{Fate, Outcome, Outcomes, OutcomesError, UNNAMED, read as read_outcomes};
pub use page::Page;
pub use rankings::Denominator;
pub use report::{AlarmGroup, KindFigures, Options, Report};
pub use run::{Course, Courses, RunError, Scored, Scores, Told, run};
pub use scores::{Group, RankingFigures, ScoreFigures};
pub use thresholds::{AtRate, Flagged};
