//! Level of consciousness on the ACVPU scale (Royal College of Physicians, NEWS2, 2017).

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a patient responds. Worse is greater. Written as its letter.
///
/// As an observation of [`VitalSign::Consciousness`](crate::VitalSign::Consciousness) it is its
/// [`level`](Self::level).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Acvpu {
    /// Awake and aware.
    #[serde(rename = "A")]
    Alert = 0,
    /// Newly confused.
    #[serde(rename = "C")]
    Confusion = 1,
    /// Responds to voice only.
    #[serde(rename = "V")]
    Voice = 2,
    /// Responds to pain only.
    #[serde(rename = "P")]
    Pain = 3,
    /// Does not respond.
    #[serde(rename = "U")]
    Unresponsive = 4,
}

// === impl Acvpu ===

impl Acvpu {
    /// Every level, from best to worst.
    pub const ALL: [Self; 5] = [
        Self::Alert,
        Self::Confusion,
        Self::Voice,
        Self::Pain,
        Self::Unresponsive,
    ];

    /// The letter in charts: A, C, V, P or U.
    pub const fn letter(self) -> char {
        match self {
            Self::Alert => 'A',
            Self::Confusion => 'C',
            Self::Voice => 'V',
            Self::Pain => 'P',
            Self::Unresponsive => 'U',
        }
    }

    /// The level of a capital letter, or `None`.
    pub fn from_letter(letter: char) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.letter() == letter)
    }

    /// The value of the observation: 0 for A to 4 for U.
    pub const fn level(self) -> u8 {
        self as u8
    }

    /// The level of an observation's value; `None` unless it is exactly 0, 1, 2, 3 or 4.
    pub fn from_level(value: f64) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|level| f64::from(level.level()) == value)
    }
}

impl fmt::Display for Acvpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.letter(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_levels_round_trip() {
        for (level, letter) in "ACVPU".chars().enumerate() {
            let acvpu = Acvpu::from_letter(letter).unwrap();
            assert_eq!(usize::from(acvpu.level()), level);
            assert_eq!(Acvpu::from_level(level as f64), Some(acvpu));
            assert_eq!(acvpu.to_string(), letter.to_string());
        }
        for letter in ['a', 'X', ' '] {
            assert_eq!(Acvpu::from_letter(letter), None);
        }
        for value in [-1.0, 0.5, 5.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Acvpu::from_level(value), None);
        }
    }
}
