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
use std::process::Command;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use support::bench::{Bench, EngineProcess, Feeding, longest_gap};
use support::proxy::{Proxy, Rules};

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

/// Ends a case: the feed stops, everything is stepped, engines end in order, and all that was committed is held against a run in
/// memory. `more` is told behind the usual figures.
fn hold(
    bench: &Bench,
    feeding: Feeding,
    engines: impl IntoIterator<Item = EngineProcess>,
    case: &str,
    more: &str,
) {
    bench.settle(feeding.stop());
    for engine in engines {
        engine.terminate();
    }
    let (journal, alerts) = bench.check();
    let gap = longest_gap(&journal);
    report(
        case,
        &format!(
            "{} steps, {alerts} alerts, longest gap {gap:.1} s{more}",
            journal.len()
        ),
    );
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
    hold(
        &bench,
        feeding,
        [engine],
        &format!("killed at {failpoint}, {} times", kills()),
        "",
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
        if let Some(engine) = engines[victim].take() {
            engine.kill();
        }
        // Sometimes longer than the session: then the other one has it all for a while.
        thread::sleep(Duration::from_millis(u64::from(dice.roll(0, 9_000))));
        engines[victim] = Some(bench.engine(names[victim], None));
    }
    thread::sleep(Duration::from_secs(8));
    let case = format!("one of two killed, {} times", kills() / 2);
    hold(&bench, feeding, engines.into_iter().flatten(), &case, "");
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
    let more = format!(", slowest drain {:.1} s", slowest.as_secs_f64());
    let case = "rolling restart of 3 engines over 12 partitions";
    hold(&bench, feeding, engines.into_iter().flatten(), case, &more);
}

/// A bench whose engines speak to the broker through a proxy: `WARDWATCH_KAFKA_PROXIED` is BROKER_PORT:PROXY_PORT. The proxy
/// is one for all cases.
fn behind_a_proxy(partitions: i32) -> (Bench, &'static Rules) {
    static PROXY: LazyLock<(Proxy, String)> = LazyLock::new(|| {
        let ports = std::env::var("WARDWATCH_KAFKA_PROXIED").expect("WARDWATCH_KAFKA_PROXIED is PORT:PORT");
        let (broker, port) = ports.split_once(':').unwrap();
        let proxy = Proxy::start(port.parse().unwrap(), broker.parse().unwrap());
        (proxy, format!("127.0.0.1:{port}"))
    });
    let bench = Bench {
        brokers_of_engines: PROXY.1.clone(),
        ..Bench::new(partitions)
    };
    PROXY.0.rules.lost.store(0, Ordering::Release);
    (bench, &PROXY.0.rules)
}

/// Runs one engine behind a proxy while `trouble` makes some, and checks that it never had to be restarted.
fn troubled(case: &str, seed: u64, trouble: impl FnOnce(&Rules) -> String) {
    let (bench, rules) = behind_a_proxy(2);
    let feeding = bench.feed(seed, BEDS);
    let mut engine = bench.engine("one", None);
    thread::sleep(Duration::from_secs(6));
    let told = trouble(rules);
    thread::sleep(Duration::from_secs(10));
    assert!(
        !engine.has_ended(),
        "{}",
        std::fs::read_to_string(&engine.log).unwrap()
    );
    hold(&bench, feeding, [engine], case, &told);
}

/// The broker commits, and its answer is lost: nobody may take that for a failure, nor try twice.
#[test]
#[ignore = "needs a broker behind a proxy"]
fn answers_to_commits_are_lost() {
    let rounds = 10 * kills();
    troubled(&format!("answer to EndTxn lost, {rounds} times"), 20, |rules| {
        lose(&rules.lose_answers, rules, rounds)
    });
}

/// The end of a transaction never reaches the broker.
#[test]
#[ignore = "needs a broker behind a proxy"]
fn commits_are_lost() {
    let rounds = 2 * kills();
    troubled(&format!("EndTxn lost, {rounds} times"), 21, |rules| {
        lose(&rules.lose_requests, rules, rounds)
    });
}

fn lose(chances: &AtomicU32, rules: &Rules, rounds: u32) -> String {
    let begun = std::time::Instant::now();
    for round in 1..=rounds {
        chances.store(1, Ordering::Release);
        while rules.lost.load(Ordering::Acquire) < round {
            assert!(
                begun.elapsed() < Duration::from_secs(600),
                "{round} of {rounds} were lost"
            );
            thread::sleep(Duration::from_millis(5));
        }
    }
    format!(", in {:.0} s", begun.elapsed().as_secs_f64())
}

