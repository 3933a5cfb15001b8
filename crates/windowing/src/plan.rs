//! A feature set's SQL, planned: which aggregates are fused, which are generic, and the projection over them.
//!
//! The plan is made once, when the pipeline is loaded, and is immutable. From DataFusion's physical plan three things
//! are kept: the aggregate expressions, the filter under them, and the projection over them.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::empty::EmptyTable;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::{Expr, LogicalPlan, Operator, Volatility};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, IsNotNullExpr};
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Trailing;

use crate::fused::{self, Term};
use crate::generic::GenericAggregate;
use crate::relation::{PATIENT_ID, SOURCE, TS, VITALS, WINDOW_END, instant, vitals_schema};
use crate::split_check::{self, Verdict};
use crate::{PlanError, rewrite, session};

/// A feature set, ready to run.
#[derive(Debug)]
pub struct SetPlan {
    pub(crate) trailing: Trailing,
    pub(crate) aggregates: Vec<Aggregate>,
    /// Vital signs with a fused state, in the order of their states in a pane.
    pub(crate) fused: Vec<VitalSign>,
    pub(crate) generic: Vec<GenericAggregate>,
    /// What the generic aggregates read: `ts` and `source` as needed, then vital signs.
    pub(crate) generic_input: SchemaRef,
    /// The result of the aggregates: `patient_id`, `window_end`, then one column an aggregate.
    pub(crate) aggregated: SchemaRef,
    pub(crate) projection: Vec<Arc<dyn PhysicalExpr>>,
    features: SchemaRef,
    sources: Vec<String>,
}

/// Where an aggregate's result comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aggregate {
    /// The fused state of the vital sign at this place.
    Fused { place: usize, term: Term },
    /// The generic aggregate at this place.
    Generic(usize),
}

/// The three parts of DataFusion's plan.
struct Parts<'a> {
    projection: &'a ProjectionExec,
    aggregate: &'a AggregateExec,
    predicates: Vec<Arc<dyn PhysicalExpr>>,
}

// === impl SetPlan ===

impl SetPlan {
    /// Plans a feature set. `sources` are the pipeline's source names, which SQL may compare `source` with.
    ///
    /// # Errors
    /// [`PlanError`] says what is wrong with the SQL, why, and what to write instead.
    pub fn new(sql: &str, trailing: Trailing, sources: &[String]) -> Result<Self, PlanError> {
        Self::plan(sql, trailing, sources, true)
    }

    /// Plans a feature set without fusing anything: slower, the same results; the tests hold one against the other.
    ///
    /// # Errors
    /// As [`SetPlan::new`].
    pub fn without_fusion(sql: &str, trailing: Trailing, sources: &[String]) -> Result<Self, PlanError> {
        Self::plan(sql, trailing, sources, false)
    }

    fn plan(sql: &str, trailing: Trailing, sources: &[String], fuse: bool) -> Result<Self, PlanError> {
        let physical = physical_plan(sql)?;
        let parts = parts(&physical)?;
        let schema = vitals_schema();
        for predicate in &parts.predicates {
            check_where(predicate)?;
        }
        let mut plan = Self {
            trailing,
            aggregates: Vec::new(),
            fused: Vec::new(),
            generic: Vec::new(),
            generic_input: Arc::new(Schema::empty()),
            aggregated: aggregated_schema(parts.aggregate),
            projection: Vec::new(),
            features: Arc::new(Schema::empty()),
            sources: sources.to_vec(),
        };
        for (function, filter) in parts
            .aggregate
            .aggr_expr()
            .iter()
            .zip(parts.aggregate.filter_expr())
        {
            let vital = only_vital(function, filter.as_ref())?;
            let fusible = fuse && filter.is_none() && parts.predicates.is_empty();
            match fused::recognise(function).filter(|_| fusible) {
                Some((vital, term)) => {
                    let place = plan.fused_place(vital);
                    plan.aggregates.push(Aggregate::Fused { place, term });
                }
                None => {
                    plan.aggregates.push(Aggregate::Generic(plan.generic.len()));
                    plan.generic.push(generic(
                        function,
                        filter.as_ref(),
                        &parts.predicates,
                        vital,
                        &schema,
                    )?);
                }
            }
        }
        plan.keep_only_what_is_read(&schema)?;
        plan.project(parts.projection)?;
        for aggregate in &plan.generic {
            check_split(aggregate, &plan.generic_input, sources)?;
        }
        Ok(plan)
    }

