//! Early-warning scores.
//!
//! Vocabulary: a *parameter* is one input of a score; it earns *points* by the *band* that its value falls
//! into. A score is *partial* while a parameter is missing: it then has no total, but the lowest and the
//! highest total that the missing values could still make.
//!
//! | Score | Parameters | Total |
//! |---|---|---|
//! | [`news2`] | respiratory rate, SpO2, oxygen, systolic, pulse, consciousness, temperature | 0–20 |
//! | [`mews`] | systolic pressure, heart rate, respiratory rate, temperature, consciousness | 0–14 |
//! | [`qsofa`] | respiratory rate, systolic pressure, Glasgow Coma Scale | 0–3 |
//! | [`sirs`] | temperature, heart rate, respiratory rate, white cells | 0–4 |
//! | [`shock_index`] | heart rate, systolic pressure | a ratio |
//!
//! Invariants, for every score and input (tested against brute force):
//! - SCORE-1: nothing is imputed. NaN and infinities are missing; the caller decides how old is too old.
//! - SCORE-2: some completion of the missing values reaches `lowest`, some `highest`, and none goes beyond.
//! - SCORE-3: values are banded at the chart's precision (see `bands`), so no value falls between two bands.

mod bands;
mod mews;
mod news2;
mod qsofa;
mod score;
mod shock_index;
mod sirs;

pub use mews::{MewsInput, mews};
pub use news2::{News2Exclusion, News2Input, News2Response, Spo2Scale, news2};
pub use qsofa::{QsofaInput, qsofa};
pub use score::Score;
pub use shock_index::shock_index;
pub use sirs::{SirsInput, sirs};
