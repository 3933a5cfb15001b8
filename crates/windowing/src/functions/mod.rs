//! Our SQL functions, registered beside DataFusion's own.
//!
//! | file | functions |
//! |---|---|
//! | `moments` | `latest`, `latest_at`, `slope` |
//! | `held` | `span_below`, `span_above`, `seconds_held` (SQL: `time_below`, `time_above`) |
//! | `since` | `seconds_since` (SQL: `age`) |
//! | `reference` | what each gives, for a reader |
//! | `scores` | `news2`, `mews`, `qsofa`, `sirs`, `shock_index` |

mod held;
mod moments;
mod reference;
mod scores;
mod since;

use datafusion::error::Result;
use datafusion::execution::FunctionRegistry;

pub use reference::{FunctionReference, REFERENCE};
pub(crate) use scores::{WHO, is_without_who};

/// Those that SQL is rewritten to: nobody writes them.
pub(crate) const WITHIN: [&str; 5] = [
    "latest_at",
    "span_below",
    "span_above",
    "seconds_held",
    "seconds_since",
];

/// Registers every function of ours.
pub(crate) fn register(registry: &mut dyn FunctionRegistry) -> Result<()> {
    for aggregate in moments::all().into_iter().chain(held::aggregates()) {
        registry.register_udaf(aggregate.into())?;
    }
    for scalar in scores::all()
        .into_iter()
        .chain([held::seconds_held(), since::seconds_since()])
    {
        registry.register_udf(scalar.into())?;
    }
    Ok(())
}
