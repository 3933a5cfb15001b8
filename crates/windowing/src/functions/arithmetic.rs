//! `+ - * / % //` on numbers, checked: what is no number is an error, and an error is NULL in a pipeline, and told of.
//!
//! | operator | of two whole numbers | else |
//! |---|---|---|
//! | `+ - * %` | whole | DOUBLE |
//! | `/` | DOUBLE: the fraction | DOUBLE |
//! | `//` | whole, cut towards zero | DOUBLE without its fraction |
//!
//! A count and a feature made of it must divide alike, and features are DOUBLE; so `/` gives the fraction everywhere: 9 / 10 is
//! 0.9, as in DuckDB. DataFusion's own arithmetic wraps around where whole numbers overflow, and gives infinities and NaN
//! for a division by zero, which compare greater than any threshold: an alarm would begin on them.
//!
//! SQL's operators are planned as functions here. Decimals, dates and intervals keep DataFusion's arithmetic.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Datum};
use arrow::compute::kernels::numeric::{add, div, mul, rem, sub};
use arrow::datatypes::{DataType, Float64Type};
use arrow::error::ArrowError;
use datafusion::common::{DFSchema, plan_err};
use datafusion::error::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr_common::datum;
use datafusion::sql::sqlparser::ast::BinaryOperator;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Operator {
    Plus,
    Minus,
    Times,
    Over,
    WholeOver,
    Remainder,
}

/// An operator on two numbers of one type.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Arithmetic {
    operator: Operator,
    data_type: DataType,
    signature: Signature,
}

/// Plans SQL's operators on numbers as [`Arithmetic`].
#[derive(Debug)]
struct Planner {
    functions: Vec<(Operator, DataType, Arc<ScalarUDF>)>,
}

/// Puts checked arithmetic in the place of DataFusion's.
pub(super) fn register(registry: &mut dyn FunctionRegistry) -> Result<()> {
    let mut functions = Vec::new();
    for operator in Operator::ALL {
        for data_type in [DataType::Int64, DataType::Float64] {
            let function = ScalarUDF::from(Arithmetic {
                operator,
                data_type: data_type.clone(),
                signature: Signature::exact(vec![data_type.clone(); 2], Volatility::Immutable),
            });
            functions.push((operator, data_type, Arc::new(function)));
        }
    }
    registry.register_expr_planner(Arc::new(Planner { functions }))
}

// === impl Operator ===

impl Operator {
    const ALL: [Self; 6] = [
        Self::Plus,
        Self::Minus,
        Self::Times,
        Self::Over,
        Self::WholeOver,
        Self::Remainder,
    ];

    fn of(operator: &BinaryOperator) -> Option<Self> {
        Some(match operator {
            BinaryOperator::Plus => Self::Plus,
            BinaryOperator::Minus => Self::Minus,
            BinaryOperator::Multiply => Self::Times,
            BinaryOperator::Divide => Self::Over,
            BinaryOperator::DuckIntegerDivide | BinaryOperator::MyIntegerDivide => Self::WholeOver,
            BinaryOperator::Modulo => Self::Remainder,
            _ => return None,
        })
    }

    fn symbol(self) -> &'static str {
        match self {
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Times => "*",
            Self::Over => "/",
            Self::WholeOver => "//",
            Self::Remainder => "%",
        }
    }

    /// Both of one type. Arrow's kernels refuse whole numbers that overflow, and their division by zero.
    fn apply(self, left: &dyn Datum, right: &dyn Datum) -> Result<ArrayRef, ArrowError> {
        match self {
            Self::Plus => add(left, right),
            Self::Minus => sub(left, right),
            Self::Times => mul(left, right),
            Self::Over => div(left, right),
            Self::WholeOver => {
                let quotient = div(left, right)?;
                Ok(match quotient.as_primitive_opt::<Float64Type>() {
                    Some(quotient) => Arc::new(quotient.unary::<_, Float64Type>(f64::trunc)),
                    None => quotient,
                })
            }
            Self::Remainder => rem(left, right),
        }
    }
}

// === impl Arithmetic ===

impl ScalarUDFImpl for Arithmetic {
    fn name(&self) -> &str {
        self.operator.symbol()
    }

    /// A column is named as it is written.
    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let names: Vec<String> = args.iter().map(|arg| arg.schema_name().to_string()).collect();
        Ok(names.join(&format!(" {} ", self.name())))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.data_type.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [left, right] = &args.args[..] else {
            return plan_err!("{} takes two numbers", self.name());
        };
        datum::apply(left, right, |left, right| {
            let result = self.operator.apply(left, right)?;
            check(&result, left, right, self.operator)?;
            Ok(result)
        })
    }
}

/// Finds a result that is no number, though both that it is of are.
fn check(
    result: &ArrayRef,
    left: &dyn Datum,
    right: &dyn Datum,
    operator: Operator,
) -> Result<(), ArrowError> {
    let Some(numbers) = result.as_primitive_opt::<Float64Type>() else {
        return Ok(());
    };
    if numbers.values().iter().all(|number| number.is_finite()) {
        return Ok(());
    }
    let value = |(array, is_scalar): (&dyn Array, bool), row: usize| {
        let array = array.as_primitive::<Float64Type>();
        array.value(if is_scalar { 0 } else { row })
    };
    for row in (0..numbers.len()).filter(|row| numbers.is_valid(*row) && !numbers.value(*row).is_finite()) {
        let (left, right) = (value(left.get(), row), value(right.get(), row));
        if left.is_finite() && right.is_finite() {
            let divides = !matches!(operator, Operator::Plus | Operator::Minus | Operator::Times);
            return Err(match divides && right == 0.0 {
                true => ArrowError::DivideByZero,
                false => ArrowError::ArithmeticOverflow(format!("Overflow of {}", operator.symbol())),
            });
        }
    }
    Ok(())
}

/// The type that a number is computed in; none for what is no number, or not known: a name that is not there is the
/// planner's to tell of.
fn number_type(expr: &Expr, schema: &DFSchema) -> Option<DataType> {
    if let Expr::ScalarFunction(function) = expr
        && let Some(arithmetic) = function.func.inner().downcast_ref::<Arithmetic>()
    {
        // A long chain of operators need not be looked through for each of them.
        return Some(arithmetic.data_type.clone());
    }
    match expr.get_type(schema).ok()? {
        data_type if data_type.is_integer() => Some(DataType::Int64),
        data_type if data_type.is_floating() => Some(DataType::Float64),
        _ => None,
    }
}

// === impl Planner ===

impl Planner {
    fn function(&self, expr: &RawBinaryExpr, schema: &DFSchema) -> Option<Arc<ScalarUDF>> {
        let operator = Operator::of(&expr.op)?;
        let types = [
            number_type(&expr.left, schema)?,
            number_type(&expr.right, schema)?,
        ];
        let is_whole = types.iter().all(DataType::is_integer) && operator != Operator::Over;
        let data_type = if is_whole {
            DataType::Int64
        } else {
            DataType::Float64
        };
        let mut functions = self.functions.iter();
        let (.., function) = functions.find(|(of, over, _)| (*of, over) == (operator, &data_type))?;
        Some(Arc::clone(function))
    }
}

impl ExprPlanner for Planner {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let Some(function) = self.function(&expr, schema) else {
            return Ok(PlannerResult::Original(expr));
        };
        let call = ScalarFunction::new_udf(function, vec![expr.left, expr.right]);
        Ok(PlannerResult::Planned(Expr::ScalarFunction(call)))
    }
}
