//! Every other mergeable aggregate, by DataFusion's accumulators, driven pane by pane.
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

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, UInt32Array, new_null_array};
use arrow::compute::{SortColumn, concat, interleave, lexsort_to_indices, take, take_arrays};
use arrow::datatypes::SchemaRef;
use datafusion::error::Result;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{GroupsAccumulatorAdapter, PhysicalExpr};
use wardwatch_clinical::VitalSign;

use crate::{RowErrors, row_errors};

/// A guess at the state of one that keeps values, such as `median`.
const LIST_BYTES: usize = 96;

/// One aggregate that is not fused.
#[derive(Clone, Debug)]
pub(crate) struct GenericAggregate {
    pub(crate) function: Arc<AggregateFunctionExpr>,
    /// Arguments, then the expressions of its ORDER BY: what `update_batch` takes.
    pub(crate) arguments: Vec<Arc<dyn PhysicalExpr>>,
    /// WHERE, FILTER and "its vital sign is not null", as one.
    pub(crate) filter: Arc<dyn PhysicalExpr>,
    /// Its state over no rows, one row of each state column. DataFusion's accumulators take a group that no batch has
    /// mentioned for one that has seen values, so each group of a merge is given a state, if need be this one.
    pub(crate) nothing: Vec<ArrayRef>,
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
    /// About how many bytes its state takes in a pane; one that keeps values grows with them.
    pub(crate) fn state_bytes(&self) -> usize {
        let width = |column: &ArrayRef| column.data_type().primitive_width().unwrap_or(LIST_BYTES);
        self.nothing.iter().map(width).sum()
    }

    /// The vital signs that it reads.
    pub(crate) fn vitals(&self) -> Vec<VitalSign> {
        let expressions = self.arguments.iter().chain([&self.filter]);
        expressions
            .flat_map(collect_columns)
            .filter_map(|column| VitalSign::from_name(column.name()))
            .collect()
    }

    /// An aggregate over rows of `input`; `arguments` and `filter` are expressions over its columns.
    pub(crate) fn new(
        function: Arc<AggregateFunctionExpr>,
        arguments: Vec<Arc<dyn PhysicalExpr>>,
        filter: Arc<dyn PhysicalExpr>,
        input: &SchemaRef,
    ) -> Result<Self> {
        let mut aggregate = Self {
            function,
            arguments,
            filter,
            nothing: Vec::new(),
        };
        let nulls: Vec<ArrayRef> = aggregate
            .arguments
            .iter()
            .map(|argument| Ok(new_null_array(&argument.data_type(input)?, 1)))
            .collect::<Result<_>>()?;
        let mut accumulator = aggregate.accumulator()?;
        accumulator.update_batch(&nulls, &[0], Some(&BooleanArray::from(vec![false])), 1)?;
        aggregate.nothing = accumulator.state(EmitTo::All)?;
        Ok(aggregate)
    }

    fn accumulator(&self) -> Result<Box<dyn GroupsAccumulator>> {
        if self.function.groups_accumulator_supported() {
            return self.function.create_groups_accumulator();
        }
        let function = Arc::clone(&self.function);
        Ok(Box::new(GroupsAccumulatorAdapter::new(move || {
            function.create_accumulator()
        })))
    }

    /// Takes rows into an accumulator; `groups[row]` is the dense group of a row. Over which readings its SQL fails is added to
    /// `errors`.
    fn update(
        &self,
        accumulator: &mut dyn GroupsAccumulator,
        rows: &RecordBatch,
        groups: &[usize],
        total: usize,
        errors: &mut RowErrors,
    ) -> Result<()> {
        let mut failed = RowErrors::default();
        let filter = row_errors::evaluate(&self.filter, rows, None, &mut failed)?;
        let filter = no_nulls(filter.as_boolean());
        let arguments: Vec<ArrayRef> = self
            .arguments
            .iter()
            .map(|argument| row_errors::evaluate(argument, rows, Some(&filter), &mut failed))
            .collect::<Result<_>>()?;
        errors.add_readings(failed);
        if !self.trusts_order() {
            return accumulator.update_batch(&arguments, groups, Some(&filter), total);
        }
        let order = self.order(&arguments)?;
        let arguments = take_arrays(&arguments, &order, None)?;
        let filter = take(&filter, &order, None)?;
        let groups: Vec<usize> = order.values().iter().map(|row| groups[*row as usize]).collect();
        accumulator.update_batch(&arguments, &groups, Some(filter.as_boolean()), total)
    }

