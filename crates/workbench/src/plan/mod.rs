//! What an edit of a pipeline does to the ward: what is told otherwise, and what of the state is kept, rebuilt or lost.
//!
//! Two pipelines are compared by what they mean: comments, order and spelling are no change.
//!
//! | file | room |
//! |---|---|
//! | `changes` | what differs, part by part |
//! | `fields` | a part's fields in words |
//! | `words` | the plan for people |

mod changes;
mod fields;
mod words;

use serde::Serialize;
use wardwatch_event_time::Span;
use wardwatch_pipeline::Pipeline;

/// What an edit does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// The pipeline that runs.
    pub old: Identity,
    /// The pipeline that is to run.
    pub new: Identity,
    /// What differs, in the order of the new file; what is removed last.
    pub changes: Vec<Change>,
    /// Why a running engine cannot go over to it: it has to be started anew; none where it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs_restart: Option<String>,
    /// So much of the log is read to fill the windows that change, or, where engines are started anew, all of them; none where
    /// there are none to fill.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reads_back: Option<Span>,
    /// Windows reach back so far now, which is further than before: topics must keep records for so long and a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reaches_further: Option<Span>,
}

/// Which pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// SHA-256 of its text.
    pub sha256: String,
}

/// One part of a pipeline that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Which kind of part.
    pub section: Section,
    /// Its name.
    pub name: String,
    /// How it differs.
    pub kind: Kind,
    /// What differs, old and new: `limit: spo2 < 88 → spo2 < 90`.
    pub details: Vec<String>,
    /// What becomes of its state.
    pub state: State,
    /// Why it needs somebody's eye before it goes live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaking: Option<String>,
}

/// A kind of part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// Name and version.
    Pipeline,
    /// A source.
    Source,
    /// A writer of context.
    Writer,
    /// Rules of time for the whole pipeline.
    Time,
    /// A maximum age.
    MaxAge,
    /// After how long a vital sign is lost.
    LostAfter,
    /// A feature set.
    Features,
    /// A score.
    Score,
    /// An alarm.
    Alarm,
    /// An alarm on equipment and data.
    Technical,
}

/// How a part differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It says something else.
    Changed,
    /// It says the same of something that changes.
    Affected,
}

/// What becomes of a part's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It has none, or none of it is touched.
    Kept,
    /// It is built anew from the log.
    Rebuilt,
    /// It is dropped.
    Lost,
}

// === impl Plan ===

impl Plan {
    /// What differs between two pipelines.
    pub fn between(old: &Pipeline, new: &Pipeline) -> Self {
        changes::plan(old, new)
    }

    /// The changes that need somebody's eye.
    pub fn breaking(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.breaking.is_some())
    }
}