    /// The window and its slide.
    pub fn trailing(&self) -> Trailing {
        self.trailing
    }

    /// The features: one nullable Float64 column each, in the order of the SELECT list, without `patient_id`.
    pub fn features(&self) -> &SchemaRef {
        &self.features
    }

    /// The pipeline's source names, by the index that rows carry.
    pub fn sources(&self) -> &[String] {
        &self.sources
    }

    /// The vital signs that the set reads.
    pub fn vitals(&self) -> impl Iterator<Item = VitalSign> + '_ {
        let generic = self
            .generic_input
            .fields()
            .iter()
            .filter_map(|field| VitalSign::from_name(field.name()));
        let all: BTreeSet<VitalSign> = self.fused.iter().copied().chain(generic).collect();
        all.into_iter()
    }

    /// How many of the aggregates are fused, and how many there are.
    pub fn fused_of(&self) -> (usize, usize) {
        (self.aggregates.len() - self.generic.len(), self.aggregates.len())
    }

    fn fused_place(&mut self, vital: VitalSign) -> usize {
        self.fused
            .iter()
            .position(|other| *other == vital)
            .unwrap_or_else(|| {
                self.fused.push(vital);
                self.fused.len() - 1
            })
    }

    /// Narrows the generic aggregates' input to the columns that they read.
    fn keep_only_what_is_read(&mut self, schema: &Schema) -> Result<(), PlanError> {
        let read: BTreeSet<usize> = self
            .generic
            .iter()
            .flat_map(|aggregate| aggregate.arguments.iter().chain([&aggregate.filter]))
            .flat_map(|expr| collect_columns(expr).into_iter().map(|column| column.index()))
            .collect();
        let input: SchemaRef = Arc::new(
            schema
                .project(&read.into_iter().collect::<Vec<_>>())
                .map_err(DataFusionError::from)?,
        );
        for aggregate in &mut self.generic {
            for expr in aggregate.arguments.iter_mut().chain([&mut aggregate.filter]) {
                *expr = reassign_expr_columns(Arc::clone(expr), &input)?;
            }
        }
        self.generic_input = input;
        Ok(())
    }

    fn project(&mut self, projection: &ProjectionExec) -> Result<(), PlanError> {
        let mut fields = Vec::new();
        for item in projection.expr() {
            if item
                .expr
                .downcast_ref::<Column>()
                .is_some_and(|column| column.name() == PATIENT_ID)
            {
                continue;
            }
            let data_type = item.expr.data_type(&self.aggregated)?;
            if item
                .expr
                .downcast_ref::<Column>()
                .is_some_and(|column| column.name() == WINDOW_END)
            {
                continue;
            }
            if !data_type.is_numeric() && data_type != DataType::Boolean {
                return Err(PlanError::NotANumber {
                    column: item.alias.clone(),
                    data_type: data_type.to_string(),
                });
            }
            fields.push(Field::new(&item.alias, DataType::Float64, true));
            self.projection.push(Arc::clone(&item.expr));
        }
        if fields.is_empty() {
            return Err(PlanError::Shape {
                what: "the query selects no feature".to_owned(),
                fix: "select at least one aggregate, such as avg(heart_rate) AS heart_rate_mean",
            });
        }
        self.features = Arc::new(Schema::new(fields));
        Ok(())
    }
}

