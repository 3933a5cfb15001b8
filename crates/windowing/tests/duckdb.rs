//! Every aggregate that a feature set may have, over awkward series, against what DuckDB gives: fused or not, in panes of any
//! length, rows in any order. `duckdb/make.py` wrote the series and the results.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod reference;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use reference::{BASE_MICROS, Row, numbers, sources, take};
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::{Span, Trailing};
use wardwatch_windowing::{Due, REFUSED_AGGREGATES, SetPlan, SetState};

const AGGREGATES: &str = include_str!("duckdb/aggregates.csv");
const SERIES: &str = include_str!("duckdb/series.csv");
const GOLDEN: &str = include_str!("duckdb/golden.csv");
const WINDOW_SECONDS: i64 = 60;
/// Lengths of panes that both the window and the time between the golden windows are a multiple of.
const PANES_SECONDS: [i64; 6] = [1, 2, 4, 5, 10, 20];

/// By aggregate, its SQL over SpO2.
fn aggregates() -> Vec<(&'static str, String)> {
    let lines = AGGREGATES.lines().skip(1);
    let aggregate = |line: &'static str| {
        let mut cells = line.split('|');
        let (name, ours) = (cells.next().unwrap(), cells.next().unwrap());
        let ours = ours
            .replace("{x}", "spo2")
            .replace("{seconds}", "arrow_cast(ts, 'Int64') / 1e6")
            .replace("{micros}", "arrow_cast(ts, 'Int64')");
        (name, ours)
    };
    lines.map(aggregate).collect()
}

/// By series, its rows; one without a value carries another vital sign alone.
fn series() -> BTreeMap<&'static str, Vec<Row>> {
    let mut series = BTreeMap::<_, Vec<Row>>::new();
    for line in SERIES.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let reading = match cells[2] {
            "" => (VitalSign::HeartRate, 80.0),
            value => (VitalSign::Spo2, value.parse().unwrap()),
        };
        series.entry(cells[0]).or_default().push(Row {
            slot: 0,
            offset: cells[1].parse().unwrap(),
            source: 0,
            readings: vec![reading],
        });
    }
    series
}

/// A result; NaN, which no feature is, is none.
fn result(text: &str) -> Option<f64> {
    (text != "null").then(|| text.parse().unwrap())
}

/// The windows of a series that end at these seconds: every aggregate's result.
fn windows(plan: &Arc<SetPlan>, rows: &[Row], ends: &BTreeSet<i64>) -> BTreeMap<i64, Vec<Option<f64>>> {
    let mut state = SetState::new(Arc::clone(plan));
    for row in rows {
        take(&mut state, row);
    }
    let grid = plan.trailing().grid();
    let due: Vec<Due> = ends
        .iter()
        .map(|end| {
            let last = BASE_MICROS + end * 1_000_000 - 1;
            let pane = grid.pane_of(wardwatch_event_time::Timestamp::from_micros(last));
            Due { slot: 0, pane }
        })
        .collect();
    let (features, errors) = state.features(&due).unwrap();
    assert!(errors.is_empty(), "{errors:?}");
    let results = (0..due.len()).map(|row| numbers(&features, row));
    ends.iter().copied().zip(results).collect()
}

/// Rows in another order, the same for the same seed.
fn shuffled(rows: &[Row], seed: u64) -> Vec<Row> {
    let mut rows = rows.to_vec();
    let mut state = seed | 1;
    for at in (1..rows.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        rows.swap(at, (state >> 33) as usize % (at + 1));
    }
    rows
}

fn close(ours: Option<f64>, right: Option<f64>) -> bool {
    match (ours, right) {
        (Some(ours), Some(right)) => (ours - right).abs() <= 1e-9 * right.abs().max(ours.abs()),
        (ours, right) => ours == right,
    }
}

#[test]
fn every_aggregate_agrees_with_duckdb() {
    let aggregates = aggregates();
    let items: Vec<String> = aggregates
        .iter()
        .map(|(name, ours)| format!("{ours} AS {name}"))
        .collect();
    let sql = format!(
        "SELECT patient_id, {} FROM vitals GROUP BY patient_id",
        items.join(", ")
    );
    let series = series();
    let mut golden = BTreeMap::<&str, BTreeMap<i64, Vec<(&str, Option<f64>)>>>::new();
    for line in GOLDEN.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let right = result(if cells[4].is_empty() { cells[3] } else { cells[4] });
        let windows = golden.entry(cells[0]).or_default();
        windows
            .entry(cells[1].parse().unwrap())
            .or_default()
            .push((cells[2], right));
    }
    let (mut cells, mut wrong) = (0, Vec::new());
    for (seed, pane) in PANES_SECONDS.into_iter().enumerate() {
        let trailing = Trailing::new(Span::from_secs(WINDOW_SECONDS), Span::from_secs(pane)).unwrap();
        for plan in [SetPlan::new, SetPlan::without_fusion] {
            let plan = Arc::new(plan(&sql, trailing, &sources()).unwrap());
            for (name, rows) in &series {
                let ends = golden[name].keys().copied().collect();
                for (end, ours) in windows(&plan, &shuffled(rows, seed as u64), &ends) {
                    for ((at, ours), (aggregate, right)) in
                        ours.into_iter().enumerate().zip(&golden[name][&end])
                    {
                        assert_eq!(aggregates[at].0, *aggregate);
                        cells += 1;
                        if !close(ours, *right) {
                            let fused = plan.fused_of().0 > 0;
                            wrong.push(format!(
                                "{name} until {end} s in panes of {pane} s, fused {fused}: {aggregate} is {ours:?}, right is {right:?}"
                            ));
                        }
                    }
                }
            }
        }
    }
    assert!(cells > 50_000, "{cells}");
    assert!(
        wrong.is_empty(),
        "{} of {cells}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// An aggregate that DataFusion gains is neither accepted nor refused by accident.
#[test]
fn every_aggregate_there_is_was_decided_on() {
    let accepted: String = aggregates().into_iter().map(|(_, ours)| ours + " ").collect();
    let ours = ["latest", "slope", "latest_at", "span_below", "span_above"];
    let session = wardwatch_windowing::session().unwrap();
    for aggregate in session.state().aggregate_functions().values() {
        let name = aggregate.name();
        let is_refused = REFUSED_AGGREGATES.iter().any(|(refused, ..)| *refused == name);
        let is_tested = accepted.contains(&format!("{name}("));
        assert!(is_refused != is_tested || ours.contains(&name), "{name}");
    }
}
