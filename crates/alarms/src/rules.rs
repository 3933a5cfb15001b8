//! What an alarm's definition says of its timing, and how a value stands to it.

use wardwatch_event_time::{Span, Timestamp};

/// What an alarm's definition says of its timing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How long a violation must last.
    pub hold_for: Span,
    /// How long a judgement stays valid when no other follows.
    pub max_age: Span,
    /// After how long an active condition is told of again.
    pub repeat_after: Option<Span>,
    /// What a violation of the worse limit needs to be believed.
    pub confirm: Confirm,
    /// How long a judgement that decides keeps an active condition known.
    pub known: Known,
}

/// How long a judgement that decides keeps an active condition known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Without end.
    Always,
    /// Until the value is so old, by its own time.
    WhileValueIs(Span),
    /// For so long after the judgement, in log time: what it was made of has been fresh then.
    AfterJudgement(Span),
}

/// What a violation of the worse limit needs to be believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Confirm {
    /// One judgement is enough.
    #[default]
    Never,
    /// It must last so long: in event time by a later judgement, or in log time when nothing follows.
    For(Span),
    /// So many judgements in a row, of different times.
    Times(u32),
}

/// How a value stands to an alarm's thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Judgement {
    /// No statement can be made: a score that is partial, a model that cannot speak.
    Unknown,
    /// Within the thresholds that end a condition.
    Clear,
    /// Neither violating nor clear: between the two thresholds of a hysteresis.
    Between,
    /// Violating.
    Violating,
    /// Violating the worse limit that bypasses the delay.
    AtOnce,
}

// === impl Known ===

impl Known {
    /// Since when a judgement of data from `event_time`, made at log time `now`, counts.
    pub(crate) fn since(self, event_time: Timestamp, now: Timestamp) -> Timestamp {
        match self {
            Self::Always | Self::WhileValueIs(_) => event_time,
            Self::AfterJudgement(_) => now,
        }
    }

    /// Whether what has been known since then no longer counts at log time `now`.
    pub(crate) fn is_over(self, since: Timestamp, now: Timestamp) -> bool {
        self.ends(since).is_some_and(|ends| ends <= now)
    }

    /// When a condition that has been known since then is unknown. A value may be as old as its maximum age; just after that it
    /// is too old.
    pub(crate) fn ends(self, since: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Always => None,
            Self::WhileValueIs(span) | Self::AfterJudgement(span) => {
                Some(since + span + Span::from_micros(1))
            }
        }
    }
}

// === impl Judgement ===

impl Judgement {
    /// The judgement of this number; none beyond the last.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Unknown),
            1 => Some(Self::Clear),
            2 => Some(Self::Between),
            3 => Some(Self::Violating),
            4 => Some(Self::AtOnce),
            _ => None,
        }
    }
}
