//! Our SQL functions, registered beside DataFusion's own.
//!
//! | file | functions |
//! |---|---|
//! | `division` | `/` and `//` |
//! | `exact` | DataFusion's statistical aggregates on states of ours: `total`, `pair` |
//! | `percentile` | `percentile_cont` without its rounding |
//! | `running` | such a state as an accumulator of DataFusion |
//! | `moments` | `latest`, `latest_at`, `slope` |
//! | `held` | `span_below`, `span_above`, `seconds_held` (SQL: `time_below`, `time_above`) |
//! | `since` | `seconds_since` (SQL: `age`) |
//! | `reference` | what each gives, for a reader |
//! | `ties` | which of several values of one instant counts |
//! | `scores` | `news2`, `mews`, `qsofa`, `sirs`, `shock_index` |

mod division;
mod exact;
mod held;
mod moments;
mod pair;
mod percentile;
mod reference;
mod running;
mod scores;
mod since;
mod ties;
mod total;

use datafusion::error::Result;
use datafusion::execution::FunctionRegistry;

pub use reference::{AGGREGATES, FunctionReference, REFERENCE};
pub(crate) use scores::{WHO, is_without_who};

/// Those that SQL is rewritten to: nobody writes them.
pub(crate) const WITHIN: [&str; 5] = [
    "latest_at",
    "span_below",
    "span_above",
    "seconds_held",
    "seconds_since",
];

/// Registers every function of ours, and puts what is exact in the place of DataFusion's.
pub(crate) fn register(registry: &mut dyn FunctionRegistry) -> Result<()> {
    division::register(registry)?;
    exact::register(registry)?;
    percentile::register(registry)?;
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