/// The answer comes after the engine has lost its patience.
#[test]
#[ignore = "needs a broker behind a proxy"]
fn answers_to_commits_are_late() {
    troubled("answer to EndTxn 3 s late for 20 s", 22, |rules| {
        rules.late_answers.store(3_000, Ordering::Release);
        thread::sleep(Duration::from_secs(20));
        rules.late_answers.store(0, Ordering::Release);
        String::new()
    });
}

fn cut_off(case: &str, seed: u64, hold: fn(&Rules, bool)) {
    troubled(case, seed, |rules| {
        hold(rules, true);
        thread::sleep(Duration::from_secs(30));
        hold(rules, false);
        String::new()
    });
}

#[test]
#[ignore = "needs a broker behind a proxy"]
fn cut_off_for_half_a_minute() {
    cut_off("no network for 30 s", 23, |rules, held| {
        rules.hold_requests.store(held, Ordering::Release);
        rules.hold_responses.store(held, Ordering::Release);
    });
}

#[test]
#[ignore = "needs a broker behind a proxy"]
fn deaf_for_half_a_minute() {
    cut_off("no answers for 30 s", 24, |rules, held| {
        rules.hold_responses.store(held, Ordering::Release)
    });
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
    let more = if ended {
        ", it ended itself"
    } else {
        ", it joined again"
    };
    let engines = [(!ended).then_some(zombie), Some(other)].into_iter().flatten();
    hold(&bench, feeding, engines, "zombie: stopped for 60 s", more);
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
    hold(
        &bench,
        feeding,
        [steady],
        "ten engines come and go in a minute",
        "",
    );
}

/// Every snapshot is damaged in some way while the engine is away: an older one, or the journal from its first step.
#[test]
#[ignore = "needs a broker"]
fn damaged_snapshots() {
    let bench = Bench::new(2);
    let feeding = bench.feed(27, BEDS);
    let mut dice = Dice(27);
    let mut damaged = 0;
    for round in 0..kills() {
        let engine = bench.engine("one", None);
        thread::sleep(Duration::from_secs(7));
        engine.kill();
        let mut newest = Vec::new();
        for shard in std::fs::read_dir(bench.snapshots().join("lively"))
            .unwrap()
            .flatten()
        {
            let files = std::fs::read_dir(shard.path()).unwrap().flatten();
            let mut paths: Vec<_> = files.map(|file| file.path()).collect();
            paths.sort();
            // The newest; every third time all of them.
            let from = if round % 3 == 2 {
                0
            } else {
                paths.len().saturating_sub(1)
            };
            newest.extend(paths.drain(from..));
        }
        for path in newest {
            let mut bytes = std::fs::read(&path).unwrap();
            let at = dice.roll(0, bytes.len() as u32) as usize;
            if round % 2 == 0 {
                bytes[at] ^= 1 << dice.roll(0, 8);
            } else {
                bytes.truncate(at);
            }
            std::fs::write(&path, bytes).unwrap();
            damaged += 1;
        }
    }
    let engine = bench.engine("one", None);
    thread::sleep(Duration::from_secs(4));
    hold(
        &bench,
        feeding,
        [engine],
        &format!("snapshots damaged, {damaged} of them"),
        "",
    );
}

/// Each of three brokers is killed in its turn, and comes back: leaders, transaction and group coordinators are among them.
/// `WARDWATCH_KAFKA_THREE` is the folder of the three.
#[test]
#[ignore = "needs three brokers"]
fn brokers_are_killed() {
    let folder =
        std::env::var("WARDWATCH_KAFKA_THREE").expect("WARDWATCH_KAFKA_THREE is a folder of three brokers");
    let bench = Bench::on(
        std::fs::read_to_string(format!("{folder}/bootstrap"))
            .unwrap()
            .trim(),
        6,
    );
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/kafka/kafka.sh");
    let brokers = |action: &str, node: u32| {
        let done = Command::new(script)
            .args([action, &folder, &node.to_string()])
            .status()
            .unwrap();
        assert!(done.success(), "{action} {node}");
    };
    let feeding = bench.feed(28, BEDS);
    let mut engines = ["one", "two"].map(|name| bench.engine(name, None));
    thread::sleep(Duration::from_secs(10));
    let rounds = kills().div_ceil(3).max(3);
    for round in 0..rounds {
        brokers("kill", round % 3 + 1);
        thread::sleep(Duration::from_secs(15));
        brokers("again", round % 3 + 1);
        thread::sleep(Duration::from_secs(10));
    }
    for engine in &mut engines {
        assert!(
            !engine.has_ended(),
            "{}",
            std::fs::read_to_string(&engine.log).unwrap()
        );
    }
    let case = format!("one of three brokers killed, {rounds} times");
    hold(&bench, feeding, engines, &case, "");
}
