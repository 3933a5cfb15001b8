//! `seconds_since(instant, window_end)`: what `age(x)` becomes.

use std::sync::Arc;

use arrow::array::{AsArray, Float64Array};
use arrow::datatypes::{DataType, TimestampMicrosecondType};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::relation::instant;

#[derive(Debug, PartialEq, Eq, Hash)]
struct SecondsSince {
    signature: Signature,
}

/// Seconds from the first instant to the second; null where either is missing.
pub(super) fn seconds_since() -> ScalarUDF {
    ScalarUDF::from(SecondsSince {
        signature: Signature::exact(vec![instant(), instant()], Volatility::Immutable),
    })
}

// === impl SecondsSince ===

impl ScalarUDFImpl for SecondsSince {
    fn name(&self) -> &str {
        "seconds_since"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let (from, to) = (
            arrays[0].as_primitive::<TimestampMicrosecondType>(),
            arrays[1].as_primitive::<TimestampMicrosecondType>(),
        );
        let seconds = from
            .iter()
            .zip(to.iter())
            .map(|(from, to)| Some((to? - from?) as f64 * 1e-6));
        Ok(ColumnarValue::Array(Arc::new(seconds.collect::<Float64Array>())))
    }
}
