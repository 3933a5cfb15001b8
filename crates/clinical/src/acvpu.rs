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

/// What each level is called, in lower case.
const WORDS: [(Acvpu, &[&str]); 5] = [
    (Acvpu::Alert, &["a", "alert", "mentally alert"]),
    (
        Acvpu::Confusion,
        &[
            "c",
            "confused",
            "confusion",
            "new confusion",
            "newly confused",
            "new onset confusion",
            "acute confusion",
        ],
    ),
    (
        Acvpu::Voice,
        &["v", "voice", "verbal", "responds to voice", "responsive to voice"],
    ),
    (
        Acvpu::Pain,
        &["p", "pain", "painful", "responds to pain", "responsive to pain"],
    ),
    (Acvpu::Unresponsive, &["u", "unresponsive"]),
];

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

    /// The level of a letter or a word as charts, FHIR and NEMSIS write it (`V`, `voice`, `Responds to voice`), in any
    /// case, with spaces, hyphens or underscores between words.
    pub fn from_text(text: &str) -> Option<Self> {
        let fold = |byte: u8| match byte {
            b'-' | b'_' => b' ',
            byte => byte.to_ascii_lowercase(),
        };
        let words = WORDS.iter().find(|(_, words)| {
            words
                .iter()
                .any(|word| text.trim().bytes().map(fold).eq(word.bytes()))
        });
        words.map(|(level, _)| *level)
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
    fn words_are_read_in_any_case() {
        use Acvpu::{Alert, Confusion, Pain, Unresponsive, Voice};
        for (text, level) in [
            ("alert", Alert),
            ("ALERT", Alert),
            (" Alert ", Alert),
            ("a", Alert),
            ("Confused", Confusion),
            ("confusion", Confusion),
            ("New Confusion", Confusion),
            ("new-confusion", Confusion),
            ("NEW_CONFUSION", Confusion),
            ("Voice", Voice),
            ("verbal", Voice),
            ("Responds to voice", Voice),
            ("Pain", Pain),
            ("Painful", Pain),
            ("p", Pain),
            ("Unresponsive", Unresponsive),
        ] {
            assert_eq!(Acvpu::from_text(text), Some(level), "{text}");
        }
        for text in [
            "",
            " ",
            "X",
            "AV",
            "alertness",
            "not alert",
            "unconfused",
            "5",
            "ä",
        ] {
            assert_eq!(Acvpu::from_text(text), None, "{text}");
        }
    }

    #[test]
    fn letters_and_levels_round_trip() {
        for (level, letter) in "ACVPU".chars().enumerate() {
            let acvpu = Acvpu::from_text(&letter.to_string()).unwrap();
            assert_eq!(usize::from(acvpu.level()), level);
            assert_eq!(Acvpu::from_level(level as f64), Some(acvpu));
            assert_eq!(acvpu.to_string(), letter.to_string());
        }
        for value in [-1.0, 0.5, 5.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Acvpu::from_level(value), None);
        }
    }
}
