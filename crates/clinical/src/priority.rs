//! Priorities of alarm conditions, after IEC 60601-1-8.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How soon somebody must respond. High is the greatest.
///
/// IEC 60601-1-8 asks for prompt response at medium and immediate response at high; low asks for awareness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlarmPriority {
    /// Be aware.
    Low,
    /// Respond promptly.
    Medium,
    /// Respond at once.
    High,
}

// === impl AlarmPriority ===

impl AlarmPriority {
    /// Every priority, from low to high.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// Name in JSON and configuration: `low`, `medium`, `high`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// Label for a screen. Always shown beside the colour, never replaced by it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
        }
    }
}

impl fmt::Display for AlarmPriority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn high_is_the_greatest() {
        assert!(AlarmPriority::Low < AlarmPriority::Medium && AlarmPriority::Medium < AlarmPriority::High);
    }

    #[test]
    fn serde_uses_the_name() {
        use serde::de::IntoDeserializer;
        use serde::de::value::{Error, StrDeserializer};

        for priority in AlarmPriority::ALL {
            let name: StrDeserializer<'_, Error> = priority.name().into_deserializer();
            assert_eq!(AlarmPriority::deserialize(name), Ok(priority));
        }
    }
}
