//! Arithmetic that is checked: what is no number is an error, and an error is NULL in a pipeline, and reported.
//!
//! DataFusion's whole numbers wrap around where they overflow. Its other numbers become infinite or NaN, by a division by zero,
//! `ln(0)` or `exp(1000)`; these compare greater than any threshold, so that an alarm would begin on them.
//!
//! Planned expressions are gone through once, and what may fail is replaced by what fails.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::compute::kernels::numeric::{add, div, mul, rem, sub};
use arrow::datatypes::{DataType, FieldRef, Float64Type, Schema};
use arrow::error::ArrowError;
use datafusion::common::exec_datafusion_err;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Operator};
use datafusion::physical_expr::expressions::{BinaryExpr, CastExpr, Literal};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_expr_common::datum::apply;

/// An operator on two numbers of one type.
#[derive(Debug, Eq)]
struct Arithmetic {
    left: Arc<dyn PhysicalExpr>,
    operator: Operator,
    right: Arc<dyn PhysicalExpr>,
    data_type: DataType,
}

/// What must give a number.
#[derive(Debug, Eq)]
struct Finite {
    expr: Arc<dyn PhysicalExpr>,
}

/// The same expression over columns of `schema`, checked.
pub(crate) fn checked(expr: Arc<dyn PhysicalExpr>, schema: &Schema) -> Result<Arc<dyn PhysicalExpr>> {
    let checked = expr.transform_up(|expr| {
        if let Some(binary) = expr.downcast_ref::<BinaryExpr>() {
            return Ok(match Arithmetic::of(binary, schema)? {
                Some(arithmetic) => Transformed::yes(Arc::new(arithmetic)),
                None => Transformed::no(expr),
            });
        }
        let may_fail = match expr.downcast_ref::<Literal>() {
            // What was computed while the SQL was planned.
            Some(literal) => !all_finite(&ColumnarValue::Scalar(literal.value().clone()))?,
            None => {
                (expr.downcast_ref::<ScalarFunctionExpr>().is_some()
                    || expr.downcast_ref::<CastExpr>().is_some())
                    && expr.data_type(schema)?.is_floating()
            }
        };
        Ok(match may_fail {
            true => Transformed::yes(Arc::new(Finite { expr })),
            false => Transformed::no(expr),
        })
    });
    Ok(checked?.data)
}

/// Whether there is neither an infinity nor NaN.
fn all_finite(value: &ColumnarValue) -> Result<bool> {
    if !value.data_type().is_floating() {
        return Ok(true);
    }
    let array = match value {
        ColumnarValue::Array(array) => Arc::clone(array),
        ColumnarValue::Scalar(scalar) => scalar.to_array()?,
    };
    let numbers = cast(&array, &DataType::Float64)?;
    let numbers = numbers.as_primitive::<Float64Type>();
    // What stands where there is none may be anything.
    let is_finite = |row: usize| numbers.is_null(row) || numbers.value(row).is_finite();
    Ok(numbers.values().iter().all(|number| number.is_finite()) || (0..numbers.len()).all(is_finite))
}

// === impl Arithmetic ===

impl Arithmetic {
    /// None for what is no arithmetic on numbers: decimals, dates and intervals keep DataFusion's.
    fn of(binary: &BinaryExpr, schema: &Schema) -> Result<Option<Self>> {
        let is_arithmetic = matches!(
            binary.op(),
            Operator::Plus | Operator::Minus | Operator::Multiply | Operator::Divide | Operator::Modulo
        );
        if !is_arithmetic {
            return Ok(None);
        }
        let data_type = binary.left().data_type(schema)?;
        let is_number = data_type.is_integer() || data_type.is_floating();
        let is_one_type = is_number && binary.right().data_type(schema)? == data_type;
        Ok(is_one_type.then(|| Self {
            left: Arc::clone(binary.left()),
            operator: *binary.op(),
            right: Arc::clone(binary.right()),
            data_type,
        }))
    }
}

// A derived one would move out of the pointers to its parts.
impl PartialEq for Arithmetic {
    fn eq(&self, other: &Self) -> bool {
        self.operator == other.operator && self.left.eq(&other.left) && self.right.eq(&other.right)
    }
}

impl Hash for Arithmetic {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.operator.hash(state);
        self.left.hash(state);
        self.right.hash(state);
    }
}

impl fmt::Display for Arithmetic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.left, self.operator, self.right)
    }
}

impl PhysicalExpr for Arithmetic {
    fn data_type(&self, _: &Schema) -> Result<DataType> {
        Ok(self.data_type.clone())
    }

    fn nullable(&self, _: &Schema) -> Result<bool> {
        Ok(true)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let (left, right) = (self.left.evaluate(batch)?, self.right.evaluate(batch)?);
        // Of whole numbers these refuse what overflows, and what is divided by zero.
        let kernel = match self.operator {
            Operator::Plus => add,
            Operator::Minus => sub,
            Operator::Multiply => mul,
            Operator::Divide => div,
            _ => rem,
        };
        let result = apply(&left, &right, kernel)?;
        if all_finite(&result)? {
            return Ok(result);
        }
        let is_division = matches!(self.operator, Operator::Divide | Operator::Modulo);
        let error = match is_division && has_zero(&right)? {
            true => ArrowError::DivideByZero,
            false => ArrowError::ArithmeticOverflow(format!("Overflow of {}", self.operator)),
        };
        Err(error.into())
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.left, &self.right]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let (right, left) = (children.pop(), children.pop());
        Ok(Arc::new(Self {
            left: left.unwrap_or_else(|| Arc::clone(&self.left)),
            right: right.unwrap_or_else(|| Arc::clone(&self.right)),
            operator: self.operator,
            data_type: self.data_type.clone(),
        }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn has_zero(value: &ColumnarValue) -> Result<bool> {
    let numbers = match value {
        ColumnarValue::Array(array) => cast(array, &DataType::Float64)?,
        ColumnarValue::Scalar(scalar) => cast(&scalar.to_array()?, &DataType::Float64)?,
    };
    let has_zero = numbers
        .as_primitive::<Float64Type>()
        .iter()
        .any(|number| number == Some(0.0));
    Ok(has_zero)
}

// === impl Finite ===

impl PartialEq for Finite {
    fn eq(&self, other: &Self) -> bool {
        self.expr.eq(&other.expr)
    }
}

impl Hash for Finite {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.expr.hash(state);
    }
}

impl fmt::Display for Finite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.expr, f)
    }
}

impl PhysicalExpr for Finite {
    fn data_type(&self, schema: &Schema) -> Result<DataType> {
        self.expr.data_type(schema)
    }

    fn nullable(&self, _: &Schema) -> Result<bool> {
        Ok(true)
    }

    fn return_field(&self, schema: &Schema) -> Result<FieldRef> {
        self.expr.return_field(schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let value = self.expr.evaluate(batch)?;
        match all_finite(&value)? {
            true => Ok(value),
            false => Err(exec_datafusion_err!("{} is no number", self.expr)),
        }
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.expr]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let expr = children.pop().unwrap_or_else(|| Arc::clone(&self.expr));
        Ok(Arc::new(Self { expr }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expr.fmt_sql(f)
    }
}
