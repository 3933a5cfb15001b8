//! YAML that knows where everything stands, so that all problems are told, each at its place.
//!
//! ```text
//!  texts ──▶ parts (trees) ──▶ Fields, Leaf ──▶ typed values
//!                  └──────── Problems ────────▶ Invalid: for a terminal, a log, a program
//! ```
//!
//! | file | room |
//! |---|---|
//! | `text` | files, and places in them: in the YAML, and inside of SQL in the YAML |
//! | `parts` | from texts to trees, variables filled in |
//! | `node`, `variables` | YAML as a tree with places; variables |
//! | `read` | from trees to typed values |
//! | `problems`, `nearest` | gathering problems; "did you mean …?" |
//! | `code`, `codes` | kinds of problems |
//! | `invalid`, `report` | problems for people and for programs |
//!
//! Floor 1. Reads no file and no environment; variables are given.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod code;
pub mod codes;
mod invalid;
mod nearest;
mod node;
mod parts;
mod problems;
mod read;
mod report;
mod text;
mod variables;

pub use code::Code;
pub use invalid::{Invalid, Problem, Warnings};
pub use nearest::nearest;
pub use node::{Kind, Node};
pub use parts::parts;
pub use problems::{Note, Place, Problems, with_causes};
pub use read::{Fields, Leaf, map, one_of, word};
pub use text::{At, FileText, Spot, Texts};
pub use variables::Lookup;
