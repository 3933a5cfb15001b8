//! Faults against engines on a real Kafka: nothing lost, nothing twice, the state to the last bit.
//!
//! Each case feeds a ward in real time, breaks something, and then holds all that was committed against a run in memory.
//! `tests/faults/run` runs them all; it says what each needs.
#![cfg(feature = "failpoints")]
#![allow(
    clippy::disallowed_methods,
    reason = "a test beside a real broker waits in real time"
)]
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "../support/mod.rs"]
mod support;

mod engines;
mod network;
mod state;

use support::bench::{Bench, EngineProcess, Feeding, longest_gap};
use support::oracle::Past;

const BEDS: usize = 60;

/// How often each case kills; `WARDWATCH_FAULT_KILLS` says otherwise.
fn kills() -> u32 {
    std::env::var("WARDWATCH_FAULT_KILLS").map_or(20, |kills| kills.parse().unwrap())
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, from: u32, to: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        from + (self.0 >> 33) as u32 % (to - from)
    }
}

/// For the report: `WARDWATCH_FAULT_REPORT` names the file it is added to.
fn report(case: &str, told: &str) {
    let line = format!("| {case} | {told} |\n");
    eprint!("{line}");
    if let Ok(path) = std::env::var("WARDWATCH_FAULT_REPORT") {
        use std::io::Write;
        let mut file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
}

/// What is told of a case, and what it must keep to.
struct Case {
    name: String,
    /// Told behind the usual figures.
    more: String,
    /// The longest time without a step that is allowed, in seconds: the fault itself and the time to recover.
    within: f64,
    past: Past,
}

impl Case {
    fn new(name: impl Into<String>, within: f64) -> Self {
        Self {
            name: name.into(),
            more: String::new(),
            within,
            past: Past::default(),
        }
    }

    /// Ends it: the feed stops, everything is stepped, engines end in order, and all that was committed is held against a run in
    /// memory.
    fn hold(self, bench: &Bench, feeding: Feeding, engines: impl IntoIterator<Item = EngineProcess>) {
        bench.settle(feeding.stop());
        for engine in engines {
            engine.terminate();
        }
        assert!(!bench.has_open_transaction(), "a transaction is left open");
        let (journal, alerts) = bench.check(&self.past);
        let gap = longest_gap(&journal);
        let (steps, more, within) = (journal.len(), self.more, self.within);
        report(
            &self.name,
            &format!("{steps} steps, {alerts} alerts, longest gap {gap:.1} s of {within:.0}{more}"),
        );
        assert!(
            gap <= within,
            "the longest gap is {gap:.1} s and may be {within:.1}"
        );
    }
}
