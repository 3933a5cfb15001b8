//! What is no number is missing and reported, in features, scores and conditions; sums are whole; nothing depends on batch cuts.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::path::Path;
use std::sync::Arc;

use support::{Row, alerts, row, run, windows};
use wardwatch_clinical::VitalSign::{HeartRate, Spo2, Steps};
use wardwatch_pipeline::Pipeline;
use wardwatch_shard::Outputs;

/// A pipeline with these features over a minute, and what follows them.
fn pipeline(features: &str, rest: &str) -> Arc<Pipeline> {
    let text = format!(
        "pipeline: test
version: 1
sources:
  - {{ name: bedside, topic: vitals.bedside, format: observation-json }}
time: {{ lateness: 2m, hold: 0s, grace: 2s, future_skew: 10s, silent_after: 60s, forget_after: 1h }}
features:
  - name: short
    window: 1m
    every: 10s
    sql: |
      SELECT patient_id, {features} FROM vitals GROUP BY patient_id
{rest}"
    );
    Arc::new(
        Pipeline::parse(&text, Path::new("models")).unwrap_or_else(|error| panic!("{features}: {error}")),
    )
}

/// By window, its features.
fn features(out: &Outputs) -> Vec<Vec<Option<f64>>> {
    let number = |bits: Option<u64>| bits.map(f64::from_bits);
    windows(out)
        .into_iter()
        .map(|window| window.4.into_iter().map(number).collect())
        .collect()
}

/// One SpO2 a second: 97 at every tenth, else 89.
fn low_saturations() -> Vec<Row> {
    let value = |second: i64| if second % 10 == 0 { 97.0 } else { 89.0 };
    (0..90)
        .map(|second| row("a", second, Spo2, value(second)))
        .collect()
}

#[test]
fn the_sum_of_whole_numbers_is_whole() {
    let pipeline = pipeline(
        "sum(steps) AS s, floor(sum(steps)) AS whole, avg(steps) AS mean,
         CASE WHEN sum(steps) = round(sum(steps)) THEN 1 ELSE 0 END AS is_whole,
         sum(steps) FILTER (WHERE steps >= 0) AS filtered, sum(CAST(floor(steps) AS BIGINT)) AS cast_sum",
        "",
    );
    let rows: Vec<Row> = [(0, 0.0), (1, 0.0), (2, 7.0), (130, 0.0)]
        .map(|(second, value)| row("a", second, Steps, value))
        .into();
    let first = &features(&run(&pipeline, &rows, &[1], usize::MAX))[0];
    assert_eq!(first[..2], [Some(7.0), Some(7.0)]);
    assert_eq!(first[3..], [Some(1.0), Some(7.0), Some(7.0)]);
    // Thirds, sevenths and elevenths: a mean times its count is often a hair less than the sum.
    let rows: Vec<Row> = (0..60)
        .map(|second| row("a", second, Steps, (second * second % 97) as f64))
        .collect();
    let mut sum = 0.0;
    for (at, window) in features(&run(&pipeline, &rows, &[7], usize::MAX))
        .iter()
        .enumerate()
    {
        sum += (at * 10..at * 10 + 10)
            .map(|second| (second * second % 97) as f64)
            .sum::<f64>();
        assert_eq!(window[0], Some(sum), "window {at}");
        assert_eq!(window[1], window[0]);
        assert_eq!(window[3..], [Some(1.0), window[0], window[0]]);
    }
}

#[test]
fn a_share_is_the_same_in_a_feature_a_score_and_a_condition() {
    let pipeline = pipeline(
        "count(spo2) FILTER (WHERE spo2 < 90) / count(spo2) AS share, count(spo2) FILTER (WHERE spo2 < 90) AS low, count(spo2) AS n",
        "scores:
  - { name: of_features, sql: low / n }
alarms:
  - { name: in_sql, when: share > 0.5, priority: high }
  - { name: in_when, when: low / n > 0.5, priority: high }
  - { name: in_score, when: of_features > 0.5, priority: high }
",
    );
    let out = run(&pipeline, &low_saturations(), &[10], usize::MAX);
    assert_eq!(features(&out)[0][0], Some(0.9));
    assert_eq!(out.scores[0].scores[0].value, Some(0.9));
    for alarm in ["in_sql", "in_when", "in_score"] {
        assert!(
            alerts(&out, "a").contains(&(alarm.to_owned(), "start", 10)),
            "{alarm}: {:?}",
            alerts(&out, "a")
        );
    }
}

