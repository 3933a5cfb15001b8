//! A feature set's SQL, planned: which aggregates are fused, which are generic, and the projection over them.
//!
//! The plan is made once, when the pipeline is loaded, and is immutable. From DataFusion's physical plan three things
//! are kept: the aggregate expressions, the filter under them, and the projection over them.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::aggregate::{AggregateExprBuilder, AggregateFunctionExpr};
use datafusion::physical_expr::expressions::{BinaryExpr, Column, IsNotNullExpr};
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::physical_expr::{PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::displayable;
use datafusion::physical_plan::projection::ProjectionExec;
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Trailing;

use crate::PlanError;
use crate::checked::checked;
use crate::dissect::{aggregated_schema, parts, physical_plan};
use crate::fused::{self, Group, LANES, Place, Term};
use crate::generic::GenericAggregate;
use crate::panes::Pane;
use crate::refuse::{check_split, check_where, only_vital};
use crate::relation::{PATIENT_ID, WINDOW_END, vitals_schema};

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
    Fused { place: Place, term: Term },
    /// The generic aggregate at this place.
    Generic(usize),
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
            let vital = only_vital(function, filter.as_ref(), &schema)?;
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

    /// The vital signs that a feature is computed from.
    pub fn reads(&self, feature: usize) -> Vec<VitalSign> {
        let columns = collect_columns(&self.projection[feature]);
        // `patient_id` and `window_end` come first.
        let aggregates = columns.iter().filter_map(|column| column.index().checked_sub(2));
        let vitals: BTreeSet<VitalSign> = aggregates
            .flat_map(|place| match self.aggregates[place] {
                Aggregate::Fused { place, .. } => vec![self.fused[place.group * LANES + place.lane]],
                Aggregate::Generic(place) => self.generic[place].vitals(),
            })
            .collect();
        vitals.into_iter().collect()
    }

    /// The aggregates as DataFusion names them, and whether each shares the fused state of its vital sign.
    pub fn aggregates(&self) -> impl Iterator<Item = (&str, bool)> {
        // `patient_id` and `window_end` come first.
        let names = self
            .aggregated
            .fields()
            .iter()
            .skip(2)
            .map(|field| field.name().as_str());
        let fused = self
            .aggregates
            .iter()
            .map(|aggregate| matches!(aggregate, Aggregate::Fused { .. }));
        names.zip(fused)
    }

    /// DataFusion's plan of a feature set's SQL, of which a [`SetPlan`] keeps projection, aggregates and filter.
    ///
    /// # Errors
    /// As [`SetPlan::new`].
    pub fn datafusion_plan(sql: &str) -> Result<String, PlanError> {
        Ok(displayable(physical_plan(sql)?.as_ref())
            .indent(false)
            .to_string())
    }

    /// How many of the aggregates are fused, and how many there are.
    pub fn fused_of(&self) -> (usize, usize) {
        (self.aggregates.len() - self.generic.len(), self.aggregates.len())
    }

    /// About how many bytes a patient's panes take when all that a window needs are there: measurements every pane.
    pub fn state_bytes(&self) -> usize {
        let panes = self.trailing.panes() as usize + 1;
        let tiers = match self.trailing.tier() {
            1 => 0,
            tier => panes.div_ceil(tier as usize),
        };
        let generic: usize = self.generic.iter().map(GenericAggregate::state_bytes).sum();
        let fused = self.groups() * size_of::<Group>();
        panes * (size_of::<Pane>() + fused + generic) + tiers * (size_of::<i64>() + fused)
    }

    fn fused_place(&mut self, vital: VitalSign) -> Place {
        let known = self.fused.iter().position(|other| *other == vital);
        Place::of(known.unwrap_or_else(|| {
            self.fused.push(vital);
            self.fused.len() - 1
        }))
    }

    /// How many groups the fused states of a pane are.
    pub(crate) fn groups(&self) -> usize {
        self.fused.len().div_ceil(LANES)
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
                *expr = checked(reassign_expr_columns(Arc::clone(expr), &input)?, &input)?;
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
            self.projection
                .push(checked(Arc::clone(&item.expr), &self.aggregated)?);
        }
        if fields.is_empty() {
            return Err(PlanError::Shape {
                word: None,
                what: "the query selects no feature".to_owned(),
                fix: "select at least one aggregate, such as avg(heart_rate) AS heart_rate_mean",
            });
        }
        self.features = Arc::new(Schema::new(fields));
        Ok(())
    }
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
    let function = ordered_in_full(function, schema)?;
    let mut arguments = function.expressions();
    arguments.extend(function.order_bys().iter().map(|order| Arc::clone(&order.expr)));
    Ok(GenericAggregate::new(function, arguments, filter, schema)?)
}

/// Lets an aggregate's own value decide where its ORDER BY does not: of two at one instant the order of arrival must not.
fn ordered_in_full(
    function: &Arc<AggregateFunctionExpr>,
    schema: &SchemaRef,
) -> Result<Arc<AggregateFunctionExpr>, PlanError> {
    let mut orders = function.order_bys().to_vec();
    let value = function.expressions().swap_remove(0);
    if orders.is_empty() || orders.iter().any(|order| *order.expr == *value) {
        return Ok(Arc::clone(function));
    }
    // DataFusion may have turned the aggregate round, to share an order with another.
    let options = SortOptions::new(function.is_reversed(), function.is_reversed());
    orders.push(PhysicalSortExpr::new(value, options));
    let ordered = AggregateExprBuilder::new(Arc::new(function.fun().clone()), function.expressions())
        .order_by(orders)
        .schema(Arc::clone(schema))
        .alias(function.name())
        .with_ignore_nulls(function.ignore_nulls())
        .with_reversed(function.is_reversed());
    Ok(Arc::new(ordered.build()?))
}
