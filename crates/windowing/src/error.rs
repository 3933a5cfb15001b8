//! What can be wrong with a feature set or an expression. All of it is the pipeline author's to mend.

use datafusion::error::DataFusionError;

/// Why SQL was refused.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// DataFusion cannot parse or plan it.
    #[error("{}", first_line(.0))]
    Sql(#[source] Box<DataFusionError>),
    /// It is not of the shape of a feature set.
    #[error("{what}; {fix}")]
    Shape {
        /// What was found.
        what: String,
        /// The word that it is about, as it stands in the SQL.
        word: Option<&'static str>,
        /// How to write it instead.
        fix: &'static str,
    },
    /// An aggregate cannot be computed pane by pane, or would depend on something that it must not depend on.
    #[error("{aggregate}: {why}; {fix}")]
    Aggregate {
        /// The aggregate as written.
        aggregate: String,
        /// Why it is refused.
        why: String,
        /// What to write instead.
        fix: &'static str,
    },
    /// A function whose result is not a function of its arguments.
    #[error("{function}() depends on when or where it runs, so a replay would differ; use ts or window_end")]
    NotDeterministic {
        /// The function's name.
        function: String,
    },
    /// A column of the result is not a number.
    #[error(
        "{column} is of type {data_type}, and a feature is a number; cast it, or take its length or a flag as 0 and 1"
    )]
    NotANumber {
        /// The column's name.
        column: String,
        /// Its Arrow type.
        data_type: String,
    },
}

impl From<DataFusionError> for PlanError {
    fn from(error: DataFusionError) -> Self {
        Self::Sql(Box::new(error.strip_backtrace_if_any()))
    }
}

trait StripBacktrace {
    fn strip_backtrace_if_any(self) -> Self;
}

impl StripBacktrace for DataFusionError {
    /// DataFusion wraps planning errors in contexts and diagnostics; the innermost says what the author did.
    fn strip_backtrace_if_any(self) -> Self {
        match self {
            Self::Context(_, inner) | Self::Diagnostic(_, inner) => inner.strip_backtrace_if_any(),
            other => other,
        }
    }
}

fn first_line(error: &DataFusionError) -> String {
    let text = error.strip_backtrace();
    text.lines().next().unwrap_or_default().to_owned()
}
