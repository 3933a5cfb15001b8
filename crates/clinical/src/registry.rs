//! One table of what is known about each vital sign.
//!
//! *Codes.* MDC numbers are the context-free codes of ISO/IEEE 11073-10101 (partition × 65536 + term); a
//! number without a name is a vendor's spelling of the same thing. LOINC codes are those of the FHIR
//! vital-signs and US Core profiles, and the LOINC entries for Glasgow Coma Scale, oxygen, AVPU and steps.
//! The first code of each kind is the one to send.
//!
//! *Plausible ranges* only keep out what cannot be a living patient's value (a systolic of 11647, a
//! temperature of 384.5 °C); they are no clinical limits. They start from the valid ranges of MIMIC-Extract
//! (Wang et al., 2020, `variable_ranges.csv`) and differ where noted. Zero stays plausible for rates:
//! asystole and apnoea read zero, and hiding them would be worse than alarming on a loose lead. It is not
//! plausible for blood pressures: when the heart stops, an arterial line still reads the mean filling
//! pressure (about 7 mm\[Hg\] in Guyton's experiments), while a line open to air or a failed cuff reads zero.
//!
//! *Maximum ages* are Wardwatch's own defaults, after how often each is measured on a ward; a pipeline may
//! override them: monitored continuously 10 min, cuff 1 h, charted by a person 8 h.
//!
//! The *best* value decides only which of two values of one instant is the worse, where one must be chosen. Where too low and
//! too high are both bad it lies midway between the values that NEWS2 gives three points (Royal College of Physicians, 2017),
//! so that those are equally bad; otherwise at the good end of the range.

use std::ops::RangeInclusive;

use crate::vital_sign::VitalSign;
use crate::vital_sign::VitalSign::*;

/// What is known about one vital sign.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct VitalInfo {
    /// Which one.
    pub vital: VitalSign,
    /// Name in SQL, JSON and configuration.
    pub name: &'static str,
    /// Short label for a nurse's screen.
    pub label: &'static str,
    /// Canonical UCUM unit.
    pub unit: &'static str,
    /// Inclusive range of values that can be real, in the canonical unit.
    pub plausible: RangeInclusive<f64>,
    /// Decimals of the chart: values are shown, and banded by scores, at this precision.
    pub decimals: u8,
    /// True for steps of a scale (GCS, ACVPU), where only whole numbers exist.
    pub whole: bool,
    /// Age in seconds after which a value no longer counts, unless the pipeline says otherwise.
    pub max_age_seconds: u32,
    /// The value that worries least; of two values the one further from it is the worse. See [`VitalInfo::is_worse`].
    pub best: f64,
    /// Measured and charted by a person now and then, not by a device without end.
    pub charted: bool,
    /// LOINC codes, the preferred one first.
    pub loinc: &'static [&'static str],
    /// MDC codes, the preferred one first.
    pub mdc: &'static [MdcCode],
}

/// A code of ISO/IEEE 11073-10101.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MdcCode {
    /// Context-free number, partition × 65536 + term, in decimal: on the wire it is text.
    pub number: &'static str,
    /// Reference name (`MDC_…`); `None` where only a vendor uses the number so.
    pub name: Option<&'static str>,
    /// The reference name in earlier editions, which equipment still sends.
    pub older_name: Option<&'static str>,
}

const MINUTE: u32 = 60;
const HOUR: u32 = 60 * MINUTE;

/// Plausible blood pressures, mm\[Hg\]; the lower bound is explained above.
const PRESSURE: RangeInclusive<f64> = 5.0..=375.0;

