//! Remembering what pairs of code and unit mean.

use wardwatch_clinical::VitalSign;
use wardwatch_clinical::units::Conversion;

use crate::reading::Meaning;
use crate::reason::Flaw;

/// Remembers what pairs of code and unit mean, since searching the table of spellings costs as much as decoding a message.
///
/// A fixed number of slots, one pair in each; a pair that falls on a taken slot takes it over.
pub struct Meanings {
    slots: Vec<Option<Remembered>>,
}

struct Remembered {
    code: Box<str>,
    unit: Box<str>,
    meaning: Result<Meaning, Flaw>,
}

// === impl Meanings ===

impl Meanings {
    const SLOTS: usize = 256;
    /// Longer texts are no code or unit of anybody's, so they are not worth a copy.
    const LONGEST: usize = 64;

    /// Remembers nothing yet.
    pub fn new() -> Self {
        Self { slots: Vec::new() }
    }

    /// As [`Meaning::of`].
    ///
    /// # Errors
    /// As [`Meaning::of`].
    #[inline]
    pub fn of(&mut self, code: &str, unit: Option<&str>) -> Result<Meaning, Flaw> {
        let unit = unit.unwrap_or("");
        // The usual case, which costs less than remembering would.
        match VitalSign::from_code(code) {
            Some(vital) if unit == vital.unit() => Ok(Meaning::new(vital, Conversion::Same)),
            _ => self.remember(code, unit),
        }
    }

    fn remember(&mut self, code: &str, unit: &str) -> Result<Meaning, Flaw> {
        if code.len() > Self::LONGEST || unit.len() > Self::LONGEST {
            return Meaning::of(code, Some(unit));
        }
        if self.slots.is_empty() {
            self.slots.resize_with(Self::SLOTS, || None);
        }
        let slot = &mut self.slots[Self::slot_of(code, unit)];
        if let Some(known) = slot
            && *known.code == *code
            && *known.unit == *unit
        {
            return known.meaning;
        }
        let meaning = Meaning::of(code, Some(unit));
        *slot = Some(Remembered {
            code: code.into(),
            unit: unit.into(),
            meaning,
        });
        meaning
    }

    /// FNV-1a over both texts.
    fn slot_of(code: &str, unit: &str) -> usize {
        let hash = code
            .bytes()
            .chain([0])
            .chain(unit.bytes())
            .fold(0x811c_9dc5u32, |hash, byte| {
                (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
            });
        hash as usize % Self::SLOTS
    }
}

impl Default for Meanings {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pairs_on_one_slot_are_not_confused() {
        let mut meanings = Meanings::new();
        for nth in 0..4 * Meanings::SLOTS {
            let unit = format!("unit {nth}");
            assert!(meanings.of("heart_rate", Some(&unit)).is_err(), "{unit}");
            assert!(meanings.of("heart_rate", Some("bpm")).is_ok());
        }
    }

    proptest! {
        #[test]
        fn remembering_changes_nothing(
            pairs in proptest::collection::vec((0usize..6, 0usize..6), 1..200)
        ) {
            let codes = ["heart_rate", "8310-5", "150456", "nonsense", "gcs_total", "MDC_PRESS_CUFF_SYS"];
            let units = [None, Some("bpm"), Some("°F"), Some("%"), Some(""), Some("mmHg")];
            let mut meanings = Meanings::new();
            for (code, unit) in pairs {
                let (code, unit) = (codes[code], units[unit]);
                prop_assert_eq!(meanings.of(code, unit), Meaning::of(code, unit));
            }
        }
    }
}
