//! The naive reference: every window is plain SQL, or a fold in Rust, over the raw rows that precede its close.
//!
//! A script of steps drives a [`SetState`] and, beside it, nothing but a list of all rows. Nothing here knows panes,
//! states or expiry: if a row was dropped that a later window needed, the two differ.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![allow(dead_code, reason = "each test file uses a part")]

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::Float64Type;
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::{Span, Timestamp, Trailing};
use wardwatch_windowing::{Due, Placed, SetPlan, SetState, VITALS, prepare_query, session, vitals_schema};

/// The start of pane 0 of every script: a multiple of an hour.
pub const BASE_MICROS: i64 = 1_790_002_800_000_000;
/// The sources of every script, by index.
pub const SOURCES: [&str; 2] = ["bedside", "wearable"];
/// The patients of every script.
pub const PATIENTS: u32 = 3;

/// One message.
#[derive(Clone, Debug)]
pub struct Row {
    pub slot: u32,
    /// Microseconds after [`BASE_MICROS`].
    pub offset: i64,
    pub source: u16,
    pub readings: Vec<(VitalSign, f64)>,
}

/// What happens to a feature set.
#[derive(Clone, Debug)]
pub enum Step {
    Take(Row),
    /// Every patient's open pane of this rank, oldest first, closes; their windows are evaluated together.
    Close(usize),
    /// A revision of every patient's newest window.
    Revise,
    Forget(u32),
}

/// A window that was evaluated: its features, and the rows that preceded its close.
#[derive(Clone, Debug)]
pub struct Evaluated {
    pub end_micros: i64,
    pub rows: Vec<Row>,
    pub features: Vec<Option<f64>>,
}

/// A window of `panes` panes of ten seconds.
pub fn trailing(panes: i64) -> Trailing {
    Trailing::new(Span::from_secs(panes * 10), Span::from_secs(10)).unwrap()
}

pub fn sources() -> Vec<String> {
    SOURCES.map(str::to_owned).to_vec()
}

/// Runs a script through a feature set; also returns where each row went.
pub fn drive(plan: &Arc<SetPlan>, script: &[Step]) -> (Vec<Evaluated>, Vec<Placed>) {
    let mut state = SetState::new(Arc::clone(plan));
    let (mut rows, mut evaluated, mut placed) = (Vec::<Row>::new(), Vec::new(), Vec::new());
    for step in script {
        let mut due = Vec::new();
        match step {
            Step::Take(row) => {
                placed.push(take(&mut state, row));
                rows.push(row.clone());
            }
            Step::Close(rank) => {
                for slot in 0..PATIENTS {
                    let ranked = state.open(slot).map(|(pane, _)| pane).nth(*rank);
                    if let Some(pane) = ranked {
                        assert!(state.close(slot, pane));
                        due.push(Due { slot, pane });
                    }
                }
            }
            Step::Revise => {
                let newest = |slot| state.newest_closed(slot).map(|pane| Due { slot, pane });
                due.extend((0..PATIENTS).filter_map(newest));
            }
            Step::Forget(slot) => {
                state.forget(*slot).unwrap();
                rows.retain(|row| row.slot != *slot);
            }
        }
        if !due.is_empty() {
            let (features, _) = state.features(&due).unwrap();
            for (index, due) in due.iter().enumerate() {
                evaluated.push(window(plan.trailing(), *due, &rows, numbers(&features, index)));
            }
            // Nothing that was decided waits any more.
            (0..PATIENTS).for_each(|slot| state.prune(slot));
        }
    }
    (evaluated, placed)
}

pub fn take(state: &mut SetState, row: &Row) -> Placed {
    let (vitals, values): (Vec<u8>, Vec<f64>) = row
        .readings
        .iter()
        .map(|(vital, value)| (vital.index() as u8, *value))
        .unzip();
    let ts = Timestamp::from_micros(BASE_MICROS + row.offset);
    state
        .take(row.slot, ts, ts, row.source, &vitals, &values)
        .unwrap()
}

fn window(trailing: Trailing, due: Due, rows: &[Row], features: Vec<Option<f64>>) -> Evaluated {
    let end_micros = trailing.grid().end(due.pane).micros();
    let covered = end_micros - trailing.window().micros()..end_micros;
    let inside = |row: &&Row| row.slot == due.slot && covered.contains(&(BASE_MICROS + row.offset));
    Evaluated {
        end_micros,
        rows: rows.iter().filter(inside).cloned().collect(),
        features,
    }
}

