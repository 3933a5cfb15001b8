//! Every other mergeable aggregate, by DataFusion's own accumulators, driven pane by pane.
//!
//! Three phases, as in DataFusion's partial, partial-reduce and final aggregation, but without plan nodes: a plan would be
//! executed for every batch, re-hash groups that are already dense, and collect metrics without end.
//!
//! ```text
//!   update:    rows of a pane (and the pane's earlier state) ──▶ state      one Arrow row a pane
//!   merge:     states of a window's panes, in pane order
//!   evaluate:  one value a window
//! ```
//!
//! States live in immutable Arrow batches; a pane holds a [`RowRef`] into one. A batch is freed with its last live row,
//! and the store is compacted when most rows are dead.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::interleave;
use datafusion::error::Result;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::{GroupsAccumulatorAdapter, PhysicalExpr};

/// One aggregate that is not fused.
#[derive(Clone, Debug)]
pub(crate) struct GenericAggregate {
    pub(crate) function: Arc<AggregateFunctionExpr>,
    /// Arguments, then the expressions of its ORDER BY: what `update_batch` takes.
    pub(crate) arguments: Vec<Arc<dyn PhysicalExpr>>,
    /// WHERE, FILTER and "its vital sign is not null", as one.
    pub(crate) filter: Arc<dyn PhysicalExpr>,
    /// How many columns its state has.
    pub(crate) state_columns: usize,
}

/// Where a pane's state stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowRef {
    batch: u32,
    row: u32,
}

#[derive(Clone, Debug)]
struct StateBatch {
    columns: Vec<ArrayRef>,
    live: u32,
}

/// The states of all panes of all patients.
#[derive(Clone, Debug, Default)]
pub(crate) struct GenericStates {
    batches: Vec<Option<StateBatch>>,
    free: Vec<u32>,
}

// === impl GenericAggregate ===

impl GenericAggregate {
    fn accumulator(&self) -> Result<Box<dyn GroupsAccumulator>> {
        if self.function.groups_accumulator_supported() {
            return self.function.create_groups_accumulator();
        }
        let function = Arc::clone(&self.function);
        Ok(Box::new(GroupsAccumulatorAdapter::new(move || function.create_accumulator())))
    }

    /// Takes rows into an accumulator; `groups[row]` is the dense group of a row.
    fn update(
        &self,
        accumulator: &mut dyn GroupsAccumulator,
        rows: &RecordBatch,
        groups: &[usize],
        total: usize,
    ) -> Result<()> {
        let count = rows.num_rows();
        let arguments: Vec<ArrayRef> = self
            .arguments
            .iter()
            .map(|argument| argument.evaluate(rows)?.into_array(count))
            .collect::<Result<_>>()?;
        let filter = self.filter.evaluate(rows)?.into_array(count)?;
        let filter = no_nulls(filter.as_boolean());
        accumulator.update_batch(&arguments, groups, Some(&filter), total)
    }
}

/// A filter whose nulls are false, as SQL has it.
fn no_nulls(filter: &BooleanArray) -> BooleanArray {
    if filter.null_count() == 0 {
        return filter.clone();
    }
    filter.iter().map(|kept| Some(kept == Some(true))).collect()
}

/// Updates pane states with new rows: for every group its earlier state, if any, then the rows, in order.
///
/// `earlier[group]` is a row of `states`. The result has one row a group: the columns of all aggregates side by side.
pub(crate) fn update(
    aggregates: &[GenericAggregate],
    states: &GenericStates,
    earlier: &[Option<RowRef>],
    rows: &RecordBatch,
    groups: &[usize],
) -> Result<Vec<ArrayRef>> {
    let total = earlier.len();
    let (earlier_groups, earlier_refs): (Vec<usize>, Vec<RowRef>) =
        earlier.iter().enumerate().filter_map(|(group, row)| row.map(|row| (group, row))).unzip();
    let mut result = Vec::new();
    let mut first_column = 0;
    for aggregate in aggregates {
        let mut accumulator = aggregate.accumulator()?;
        if !earlier_refs.is_empty() {
            let gathered = states.gather(&earlier_refs, first_column..first_column + aggregate.state_columns)?;
            accumulator.merge_batch(&gathered, &earlier_groups, total)?;
        }
        aggregate.update(accumulator.as_mut(), rows, groups, total)?;
        result.extend(accumulator.state(EmitTo::All)?);
        first_column += aggregate.state_columns;
    }
    Ok(result)
}

