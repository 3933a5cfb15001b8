//! Numbers as a user sees them: through `validate`, `replay` and `sql`.
#![allow(clippy::unwrap_used, missing_docs)]

mod program;

use std::fs;

use program::{text, wardwatch};

fn pipeline(features: &str, alarms: &str) -> String {
    format!(
        "pipeline: small
version: 1
sources: [{{ name: bedside, topic: vitals.bedside, format: observation-json }}]
time: {{ lateness: 2m, hold: 0s, grace: 2s, future_skew: 10s, silent_after: 60s, forget_after: 24h }}
features:
  - name: short
    window: 1m
    every: 10s
    sql: SELECT patient_id, {features} FROM vitals GROUP BY patient_id
alarms:
  - {{ name: desaturation, limit: spo2 < 88, for: 15s, at_once: spo2 < 80, priority: high }}
{alarms}"
    )
}

/// One SpO2 a second: 97 at every tenth, else 89.
fn saturations() -> String {
    let line = |second: u32| {
        let value = if second.is_multiple_of(10) { 97 } else { 89 };
        let ts = format!("2026-03-01T10:{:02}:{:02}Z", second / 60, second % 60);
        format!(
            "{{\"patient_id\":\"p-1\",\"ts\":\"{ts}\",\"code\":\"spo2\",\"value\":{value},\"unit\":\"%\"}}\n"
        )
    };
    (0..90).map(line).collect()
}

#[test]
fn a_share_raises_the_same_alarm_from_sql_and_from_a_condition() {
    let dir = tempfile::tempdir().unwrap();
    let features = "count(spo2) FILTER (WHERE spo2 < 90) / count(spo2) AS share, \
                    count(spo2) FILTER (WHERE spo2 < 90) AS low, count(spo2) AS n, count(heart_rate) AS beats";
    let alarms = "  - { name: share_in_sql, when: share > 0.5, priority: high }
  - { name: share_in_when, when: low / n > 0.5, priority: high }
  - { name: share_of_none, when: low / beats > 0.5, priority: high }
";
    fs::write(dir.path().join("p.yaml"), pipeline(features, alarms)).unwrap();
    fs::write(dir.path().join("in.ndjson"), saturations()).unwrap();
    let output = wardwatch(
        dir.path(),
        &["replay", "p.yaml", "--input", "in.ndjson", "--alerts", "a.ndjson"],
    );
    assert!(output.status.success(), "{}", text(&output.stderr));
    let alerts = fs::read_to_string(dir.path().join("a.ndjson")).unwrap();
    let begins = |alarm: &str| {
        alerts
            .lines()
            .filter(|line| line.contains(&format!("\"alarm\":\"{alarm}\"")))
            .count()
    };
    assert_eq!(
        (
            begins("share_in_sql"),
            begins("share_in_when"),
            begins("share_of_none")
        ),
        (1, 1, 0),
        "{alerts}"
    );
    let told = text(&output.stdout) + &text(&output.stderr);
    assert!(
        told.contains("windows of alarm share_of_none: a division by zero"),
        "{told}"
    );
}

#[test]
fn validate_warns_of_a_share_that_is_made_whole() {
    let dir = tempfile::tempdir().unwrap();
    let features = "floor(count(spo2) FILTER (WHERE spo2 < 90) / count(spo2)) AS share";
    fs::write(dir.path().join("p.yaml"), pipeline(features, "")).unwrap();
    let output = wardwatch(dir.path(), &["validate", "p.yaml"]);
    let told = text(&output.stdout);
    assert!(output.status.success(), "{told}");
    for wanted in [
        "p.yaml: valid",
        "warning[whole-share]",
        "p.yaml:9:",
        "= help: leave it as it is",
    ] {
        assert!(told.contains(wanted), "{wanted}: {told}");
    }
    let json = text(&wardwatch(dir.path(), &["validate", "p.yaml", "--output", "json"]).stdout);
    assert!(
        json.contains("\"warnings\"") && json.contains("\"code\": \"whole-share\""),
        "{json}"
    );
}

#[test]
fn what_validate_takes_and_refuses() {
    let dir = tempfile::tempdir().unwrap();
    for (features, alarms, told) in [
        (
            "avg(spo2) AS m",
            "  - { name: odd, when: m % 10 = 7, clear_when: m % 10 <> 7, priority: low }\n",
            "valid",
        ),
        (
            "avg(spo2) AS m",
            "  - { name: odd, when: m % 10 > 12, priority: low }\n",
            "never holds",
        ),
        (
            "avg(spo2) AS m",
            "  - { name: odd, when: m / 0 > 12, priority: low }\n",
            "divides by zero",
        ),
        (
            "approx_percentile_cont(spo2, 0.9) AS m",
            "",
            "use percentile_cont(0.9) WITHIN GROUP",
        ),
        ("any_value(spo2) AS m", "", "use latest(x)"),
        (
            "array_agg(spo2 ORDER BY spo2)[1] + nth_value(heart_rate, 2 ORDER BY ts) AS m",
            "",
            "give one of them a set of its own",
        ),
        (
            "sum(steps) AS m, sum(CAST(steps AS BIGINT)) AS n",
            "",
            "sum(CAST(x + 0 AS BIGINT))",
        ),
        (
            "sum(steps) AS m, sum(CAST(steps + 0 AS BIGINT)) AS n",
            "",
            "valid",
        ),
        ("sum(CAST(spo2 AS DECIMAL(10, 2))) AS m", "", "AS DOUBLE"),
    ] {
        fs::write(dir.path().join("p.yaml"), pipeline(features, alarms)).unwrap();
        let output = wardwatch(dir.path(), &["validate", "p.yaml"]);
        assert!(
            text(&output.stdout).contains(told),
            "{features} {alarms}: {}",
            text(&output.stdout)
        );
    }
}

#[test]
fn sql_computes_as_a_pipeline_does() {
    let dir = tempfile::tempdir().unwrap();
    let sql = |query: &str| wardwatch(dir.path(), &["sql", query, "--output", "json"]);
    assert_eq!(
        text(&sql("select 9 / 10 as a, 9 // 10 as b, 97.0 % 10 = 7 as c, sum(x) / count(x) as d from (values (1), (2)) t(x)").stdout),
        "[{\"a\":0.9,\"b\":0,\"c\":true,\"d\":1.5}]\n"
    );
    for (query, told) in [
        ("select 1 / 0 > 0.5", "divides by zero"),
        ("select 1 / x from (values (0)) t(x)", "Divide by zero"),
        (
            "select x from (values (0.0)) t(x) where 1 / x > 0.5",
            "Divide by zero",
        ),
        ("select sum(1 / x) from (values (0)) t(x)", "Divide by zero"),
        (
            "select sum(x) from (values (9223372036854775807), (1)) t(x)",
            "verflow",
        ),
        ("select x * 9223372036854775807 from (values (3)) t(x)", "verflow"),
        ("select ln(x) from (values (0.0)) t(x)", "no number"),
    ] {
        let output = sql(query);
        assert!(!output.status.success(), "{query}: {}", text(&output.stdout));
        assert!(
            text(&output.stderr).contains(told),
            "{query}: {}",
            text(&output.stderr)
        );
    }
}
