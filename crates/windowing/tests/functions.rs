//! Our SQL functions in plain queries and expressions: the score vectors through SQL, partial scores, bad arguments.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod reference;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema};
use reference::{Evaluated, Row, query, raw};
use wardwatch_clinical::VitalSign;
use wardwatch_windowing::{Expression, PlanError};

const NEWS2: &str = include_str!("../../clinical/tests/vectors/news2_vectors.csv");
const QSOFA: &str = include_str!("../../clinical/tests/vectors/qsofa_vectors.csv");

/// The result of a scalar expression that reads nothing.
fn evaluate(sql: &str) -> Result<ArrayRef, String> {
    let expression = Expression::new(sql, &Schema::empty()).map_err(|error| error.to_string())?;
    let (column, errors) = expression
        .evaluate(Vec::new(), 1)
        .map_err(|error| error.to_string())?;
    errors.first.map_or(Ok(column), |error| Err(error.to_string()))
}

fn integer(sql: &str) -> Option<i64> {
    let value = evaluate(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let value = value.as_primitive::<Int64Type>();
    value.is_valid(0).then(|| value.value(0))
}

fn number(sql: &str) -> Option<f64> {
    let value = evaluate(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let value = value.as_primitive::<Float64Type>();
    value.is_valid(0).then(|| value.value(0))
}

/// A file of vectors as `VALUES`, letters quoted.
fn values(file: &str) -> (usize, String) {
    let rows: Vec<String> = file
        .lines()
        .skip(1)
        .map(|line| {
            let cell = |cell: &str| {
                if cell.parse::<f64>().is_ok() {
                    cell.to_owned()
                } else {
                    format!("'{cell}'")
                }
            };
            format!("({})", line.split(',').map(cell).collect::<Vec<_>>().join(","))
        })
        .collect();
    (
        rows.len(),
        format!(
            "(VALUES {}) AS v({})",
            rows.join(","),
            file.lines().next().unwrap()
        ),
    )
}

fn ints(batches: &[RecordBatch], column: usize) -> Vec<Option<i64>> {
    batches
        .iter()
        .flat_map(|batch| batch.column(column).as_primitive::<Int64Type>().iter())
        .collect()
}

#[test]
fn every_news2_vector_through_sql() {
    let (count, relation) = values(NEWS2);
    assert_eq!(count, 2_702);
    let parts = [
        "resp_rate",
        "spo2",
        "on_oxygen",
        "systolic_bp",
        "pulse",
        "consciousness",
        "temperature",
    ];
    let expected = [
        "p_rr",
        "p_spo2",
        "p_o2",
        "p_sbp",
        "p_pulse",
        "p_conscious",
        "p_temp",
    ];
    let parts = parts.map(|part| format!("s['points']['{part}']")).join(", ");
    let sql = format!(
        "SELECT s['total'], s['lowest'], s['highest'], {parts}, total, total, total, {} FROM (
           SELECT news2(rr, spo2, spo2_scale, on_oxygen, sbp, pulse, acvpu, temp_c) AS s, * FROM {relation})",
        expected.join(", ")
    );
    // The names are the same twice, which SQL refuses in a result; so each gets its own.
    let batches = query(&named(&sql), raw(&[]));
    let half = 3 + expected.len();
    for column in 0..half {
        let (ours, theirs) = (ints(&batches, column), ints(&batches, column + half));
        assert_eq!((ours.len(), &ours), (count, &theirs), "column {column}");
    }
}

/// Gives every item of a flat SELECT list a name of its own.
fn named(sql: &str) -> String {
    let (items, rest) = sql
        .strip_prefix("SELECT ")
        .unwrap()
        .split_once(" FROM (")
        .unwrap();
    let items: Vec<String> = items
        .split(", ")
        .enumerate()
        .map(|(at, item)| format!("{item} AS c{at}"))
        .collect();
    format!("SELECT {} FROM ({rest}", items.join(", "))
}

#[test]
fn every_qsofa_vector_through_sql() {
    let (count, relation) = values(QSOFA);
    let sql = format!("SELECT qsofa(rr, sbp, gcs)['total'] AS ours, qsofa AS theirs FROM {relation}");
    let batches = query(&sql, raw(&[]));
    assert_eq!(count, 960);
    assert_eq!(ints(&batches, 0), ints(&batches, 1));
    assert_eq!(ints(&batches, 0).len(), count);
}

#[test]
fn a_partial_score_names_what_is_missing_and_bounds_the_total() {
    let score = "news2(24, NULL, 1, true, 100, 111, 'A', NULL)";
    assert_eq!(integer(&format!("{score}['total']")), None);
    // 2 + oxygen 2 + 2 + 2 + 0 are known; SpO2 and temperature may add 3 each.
    assert_eq!(integer(&format!("{score}['lowest']")), Some(8));
    assert_eq!(integer(&format!("{score}['highest']")), Some(14));
    assert_eq!(integer(&format!("{score}['points']['spo2']")), None);
    assert_eq!(integer(&format!("{score}['points']['resp_rate']")), Some(2));
    let missing = evaluate(&format!("{score}['missing']")).unwrap();
    let missing = missing.as_list::<i32>().value(0);
    let missing: Vec<&str> = missing.as_string::<i32>().iter().flatten().collect();
    assert_eq!(missing, ["spo2", "temperature"]);
    let whole = "news2(24, 93, 1, true, 100, 111, 'A', 38.1)";
    assert_eq!(
        integer(&format!("{whole}['total']")),
        Some(11),
        "clinical reference vector"
    );
    assert_eq!(
        evaluate(&format!("{whole}['missing']"))
            .unwrap()
            .as_list::<i32>()
            .value(0)
            .len(),
        0
    );
}

#[test]
fn news2_says_why_it_does_not_apply() {
    let score = |who: &str| format!("news2(24, 93, 1, true, 100, 111, 'A', 38.1{who})");
    let reason = |who: &str| {
        let reason = evaluate(&format!("{}['unavailable']", score(who))).unwrap();
        let reason = reason.as_string::<i32>();
        reason.is_valid(0).then(|| reason.value(0).to_owned())
    };
    for who in ["", ", NULL, NULL", ", 16, false", ", 16.0, NULL", ", 91, 0"] {
        assert_eq!(reason(who), None, "{who}");
        assert_eq!(integer(&format!("{}['total']", score(who))), Some(11), "{who}");
    }
    for (who, why) in [
        (", 15.9, NULL", "from 16 years"),
        (", 0, true", "from 16 years"),
        (", NULL, true", "pregnant"),
        (", 31, 1", "pregnant"),
    ] {
        assert!(reason(who).unwrap().contains(why), "{who}");
        for part in ["['total']", "['lowest']", "['highest']", "['points']['spo2']"] {
            assert_eq!(integer(&format!("{}{part}", score(who))), None, "{who}{part}");
        }
    }
    assert!(evaluate("news2(24, 93, 1, true, 100, 111, 'A', 38.1, 40)").is_err());
}

/// Nobody has to write `age, pregnant`, where an expression can read them.
#[test]
fn news2_is_completed_by_who_the_patient_is() {
    let field = |name: &str, data_type| Field::new(name, data_type, true);
    let vital_signs = ["resp_rate", "spo2", "pulse"].map(|name| field(name, DataType::Float64));
    let who = [
        field("age", DataType::Float64),
        field("pregnant", DataType::Boolean),
    ];
    let read = |names: Vec<Field>, sql: &str| {
        let expression = Expression::new(sql, &Schema::new(names)).unwrap();
        let inputs = expression.inputs().fields().iter();
        inputs.map(|field| field.name().clone()).collect::<Vec<_>>()
    };
    let all: Vec<Field> = vital_signs.iter().chain(&who).cloned().collect();
    let short = "coalesce(news2(resp_rate, spo2, 1, true, 100, pulse, 'A', 37)['total'], 0) > 4";
    assert_eq!(
        read(all.clone(), short),
        ["resp_rate", "spo2", "pulse", "age", "pregnant"]
    );
    assert_eq!(read(vital_signs.to_vec(), short), ["resp_rate", "spo2", "pulse"]);
    let whole = "news2(resp_rate, spo2, 1, true, 100, pulse, 'A', 37, age, false)['total']";
    assert_eq!(read(all.clone(), whole), ["resp_rate", "spo2", "pulse", "age"]);
    assert_eq!(
        read(all, "mews(100, pulse, resp_rate, 37, 'A')['total']"),
        ["resp_rate", "pulse"]
    );
}

#[test]
fn consciousness_is_a_letter_or_a_level() {
    for (level, letter) in ["A", "C", "V", "P", "U"].into_iter().enumerate() {
        for form in [
            format!("'{letter}'"),
            format!("' {} '", letter.to_lowercase()),
            level.to_string(),
            format!("{level}.0"),
        ] {
            let total = integer(&format!(
                "news2(16, 98, 1, false, 120, 70, {form}, 37.0)['total']"
            ));
            assert_eq!(total, Some(if level == 0 { 0 } else { 3 }), "{form}");
        }
    }
    assert_eq!(integer("mews(120, 70, 12, 37.0, 'P')['total']"), Some(2));
}

#[test]
fn the_other_scores() {
    assert_eq!(integer("sirs(38.5, 95, 22, 13)['total']"), Some(4));
    assert_eq!(integer("sirs(38.5, 95, 22, NULL)['highest']"), Some(4));
    assert_eq!(integer("sirs(38.5, 95, 22, NULL)['total']"), None);
    assert_eq!(
        integer("mews(75, 135, 30, 38.5, 'U')['total']"),
        Some(2 + 3 + 3 + 2 + 3)
    );
    assert_eq!(number("shock_index(120, 80)"), Some(1.5));
    assert_eq!(number("shock_index(120, NULL)"), None);
    assert_eq!(number("shock_index(120, 0)"), None);
}

#[test]
fn bad_arguments_are_refused_with_what_to_write() {
    for (sql, says) in [
        ("news2(1, 2)", "news2"),
        ("news2('fast', 98, 1, false, 120, 70, 'A', 37.0)", "resp_rate"),
        (
            "news2(16, 98, 3, false, 120, 70, 'A', 37.0)",
            "spo2_scale is 1 or 2",
        ),
        ("news2(16, 98, 1, false, 120, 70, 'X', 37.0)", "A, C, V, P, U"),
        ("news2(16, 98, 1, false, 120, 70, 'AV', 37.0)", "A, C, V, P, U"),
        ("news2(16, 98, 1, false, 120, 70, 7, 37.0)", "level 0 to 4"),
        ("mews(120, 70, 12, 37.0, 1.5)", "level 0 to 4"),
        ("shock_index('a', 'b')", "heart_rate"),
    ] {
        let message = evaluate(sql).expect_err(sql);
        assert!(message.contains(says), "{sql}: {message}");
    }
}

#[test]
fn an_expression_reads_only_what_it_names() {
    let names = ["spo2", "heart_rate", "systolic_bp"].map(|name| Field::new(name, DataType::Float64, true));
    let names = Schema::new(names.to_vec());
    let expression = Expression::new("shock_index(heart_rate, systolic_bp) >= 1", &names).unwrap();
    assert_eq!(expression.data_type(), &DataType::Boolean);
    let read: Vec<&str> = expression
        .inputs()
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    assert_eq!(read, ["heart_rate", "systolic_bp"]);
    assert!(matches!(
        Expression::new("avg(spo2) > 90", &names),
        Err(PlanError::Aggregate { .. })
    ));
    assert!(matches!(
        Expression::new("spo2 > 100 * random()", &names),
        Err(PlanError::NotDeterministic { .. })
    ));
    assert!(matches!(
        Expression::new("spo2 > (SELECT 1)", &names),
        Err(PlanError::Shape { .. } | PlanError::Sql(_))
    ));
    assert!(matches!(
        Expression::new("spo3 > 90", &names),
        Err(PlanError::Sql(_))
    ));
}

#[test]
fn our_aggregates_in_a_plain_query() {
    let message = |seconds: i64, spo2: Option<f64>| Row {
        slot: 0,
        offset: seconds * 1_000_000,
        source: 0,
        readings: spo2
            .map(|value| (VitalSign::Spo2, value))
            .into_iter()
            .chain([(VitalSign::HeartRate, 80.0)])
            .collect(),
    };
    let window = Evaluated {
        end_micros: reference::BASE_MICROS + 300_000_000,
        rows: vec![
            message(180, None),
            message(120, Some(85.0)),
            message(0, Some(95.0)),
            message(60, Some(90.0)),
        ],
        features: Vec::new(),
    };
    let sql = "SELECT latest(spo2), age(spo2), slope(spo2), time_below(spo2, 90), time_above(spo2, 90), age(heart_rate),
                      latest(etco2), slope(heart_rate)
               FROM vitals GROUP BY patient_id, window_end";
    let batches = query(sql, raw(&[window]));
    let row = reference::numbers(&batches[0], 0);
    assert_eq!(
        row,
        [
            Some(85.0),
            Some(180.0),
            Some(-5.0),
            Some(180.0),
            Some(60.0),
            Some(120.0),
            None,
            Some(0.0)
        ]
    );
    assert_eq!(
        batches[0].schema().field(0).name(),
        "latest(spo2)",
        "a column is named as written"
    );
}

/// Of several values of one instant the clinically worse counts, of an expression the largest, in whatever order rows come.
#[test]
fn of_one_instant_the_worse_counts_in_a_plain_query() {
    let message = |seconds: i64, spo2: f64, heart_rate: f64| Row {
        slot: 0,
        offset: seconds * 1_000_000,
        source: 0,
        readings: vec![(VitalSign::Spo2, spo2), (VitalSign::HeartRate, heart_rate)],
    };
    let rows = [
        message(0, 70.0, 40.0),
        message(60, 95.0, 60.0),
        message(60, 78.0, 150.0),
        message(60, 91.0, 85.0),
    ];
    let sql = "SELECT latest(spo2), latest(heart_rate), latest(spo2 + 0), age(spo2), time_below(spo2, 90), time_above(heart_rate, 130)
               FROM vitals GROUP BY patient_id";
    for first in 0..rows.len() {
        let mut rows = rows.clone();
        rows.rotate_left(first);
        let batches = query(
            sql,
            raw(&[Evaluated {
                end_micros: reference::BASE_MICROS + 120_000_000,
                rows: rows.to_vec(),
                features: Vec::new(),
            }]),
        );
        let row = reference::numbers(&batches[0], 0);
        assert_eq!(row, [78.0, 150.0, 95.0, 60.0, 120.0, 60.0].map(Some));
    }
}

/// The guide's page of functions is made from this: every example must work, and every function have one.
#[test]
fn the_reference_is_true() {
    let names: Vec<Field> = VitalSign::ALL
        .iter()
        .map(|vital| vital.name())
        .chain(["spo2_scale"])
        .map(|name| Field::new(name, DataType::Float64, true))
        .chain([Field::new("on_oxygen", DataType::Boolean, true)])
        .collect();
    let trailing = wardwatch_event_time::Trailing::new(
        wardwatch_event_time::Span::from_secs(60),
        wardwatch_event_time::Span::from_secs(10),
    )
    .unwrap();
    for function in wardwatch_windowing::REFERENCE {
        let example = function.example;
        assert!(example.starts_with(&format!("{}(", function.name)), "{example}");
        if function.is_aggregate {
            let sql = format!("SELECT patient_id, {example} AS x FROM vitals GROUP BY patient_id");
            wardwatch_windowing::SetPlan::new(&sql, trailing, &[])
                .unwrap_or_else(|error| panic!("{example}: {error}"));
        } else {
            Expression::new(example, &Schema::new(names.clone()))
                .unwrap_or_else(|error| panic!("{example}: {error}"));
        }
    }
    let known = wardwatch_windowing::function_names();
    assert!(known.iter().any(|name| name == "time_below") && !known.iter().any(|name| name == "span_below"));
}
