//! What the planner says of SQL, as cause and fix.

use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use wardwatch_windowing::PlanError;

use crate::problems::{Place, Problems};

/// Notes why SQL was refused; `known` are the names that it may read.
pub(crate) fn note<'a>(
    problems: &mut Problems,
    place: &Place,
    error: &PlanError,
    known: impl IntoIterator<Item = &'a str>,
) {
    match error {
        PlanError::Sql(error) => match error.find_root() {
            DataFusionError::SchemaError(schema_error, _) if unknown_field(schema_error).is_some() => {
                let name = unknown_field(schema_error).expect("the guard found it");
                problems.unknown(place, format!("there is no `{name}` to read"), name, known);
            }
            DataFusionError::SQL(syntax, _) => {
                let text = syntax.to_string();
                problems.push(
                    place,
                    text.trim_start_matches("sql parser error: "),
                    "correct the SQL",
                );
            }
            other => problems.push(place, first_line(&other.strip_backtrace()), "correct the SQL"),
        },
        PlanError::Shape { what, fix } => problems.push(place, what, *fix),
        PlanError::Aggregate { aggregate, why, fix } => {
            problems.push(place, format!("{aggregate}: {why}"), *fix)
        }
        PlanError::NotDeterministic { function } => problems.push(
            place,
            format!("{function}() depends on when or where it runs, so a replay would differ"),
            "use ts or window_end",
        ),
        PlanError::NotANumber { column, data_type } => problems.push(
            place,
            format!("{column} is of type {data_type}, and a feature is a number"),
            "cast it, or take its length or a flag as 0 and 1",
        ),
    }
}

fn unknown_field(error: &SchemaError) -> Option<&str> {
    match error {
        SchemaError::FieldNotFound { field, .. } => Some(&field.name),
        _ => None,
    }
}

/// DataFusion appends hints and backtraces in lines of their own.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// Whether SQL was refused because it reads a name that there is not.
pub(crate) fn is_unknown_name(error: &PlanError) -> bool {
    match error {
        PlanError::Sql(error) => {
            matches!(error.find_root(), DataFusionError::SchemaError(error, _) if unknown_field(error).is_some())
        }
        _ => false,
    }
}
