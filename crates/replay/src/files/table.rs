//! The columns of a long table, whatever types they came in.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::{self, DataType, Float64Type, Int64Type};
use wardwatch_clinical::numbers::as_sent;
use wardwatch_event_time::Timestamp;
use wardwatch_ingest::{Flaw, TimeUnit, Value, read_time, read_time_count};

use crate::ReplayError;

/// The columns of a run of rows. An absent column is one of nulls.
pub(super) struct Table {
    pub patient_id: Texts,
    pub ts: Times,
    pub code: Texts,
    pub value: Values,
    pub unit: Texts,
    pub device_id: Texts,
    pub source: Texts,
    pub status: Texts,
    pub arrived_at: Times,
}

/// A column of texts. Numbers are read as they are written: a patient id or a code may be one.
pub(super) struct Texts(Option<StringViewArray>);

/// A column of times: instants, of any unit, in UTC where they name no zone; or RFC 3339 text.
pub(super) enum Times {
    Absent,
    Counts(Int64Array, TimeUnit),
    Texts(StringViewArray),
}

/// A column of values: numbers, or texts that may be numbers.
pub(super) enum Values {
    Numbers(Float64Array),
    Texts(StringViewArray),
}

// === impl Table ===

impl Table {
    /// Finds the columns of a batch, of which those that are needed are there.
    pub fn of(batch: &RecordBatch, path: &Path) -> Result<Self, ReplayError> {
        let columns = Columns { batch, path };
        Ok(Self {
            patient_id: columns.optional_texts("patient_id")?,
            ts: columns.optional_times("ts")?,
            code: columns.optional_texts("code")?,
            value: columns.values(
                batch
                    .column_by_name("value")
                    .expect("it was looked for at the start"),
            )?,
            unit: columns.optional_texts("unit")?,
            device_id: columns.optional_texts("device_id")?,
            source: columns.optional_texts("source")?,
            status: columns.optional_texts("status")?,
            arrived_at: columns.optional_times("arrived_at")?,
        })
    }
}

struct Columns<'a> {
    batch: &'a RecordBatch,
    path: &'a Path,
}

// === impl Columns ===

impl Columns<'_> {
    fn optional_texts(&self, name: &'static str) -> Result<Texts, ReplayError> {
        let column = self.batch.column_by_name(name);
        Ok(Texts(column.map(|column| self.texts(column, name)).transpose()?))
    }

    fn texts(&self, column: &ArrayRef, name: &'static str) -> Result<StringViewArray, ReplayError> {
        let fits =
            |data_type: &DataType| data_type.is_string() || data_type.is_integer() || data_type.is_null();
        let fits = match column.data_type() {
            DataType::Dictionary(_, values) => fits(values),
            data_type => fits(data_type),
        };
        if !fits {
            return Err(self.wrong_type(column, name, "text"));
        }
        let texts = cast(column, &DataType::Utf8View);
        Ok(texts
            .map_err(|_| self.wrong_type(column, name, "text"))?
            .as_string_view()
            .clone())
    }

    fn optional_times(&self, name: &'static str) -> Result<Times, ReplayError> {
        let column = self.batch.column_by_name(name);
        column.map_or(Ok(Times::Absent), |column| self.times(column, name))
    }

    fn times(&self, column: &ArrayRef, name: &'static str) -> Result<Times, ReplayError> {
        const EXPECTED: &str = "a timestamp, or RFC 3339 text";
        match column.data_type() {
            DataType::Timestamp(unit, _) => {
                let unit = match unit {
                    datatypes::TimeUnit::Second => TimeUnit::Seconds,
                    datatypes::TimeUnit::Millisecond => TimeUnit::Millis,
                    datatypes::TimeUnit::Microsecond => TimeUnit::Micros,
                    datatypes::TimeUnit::Nanosecond => TimeUnit::Nanos,
                };
                let counts = cast(column, &DataType::Int64);
                let counts = counts.map_err(|_| self.wrong_type(column, name, EXPECTED))?;
                Ok(Times::Counts(counts.as_primitive::<Int64Type>().clone(), unit))
            }
            data_type if data_type.is_integer() => Err(self.wrong_type(column, name, EXPECTED)),
            _ => self
                .texts(column, name)
                .map(Times::Texts)
                .map_err(|_| self.wrong_type(column, name, EXPECTED)),
        }
    }

    fn values(&self, column: &ArrayRef) -> Result<Values, ReplayError> {
        const EXPECTED: &str = "numbers of single precision or finer, or text";
        // Of 38.3 half precision makes 38.3125, and nobody can tell which it was.
        if *column.data_type() == DataType::Float16 {
            return Err(self.wrong_type(column, "value", EXPECTED));
        }
        if column.data_type().is_numeric() {
            let numbers = cast(column, &DataType::Float64);
            let numbers = numbers.map_err(|_| self.wrong_type(column, "value", EXPECTED))?;
            return Ok(Values::Numbers(numbers.as_primitive::<Float64Type>().clone()));
        }
        self.texts(column, "value").map(Values::Texts)
    }

    fn wrong_type(&self, column: &ArrayRef, name: &'static str, expected: &'static str) -> ReplayError {
        ReplayError::ColumnType {
            path: self.path.into(),
            column: name,
            data_type: column.data_type().to_string(),
            expected,
        }
    }
}