    /// Merges states into groups and finishes them.
    fn finish(&self, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<ArrayRef> {
        let mut accumulator = self.accumulator()?;
        accumulator.merge_batch(states, groups, total)?;
        accumulator.evaluate(EmitTo::All)
    }

    /// The same of each group alone, so that one that fails spares the others.
    fn finish_one_by_one(
        &self,
        states: &[ArrayRef],
        groups: &[usize],
        total: usize,
        errors: &mut RowErrors,
    ) -> Result<ArrayRef> {
        let mut parts = Vec::with_capacity(total);
        for group in 0..total {
            let from = groups.partition_point(|other| *other < group);
            let rows = groups.partition_point(|other| *other <= group) - from;
            let states: Vec<ArrayRef> = states.iter().map(|column| column.slice(from, rows)).collect();
            parts.push(self.finish(&states, &vec![0; rows], 1).unwrap_or_else(|error| {
                errors.add(group, error);
                new_null_array(self.function.field().data_type(), 1)
            }));
        }
        let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
        Ok(concat(&parts)?)
    }

    /// True for an accumulator that takes its rows to come in the order of its ORDER BY, such as that of `nth_value`.
    fn trusts_order(&self) -> bool {
        self.function.order_sensitivity().hard_requires()
    }

    /// The rows in the order of its ORDER BY, whose expressions are the last of the arguments.
    fn order(&self, arguments: &[ArrayRef]) -> Result<UInt32Array> {
        let orders = self.function.order_bys();
        let columns = arguments[arguments.len() - orders.len()..].iter().zip(orders);
        let columns: Vec<SortColumn> = columns
            .map(|(values, order)| SortColumn {
                values: Arc::clone(values),
                options: Some(order.options),
            })
            .collect();
        Ok(lexsort_to_indices(&columns, None)?)
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
    errors: &mut RowErrors,
) -> Result<Vec<ArrayRef>> {
    let total = earlier.len();
    let every_group: Vec<usize> = (0..total).collect();
    let mut result = Vec::new();
    let mut first_column = 0;
    for aggregate in aggregates {
        let mut accumulator = aggregate.accumulator()?;
        let columns = first_column..first_column + aggregate.nothing.len();
        first_column = columns.end;
        if earlier.iter().any(Option::is_some) {
            let gathered = states.gather(earlier, columns, &aggregate.nothing)?;
            accumulator.merge_batch(&gathered, &every_group, total)?;
        }
        if aggregate.trusts_order() {
            // It would take the rows to come after all of the earlier ones, but merges states by their order.
            let mut fresh = aggregate.accumulator()?;
            aggregate.update(fresh.as_mut(), rows, groups, total, errors)?;
            accumulator.merge_batch(&fresh.state(EmitTo::All)?, &every_group, total)?;
        } else {
            aggregate.update(accumulator.as_mut(), rows, groups, total, errors)?;
        }
        result.extend(accumulator.state(EmitTo::All)?);
    }
    Ok(result)
}

/// Merges states into `total` groups and finishes them: one column an aggregate. Each group has at least one state; none
/// stands for that of no rows. `groups` ascend. Where an aggregate fails, as a sum that overflows, it is missing, and the
/// group is reported.
pub(crate) fn evaluate(
    aggregates: &[GenericAggregate],
    states: &GenericStates,
    refs: &[Option<RowRef>],
    groups: &[usize],
    total: usize,
    errors: &mut RowErrors,
) -> Result<Vec<ArrayRef>> {
    let mut first_column = 0;
    aggregates
        .iter()
        .map(|aggregate| {
            let columns = first_column..first_column + aggregate.nothing.len();
            first_column = columns.end;
            let gathered = states.gather(refs, columns, &aggregate.nothing)?;
            let column = match aggregate.finish(&gathered, groups, total) {
                Ok(column) => column,
                Err(_) => aggregate.finish_one_by_one(&gathered, groups, total, errors)?,
            };
            Ok(row_errors::finite(column, errors))
        })
        .collect()
}

/// Aggregates rows in one go, without panes: the reference that the split is checked against. What fails is missing.
pub(crate) fn unsplit(aggregate: &GenericAggregate, rows: &RecordBatch) -> Result<ArrayRef> {
    let (mut accumulator, mut errors) = (aggregate.accumulator()?, RowErrors::default());
    let groups = vec![0; rows.num_rows()];
    aggregate.update(accumulator.as_mut(), rows, &groups, 1, &mut errors)?;
    let nothing = || new_null_array(aggregate.function.field().data_type(), 1);
    let column = accumulator.evaluate(EmitTo::All).unwrap_or_else(|_| nothing());
    Ok(row_errors::finite(column, &mut errors))
}

// === impl GenericStates ===

impl GenericStates {
    /// Stores a batch of states, all of them live; returns the reference of its first row, the others follow.
    pub(crate) fn store(&mut self, columns: Vec<ArrayRef>) -> impl Fn(usize) -> RowRef + use<> {
        let rows = columns.first().map_or(0, |column| column.len());
        let stored = Some(StateBatch {
            columns,
            live: rows as u32,
        });
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
        move |row| RowRef {
            batch,
            row: row as u32,
        }
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

    /// The states of `refs`, in that order, for some of the columns; `nothing` is the one row of those columns where a
    /// reference is none.
    pub(crate) fn gather(
        &self,
        refs: &[Option<RowRef>],
        columns: Range<usize>,
        nothing: &[ArrayRef],
    ) -> Result<Vec<ArrayRef>> {
        let mut places = vec![usize::MAX; self.batches.len() + 1];
        let mut used: Vec<&[ArrayRef]> = Vec::new();
        let mut indices = Vec::with_capacity(refs.len());
        for row in refs {
            let place = &mut places[row.map_or(self.batches.len(), |row| row.batch as usize)];
            if *place == usize::MAX {
                *place = used.len();
                used.push(match row {
                    Some(row) => {
                        let batch = self.batches[row.batch as usize].as_ref();
                        &batch.expect("a pane refers only to live batches").columns[columns.clone()]
                    }
                    None => nothing,
                });
            }
            indices.push((*place, row.map_or(0, |row| row.row as usize)));
        }
        (0..columns.len())
            .map(|column| {
                let arrays: Vec<&dyn Array> = used.iter().map(|columns| columns[column].as_ref()).collect();
                Ok(interleave(&arrays, &indices)?)
            })
            .collect()
    }
}
