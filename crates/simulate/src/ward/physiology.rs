//! A patient's vital signs, second by second: a baseline, the course of an illness, and noise that remembers.
//!
//! Noise is autoregressive, `x' = 0.98 x + 0.2 n`, with variance about 1 and a memory of some 50 s. One such *tone* moves
//! heart rate, breathing and pressure together. The figures are chosen to look right on a screen; they are no model of a body.

use super::course::Effect;
use crate::Rng;

/// What the vital signs return to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Baseline {
    /// /min.
    pub(crate) heart_rate: f64,
    /// %.
    pub(crate) spo2: f64,
    /// /min.
    pub(crate) resp_rate: f64,
    /// Cel.
    pub(crate) temperature: f64,
    /// mm[Hg].
    pub(crate) systolic: f64,
}

/// The state of one patient's noise.
#[derive(Clone, Debug, Default)]
pub(crate) struct Physiology {
    tone: f64,
    heart: f64,
    breath: f64,
    saturation: f64,
    pressure: f64,
    heat: f64,
}

/// What a perfect monitor would show, at the chart's precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Vitals {
    /// /min.
    pub(crate) heart_rate: i64,
    /// /min; felt at the finger, so a beat off now and then.
    pub(crate) pulse: i64,
    /// %.
    pub(crate) spo2: i64,
    /// /min.
    pub(crate) resp_rate: i64,
    /// Tenths of a degree Celsius.
    pub(crate) temperature_tenths: i64,
    /// mm[Hg].
    pub(crate) systolic: i64,
    /// mm[Hg].
    pub(crate) diastolic: i64,
    /// mm[Hg].
    pub(crate) mean: i64,
}

// === impl Baseline ===

impl Baseline {
    /// A patient who scores nothing in an early-warning score, noise included.
    pub(crate) fn well(rng: &mut Rng) -> Self {
        let between = |rng: &mut Rng, low: u64, high: u64| (low + rng.below(high - low + 1)) as f64;
        Self {
            heart_rate: between(rng, 66, 76),
            spo2: between(rng, 97, 98),
            resp_rate: between(rng, 15, 17),
            temperature: between(rng, 366, 372) / 10.0,
            systolic: between(rng, 124, 142),
        }
    }
}

// === impl Physiology ===

impl Physiology {
    /// One second on.
    pub(crate) fn step(&mut self, rng: &mut Rng, baseline: &Baseline, effect: &Effect) -> Vitals {
        for noise in [
            &mut self.tone,
            &mut self.heart,
            &mut self.breath,
            &mut self.saturation,
            &mut self.pressure,
            &mut self.heat,
        ] {
            *noise = 0.98 * *noise + 0.2 * rng.normal();
        }
        let heart_rate = baseline.heart_rate + effect.heart_rate + 2.0 * self.tone + 1.5 * self.heart;
        let spo2 = baseline.spo2 + effect.spo2 - 0.2 * self.tone + 0.5 * self.saturation;
        let resp_rate = baseline.resp_rate + effect.resp_rate + 0.5 * self.tone + 0.6 * self.breath;
        let temperature = baseline.temperature + effect.temperature + 0.04 * self.heat;
        let systolic = baseline.systolic + effect.systolic + 2.5 * self.tone + 2.0 * self.pressure;
        let diastolic = 0.6 * systolic;
        // Mean pressure by the bedside rule: a third of the way up the pulse.
        let mean = diastolic + (systolic - diastolic) / 3.0;
        let heart_rate = whole(heart_rate, 0.0, 250.0);
        Vitals {
            heart_rate,
            pulse: (heart_rate + rng.below(3) as i64 - 1).max(0),
            spo2: whole(spo2, 40.0, 100.0),
            resp_rate: whole(resp_rate, 0.0, 60.0),
            temperature_tenths: whole(temperature * 10.0, 300.0, 430.0),
            systolic: whole(systolic, 40.0, 250.0),
            diastolic: whole(diastolic, 20.0, 180.0),
            mean: whole(mean, 25.0, 200.0),
        }
    }
}

fn whole(value: f64, low: f64, high: f64) -> i64 {
    value.clamp(low, high).round() as i64
}