/// No heart rate is measured, so every quotient below divides by zero: infinity and NaN would be greater than any threshold.
#[test]
fn no_alarm_begins_on_what_is_no_number() {
    let conditions = [
        "low / beats > 0.5",
        "beats / beats > 0.5",
        "low % beats >= 1",
        "low // beats > 0",
        "ln(beats) < 0",
        "exp(low * 1000) > 1",
        "power(10, n * 100) > 1",
        "low * 1e308 > 0",
        "CAST(n AS BIGINT) * 9223372036854775807 <> 0",
        "low / (n - n) > 0",
    ];
    let alarms: Vec<String> = conditions
        .iter()
        .enumerate()
        .map(|(at, when)| format!("  - {{ name: alarm_{at}, when: \"{when}\", priority: high }}\n"))
        .collect();
    let pipeline = pipeline(
        "count(spo2) FILTER (WHERE spo2 < 90) AS low, count(spo2) AS n, count(heart_rate) AS beats",
        &format!("alarms:\n{}", alarms.join("")),
    );
    let out = run(&pipeline, &low_saturations(), &[10], usize::MAX);
    let begun: Vec<_> = alerts(&out, "a")
        .into_iter()
        .filter(|alert| alert.0.starts_with("alarm"))
        .collect();
    assert_eq!(begun, []);
    for (at, when) in conditions.iter().enumerate() {
        let failure = out.failures.get(&format!("alarm alarm_{at}"));
        assert!(
            failure.is_some_and(|failure| failure.windows > 0),
            "{when}: {failure:?}"
        );
    }
}

#[test]
fn features_that_overflow_are_missing_and_reported_and_the_others_stand() {
    let pipeline = pipeline(
        "sum(CAST(spo2 AS BIGINT) * 50000000000000000) AS too_large, avg(spo2) AS mean,
         sum(8 / (spo2 - 89)) AS one_a_window, count(spo2) / (count(spo2) - 10) AS share, max(spo2) AS most",
        "",
    );
    let out = run(&pipeline, &low_saturations()[..10], &[3], usize::MAX);
    assert_eq!(features(&out), [[None, Some(89.8), Some(1.0), None, Some(97.0)]]);
    let failure = out.failures["feature set short"];
    assert_eq!((failure.windows, failure.readings), (1, 9));
    assert_eq!(out.counts.failed, 10);
    assert!(failure.reason.contains("division by zero"), "{failure:?}");
}

/// To the last bit, also of aggregates that are not fused, with values out of order.
#[test]
fn windows_do_not_depend_on_how_the_log_is_cut() {
    let pipeline = pipeline(
        "sum(spo2 * 1.1) AS a, avg(spo2 * 1.1) AS b, var(spo2 * 1.1) AS c, corr(spo2, extract(epoch FROM ts)) AS d,
         regr_intercept(spo2, extract(epoch FROM ts)) AS e, stddev(heart_rate) FILTER (WHERE heart_rate > 60) AS f,
         slope(heart_rate) FILTER (WHERE heart_rate > 60) AS g, median(spo2) AS h, sum(spo2) AS i, var(heart_rate) AS j,
         first_value(spo2 ORDER BY ts) AS k, percentile_cont(0.3) WITHIN GROUP (ORDER BY heart_rate) AS l",
        "",
    );
    let rows: Vec<Row> = (0..400)
        .map(|at: i64| {
            let (late, pick) = ((at * 7 % 13) * i64::from(at % 3 == 0), at * 7919 % 1009);
            let vital = if at % 2 == 0 { Spo2 } else { HeartRate };
            let patient = ["a", "b", "c"][(at % 3) as usize];
            let mut row = row(patient, (at / 2 - late).max(0), vital, 70.0 + pick as f64 / 37.0);
            row.append = at / 2;
            row
        })
        .collect();
    let whole = windows(&run(&pipeline, &rows, &[400], usize::MAX));
    assert!(whole.len() > 50, "{}", whole.len());
    for cuts in [&[1][..], &[3], &[7, 1, 20], &[64], &[199, 1]] {
        assert_eq!(
            windows(&run(&pipeline, &rows, cuts, usize::MAX)),
            whole,
            "{cuts:?}"
        );
    }
}