/// Every vital sign, in the order of [`VitalSign::ALL`].
pub static REGISTRY: [VitalInfo; VitalSign::COUNT] = [
    row(HeartRate, "heart_rate", "HR", "/min", 0.0..=350.0)
        .best(85.5)
        .loinc(&["8867-4"])
        .mdc(&[mdc("147842", "MDC_ECG_HEART_RATE").formerly("MDC_ECG_CARD_BEAT_RATE")]),
    row(Pulse, "pulse", "Pulse", "/min", 0.0..=350.0)
        .best(85.5)
        .loinc(&["8889-8"])
        .mdc(&[
            mdc("149530", "MDC_PULS_OXIM_PULS_RATE"),
            vendor("149538"),
            mdc("149514", "MDC_PULS_RATE"),
            mdc("149546", "MDC_PULS_RATE_NON_INV"),
            mdc("149522", "MDC_BLD_PULS_RATE_INV"),
        ]),
    // No living patient has 0 %: it is a probe without a finger, as charted in MIMIC-III.
    row(Spo2, "spo2", "SpO2", "%", 10.0..=100.0)
        .best(100.0)
        .loinc(&["59408-5", "2708-6"])
        .mdc(&[
            mdc("150456", "MDC_PULS_OXIM_SAT_O2"),
            mdc("150324", "MDC_SAT_O2_ART"),
        ]),
    // Impedance monitors count to 150.
    row(RespRate, "resp_rate", "RR", "/min", 0.0..=150.0)
        .best(16.5)
        .loinc(&["9279-1"])
        .mdc(&[
            mdc("151562", "MDC_RESP_RATE"),
            mdc("151578", "MDC_TTHOR_RESP_RATE"),
            mdc("151594", "MDC_CO2_RESP_RATE"),
        ]),
    row(SystolicBp, "systolic_bp", "SBP", "mm[Hg]", PRESSURE)
        .best(155.0)
        .max_age(HOUR)
        .loinc(&["8480-6"])
        .mdc(&[
            mdc("150021", "MDC_PRESS_BLD_NONINV_SYS"),
            mdc("150301", "MDC_PRESS_CUFF_SYS"),
        ]),
    row(DiastolicBp, "diastolic_bp", "DBP", "mm[Hg]", PRESSURE)
        .best(80.0)
        .max_age(HOUR)
        .loinc(&["8462-4"])
        .mdc(&[
            mdc("150022", "MDC_PRESS_BLD_NONINV_DIA"),
            mdc("150302", "MDC_PRESS_CUFF_DIA"),
        ]),
    row(MeanBp, "mean_bp", "MAP", "mm[Hg]", PRESSURE)
        .best(95.0)
        .max_age(HOUR)
        .loinc(&["8478-0"])
        .mdc(&[
            mdc("150023", "MDC_PRESS_BLD_NONINV_MEAN"),
            mdc("150303", "MDC_PRESS_CUFF_MEAN"),
        ]),
    row(
        ArterialSystolic,
        "arterial_systolic",
        "ART sys",
        "mm[Hg]",
        PRESSURE,
    )
    .best(155.0)
    .loinc(&["76215-3"])
    .mdc(&[
        mdc("150033", "MDC_PRESS_BLD_ART_SYS"),
        mdc("150037", "MDC_PRESS_BLD_ART_ABP_SYS"),
        mdc("150017", "MDC_PRESS_BLD_SYS"),
    ]),
    row(
        ArterialDiastolic,
        "arterial_diastolic",
        "ART dia",
        "mm[Hg]",
        PRESSURE,
    )
    .best(80.0)
    .loinc(&["76213-8"])
    .mdc(&[
        mdc("150034", "MDC_PRESS_BLD_ART_DIA"),
        mdc("150038", "MDC_PRESS_BLD_ART_ABP_DIA"),
        mdc("150018", "MDC_PRESS_BLD_DIA"),
    ]),
    row(ArterialMean, "arterial_mean", "ART mean", "mm[Hg]", PRESSURE)
        .best(95.0)
        .loinc(&["76214-6"])
        .mdc(&[
            mdc("150035", "MDC_PRESS_BLD_ART_MEAN"),
            mdc("150039", "MDC_PRESS_BLD_ART_ABP_MEAN"),
            mdc("150019", "MDC_PRESS_BLD_MEAN"),
        ]),
    // A probe that fell out reads the room, 20 to 24; and nobody is nursed on a ward below 25.
    row(Temperature, "temperature", "Temp", "Cel", 25.0..=45.0)
        .best(37.05)
        .decimals(1)
        .charted()
        .loinc(&["8310-5"])
        .mdc(&[
            mdc("150364", "MDC_TEMP_BODY"),
            mdc("150344", "MDC_TEMP"),
            mdc("150368", "MDC_TEMP_CORE"),
            mdc("150388", "MDC_TEMP_SKIN"),
            mdc("150392", "MDC_TEMP_TYMP"),
            mdc("188420", "MDC_TEMP_RECT"),
            mdc("188452", "MDC_TEMP_AXILLA"),
            mdc("188496", "MDC_TEMP_AXIL"),
        ]),
    row(Etco2, "etco2", "EtCO2", "mm[Hg]", 0.0..=200.0)
        .best(40.0)
        .loinc(&["19891-1"])
        .mdc(&[mdc("151708", "MDC_AWAY_CO2_ET"), vendor("151728")]),
    // Room air holds 20.9 %; no mixer gives less.
    row(Fio2, "fio2", "FiO2", "%", 20.0..=100.0)
        .best(20.0)
        .charted()
        .loinc(&["3150-6", "19994-3"])
        .mdc(&[mdc("152196", "MDC_CONC_AWAY_O2_INSP")]),
    // High-flow devices end at 60 to 80 L/min.
    row(O2Flow, "o2_flow", "O2 flow", "L/min", 0.0..=100.0)
        .decimals(1)
        .charted()
        .loinc(&["3151-8"]),
    row(GcsEye, "gcs_eye", "GCS eye", "{score}", 1.0..=4.0)
        .best(4.0)
        .scale()
        .loinc(&["9267-6"]),
    row(GcsVerbal, "gcs_verbal", "GCS verbal", "{score}", 1.0..=5.0)
        .best(5.0)
        .scale()
        .loinc(&["9270-0"]),
    row(GcsMotor, "gcs_motor", "GCS motor", "{score}", 1.0..=6.0)
        .best(6.0)
        .scale()
        .loinc(&["9268-4"]),
    row(GcsTotal, "gcs_total", "GCS", "{score}", 3.0..=15.0)
        .best(15.0)
        .scale()
        .loinc(&["9269-2"]),
    // The LOINC term is AVPU: it cannot say "new confusion", but its four letters mean the same here.
    row(Consciousness, "consciousness", "ACVPU", "{ACVPU}", 0.0..=4.0)
        .scale()
        .loinc(&["67775-7"]),
    // A sprinter takes fewer than 300 steps a minute. The LOINC term counts without a time: the unit decides.
    row(Steps, "steps", "Steps", "{steps}/min", 0.0..=350.0)
        .best(350.0)
        .loinc(&["55423-8"]),
];

