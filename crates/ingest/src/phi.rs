//! Protected health information that must not slip into a log.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A value that identifies a person: a name, a record number.
///
/// `Debug` shows only that there is one, and there is no `Display`: who wants the value says [`Phi::expose`]. Serde is
/// transparent, since the value has to travel to the topic and to the nurse's screen.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Phi<T>(T);

// === impl Phi ===

impl<T> Phi<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value. Whoever calls this answers for where it goes.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// Unwraps the value.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Phi<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phi(…)")
    }
}
