//! What sensors do when they do not measure: fall off, read nothing, jump.
//!
//! The values are those of real wires: −1 and 8388607 stand for "no measurement", and a lead that is touched counts too many
//! beats. A decoder has to refuse the first two; the third is only implausible to a person.

use crate::Rng;

/// One disturbance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Artefact {
    /// The finger probe is off: SpO2 and pulse read −1.
    ProbeOff,
    /// The finger probe is off: SpO2 and pulse are left out of the message.
    ProbeSilent,
    /// The ECG leads are off: heart rate and breathing read 8388607.
    LeadsOff,
    /// Heart rate reads 290.
    Spike,
}

/// Which disturbances a bed has.
#[derive(Clone, Debug)]
pub(crate) enum Artefacts {
    /// None, so that a schedule is kept to the second.
    Never,
    /// SIM-09: at fixed times.
    Scheduled,
    /// At random, about one in 40 min, lasting up to 40 s.
    Random {
        /// The one in progress, and the second that ends it.
        now: Option<(Artefact, u32)>,
    },
}

const EVERY_SECONDS: u64 = 2_400;

// === impl Artefacts ===

impl Artefacts {
    /// The disturbance of a second, if any.
    pub(crate) fn at(&mut self, rng: &mut Rng, second: u32) -> Option<Artefact> {
        match self {
            Self::Never => None,
            Self::Scheduled => match second % 600 {
                40..60 => Some(Artefact::ProbeOff),
                100 => Some(Artefact::Spike),
                _ => None,
            },
            Self::Random { now } => {
                if now.is_none_or(|(_, until)| second >= until) {
                    *now = (rng.below(EVERY_SECONDS) == 0).then(|| begin(rng, second));
                }
                now.map(|(artefact, _)| artefact)
            }
        }
    }
}

/// A new disturbance and the second that ends it.
fn begin(rng: &mut Rng, second: u32) -> (Artefact, u32) {
    let seconds = 5 + rng.below(36) as u32;
    match rng.below(4) {
        0 => (Artefact::ProbeOff, second + seconds),
        1 => (Artefact::ProbeSilent, second + seconds),
        2 => (Artefact::LeadsOff, second + seconds),
        _ => (Artefact::Spike, second + 1),
    }
}