// === impl VitalInfo ===

/// A row with what most share: whole chart units, monitored continuously, no codes.
const fn row(
    vital: VitalSign,
    name: &'static str,
    label: &'static str,
    unit: &'static str,
    plausible: RangeInclusive<f64>,
) -> VitalInfo {
    VitalInfo {
        vital,
        name,
        label,
        unit,
        plausible,
        decimals: 0,
        whole: false,
        max_age_seconds: 10 * MINUTE,
        best: 0.0,
        charted: false,
        loinc: &[],
        mdc: &[],
    }
}

const fn mdc(number: &'static str, name: &'static str) -> MdcCode {
    MdcCode {
        number,
        name: Some(name),
        older_name: None,
    }
}

const fn vendor(number: &'static str) -> MdcCode {
    MdcCode {
        number,
        name: None,
        older_name: None,
    }
}

impl MdcCode {
    const fn formerly(self, older_name: &'static str) -> Self {
        Self {
            older_name: Some(older_name),
            ..self
        }
    }

    /// Its reference names, today's first.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.name.into_iter().chain(self.older_name)
    }
}

impl VitalInfo {
    const fn decimals(self, decimals: u8) -> Self {
        Self { decimals, ..self }
    }

    const fn max_age(self, max_age_seconds: u32) -> Self {
        Self {
            max_age_seconds,
            ..self
        }
    }

    /// A scale charted by a person.
    const fn scale(self) -> Self {
        Self { whole: true, ..self }.charted()
    }

    /// Measured by a person now and then.
    const fn charted(self) -> Self {
        Self {
            charted: true,
            max_age_seconds: 8 * HOUR,
            ..self
        }
    }

