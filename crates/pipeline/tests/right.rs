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
             time_below(spo2, 90) AS seconds_low, age(spo2) AS spo2_age, avg(spo2) AS spo2_mean, count(spo2) AS n,
             count(spo2) FILTER (WHERE spo2 < 90) AS n_low, slope(temperature) AS temp_slope,
             percentile_cont(0.25) WITHIN GROUP (ORDER BY spo2) AS spo2_p25,
             percentile_cont(0.9) WITHIN GROUP (ORDER BY heart_rate DESC) AS hr_p90,
             sum(CASE WHEN spo2 < 90 THEN 1 ELSE 0 END) AS sum_low FROM vitals GROUP BY patient_id";

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
    // The remainder rises and falls.
    ("spo2_mean % 10 = 7", "spo2_mean % 10 <> 7"),
    ("spo2_mean % 10 = 7.3", "spo2_mean % 10 < 2"),
    ("spo2_mean % 10 > 9.99", ""),
    ("spo2 % 2.5 = 1.25", ""),
    ("spo2 % 0.1 < 0.01", ""),
    ("(spo2_mean - 97) % 10 = -7", ""),
    ("(spo2_mean - 97) % -10 = -7", ""),
    ("-spo2_mean % 10 = -7", ""),
    ("temp_slope % 3 = -2.5", ""),
    ("100 % spo2_mean = 3", ""),
    ("100 % temp_slope = 3", ""),
    ("hr_mean % temp_slope > 200", ""),
    ("temp % 100 > 39", "temp % 100 < 38"),
    ("n % 2 = 1", "n % 2 = 0"),
    ("n_low % n = 3", ""),
    ("n_low % (n - 10) = 3", ""),
    // Equality with what the names are computed to, at single points.
    ("spo2_mean + 1 = 98", ""),
    ("spo2_mean * 3 = 291", ""),
    ("abs(temp - 37) = 2.5", ""),
    ("round(spo2_mean) = 93", ""),
    ("floor(spo2_mean / 10) = 9", "floor(spo2_mean / 10) = 8"),
    ("ceil(temp) = 40", ""),
    ("round(spo2_mean, -1) = 90", ""),
    ("round(spo2_mean, -2) = 100", ""),
    ("trunc(spo2_mean, 1) = 97.3", ""),
    ("CAST(spo2_mean AS INT) = 93", ""),
    ("CAST(temp AS BIGINT) = 38 AND temp > 38", ""),
    ("CAST(spo2_mean AS VARCHAR) = '93'", ""),
    ("CAST(on_oxygen AS INT) = 1", ""),
    ("power(temp, 2) = 1444", ""),
    ("hr_mean * hr_mean = 14400", ""),
    // A percentile is one of the values, not the share that it is asked by.
    ("spo2_p25 < 90", "spo2_p25 >= 92"),
    ("hr_p90 > 130", "hr_p90 < 110"),
    // Shares of counts.
    ("n_low / n > 0.5", "n_low / n < 0.3"),
    ("sum_low / n > 0.5", "sum_low / n < 0.3"),
    ("n_low * 100 / n >= 90", ""),
    ("n_low // 3 = 2", ""),
    // Whole numbers have nothing between them.
    ("n_low > 3", "n_low < 4"),
    ("early > 4", "early < 5"),
    ("n_low >= 3.5", "n_low <= 3.4"),
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

/// What a pipeline is warned of, with `item` as a feature and `when` as a condition.
fn warned(item: &str, when: &str) -> Vec<String> {
    let features = FEATURES.replace(" FROM", &format!(", {item} AS item FROM"));
    let text = HEAD.replace("FEATURES", &features)
        + &format!("  - {{ name: two, when: \"{when}\", priority: low }}\n");
    let pipeline = load(&text).unwrap_or_else(|error| panic!("{item} | {when}: {error}"));
    let warnings = pipeline.warnings.all().iter();
    warnings
        .map(|warning| {
            format!(
                "{}: {}",
                warning.code,
                &text.lines().nth(warning.line - 1).unwrap()[warning.column - 1..]
            )
        })
        .collect()
}

#[test]
fn a_share_that_is_made_whole_is_warned_of() {
    let share = "count(spo2) FILTER (WHERE spo2 < 90) / count(spo2)";
    for whole in [
        "floor({})",
        "trunc({})",
        "CAST({} AS BIGINT)",
        "CAST({} AS INT)",
        "floor(({}))",
    ] {
        let (item, when) = (
            whole.replace("{}", share),
            whole.replace("{}", "n_low / n") + " > 0",
        );
        let found = warned(&item, &when);
        assert_eq!(found.len(), 2, "{whole}: {found:?}");
        assert!(
            found[0].starts_with("whole-share: ") && found[0].contains(share),
            "{found:?}"
        );
        assert!(found[1].contains("n_low / n"), "{found:?}");
    }
    assert_eq!(
        warned("count(spo2) // count(heart_rate)", "n_low // n > 0").len(),
        2
    );
    assert_eq!(
        warned(
            "sum(CASE WHEN spo2 < 90 THEN 1 ELSE 0 END) // count(spo2)",
            "sum_low // n > 0"
        )
        .len(),
        2
    );
    for (item, when) in [
        (share, "n_low / n > 0.5"),
        ("floor(avg(spo2) / 10)", "floor(n / 10) > 3"),
        ("count(spo2) // 10", "round(n_low / n) = 1"),
        (
            "floor(100 * count(spo2) / count(heart_rate))",
            "floor(temp / n) > 3",
        ),
    ] {
        assert!(
            warned(item, when).iter().all(|found| found.contains("100 *")),
            "{item} | {when}: {:?}",
            warned(item, when)
        );
    }
}

#[test]
fn feature_sets_are_taken() {
    for sql in SETS {
        let text = HEAD.replace("FEATURES", &sql.replace('\n', "\n      "));
        load(&text).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}
