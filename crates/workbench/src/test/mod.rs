//! Tests of pipelines: `NAME.test.yaml` beside a pipeline.
//!
//! ```text
//!  NAME.test.yaml ──▶ given ──▶ timeline ──▶ Shard::step, a second at a time ──▶ record
//!                 └─▶ expect ──────────────────────────────────────────────────▶ compared
//! ```
//!
//! | file | room |
//! |---|---|
//! | `suite` | a file of tests, read |
//! | `given`, `tables` | what comes, and when: from entries to a timeline |
//! | `timeline` | what comes, in order |
//! | `course` | a timeline through a shard: ticks, restarts, a rebuild |
//! | `expect`, `check` | what should follow, and whether it did |
//! | `verdict` | what became of the tests: for people, for CI |
//!
//! TEST-1: a test depends on its file and its pipeline alone; no clock is read.

mod check;
mod course;
mod expect;
mod given;
mod suite;
mod tables;
mod timeline;
mod verdict;

pub use suite::{SuiteError, run};
pub use verdict::{Coverage, Outcome, Verdict, junit};

/// Kinds of problems of a test file.
pub mod codes {
    wardwatch_yaml::codes! {
        /// A test has the name of an earlier one.
        TEST_NAME_TAKEN = "test-name-taken",
        /// Times of an entry contradict each other.
        BAD_TIMES = "bad-times",
        /// A file of observations cannot be read.
        BAD_INPUT = "bad-input",
        /// An entry says nothing, or two things at once.
        BAD_ENTRY = "bad-entry",
        /// An alarm, a score, a feature or a source is none of the pipeline's.
        NOT_OF_PIPELINE = "not-of-pipeline",
        /// What follows is not what was expected.
        UNEXPECTED = "unexpected",
    }
}
