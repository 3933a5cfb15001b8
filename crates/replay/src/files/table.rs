//! The columns of a long table, whatever types they came in.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, TimeUnit, TimestampMicrosecondType};
use wardwatch_event_time::Timestamp;
use wardwatch_ingest::{Flaw, Reason, Value};

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
    Instants(TimestampMicrosecondArray),
    Texts(StringViewArray),
}

/// A column of values: numbers, or texts that may be numbers.
pub(super) enum Values {
    Numbers(Float64Array),
    Texts(StringViewArray),
}

// === impl Table ===

impl Table {
    /// Finds the columns of a batch.
    pub fn of(batch: &RecordBatch, path: &Path) -> Result<Self, ReplayError> {
        let columns = Columns { batch, path };
        Ok(Self {
            patient_id: Texts(Some(columns.texts(columns.needed("patient_id")?, "patient_id")?)),
            ts: columns.times(columns.needed("ts")?, "ts")?,
            code: Texts(Some(columns.texts(columns.needed("code")?, "code")?)),
            value: columns.values(columns.needed("value")?)?,
            unit: columns.optional_texts("unit")?,
            device_id: columns.optional_texts("device_id")?,
            source: columns.optional_texts("source")?,
            status: columns.optional_texts("status")?,
            arrived_at: match batch.column_by_name("arrived_at") {
                Some(column) => columns.times(column, "arrived_at")?,
                None => Times::Absent,
            },
        })
    }
}

struct Columns<'a> {
    batch: &'a RecordBatch,
    path: &'a Path,
}

// === impl Columns ===

impl Columns<'_> {
    fn needed(&self, column: &'static str) -> Result<&ArrayRef, ReplayError> {
        self.batch
            .column_by_name(column)
            .ok_or_else(|| ReplayError::NoColumn {
                path: self.path.into(),
                column,
            })
    }

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

    fn times(&self, column: &ArrayRef, name: &'static str) -> Result<Times, ReplayError> {
        const EXPECTED: &str = "a timestamp, or RFC 3339 text";
        match column.data_type() {
            DataType::Timestamp(_, zone) => {
                let micros = DataType::Timestamp(TimeUnit::Microsecond, zone.clone());
                let instants = cast(column, &micros).map_err(|_| self.wrong_type(column, name, EXPECTED))?;
                Ok(Times::Instants(
                    instants.as_primitive::<TimestampMicrosecondType>().clone(),
                ))
            }
            data_type if data_type.is_integer() => Err(self.wrong_type(column, name, EXPECTED)),
            _ => self
                .texts(column, name)
                .map(Times::Texts)
                .map_err(|_| self.wrong_type(column, name, EXPECTED)),
        }
    }

    fn values(&self, column: &ArrayRef) -> Result<Values, ReplayError> {
        if column.data_type().is_numeric() {
            let numbers = cast(column, &DataType::Float64);
            let numbers = numbers.map_err(|_| self.wrong_type(column, "value", "numbers or text"))?;
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
            Self::Instants(instants) => Ok(instants
                .is_valid(row)
                .then(|| Timestamp::from_micros(instants.value(row)))),
            Self::Texts(texts) if texts.is_null(row) || texts.value(row).is_empty() => Ok(None),
            Self::Texts(texts) => Timestamp::parse_rfc3339(texts.value(row).as_bytes())
                .map(Some)
                .map_err(|_| Flaw::new(Reason::BadTime, name)),
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
    if column.data_type().is_numeric()
        && let Ok(numbers) = cast(&column.slice(row, 1), &DataType::Float64)
    {
        return numbers.as_primitive::<Float64Type>().value(0).into();
    }
    let text = arrow::util::display::array_value_to_string(column, row);
    text.map_or(serde_json::Value::Null, serde_json::Value::from)
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
