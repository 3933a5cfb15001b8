//! One SQL session: DataFusion's functions and ours; expressions are simplified, plans are left as written.
//!
//! A feature set is planned once and its aggregates are run by hand, so the plan should be what was written: projection
//! over aggregate over scan. Optimiser rules would fold, split or reorder it for an executor that is not used here.
//! Plain queries (`wardwatch sql`) keep DataFusion's optimiser.

use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::SessionContext;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::simplify_expressions::{ExprSimplifier, SimplifyExpressions};
use datafusion::prelude::SessionConfig;

use crate::plain::CheckPlan;
use crate::{PlanError, functions, rewrite};

fn config() -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(1)
        .with_information_schema(false);
    config.options_mut().execution.collect_statistics = false;
    config
}

/// A session for plain queries, with every function of Wardwatch.
///
/// # Errors
/// When a function cannot be registered, which would be a defect of ours.
pub fn session() -> Result<SessionContext> {
    let mut state = SessionStateBuilder::new()
        .with_config(config())
        .with_default_features()
        .with_physical_optimizer_rule(Arc::new(CheckPlan))
        .build();
    functions::register(&mut state)?;
    Ok(SessionContext::new_with_state(state))
}

/// The state that feature sets and expressions are planned in.
pub(crate) fn planning_state() -> Result<SessionState> {
    let mut state = SessionStateBuilder::new()
        .with_config(config())
        .with_default_features()
        .with_optimizer_rules(vec![Arc::new(SimplifyExpressions::new())])
        .with_physical_optimizer_rules(vec![])
        .build();
    functions::register(&mut state)?;
    Ok(state)
}

/// Plans a plain query in a [`session`], with our functions given the times that they need, as in a feature set.
///
/// # Errors
/// [`PlanError`] when the SQL is refused.
pub async fn prepare_query(context: &SessionContext, sql: &str) -> Result<LogicalPlan, PlanError> {
    let state = context.state();
    let mut statement = state.sql_to_statement(sql, &state.config_options().sql_parser.dialect)?;
    rewrite::plain_query(&mut statement)?;
    Ok(state.statement_to_plan(statement).await?)
}

/// The names of all functions that SQL may call, in order.
pub fn function_names() -> Vec<String> {
    // Without a session there are none to suggest.
    let Ok(state) = planning_state() else {
        return Vec::new();
    };
    let scalar = state.scalar_functions().keys().cloned();
    let aggregate = state.aggregate_functions().keys().cloned();
    let ours = functions::REFERENCE
        .iter()
        .map(|function| function.name.to_owned());
    let mut names: Vec<String> = scalar
        .chain(aggregate)
        .filter(|name| !functions::WITHIN.contains(&name.as_str()))
        .chain(ours)
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Coerces types and simplifies: some functions, `coalesce` among them, exist only to be rewritten here.
pub(crate) fn simplify(state: &SessionState, expr: Expr, schema: &DFSchema) -> Result<Expr> {
    let context = SimplifyContext::builder()
        .with_schema(Arc::new(schema.clone()))
        .with_config_options(Arc::clone(state.config_options()))
        .build();
    let simplifier = ExprSimplifier::new(context);
    simplifier.simplify(simplifier.coerce(expr, schema)?)
}
