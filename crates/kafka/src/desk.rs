//! Between the thread that steps a shard and the one that commits: bundles wait here, and grow while they wait.
//!
//! ```text
//!   worker ──put──▶ [ waiting ] ──take──▶ committer ──▶ Kafka
//! ```
//!
//! While one bundle is committed the next is stepped. What is stepped before the commit ends joins the bundle that waits, so
//! the busier the shard, the more steps a transaction has. DESK-1: what waits is bounded; then the worker waits too.

use std::sync::{Condvar, Mutex, MutexGuard};

use crate::EngineError;
use crate::bundle::Bundle;

/// A bundle of so many records waits for no more.
const MOST_WAITING: usize = 20_000;

/// Where bundles change hands.
pub(crate) struct Desk<'n> {
    state: Mutex<State<'n>>,
    changed: Condvar,
}

#[derive(Default)]
struct State<'n> {
    waiting: Option<Bundle<'n>>,
    /// The committer has a bundle at hand.
    is_committing: bool,
    /// Where the newest committed journal record stands.
    journaled: Option<i64>,
    /// Nothing more comes.
    is_closed: bool,
    /// The committer has given up.
    failed: Option<EngineError>,
}

// === impl Desk ===

impl<'n> Desk<'n> {
    /// An empty desk; `journaled` is where the journal ends.
    pub(crate) fn new(journaled: Option<i64>) -> Self {
        Self {
            state: Mutex::new(State {
                journaled,
                ..State::default()
            }),
            changed: Condvar::new(),
        }
    }

    /// Puts a bundle down, behind what waits. Blocks while too much waits.
    ///
    /// # Errors
    /// Why the committer has given up.
    pub(crate) fn put(&self, bundle: Bundle<'n>) -> Result<(), EngineError> {
        let mut state = self.wait_until(|state| {
            let waiting = state.waiting.as_ref();
            waiting.is_none_or(|waiting| waiting.records().len() < MOST_WAITING)
        })?;
        match &mut state.waiting {
            Some(waiting) => waiting.append(bundle),
            none => *none = Some(bundle),
        }
        self.changed.notify_all();
        Ok(())
    }

    /// Waits until everything that was put down is committed; returns where the newest journal record stands.
    ///
    /// # Errors
    /// Why the committer has given up.
    pub(crate) fn flush(&self) -> Result<Option<i64>, EngineError> {
        self.wait_until(|state| state.waiting.is_none() && !state.is_committing)
            .map(|state| state.journaled)
    }

    /// Says that nothing more comes.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    /// For the committer: the bundle at hand is committed, and the newest journal record stands there.
    pub(crate) fn committed(&self, journaled: Option<i64>) {
        let mut state = self.lock();
        state.is_committing = false;
        state.journaled = journaled;
        self.changed.notify_all();
    }

    /// For the committer: the next bundle, once there is one; none when nothing more comes.
    pub(crate) fn take(&self) -> Option<Bundle<'n>> {
        let mut state = self.lock();
        loop {
            if let Some(bundle) = state.waiting.take() {
                state.is_committing = true;
                return Some(bundle);
            }
            if state.is_closed {
                return None;
            }
            state = self.changed.wait(state).expect("no panic while it is held");
        }
    }

    /// For the committer: gives up.
    pub(crate) fn fail(&self, error: EngineError) {
        let mut state = self.lock();
        state.failed = Some(error);
        state.is_committing = false;
        self.changed.notify_all();
    }

    fn wait_until(
        &self,
        is_so: impl Fn(&State<'n>) -> bool,
    ) -> Result<MutexGuard<'_, State<'n>>, EngineError> {
        let mut state = self.lock();
        loop {
            if let Some(error) = state.failed.take() {
                return Err(error);
            }
            if is_so(&state) {
                return Ok(state);
            }
            state = self.changed.wait(state).expect("no panic while it is held");
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<'n>> {
        self.state.lock().expect("no panic while it is held")
    }
}