fn physical_plan(sql: &str) -> Result<Arc<dyn ExecutionPlan>, PlanError> {
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

fn parts(plan: &Arc<dyn ExecutionPlan>) -> Result<Parts<'_>, PlanError> {
    let no_aggregate = || PlanError::Shape {
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

fn aggregated_schema(aggregate: &AggregateExec) -> SchemaRef {
    let mut fields = vec![
        Arc::new(Field::new(PATIENT_ID, DataType::Utf8, true)),
        Arc::new(Field::new(WINDOW_END, instant(), false)),
    ];
    fields.extend(aggregate.aggr_expr().iter().map(|function| function.field()));
    Arc::new(Schema::new(fields))
}

fn check_where(predicate: &Arc<dyn PhysicalExpr>) -> Result<(), PlanError> {
    for column in collect_columns(predicate) {
        if column.name() != SOURCE && column.name() != TS {
            return Err(PlanError::Shape {
                what: format!("WHERE reads {}", column.name()),
                fix: "WHERE may read ts and source only, since whether a message carries another vital sign is the device's \
                      choice; use FILTER (WHERE …) on the aggregate of that vital sign",
            });
        }
    }
    Ok(())
}

/// The one vital sign that an aggregate and its filter read.
fn only_vital(
    function: &AggregateFunctionExpr,
    filter: Option<&Arc<dyn PhysicalExpr>>,
) -> Result<VitalSign, PlanError> {
    let refuse = |why: String, fix| PlanError::Aggregate {
        aggregate: function.name().to_owned(),
        why,
        fix,
    };
    if function.is_distinct() {
        return Err(refuse(
            "DISTINCT does not survive the split into panes".to_owned(),
            "drop DISTINCT, or count a flag, such as count(spo2) FILTER (WHERE spo2 < 90)",
        ));
    }
    let arguments = function.expressions();
    let orders = function.order_bys().iter().map(|order| &order.expr);
    let mut vitals = BTreeSet::new();
    for column in arguments
        .iter()
        .chain(orders)
        .chain(filter)
        .flat_map(collect_columns)
    {
        match (VitalSign::from_name(column.name()), column.name()) {
            (Some(vital), _) => {
                vitals.insert(vital);
            }
            (None, TS | SOURCE) => {}
            (None, other) => {
                return Err(refuse(
                    format!("it reads {other}"),
                    "read a vital sign, ts or source; use the rest in a score",
                ));
            }
        }
    }
    match vitals.iter().copied().collect::<Vec<_>>()[..] {
        [vital] => Ok(vital),
        [] => Err(refuse(
            "it reads no vital sign, so it would depend on how a device groups its messages".to_owned(),
            "count a vital sign, such as count(heart_rate)",
        )),
        _ => Err(refuse(
            "it reads two vital signs, so it would depend on how a device groups its messages".to_owned(),
            "aggregate each alone and combine the results, such as avg(heart_rate) / avg(systolic_bp)",
        )),
    }
}

fn check_split(aggregate: &GenericAggregate, input: &SchemaRef, sources: &[String]) -> Result<(), PlanError> {
    let (why, fix) = match split_check::verdict(aggregate, input, sources)? {
        Verdict::Survives => return Ok(()),
        Verdict::OrderMatters => (
            "its result would depend on the order of arrival",
            "add ORDER BY ts inside it, or use latest(x) or slope(x)",
        ),
        Verdict::SplitMatters => (
            "its result over panes differs from its result over the whole window",
            "use an aggregate that can be merged, such as avg, min, max, stddev, median or latest",
        ),
    };
    Err(PlanError::Aggregate {
        aggregate: aggregate.function.name().to_owned(),
        why: why.to_owned(),
        fix,
    })
}

fn generic(
    function: &Arc<AggregateFunctionExpr>,
    filter: Option<&Arc<dyn PhysicalExpr>>,
    predicates: &[Arc<dyn PhysicalExpr>],
    vital: VitalSign,
    schema: &SchemaRef,
) -> Result<GenericAggregate, PlanError> {
    // An aggregate sees the observations of its vital sign, never the gaps that other devices' messages leave in its column.
    let present: Arc<dyn PhysicalExpr> = Arc::new(IsNotNullExpr::new(Arc::new(Column::new_with_schema(
        vital.name(),
        schema,
    )?)));
    let filter = predicates.iter().chain(filter).fold(present, |all, one| {
        Arc::new(BinaryExpr::new(all, Operator::And, Arc::clone(one)))
    });
    let mut arguments = function.expressions();
    arguments.extend(function.order_bys().iter().map(|order| Arc::clone(&order.expr)));
    Ok(GenericAggregate::new(
        Arc::clone(function),
        arguments,
        filter,
        schema,
    )?)
}