// === impl Texts ===

impl Texts {
    /// The text of a row; an empty one is an absent one.
    #[inline]
    pub fn get(&self, row: usize) -> Option<&str> {
        let texts = self.0.as_ref()?;
        (texts.is_valid(row))
            .then(|| texts.value(row))
            .filter(|text| !text.is_empty())
    }
}

// === impl Times ===

impl Times {
    /// The instant of a row.
    #[inline]
    pub fn get(&self, row: usize, name: &'static str) -> Result<Option<Timestamp>, Flaw> {
        match self {
            Self::Absent => Ok(None),
            Self::Counts(counts, _) if counts.is_null(row) => Ok(None),
            Self::Counts(counts, unit) => read_time_count(counts.value(row), *unit, name).map(Some),
            Self::Texts(texts) if texts.is_null(row) || texts.value(row).is_empty() => Ok(None),
            Self::Texts(texts) => read_time(texts.value(row).as_bytes(), name).map(Some),
        }
    }
}

// === impl Values ===

impl Values {
    /// The value of a row. A text that is a number is one.
    #[inline]
    pub fn get(&self, row: usize) -> Option<Value<'_>> {
        match self {
            Self::Numbers(numbers) => numbers.is_valid(row).then(|| Value::Number(numbers.value(row))),
            Self::Texts(texts) if texts.is_null(row) => None,
            Self::Texts(texts) => match texts.value(row).trim() {
                "" => None,
                text => Some(text.parse().map_or(Value::Text(text), Value::Number)),
            },
        }
    }
}

/// A cell as it would stand in JSON, for a row in quarantine.
pub(super) fn cell(column: &dyn Array, row: usize) -> serde_json::Value {
    if column.is_null(row) {
        return serde_json::Value::Null;
    }
    if column.data_type().is_floating()
        && let Ok(numbers) = cast(&column.slice(row, 1), &DataType::Float64)
    {
        return as_sent(numbers.as_primitive::<Float64Type>().value(0)).into();
    }
    let text = arrow::util::display::array_value_to_string(column, row).unwrap_or_default();
    // Whole numbers and decimals keep every digit, which a double would not.
    let number = column
        .data_type()
        .is_numeric()
        .then(|| serde_json::from_str(&text).ok());
    number.flatten().unwrap_or(serde_json::Value::String(text))
}

/// A row as a JSON object, with all of its columns.
pub(super) fn as_json(batch: &RecordBatch, row: usize) -> Vec<u8> {
    let schema = batch.schema();
    let cells = schema.fields().iter().zip(batch.columns());
    let object: serde_json::Map<_, _> = cells
        .map(|(field, column)| (field.name().clone(), cell(Arc::as_ref(column), row)))
        .collect();
    serde_json::Value::Object(object).to_string().into_bytes()
}
