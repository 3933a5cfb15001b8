//! What a bed's monitor does to its messages on their way.

use wardwatch_event_time::{Span, Timestamp};

use crate::Rng;

/// A monitor's habit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Device {
    /// Right time, delivered at once, once.
    Sound,
    /// SIM-16: its clock runs 10 min fast.
    FastClock,
    /// SIM-18: sends nothing from 90 s on.
    FallsSilent,
    /// SIM-20: delivers each message 30 to 90 s late.
    UploadsLate,
    /// SIM-22: delivers each message twice.
    Repeats,
}

/// How one message travels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivery {
    /// What the device's clock says.
    pub(crate) ts: Timestamp,
    /// When the message reaches the broker.
    pub(crate) arrives: Timestamp,
    /// When it does so again.
    pub(crate) again: Option<Timestamp>,
}

// === impl Device ===

impl Device {
    /// How a message of something measured at `measured`, at a second of the ward, travels; `None` if it is not sent.
    pub(crate) fn deliver(self, rng: &mut Rng, measured: Timestamp, second: u32) -> Option<Delivery> {
        let sound = Delivery {
            ts: measured,
            arrives: measured + Span::from_millis(10 + rng.below(81) as i64),
            again: None,
        };
        match self {
            Self::Sound => Some(sound),
            Self::FastClock => Some(Delivery {
                ts: measured + Span::from_secs(600),
                ..sound
            }),
            Self::FallsSilent => (second < 90).then_some(sound),
            Self::UploadsLate => Some(Delivery {
                arrives: measured + Span::from_millis(30_000 + rng.below(60_001) as i64),
                ..sound
            }),
            Self::Repeats => Some(Delivery {
                again: Some(sound.arrives + Span::from_millis(150)),
                ..sound
            }),
        }
    }
}
