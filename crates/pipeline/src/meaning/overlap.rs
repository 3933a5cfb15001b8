//! Whether two conditions can hold at once.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{Array, AsArray, Float64Array};
use arrow::datatypes::DataType;
use datafusion::sql::sqlparser::ast::{Expr, Value as Literal, visit_expressions};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::Condition;

/// A value at which both conditions on one number hold; `texts` are theirs. They are tried at the numbers in them, and between:
/// a value that is found is proof, and where several numbers are read none is looked for.
pub(crate) fn overlap(one: &Condition, other: &Condition, texts: [&str; 2]) -> Option<f64> {
    let field = one.expression.inputs().fields().first()?;
    if one.inputs != other.inputs || one.inputs.len() != 1 || *field.data_type() != DataType::Float64 {
        return None;
    }
    let mut points: Vec<f64> = texts.into_iter().flat_map(numbers).collect();
    points.sort_by(f64::total_cmp);
    points.dedup();
    let between: Vec<f64> = points
        .windows(2)
        .map(|pair| f64::midpoint(pair[0], pair[1]))
        .collect();
    points.extend(between);
    let holds = |condition: &Condition| {
        let column = Arc::new(Float64Array::from(points.clone()));
        let (result, _) = condition.expression.evaluate(vec![column], points.len()).ok()?;
        Some(result.as_boolean_opt()?.clone())
    };
    let (one, other) = (holds(one)?, holds(other)?);
    let both = (0..points.len()).find(|at| {
        [&one, &other]
            .iter()
            .all(|holds| holds.is_valid(*at) && holds.value(*at))
    });
    both.map(|at| points[at])
}

/// The numbers in an expression: between two of them nothing changes.
fn numbers(sql: &str) -> Vec<f64> {
    let parsed = Parser::new(&GenericDialect {})
        .try_with_sql(sql)
        .and_then(|mut parser| parser.parse_expr());
    let mut numbers = Vec::new();
    let Ok(expr) = parsed else { return numbers };
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
