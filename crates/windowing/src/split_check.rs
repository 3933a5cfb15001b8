//! Does an aggregate survive the split into panes?
//!
//! An aggregate whose merge is not the merge of its parts would be silently wrong. So each one is run over sample rows in
//! one go and pane by pane, with a pane updated twice, and refused when the two differ.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Float64Type, SchemaRef};
use datafusion::error::Result;

use crate::generic::{self, GenericAggregate, GenericStates};
use crate::relation::{SOURCE, TS};

const ROWS: usize = 48;
const ROWS_A_UPDATE: usize = 6;
const ROWS_A_PANE: usize = 12;
const RELATIVE_ERROR: f64 = 1e-9;

/// True when the aggregate gives the same result split as whole.
pub(crate) fn survives(aggregate: &GenericAggregate, input: &SchemaRef, sources: &[String]) -> Result<bool> {
    let rows = sample(input, sources)?;
    let whole = generic::unsplit(aggregate, &rows)?;
    let aggregates = std::slice::from_ref(aggregate);
    let mut states = GenericStates::default();
    let mut panes = Vec::new();
    for start in (0..ROWS).step_by(ROWS_A_UPDATE) {
        let earlier = if start % ROWS_A_PANE == 0 { None } else { panes.pop() };
        let part = rows.slice(start, ROWS_A_UPDATE);
        let columns = generic::update(aggregates, &states, &[earlier], &part, &[0; ROWS_A_UPDATE])?;
        panes.push(states.store(columns)(0));
    }
    let groups = vec![0; panes.len()];
    let split = generic::evaluate(aggregates, &states, &panes, &groups, 1)?;
    Ok(split.first().is_some_and(|split| agree(&whole, split)))
}

fn agree(whole: &ArrayRef, split: &ArrayRef) -> bool {
    if whole.data_type() != &DataType::Float64 || split.data_type() != &DataType::Float64 {
        return whole.as_ref() == split.as_ref();
    }
    let (whole, split) = (whole.as_primitive::<Float64Type>(), split.as_primitive::<Float64Type>());
    whole.iter().zip(split.iter()).all(|pair| match pair {
        (Some(whole), Some(split)) => (whole - split).abs() <= RELATIVE_ERROR * whole.abs().max(1.0),
        (whole, split) => whole == split,
    })
}

/// Rows with repeats, gaps and a trend, in time order.
fn sample(input: &SchemaRef, sources: &[String]) -> Result<RecordBatch> {
    let columns = input.fields().iter().enumerate().map(|(index, field)| match field.name().as_str() {
        TS => {
            let times = (0..ROWS as i64).map(|row| 1_790_000_000_000_000 + row * 2_500_000);
            Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC")) as ArrayRef
        }
        SOURCE => Arc::new(StringArray::from_iter_values((0..ROWS).map(|row| {
            sources.get(row % sources.len().max(1)).map_or("", String::as_str)
        }))) as ArrayRef,
        _ => Arc::new(Float64Array::from_iter((0..ROWS).map(|row| {
            let gap = (row + index) % 5 == 0;
            (!gap).then(|| 60.0 + ((row * 7) % 23) as f64 + row as f64 * 0.25)
        }))) as ArrayRef,
    });
    Ok(RecordBatch::try_new(Arc::clone(input), columns.collect())?)
}
