//! Factors are checked against figures of UCUM essence 2.2 and well-known clinical pairs, not against the
//! table.

use super::*;
use crate::vital_sign::VitalSign::*;

fn close(actual: f64, expected: f64) {
    assert!(
        (actual - expected).abs() <= 1e-9 * expected.abs().max(1.0),
        "{actual} is not {expected}"
    );
}

fn convert(vital: VitalSign, unit: &str, value: f64) -> f64 {
    to_canonical(vital, unit, value).unwrap_or_else(|error| panic!("{unit}: {error}"))
}

#[test]
fn pressures_follow_ucum() {
    // UCUM essence 2.2: m[Hg] = 133.3220 kPa, m[H2O] = 980665e-5 kPa.
    close(convert(SystolicBp, "kPa", 133.322), 1000.0);
    close(convert(ArterialMean, "cm[H2O]", 133.322), 98.0665);
    close(convert(Etco2, "kPa", 5.0), 37.50318777096053);
    for unit in [
        "mm[Hg]",
        "mmHg",
        "mm Hg",
        "MMHG",
        "MM[HG]",
        "mm(Hg)".replace(['(', ')'], "").as_str(),
    ] {
        assert_eq!(convert(MeanBp, unit, 93.0), 93.0);
    }
    for unit in ["266016", "MDC_DIM_MMHG"] {
        assert_eq!(convert(DiastolicBp, unit, 70.0), 70.0);
    }
    close(
        convert(SystolicBp, "MDC_DIM_KILO_PASCAL", 16.0),
        convert(SystolicBp, "265987", 16.0),
    );
    close(convert(Etco2, "cmH2O", 50.0), 36.778063635409005);
}

#[test]
fn temperatures_follow_ucum() {
    // UCUM essence 2.2: [degF] = degf(5 K/9), Cel = cel(1 K); freezing, boiling and body temperature.
    for unit in [
        "[degF]",
        "degF",
        "F",
        "deg F",
        "°F",
        "ºF",
        "Deg. F",
        "DEG F",
        "℉",
        " ℉ ",
        "˚F",
        "[DEGF]",
        "268160",
        "266560",
        "MDC_DIM_FAHR",
    ] {
        close(convert(Temperature, unit, 32.0), 0.0);
        close(convert(Temperature, unit, 212.0), 100.0);
        close(convert(Temperature, unit, 98.6), 37.0);
    }
    for unit in [
        "Cel",
        "degC",
        "deg C",
        "Deg. C",
        "°C",
        "º C",
        "℃",
        "˚C",
        "C",
        "c",
        "CEL",
        "268192",
        "MDC_DIM_DEGC",
    ] {
        assert_eq!(convert(Temperature, unit, 37.5), 37.5);
    }
    for unit in ["K", "k", "\u{212a}", "kelvin"] {
        close(convert(Temperature, unit, 310.15), 37.0);
    }
}

#[test]
fn fractions_become_percent() {
    for vital in [Spo2, Fio2] {
        for unit in ["1", "{fraction}", "MDC_DIM_DIMLESS"] {
            close(convert(vital, unit, 0.97), 97.0);
            assert_eq!(convert(vital, unit, 1.0), 100.0);
        }
        for unit in ["%", "％", "percent", "262688", "MDC_DIM_PERCENT"] {
            assert_eq!(convert(vital, unit, 97.0), 97.0);
        }
    }
}

#[test]
fn rates_in_every_spelling() {
    let beats = [
        "/min",
        "{beats}/min",
        "{beat}/min",
        "beats/min",
        "bpm",
        "BPM",
        "1/min",
        "min-1",
        "264864",
    ];
    for unit in beats
        .into_iter()
        .chain(["Beats / min", "{Beats}/min", "MDC_DIM_BEAT_PER_MIN"])
    {
        assert_eq!(convert(HeartRate, unit, 72.0), 72.0);
        assert_eq!(convert(Pulse, unit, 72.0), 72.0);
    }
    let breaths = [
        "/min",
        "insp/min",
        "breaths/min",
        "{breaths}/min",
        "resp/min",
        "rpm",
        "bpm",
        "264928",
    ];
    for unit in breaths.into_iter().chain(["MDC_DIM_RESP_PER_MIN", "min-1"]) {
        assert_eq!(convert(RespRate, unit, 16.0), 16.0);
    }
    for unit in ["/s", "Hz", "s-1"] {
        close(convert(HeartRate, unit, 1.2), 72.0);
        close(convert(RespRate, unit, 0.25), 15.0);
    }
    assert_eq!(convert(Steps, "steps/min", 100.0), 100.0);
}

#[test]
fn flows_and_scales() {
    for unit in [
        "L/min",
        "l/min",
        "LPM",
        "265216",
        "MDC_DIM_L_PER_MIN",
        "MDC_DIM_X_L_PER_MIN",
    ] {
        assert_eq!(convert(O2Flow, unit, 2.0), 2.0);
    }
    close(convert(O2Flow, "mL/min", 500.0), 0.5);
    for vital in [GcsEye, GcsVerbal, GcsMotor, GcsTotal, Consciousness] {
        for unit in ["", "1", "{score}"] {
            assert_eq!(convert(vital, unit, 3.0), 3.0);
        }
    }
}

