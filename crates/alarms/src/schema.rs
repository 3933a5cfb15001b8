//! How types of other rooms look in the JSON Schemas of the records; for `#[schemars(schema_with = "…")]`.

use schemars::{Schema, SchemaGenerator, json_schema};
use wardwatch_clinical::AlarmPriority;

/// A time in RFC 3339.
pub(crate) fn instant(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "date-time" })
}

/// A time that may be unknown.
pub(crate) fn maybe_instant(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "null"], "format": "date-time" })
}

/// A priority, by its name.
pub(crate) fn priority(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "enum": AlarmPriority::ALL.map(AlarmPriority::name) })
}

/// An alert's id.
pub(crate) fn alert_id(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "pattern": "^[0-9a-f]{32}$" })
}
