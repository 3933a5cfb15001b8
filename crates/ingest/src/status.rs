//! What a sender's status makes of a reading.
//!
//! FHIR calls `Observation.status` a modifier: a receiver that does not know the word must not use the value. So there
//! are words with which a value counts, words that correct or withdraw an earlier one, words that say that nothing was
//! measured, and everything else is rejected.
//! Words of FHIR R4 to R6 (`ObservationStatus`) and letters of HL7 v2 table 0085 (OBX-11).

use crate::reason::{Flaw, Reason};

/// What a reading does. Of several statuses the greatest holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum Kind {
    /// It is a value that was measured.
    #[default]
    Measured = 0,
    /// It replaces every reading of its patient, source, device, vital sign and time.
    Corrected = 1,
    /// Its device says that it measured nothing.
    Absent = 2,
    /// It withdraws every reading of its patient, source, device, vital sign and time.
    Withdrawn = 3,
}

/// Statuses with which a value counts.
pub(crate) const COUNTS: [&str; 13] = [
    "final",
    "preliminary",
    "appended",
    "registered",
    "specimen-in-process",
    "unknown",
    // HL7; "R" (not verified) is what monitors send.
    "F",
    "P",
    "R",
    "S",
    "U",
    "V",
    "B",
];

/// Statuses with which a value replaces an earlier one. HL7: correction, amended.
pub(crate) const CORRECTS: [&str; 4] = ["corrected", "amended", "C", "A"];

/// Statuses that withdraw an earlier value. HL7: deleted, wrong (as for another patient).
pub(crate) const WITHDRAWS: [&str; 3] = ["entered-in-error", "D", "W"];

/// Statuses that say that nothing was measured. HL7: no result, not asked.
pub(crate) const ABSENT: [&str; 4] = ["cancelled", "cannot-be-obtained", "X", "N"];

/// Statuses of readings that say nothing yet. HL7: pending, order only.
const NO_RESULT: [&str; 2] = ["I", "O"];

/// What a sender's status makes of a reading.
///
/// # Errors
/// It says nothing yet, or the word is unknown.
#[inline]
pub fn read_status(status: &str) -> Result<Kind, Flaw> {
    if COUNTS.contains(&status) {
        Ok(Kind::Measured)
    } else if CORRECTS.contains(&status) {
        Ok(Kind::Corrected)
    } else if WITHDRAWS.contains(&status) {
        Ok(Kind::Withdrawn)
    } else if ABSENT.contains(&status) {
        Ok(Kind::Absent)
    } else if NO_RESULT.contains(&status) {
        Err(Flaw::new(Reason::Status, "the sender has no result yet"))
    } else {
        Err(Flaw::new(Reason::Status, "unknown status"))
    }
}

// === impl Kind ===

impl Kind {
    /// The kind of this number; none beyond the last.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Measured),
            1 => Some(Self::Corrected),
            2 => Some(Self::Absent),
            3 => Some(Self::Withdrawn),
            _ => None,
        }
    }

    /// A status that means it, for a record that is written again.
    pub const fn status(self) -> &'static str {
        match self {
            Self::Measured => "final",
            Self::Corrected => "corrected",
            Self::Absent => "cannot-be-obtained",
            Self::Withdrawn => "entered-in-error",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_statuses_round_trip() {
        for number in 0..4 {
            let kind = Kind::from_number(number).unwrap();
            assert_eq!(kind as u8, number);
            assert_eq!(read_status(kind.status()), Ok(kind));
        }
        assert_eq!(Kind::from_number(4), None);
        for status in ["I", "O", "Final", "", "withdrawn"] {
            assert_eq!(
                read_status(status).unwrap_err().reason,
                Reason::Status,
                "{status}"
            );
        }
    }
}
