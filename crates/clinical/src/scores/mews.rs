//! MEWS, the modified early warning score (Subbe et al., QJM 2001; 94:521–526).
//!
//! The source leaves two questions open. Wardwatch answers both with the higher points:
//! - A heart rate of 40 (between "<40" and "41–50") earns 2, as in most later tables, which print "≤40".
//! - AVPU knows no confusion. A newly confused patient (C) is not alert and earns 1, like one who needs a
//!   voice.

use super::bands::Bands;
use super::score::{Points, Score};
use crate::acvpu::Acvpu;

const PARAMETERS: [&str; 5] = [
    "systolic_bp",
    "heart_rate",
    "resp_rate",
    "temperature",
    "consciousness",
];

static SYSTOLIC_BP: Bands = Bands::whole(&[(70.0, 3), (80.0, 2), (100.0, 1), (199.0, 0)], 2);
static HEART_RATE: Bands = Bands::whole(&[(40.0, 2), (50.0, 1), (100.0, 0), (110.0, 1), (129.0, 2)], 3);
static RESP_RATE: Bands = Bands::whole(&[(8.0, 2), (14.0, 0), (20.0, 1), (29.0, 2)], 3);
static TEMPERATURE: Bands = Bands::tenths(&[(34.9, 2), (38.4, 0)], 2);
/// Points for an unresponsive patient.
const UNRESPONSIVE: u8 = 3;

/// Inputs of MEWS, in canonical units; `None` is missing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct MewsInput {
    /// Systolic blood pressure, mm\[Hg\].
    pub systolic_bp: Option<f64>,
    /// Heart rate, /min.
    pub heart_rate: Option<f64>,
    /// Respiratory rate, /min.
    pub resp_rate: Option<f64>,
    /// Temperature, Cel.
    pub temperature: Option<f64>,
    /// Level of consciousness.
    pub consciousness: Option<Acvpu>,
}

/// MEWS, 0–14. Parameters: `systolic_bp`, `heart_rate`, `resp_rate`, `temperature`, `consciousness`.
pub fn mews(input: &MewsInput) -> Score<5> {
    let points = [
        SYSTOLIC_BP.points(input.systolic_bp),
        HEART_RATE.points(input.heart_rate),
        RESP_RATE.points(input.resp_rate),
        TEMPERATURE.points(input.temperature),
        match input.consciousness {
            Some(Acvpu::Alert) => Points::known(0),
            Some(Acvpu::Confusion | Acvpu::Voice) => Points::known(1),
            Some(Acvpu::Pain) => Points::known(2),
            Some(Acvpu::Unresponsive) => Points::known(UNRESPONSIVE),
            None => Points::missing(0, UNRESPONSIVE),
        },
    ];
    Score::new(&PARAMETERS, points)
}
