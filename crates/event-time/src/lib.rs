//! Time as Wardwatch means it: instants and spans in UTC microseconds, panes, patient clocks.
//!
//! | file | room |
//! |---|---|
//! | `timestamp` | an instant: RFC 3339 in and out |
//! | `span` | a length of time: `5m`, `1h30m` |
//! | `pane` | the grid that slices a patient's stream, and the tiers above it |
//! | `clock` | one device's clock for one patient: late, future, wrong, effective time |
//!
//! Floor 0: pure. Nothing here reads a clock; the time is always an argument.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod clock;
mod pane;
mod span;
mod timestamp;

pub use clock::{Admission, Admitted, Clock, ClockRules, DeviceClock, Standing};
pub use pane::{PaneGrid, Piece, Trailing, TrailingError};
pub use span::{Span, SpanError};
pub use timestamp::{Timestamp, TimestampError};
