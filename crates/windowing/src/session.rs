//! One SQL session: DataFusion's functions, ours, and no optimiser.
//!
//! A feature set is planned once and its aggregates are run by hand, so the plan should be what was written: projection
//! over aggregate over scan. Optimiser rules would fold, split or reorder it for an executor that is not used here.
//! Plain queries (`wardwatch sql`, the tests' oracle) keep DataFusion's defaults.

use datafusion::error::Result;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::SessionContext;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionConfig;

use crate::{PlanError, functions, rewrite};

fn config() -> SessionConfig {
    let mut config = SessionConfig::new().with_target_partitions(1).with_information_schema(false);
    config.options_mut().execution.collect_statistics = false;
    config
}

/// A session for plain queries, with every function of Wardwatch.
///
/// # Errors
/// When a function cannot be registered, which would be a defect of ours.
pub fn session() -> Result<SessionContext> {
    let mut context = SessionContext::new_with_config(config());
    functions::register(&mut context)?;
    Ok(context)
}

/// The state that feature sets and expressions are planned in.
pub(crate) fn planning_state() -> Result<SessionState> {
    let mut state = SessionStateBuilder::new()
        .with_config(config())
        .with_default_features()
        .with_optimizer_rules(vec![])
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
    rewrite::rewrite_functions(&mut statement)?;
    Ok(state.statement_to_plan(statement).await?)
}
