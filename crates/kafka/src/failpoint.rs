//! Places where a test may kill this process; nothing at all without the feature `failpoints`.
//!
//! With `WARDWATCH_FAILPOINT=commit:3` the process ends the third time it passes `commit`, as `kill -9` would end it: nothing is
//! flushed, dropped or told to anyone.

use wardwatch_event_time::Span;

/// Passes a named place.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub(crate) fn failpoint(_name: &str) {}

/// Passes a named place.
#[cfg(feature = "failpoints")]
pub(crate) fn failpoint(name: &str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    static FATAL: LazyLock<Option<(String, u32)>> = LazyLock::new(|| {
        let text = std::env::var("WARDWATCH_FAILPOINT").ok()?;
        let (name, pass) = text.split_once(':')?;
        Some((name.to_owned(), pass.parse().ok()?))
    });
    static PASSES: AtomicU32 = AtomicU32::new(0);

    if let Some((fatal, pass)) = &*FATAL
        && fatal == name
        && PASSES.fetch_add(1, Ordering::Relaxed) + 1 == *pass
    {
        std::process::abort();
    }
}

/// By how much this host's clock is wrong, in a test: `WARDWATCH_CLOCK_SKEW` seconds.
#[cfg(feature = "failpoints")]
pub(crate) fn clock_skew() -> Span {
    static SKEW: std::sync::LazyLock<Span> = std::sync::LazyLock::new(|| {
        let seconds = std::env::var("WARDWATCH_CLOCK_SKEW").ok();
        Span::from_secs(seconds.and_then(|seconds| seconds.parse().ok()).unwrap_or(0))
    });
    *SKEW
}

/// By how much this host's clock is wrong, in a test.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub(crate) fn clock_skew() -> Span {
    Span::ZERO
}

/// How many bytes a journal record may have, in a test: `WARDWATCH_MOST_JOURNALED`.
#[cfg(feature = "failpoints")]
pub(crate) fn most_journaled(usual: usize) -> usize {
    static MOST: std::sync::LazyLock<Option<usize>> =
        std::sync::LazyLock::new(|| std::env::var("WARDWATCH_MOST_JOURNALED").ok()?.parse().ok());
    MOST.unwrap_or(usual)
}

/// How many bytes a journal record may have.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub(crate) fn most_journaled(usual: usize) -> usize {
    usual
}
