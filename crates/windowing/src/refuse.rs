//! Which aggregates a feature set may not have, each with its reason and what to write instead.
//!
//! What is taken gives the same to nine digits as a database does over the whole window, whatever panes it is cut into and in
//! whatever order its rows arrive.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::utils::collect_columns;
use wardwatch_clinical::VitalSign;

use crate::PlanError;
use crate::generic::GenericAggregate;
use crate::relation::{SOURCE, TS};
use crate::split_check::{self, Verdict};

/// Aggregates that no feature set may have: their name in DataFusion, why, and what to write instead.
pub const REFUSED_AGGREGATES: [(&str, &str, &str); 7] = [
    (
        "any_value",
        "which value it gives would depend on the order of arrival",
        "use latest(x), or first_value(x ORDER BY ts)",
    ),
    (
        "approx_distinct",
        "it estimates, and two databases estimate differently",
        "count exactly: cardinality(array_distinct(array_agg(x ORDER BY ts)))",
    ),
    (
        "approx_median",
        "it estimates, and two databases estimate differently",
        "use median(x), which is exact",
    ),
    (
        "approx_percentile_cont",
        "it estimates, and two databases estimate differently",
        "use percentile_cont(0.9) WITHIN GROUP (ORDER BY x), which is exact",
    ),
    (
        "approx_percentile_cont_with_weight",
        "it estimates, and two databases estimate differently",
        "use percentile_cont(0.9) WITHIN GROUP (ORDER BY x), which is exact",
    ),
    ("grouping", "there is one grouping, by patient", "remove it"),
    (
        "string_agg",
        "it gives a text, and a feature is a number",
        "use array_agg(x ORDER BY ts), and take an element or its cardinality",
    ),
];

/// Aggregates that take their rows in an order.
const ORDERED: [&str; 4] = ["array_agg", "first_value", "last_value", "nth_value"];

/// `WHERE` may read what every message has.
pub(crate) fn check_where(predicate: &Arc<dyn PhysicalExpr>) -> Result<(), PlanError> {
    for column in collect_columns(predicate) {
        if column.name() != SOURCE && column.name() != TS {
            return Err(PlanError::Shape {
                word: Some("WHERE"),
                what: format!("WHERE reads {}", column.name()),
                fix: "WHERE may read ts and source only, since whether a message carries another vital sign is the device's \
                      choice; use FILTER (WHERE …) on the aggregate of that vital sign",
            });
        }
    }
    Ok(())
}

/// The one vital sign that an aggregate and its filter read.
pub(crate) fn only_vital(
    function: &AggregateFunctionExpr,
    filter: Option<&Arc<dyn PhysicalExpr>>,
    schema: &Schema,
) -> Result<VitalSign, PlanError> {
    let refuse = |why: String, fix| PlanError::Aggregate {
        aggregate: function.name().to_owned(),
        why,
        fix,
    };
    let name = function.fun().name();
    if let Some((_, why, fix)) = REFUSED_AGGREGATES.iter().find(|(refused, ..)| *refused == name) {
        return Err(refuse((*why).to_owned(), fix));
    }
    if function.is_distinct() {
        return Err(refuse(
            "DISTINCT does not survive the split into panes".to_owned(),
            "drop DISTINCT, or count a flag, such as count(spo2) FILTER (WHERE spo2 < 90)",
        ));
    }
    if ORDERED.contains(&name) && function.order_bys().is_empty() {
        return Err(refuse(
            "its result would depend on the order of arrival".to_owned(),
            "add ORDER BY ts inside it, or use latest(x) or slope(x)",
        ));
    }
    for argument in function.expressions() {
        if let data_type @ (DataType::Decimal128(..) | DataType::Decimal256(..)) =
            argument.data_type(schema)?
        {
            return Err(refuse(
                format!("it computes in {data_type}, which rounds otherwise than a number"),
                "CAST(… AS DOUBLE), or leave the cast out: vital signs are DOUBLE",
            ));
        }
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

/// Refuses what does not survive the split into panes.
pub(crate) fn check_split(
    aggregate: &GenericAggregate,
    input: &SchemaRef,
    sources: &[String],
) -> Result<(), PlanError> {
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
