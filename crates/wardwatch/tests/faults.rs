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

mod support;

use std::os::unix::process::ExitStatusExt;
use std::thread;
use std::time::Duration;

use support::bench::{Bench, EngineProcess, longest_gap};

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

/// An engine that ends itself at a failpoint, again and again, restarted in place each time.
fn die_at(failpoint: &str, seed: u64, first: u32, last: u32) {
    let bench = Bench::new(2);
    let feeding = bench.feed(seed, BEDS);
    let mut dice = Dice(seed);
    for _ in 0..kills() {
        let at = format!("{failpoint}:{}", dice.roll(first, last));
        let mut engine = bench.engine("one", Some(at.clone()));
        let status = engine.wait(Duration::from_secs(60));
        assert_eq!(
            status.signal(),
            Some(6),
            "{at}: {}",
            std::fs::read_to_string(&engine.log).unwrap()
        );
    }
    let engine = bench.engine("one", None);
    thread::sleep(Duration::from_secs(2));
    bench.settle(feeding.stop());
    let drained = engine.terminate();
    let (journal, alerts) = bench.check();
    report(
        &format!("killed at {failpoint}, {} times", kills()),
        &format!(
            "{} steps, {alerts} alerts, longest gap {:.1} s, drained in {:.1} s",
            journal.len(),
            longest_gap(&journal),
            drained.as_secs_f64()
        ),
    );
}

#[test]
#[ignore = "needs a broker"]
fn killed_at_poll() {
    die_at("poll", 1, 50, 400);
}

#[test]
#[ignore = "needs a broker"]
fn killed_at_decode() {
    die_at("decode", 2, 5, 200);
}

#[test]
#[ignore = "needs a broker"]
fn killed_at_step() {
    die_at("step", 3, 5, 200);
}

#[test]
#[ignore = "needs a broker"]
fn killed_at_produce() {
    die_at("produce", 4, 5, 600);
}

#[test]
#[ignore = "needs a broker"]
fn killed_at_journal() {
    die_at("journal", 5, 2, 100);
}

#[test]
#[ignore = "needs a broker"]
fn killed_at_offsets() {
    die_at("offsets", 6, 2, 100);
}

#[test]
#[ignore = "needs a broker"]
fn killed_at_commit() {
    die_at("commit", 7, 2, 100);
}

#[test]
#[ignore = "needs a broker"]
fn killed_at_committed() {
    die_at("committed", 8, 2, 100);
}

#[test]
#[ignore = "needs a broker"]
fn killed_at_snapshot_write() {
    die_at("snapshot_write", 9, 1, 4);
}

#[test]
#[ignore = "needs a broker"]
fn killed_at_snapshot_written() {
    die_at("snapshot_written", 10, 1, 4);
}

/// SIGKILL at any moment, with two engines: the other one takes over, or the killed one comes back.
#[test]
#[ignore = "needs a broker"]
fn killed_at_any_moment() {
    let bench = Bench::new(4);
    let feeding = bench.feed(11, BEDS);
    let mut dice = Dice(11);
    let names = ["one", "two"];
    let mut engines = names.map(|name| Some(bench.engine(name, None)));
    thread::sleep(Duration::from_secs(8));
    for _ in 0..kills() / 2 {
        let victim = dice.roll(0, 2) as usize;
        thread::sleep(Duration::from_millis(u64::from(dice.roll(500, 4_000))));
        engines[victim].take().map(EngineProcess::kill);
        // Sometimes longer than the session: then the other one has it all for a while.
        thread::sleep(Duration::from_millis(u64::from(dice.roll(0, 9_000))));
        engines[victim] = Some(bench.engine(names[victim], None));
    }
    thread::sleep(Duration::from_secs(8));
    bench.settle(feeding.stop());
    engines.into_iter().flatten().for_each(|engine| {
        engine.terminate();
    });
    let (journal, alerts) = bench.check();
    report(
        &format!("one of two killed, {} times", kills() / 2),
        &format!(
            "{} steps, {alerts} alerts, longest gap {:.1} s",
            journal.len(),
            longest_gap(&journal)
        ),
    );
}

/// Three engines over twelve partitions, each restarted in its turn, as a rolling upgrade does.
#[test]
#[ignore = "needs a broker"]
fn rolling_restart() {
    let bench = Bench::new(12);
    let feeding = bench.feed(12, BEDS);
    let names = ["one", "two", "three"];
    let mut engines = names.map(|name| Some(bench.engine(name, None)));
    thread::sleep(Duration::from_secs(12));
    let mut slowest = Duration::ZERO;
    for (engine, name) in engines.iter_mut().zip(names) {
        slowest = slowest.max(engine.take().map(EngineProcess::terminate).unwrap());
        *engine = Some(bench.engine(name, None));
        thread::sleep(Duration::from_secs(6));
    }
    bench.settle(feeding.stop());
    engines.into_iter().flatten().for_each(|engine| {
        engine.terminate();
    });
    let (journal, alerts) = bench.check();
    report(
        "rolling restart of 3 engines over 12 partitions",
        &format!(
            "{} steps, {alerts} alerts, longest gap {:.1} s, slowest drain {:.1} s",
            journal.len(),
            longest_gap(&journal),
            slowest.as_secs_f64()
        ),
    );
}
