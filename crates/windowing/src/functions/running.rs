//! A statistic that is kept as a few plain numbers, as an accumulator of DataFusion: of one group, and of many.
//!
//! Taking a state into one that holds nothing copies it: so rows that follow an earlier state give the same bits as all rows at
//! once.

use std::fmt::Debug;
use std::mem::size_of_val;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};
use datafusion::scalar::ScalarValue;

/// A statistic of one or two columns, row by row.
pub(super) trait Running: Clone + Copy + Debug + Default + Send + Sync + 'static {
    /// Its arguments; with one argument, both are it.
    type Argument: ArrowPrimitiveType;
    /// What its state is made of.
    type Number: ArrowPrimitiveType;
    /// What it gives.
    type Given: ArrowPrimitiveType;
    /// What can be asked of it.
    type Asked: Copy + Debug + Send + Sync;
    /// The names of its state's numbers.
    const NUMBERS: &'static [&'static str];

    /// Takes in a row.
    fn push(
        &mut self,
        first: <Self::Argument as ArrowPrimitiveType>::Native,
        second: <Self::Argument as ArrowPrimitiveType>::Native,
    );
    /// Takes in another state.
    fn merge(&mut self, other: &Self);
    /// Its state's number at a place of [`Running::NUMBERS`].
    fn number(&self, at: usize) -> <Self::Number as ArrowPrimitiveType>::Native;
    /// The state from its numbers.
    fn from_numbers(number: impl Fn(usize) -> <Self::Number as ArrowPrimitiveType>::Native) -> Self;
    /// What it gives; none over too few rows.
    ///
    /// # Errors
    /// When that is no number of the type that it gives.
    fn give(&self, asked: Self::Asked) -> Result<Option<<Self::Given as ArrowPrimitiveType>::Native>>;
}

/// The states of groups.
#[derive(Debug)]
pub(super) struct Groups<R: Running> {
    asked: R::Asked,
    /// The column of the second argument; those of an ORDER BY may follow.
    second: usize,
    /// The type of what is given.
    data_type: DataType,
    states: Vec<R>,
}

/// The columns of a state.
pub(super) fn state_fields<R: Running>(name: &str) -> Vec<FieldRef> {
    let field = |number: &&str| {
        let name = format_state_name(name, number);
        Arc::new(Field::new(name, R::Number::DATA_TYPE, true))
    };
    R::NUMBERS.iter().map(field).collect()
}

// === impl Groups ===

impl<R: Running> Groups<R> {
    /// No group yet.
    pub(super) fn new(asked: R::Asked, args: &AccumulatorArgs<'_>) -> Self {
        Self {
            asked,
            second: args.exprs.len() - 1,
            data_type: args.return_field.data_type().clone(),
            states: Vec::new(),
        }
    }

    /// Hands on each row that a filter keeps and that misses no argument.
    fn each_row(
        values: &[ArrayRef],
        second: usize,
        filter: Option<&BooleanArray>,
        mut take: impl FnMut(
            usize,
            <R::Argument as ArrowPrimitiveType>::Native,
            <R::Argument as ArrowPrimitiveType>::Native,
        ),
    ) {
        let first = values[0].as_primitive::<R::Argument>();
        let second = values[second].as_primitive::<R::Argument>();
        for row in 0..first.len() {
            let is_kept = filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
            if is_kept && first.is_valid(row) && second.is_valid(row) {
                take(row, first.value(row), second.value(row));
            }
        }
    }

    fn merge_rows(&mut self, columns: &[ArrayRef], group: impl Fn(usize) -> usize) {
        let columns: Vec<&PrimitiveArray<R::Number>> =
            columns.iter().map(|column| column.as_primitive()).collect();
        for row in 0..columns[0].len() {
            let other = R::from_numbers(|at| columns[at].value(row));
            self.states[group(row)].merge(&other);
        }
    }

    fn columns(states: &[R]) -> Vec<ArrayRef> {
        let column = |at: usize| {
            let numbers = states.iter().map(|state| state.number(at));
            Arc::new(PrimitiveArray::<R::Number>::from_iter_values(numbers)) as ArrayRef
        };
        (0..R::NUMBERS.len()).map(column).collect()
    }

    fn given(&self, states: &[R]) -> Result<ArrayRef> {
        let given = states.iter().map(|state| state.give(self.asked));
        let given: ArrayRef = Arc::new(given.collect::<Result<PrimitiveArray<R::Given>>>()?);
        if *given.data_type() == self.data_type {
            return Ok(given);
        }
        Ok(cast(&given, &self.data_type)?)
    }

    /// The state of the only group.
    fn only(&mut self) -> &mut R {
        self.states.resize(1, R::default());
        &mut self.states[0]
    }
}

impl<R: Running> GroupsAccumulator for Groups<R> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.states.resize(total, R::default());
        Self::each_row(values, self.second, filter, |row, first, second| {
            self.states[groups[row]].push(first, second);
        });
        Ok(())
    }

    fn merge_batch(&mut self, columns: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.states.resize(total, R::default());
        self.merge_rows(columns, |row| groups[row]);
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let states = emit_to.take_needed(&mut self.states);
        self.given(&states)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(Self::columns(&emit_to.take_needed(&mut self.states)))
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let mut states = vec![R::default(); values[0].len()];
        Self::each_row(values, self.second, filter, |row, first, second| {
            states[row].push(first, second)
        });
        Ok(Self::columns(&states))
    }

    fn size(&self) -> usize {
        self.states.capacity() * size_of::<R>()
    }
}

impl<R: Running> Accumulator for Groups<R> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let second = self.second;
        let state = self.only();
        Self::each_row(values, second, None, |_, first, second| state.push(first, second));
        Ok(())
    }

    fn merge_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        self.only();
        self.merge_rows(columns, |_| 0);
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let state = *self.only();
        ScalarValue::try_from_array(&self.given(&[state])?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let state = *self.only();
        let columns = Self::columns(&[state]);
        columns
            .iter()
            .map(|column| ScalarValue::try_from_array(column, 0))
            .collect()
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.states.capacity() * size_of::<R>()
    }
}
