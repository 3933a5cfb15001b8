//! What the YAML reader says, as place, cause and fix.

use std::path::Path;

use serde_saphyr::Error;

use crate::PipelineError;
use crate::nearest::nearest;

/// The error for a text that is not YAML of the pipeline's shape.
pub(crate) fn refused(path: &Path, error: &Error) -> PipelineError {
    let error = error.without_snippet();
    let (cause, fix) = match error {
        Error::SerdeUnknownField { field, expected, .. } => (
            format!("there is no field `{field}` here"),
            suggestion(field, expected),
        ),
        Error::SerdeUnknownVariant {
            variant, expected, ..
        } => (
            format!("`{variant}` is not allowed here"),
            suggestion(variant, expected),
        ),
        Error::SerdeMissingField { field, .. } => (
            format!("the field `{field}` is missing"),
            format!("add `{field}:`"),
        ),
        Error::DuplicateMappingKey { key, .. } => (
            format!(
                "the field {} is given twice",
                key.as_deref().map_or(String::new(), |key| format!("`{key}`"))
            ),
            "keep one of them".to_owned(),
        ),
        _ => {
            // Our own types say cause and fix in one sentence.
            let text = words(error);
            let (cause, fix) = text.split_once("; ").unwrap_or((&text, "correct that line"));
            (cause.to_owned(), fix.to_owned())
        }
    };
    let (line, column) = error
        .location()
        .map_or((0, 0), |location| (location.line(), location.column()));
    PipelineError::Shape {
        path: path.to_path_buf(),
        line,
        column,
        cause,
        fix,
    }
}

/// The reader's own words, without the place that it puts behind them.
fn words(error: &Error) -> String {
    let text = error.to_string();
    let text = text.lines().next().unwrap_or_default();
    text.split(" at line ").next().unwrap_or(text).to_owned()
}

fn suggestion(name: &str, expected: &[&'static str]) -> String {
    match nearest(name, expected.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("use one of {}", expected.join(", ")),
    }
}
