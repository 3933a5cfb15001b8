//! The Arrow schema of observations.
//!
//! | column | type | holds |
//! |---|---|---|
//! | `patient_id` | Utf8View | |
//! | `ts` | Timestamp(µs, UTC) | when it was measured |
//! | `device_id` | Utf8View, nullable | |
//! | `source` | Utf8View, nullable | as the sender names it |
//! | `readings` | List<Struct<`vital` UInt8, `value` Float64>> | [`VitalSign::index`](wardwatch_clinical::VitalSign::index) and canonical value |
//! | `append_time` | Timestamp(µs, UTC) | when it came to the log |
//! | `topic` | UInt16 | ordinal of the topic in the pipeline |
//! | `offset` | Int64 | in the partition |
//! | `kind` | UInt8 | [`Kind`](crate::Kind): what its readings do |

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

/// Positions of the columns.
pub(super) mod column {
    pub const PATIENT_ID: usize = 0;
    pub const TS: usize = 1;
    pub const DEVICE_ID: usize = 2;
    pub const SOURCE: usize = 3;
    pub const READINGS: usize = 4;
    pub const APPEND_TIME: usize = 5;
    pub const TOPIC: usize = 6;
    pub const OFFSET: usize = 7;
    pub const KIND: usize = 8;
    pub const NAMES: [&str; 9] = [
        "patient_id",
        "ts",
        "device_id",
        "source",
        "readings",
        "append_time",
        "topic",
        "offset",
        "kind",
    ];
}

/// Name of the time zone in both time columns.
pub(super) const UTC: &str = "UTC";

/// Fields of one reading: `vital`, `value`.
pub(super) static READING: LazyLock<Fields> = LazyLock::new(|| {
    Fields::from(vec![
        Field::new("vital", DataType::UInt8, false),
        Field::new("value", DataType::Float64, false),
    ])
});

/// The element of the list of readings.
pub(super) static ELEMENT: LazyLock<Arc<Field>> =
    LazyLock::new(|| Arc::new(Field::new("item", DataType::Struct(READING.clone()), false)));

/// The schema of a batch of observations.
pub(super) static OBSERVATIONS: LazyLock<SchemaRef> = LazyLock::new(|| {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into()));
    let types = [
        (DataType::Utf8View, false),
        (time.clone(), false),
        (DataType::Utf8View, true),
        (DataType::Utf8View, true),
        (DataType::List(ELEMENT.clone()), false),
        (time, false),
        (DataType::UInt16, false),
        (DataType::Int64, false),
        (DataType::UInt8, false),
    ];
    let fields = column::NAMES.into_iter().zip(types);
    Arc::new(Schema::new(
        fields
            .map(|(name, (data_type, nullable))| Field::new(name, data_type, nullable))
            .collect::<Fields>(),
    ))
});
