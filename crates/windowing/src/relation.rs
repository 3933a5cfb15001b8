//! The relation `vitals`, as SQL sees it: one row a message, one column a vital sign.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use wardwatch_clinical::VitalSign;

/// The relation's name.
pub const VITALS: &str = "vitals";
/// The patient; every feature set groups by it.
pub const PATIENT_ID: &str = "patient_id";
/// When the message was observed.
pub const TS: &str = "ts";
/// The pipeline's name of the source that it came from.
pub const SOURCE: &str = "source";
/// The end of the window that a row is evaluated in.
pub const WINDOW_END: &str = "window_end";

/// The type of every instant in SQL: microseconds, UTC.
pub fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// The schema of `vitals`: `patient_id`, `ts`, `source`, `window_end`, then every vital sign as a nullable Float64 in its
/// canonical unit, in the order of [`VitalSign::ALL`].
pub fn vitals_schema() -> SchemaRef {
    let mut fields = vec![
        Field::new(PATIENT_ID, DataType::Utf8, true),
        Field::new(TS, instant(), false),
        Field::new(SOURCE, DataType::Utf8, true),
        Field::new(WINDOW_END, instant(), false),
    ];
    fields.extend(
        VitalSign::ALL
            .iter()
            .map(|vital| Field::new(vital.name(), DataType::Float64, true)),
    );
    Arc::new(Schema::new(fields))
}
