//! Conditions on one number, tried out: whether they can hold, and whether two can at once.
//!
//! A value at which something holds is proof. That nothing was found is proof only where a condition is made of steps.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{Array, AsArray, Float64Array};
use arrow::datatypes::DataType;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, UnaryOperator, Value as Literal, visit_expressions,
};

use crate::meaning::{Fact, Truth};
use crate::{Condition, sql};

/// So many values are tried beside the numbers that a condition names.
const TRIED: usize = 4_096;

/// What a condition does at the values of its one input.
pub(crate) struct Tried {
    points: Vec<f64>,
    holds: Vec<Option<bool>>,
}

/// Tries a condition on one number at the numbers that `texts` name, between them and beyond, and over its range; none where it
/// reads something else.
pub(crate) fn try_out(condition: &Condition, range: Fact, texts: &[&str]) -> Option<Tried> {
    let field = condition.expression.inputs().fields().first()?;
    if condition.inputs.len() != 1 || *field.data_type() != DataType::Float64 {
        return None;
    }
    let mut points: Vec<f64> = texts.iter().copied().flat_map(numbers).collect();
    let (least, most) = points.iter().fold((0.0_f64, 0.0_f64), |(least, most), point| {
        (least.min(*point), most.max(*point))
    });
    let low = if range.low.is_finite() {
        range.low
    } else {
        2.0 * least - 1.0
    };
    let high = if range.high.is_finite() {
        range.high
    } else {
        2.0 * most + 1.0
    };
    let step = (high - low) / TRIED as f64;
    points.extend((0..=TRIED).map(|at| low + step * at as f64));
    points.sort_by(f64::total_cmp);
    points.dedup();
    let between: Vec<f64> = points
        .windows(2)
        .map(|pair| f64::midpoint(pair[0], pair[1]))
        .collect();
    points.extend(between);
    if range.is_whole {
        // The whole numbers around each of them.
        points = points
            .into_iter()
            .flat_map(|point| [point.floor(), point.floor() + 1.0, point.ceil() - 1.0])
            .collect();
    }
    points.retain(|point| (low..=high).contains(point));
    // Last, no value at all.
    let column: Float64Array = points.iter().copied().map(Some).chain([None]).collect();
    let rows = column.len();
    let (result, _) = condition.expression.evaluate(vec![Arc::new(column)], rows).ok()?;
    let result = result.as_boolean_opt()?;
    let holds = (0..rows).map(|at| result.is_valid(at).then(|| result.value(at)));
    Some(Tried {
        holds: holds.collect(),
        points,
    })
}

/// A value at which both of two conditions on one input hold: one that is found is proof.
pub(crate) fn overlap(one: &Condition, other: &Condition, range: Fact, texts: [&str; 2]) -> Option<f64> {
    if one.inputs != other.inputs {
        return None;
    }
    let (one, other) = (try_out(one, range, &texts)?, try_out(other, range, &texts)?);
    let both =
        (0..one.points.len()).find(|at| one.holds[*at] == Some(true) && other.holds[*at] == Some(true));
    both.map(|at| one.points[at])
}

// === impl Tried ===

impl Tried {
    /// Whether it held anywhere, and failed anywhere.
    pub fn truth(&self) -> Truth {
        Truth {
            can_hold: self.holds.contains(&Some(true)),
            can_fail: self.holds.contains(&Some(false)),
        }
    }
}

/// Whether a condition compares nothing but names with numbers: then it changes only at these numbers, and what it does there,
/// between them and beyond is all that it ever does.
pub(crate) fn is_stepwise(sql: &str) -> bool {
    sql::expression(sql).is_some_and(|expr| is_made_of_steps(&expr))
}

fn is_made_of_steps(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner)
        | Expr::UnaryOp {
            op: UnaryOperator::Not,
            expr: inner,
        } => is_made_of_steps(inner),
        Expr::IsNull(inner) | Expr::IsNotNull(inner) => is_operand(inner),
        Expr::BinaryOp {
            left,
            op: BinaryOperator::And | BinaryOperator::Or,
            right,
        } => is_made_of_steps(left) && is_made_of_steps(right),
        Expr::BinaryOp {
            left,
            op:
                BinaryOperator::Lt
                | BinaryOperator::LtEq
                | BinaryOperator::Gt
                | BinaryOperator::GtEq
                | BinaryOperator::Eq
                | BinaryOperator::NotEq,
            right,
        } => is_operand(left) && is_operand(right),
        Expr::Between { expr, low, high, .. } => {
            [expr, low, high].into_iter().all(|operand| is_operand(operand))
        }
        Expr::InList { expr, list, .. } => is_operand(expr) && list.iter().all(is_operand),
        _ => is_operand(expr),
    }
}

/// A name, or a number with or without its sign.
fn is_operand(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_operand(inner),
        Expr::UnaryOp {
            op: UnaryOperator::Minus | UnaryOperator::Plus,
            expr,
        } => matches!(**expr, Expr::Value(_)),
        Expr::Identifier(_) | Expr::Value(_) => true,
        _ => false,
    }
}

/// The numbers in an expression.
fn numbers(sql: &str) -> Vec<f64> {
    let mut numbers = Vec::new();
    let Some(expr) = sql::expression(sql) else {
        return numbers;
    };
    let done: ControlFlow<()> = visit_expressions(&expr, |expr| {
        if let Expr::Value(value) = expr
            && let Literal::Number(text, _) = &value.value
            && let Ok(number) = text.parse::<f64>()
        {
            // `-5` is 5 with a sign.
            numbers.extend([number, -number]);
        }
        ControlFlow::Continue(())
    });
    debug_assert!(done.is_continue(), "nothing ends the visit");
    numbers
}
