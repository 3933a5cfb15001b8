//! `percentile_cont` and `quantile_cont`: DataFusion keeps the values, and the percentile is interpolated here.
//!
//! DataFusion cuts the weight of the interpolation to six digits.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array, RecordBatch};
use arrow::datatypes::{DataType, FieldRef, Float64Type, Schema};
use datafusion::error::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

const NAME: &str = "percentile_cont";

#[derive(Debug, PartialEq, Eq, Hash)]
struct PercentileCont {
    signature: Signature,
    datafusion: Arc<AggregateUDF>,
}

/// Accumulators of DataFusion, whose states are the values, and which percentile of them is asked for.
#[derive(Debug)]
struct Percentile<A> {
    values: A,
    share: f64,
}

/// Puts the exact percentile in the place of DataFusion's.
pub(super) fn register(registry: &mut dyn FunctionRegistry) -> Result<()> {
    let function = PercentileCont {
        signature: Signature::exact(vec![DataType::Float64; 2], Volatility::Immutable),
        datafusion: registry.udaf(NAME)?,
    };
    registry.register_udaf(Arc::new(AggregateUDF::from(function)))?;
    Ok(())
}

/// The share of values below the percentile that is asked for.
fn share(args: &AccumulatorArgs<'_>) -> Result<f64> {
    let nothing = RecordBatch::new_empty(Arc::new(Schema::empty()));
    let given = args.exprs[1].evaluate(&nothing)?.into_array(1)?;
    let share = given.as_primitive::<Float64Type>().value(0);
    let descends = args
        .order_bys
        .first()
        .is_some_and(|order| order.options.descending);
    Ok(if descends { 1.0 - share } else { share })
}

/// Between the two values that the percentile lies between.
fn percentile(values: &Float64Array, share: f64) -> Option<f64> {
    let mut values: Vec<f64> = values.iter().flatten().collect();
    values.sort_unstable_by(f64::total_cmp);
    let place = share * values.len().checked_sub(1)? as f64;
    let (below, above) = (values[place.floor() as usize], values[place.ceil() as usize]);
    Some(below + (above - below) * place.fract())
}

fn percentiles(lists: &ArrayRef, share: f64) -> Float64Array {
    let lists = lists.as_list::<i32>();
    let lists = lists.iter().map(|list| percentile(list?.as_primitive(), share));
    lists.collect()
}

// === impl PercentileCont ===

impl AggregateUDFImpl for PercentileCont {
    fn name(&self) -> &str {
        NAME
    }

    fn aliases(&self) -> &[String] {
        self.datafusion.aliases()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn supports_within_group_clause(&self) -> bool {
        true
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        self.datafusion.state_fields(args)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Percentile {
            share: share(&args)?,
            values: self.datafusion.accumulator(args)?,
        }))
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        self.datafusion.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Percentile {
            share: share(&args)?,
            values: self.datafusion.create_groups_accumulator(args)?,
        }))
    }
}

// === impl Percentile ===

impl Accumulator for Percentile<Box<dyn Accumulator>> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.values.update_batch(values)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.values.merge_batch(states)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        // Taking the state may leave nothing behind, and a window that slides asks again.
        let state = self.values.state()?;
        let lists = state[0].to_array()?;
        self.values.merge_batch(std::slice::from_ref(&lists))?;
        ScalarValue::try_from_array(&percentiles(&lists, self.share), 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.values.state()
    }

    fn size(&self) -> usize {
        self.values.size()
    }

    fn supports_retract_batch(&self) -> bool {
        self.values.supports_retract_batch()
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.values.retract_batch(values)
    }
}

impl GroupsAccumulator for Percentile<Box<dyn GroupsAccumulator>> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.values.update_batch(values, groups, filter, total)
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.values.merge_batch(states, groups, total)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let state = self.values.state(emit_to)?;
        Ok(Arc::new(percentiles(&state[0], self.share)))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.values.state(emit_to)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        self.values.convert_to_state(values, filter)
    }

    fn size(&self) -> usize {
        self.values.size()
    }
}
