//! The table of unit spellings.

use super::UnitError;
use crate::lookup::Lookup;
use crate::vital_sign::VitalSign;

/// How to reach the canonical unit.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Conversion {
    /// It is the canonical unit under another spelling.
    Same,
    /// Multiply by this factor.
    Times(f64),
    /// From degrees Fahrenheit to Celsius.
    Fahrenheit,
    /// From kelvin to Celsius.
    Kelvin,
}

// === impl Conversion ===

impl Conversion {
    /// Converts one value, to a billionth of the canonical unit: what lies beyond is no measurement but the arithmetic of
    /// doubles, in which 100 times 0.29 is less than 29.
    #[inline]
    pub fn apply(self, value: f64) -> f64 {
        const BILLION: f64 = 1e9;
        let converted = match self {
            Self::Same => return value,
            Self::Times(factor) => value * factor,
            Self::Fahrenheit => (value - 32.0) * 5.0 / 9.0,
            Self::Kelvin => value - 273.15,
        };
        (converted * BILLION).round() / BILLION
    }
}

/// What a vital sign measures; spellings belong to quantities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantity {
    Beats,
    Breaths,
    Fraction,
    Pressure,
    Temperature,
    Flow,
    Score,
    Consciousness,
    Cadence,
}

const QUANTITIES: usize = Quantity::Cadence as usize + 1;

/// Pascals in one mm\[Hg\] (UCUM: m\[Hg\] = 133.3220 kPa).
const PA_PER_MMHG: f64 = 133.322;
/// Pascals in one cm\[H2O\] (UCUM: m\[H2O\] = 9.80665 kPa).
const PA_PER_CMH2O: f64 = 98.0665;

use Conversion::{Fahrenheit, Kelvin, Same, Times};
use Quantity::*;

/// One row: the quantities it serves, its spellings parted by a space and written as [`fold`] leaves them,
/// and the way to the canonical unit.
type Row = (&'static [Quantity], &'static str, Conversion);

static ROWS: &[Row] = &[
    (&[Beats, Breaths], "/min 1/min min-1 bpm permin perminute", Same),
    (&[Beats, Breaths], "/s 1/s s-1 hz 264640 mdc_dim_hz", Times(60.0)),
    (
        &[Beats],
        "{beats}/min {beat}/min {beats}/minute {heartbeats}/min {heart}/min {pulse}/min",
        Same,
    ),
    (
        &[Beats],
        "beats/min beat/min beats/minute 264864 mdc_dim_beat_per_min",
        Same,
    ),
    (
        &[Breaths],
        "{breaths}/min {breath}/min {breaths}/minute {resp}/min {insp}/min",
        Same,
    ),
    (
        &[Breaths],
        "breaths/min breath/min breaths/minute insp/min resp/min rpm",
        Same,
    ),
    (&[Breaths], "264928 mdc_dim_resp_per_min", Same),
    (&[Fraction], "% ％ percent {%} 262688 mdc_dim_percent", Same),
    (&[Fraction], "1 {fraction} 262656 mdc_dim_dimless", Times(100.0)),
    (&[Pressure], "mm[hg] mmhg 266016 mdc_dim_mmhg", Same),
    (
        &[Pressure],
        "kpa ㎪ 265987 mdc_dim_kilo_pascal",
        Times(1000.0 / PA_PER_MMHG),
    ),
    (
        &[Pressure],
        "cm[h2o] cmh2o 266048 mdc_dim_cm_h2o",
        Times(PA_PER_CMH2O / PA_PER_MMHG),
    ),
    (
        &[Temperature],
        "cel degc °c ºc ˚c ℃ c deg_c [degc] celsius 268192 mdc_dim_degc",
        Same,
    ),
    // 268160 is what devices send for MDC_DIM_FAHR; the nomenclature's own number is 266560.
    (
        &[Temperature],
        "[degf] degf °f ºf ˚f ℉ f deg_f fahrenheit 268160 266560 mdc_dim_fahr",
        Fahrenheit,
    ),
    (&[Temperature], "k \u{212a} kelvin 266528 mdc_dim_kelvin", Kelvin),
    (&[Flow], "l/min lpm liter/min liters/min litres/min", Same),
    (&[Flow], "265216 mdc_dim_l_per_min mdc_dim_x_l_per_min", Same),
    (&[Flow], "ml/min mdc_dim_milli_l_per_min", Times(0.001)),
    (&[Score, Consciousness], "{score} 1 262656 mdc_dim_dimless", Same),
    (&[Score], "{points} points score", Same),
    (&[Consciousness], "{acvpu} {avpu}", Same),
    (
        &[Cadence],
        "{steps}/min {step}/min /min 1/min steps/min step/min spm",
        Same,
    ),
];

