//! Right pipelines are never refused: what the checks of meaning do not understand may be anything.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;

use wardwatch_pipeline::Pipeline;

const HEAD: &str = "pipeline: right
version: 1
sources:
  - { name: bedside, topic: vitals.bedside, format: observation-json }
  - { name: wearable, topic: telemetry.wearable, format: observation-json, trend_only: true }
features:
  - name: short
    window: 5m
    every: 10s
    sql: |
      FEATURES
scores:
  - { name: early, sql: 'news2(resp_rate, spo2, spo2_scale, on_oxygen, systolic_bp, pulse, consciousness, temperature)' }
  - { name: shock, sql: 'shock_index(hr_mean, systolic_bp)' }
alarms:
  - { name: one, limit: spo2 < 88, clear_when: spo2 >= 90, priority: high }
";

const FEATURES: &str =
    "SELECT patient_id, avg(heart_rate) AS hr_mean, latest(temperature) AS temp, min(spo2) AS spo2_low,
             time_below(spo2, 90) AS seconds_low, age(spo2) AS spo2_age FROM vitals GROUP BY patient_id";

/// Conditions with their ends.
const CONDITIONS: &[(&str, &str)] = &[
    ("hr_mean > 130", "hr_mean < 120"),
    ("hr_mean > 130 OR hr_mean < 40", "hr_mean BETWEEN 45 AND 120"),
    ("NOT (hr_mean BETWEEN 40 AND 130)", ""),
    ("temp NOT BETWEEN 35 AND 39", "temp BETWEEN 35.5 AND 38.5"),
    ("hr_mean > 130 AND temp > 38", ""),
    ("hr_mean IS NULL", "hr_mean IS NOT NULL"),
    ("coalesce(temp, 37) > 38.5", "coalesce(temp, 37) <= 38"),
    ("CASE WHEN age < 16 THEN hr_mean > 160 ELSE hr_mean > 130 END", ""),
    (
        "CASE WHEN systolic_bp <= 0 THEN NULL ELSE hr_mean / systolic_bp END > 1",
        "",
    ),
    ("systolic_bp > 0 AND hr_mean / systolic_bp > 1", ""),
    ("abs(temp - 37) > 2", "abs(temp - 37) < 1"),
    ("hr_mean > 220 - age", ""),
    ("early_lowest >= 5", "early_highest < 5"),
    ("early >= 20", "early < 15"),
    ("shock > 1.0", "shock < 0.8"),
    ("seconds_low >= 300", "seconds_low < 60"),
    ("spo2_age > 60", "spo2_age < 30"),
    ("sex = 'female' AND hr_mean > 120", ""),
    ("sex IN ('female', 'male') AND hr_mean > 120", ""),
    ("ward LIKE 'icu%' AND hr_mean > 120", ""),
    ("ward = 'north' AND hr_mean > 120", ""),
    ("on_oxygen AND spo2 < 92", "NOT on_oxygen OR spo2 >= 94"),
    (
        "pregnant AND systolic_bp > 140",
        "NOT pregnant OR systolic_bp < 135",
    ),
    (
        "news2(resp_rate, spo2, spo2_scale, on_oxygen, systolic_bp, pulse, consciousness, temperature, age, pregnant)['total'] > 6",
        "",
    ),
    ("spo2_scale = 2 AND spo2 > 96", ""),
    ("spo2 = 100", ""),
    ("round(temp) >= 39", ""),
    ("greatest(hr_mean, pulse) > 140", ""),
    ("0.1 * hr_mean + 0.2 * temp > 20", ""),
    ("hr_mean - 1.5 * resp_rate > 60", ""),
    ("(hr_mean - 80) / 20.0 > 2", ""),
    ("power(temp - 37, 2) > 4", ""),
    ("fio2 > 40 AND spo2 < 90", ""),
    ("gcs_total < 9 OR consciousness >= 3", ""),
    ("age_years >= 65 AND early >= 3", ""),
    ("hr_mean > 130 AND (sex <> 'male' OR age > 50)", ""),
    ("hr_mean <= hr_mean + 1 AND temp > 39", ""),
    ("temp > 38 AND temp <= 38.01", ""),
];

/// Feature sets.
const SETS: &[&str] = &[
    "select PATIENT_ID, AVG(HEART_RATE) AS hr_mean FROM vitals GROUP BY PATIENT_ID",
    "SELECT patient_id, avg(heart_rate) AS hr_mean FROM Vitals GROUP BY vitals.patient_id",
    "SELECT v.patient_id, avg(v.heart_rate) AS hr_mean FROM vitals v GROUP BY v.patient_id",
    "SELECT patient_id, avg(heart_rate) FILTER (WHERE source = 'bedside') AS hr_mean FROM vitals GROUP BY patient_id",
    "SELECT patient_id, avg(heart_rate) FILTER (WHERE heart_rate > 0) AS hr_mean FROM vitals GROUP BY patient_id",
    "SELECT patient_id, avg(heart_rate) AS hr_mean, avg(CASE WHEN spo2 < 90 THEN 1 ELSE 0 END) AS share_low FROM vitals GROUP BY patient_id",
    "SELECT patient_id, max(heart_rate) - min(heart_rate) AS hr_mean FROM vitals WHERE source <> 'wearable' GROUP BY patient_id",
    "SELECT patient_id, coalesce(avg(pulse), avg(heart_rate)) AS hr_mean -- either\n FROM vitals GROUP BY patient_id",
    "SELECT patient_id, /* a comment */ avg(heart_rate) AS hr_mean, slope(spo2) * 60 AS per_hour FROM vitals GROUP BY patient_id",
];

fn load(text: &str) -> Result<Pipeline, String> {
    Pipeline::load_text(Path::new("right.yaml"), text, Some(Path::new("../../models")))
        .map_err(|error| error.to_string())
}

#[test]
fn conditions_are_taken() {
    for (when, clear) in CONDITIONS {
        let clear = match clear.is_empty() {
            true => String::new(),
            false => format!(", clear_when: \"{clear}\""),
        };
        let text = HEAD.replace("FEATURES", FEATURES)
            + &format!("  - {{ name: two, when: \"{when}\"{clear}, priority: low }}\n");
        load(&text).unwrap_or_else(|error| panic!("{when} | {clear}: {error}"));
    }
}

#[test]
fn feature_sets_are_taken() {
    for sql in SETS {
        let text = HEAD.replace("FEATURES", &sql.replace('\n', "\n      "));
        load(&text).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}
