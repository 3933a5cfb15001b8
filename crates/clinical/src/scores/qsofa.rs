//! qSOFA, the quick sepsis-related organ failure assessment (Singer et al., JAMA 2016; 315:801–810).

use super::bands::Bands;
use super::score::Score;

const PARAMETERS: [&str; 3] = ["resp_rate", "systolic_bp", "gcs_total"];

/// At least 22.
static RESP_RATE: Bands = Bands::whole(&[(21.0, 0)], 1);
/// At most 100.
static SYSTOLIC_BP: Bands = Bands::whole(&[(100.0, 1)], 0);
/// Below 15.
static GCS_TOTAL: Bands = Bands::whole(&[(14.0, 1)], 0);

/// Inputs of qSOFA, in canonical units; `None` is missing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct QsofaInput {
    /// Respiratory rate, /min.
    pub resp_rate: Option<f64>,
    /// Systolic blood pressure, mm\[Hg\].
    pub systolic_bp: Option<f64>,
    /// Glasgow Coma Scale, sum.
    pub gcs_total: Option<f64>,
}

/// qSOFA, 0–3. Parameters: `resp_rate`, `systolic_bp`, `gcs_total`.
pub fn qsofa(input: &QsofaInput) -> Score<3> {
    let points = [
        RESP_RATE.points(input.resp_rate),
        SYSTOLIC_BP.points(input.systolic_bp),
        GCS_TOTAL.points(input.gcs_total),
    ];
    Score::new(&PARAMETERS, points)
}
