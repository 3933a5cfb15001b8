//! Arithmetic is the same in features, scores, conditions and plain queries; what is no number is NULL and reported.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod reference;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type, Schema};
use reference::{BASE_MICROS, Evaluated, Row, numbers, query, raw, sources, take, trailing};
use wardwatch_clinical::VitalSign;
use wardwatch_windowing::{Due, Expression, RowErrors, SetPlan, SetState};

/// SpO2 of the window that features are of.
const VALUES: [f64; 10] = [97.0, 89.0, 89.0, 89.0, 89.0, 89.0, 89.0, 89.0, 89.0, 89.0];

fn rows() -> Vec<Row> {
    let row = |(at, value): (usize, &f64)| Row {
        slot: 0,
        offset: at as i64 * 1_000_000,
        source: 0,
        readings: vec![(VitalSign::Spo2, *value)],
    };
    VALUES.iter().enumerate().map(row).collect()
}

/// A feature over the window.
fn feature(sql: &str) -> (Option<f64>, RowErrors) {
    let sql = format!("SELECT patient_id, {sql} AS f FROM vitals GROUP BY patient_id");
    let plan = SetPlan::new(&sql, trailing(1), &sources()).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let mut state = SetState::new(Arc::new(plan));
    rows().iter().for_each(|row| {
        take(&mut state, row);
    });
    let pane = state.oldest_open(0);
    let (features, errors) = state.features(&[Due { slot: 0, pane }]).unwrap();
    (numbers(&features, 0)[0], errors)
}

/// An expression over `low`, 9, and `n`, 10, and `nought`, as a condition reads features.
fn expression(sql: &str) -> (Option<f64>, RowErrors) {
    let names = ["low", "n", "nought"].map(|name| Field::new(name, DataType::Float64, true));
    let expression =
        Expression::new(sql, &Schema::new(names.to_vec())).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let inputs = expression.inputs().fields().iter().map(|field| {
        let value = match field.name().as_str() {
            "low" => 9.0,
            "n" => 10.0,
            _ => 0.0,
        };
        Arc::new(Float64Array::from(vec![value])) as ArrayRef
    });
    let (column, errors) = expression.evaluate(inputs.collect(), 1).unwrap();
    let column = cast(&column, &DataType::Float64).unwrap();
    let column = column.as_primitive::<Float64Type>();
    (column.is_valid(0).then(|| column.value(0)), errors)
}

fn plain(sql: &str) -> Option<f64> {
    let window = Evaluated {
        end_micros: BASE_MICROS + 10_000_000,
        rows: rows(),
        features: Vec::new(),
    };
    let batches = query(
        &format!("SELECT CAST({sql} AS DOUBLE) AS x FROM vitals"),
        raw(&[window]),
    );
    numbers(&batches[0], 0)[0]
}

/// The same arithmetic on counts in a feature and in a plain query, and on features in a condition.
#[test]
fn counts_and_the_features_made_of_them_compute_alike() {
    for (template, right) in [
        ("{low} / {n}", 0.9),
        ("{low} / {n} > 0.5", 1.0),
        ("{low} / 2", 4.5),
        ("{n} / 4 * 2", 5.0),
        ("CAST({low} AS BIGINT) / CAST({n} AS BIGINT)", 0.9),
        ("{low} // {n}", 0.0),
        ("{n} // 4", 2.0),
        ("-{n} // 4", -2.0),
        ("{n} % 4", 2.0),
        ("-{n} % 4", -2.0),
        ("{n} % -4", 2.0),
        ("{low} % 2.5", 1.5),
        ("-{low} % 2.5", -1.5),
        ("97.0 % 10 = 7 AND {n} = 10", 1.0),
        ("({low} + 1) / {n}", 1.0),
        ("{low} * 100 / {n}", 90.0),
        ("100 * {low} / ({n} - 1)", 100.0),
        ("round(100 * {low} / {n})", 90.0),
        ("CASE WHEN {n} = 0 THEN NULL ELSE {low} / {n} END", 0.9),
        ("coalesce({low} / nullif({n} - 10, 0), -1)", -1.0),
    ] {
        let filled = |low: &str, n: &str| template.replace("{low}", low).replace("{n}", n);
        let of_counts = filled("count(spo2) FILTER (WHERE spo2 < 90)", "count(spo2)");
        assert_eq!(feature(&of_counts).0, Some(right), "{of_counts}");
        assert_eq!(plain(&of_counts), Some(right), "{of_counts}");
        assert_eq!(expression(&filled("low", "n")).0, Some(right), "{template}");
    }
}

