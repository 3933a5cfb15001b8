//! Early-warning scores as SQL functions over columns.
//!
//! `news2(…)`, `mews(…)`, `qsofa(…)` and `sirs(…)` return a struct
//! `{total, lowest, highest, missing, points {parameter: points}, unavailable}`; `total` is null while the score is partial.
//! `news2(…)` takes age in years and pregnancy as well: where the score does not apply, `unavailable` says why and everything
//! else is null. `shock_index(heart_rate, systolic_bp)` returns a number. A null argument is a missing value; nothing is imputed.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Builder, ListBuilder, StringBuilder, StructArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Fields, Float64Type};
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use wardwatch_clinical::Acvpu;
use wardwatch_clinical::scores::{
    MewsInput, News2Exclusion, News2Input, QsofaInput, Score, SirsInput, Spo2Scale, mews, news2, qsofa,
    shock_index, sirs,
};

const CONSCIOUSNESS: &str = "consciousness";

/// The arguments that say whether a score applies to a patient. They may be left out: an expression that can read them by these
/// names is completed by them.
pub(crate) const WHO: [&str; 2] = ["age", "pregnant"];

/// A score: its SQL name and arguments, and how rows of them become a column.
#[derive(Debug, PartialEq, Eq, Hash)]
struct ScoreFunction {
    which: Which,
    signature: Signature,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Which {
    News2,
    Mews,
    Qsofa,
    Sirs,
    ShockIndex,
}

/// Whether a call of so many arguments leaves out who the patient is.
pub(crate) fn is_without_who(name: &str, arguments: usize) -> bool {
    let news2 = Which::News2;
    name == news2.name() && arguments + WHO.len() == news2.arguments().len()
}

/// The arguments of one row, in the function's order.
type Row<'a> = &'a [Option<f64>];

/// Every score.
pub(super) fn all() -> Vec<ScalarUDF> {
    [
        Which::News2,
        Which::Mews,
        Which::Qsofa,
        Which::Sirs,
        Which::ShockIndex,
    ]
    .map(|which| {
        let count = which.arguments().len();
        let signature = Signature::one_of(
            vec![
                TypeSignature::Any(count),
                TypeSignature::Any(count - which.who().len()),
            ],
            Volatility::Immutable,
        );
        ScalarUDF::from(ScoreFunction { which, signature })
    })
    .into()
}

// === impl Which ===

impl Which {
    const fn name(self) -> &'static str {
        match self {
            Self::News2 => "news2",
            Self::Mews => "mews",
            Self::Qsofa => "qsofa",
            Self::Sirs => "sirs",
            Self::ShockIndex => "shock_index",
        }
    }

