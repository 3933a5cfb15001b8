//! SQL that fails over some rows: those rows give NULL and are reported, the others give what they give.
//!
//! A division by zero, or an overflow, in one patient's window must not stop the others' alarms.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array, RecordBatch, new_null_array};
use arrow::compute::concat;
use arrow::datatypes::Float64Type;
use arrow::error::ArrowError;
use datafusion::error::{DataFusionError, Result};
use datafusion::physical_expr::PhysicalExpr;

/// Rows over which SQL failed, and why.
#[derive(Clone, Debug, Default)]
pub struct RowErrors {
    /// The rows, ascending.
    pub rows: Vec<usize>,
    /// Readings over which an aggregate's argument or filter failed: to the aggregate they are missing.
    pub readings: usize,
    /// DataFusion's first error. Its words may quote patients' data.
    pub first: Option<Arc<DataFusionError>>,
}

/// Evaluates an expression; where it fails over the whole batch, row by row. Rows that `among` leaves out are not asked for:
/// what they give is NULL or anything.
///
/// # Errors
/// When the results of rows do not fit together, which would be a defect of a function.
pub(crate) fn evaluate(
    expr: &Arc<dyn PhysicalExpr>,
    batch: &RecordBatch,
    among: Option<&BooleanArray>,
    errors: &mut RowErrors,
) -> Result<ArrayRef> {
    let rows = batch.num_rows();
    if let Ok(column) = expr.evaluate(batch).and_then(|value| value.into_array(rows)) {
        return Ok(column);
    }
    let nothing = new_null_array(&expr.data_type(batch.schema_ref())?, 1);
    let mut parts = Vec::with_capacity(rows);
    for row in 0..rows {
        if among.is_some_and(|among| !among.value(row)) {
            parts.push(Arc::clone(&nothing));
            continue;
        }
        let one = expr
            .evaluate(&batch.slice(row, 1))
            .and_then(|value| value.into_array(1));
        parts.push(one.unwrap_or_else(|error| {
            errors.add(row, error);
            Arc::clone(&nothing)
        }));
    }
    let parts: Vec<_> = parts.iter().map(AsRef::as_ref).collect();
    Ok(concat(&parts)?)
}

/// NaN and infinities stop here: they are missing, and reported.
pub(crate) fn finite(column: ArrayRef, errors: &mut RowErrors) -> ArrayRef {
    let Some(numbers) = column.as_primitive_opt::<Float64Type>() else {
        return column;
    };
    if numbers.values().iter().all(|value| value.is_finite()) {
        return column;
    }
    let finite = numbers.iter().enumerate().map(|(row, value)| {
        value.filter(|value| {
            if !value.is_finite() {
                let overflow = ArrowError::ArithmeticOverflow("the result is no number".to_owned());
                errors.add(row, overflow.into());
            }
            value.is_finite()
        })
    });
    Arc::new(finite.collect::<Float64Array>())
}

// === impl RowErrors ===

impl RowErrors {
    /// Whether nothing failed.
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(crate) fn add(&mut self, row: usize, error: DataFusionError) {
        self.first.get_or_insert_with(|| Arc::new(error));
        if let Err(at) = self.rows.binary_search(&row) {
            self.rows.insert(at, row);
        }
    }

    /// Adds rows that were readings.
    pub(crate) fn add_readings(&mut self, failed: RowErrors) {
        self.readings += failed.rows.len();
        self.first = self.first.take().or(failed.first);
    }
}
