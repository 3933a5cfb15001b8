//! Which aggregates a feature set may not have, each with its reason and what to write instead.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::utils::collect_columns;
use wardwatch_clinical::VitalSign;

use crate::PlanError;
use crate::generic::GenericAggregate;
use crate::relation::{SOURCE, TS};
use crate::split_check::{self, Verdict};

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
