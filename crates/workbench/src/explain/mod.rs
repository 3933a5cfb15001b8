//! What a pipeline does, in plain words and as a plan; and as a graph.
//!
//! | file | room |
//! |---|---|
//! | `words` | for a nurse educator: what is told, and when |
//! | `plans` | for a data engineer: how windows are computed, and what they cost |
//! | `graph` | what reads what, in Mermaid |

mod graph;
mod plans;
mod words;

pub use graph::mermaid;
pub use plans::plans;
pub use words::words;
