//! How types of other rooms look in the JSON Schemas of the records.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use wardwatch_clinical::AlarmPriority;

use crate::AlertId;

/// An instant in RFC 3339.
pub(crate) struct Instant;

/// A priority, by its name.
pub(crate) struct Priority;

// === impl Instant ===

impl JsonSchema for Instant {
    fn schema_name() -> Cow<'static, str> {
        "Instant".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

// === impl Priority ===

impl JsonSchema for Priority {
    fn schema_name() -> Cow<'static, str> {
        "Priority".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": AlarmPriority::ALL.map(AlarmPriority::name) })
    }
}

// === impl AlertId ===

impl JsonSchema for AlertId {
    fn schema_name() -> Cow<'static, str> {
        "AlertId".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9a-f]{32}$" })
    }
}
