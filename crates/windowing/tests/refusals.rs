//! What a feature set's SQL may not be: each refusal has its variant, names the cause and says what to write instead.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use wardwatch_event_time::{Span, Trailing};
use wardwatch_windowing::{PlanError, SetPlan};

fn plan(sql: &str) -> Result<SetPlan, PlanError> {
    let trailing = Trailing::new(Span::from_secs(300), Span::from_secs(10)).unwrap();
    SetPlan::new(sql, trailing, &["bedside".to_owned()])
}

fn refused(sql: &str) -> PlanError {
    plan(sql).expect_err(sql)
}

/// `item` selected in an otherwise good feature set.
fn select(item: &str) -> String {
    format!("SELECT patient_id, {item} AS feature FROM vitals GROUP BY patient_id")
}

#[test]
fn aggregates_that_panes_cannot_hold_or_devices_would_decide() {
    let cases = [
        ("count(*)", "reads no vital sign", "count(heart_rate)"),
        ("count(1)", "reads no vital sign", "count(heart_rate)"),
        ("max(ts)", "reads no vital sign", "count(heart_rate)"),
        ("count(DISTINCT spo2)", "DISTINCT", "drop DISTINCT"),
        ("avg(DISTINCT spo2)", "DISTINCT", "drop DISTINCT"),
        ("corr(heart_rate, spo2)", "two vital signs", "combine the results"),
        (
            "avg(heart_rate / systolic_bp)",
            "two vital signs",
            "combine the results",
        ),
        (
            "avg(heart_rate) FILTER (WHERE spo2 < 90)",
            "two vital signs",
            "combine the results",
        ),
        (
            "last_value(heart_rate ORDER BY spo2)",
            "two vital signs",
            "combine the results",
        ),
        ("count(patient_id)", "patient_id", "read a vital sign"),
        ("array_agg(spo2)[1]", "order of arrival", "ORDER BY ts"),
        ("any_value(spo2)", "order of arrival", "latest(x)"),
        ("approx_distinct(spo2)", "estimates", "array_distinct"),
        ("approx_median(spo2)", "estimates", "median(x)"),
        (
            "approx_percentile_cont(spo2, 0.9)",
            "estimates",
            "percentile_cont(0.9)",
        ),
        (
            "approx_percentile_cont(0.9) WITHIN GROUP (ORDER BY spo2)",
            "estimates",
            "percentile_cont(0.9)",
        ),
        (
            "approx_percentile_cont_with_weight(1, 0.9) WITHIN GROUP (ORDER BY spo2)",
            "estimates",
            "percentile_cont(0.9)",
        ),
        (
            "length(string_agg(CAST(spo2 AS VARCHAR), ',' ORDER BY ts))",
            "a text",
            "array_agg",
        ),
        (
            "sum(CAST(spo2 AS DECIMAL(10, 2)))",
            "Decimal128(10, 2)",
            "AS DOUBLE",
        ),
        (
            "avg(CAST(spo2 AS DECIMAL(5, 1)))",
            "Decimal128(5, 1)",
            "AS DOUBLE",
        ),
        (
            "median(CAST(spo2 AS DECIMAL(5, 1)))",
            "Decimal128(5, 1)",
            "AS DOUBLE",
        ),
        ("cardinality(array_agg(spo2))", "order of arrival", "ORDER BY ts"),
        ("first_value(spo2)", "order of arrival", "ORDER BY ts"),
        ("last_value(spo2)", "order of arrival", "latest(x)"),
        ("nth_value(spo2, 2)", "order of arrival", "ORDER BY ts"),
        ("latest()", "wrong arguments", "latest(spo2)"),
        ("age(spo2, 5)", "wrong arguments", "age(spo2)"),
        ("time_below(spo2)", "wrong arguments", "time_below(spo2, 90)"),
        (
            "time_above(spo2, 90, 5)",
            "wrong arguments",
            "time_below(spo2, 90)",
        ),
    ];
    for (item, why, fix) in cases {
        let error = refused(&select(item));
        assert!(matches!(error, PlanError::Aggregate { .. }), "{item}: {error:?}");
        let message = error.to_string();
        assert!(
            message.contains(why) && message.contains(fix),
            "{item}: {message}"
        );
    }
}