    const fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::News2 => &[
                "resp_rate",
                "spo2",
                "spo2_scale",
                "on_oxygen",
                "systolic_bp",
                "pulse",
                CONSCIOUSNESS,
                "temperature",
                WHO[0],
                WHO[1],
            ],
            Self::Mews => &[
                "systolic_bp",
                "heart_rate",
                "resp_rate",
                "temperature",
                CONSCIOUSNESS,
            ],
            Self::Qsofa => &["resp_rate", "systolic_bp", "gcs_total"],
            Self::Sirs => &["temperature", "heart_rate", "resp_rate", "wbc"],
            Self::ShockIndex => &["heart_rate", "systolic_bp"],
        }
    }

    /// The last arguments, which say whether it applies.
    const fn who(self) -> &'static [&'static str] {
        match self {
            Self::News2 => &WHO,
            Self::Mews | Self::Qsofa | Self::Sirs | Self::ShockIndex => &[],
        }
    }

    /// The parameters that score points.
    fn parameters(self) -> Vec<&'static str> {
        match self {
            Self::News2 => news2(&News2Input::default()).parameters().to_vec(),
            Self::Mews => mews(&MewsInput::default()).parameters().to_vec(),
            Self::Qsofa => qsofa(&QsofaInput::default()).parameters().to_vec(),
            Self::Sirs => sirs(&SirsInput::default()).parameters().to_vec(),
            Self::ShockIndex => Vec::new(),
        }
    }

    fn column(self, rows: usize, arguments: &[Float64Array]) -> Result<ArrayRef> {
        let mut builder = ScoreBuilder::new(&self.parameters());
        let mut row: Vec<Option<f64>> = vec![None; arguments.len()];
        let mut indices = Float64Array::builder(rows);
        for at in 0..rows {
            for (slot, column) in row.iter_mut().zip(arguments) {
                *slot = column
                    .is_valid(at)
                    .then(|| column.value(at))
                    .filter(|value| value.is_finite());
            }
            match self {
                Self::News2 => match excluded(&row) {
                    Some(exclusion) => builder.append_unavailable(exclusion.words()),
                    None => builder.append(&news2(&news2_input(&row)?)),
                },
                Self::Mews => builder.append(&mews(&mews_input(&row)?)),
                Self::Qsofa => {
                    builder.append(&qsofa(&QsofaInput {
                        resp_rate: row[0],
                        systolic_bp: row[1],
                        gcs_total: row[2],
                    }));
                }
                Self::Sirs => builder.append(&sirs(&SirsInput {
                    temperature: row[0],
                    heart_rate: row[1],
                    resp_rate: row[2],
                    wbc: row[3],
                })),
                Self::ShockIndex => indices.append_option(shock_index(row[0], row[1])),
            }
        }
        Ok(if self == Self::ShockIndex {
            Arc::new(indices.finish())
        } else {
            builder.finish()
        })
    }
}

fn excluded(row: Row<'_>) -> Option<News2Exclusion> {
    let who = |at: usize| row.get(at).copied().flatten();
    News2Exclusion::of(who(8), who(9).map(|flag| flag != 0.0))
}

fn news2_input(row: Row<'_>) -> Result<News2Input> {
    let spo2_scale = match row[2] {
        None => None,
        Some(1.0) => Some(Spo2Scale::One),
        Some(2.0) => Some(Spo2Scale::Two),
        Some(_) => return exec_err!("news2(): spo2_scale is 1 or 2"),
    };
    Ok(News2Input {
        resp_rate: row[0],
        spo2: row[1],
        spo2_scale,
        on_oxygen: row[3].map(|flag| flag != 0.0),
        systolic_bp: row[4],
        pulse: row[5],
        consciousness: level(row[6])?,
        temperature: row[7],
    })
}

fn mews_input(row: Row<'_>) -> Result<MewsInput> {
    Ok(MewsInput {
        systolic_bp: row[0],
        heart_rate: row[1],
        resp_rate: row[2],
        temperature: row[3],
        consciousness: level(row[4])?,
    })
}

fn level(value: Option<f64>) -> Result<Option<Acvpu>> {
    match value.map(|value| Acvpu::from_level(value).ok_or(value)) {
        None => Ok(None),
        Some(Ok(level)) => Ok(Some(level)),
        Some(Err(_)) => exec_err!("consciousness is one of A, C, V, P, U, or its level 0 to 4"),
    }
}

// === impl ScoreFunction ===

