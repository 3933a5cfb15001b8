//! What a sender's status says about a value.
//!
//! FHIR calls `Observation.status` a modifier: a receiver that does not know the word must not use the value. So there
//! are words that count, words that say the value does not, and everything else is refused too.
//! Words of FHIR R4 to R6 (`ObservationStatus`) and letters of HL7 v2 table 0085 (OBX-11).

use crate::reason::{Flaw, Reason};

/// Statuses with which a value counts.
pub(crate) const COUNTS: [&str; 17] = [
    "final",
    "preliminary",
    "amended",
    "corrected",
    "appended",
    "registered",
    "specimen-in-process",
    "unknown",
    // HL7; "R" (not verified) is what monitors send.
    "F",
    "C",
    "P",
    "R",
    "S",
    "U",
    "V",
    "A",
    "B",
];

/// Statuses that take a value back or say that there is none. HL7: deleted, pending, not asked, order only, wrong, no
/// result.
const TAKEN_BACK: [&str; 9] = [
    "entered-in-error",
    "cancelled",
    "cannot-be-obtained",
    "D",
    "I",
    "N",
    "O",
    "W",
    "X",
];

/// Lets a sender's status pass.
///
/// # Errors
/// The value does not count, or the word is unknown.
pub fn check_status(status: &str) -> Result<(), Flaw> {
    if COUNTS.contains(&status) {
        Ok(())
    } else if TAKEN_BACK.contains(&status) {
        Err(Flaw::new(
            Reason::Status,
            "the sender says that the value does not count",
        ))
    } else {
        Err(Flaw::new(Reason::Status, "unknown status"))
    }
}
