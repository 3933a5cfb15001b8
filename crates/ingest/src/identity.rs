//! Texts that say who and what: patient ids, devices, sources, places.
//!
//! They are bounded and free of control characters, since they become map keys, keys of records and words on a screen.

use crate::reason::{Flaw, Reason};

/// Longest patient id, in bytes.
const LONGEST_PATIENT_ID: usize = 64;
/// Longest device id, source, name or place, in bytes.
const LONGEST_LABEL: usize = 128;

/// Lets a patient id pass: 1 to 64 bytes without control characters.
///
/// # Errors
/// [`Reason::BadPatientId`].
#[inline]
pub fn check_patient_id(id: &str) -> Result<(), Flaw> {
    let fits = !id.is_empty() && id.len() <= LONGEST_PATIENT_ID && is_plain(id);
    fits.then_some(()).ok_or(Flaw::new(Reason::BadPatientId, ""))
}

/// Lets the name of a device or a source pass: at most 128 bytes without control characters. An empty one is an absent
/// one. `field` says which it is.
///
/// # Errors
/// [`Reason::BadOrigin`].
#[inline]
pub fn check_origin<'t>(text: &'t str, field: &'static str) -> Result<Option<&'t str>, Flaw> {
    if is_label(text) {
        Ok(Some(text).filter(|text| !text.is_empty()))
    } else {
        Err(Flaw::new(Reason::BadOrigin, field))
    }
}

/// Whether this may be a device, a source, a name or a place.
#[inline]
pub(crate) fn is_label(text: &str) -> bool {
    text.len() <= LONGEST_LABEL && is_plain(text)
}

/// Whether a text holds no control characters.
#[inline]
fn is_plain(text: &str) -> bool {
    // The usual text is printable ASCII. Looking at every byte, without stopping at the first that is not, is quicker: the
    // compiler takes sixteen at a time.
    let is_printable = |all, byte| all & (0x20..0x7f).contains(&byte);
    text.bytes().fold(true, is_printable) || !text.chars().any(char::is_control)
}
