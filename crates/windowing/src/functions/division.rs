//! What `/` and `//` are: `/` gives the fraction, of whole numbers too; `//` cuts it off.
//!
//! A count and a feature made of it must divide alike, and features are DOUBLE. So 9 / 10 is 0.9 everywhere, as in DuckDB, and
//! 9 // 10 is 0.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, plan_err};
use datafusion::error::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::functions::math::trunc;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, Operator, binary_expr, cast};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::BinaryOperator;

#[derive(Debug)]
struct Division;

/// Plans divisions of ours in the place of DataFusion's.
pub(super) fn register(registry: &mut dyn FunctionRegistry) -> Result<()> {
    registry.register_expr_planner(Arc::new(Division))
}

// === impl Division ===

impl ExprPlanner for Division {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        check_literals(&expr)?;
        let cuts = match expr.op {
            BinaryOperator::Divide => false,
            BinaryOperator::DuckIntegerDivide => true,
            _ => return Ok(PlannerResult::Original(expr)),
        };
        let RawBinaryExpr { op, left, right } = expr;
        let is_whole = is_integer(&left, schema) && is_integer(&right, schema);
        let divided = |left, right| binary_expr(left, Operator::Divide, right);
        Ok(match (cuts, is_whole) {
            (false, true) => PlannerResult::Planned(divided(cast(left, DataType::Float64), right)),
            (false, false) => PlannerResult::Original(RawBinaryExpr { op, left, right }),
            // Of whole numbers DataFusion's own division does.
            (true, true) => PlannerResult::Planned(divided(left, right)),
            (true, false) => PlannerResult::Planned(trunc().call(vec![divided(left, right)])),
        })
    }
}

/// A name that is not there is the planner's to tell of.
fn is_integer(expr: &Expr, schema: &DFSchema) -> bool {
    expr.get_type(schema)
        .is_ok_and(|data_type| data_type.is_integer())
}

/// What is written down is computed while the SQL is planned, where whole numbers would wrap around, and a division by zero
/// would give an infinity.
fn check_literals(expr: &RawBinaryExpr) -> Result<()> {
    let is_division = matches!(
        expr.op,
        BinaryOperator::Divide | BinaryOperator::DuckIntegerDivide | BinaryOperator::Modulo
    );
    let is_zero = |expr: &Expr| match expr {
        Expr::Literal(ScalarValue::Int64(Some(number)), _) => *number == 0,
        Expr::Literal(ScalarValue::Float64(Some(number)), _) => *number == 0.0,
        _ => false,
    };
    if is_division && is_zero(&expr.right) {
        return plan_err!("{} {} {} divides by zero", expr.left, expr.op, expr.right);
    }
    let (Expr::Literal(ScalarValue::Int64(Some(left)), _), Expr::Literal(ScalarValue::Int64(Some(right)), _)) =
        (&expr.left, &expr.right)
    else {
        return Ok(());
    };
    let overflows = match expr.op {
        BinaryOperator::Plus => left.checked_add(*right).is_none(),
        BinaryOperator::Minus => left.checked_sub(*right).is_none(),
        BinaryOperator::Multiply => left.checked_mul(*right).is_none(),
        _ => false,
    };
    match overflows {
        true => plan_err!("{left} {} {right} is too large for a whole number", expr.op),
        false => Ok(()),
    }
}