#[test]
fn queries_that_are_not_one_row_a_patient() {
    let cases = [
        ("SELECT avg(spo2) AS f FROM vitals", "not by patient_id"),
        (
            "SELECT avg(spo2) AS f FROM vitals GROUP BY source",
            "not by patient_id",
        ),
        (
            "SELECT avg(spo2) AS f FROM vitals GROUP BY patient_id, source",
            "not by patient_id",
        ),
        ("SELECT avg(spo2) AS f FROM vitals GROUP BY ALL", "GROUP BY ALL"),
        (
            "SELECT avg(spo2) AS f FROM vitals GROUP BY ROLLUP (patient_id)",
            "not by patient_id",
        ),
        (
            "SELECT avg(spo2) AS f FROM vitals GROUP BY patient_id HAVING avg(spo2) > 90",
            "HAVING",
        ),
        (
            "SELECT DISTINCT avg(spo2) AS f FROM vitals GROUP BY patient_id",
            "DISTINCT",
        ),
        (
            "SELECT avg(spo2) AS f FROM vitals GROUP BY patient_id ORDER BY f",
            "ORDER BY",
        ),
        (
            "SELECT avg(spo2) AS f FROM vitals GROUP BY patient_id LIMIT 5",
            "LIMIT",
        ),
        (
            "WITH v AS (SELECT * FROM vitals) SELECT avg(spo2) AS f FROM v GROUP BY patient_id",
            "WITH",
        ),
        (
            "SELECT avg(spo2) AS f FROM vitals GROUP BY patient_id UNION SELECT 1",
            "UNION",
        ),
        (
            "SELECT avg(a.spo2) AS f FROM vitals a JOIN vitals b ON a.ts = b.ts GROUP BY patient_id",
            "exactly the relation",
        ),
        (
            "SELECT avg(spo2) AS f FROM vitals, vitals AS other GROUP BY patient_id",
            "exactly the relation",
        ),
        (
            "SELECT avg(spo2) AS f FROM (SELECT * FROM vitals) GROUP BY patient_id",
            "exactly the relation",
        ),
        (
            "SELECT avg(spo2) AS f FROM patients GROUP BY patient_id",
            "exactly the relation",
        ),
        ("SELECT patient_id FROM vitals GROUP BY patient_id", "no feature"),
        (
            "SELECT avg(spo2) AS f FROM vitals WHERE spo2 > 50 GROUP BY patient_id",
            "WHERE reads spo2",
        ),
        (
            "SELECT avg(spo2) AS f FROM vitals WHERE patient_id = 'p1' GROUP BY patient_id",
            "WHERE reads patient_id",
        ),
        (
            "SELECT avg(avg(spo2)) OVER () AS f FROM vitals GROUP BY patient_id",
            "does not aggregate",
        ),
        ("DELETE FROM vitals", "not a query"),
    ];
    for (sql, why) in cases {
        let error = refused(sql);
        assert!(matches!(error, PlanError::Shape { .. }), "{sql}: {error:?}");
        let message = error.to_string();
        assert!(message.contains(why), "{sql}: {message}");
        assert!(message.contains("; "), "a fix follows the cause: {message}");
    }
}

#[test]
fn results_that_depend_on_when_or_where_they_are_computed() {
    for (item, function) in [
        ("extract(epoch FROM now() - latest_at(spo2))", "now"),
        ("extract(year FROM current_date) - avg(spo2)", "current_date"),
        ("avg(spo2) * random()", "random"),
        ("avg(spo2 + random())", "random"),
        ("length(uuid())", "uuid"),
    ] {
        let error = refused(&select(item));
        assert!(
            matches!(&error, PlanError::NotDeterministic { function: found } if found == function),
            "{item}: {error:?}"
        );
        assert!(error.to_string().contains("use ts or window_end"));
    }
}

