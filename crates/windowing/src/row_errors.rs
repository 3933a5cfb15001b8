//! SQL that fails over some rows: those rows give NULL and are told of, the others give what they give.
//!
//! A division by zero in one patient's window must not stop the others' alarms.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, new_null_array};
use arrow::compute::concat;
use datafusion::error::{DataFusionError, Result};
use datafusion::physical_expr::PhysicalExpr;

/// Rows over which SQL failed, and why.
#[derive(Debug, Default)]
pub struct RowErrors {
    /// The rows, ascending.
    pub rows: Vec<usize>,
    /// DataFusion's first error. Its words may quote patients' data.
    pub first: Option<DataFusionError>,
}

/// Evaluates an expression; where it fails over the whole batch, row by row.
///
/// # Errors
/// When the results of rows do not fit together, which would be a defect of a function.
pub(crate) fn evaluate(
    expr: &Arc<dyn PhysicalExpr>,
    batch: &RecordBatch,
    errors: &mut RowErrors,
) -> Result<ArrayRef> {
    let rows = batch.num_rows();
    if let Ok(column) = expr.evaluate(batch).and_then(|value| value.into_array(rows)) {
        return Ok(column);
    }
    let data_type = expr.data_type(batch.schema_ref())?;
    let mut parts = Vec::with_capacity(rows);
    for row in 0..rows {
        let one = expr
            .evaluate(&batch.slice(row, 1))
            .and_then(|value| value.into_array(1));
        parts.push(one.unwrap_or_else(|error| {
            errors.add(row, error);
            new_null_array(&data_type, 1)
        }));
    }
    let parts: Vec<_> = parts.iter().map(AsRef::as_ref).collect();
    Ok(concat(&parts)?)
}

// === impl RowErrors ===

impl RowErrors {
    fn add(&mut self, row: usize, error: DataFusionError) {
        self.first.get_or_insert(error);
        if let Err(at) = self.rows.binary_search(&row) {
            self.rows.insert(at, row);
        }
    }
}
