//! NEWS2, the national early warning score of the Royal College of Physicians (London, 2017).
//!
//! For adults from 16 years who are not pregnant: [`News2Exclusion`]. Scale 2 for SpO2 is for patients with hypercapnic
//! respiratory failure and applies only by a clinician's explicit flag: without one it is scale 1.

use serde::{Deserialize, Serialize};

use super::bands::Bands;
use super::score::{Points, Score};
use crate::acvpu::Acvpu;

const PARAMETERS: [&str; 7] = [
    "resp_rate",
    "spo2",
    "on_oxygen",
    "systolic_bp",
    "pulse",
    "consciousness",
    "temperature",
];

static RESP_RATE: Bands = Bands::whole(&[(8.0, 3), (11.0, 1), (20.0, 0), (24.0, 2)], 3);
static SPO2_SCALE_1: Bands = Bands::whole(&[(91.0, 3), (93.0, 2), (95.0, 1)], 0);
static SPO2_SCALE_2_ON_AIR: Bands = Bands::whole(&[(83.0, 3), (85.0, 2), (87.0, 1)], 0);
static SPO2_SCALE_2_ON_OXYGEN: Bands = Bands::whole(
    &[(83.0, 3), (85.0, 2), (87.0, 1), (92.0, 0), (94.0, 1), (96.0, 2)],
    3,
);
static SYSTOLIC_BP: Bands = Bands::whole(&[(90.0, 3), (100.0, 2), (110.0, 1), (219.0, 0)], 3);
static PULSE: Bands = Bands::whole(&[(40.0, 3), (50.0, 1), (90.0, 0), (110.0, 1), (130.0, 2)], 3);
static TEMPERATURE: Bands = Bands::tenths(&[(35.0, 3), (36.0, 1), (38.0, 0), (39.0, 1)], 2);
/// Points for any supplemental oxygen.
const OXYGEN: u8 = 2;
/// Points for anything but alert.
const NOT_ALERT: u8 = 3;

/// Which SpO2 scale a clinician has chosen for the patient. Written as its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub enum Spo2Scale {
    /// The usual scale, target 96 % and above.
    #[default]
    One,
    /// Target 88–92 %, for hypercapnic respiratory failure.
    Two,
}

/// Why NEWS2 does not apply to a patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum News2Exclusion {
    /// Younger than 16 years.
    Under16,
    /// Pregnant.
    Pregnant,
}

/// Inputs of NEWS2, in canonical units; `None` is missing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct News2Input {
    /// Respiratory rate, /min.
    pub resp_rate: Option<f64>,
    /// Oxygen saturation, %.
    pub spo2: Option<f64>,
    /// The clinician's choice; `None` means that none was made, hence scale 1.
    pub spo2_scale: Option<Spo2Scale>,
    /// Any supplemental oxygen.
    pub on_oxygen: Option<bool>,
    /// Systolic blood pressure, mm\[Hg\].
    pub systolic_bp: Option<f64>,
    /// Pulse, /min.
    pub pulse: Option<f64>,
    /// Level of consciousness.
    pub consciousness: Option<Acvpu>,
    /// Temperature, Cel.
    pub temperature: Option<f64>,
}

/// NEWS2, 0–20. Parameters: `resp_rate`, `spo2`, `on_oxygen`, `systolic_bp`, `pulse`, `consciousness`,
/// `temperature`.
pub fn news2(input: &News2Input) -> Score<7> {
    let points = [
        RESP_RATE.points(input.resp_rate),
        spo2(input),
        match input.on_oxygen {
            Some(on_oxygen) => Points::known(if on_oxygen { OXYGEN } else { 0 }),
            None => Points::missing(0, OXYGEN),
        },
        SYSTOLIC_BP.points(input.systolic_bp),
        PULSE.points(input.pulse),
        match input.consciousness {
            Some(Acvpu::Alert) => Points::known(0),
            Some(_) => Points::known(NOT_ALERT),
            None => Points::missing(0, NOT_ALERT),
        },
        TEMPERATURE.points(input.temperature),
    ];
    Score::new(&PARAMETERS, points)
}

fn spo2(input: &News2Input) -> Points {
    match (input.spo2_scale.unwrap_or_default(), input.on_oxygen, input.spo2) {
        (Spo2Scale::One, _, spo2) => SPO2_SCALE_1.points(spo2),
        (Spo2Scale::Two, Some(false), spo2) => SPO2_SCALE_2_ON_AIR.points(spo2),
        // Air never earns more than oxygen, neither here nor in total: the extremes of both parameters come
        // together.
        (Spo2Scale::Two, None, Some(spo2)) if spo2.is_finite() => {
            Points::open(SPO2_SCALE_2_ON_AIR.of(spo2), SPO2_SCALE_2_ON_OXYGEN.of(spo2))
        }
        (Spo2Scale::Two, _, spo2) => SPO2_SCALE_2_ON_OXYGEN.points(spo2),
    }
}

/// The clinical response that a NEWS2 calls for, in rising urgency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News2Response {
    /// 0: go on monitoring.
    Routine,
    /// 1–4: a registered nurse assesses.
    Low,
    /// A total of 1–4 with 3 points in one parameter: urgent review on the ward.
    SingleParameter,
    /// 5–6: urgent response by a clinician competent in acute illness.
    Urgent,
    /// 7 and more: emergency response by a team with critical-care skills.
    Emergency,
}

// === impl News2Exclusion ===

impl News2Exclusion {
    /// Why the score does not apply to a patient of this age, in years; `None` where it does. What is not known excludes nobody:
    /// a patient of unknown age counts as an adult.
    pub fn of(age: Option<f64>, pregnant: Option<bool>) -> Option<Self> {
        const ADULT_FROM_YEARS: f64 = 16.0;
        if age.is_some_and(|age| age < ADULT_FROM_YEARS) {
            return Some(Self::Under16);
        }
        pregnant.unwrap_or(false).then_some(Self::Pregnant)
    }

    /// In words for a screen.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Under16 => "NEWS2 is for patients from 16 years",
            Self::Pregnant => "NEWS2 is not for pregnant patients",
        }
    }
}

// === impl News2Response ===

impl News2Response {
    /// The response that a score calls for; `None` while missing values could still change it.
    pub fn of(score: &Score<7>) -> Option<Self> {
        let (least, most) = Self::range(score);
        (least == most).then_some(least)
    }

    /// The least and the most urgent response that are still possible.
    pub fn range(score: &Score<7>) -> (Self, Self) {
        let (surely, possibly) = score.worst_parameter();
        (
            Self::at(score.lowest(), surely),
            Self::at(score.highest(), possibly),
        )
    }

    const fn at(total: u8, worst_parameter: u8) -> Self {
        match (total, worst_parameter) {
            (7.., _) => Self::Emergency,
            (5.., _) => Self::Urgent,
            (_, 3..) => Self::SingleParameter,
            (1.., _) => Self::Low,
            (0, _) => Self::Routine,
        }
    }
}

// === impl Spo2Scale ===

impl From<Spo2Scale> for u8 {
    fn from(scale: Spo2Scale) -> Self {
        match scale {
            Spo2Scale::One => 1,
            Spo2Scale::Two => 2,
        }
    }
}

impl TryFrom<u8> for Spo2Scale {
    type Error = &'static str;

    fn try_from(number: u8) -> Result<Self, Self::Error> {
        match number {
            1 => Ok(Self::One),
            2 => Ok(Self::Two),
            _ => Err("an SpO2 scale is 1 or 2"),
        }
    }
}
