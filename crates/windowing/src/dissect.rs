//! A feature set's SQL to DataFusion's physical plan, and that plan taken apart.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::empty::EmptyTable;
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;

use crate::relation::{PATIENT_ID, VITALS, WINDOW_END, instant, vitals_schema};
use crate::{PlanError, rewrite, session};

/// The three parts of DataFusion's plan.
pub(crate) struct Parts<'a> {
    pub(crate) projection: &'a ProjectionExec,
    pub(crate) aggregate: &'a AggregateExec,
    pub(crate) predicates: Vec<Arc<dyn PhysicalExpr>>,
}

/// DataFusion's physical plan of a feature set's SQL.
pub(crate) fn physical_plan(sql: &str) -> Result<Arc<dyn ExecutionPlan>, PlanError> {
    let state = session::planning_state()?;
    let mut statement = state.sql_to_statement(sql, &state.config_options().sql_parser.dialect)?;
    rewrite::feature_set(&mut statement)?;
    let context = SessionContext::new_with_state(state);
    context.register_table(VITALS, Arc::new(EmptyTable::new(vitals_schema())))?;
    let state = context.state();
    // Planning is async for the sake of remote catalogs; ours is in memory and never waits.
    futures::executor::block_on(async {
        let logical = state.statement_to_plan(statement).await?;
        check_deterministic(&logical)?;
        Ok(state.create_physical_plan(&logical).await?)
    })
}

/// Refuses functions such as `now()` and `random()`: a replay must give what the live run gave.
fn check_deterministic(plan: &LogicalPlan) -> Result<(), PlanError> {
    let mut offender = None;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                if let Expr::ScalarFunction(function) = expr
                    && function.func.signature().volatility != Volatility::Immutable
                {
                    offender = Some(function.name().to_owned());
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    offender.map_or(Ok(()), |function| Err(PlanError::NotDeterministic { function }))
}

/// Takes a plan apart.
pub(crate) fn parts(plan: &Arc<dyn ExecutionPlan>) -> Result<Parts<'_>, PlanError> {
    let no_aggregate = || PlanError::Shape {
        word: None,
        what: "the query does not aggregate".to_owned(),
        fix: "write SELECT avg(heart_rate) AS heart_rate_mean, … FROM vitals GROUP BY patient_id",
    };
    let projection = plan.downcast_ref::<ProjectionExec>().ok_or_else(no_aggregate)?;
    let mut aggregate = projection
        .input()
        .downcast_ref::<AggregateExec>()
        .ok_or_else(no_aggregate)?;
    // With one partition DataFusion may still plan a final over a partial aggregation; the inner one sees the rows.
    while let Some(inner) = aggregate.input().downcast_ref::<AggregateExec>() {
        aggregate = inner;
    }
    let mut predicates = Vec::new();
    let mut input = aggregate.input();
    while let Some(filter) = input.downcast_ref::<FilterExec>() {
        predicates.push(Arc::clone(filter.predicate()));
        input = filter.input();
    }
    if !input.children().is_empty() {
        return Err(PlanError::Shape {
            word: None,
            what: format!(
                "the query needs a step of its own before it aggregates ({})",
                input.name()
            ),
            fix: "aggregate the columns of vitals directly",
        });
    }
    Ok(Parts {
        projection,
        aggregate,
        predicates,
    })
}

/// The columns that the aggregates give: `patient_id`, `window_end`, then one an aggregate.
pub(crate) fn aggregated_schema(aggregate: &AggregateExec) -> SchemaRef {
    let mut fields = vec![
        Arc::new(Field::new(PATIENT_ID, DataType::Utf8, true)),
        Arc::new(Field::new(WINDOW_END, instant(), false)),
    ];
    fields.extend(aggregate.aggr_expr().iter().map(|function| function.field()));
    Arc::new(Schema::new(fields))
}