#[test]
fn what_is_no_number_is_missing_and_reported() {
    for sql in [
        "low / nought",
        "low / nought > 0.5",
        "nought / nought > 0.5",
        "low % nought = 0",
        "low // nought",
        "ln(nought) < 5",
        "sqrt(-low) > 3",
        "exp(low * 1000) > 1",
        "power(10, n * 100) > 1",
        "log10(nought - 1) > 0",
        "low * 1e308 > 1",
        "low * 1e308 - n * 1e308 < 0",
        "CAST(n AS BIGINT) * 9223372036854775807 < 0",
        "9223372036854775807 + CAST(n AS BIGINT) < 0",
        "-9223372036854775807 - CAST(n AS BIGINT) > 0",
        "CAST(low * 1e30 AS BIGINT) > 0",
    ] {
        let (value, errors) = expression(sql);
        assert_eq!((value, &errors.rows[..]), (None, &[0][..]), "{sql}: {errors:?}");
    }
    for sql in [
        "low / n > 0.5",
        "nought / n = 0",
        "n > 5 OR low / nought > 1",
        "nought > 0 AND low / nought > 1",
        "CASE WHEN nought > 0 THEN low / nought ELSE 1 END",
    ] {
        let (value, errors) = expression(sql);
        assert!(
            value.is_some() && errors.is_empty(),
            "{sql}: {value:?} {errors:?}"
        );
    }
}

/// What is written down wrong is reported while the SQL is planned.
#[test]
fn what_is_written_down_is_a_number() {
    let names = Schema::new(vec![Field::new("low", DataType::Float64, true)]);
    for (sql, why) in [
        ("low > 9223372036854775807 + 1", "too large for a whole number"),
        ("low > 9223372036854775807 * 2", "too large for a whole number"),
        ("low > -9223372036854775807 - 2", "too large for a whole number"),
        ("1 / 0 > low", "divides by zero"),
        ("low / 0.0 > 1", "divides by zero"),
        ("low // 0 > 1", "divides by zero"),
        ("low % 0 < 1", "divides by zero"),
    ] {
        let error = Expression::new(sql, &names).unwrap_err().to_string();
        assert!(error.contains(why), "{sql}: {error}");
    }
}

#[test]
fn a_feature_that_fails_is_missing_and_reported() {
    for sql in [
        "count(spo2) / (count(spo2) - 10)",
        "count(spo2) % (count(spo2) - 10)",
        "ln(min(spo2) - 89)",
        "count(spo2) * 9223372036854775807",
        "sum(CAST(spo2 AS BIGINT) * 50000000000000000)",
        "sum(spo2 * 1e306)",
        "avg(spo2 * 1e306) + 1",
    ] {
        let (value, errors) = feature(sql);
        assert_eq!((value, &errors.rows[..]), (None, &[0][..]), "{sql}: {errors:?}");
    }
}

/// A reading over which an aggregate's argument fails is missing to the aggregate: it neither stops the others nor counts.
#[test]
fn a_reading_that_an_aggregate_cannot_take_is_reported() {
    for (sql, value, readings) in [
        ("sum(8 / (spo2 - 89))", Some(1.0), 9),
        ("avg(ln(spo2 - 89))", Some(8f64.ln()), 9),
        ("sum(9 % CAST(spo2 - 89 AS BIGINT))", Some(1.0), 9),
        ("count(8 / (spo2 - 89))", Some(1.0), 9),
        ("sum(CAST(spo2 AS BIGINT) * 50000000000000000)", None, 0),
        ("max(CAST(spo2 AS BIGINT) * 100000000000000000)", Some(8.9e18), 1),
        ("count(spo2) FILTER (WHERE 8 / (spo2 - 89) = 1)", Some(1.0), 9),
        // The filter is asked first.
        ("sum(8 / (spo2 - 89)) FILTER (WHERE spo2 > 89)", Some(1.0), 0),
        ("median(sqrt(spo2 - 97))", Some(0.0), 9),
        ("regr_count(1 / (spo2 - 89), spo2)", Some(1.0), 9),
    ] {
        let (ours, errors) = feature(sql);
        assert_eq!((ours, errors.readings), (value, readings), "{sql}: {errors:?}");
        assert!(!errors.is_empty() || readings == 0 && value.is_some(), "{sql}");
    }
}

/// A sum overflows only where its result does, whatever its parts.
#[test]
fn parts_of_a_sum_may_overflow() {
    let big = "CASE WHEN spo2 > 90 THEN -9223372036854775807 ELSE 1024819115206086200 END";
    // Nine times the one, and once the other: all but the last steps are beyond 64 bits in one order or the other.
    let (value, errors) = feature(&format!("sum({big})"));
    assert_eq!(
        value,
        Some((1024819115206086200i128 * 9 - 9223372036854775807) as f64)
    );
    assert!(errors.is_empty());
}

#[test]
fn a_column_is_named_as_it_is_written() {
    let window = Evaluated {
        end_micros: BASE_MICROS,
        rows: rows(),
        features: Vec::new(),
    };
    let batches = query("SELECT count(spo2) / 2 FROM vitals", raw(&[window]));
    assert_eq!(
        batches[0].schema().field(0).name(),
        "count(vitals.spo2) / Int64(2)"
    );
}
