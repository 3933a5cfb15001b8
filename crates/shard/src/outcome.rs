//! A score's result: what SQL gave for many windows, as what each patient carries.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use arrow::error::ArrowError;
use wardwatch_alarms::Text;
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Timestamp;

/// A score's newest result.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) value: Option<f64>,
    pub(crate) lowest: Option<f64>,
    pub(crate) highest: Option<f64>,
    /// By parameter of a point score; none where it is missing.
    pub(crate) points: Points,
    pub(crate) unavailable: Option<Text>,
    /// The end of the window that it was computed of; [`Timestamp::MIN`] before the first.
    pub(crate) end: Timestamp,
}

/// Points by parameter.
pub(crate) type Points = Arc<[(Text, Option<u8>)]>;

/// The column that a score's SQL gave.
pub(crate) enum Results<'a> {
    /// A number a row.
    Number(Float64Array),
    /// A point score a row, as [`ScoreKind::Sql`](wardwatch_pipeline::ScoreKind) tells it.
    Points {
        totals: [&'a Int64Array; 3],
        points: Vec<(Text, &'a Int64Array)>,
        unavailable: &'a StringArray,
    },
}

// === impl Outcome ===

impl Outcome {
    /// A result without a number, and why.
    pub(crate) fn unavailable(reason: Text) -> Self {
        Self {
            unavailable: Some(reason),
            ..Self::number(None)
        }
    }

    /// A plain number.
    pub(crate) fn number(value: Option<f64>) -> Self {
        Self {
            value,
            lowest: None,
            highest: None,
            points: Arc::new([]),
            unavailable: None,
            end: Timestamp::MIN,
        }
    }
}

// === impl Results ===

impl<'a> Results<'a> {
    /// # Errors
    /// When numbers cannot be made of the column, which PIPE-3 rules out.
    pub(crate) fn new(column: &'a ArrayRef) -> Result<Self, ArrowError> {
        let Some(score) = column.as_struct_opt() else {
            let numbers = cast(column, &DataType::Float64)?;
            return Ok(Self::Number(numbers.as_primitive::<Float64Type>().clone()));
        };
        let field = |name| score.column_by_name(name).expect("PIPE-3: a point score has it");
        let points = field("points").as_struct();
        let names = points.column_names().into_iter().map(parameter);
        Ok(Self::Points {
            totals: ["total", "lowest", "highest"].map(|name| field(name).as_primitive()),
            points: names
                .zip(points.columns().iter().map(|column| column.as_primitive()))
                .collect(),
            unavailable: field("unavailable").as_string(),
        })
    }

    /// One row of it.
    pub(crate) fn outcome(&self, row: usize) -> Outcome {
        match self {
            Self::Number(column) => match column.is_valid(row).then(|| column.value(row)) {
                None => Outcome::unavailable(Text::Borrowed("an input is missing")),
                value => Outcome::number(value),
            },
            Self::Points { unavailable, .. } if unavailable.is_valid(row) => {
                Outcome::unavailable(unavailable.value(row).to_owned().into())
            }
            Self::Points { totals, points, .. } => {
                let number = |column: &Int64Array| column.is_valid(row).then(|| column.value(row));
                let [value, lowest, highest] = totals.map(|column| number(column).map(|total| total as f64));
                let points = points
                    .iter()
                    .map(|(name, column)| (name.clone(), number(column).map(|points| points as u8)));
                Outcome {
                    lowest,
                    highest,
                    points: points.collect(),
                    ..Outcome::number(value)
                }
            }
        }
    }
}

/// A parameter's name, not copied where the registry has it.
pub(crate) fn parameter(name: &str) -> Text {
    VitalSign::from_name(name).map_or_else(|| name.to_owned().into(), |vital| vital.name().into())
}