/// Merges states into `total` groups and finishes them: one column an aggregate.
pub(crate) fn evaluate(
    aggregates: &[GenericAggregate],
    states: &GenericStates,
    refs: &[RowRef],
    groups: &[usize],
    total: usize,
) -> Result<Vec<ArrayRef>> {
    let mut first_column = 0;
    aggregates
        .iter()
        .map(|aggregate| {
            let mut accumulator = aggregate.accumulator()?;
            let columns = first_column..first_column + aggregate.state_columns;
            first_column = columns.end;
            if refs.is_empty() {
                // Without a state to merge, an accumulator would not know how many groups there are.
                let empty = empty_states(aggregate)?;
                accumulator.merge_batch(&empty, &[], total)?;
            } else {
                accumulator.merge_batch(&states.gather(refs, columns)?, groups, total)?;
            }
            accumulator.evaluate(EmitTo::All)
        })
        .collect()
}

/// Aggregates rows in one go, without panes: the reference that the split is checked against.
pub(crate) fn unsplit(aggregate: &GenericAggregate, rows: &RecordBatch) -> Result<ArrayRef> {
    let mut accumulator = aggregate.accumulator()?;
    aggregate.update(accumulator.as_mut(), rows, &vec![0; rows.num_rows()], 1)?;
    accumulator.evaluate(EmitTo::All)
}

fn empty_states(aggregate: &GenericAggregate) -> Result<Vec<ArrayRef>> {
    let fields = aggregate.function.state_fields()?;
    Ok(fields.iter().map(|field| arrow::array::new_empty_array(field.data_type())).collect())
}

// === impl GenericStates ===

impl GenericStates {
    /// Stores a batch of states, all of them live; returns the reference of its first row, the others follow.
    pub(crate) fn store(&mut self, columns: Vec<ArrayRef>) -> impl Fn(usize) -> RowRef + use<> {
        let rows = columns.first().map_or(0, |column| column.len());
        let stored = Some(StateBatch { columns, live: rows as u32 });
        let batch = match self.free.pop() {
            Some(batch) => {
                self.batches[batch as usize] = stored;
                batch
            }
            None => {
                self.batches.push(stored);
                (self.batches.len() - 1) as u32
            }
        };
        move |row| RowRef { batch, row: row as u32 }
    }

    /// Gives up a pane's state.
    pub(crate) fn release(&mut self, row: RowRef) {
        let Some(batch) = self.batches[row.batch as usize].as_mut() else {
            debug_assert!(false, "a pane refers to a freed batch");
            return;
        };
        batch.live -= 1;
        if batch.live == 0 {
            self.batches[row.batch as usize] = None;
            self.free.push(row.batch);
        }
    }

    /// Rows that some pane refers to, and rows that are held in memory for them.
    pub(crate) fn live_and_held(&self) -> (usize, usize) {
        self.batches.iter().flatten().fold((0, 0), |(live, held), batch| {
            let rows = batch.columns.first().map_or(0, |column| column.len());
            (live + batch.live as usize, held + rows)
        })
    }

    /// How many batches are held.
    #[cfg(test)]
    pub(crate) fn batches(&self) -> usize {
        self.batches.iter().flatten().count()
    }

    /// The states of `refs`, in that order, for some of the columns.
    pub(crate) fn gather(&self, refs: &[RowRef], columns: std::ops::Range<usize>) -> Result<Vec<ArrayRef>> {
        let mut places = vec![usize::MAX; self.batches.len()];
        let mut used: Vec<&StateBatch> = Vec::new();
        let mut indices = Vec::with_capacity(refs.len());
        for row in refs {
            let place = &mut places[row.batch as usize];
            if *place == usize::MAX {
                *place = used.len();
                used.push(self.batches[row.batch as usize].as_ref().expect("a pane refers only to live batches"));
            }
            indices.push((*place, row.row as usize));
        }
        columns
            .map(|column| {
                let arrays: Vec<&dyn Array> = used.iter().map(|batch| batch.columns[column].as_ref()).collect();
                Ok(interleave(&arrays, &indices)?)
            })
            .collect()
    }
}
