//! Engines that are killed, stopped, restarted, and that come and go.

use std::os::unix::process::ExitStatusExt;
use std::thread;
use std::time::Duration;

use super::support::bench::{Bench, EngineProcess};
use super::{BEDS, Case, Dice, kills};

/// Waits until an engine has come to its failpoint.
fn ends_itself(mut engine: EngineProcess, at: &str) {
    let status = engine.wait(Duration::from_secs(60));
    let log = || std::fs::read_to_string(&engine.log).unwrap();
    assert_eq!(status.signal(), Some(6), "{at}: {}", log());
}

/// An engine that ends itself at a failpoint, again and again, restarted in place each time.
fn die_at(failpoint: &str, seed: u64, first: u32, last: u32) {
    let bench = Bench::new(2);
    let feeding = bench.feed(seed, BEDS);
    let mut dice = Dice(seed);
    for _ in 0..kills() {
        let at = format!("{failpoint}:{}", dice.roll(first, last));
        ends_itself(bench.engine("one", Some(at.clone())), &at);
        // What is looked for at the end of each case can be seen.
        assert!(failpoint != "commit" || bench.has_open_transaction());
    }
    let engine = bench.engine("one", None);
    thread::sleep(Duration::from_secs(2));
    Case::new(format!("killed at {failpoint}, {} times", kills()), 5.0).hold(&bench, feeding, [engine]);
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

/// An edited pipeline, and an engine that ends itself on its way to it: before a shard goes over, and when it has but nobody
/// knows. The next one starts with one edit more.
#[test]
#[ignore = "needs a broker"]
fn killed_while_going_over() {
    let bench = Bench::new(2);
    let feeding = bench.feed(32, BEDS);
    bench.engine("one", None).run_for(10).terminate();
    let mut dice = Dice(32);
    let mut window = 20;
    for round in 0..kills() {
        let at = ["go_over:1", "went_over:1", "go_over:2", "went_over:2"][round as usize % 4];
        let engine = bench.engine("one", Some(at.to_owned()));
        // At once, so that it starts with it, or later, so that it goes over while it runs.
        thread::sleep(Duration::from_millis(u64::from(dice.roll(0, 6_000))));
        let (version, newer) = (round + 1, 10 + 10 * dice.roll(0, 4));
        bench.edit(&[
            (&format!("window: {window}s"), &format!("window: {newer}s")),
            (
                &format!("\nversion: {version}\n"),
                &format!("\nversion: {}\n", version + 1),
            ),
        ]);
        window = newer;
        if round % 3 == 2 {
            // As if the store had been away when texts were to be kept: the journal has them, too.
            let kept = bench
                .snapshots()
                .join("lively")
                .join(&bench.topics.journal)
                .join("pipelines");
            std::fs::remove_dir_all(kept).ok();
        }
        ends_itself(engine, at);
    }
    let engine = bench.engine("one", None);
    bench.wait_for("the last edit", |record| record.pipeline_version == kills() + 1);
    thread::sleep(Duration::from_secs(2));
    let begins = bench.journal().into_iter().filter_map(|step| step.begins);
    let rebuilt = begins.filter(|begins| !begins.went_along).count();
    assert_eq!(
        rebuilt, 2,
        "each shard begins with nothing once, and is never rebuilt"
    );
    // Some end before their first step, several in a row.
    let case = Case::new(
        format!("killed while going over to an edited pipeline, {} times", kills()),
        20.0,
    );
    case.hold(&bench, feeding, [engine]);
}

/// SIGKILL of one of two engines, which stays away: the other one takes over.
#[test]
#[ignore = "needs a broker"]
fn the_other_one_takes_over() {
    let bench = Bench::new(4);
    let feeding = bench.feed(13, BEDS);
    let other = bench.engine("two", None);
    let rounds = kills().div_ceil(5);
    for _ in 0..rounds {
        bench.engine("one", None).run_for(12).kill();
        thread::sleep(Duration::from_secs(14));
    }
    Case::new(format!("one of two killed for good, {rounds} times"), 10.0).hold(&bench, feeding, [other]);
}

/// SIGKILL at any moment, with two engines, also while one takes over from the other.
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
        if let Some(engine) = engines[victim].take() {
            engine.kill();
        }
        // Sometimes longer than the session: then the other one has it all for a while.
        thread::sleep(Duration::from_millis(u64::from(dice.roll(0, 9_000))));
        engines[victim] = Some(bench.engine(names[victim], None));
    }
    thread::sleep(Duration::from_secs(8));
    let case = Case::new(
        format!("one of two killed at any moment, {} times", kills() / 2),
        15.0,
    );
    case.hold(&bench, feeding, engines.into_iter().flatten());
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
    let mut case = Case::new("rolling restart of 3 engines over 12 partitions", 5.0);
    case.more = format!(", slowest drain {:.1} s", slowest.as_secs_f64());
    case.hold(&bench, feeding, engines.into_iter().flatten());
}

/// A process that stands still while another takes over, and then goes on: what it still wants to commit must not count.
#[test]
#[ignore = "needs a broker"]
fn a_zombie_comes_back() {
    let bench = Bench::new(4);
    let feeding = bench.feed(25, BEDS);
    let mut zombie = bench.engine("one", None);
    let other = bench.engine("two", None);
    thread::sleep(Duration::from_secs(10));
    zombie.signal("STOP");
    thread::sleep(Duration::from_secs(60));
    zombie.signal("CONT");
    thread::sleep(Duration::from_secs(15));
    let ended = zombie.has_ended();
    let mut case = Case::new("zombie: stopped for 60 s", 10.0);
    case.more = if ended {
        ", it ended itself".to_owned()
    } else {
        ", it joined again".to_owned()
    };
    let engines = [(!ended).then_some(zombie), Some(other)].into_iter().flatten();
    case.hold(&bench, feeding, engines);
}

/// Engines come and go, ten times in a minute.
#[test]
#[ignore = "needs a broker"]
fn rebalance_storm() {
    let bench = Bench::new(6);
    let feeding = bench.feed(26, BEDS);
    let steady = bench.engine("steady", None);
    thread::sleep(Duration::from_secs(6));
    for round in 0..10 {
        let guest = bench.guest(&format!("guest-{round}"));
        thread::sleep(Duration::from_millis(4_000));
        if round % 2 == 0 {
            guest.kill();
        } else {
            guest.terminate();
        }
        thread::sleep(Duration::from_millis(2_000));
    }
    thread::sleep(Duration::from_secs(8));
    Case::new("ten engines come and go in a minute", 10.0).hold(&bench, feeding, [steady]);
}
