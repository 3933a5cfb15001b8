//! The fence around tract: it panics on some graphs, and a broken model must not take the process down.

use std::any::Any;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tract_onnx::prelude::TractResult;

/// Runs `work`; a panic becomes an error like any other.
///
/// Sound to go on after: callers drop whatever `work` was building, and overwrite an input's memory before
/// they read it.
pub(super) fn guarded<T>(work: impl FnOnce() -> TractResult<T>) -> Result<T, Box<dyn Error + Send + Sync>> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(Into::into),
        Err(panic) => Err(format!("tract panicked: {}", message(panic.as_ref())).into()),
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_with_its_message() {
        let number = 7;
        let formatted = guarded::<()>(|| panic!("rank {number}")).unwrap_err();
        assert_eq!(formatted.to_string(), "tract panicked: rank 7");
        let plain = guarded::<()>(|| panic!("no such node")).unwrap_err();
        assert_eq!(plain.to_string(), "tract panicked: no such node");
        assert_eq!(guarded(|| Ok(1)).unwrap(), 1);
    }
}