impl ScalarUDFImpl for ScoreFunction {
    fn name(&self) -> &str {
        self.which.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        for (argument, data_type) in self.which.arguments().iter().zip(types) {
            let is_text = matches!(
                data_type,
                DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8
            );
            let is_number = data_type.is_numeric() || matches!(data_type, DataType::Boolean | DataType::Null);
            if !(is_number || is_text && *argument == CONSCIOUSNESS) {
                return plan_err!(
                    "{}(): {argument} is of type {data_type}; write {}({})",
                    self.name(),
                    self.name(),
                    self.which.arguments().join(", ")
                );
            }
        }
        Ok(match self.which {
            Which::ShockIndex => DataType::Float64,
            _ => DataType::Struct(score_fields(&self.which.parameters())),
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let numbers: Vec<Float64Array> = arrays.iter().map(numbers).collect::<Result<_>>()?;
        let rows = arrays.first().map_or(args.number_rows, |array| array.len());
        Ok(ColumnarValue::Array(self.which.column(rows, &numbers)?))
    }
}

/// A column as numbers; letters of consciousness become their levels.
fn numbers(array: &ArrayRef) -> Result<Float64Array> {
    if matches!(
        array.data_type(),
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8
    ) {
        let text = cast(array, &DataType::Utf8)?;
        let levels = text.as_string::<i32>().iter().map(|text| match text {
            None => Ok(None),
            Some(text) => match Acvpu::from_text(text) {
                Some(level) => Ok(Some(f64::from(level.level()))),
                None => exec_err!("consciousness is one of A, C, V, P, U"),
            },
        });
        return levels.collect();
    }
    Ok(cast(array, &DataType::Float64)?
        .as_primitive::<Float64Type>()
        .clone())
}

fn score_fields(parameters: &[&str]) -> Fields {
    let points: Fields = parameters
        .iter()
        .map(|name| Field::new(*name, DataType::Int64, true))
        .collect();
    vec![
        Field::new("total", DataType::Int64, true),
        Field::new("lowest", DataType::Int64, true),
        Field::new("highest", DataType::Int64, true),
        Field::new("missing", DataType::new_list(DataType::Utf8, true), true),
        Field::new("points", DataType::Struct(points), true),
        Field::new("unavailable", DataType::Utf8, true),
    ]
    .into()
}

/// Builds the struct column of a point score.
struct ScoreBuilder {
    fields: Fields,
    total: Int64Builder,
    lowest: Int64Builder,
    highest: Int64Builder,
    missing: ListBuilder<StringBuilder>,
    points: Vec<Int64Builder>,
    unavailable: StringBuilder,
}

// === impl ScoreBuilder ===

impl ScoreBuilder {
    fn new(parameters: &[&str]) -> Self {
        Self {
            fields: score_fields(parameters),
            total: Int64Builder::new(),
            lowest: Int64Builder::new(),
            highest: Int64Builder::new(),
            missing: ListBuilder::new(StringBuilder::new()),
            points: parameters.iter().map(|_| Int64Builder::new()).collect(),
            unavailable: StringBuilder::new(),
        }
    }

    fn append_unavailable(&mut self, reason: &str) {
        self.total.append_null();
        self.lowest.append_null();
        self.highest.append_null();
        self.missing.append(true);
        self.points.iter_mut().for_each(Int64Builder::append_null);
        self.unavailable.append_value(reason);
    }

    fn append<const N: usize>(&mut self, score: &Score<N>) {
        self.total.append_option(score.total().map(i64::from));
        self.lowest.append_value(i64::from(score.lowest()));
        self.highest.append_value(i64::from(score.highest()));
        score
            .missing()
            .for_each(|name| self.missing.values().append_value(name));
        self.missing.append(true);
        for (builder, points) in self.points.iter_mut().zip(score.points()) {
            builder.append_option(points.map(i64::from));
        }
        self.unavailable.append_null();
    }

    fn finish(mut self) -> ArrayRef {
        let DataType::Struct(point_fields) = self.fields[4].data_type().clone() else {
            unreachable!("score_fields() makes points a struct")
        };
        let points: Vec<ArrayRef> = self
            .points
            .iter_mut()
            .map(|builder| Arc::new(builder.finish()) as ArrayRef)
            .collect();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.total.finish()),
            Arc::new(self.lowest.finish()),
            Arc::new(self.highest.finish()),
            Arc::new(self.missing.finish()),
            Arc::new(StructArray::new(point_fields, points, None)),
            Arc::new(self.unavailable.finish()),
        ];
        Arc::new(StructArray::new(self.fields, columns, None))
    }
}
