//! A scalar SQL expression over named inputs: a score, or the condition of an alarm.
//!
//! The names that it may read are given as a schema; only those it does read are asked for at evaluation.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, Volatility, ident};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};

use crate::checked::checked;
use crate::functions::{WHO, is_without_who};
use crate::{PlanError, RowErrors, row_errors, session};

/// A planned expression.
#[derive(Debug)]
pub struct Expression {
    expr: Arc<dyn PhysicalExpr>,
    inputs: SchemaRef,
    data_type: DataType,
}

// === impl Expression ===

impl Expression {
    /// Plans an expression over the named inputs of `names`.
    ///
    /// # Errors
    /// [`PlanError`] when it does not parse, names something else, aggregates, or is not deterministic.
    pub fn new(sql: &str, names: &Schema) -> Result<Self, PlanError> {
        let state = session::planning_state()?;
        let schema = DFSchema::try_from(names.clone())?;
        let logical = state.create_logical_expr(sql, &schema)?;
        check(&logical)?;
        let logical = complete(logical, names)?;
        let logical = session::simplify(&state, logical, &schema)?;
        let expr = state.create_physical_expr(logical, &schema)?;
        let mut read: Vec<usize> = collect_columns(&expr)
            .into_iter()
            .map(|column| column.index())
            .collect();
        read.sort_unstable();
        let inputs: SchemaRef = Arc::new(names.project(&read).map_err(DataFusionError::from)?);
        let expr = checked(reassign_expr_columns(expr, &inputs)?, &inputs)?;
        let data_type = expr.data_type(&inputs)?;
        Ok(Self {
            expr,
            inputs,
            data_type,
        })
    }

    /// The inputs that it reads, in the order in which [`Expression::evaluate`] takes them.
    pub fn inputs(&self) -> &SchemaRef {
        &self.inputs
    }

    /// The type of its result.
    pub fn data_type(&self) -> &DataType {
        &self.data_type
    }

    /// Evaluates it over `rows` rows; `columns` are its inputs. Rows over which it fails, such as by a division by zero or an
    /// overflow, are NULL and reported.
    ///
    /// # Errors
    /// When the columns are not its inputs.
    pub fn evaluate(&self, columns: Vec<ArrayRef>, rows: usize) -> Result<(ArrayRef, RowErrors)> {
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.inputs), columns, &options)?;
        let mut errors = RowErrors::default();
        let column = row_errors::evaluate(&self.expr, &batch, None, &mut errors)?;
        Ok((row_errors::finite(column, &mut errors), errors))
    }
}

/// Gives `news2(…)` the patient's age and pregnancy, where the names hold them and the text does not give them: nobody should
/// have to think of it for the score of a child to be unavailable.
fn complete(expr: Expr, names: &Schema) -> Result<Expr> {
    if WHO.iter().any(|name| names.index_of(name).is_err()) {
        return Ok(expr);
    }
    let complete = |expr| {
        Ok(match expr {
            Expr::ScalarFunction(mut function) if is_without_who(function.name(), function.args.len()) => {
                function.args.extend(WHO.map(ident));
                Transformed::yes(Expr::ScalarFunction(function))
            }
            expr => Transformed::no(expr),
        })
    };
    Ok(expr.transform_up(complete)?.data)
}

fn check(expr: &Expr) -> Result<(), PlanError> {
    let mut found = None;
    expr.apply(|expr| {
        match expr {
            Expr::ScalarFunction(function)
                if function.func.signature().volatility != Volatility::Immutable =>
            {
                found = Some(PlanError::NotDeterministic {
                    function: function.name().to_owned(),
                });
            }
            Expr::AggregateFunction(function) => {
                found = Some(PlanError::Aggregate {
                    aggregate: function.func.name().to_owned(),
                    why: "a score has no window to aggregate over".to_owned(),
                    fix: "select the aggregate in a feature set and use its name here",
                });
            }
            Expr::Exists(_) | Expr::InSubquery(_) | Expr::ScalarSubquery(_) | Expr::WindowFunction(_) => {
                found = Some(PlanError::Shape {
                    word: None,
                    what: "a subquery or window function".to_owned(),
                    fix: "compute it in a feature set and use its name here",
                });
            }
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    found.map_or(Ok(()), Err)
}
