//! `latest(x, ts)`, `latest_at(x, ts)` and `slope(x, ts)`: one accumulator, [`Stats`], read in three ways.
//!
//! In a feature set these are usually fused and never reach DataFusion; this form serves expressions
//! (`latest(spo2 / fio2)` is refused, `slope(x) FILTER (…)` is not) and plain queries.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, TimestampMicrosecondType};
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};
use datafusion::scalar::ScalarValue;
use wardwatch_event_time::Timestamp;

use super::ties::TieRule;
use crate::Stats;
use crate::relation::instant;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Moment {
    Latest,
    LatestAt,
    Slope,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct MomentFunction {
    moment: Moment,
    signature: Signature,
}

/// The running state of one group. Times enter the statistics relative to the first row's, which the state carries.
#[derive(Debug)]
struct MomentAccumulator {
    moment: Moment,
    ties: TieRule,
    stats: Stats,
    origin: Option<Timestamp>,
}

/// The three functions.
pub(super) fn all() -> Vec<AggregateUDF> {
    [Moment::Latest, Moment::LatestAt, Moment::Slope]
        .map(|moment| {
            let signature = Signature::exact(vec![DataType::Float64, instant()], Volatility::Immutable);
            AggregateUDF::from(MomentFunction { moment, signature })
        })
        .into()
}

// === impl MomentFunction ===

impl AggregateUDFImpl for MomentFunction {
    fn name(&self) -> &str {
        match self.moment {
            Moment::Latest => "latest",
            Moment::LatestAt => "latest_at",
            Moment::Slope => "slope",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(if self.moment == Moment::LatestAt {
            instant()
        } else {
            DataType::Float64
        })
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let number = |at: usize| {
            let name = format_state_name(args.name, &format!("number_{at}"));
            Arc::new(Field::new(name, DataType::Float64, true))
        };
        let origin = Field::new(format_state_name(args.name, "origin"), instant(), true);
        Ok((0..Stats::NUMBERS)
            .map(number)
            .chain([Arc::new(origin)])
            .collect())
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(MomentAccumulator {
            moment: self.moment,
            ties: TieRule::of(&args),
            stats: Stats::EMPTY,
            origin: None,
        }))
    }
}

// === impl MomentAccumulator ===

impl Accumulator for MomentAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let (numbers, times) = (
            values[0].as_primitive::<Float64Type>(),
            values[1].as_primitive::<TimestampMicrosecondType>(),
        );
        for (number, micros) in numbers.iter().zip(times.iter()) {
            let (Some(number), Some(micros)) = (number.filter(|number| number.is_finite()), micros) else {
                continue;
            };
            let ts = Timestamp::from_micros(micros);
            let origin = *self.origin.get_or_insert(ts);
            // An expression may give -0.0, which equals 0.0 and would make the order of arrival count.
            self.stats.push(&[number + 0.0], &[1.0], ts, origin);
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(match self.moment {
            Moment::Latest => {
                let latest = self.stats.latest();
                ScalarValue::Float64(latest.map(|(least, greatest)| self.ties.decide(least, greatest)))
            }
            Moment::Slope => ScalarValue::Float64(self.stats.slope()),
            Moment::LatestAt => micros(self.stats.latest_at()),
        })
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let numbers = self
            .stats
            .to_numbers()
            .map(|number| ScalarValue::Float64(Some(number)));
        Ok(numbers.into_iter().chain([micros(self.origin)]).collect())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let origins = states[Stats::NUMBERS].as_primitive::<TimestampMicrosecondType>();
        for row in (0..origins.len()).filter(|row| origins.is_valid(*row)) {
            let numbers = std::array::from_fn(|at| states[at].as_primitive::<Float64Type>().value(row));
            let other_origin = Timestamp::from_micros(origins.value(row));
            let origin = *self.origin.get_or_insert(other_origin);
            self.stats.merge(
                &Stats::from_numbers(numbers),
                (other_origin - origin).micros() as f64,
            );
        }
        Ok(())
    }
}

fn micros(at: Option<Timestamp>) -> ScalarValue {
    ScalarValue::TimestampMicrosecond(at.map(Timestamp::micros), Some("UTC".into()))
}
