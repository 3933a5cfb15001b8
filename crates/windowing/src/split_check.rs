//! Does an aggregate survive the split into panes, and rows in any order?
//!
//! An aggregate whose merge is not the merge of its parts would be silently wrong, and so would one whose result is decided
//! by which row came first. DataFusion declares neither reliably (`any_value` calls itself insensitive to order, `avg` does
//! not say). So each one is run over sample rows in one go, backwards, and pane by pane with a pane updated twice, and
//! refused when they differ.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::compute::take_record_batch;
use arrow::datatypes::{DataType, Float64Type, SchemaRef};
use datafusion::error::Result;

use crate::RowErrors;
use crate::generic::{self, GenericAggregate, GenericStates};
use crate::relation::{SOURCE, TS};

const ROWS: usize = 48;
const ROWS_A_UPDATE: usize = 6;
const ROWS_A_PANE: usize = 12;
const RELATIVE_ERROR: f64 = 1e-9;
/// Looser, since the order of additions alone costs an ill-scaled aggregate digits, and since a result that is decided by
/// order differs grossly.
const RELATIVE_ERROR_BACKWARDS: f64 = 1e-6;

/// What the sample rows showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Survives,
    /// The rows in another order give another result.
    OrderMatters,
    /// The rows in panes give another result.
    SplitMatters,
}

/// Runs the aggregate over the sample rows in every way that must agree.
pub(crate) fn verdict(
    aggregate: &GenericAggregate,
    input: &SchemaRef,
    sources: &[String],
) -> Result<Verdict> {
    let rows = sample(input, sources)?;
    let whole = generic::unsplit(aggregate, &rows)?;
    let backwards = UInt32Array::from_iter_values((0..ROWS as u32).rev());
    if !agree(
        &whole,
        &generic::unsplit(aggregate, &take_record_batch(&rows, &backwards)?)?,
        RELATIVE_ERROR_BACKWARDS,
    ) {
        return Ok(Verdict::OrderMatters);
    }
    let aggregates = std::slice::from_ref(aggregate);
    let mut states = GenericStates::default();
    let mut panes = Vec::new();
    // What fails over the sample fails so in one go too.
    let mut errors = RowErrors::default();
    for start in (0..ROWS).step_by(ROWS_A_UPDATE) {
        let earlier = if start % ROWS_A_PANE == 0 {
            None
        } else {
            panes.pop().flatten()
        };
        let part = rows.slice(start, ROWS_A_UPDATE);
        let columns = generic::update(
            aggregates,
            &states,
            &[earlier],
            &part,
            &[0; ROWS_A_UPDATE],
            &mut errors,
        )?;
        panes.push(Some(states.store(columns)(0)));
    }
    let groups = vec![0; panes.len()];
    let split = generic::evaluate(aggregates, &states, &panes, &groups, 1, &mut errors)?;
    let agrees = split
        .first()
        .is_some_and(|split| agree(&whole, split, RELATIVE_ERROR));
    Ok(if agrees {
        Verdict::Survives
    } else {
        Verdict::SplitMatters
    })
}

fn agree(whole: &ArrayRef, split: &ArrayRef, error: f64) -> bool {
    if whole.data_type() != &DataType::Float64 || split.data_type() != &DataType::Float64 {
        return whole.as_ref() == split.as_ref();
    }
    let (whole, split) = (
        whole.as_primitive::<Float64Type>(),
        split.as_primitive::<Float64Type>(),
    );
    whole.iter().zip(split.iter()).all(|pair| match pair {
        (Some(whole), Some(split)) => (whole - split).abs() <= error * whole.abs().max(1.0),
        (whole, split) => whole == split,
    })
}

/// Rows with repeats, gaps, ties and a trend, in time order.
fn sample(input: &SchemaRef, sources: &[String]) -> Result<RecordBatch> {
    let columns = input
        .fields()
        .iter()
        .enumerate()
        .map(|(index, field)| match field.name().as_str() {
            TS => {
                // Every fourth row is of the instant of the one before.
                let instant = |row: i64| if row % 4 == 3 { row - 1 } else { row };
                let times = (0..ROWS as i64).map(|row| 1_790_000_000_000_000 + instant(row) * 2_500_000);
                Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC")) as ArrayRef
            }
            SOURCE => {
                Arc::new(StringArray::from_iter_values((0..ROWS).map(|row| {
                    sources.get(row % sources.len().max(1)).map_or("", String::as_str)
                }))) as ArrayRef
            }
            _ => Arc::new(Float64Array::from_iter((0..ROWS).map(|row| {
                let gap = (row + index) % 5 == 0;
                (!gap).then(|| 60.0 + ((row * 7) % 23) as f64 + row as f64 * 0.25)
            }))) as ArrayRef,
        });
    Ok(RecordBatch::try_new(Arc::clone(input), columns.collect())?)
}
