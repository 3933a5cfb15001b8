//! Plain queries compute as pipelines do: their plans are gone through once, and arithmetic in them is [`checked`].
//!
//! Projections, filters and the arguments of aggregates are; what a join or a sort computes keeps DataFusion's arithmetic.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::projection::ProjectionExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::projection::ProjectionExec;

use crate::checked::checked;

/// The last step of planning.
#[derive(Debug)]
pub(crate) struct CheckPlan;

// === impl CheckPlan ===

impl PhysicalOptimizerRule for CheckPlan {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = plan.transform_up(|node| {
            if let Some(projection) = node.downcast_ref::<ProjectionExec>() {
                return Ok(Transformed::yes(Arc::new(check_projection(projection)?)));
            }
            if let Some(filter) = node.downcast_ref::<FilterExec>() {
                let predicate = checked(Arc::clone(filter.predicate()), &filter.input().schema())?;
                let filter = FilterExecBuilder::from(filter)
                    .with_predicate(predicate)
                    .build()?;
                return Ok(Transformed::yes(Arc::new(filter)));
            }
            if let Some(aggregate) = node.downcast_ref::<AggregateExec>() {
                let functions = aggregate.aggr_expr().iter();
                let functions = functions.map(|function| check_aggregate(function, aggregate));
                let functions: Vec<_> = functions.collect::<Result<_>>()?;
                return Ok(Transformed::yes(Arc::new(
                    aggregate.with_new_aggr_exprs(functions),
                )));
            }
            Ok(Transformed::no(node))
        });
        Ok(plan?.data)
    }

    fn name(&self) -> &str {
        "check_plan"
    }

    fn schema_check(&self) -> bool {
        false
    }
}

fn check_projection(projection: &ProjectionExec) -> Result<ProjectionExec> {
    let input = projection.input();
    let items = projection.expr().iter().map(|item| {
        Ok(ProjectionExpr {
            expr: checked(Arc::clone(&item.expr), &input.schema())?,
            alias: item.alias.clone(),
        })
    });
    ProjectionExec::try_new(items.collect::<Result<Vec<_>>>()?, Arc::clone(input))
}

fn check_aggregate(
    function: &Arc<AggregateFunctionExpr>,
    aggregate: &AggregateExec,
) -> Result<Arc<AggregateFunctionExpr>> {
    // One that was turned round would forget it.
    if function.is_reversed() {
        return Ok(Arc::clone(function));
    }
    let schema = aggregate.input_schema();
    let arguments = function.expressions().into_iter();
    let arguments: Vec<Arc<dyn PhysicalExpr>> = arguments
        .map(|argument| checked(argument, &schema))
        .collect::<Result<_>>()?;
    let orders = function.order_bys().iter().map(|order| Arc::clone(&order.expr));
    let checked = function.with_new_expressions(arguments, orders.collect());
    Ok(checked.map_or_else(|| Arc::clone(function), Arc::new))
}
