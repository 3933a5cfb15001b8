//! How long a vital sign was below or above a limit: `time_below(x, limit)`, `time_above(x, limit)`, in seconds.
//!
//! Each observation holds until the next one of its vital sign, the last until the window's end:
//!
//! ```text
//!  limit ─────────────────────────────────────────────────
//!            ●─────────┐            ●───┐
//!                      ●────────────┘   ●──────────────|
//!   first observation  |<-- below -->|   |<-- below -->| window_end
//! ```
//!
//! Of several observations of one instant the one that [`TieRule`] decides for holds: the worse.
//!
//! The aggregate keeps the observations themselves, since a late one may split any stretch; it returns the closed
//! stretches and when the open one began. The scalar [`seconds_held`] closes that at the window's end.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, ListArray, StructArray, TimestampMicrosecondArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Float64Type, TimestampMicrosecondType};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};
use datafusion::scalar::ScalarValue;
use wardwatch_clinical::numbers::compare;

use super::ties::TieRule;
use crate::relation::instant;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Side {
    Below,
    Above,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct SpanFunction {
    side: Side,
    signature: Signature,
}

#[derive(Debug)]
struct SpanAccumulator {
    side: Side,
    ties: TieRule,
    limit: Option<f64>,
    /// Microseconds and value, in order of arrival.
    observations: Vec<(i64, f64)>,
}

/// `span_below` and `span_above`.
pub(super) fn aggregates() -> Vec<AggregateUDF> {
    [Side::Below, Side::Above]
        .map(|side| {
            let types = vec![DataType::Float64, DataType::Float64, instant()];
            AggregateUDF::from(SpanFunction {
                side,
                signature: Signature::exact(types, Volatility::Immutable),
            })
        })
        .into()
}

fn span_fields() -> Fields {
    vec![
        Field::new("seconds", DataType::Float64, true),
        Field::new("open_since", instant(), true),
    ]
    .into()
}

// === impl SpanFunction ===

impl AggregateUDFImpl for SpanFunction {
    fn name(&self) -> &str {
        match self.side {
            Side::Below => "span_below",
            Side::Above => "span_above",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(span_fields()))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let list = DataType::new_list(DataType::Float64, true);
        Ok(vec![
            Arc::new(Field::new(
                format_state_name(args.name, "limit"),
                DataType::Float64,
                true,
            )),
            Arc::new(Field::new(
                format_state_name(args.name, "observations"),
                list,
                true,
            )),
        ])
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(SpanAccumulator {
            side: self.side,
            ties: TieRule::of(&args),
            limit: None,
            observations: Vec::new(),
        }))
    }
}

// === impl SpanAccumulator ===

impl SpanAccumulator {
    fn is_held(&self, value: f64) -> bool {
        match self.side {
            Side::Below => self.limit.and_then(|limit| compare(value, limit)) == Some(Ordering::Less),
            Side::Above => self.limit.and_then(|limit| compare(value, limit)) == Some(Ordering::Greater),
        }
    }
}

impl Accumulator for SpanAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let (numbers, limits) = (
            values[0].as_primitive::<Float64Type>(),
            values[1].as_primitive::<Float64Type>(),
        );
        let times = values[2].as_primitive::<TimestampMicrosecondType>();
        for (row, number) in numbers.iter().enumerate() {
            let Some(number) = number.filter(|number| number.is_finite()) else {
                continue;
            };
            if limits.is_valid(row) && times.is_valid(row) {
                self.limit = Some(limits.value(row));
                self.observations.push((times.value(row), number));
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.observations.sort_unstable_by_key(|(micros, _)| *micros);
        // One is left of each instant, whatever the order was.
        let ties = self.ties;
        self.observations.dedup_by(|other, kept| {
            let is_tie = other.0 == kept.0;
            if is_tie {
                kept.1 = ties.decide(kept.1, other.1);
            }
            is_tie
        });
        let held_micros: i64 = self
            .observations
            .windows(2)
            .filter(|pair| self.is_held(pair[0].1))
            .map(|pair| pair[1].0 - pair[0].0)
            .sum();
        let last = self.observations.last();
        let seconds = last.map(|_| held_micros as f64 * 1e-6);
        let open_since = last
            .filter(|(_, value)| self.is_held(*value))
            .map(|(micros, _)| *micros);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Float64Array::from(vec![seconds])),
            Arc::new(TimestampMicrosecondArray::from(vec![open_since]).with_timezone("UTC")),
        ];
        Ok(ScalarValue::Struct(Arc::new(StructArray::new(
            span_fields(),
            columns,
            None,
        ))))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.observations.capacity() * size_of::<(i64, f64)>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let flat: Vec<f64> = self
            .observations
            .iter()
            .flat_map(|(micros, value)| [*micros as f64, *value])
            .collect();
        let item = Arc::new(Field::new_list_field(DataType::Float64, true));
        let offsets = OffsetBuffer::from_lengths([flat.len()]);
        let list = ListArray::new(item, offsets, Arc::new(Float64Array::from(flat)), None);
        Ok(vec![
            ScalarValue::Float64(self.limit),
            ScalarValue::List(Arc::new(list)),
        ])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let (limits, lists) = (
            states[0].as_primitive::<Float64Type>(),
            states[1].as_list::<i32>(),
        );
        for row in 0..lists.len() {
            if limits.is_valid(row) && lists.is_valid(row) {
                self.limit = Some(limits.value(row));
                let flat = lists.value(row);
                let flat = flat.as_primitive::<Float64Type>().values();
                self.observations
                    .extend(flat.chunks_exact(2).map(|pair| (pair[0] as i64, pair[1])));
            }
        }
        Ok(())
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct SecondsHeld {
    signature: Signature,
}

/// `seconds_held(span, window_end)`: the closed stretches and the open one up to the window's end.
pub(super) fn seconds_held() -> ScalarUDF {
    ScalarUDF::from(SecondsHeld {
        signature: Signature::any(2, Volatility::Immutable),
    })
}

// === impl SecondsHeld ===

impl ScalarUDFImpl for SecondsHeld {
    fn name(&self) -> &str {
        "seconds_held"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [DataType::Struct(_), DataType::Timestamp(..)] => Ok(DataType::Float64),
            _ => plan_err!("seconds_held() takes the result of span_below() or span_above() and an instant"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let spans = arrays[0].as_struct();
        let (seconds, open) = (
            spans.column(0).as_primitive::<Float64Type>(),
            spans.column(1).as_primitive::<TimestampMicrosecondType>(),
        );
        let ends = arrays[1].as_primitive::<TimestampMicrosecondType>();
        let held = (0..spans.len()).map(|row| {
            let closed = (spans.is_valid(row) && seconds.is_valid(row)).then(|| seconds.value(row))?;
            let open_micros = if open.is_valid(row) {
                (ends.value(row) - open.value(row)).max(0)
            } else {
                0
            };
            Some(closed + open_micros as f64 * 1e-6)
        });
        Ok(ColumnarValue::Array(Arc::new(held.collect::<Float64Array>())))
    }
}