/// Longest folded spelling, in bytes. What is longer on the wire is no unit.
const LONGEST: usize = 24;

/// Spellings of each quantity, by its discriminant.
static TABLES: [Lookup<Conversion, 64>; QUANTITIES] = tables();

/// Finds the conversion for a unit in any spelling.
pub(super) fn find(vital: VitalSign, unit: &str) -> Result<Conversion, UnitError> {
    let mut buffer = [0; LONGEST];
    let folded = fold(unit, &mut buffer).ok_or(UnitError::Unknown { vital })?;
    if let Some((_, conversion)) = TABLES[quantity(vital) as usize].get(folded) {
        return Ok(conversion);
    }
    Err(match TABLES.iter().find_map(|table| table.get(folded)) {
        Some(("", _)) | None => UnitError::Unknown { vital },
        Some((unit, _)) => UnitError::NotForThisVitalSign { vital, unit },
    })
}

/// ASCII lower case, without spaces and dots; `None` if that is longer than any spelling.
fn fold<'b>(unit: &str, buffer: &'b mut [u8; LONGEST]) -> Option<&'b [u8]> {
    let mut length = 0;
    for byte in unit.bytes().filter(|byte| !matches!(byte, b' ' | b'.')) {
        *buffer.get_mut(length)? = byte.to_ascii_lowercase();
        length += 1;
    }
    Some(&buffer[..length])
}

const fn tables() -> [Lookup<Conversion, 64>; QUANTITIES] {
    let mut tables = [Lookup::new(); QUANTITIES];
    let mut r = 0;
    while r < ROWS.len() {
        let (quantities, spellings, conversion) = ROWS[r];
        let mut q = 0;
        while q < quantities.len() {
            insert_all(&mut tables[quantities[q] as usize], spellings, conversion);
            q += 1;
        }
        r += 1;
    }
    // A scale has no unit, so its unit may be empty; nothing that is measured may leave it out.
    tables[Score as usize].insert("", Same);
    tables[Consciousness as usize].insert("", Same);
    tables
}

const fn insert_all(table: &mut Lookup<Conversion, 64>, spellings: &'static str, conversion: Conversion) {
    let mut rest = spellings;
    let mut i = 0;
    while i < rest.len() {
        if rest.as_bytes()[i] == b' ' {
            let (spelling, tail) = rest.split_at(i);
            table.insert(spelling, conversion);
            rest = tail.split_at(1).1;
            i = 0;
        } else {
            i += 1;
        }
    }
    assert!(rest.len() <= LONGEST);
    table.insert(rest, conversion);
}

const fn quantity(vital: VitalSign) -> Quantity {
    use VitalSign as V;
    match vital {
        V::HeartRate | V::Pulse => Beats,
        V::RespRate => Breaths,
        V::Spo2 | V::Fio2 => Fraction,
        V::SystolicBp | V::DiastolicBp | V::MeanBp => Pressure,
        V::ArterialSystolic | V::ArterialDiastolic | V::ArterialMean | V::Etco2 => Pressure,
        V::Temperature => Temperature,
        V::O2Flow => Flow,
        V::GcsEye | V::GcsVerbal | V::GcsMotor | V::GcsTotal => Score,
        V::Consciousness => Consciousness,
        V::Steps => Cadence,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_are_written_folded() {
        for (_, spellings, _) in ROWS {
            for spelling in spellings.split(' ') {
                assert!(!spelling.is_empty());
                assert_eq!(fold(spelling, &mut [0; LONGEST]), Some(spelling.as_bytes()));
            }
        }
    }

    #[test]
    fn the_canonical_unit_is_a_spelling_of_itself() {
        for vital in VitalSign::ALL {
            assert_eq!(find(vital, vital.unit()), Ok(Same), "{vital}");
        }
    }

    #[test]
    fn longer_than_any_spelling_is_unknown() {
        let vital = VitalSign::HeartRate;
        for unit in [
            "mdc_dim_beat_per_minutes_",
            "/min/min/min/min/min/min/min",
            &"x".repeat(10_000),
        ] {
            assert_eq!(find(vital, unit), Err(UnitError::Unknown { vital }));
        }
        assert_eq!(find(vital, &format!("{}/min", " ".repeat(100))), Ok(Same));
    }
}
