//! NEWS2 and qSOFA against the totals of two independent implementations (see `vectors/README.md`).

#![allow(clippy::unwrap_used)]

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use wardwatch_clinical::Acvpu;
use wardwatch_clinical::scores::{
    News2Exclusion, News2Input, News2Response, QsofaInput, Spo2Scale, news2, qsofa,
};

#[derive(Deserialize)]
struct News2Row {
    rr: f64,
    spo2: f64,
    spo2_scale: Spo2Scale,
    on_oxygen: u8,
    sbp: f64,
    pulse: f64,
    acvpu: Acvpu,
    temp_c: f64,
    total: u8,
    p_rr: u8,
    p_spo2: u8,
    p_o2: u8,
    p_sbp: u8,
    p_pulse: u8,
    p_conscious: u8,
    p_temp: u8,
    clincalc_total: u8,
    vitalscore_total: u8,
}

#[derive(Deserialize)]
struct QsofaRow {
    rr: f64,
    sbp: f64,
    gcs: f64,
    qsofa: u8,
    clincalc: u8,
    vitalscore: u8,
}

fn rows<T: DeserializeOwned>(file: &str) -> Vec<T> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors")
        .join(file);
    csv::Reader::from_path(path)
        .unwrap()
        .deserialize()
        .collect::<Result<_, _>>()
        .unwrap()
}

// === impl News2Row ===

impl News2Row {
    fn input(&self) -> News2Input {
        News2Input {
            resp_rate: Some(self.rr),
            spo2: Some(self.spo2),
            spo2_scale: Some(self.spo2_scale),
            on_oxygen: Some(self.on_oxygen == 1),
            systolic_bp: Some(self.sbp),
            pulse: Some(self.pulse),
            consciousness: Some(self.acvpu),
            temperature: Some(self.temp_c),
        }
    }

    fn points(&self) -> [u8; 7] {
        [
            self.p_rr,
            self.p_spo2,
            self.p_o2,
            self.p_sbp,
            self.p_pulse,
            self.p_conscious,
            self.p_temp,
        ]
    }

    /// The response read from the published thresholds, apart from the code under test.
    fn response(&self) -> News2Response {
        if self.total >= 7 {
            News2Response::Emergency
        } else if self.total >= 5 {
            News2Response::Urgent
        } else if self.points().contains(&3) {
            News2Response::SingleParameter
        } else if self.total >= 1 {
            News2Response::Low
        } else {
            News2Response::Routine
        }
    }
}

#[test]
fn news2_agrees_with_every_vector() {
    let rows = rows::<News2Row>("news2_vectors.csv");
    assert_eq!(rows.len(), 2_702);
    for (index, row) in rows.iter().enumerate() {
        let line = index + 2;
        let score = news2(&row.input());
        assert_eq!(score.points(), row.points().map(Some), "line {line}");
        for total in [row.total, row.clincalc_total, row.vitalscore_total] {
            assert_eq!(score.total(), Some(total), "line {line}");
        }
        assert_eq!(
            (score.lowest(), score.highest()),
            (row.total, row.total),
            "line {line}"
        );
        assert_eq!(score.missing().count(), 0, "line {line}");
        assert_eq!(News2Response::of(&score), Some(row.response()), "line {line}");
    }
}

#[test]
fn qsofa_agrees_with_every_vector() {
    let rows = rows::<QsofaRow>("qsofa_vectors.csv");
    assert_eq!(rows.len(), 960);
    for (index, row) in rows.iter().enumerate() {
        let input = QsofaInput {
            resp_rate: Some(row.rr),
            systolic_bp: Some(row.sbp),
            gcs_total: Some(row.gcs),
        };
        for total in [row.qsofa, row.clincalc, row.vitalscore] {
            assert_eq!(qsofa(&input).total(), Some(total), "line {}", index + 2);
        }
    }
}

#[test]
fn news2_of_a_known_case() {
    let input = News2Input {
        resp_rate: Some(24.0),
        spo2: Some(93.0),
        spo2_scale: None,
        on_oxygen: Some(true),
        systolic_bp: Some(100.0),
        pulse: Some(111.0),
        consciousness: Some(Acvpu::Alert),
        temperature: Some(38.1),
    };
    assert_eq!(news2(&input).total(), Some(11));
}

#[test]
fn news2_is_for_adults_who_are_not_pregnant() {
    use News2Exclusion::{Pregnant, Under16};
    for (age, pregnant, expected) in [
        (None, None, None),
        (Some(16.0), None, None),
        (Some(15.999), None, Some(Under16)),
        (Some(0.0), Some(false), Some(Under16)),
        (Some(15.0), Some(true), Some(Under16)),
        (Some(16.0), Some(true), Some(Pregnant)),
        (None, Some(true), Some(Pregnant)),
        (Some(40.0), Some(false), None),
    ] {
        assert_eq!(
            News2Exclusion::of(age, pregnant),
            expected,
            "{age:?} {pregnant:?}"
        );
    }
}