/// One row of a batch of numbers; NaN is missing, as in a feature.
pub fn numbers(batch: &RecordBatch, row: usize) -> Vec<Option<f64>> {
    let cell = |column: &ArrayRef| {
        let column = column.as_primitive::<Float64Type>();
        column
            .is_valid(row)
            .then(|| column.value(row))
            .filter(|value| value.is_finite())
    };
    batch.columns().iter().map(cell).collect()
}

/// Each window's columns by DataFusion's own SQL, without a function of ours: `columns` are SELECT items over `vitals`, which holds
/// the raw rows, a group a window.
pub fn by_sql(columns: &[String], windows: &[Evaluated]) -> Vec<Vec<Option<f64>>> {
    let casts: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| format!("CAST({column} AS DOUBLE) AS c{at}"))
        .collect();
    let sql = format!(
        "SELECT {} FROM vitals GROUP BY patient_id, window_end ORDER BY patient_id",
        casts.join(", ")
    );
    // One partition needs no runtime of tasks.
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
    register(&context, raw(windows));
    let result =
        futures::executor::block_on(async { context.sql(&sql).await.unwrap().collect().await.unwrap() });
    result
        .iter()
        .flat_map(|batch| (0..batch.num_rows()).map(|row| numbers(batch, row)))
        .collect()
}

fn register(context: &SessionContext, rows: RecordBatch) {
    let table = MemTable::try_new(rows.schema(), vec![vec![rows]]).unwrap();
    context.register_table(VITALS, Arc::new(table)).unwrap();
}

/// Runs a plain query over rows of `vitals`, with functions of ours.
pub fn query(sql: &str, rows: RecordBatch) -> Vec<RecordBatch> {
    let context = session().unwrap();
    register(&context, rows);
    futures::executor::block_on(async {
        let plan = prepare_query(&context, sql).await.unwrap();
        context
            .execute_logical_plan(plan)
            .await
            .unwrap()
            .collect()
            .await
            .unwrap()
    })
}

/// The rows of all windows as the relation `vitals`; `patient_id` is the window's number.
pub fn raw(windows: &[Evaluated]) -> RecordBatch {
    let rows: Vec<(usize, i64, &Row)> = windows
        .iter()
        .enumerate()
        .flat_map(|(at, window)| window.rows.iter().map(move |row| (at, window.end_micros, row)))
        .collect();
    let times = |of: fn(&(usize, i64, &Row)) -> i64| {
        Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(of)).with_timezone("UTC"))
            as ArrayRef
    };
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(
            rows.iter().map(|(at, ..)| format!("{at:06}")),
        )),
        times(|(.., row)| BASE_MICROS + row.offset),
        Arc::new(StringArray::from_iter_values(
            rows.iter().map(|(.., row)| SOURCES[row.source as usize]),
        )),
        times(|(_, end, _)| *end),
    ];
    for vital in VitalSign::ALL {
        let values = rows.iter().map(|(.., row)| reading(row, vital));
        columns.push(Arc::new(values.collect::<Float64Array>()));
    }
    RecordBatch::try_new(vitals_schema(), columns).unwrap()
}

fn reading(row: &Row, vital: VitalSign) -> Option<f64> {
    row.readings
        .iter()
        .find(|(other, _)| *other == vital)
        .map(|(_, value)| *value)
}

/// Seconds for which `held` held: each observation until the next, the last until the window's end; of one instant the worst.
pub fn seconds_held(window: &Evaluated, vital: VitalSign, held: impl Fn(f64) -> bool) -> Option<f64> {
    let mut seen: Vec<(i64, f64)> = window
        .rows
        .iter()
        .filter_map(|row| Some((BASE_MICROS + row.offset, reading(row, vital)?)))
        .collect();
    let how_bad = |value: f64| ((value - vital.info().best).abs(), -value);
    seen.sort_by(|(at, value), (other_at, other)| {
        let worse = how_bad(*value).partial_cmp(&how_bad(*other)).unwrap();
        at.cmp(other_at).then(worse)
    });
    let until = seen
        .iter()
        .skip(1)
        .map(|(micros, _)| *micros)
        .chain([window.end_micros]);
    let spans = seen
        .iter()
        .zip(until)
        .filter(|((_, value), _)| held(*value))
        .map(|((from, _), to)| to - from);
    (!seen.is_empty()).then(|| spans.sum::<i64>() as f64 / 1e6)
}

/// Within 1e-9 of the larger; differences of values near zero are measured against a thousandth of a unit.
pub fn close(left: Option<f64>, right: Option<f64>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => (left - right).abs() <= 1e-9 * left.abs().max(right.abs()).max(1e-3),
        (left, right) => left == right,
    }
}
