//! DataFusion's mathematical functions, checked: `ln(0)`, `sqrt(-1)` and `exp(1000)` are errors.
//!
//! An infinity or NaN would compare greater or less than any threshold. As an error it is NULL in a pipeline, and told of.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, Float64Type};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// A function of DataFusion whose result must be a number where its arguments are.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Finite {
    function: Arc<ScalarUDF>,
}

/// Puts the checked functions in the place of DataFusion's.
pub(super) fn register(registry: &mut dyn FunctionRegistry) -> Result<()> {
    let functions = datafusion::functions::math::functions().into_iter();
    for function in functions.filter(|function| function.signature().volatility == Volatility::Immutable) {
        registry.register_udf(Arc::new(ScalarUDF::from(Finite { function })))?;
    }
    Ok(())
}

// === impl Finite ===

impl ScalarUDFImpl for Finite {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn aliases(&self) -> &[String] {
        self.function.aliases()
    }

    fn signature(&self) -> &Signature {
        self.function.signature()
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.function.coerce_types(types)
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.function.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.function.return_field_from_args(args)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if !args.return_field.data_type().is_floating() {
            return self.function.invoke_with_args(args);
        }
        let (arguments, rows) = (args.args.clone(), args.number_rows);
        let result = self.function.invoke_with_args(args)?;
        let has_number = match &result {
            ColumnarValue::Array(array) => all_finite(&doubles(array)?),
            ColumnarValue::Scalar(scalar) => all_finite(&doubles(&scalar.to_array()?)?),
        };
        if has_number {
            return Ok(result);
        }
        let numbers = doubles(&result.to_array(rows)?)?;
        let arguments: Vec<Float64Array> = arguments
            .iter()
            .filter(|argument| argument.data_type().is_numeric())
            .map(|argument| doubles(&argument.to_array(rows)?))
            .collect::<Result<_>>()?;
        let is_number = |array: &Float64Array, row: usize| array.is_null(row) || array.value(row).is_finite();
        let fails = |row: usize| {
            !is_number(&numbers, row) && arguments.iter().all(|argument| is_number(argument, row))
        };
        if (0..numbers.len()).any(fails) {
            return exec_err!("{}() gives no number for some arguments", self.name());
        }
        Ok(result)
    }
}

fn doubles(array: &ArrayRef) -> Result<Float64Array> {
    Ok(cast(array, &DataType::Float64)?
        .as_primitive::<Float64Type>()
        .clone())
}

fn all_finite(numbers: &Float64Array) -> bool {
    numbers.values().iter().all(|number| number.is_finite())
}
