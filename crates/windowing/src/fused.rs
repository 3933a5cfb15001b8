//! Plain aggregates of one vital sign, read from the fused [`Stats`] instead of accumulators of their own.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Float64Builder, Int64Array, TimestampMicrosecondArray};
use arrow::array::{Int64Builder, TimestampMicrosecondBuilder};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::Column;
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Timestamp;

use crate::Stats;
use crate::relation::TS;

/// Vital signs in a group; the processor's registers hold two or four numbers.
pub(crate) const LANES: usize = 4;

/// The fused states of [`LANES`] vital signs.
pub(crate) type Group = Stats<LANES>;

/// Where a vital sign's fused state stands in a pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) group: usize,
    pub(crate) lane: usize,
}

/// What is read from a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Term {
    Count,
    Sum,
    Mean,
    Least,
    Greatest,
    Variance,
    VariancePopulation,
    Deviation,
    DeviationPopulation,
    /// The worse of the newest values of this vital sign.
    Latest(VitalSign),
    LatestAt,
    Slope,
}

/// A result column in the making.
pub(crate) enum TermColumn {
    Count(Int64Builder),
    Instant(TimestampMicrosecondBuilder),
    Number(Float64Builder),
}

/// The term that a plain aggregate reads, with its vital sign; none when it is not of that kind.
pub(crate) fn recognise(aggregate: &AggregateFunctionExpr) -> Option<(VitalSign, Term)> {
    if aggregate.is_distinct() || !aggregate.order_bys().is_empty() {
        return None;
    }
    let arguments = aggregate.expressions();
    let names: Option<Vec<&str>> = arguments
        .iter()
        .map(|argument| argument.downcast_ref::<Column>().map(Column::name))
        .collect();
    let (vital, is_timed) = match names?[..] {
        [name] => (VitalSign::from_name(name)?, false),
        [name, TS] => (VitalSign::from_name(name)?, true),
        _ => return None,
    };
    let term = match (aggregate.fun().name(), is_timed) {
        ("count", false) => Term::Count,
        ("sum", false) => Term::Sum,
        ("avg", false) => Term::Mean,
        ("min", false) => Term::Least,
        ("max", false) => Term::Greatest,
        ("var", false) => Term::Variance,
        ("var_pop", false) => Term::VariancePopulation,
        ("stddev", false) => Term::Deviation,
        ("stddev_pop", false) => Term::DeviationPopulation,
        ("latest", true) => Term::Latest(vital),
        ("latest_at", true) => Term::LatestAt,
        ("slope", true) => Term::Slope,
        _ => return None,
    };
    Some((vital, term))
}

// === impl Term ===

impl Term {
    pub(crate) fn column(self, rows: usize) -> TermColumn {
        match self {
            Self::Count => TermColumn::Count(Int64Array::builder(rows)),
            Self::LatestAt => {
                TermColumn::Instant(TimestampMicrosecondArray::builder(rows).with_timezone("UTC"))
            }
            _ => TermColumn::Number(Float64Array::builder(rows)),
        }
    }

    #[inline]
    fn number(self, stats: Stats) -> Option<f64> {
        match self {
            Self::Sum => stats.sum(),
            Self::Mean => stats.mean(),
            Self::Least => stats.least(),
            Self::Greatest => stats.greatest(),
            Self::Variance => stats.variance(1.0),
            Self::VariancePopulation => stats.variance(0.0),
            Self::Deviation => stats.variance(1.0).map(f64::sqrt),
            Self::DeviationPopulation => stats.variance(0.0).map(f64::sqrt),
            Self::Latest(vital) => {
                let latest = stats.latest();
                latest.map(|(least, greatest)| vital.info().worse(least, greatest))
            }
            Self::Slope => stats.slope(),
            Self::Count | Self::LatestAt => None,
        }
    }
}

/// Takes values, all observed at `ts`, into a pane's groups, several at a time.
#[inline]
pub(crate) fn push_together(
    groups: &mut [Group],
    values: impl Iterator<Item = (Place, f64)>,
    ts: Timestamp,
    origin: Timestamp,
) {
    let mut row = [[f64::NAN; LANES]; VitalSign::COUNT.div_ceil(LANES)];
    values.for_each(|(place, value)| row[place.group][place.lane] = value);
    push_row(groups, &row, ts, origin);
}

/// Takes a row of values, all observed at `ts`, into a pane's groups; NaN where there is none.
#[inline]
pub(crate) fn push_row(groups: &mut [Group], row: &[[f64; LANES]], ts: Timestamp, origin: Timestamp) {
    for (group, values) in groups.iter_mut().zip(row) {
        let weights = values.map(|value| if value.is_nan() { 0.0 } else { 1.0 });
        if weights != [0.0; LANES] {
            let values = values.map(|value| if value.is_nan() { 0.0 } else { value });
            group.push(&values, &weights, ts, origin);
        }
    }
}

// === impl Place ===

impl Place {
    /// The place of the vital sign with this number among the fused ones.
    pub(crate) const fn of(number: usize) -> Self {
        Self {
            group: number / LANES,
            lane: number % LANES,
        }
    }
}

// === impl TermColumn ===

impl TermColumn {
    /// Adds a row for each window; `windows` holds the groups of one after the other, `width` each.
    pub(crate) fn extend(&mut self, term: Term, place: Place, windows: &[Group], width: usize) {
        let states = windows[place.group..]
            .iter()
            .step_by(width)
            .map(|group| group.lane(place.lane));
        match self {
            Self::Count(builder) => states.for_each(|stats| builder.append_value(stats.count() as i64)),
            Self::Instant(builder) => {
                states.for_each(|stats| builder.append_option(stats.latest_at().map(|at| at.micros())));
            }
            Self::Number(builder) => states.for_each(|stats| builder.append_option(term.number(stats))),
        }
    }

    pub(crate) fn finish(self) -> ArrayRef {
        match self {
            Self::Count(mut builder) => Arc::new(builder.finish()),
            Self::Instant(mut builder) => Arc::new(builder.finish()),
            Self::Number(mut builder) => Arc::new(builder.finish()),
        }
    }
}
