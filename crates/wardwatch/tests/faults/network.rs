//! What goes wrong between engines and brokers, and with brokers.

use std::process::Command;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::support::bench::Bench;
use super::support::proxy::{Proxy, Rules};
use super::{BEDS, Case, kills};

/// A bench whose engines speak to the broker through a proxy: `WARDWATCH_KAFKA_PROXIED` is BROKER_PORT:PROXY_PORT. The proxy
/// is one for all cases.
fn behind_a_proxy(partitions: i32) -> (Bench, &'static Rules) {
    static PROXY: LazyLock<(Proxy, String)> = LazyLock::new(|| {
        let ports = std::env::var("WARDWATCH_KAFKA_PROXIED").expect("WARDWATCH_KAFKA_PROXIED is PORT:PORT");
        let (broker, port) = ports.split_once(':').unwrap();
        let proxy = Proxy::start(port.parse().unwrap(), broker.parse().unwrap());
        (proxy, format!("127.0.0.1:{port}"))
    });
    let mut bench = Bench::new(partitions);
    bench.brokers_of_engines = PROXY.1.clone();
    PROXY.0.rules.lost.store(0, Ordering::Release);
    (bench, &PROXY.0.rules)
}

/// Runs one engine behind a proxy while `trouble` makes some, and checks that it never had to be restarted.
fn troubled(mut case: Case, seed: u64, trouble: impl FnOnce(&Rules)) {
    let (bench, rules) = behind_a_proxy(2);
    let feeding = bench.feed(seed, BEDS);
    let mut engine = bench.engine("one", None);
    thread::sleep(Duration::from_secs(6));
    let begun = Instant::now();
    trouble(rules);
    let lasted = begun.elapsed().as_secs_f64();
    case.more = format!(", trouble for {lasted:.0} s");
    // While it lasts there may be no step at all.
    case.within += lasted;
    thread::sleep(Duration::from_secs(10));
    assert!(
        !engine.has_ended(),
        "{}",
        std::fs::read_to_string(&engine.log).unwrap()
    );
    case.hold(&bench, feeding, [engine]);
}

/// The broker commits, and its answer is lost: nobody may take that for a failure, nor try twice.
#[test]
#[ignore = "needs a broker behind a proxy"]
fn answers_to_commits_are_lost() {
    let rounds = 10 * kills();
    let case = Case::new(format!("answer to EndTxn lost, {rounds} times"), 10.0);
    troubled(case, 20, |rules| lose(&rules.lose_answers, rules, rounds));
}

/// The end of a transaction never reaches the broker.
#[test]
#[ignore = "needs a broker behind a proxy"]
fn commits_are_lost() {
    let rounds = 2 * kills();
    let case = Case::new(format!("EndTxn lost, {rounds} times"), 10.0);
    troubled(case, 21, |rules| lose(&rules.lose_requests, rules, rounds));
}

fn lose(chances: &AtomicU32, rules: &Rules, rounds: u32) {
    let begun = Instant::now();
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
}

/// The answer comes after the engine has lost its patience.
#[test]
#[ignore = "needs a broker behind a proxy"]
fn answers_to_commits_are_late() {
    let case = Case::new("answer to EndTxn 3 s late", 10.0);
    troubled(case, 22, |rules| {
        rules.late_answers.store(3_000, Ordering::Release);
        thread::sleep(Duration::from_secs(20));
        rules.late_answers.store(0, Ordering::Release);
    });
}

fn cut_off(case: &str, seed: u64, hold: fn(&Rules, bool)) {
    troubled(Case::new(case, 10.0), seed, |rules| {
        hold(rules, true);
        thread::sleep(Duration::from_secs(30));
        hold(rules, false);
    });
}

#[test]
#[ignore = "needs a broker behind a proxy"]
fn cut_off_for_half_a_minute() {
    cut_off("no network", 23, |rules, held| {
        rules.hold_requests.store(held, Ordering::Release);
        rules.hold_responses.store(held, Ordering::Release);
    });
}

#[test]
#[ignore = "needs a broker behind a proxy"]
fn deaf_for_half_a_minute() {
    cut_off("no answers", 24, |rules, held| {
        rules.hold_responses.store(held, Ordering::Release)
    });
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
    Case::new(format!("one of three brokers killed, {rounds} times"), 15.0).hold(&bench, feeding, engines);
}