#[test]
fn features_that_are_not_numbers() {
    for (item, data_type) in [
        ("CASE WHEN avg(spo2) < 90 THEN 'low' ELSE 'fine' END", "Utf8"),
        ("array_agg(spo2 ORDER BY ts)", "List"),
        ("latest_at(spo2)", "Timestamp"),
        (
            "news2(avg(resp_rate), avg(spo2), 1, 0, avg(systolic_bp), avg(pulse), 0, avg(temperature))",
            "Struct",
        ),
    ] {
        let error = refused(&select(item));
        assert!(
            matches!(&error, PlanError::NotANumber { column, .. } if column == "feature"),
            "{item}: {error:?}"
        );
        let message = error.to_string();
        assert!(
            message.contains(data_type) && message.contains("cast it"),
            "{message}"
        );
    }
}

#[test]
fn sql_that_does_not_plan_says_where() {
    for (sql, says) in [
        (
            "SELECT avg(hart_rate) AS f FROM vitals GROUP BY patient_id",
            "hart_rate",
        ),
        ("SELECT avgg(spo2) AS f FROM vitals GROUP BY patient_id", "avgg"),
        ("SELECT avg(spo2 AS f FROM vitals GROUP BY patient_id", "Expected"),
        ("SELECT spo2 FROM vitals GROUP BY patient_id", "spo2"),
        (
            "SELECT avg(spo2) AS f, max(spo2) AS f FROM vitals GROUP BY patient_id",
            "same name",
        ),
        (
            "SELECT avg(spo2) AS f FROM vitals WHERE spo2 > (SELECT 1 FROM wards) GROUP BY patient_id",
            "wards",
        ),
    ] {
        let error = refused(sql);
        assert!(matches!(error, PlanError::Sql(_)), "{sql}: {error:?}");
        let message = error.to_string();
        assert!(
            message.contains(says) && !message.contains('\n'),
            "{sql}: {message}"
        );
    }
}

#[test]
fn a_subquery_is_refused_wherever_it_stands() {
    for sql in [
        "SELECT avg(spo2) - (SELECT avg(spo2) FROM vitals) AS f FROM vitals GROUP BY patient_id",
        "SELECT avg(spo2) AS f FROM vitals WHERE source IN (SELECT source FROM vitals) GROUP BY patient_id",
        "SELECT avg(spo2) FILTER (WHERE spo2 > (SELECT avg(spo2) FROM vitals)) AS f FROM vitals GROUP BY patient_id",
    ] {
        let error = refused(sql);
        assert!(
            matches!(error, PlanError::Shape { .. } | PlanError::Sql(_)),
            "{sql}: {error:?}"
        );
    }
}

#[test]
fn what_may_look_forbidden_and_is_not() {
    for item in [
        "count(*) FILTER (WHERE spo2 < 90)",
        "avg(heart_rate) / avg(systolic_bp)",
        "extract(epoch FROM window_end)",
        "avg(spo2) < 90",
        "regr_slope(spo2, extract(epoch FROM ts))",
        "cardinality(array_agg(spo2 ORDER BY ts))",
        "corr(spo2, arrow_cast(ts, 'Int64'))",
        "first_value(spo2 ORDER BY source)",
        "cardinality(array_distinct(array_agg(spo2 ORDER BY ts)))",
        // It overflows over some values, and is missing there.
        "sum(CAST(spo2 AS BIGINT) * 1000000000000000000)",
        "sum(CAST(spo2 AS BIGINT) * 100000000000000000)",
        "sum(1 / (spo2 - 60))",
        "avg(ln(spo2 - 60))",
        "sum(spo2) % (count(spo2) - 1)",
        "array_agg(spo2 ORDER BY ts)[1] + nth_value(heart_rate, 2 ORDER BY ts)",
    ] {
        assert!(plan(&select(item)).is_ok(), "{item}: {:?}", plan(&select(item)));
    }
    assert!(plan("SELECT avg(spo2) AS f FROM vitals WHERE source = 'bedside' GROUP BY patient_id").is_ok());
    assert!(plan("SELECT avg(spo2) AS f FROM vitals GROUP BY patient_id, window_end").is_ok());
}
