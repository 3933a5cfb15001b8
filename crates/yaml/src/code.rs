//! Kinds of problems. A code is for ever: people search for it, and tools act on it.

use std::fmt;

/// A kind of problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Code {
    name: &'static str,
    meaning: &'static str,
}

/// Declares codes as constants, and `ALL` of them.
#[macro_export]
macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        $(
            $(#[doc = $doc])+
            pub const $name: $crate::Code = $crate::Code::new($text, concat!($($doc),+));
        )+

        /// All of them, in this order.
        pub const ALL: &[$crate::Code] = &[$($name),+];
    };
}

// === impl Code ===

impl Code {
    /// A code and what it means, in a sentence.
    pub const fn new(name: &'static str, meaning: &'static str) -> Self {
        Self { name, meaning }
    }

    /// As it is shown: `unknown-field`.
    pub fn as_str(self) -> &'static str {
        self.name
    }

    /// What it means, in a sentence.
    pub fn meaning(self) -> &'static str {
        self.meaning.trim()
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