    /// Where the value that worries least lies.
    const fn best(self, best: f64) -> Self {
        Self { best, ..self }
    }

    /// Whether the value is worse than the other: further from the best one, of two as far the lower.
    #[inline]
    pub fn is_worse(&self, value: f64, other: f64) -> bool {
        let (far, other_far) = ((value - self.best).abs(), (other - self.best).abs());
        far > other_far || (far == other_far && value < other)
    }

    /// The worse of two values. Of more than two it is the worse of the least and the greatest.
    #[inline]
    pub fn worse(&self, one: f64, other: f64) -> f64 {
        if self.is_worse(one, other) { one } else { other }
    }

    const fn loinc(self, loinc: &'static [&'static str]) -> Self {
        Self { loinc, ..self }
    }

    const fn mdc(self, mdc: &'static [MdcCode]) -> Self {
        Self { mdc, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_in_index_order() {
        for (index, info) in REGISTRY.iter().enumerate() {
            assert_eq!(info.vital.index(), index, "{}", info.name);
        }
    }

    #[test]
    fn ranges_are_ranges_and_scales_start_and_end_whole() {
        for info in &REGISTRY {
            let (low, high) = (*info.plausible.start(), *info.plausible.end());
            assert!(low < high, "{}", info.name);
            assert!(
                !info.whole || (low.trunc() == low && high.trunc() == high),
                "{}",
                info.name
            );
        }
    }

    #[test]
    fn of_two_values_one_is_the_worse() {
        use crate::vital_sign::VitalSign;
        let cases = [
            (VitalSign::Spo2, 78.0, 95.0),
            (VitalSign::HeartRate, 38.0, 90.0),
            (VitalSign::HeartRate, 150.0, 70.0),
            (VitalSign::RespRate, 8.0, 16.0),
            (VitalSign::RespRate, 30.0, 12.0),
            (VitalSign::SystolicBp, 85.0, 130.0),
            (VitalSign::ArterialSystolic, 230.0, 120.0),
            (VitalSign::Temperature, 40.6, 36.6),
            (VitalSign::Temperature, 34.0, 38.0),
            (VitalSign::GcsTotal, 7.0, 15.0),
            (VitalSign::Consciousness, 3.0, 0.0),
            (VitalSign::O2Flow, 4.0, 0.0),
        ];
        for (vital, worse, better) in cases {
            let info = vital.info();
            assert!(
                info.is_worse(worse, better) && !info.is_worse(better, worse),
                "{vital}"
            );
            assert!(!info.is_worse(worse, worse));
        }
        for info in &REGISTRY {
            let (low, high) = (*info.plausible.start(), *info.plausible.end());
            assert!(
                info.plausible.contains(&info.best) && info.is_worse(low, high) != info.is_worse(high, low)
            );
        }
    }

    /// Whoever keeps only the extremes of an instant relies on it.
    #[test]
    fn the_worst_of_several_is_an_extreme() {
        for info in &REGISTRY {
            let (low, high) = (*info.plausible.start(), *info.plausible.end());
            let tenths =
                |at: u32| ((low + (high - low) * f64::from(at * 37 % 1_001) / 1e3) * 10.0).round() / 10.0;
            for start in 0..1_000 {
                let values = [0, 1, 2, 3].map(|at| tenths(start + at));
                let worst = values.into_iter().reduce(|one, other| info.worse(one, other));
                let [least, greatest] = [f64::min, f64::max].map(|of| values.into_iter().fold(values[0], of));
                assert_eq!(
                    worst,
                    Some(info.worse(least, greatest)),
                    "{}: {values:?}",
                    info.name
                );
                assert_eq!(
                    worst,
                    Some(info.worse(greatest, least)),
                    "{}: {values:?}",
                    info.name
                );
            }
        }
    }

    #[test]
    fn names_and_labels_fit_their_places() {
        for info in &REGISTRY {
            assert!(
                info.name
                    .bytes()
                    .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_')),
                "{}",
                info.name
            );
            assert!(info.label.len() <= 10, "{}", info.label);
        }
    }
}
