//! SIRS, the systemic inflammatory response syndrome (ACCP/SCCM consensus; Bone et al., Chest 1992;
//! 101:1644–1655).
//!
//! Of the consensus' alternatives (PaCO2 beside respiratory rate, band forms beside white cells) only the
//! first are scored: a complete SIRS here can be lower than one with blood gases and a differential count,
//! never higher.

use super::bands::Bands;
use super::score::Score;

const PARAMETERS: [&str; 4] = ["temperature", "heart_rate", "resp_rate", "wbc"];

/// Below 36.0 or above 38.0.
static TEMPERATURE: Bands = Bands::tenths(&[(35.9, 1), (38.0, 0)], 1);
/// Above 90.
static HEART_RATE: Bands = Bands::whole(&[(90.0, 0)], 1);
/// Above 20.
static RESP_RATE: Bands = Bands::whole(&[(20.0, 0)], 1);
/// Below 4.0 or above 12.0.
static WBC: Bands = Bands::tenths(&[(3.9, 1), (12.0, 0)], 1);

/// Inputs of SIRS, in canonical units; `None` is missing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SirsInput {
    /// Temperature, Cel.
    pub temperature: Option<f64>,
    /// Heart rate, /min.
    pub heart_rate: Option<f64>,
    /// Respiratory rate, /min.
    pub resp_rate: Option<f64>,
    /// White blood cells, 10*9/L. A laboratory value, so mostly missing at the bedside: the score stays
    /// partial.
    pub wbc: Option<f64>,
}

/// SIRS criteria met, 0–4. Parameters: `temperature`, `heart_rate`, `resp_rate`, `wbc`.
pub fn sirs(input: &SirsInput) -> Score<4> {
    let points = [
        TEMPERATURE.points(input.temperature),
        HEART_RATE.points(input.heart_rate),
        RESP_RATE.points(input.resp_rate),
        WBC.points(input.wbc),
    ];
    Score::new(&PARAMETERS, points)
}
