//! What comes in a test, in the order in which it arrives.

use std::collections::BTreeSet;

use wardwatch_event_time::{Span, Timestamp};
use wardwatch_ingest::{ContextRecord, Observations};

/// Everything that comes, in the order in which it arrives.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    pub events: Vec<Event>,
    /// Log time goes on until then, whatever comes.
    pub until: Span,
    /// Of whom something comes.
    pub patients: BTreeSet<String>,
}

/// Something that comes.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub at: Timestamp,
    pub what: What,
}

/// What comes.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// A record of a source, as it stands on the topic.
    Message {
        topic: u16,
        payload: Vec<u8>,
        of: Origin,
    },
    /// Messages of a file.
    Decoded(Observations),
    /// A record of context, of one of the pipeline's writers.
    Context { writer: u16, record: ContextRecord },
    /// Somebody accepts an alarm that is active.
    Accept {
        patient: String,
        alarm: String,
        by: String,
    },
    /// The engine stops, and goes on with what it has stored.
    Restart,
    /// The shard goes to an engine that has nothing stored.
    Rebalance,
}

/// Whose message it is, for silences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub patient: String,
    pub source: u16,
}

/// When nothing comes from a source.
pub(super) struct Silence {
    pub source: u16,
    /// None: of everybody.
    pub patient: Option<String>,
    pub from: Timestamp,
    pub until: Timestamp,
}

// === impl Event ===

impl Event {
    /// Whose messages of a file they are.
    pub fn patient(&self) -> Option<String> {
        match &self.what {
            What::Decoded(observations) => Some(observations.messages().get(0).patient_id.to_owned()),
            _ => None,
        }
    }
}

// === impl Silence ===

impl Silence {
    /// Whether an event would come within it.
    pub fn hides(&self, event: &Event) -> bool {
        let What::Message { of, .. } = &event.what else {
            return false;
        };
        of.source == self.source
            && self.patient.as_ref().is_none_or(|patient| *patient == of.patient)
            && (self.from..self.until).contains(&event.at)
    }
}