#[test]
fn a_unit_is_never_guessed() {
    let not_for = [
        (HeartRate, "mm[Hg]"),
        (HeartRate, "{breaths}/min"),
        (RespRate, "beats/min"),
        (Spo2, "/min"),
        (Temperature, "mmHg"),
        (SystolicBp, "%"),
        (Steps, "bpm"),
    ];
    for (vital, unit) in not_for {
        let error = conversion(vital, unit).unwrap_err();
        assert!(
            matches!(error, UnitError::NotForThisVitalSign { .. }),
            "{vital} {unit}: {error:?}"
        );
    }
    for (vital, unit) in [
        (HeartRate, "furlong"),
        (Temperature, "degX"),
        (Spo2, "%%"),
        (SystolicBp, "mPa"),
    ] {
        assert_eq!(conversion(vital, unit), Err(UnitError::Unknown { vital }));
    }
}

#[test]
fn errors_hold_nothing_from_the_wire() {
    let error = conversion(HeartRate, "Mrs Jane Doe").unwrap_err();
    assert_eq!(error.to_string(), "unknown unit for heart_rate; expected /min");
    assert_eq!(
        check(SystolicBp, 11_647.0).unwrap_err().to_string(),
        "implausible value for systolic_bp"
    );
}

#[test]
fn sentinels_are_no_measurement() {
    for raw in [
        -1.0,
        -100.0,
        -999.0,
        -99.9,
        8_388_607.0,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
    ] {
        assert!(is_no_measurement(raw), "{raw}");
    }
    for raw in [0.0, -0.0, 1.0, -2.0, 99.9, 100.0, 8_388_606.0] {
        assert!(!is_no_measurement(raw), "{raw}");
    }
}

#[test]
fn implausible_values_of_real_charting_are_refused() {
    let refused = [
        (SystolicBp, 11_647.0),
        (MeanBp, -8.0),
        (ArterialMean, 0.0),
        (Temperature, 384.5),
        (Temperature, 98.6),
        (Spo2, 101.0),
        (Spo2, 0.97),
        (Fio2, 0.5),
        (HeartRate, f64::NAN),
        (GcsEye, 0.0),
        (GcsTotal, 16.0),
        (GcsTotal, 14.5),
        (Consciousness, 1.5),
    ];
    for (vital, value) in refused {
        assert_eq!(check(vital, value), Err(Implausible { vital }), "{value}");
    }
    for (vital, value) in [
        (HeartRate, 0.0),
        (RespRate, 0.0),
        (Temperature, 36.65),
        (GcsTotal, 3.0),
        (Pulse, 277.0),
    ] {
        assert_eq!(check(vital, value), Ok(value), "{value}");
    }
}

#[test]
fn bounds_are_inclusive() {
    for vital in VitalSign::ALL {
        let plausible = vital.plausible();
        for bound in [*plausible.start(), *plausible.end()] {
            assert_eq!(check(vital, bound), Ok(bound), "{vital} {bound}");
            if bound > 0.0 && !vital.info().whole {
                for near in [bound * (1.0 - 1e-7), bound * (1.0 + 1e-7)] {
                    let checked = check(vital, near).unwrap();
                    assert!(
                        vital.plausible().contains(&checked) && (checked - near).abs() < 1e-4,
                        "{vital} {near}"
                    );
                }
            }
        }
        assert!(
            check(vital, plausible.start() - 1.0).is_err() && check(vital, plausible.end() + 1.0).is_err()
        );
    }
}

/// In doubles 100 × 0.29 is 28.999999999999996, and 100.94 °F may come out below 38.3 °C.
#[test]
fn a_converted_decimal_is_the_decimal() {
    for hundredth in 10..=100 {
        let percent = f64::from(hundredth);
        assert_eq!(convert(Spo2, "1", percent / 100.0), percent);
    }
    // Every tenth of a degree Celsius has an exact decimal in Fahrenheit and in kelvin.
    for tenth in 250..=450_i64 {
        let celsius = tenth as f64 / 10.0;
        let fahrenheit = (tenth * 18 + 3_200) as f64 / 100.0;
        let kelvin = (tenth * 10 + 27_315) as f64 / 100.0;
        assert_eq!(convert(Temperature, "[degF]", fahrenheit), celsius);
        assert_eq!(convert(Temperature, "K", kelvin), celsius);
    }
    for millilitres in 0..=1_000 {
        let litres = f64::from(millilitres) / 1_000.0;
        assert_eq!(convert(O2Flow, "mL/min", f64::from(millilitres)), litres);
    }
    assert_eq!(convert(SystolicBp, "kPa", 11.732_336), 88.0);
    assert_eq!(convert(SystolicBp, "kPa", 49.995_75), 375.0);
}
