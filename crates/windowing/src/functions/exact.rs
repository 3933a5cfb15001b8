//! DataFusion's statistical aggregates on accumulators that keep their digits.
//!
//! DataFusion adds whole numbers until they wrap around, correlates by raw sums of squares, and joins means with a rounding
//! each. So these aggregates keep DataFusion's names, arguments and types, and run on states of ours. Types that are not of
//! ours, and DISTINCT, stay DataFusion's.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::error::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, Signature};
use datafusion::scalar::ScalarValue;

use super::pair::{self, Pair};
use super::running::{Groups, state_fields};
use super::total::{self, Total, Whole};

/// What is asked of which statistic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Asked {
    Total(total::Asked),
    Pair(pair::Asked),
}

/// Their names in DataFusion.
const EXACT: [(&str, Asked); 18] = [
    ("sum", Asked::Total(total::Asked::Sum)),
    ("avg", Asked::Total(total::Asked::Mean)),
    ("var", Asked::Pair(pair::Asked::Variance)),
    ("var_pop", Asked::Pair(pair::Asked::VariancePopulation)),
    ("stddev", Asked::Pair(pair::Asked::Deviation)),
    ("stddev_pop", Asked::Pair(pair::Asked::DeviationPopulation)),
    ("covar_samp", Asked::Pair(pair::Asked::Covariance)),
    ("covar_pop", Asked::Pair(pair::Asked::CovariancePopulation)),
    ("corr", Asked::Pair(pair::Asked::Correlation)),
    ("regr_slope", Asked::Pair(pair::Asked::Slope)),
    ("regr_intercept", Asked::Pair(pair::Asked::Intercept)),
    ("regr_count", Asked::Pair(pair::Asked::Count)),
    ("regr_r2", Asked::Pair(pair::Asked::Explained)),
    ("regr_avgx", Asked::Pair(pair::Asked::MeanX)),
    ("regr_avgy", Asked::Pair(pair::Asked::MeanY)),
    ("regr_sxx", Asked::Pair(pair::Asked::SquaresX)),
    ("regr_syy", Asked::Pair(pair::Asked::SquaresY)),
    ("regr_sxy", Asked::Pair(pair::Asked::Products)),
];

/// An aggregate of DataFusion with accumulators of ours.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Exact {
    asked: Asked,
    datafusion: Arc<AggregateUDF>,
}

/// The statistic that an aggregate runs on.
#[derive(Clone, Copy)]
enum Statistic {
    Whole,
    Total(total::Asked),
    Pair(pair::Asked),
}

/// Puts these aggregates in the place of DataFusion's.
pub(super) fn register(registry: &mut dyn FunctionRegistry) -> Result<()> {
    for (name, asked) in EXACT {
        let datafusion = registry.udaf(name)?;
        registry.register_udaf(Arc::new(AggregateUDF::from(Exact { asked, datafusion })))?;
    }
    Ok(())
}

// === impl Exact ===

impl Exact {
    /// None where DataFusion's own accumulator is used.
    fn statistic(&self, argument: &FieldRef, is_distinct: bool) -> Option<Statistic> {
        match (self.asked, argument.data_type()) {
            _ if is_distinct => None,
            (Asked::Total(total::Asked::Sum), DataType::Int64) => Some(Statistic::Whole),
            (Asked::Total(asked), DataType::Float64) => Some(Statistic::Total(asked)),
            (Asked::Pair(asked), DataType::Float64) => Some(Statistic::Pair(asked)),
            _ => None,
        }
    }
}

impl AggregateUDFImpl for Exact {
    fn name(&self) -> &str {
        self.datafusion.name()
    }

    fn aliases(&self) -> &[String] {
        self.datafusion.aliases()
    }

    fn signature(&self) -> &Signature {
        self.datafusion.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.datafusion.return_type(types)
    }

    fn is_nullable(&self) -> bool {
        self.datafusion.is_nullable()
    }

    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue> {
        self.datafusion.default_value(data_type)
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        match self.statistic(&args.input_fields[0], args.is_distinct) {
            Some(Statistic::Whole) => Ok(state_fields::<Whole>(args.name)),
            Some(Statistic::Total(_)) => Ok(state_fields::<Total>(args.name)),
            Some(Statistic::Pair(_)) => Ok(state_fields::<Pair>(args.name)),
            None => self.datafusion.state_fields(args),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        match self.statistic(&args.expr_fields[0], args.is_distinct) {
            Some(Statistic::Whole) => Ok(Box::new(Groups::<Whole>::new((), &args))),
            Some(Statistic::Total(asked)) => Ok(Box::new(Groups::<Total>::new(asked, &args))),
            Some(Statistic::Pair(asked)) => Ok(Box::new(Groups::<Pair>::new(asked, &args))),
            None => self.datafusion.accumulator(args),
        }
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        match self.statistic(&args.expr_fields[0], args.is_distinct) {
            Some(_) => true,
            None => self.datafusion.groups_accumulator_supported(args),
        }
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        match self.statistic(&args.expr_fields[0], args.is_distinct) {
            Some(Statistic::Whole) => Ok(Box::new(Groups::<Whole>::new((), &args))),
            Some(Statistic::Total(asked)) => Ok(Box::new(Groups::<Total>::new(asked, &args))),
            Some(Statistic::Pair(asked)) => Ok(Box::new(Groups::<Pair>::new(asked, &args))),
            None => self.datafusion.create_groups_accumulator(args),
        }
    }

    /// A window that slides over rows takes rows back, which these states cannot.
    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.datafusion.create_sliding_accumulator(args)
    }
}
