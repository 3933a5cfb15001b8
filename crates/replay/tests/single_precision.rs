//! What was measured as 88.0 or 38.3 is 88.0 or 38.3, however it travelled: in single precision, as a fraction, in
//! another unit, through JSON, CSV or Parquet.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, RecordBatch, StringArray, TimestampSecondArray};
use parquet::arrow::ArrowWriter;
use wardwatch_alarms::{Comparison, Operator};
use wardwatch_clinical::VitalSign;
use wardwatch_clinical::numbers::comparable;
use wardwatch_ingest::{Reading, Value};
use wardwatch_pipeline::Pipeline;
use wardwatch_replay::{Results, replay};

/// One way for a value in the canonical unit to be sent: a unit, and the number in it.
type Way = (&'static str, fn(f64) -> f64);

/// Numbers that are decimals of few digits in the unit that is sent, so that nothing is lost but precision.
const EXACT: [(VitalSign, &[Way]); 9] = [
    (VitalSign::HeartRate, &[("/min", |value| value)]),
    (VitalSign::RespRate, &[("/min", |value| value)]),
    (
        VitalSign::Spo2,
        &[("%", |value| value), ("1", |value| value / 100.0)],
    ),
    (
        VitalSign::Fio2,
        &[("%", |value| value), ("1", |value| value / 100.0)],
    ),
    (VitalSign::SystolicBp, &[("mm[Hg]", |value| value)]),
    (VitalSign::Etco2, &[("mm[Hg]", |value| value)]),
    (
        VitalSign::Temperature,
        &[
            ("Cel", |value| value),
            ("[degF]", |value| (value * 1_800.0).round() / 1_000.0 + 32.0),
            ("K", |value| ((value + 273.15) * 100.0).round() / 100.0),
        ],
    ),
    (
        VitalSign::O2Flow,
        &[
            ("L/min", |value| value),
            ("mL/min", |value| (value * 1_000.0).round()),
        ],
    ),
    (VitalSign::Steps, &[("/min", |value| value)]),
];

/// Numbers with many digits, and numbers that a sender has computed from singles.
const ROUNDED: [(VitalSign, &[Way]); 7] = [
    (VitalSign::HeartRate, &[("/s", |value| value / 60.0)]),
    (VitalSign::RespRate, &[("/s", |value| value / 60.0)]),
    (
        VitalSign::Spo2,
        &[
            ("%", |value| f64::from((value / 100.0) as f32) * 100.0),
            ("%", |value| f64::from((value / 100.0) as f32 * 100.0)),
        ],
    ),
    (
        VitalSign::Fio2,
        &[("%", |value| f64::from((value / 100.0) as f32) * 100.0)],
    ),
    (
        VitalSign::SystolicBp,
        &[
            ("kPa", |value| value * 0.133_322),
            ("cm[H2O]", |value| value * 133.322 / 98.066_5),
            ("mm[Hg]", |value| {
                f64::from((value * 0.133_322) as f32 / 0.133_322)
            }),
        ],
    ),
    (VitalSign::Etco2, &[("kPa", |value| value * 0.133_322)]),
    (
        VitalSign::Temperature,
        &[
            ("Cel", |value| {
                f64::from(((value * 1.8 + 32.0) as f32 - 32.0) * 5.0 / 9.0)
            }),
            ("Cel", |value| {
                format!("{:.6}", f64::from(value as f32)).parse().unwrap()
            }),
        ],
    ),
];

/// Every hundredth of what is plausible.
fn hundredths(vital: VitalSign) -> impl Iterator<Item = f64> {
    let plausible = vital.plausible();
    let (first, last) = (plausible.start() * 100.0, plausible.end() * 100.0);
    (first as u32..=last as u32).map(|hundredths| f64::from(hundredths) / 100.0)
}

fn single(number: f64) -> f64 {
    f64::from(number as f32)
}

fn read(vital: VitalSign, unit: &str, number: f64) -> f64 {
    let reading = Reading::validate(vital.name(), Value::Number(number), Some(unit));
    reading
        .unwrap_or_else(|flaw| panic!("{vital} {number} {unit}: {flaw}"))
        .expect("it is a measurement")
        .value
}

/// A value stands to every limit near it as the decimal does.
fn compares_as(vital: VitalSign, value: f64, decimal: f64) {
    for threshold in
        [decimal - 0.01, decimal, decimal + 0.01].map(|threshold| (threshold * 100.0).round() / 100.0)
    {
        for operator in [
            Operator::Below,
            Operator::AtMost,
            Operator::Above,
            Operator::AtLeast,
        ] {
            let limit = Comparison {
                vital,
                operator,
                threshold,
            };
            assert_eq!(
                limit.is_violated_by(value),
                limit.is_violated_by(decimal),
                "{value} against {limit}"
            );
        }
    }
    // As in a condition, and on the screen.
    assert_eq!(comparable(value), comparable(decimal));
    assert_eq!(format!("{value:.2}"), format!("{decimal:.2}"));
}

#[test]
fn every_hundredth_comes_back_exactly() {
    for (vital, ways) in EXACT {
        for decimal in hundredths(vital) {
            for (unit, sent) in ways {
                assert_eq!(read(vital, unit, sent(decimal)), decimal, "{vital} in {unit}");
                assert_eq!(
                    read(vital, unit, single(sent(decimal))),
                    decimal,
                    "{vital} in {unit} as a single"
                );
            }
        }
    }
}

#[test]
fn every_hundredth_compares_as_what_was_measured() {
    for (vital, ways) in ROUNDED {
        for decimal in hundredths(vital) {
            for (unit, sent) in ways {
                compares_as(vital, read(vital, unit, sent(decimal)), decimal);
                compares_as(vital, read(vital, unit, single(sent(decimal))), decimal);
            }
        }
    }
}

const PIPELINE: &str = r#"
pipeline: precise
version: 1
sources: [{ name: bedside, topic: vitals.bedside, format: observation-json }]
time: { lateness: 2m, hold: 0s, grace: off, future_skew: 10s, silent_after: 60s, forget_after: 24h }
features:
  - name: short
    window: 10s
    every: 10s
    sql: |
      SELECT patient_id, avg(spo2) AS spo2_mean, min(spo2) AS spo2_min, time_below(spo2, 88) AS seconds_low,
             count(*) FILTER (WHERE temperature >= 38.3) AS hot
      FROM vitals GROUP BY patient_id
alarms:
  - { name: desaturation, limit: spo2 < 88, clear_when: spo2 >= 90, priority: high }
  - { name: fever, limit: temperature >= 38.3, clear_when: temperature < 38.2, priority: medium }
  - { name: low_mean, when: spo2_mean < 88, clear_when: spo2_mean >= 90, priority: low }
  - { name: low, when: spo2_min <= 88 AND seconds_low = 0, priority: low }
"#;

/// Second by second: temperature and saturation.
fn course() -> Vec<(f64, f64)> {
    let saturations = [
        (88.0, 20),
        (87.9, 10),
        (89.9, 10),
        (90.0, 20),
        (88.0, 20),
        (95.0, 10),
    ];
    let temperatures = [
        (38.2, 15),
        (38.3, 15),
        (38.2, 15),
        (38.1, 15),
        (38.3, 15),
        (36.6, 15),
    ];
    let seconds = |steps: [(f64, usize); 6]| {
        steps
            .into_iter()
            .flat_map(|(value, seconds)| vec![value; seconds])
    };
    seconds(temperatures).zip(seconds(saturations)).collect()
}

fn at(second: usize) -> String {
    format!("2026-03-01T10:{:02}:{:02}Z", second / 60, second % 60)
}

fn ndjson(path: &Path, saturation_unit: &str, sent: impl Fn(f64) -> f64) -> PathBuf {
    let scale = if saturation_unit == "1" { 100.0 } else { 1.0 };
    let line = |(second, (temperature, saturation)): (usize, (f64, f64))| {
        let (temperature, saturation) = (sent(temperature), sent(saturation / scale));
        format!(
            r#"{{"patient_id":"p-1","ts":"{}","observations":[{{"code":"temperature","value":{temperature},"unit":"Cel"}},{{"code":"spo2","value":{saturation},"unit":"{saturation_unit}"}}]}}"#,
            at(second)
        ) + "\n"
    };
    fs::write(
        path,
        course().into_iter().enumerate().map(line).collect::<String>(),
    )
    .unwrap();
    path.to_owned()
}

fn parquet(path: &Path) -> PathBuf {
    let course = course();
    let (mut codes, mut units, mut values, mut times) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (second, (temperature, saturation)) in course.into_iter().enumerate() {
        codes.extend(["temperature", "spo2"]);
        units.extend(["Cel", "%"]);
        values.extend([temperature as f32, saturation as f32]);
        times.extend([1_772_359_200 + second as i64; 2]);
    }
    let columns: [(&str, ArrayRef); 5] = [
        (
            "patient_id",
            Arc::new(StringArray::from(vec!["p-1"; codes.len()])),
        ),
        ("ts", Arc::new(TimestampSecondArray::from(times))),
        ("code", Arc::new(StringArray::from(codes))),
        ("value", Arc::new(Float32Array::from(values))),
        ("unit", Arc::new(StringArray::from(units))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    path.to_owned()
}

#[test]
fn alerts_are_the_same_however_the_values_travelled() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let pipeline = Arc::new(Pipeline::parse(PIPELINE, folder.path()).unwrap());
    let alerts = |input: PathBuf| {
        let results = Results {
            alerts: Some(file("alerts.ndjson")),
            ..Results::default()
        };
        replay(&pipeline, &[input], &results, |_| ()).unwrap();
        fs::read_to_string(file("alerts.ndjson")).unwrap()
    };
    let expected = alerts(ndjson(&file("double.ndjson"), "%", |value| value));
    let told: Vec<(String, String, String)> = expected
        .lines()
        .map(|line| {
            let alert: serde_json::Value = serde_json::from_str(line).unwrap();
            let text = |name: &str| alert[name].as_str().unwrap().to_owned();
            (
                text("phase"),
                text("text"),
                text("condition_start")[17..19].to_owned(),
            )
        })
        .filter(|(_, text, _)| text.contains("SpO2") || text.contains("Temp"))
        .collect();
    let told: Vec<[&str; 3]> = told
        .iter()
        .map(|(phase, text, second)| [&phase[..], text, second])
        .collect();
    assert_eq!(
        told,
        [
            ["start", "Temp 38.3 °C, limit temperature >= 38.3", "15"],
            ["start", "SpO2 87.9 %, limit spo2 < 88", "20"],
            ["end", "SpO2 90 %: ended", "20"],
            ["end", "Temp 38.1 °C: ended", "15"],
            ["start", "Temp 38.3 °C, limit temperature >= 38.3", "00"],
            ["end", "Temp 36.6 °C: ended", "00"],
        ]
    );
    for (way, input) in [
        ("a single, widened", ndjson(&file("single.ndjson"), "%", single)),
        ("a fraction", ndjson(&file("fraction.ndjson"), "1", |value| value)),
        ("a single fraction", ndjson(&file("both.ndjson"), "1", single)),
        ("a column of singles", parquet(&file("single.parquet"))),
    ] {
        assert_eq!(alerts(input), expected, "{way}");
    }
}
