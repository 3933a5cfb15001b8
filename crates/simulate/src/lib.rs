//! Patients for demos, tests and benchmarks: real charting and a simulated ward, as messages in arrival order.
//!
//! | file | room |
//! |---|---|
//! | `message` | a message on its way to a topic: when it arrives, its key, its bytes |
//! | `charting` | the real charting of 100 intensive-care stays (MIMIC-III demo), moved into today's ward |
//! | `ward` | a *simulated* ward at 1 Hz: noise, artefacts, faulty devices, deteriorations on a fixed schedule |
//! | `shuffle` | disorder on demand: late, repeated and cut into batches |
//! | `replay_clock` | simulated time from elapsed time, at a chosen speed |
//! | `rng`, `json`, `error` | seeded numbers, canonical JSON, what can fail |
//!
//! Development only: nothing on the path of a patient depends on it. It knows no Kafka and reads no clock. Everything is a
//! function of its arguments: the same seed and start give the same bytes, on every machine and in every version, so only
//! arithmetic that IEEE 754 defines to the last bit is used.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod charting;
mod error;
mod json;
mod message;
mod replay_clock;
mod rng;
mod shuffle;
mod ward;

pub use charting::{Charting, Rebase};
pub use error::SimulateError;
pub use message::{Message, Topic};
pub use replay_clock::ReplayClock;
pub use rng::Rng;
pub use shuffle::{cut, delay, repeat, shuffle_within};
pub use ward::Ward;
