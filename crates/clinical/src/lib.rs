//! Vital signs, units, codes, early-warning scores and alarm priorities.
//!
//! | Module | Holds |
//! |---|---|
//! | [`registry`] | one table: name, label, unit, plausible range, codes, maximum age of each [`VitalSign`] |
//! | [`units`] | to the canonical unit; plausibility; "no measurement" |
//! | `codes` | from a code on the wire to its vital sign ([`VitalSign::from_code`]) |
//! | [`scores`] | NEWS2, MEWS, qSOFA, SIRS, shock index; complete or partial |
//! | [`numbers`] | numbers as senders meant them; how numbers are compared |
//! | `lookup` | hash tables built at compile time, for codes and units |
//! | `acvpu`, `priority` | level of consciousness; alarm priorities |
//!
//! Architecture invariant: everything is a pure function of its arguments. No I/O, no clock, no allocation.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod acvpu;
mod codes;
mod lookup;
pub mod numbers;
mod priority;
pub mod registry;
pub mod scores;
pub mod units;
mod vital_sign;

pub use acvpu::Acvpu;
pub use priority::AlarmPriority;
pub use registry::{MdcCode, VitalInfo};
pub use units::{Implausible, UnitError};
pub use vital_sign::VitalSign;
