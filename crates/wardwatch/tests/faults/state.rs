//! What goes wrong with what a shard's state is restored from.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use wardwatch_kafka::{EngineClock, JournalRecord, SystemClock};

use super::support::bench::{Bench, EngineProcess};
use super::{BEDS, Case, Dice, kills};

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
        for shard in children(&bench.snapshots().join("lively"))
            .iter()
            .flat_map(|journal| children(journal))
        {
            let mut paths = children(&shard);
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
    Case::new(format!("snapshots damaged, {damaged} of them"), 5.0).hold(&bench, feeding, [engine]);
}

/// Snapshots are gone and the journal is compacted to its last record: the state is rebuilt from the log, and tells what is left
/// to tell under the same names.
#[test]
#[ignore = "needs a broker"]
fn journal_and_snapshots_are_gone() {
    let bench = Bench::new(2);
    let feeding = bench.feed(30, BEDS);
    let engine = bench.engine("one", None);
    thread::sleep(Duration::from_secs(15));
    engine.kill();
    std::fs::remove_dir_all(bench.snapshots()).unwrap();
    let mut case = Case::new("no snapshot, journal compacted to its end", 10.0);
    case.past.journal = bench.forget_journal(false);
    let engine = bench.engine("one", None);
    thread::sleep(Duration::from_secs(15));
    let begins: Vec<_> = bench
        .journal()
        .into_iter()
        .filter_map(|step| step.begins)
        .collect();
    assert_eq!(begins.len(), 2, "each shard begins a lineage");
    assert!(
        begins.iter().all(|begin| begin.reason.contains("no snapshot")),
        "{}",
        begins[0].reason
    );
    case.hold(&bench, feeding, [engine]);
}

/// The journal says that a step came to another digest: the state is not trusted, and rebuilt from the log.
#[test]
#[ignore = "needs a broker"]
fn a_digest_differs() {
    let bench = Bench::new(2);
    let feeding = bench.feed(36, BEDS);
    bench.engine("one", None).run_for(12).terminate();
    let mut case = Case::new("a digest in the journal differs", 10.0);
    case.past.forged = bench.forge_journal();
    let engine = bench.engine("one", None).run_for(15);
    let log = std::fs::read_to_string(&engine.log).unwrap();
    assert!(log.contains("it came to another digest"), "{log}");
    let begins: Vec<_> = bench
        .journal()
        .into_iter()
        .filter_map(|step| step.begins)
        .collect();
    assert!(
        begins.iter().any(|begin| begin.reason.contains("another digest")),
        "{begins:?}"
    );
    case.hold(&bench, feeding, [engine]);
}

/// The whole journal was deleted: the engine says so instead of telling everything again.
#[test]
#[ignore = "needs a broker"]
fn a_deleted_journal_is_refused() {
    let bench = Bench::new(1);
    let feeding = bench.feed(32, BEDS);
    let engine = bench.engine("one", None);
    thread::sleep(Duration::from_secs(8));
    engine.terminate();
    feeding.stop();
    bench.forget_journal(true);
    let mut engine = bench.engine("one", None);
    assert!(!engine.wait(Duration::from_secs(30)).success());
    let log = std::fs::read_to_string(&engine.log).unwrap();
    assert!(log.contains("error: the journal of shard 0 is empty"), "{log}");
}

/// The disk of the snapshots fills up while the engine runs: it goes on, says so, and later writes again.
#[test]
#[ignore = "needs a broker, and a folder of its own file system"]
fn the_disk_is_full() {
    let bench = Bench::new(2);
    let Some(disk) = Disk::mount(bench.snapshots(), "96m") else {
        return super::report("disk full", "not run: a file system can be mounted by root only");
    };
    let feeding = bench.feed(33, BEDS);
    let engine = bench.engine("one", None);
    thread::sleep(Duration::from_secs(10));
    let whole = disk.snapshots();
    disk.fill();
    thread::sleep(Duration::from_secs(10));
    let log = std::fs::read_to_string(&engine.log).unwrap();
    assert!(log.contains("No space left on device"), "{log}");
    engine.kill();
    let kept = disk.snapshots();
    assert!(
        !kept.is_empty() && kept.iter().all(|name| whole.contains(name)),
        "{kept:?} are not of {whole:?}"
    );
    // From an older snapshot and the steps since then.
    let engine = bench.engine("one", None);
    thread::sleep(Duration::from_secs(6));
    disk.make_room();
    thread::sleep(Duration::from_secs(6));
    let after = disk.snapshots();
    assert!(
        after.iter().any(|name| !kept.contains(name)),
        "{after:?} are not newer than {kept:?}"
    );
    Case::new("disk full for 16 s, killed meanwhile", 5.0).hold(&bench, feeding, [engine]);
}

/// A small file system in memory.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: PathBuf, size: &str) -> Option<Self> {
        std::fs::create_dir_all(&at).unwrap();
        let options = format!("size={size}");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(&at)
            .output();
        mount
            .is_ok_and(|output| output.status.success())
            .then_some(Self(at))
    }

    fn fill(&self) {
        let mut file = std::fs::File::create(self.0.join("ballast")).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
    }

    fn make_room(&self) {
        std::fs::remove_file(self.0.join("ballast")).unwrap();
    }

    fn snapshots(&self) -> Vec<String> {
        let journals = children(&self.0.join("lively"));
        let shards = journals.iter().flat_map(|journal| children(journal));
        let files = shards.flat_map(|shard| children(&shard));
        files.map(|file| file.display().to_string()).collect()
    }
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let found = std::fs::read_dir(folder).unwrap().flatten();
    found.map(|entry| entry.path()).collect()
}

impl Drop for Disk {
    fn drop(&mut self) {
        Command::new("umount").arg("--lazy").arg(&self.0).status().ok();
    }
}

/// The clock of the engine's host is an hour ahead, and later an hour behind: nobody is called silent for it.
#[test]
#[ignore = "needs a broker"]
fn the_host_clock_is_wrong() {
    let mut bench = Bench::new(2);
    let feeding = bench.feed(34, BEDS);
    let mut engines = Vec::new();
    for skew in ["3600", "-3600"] {
        engines.drain(..).for_each(EngineProcess::kill);
        bench.environment = vec![("WARDWATCH_CLOCK_SKEW".to_owned(), skew.to_owned())];
        engines.push(bench.engine("one", None));
        thread::sleep(Duration::from_secs(12));
    }
    for step in bench.journal() {
        let ahead = (step.log_time - SystemClock.now()).secs_f64();
        assert!(ahead < 0.0, "log time is {ahead} s ahead");
    }
    // The first step of each engine asks the brokers what time it is.
    let wrong = |step: &JournalRecord| (step.at - SystemClock.now()).secs_f64().abs() > 1_000.0;
    let steps = bench.journal();
    let wrong = steps.iter().filter(|step| wrong(step)).count();
    assert!(
        wrong < steps.len() / 10,
        "{wrong} of {} steps are dated wrong",
        steps.len()
    );
    let mut case = Case::new("host clock an hour ahead, then an hour behind", 5.0);
    case.more = format!(", {wrong} steps dated wrong");
    case.hold(&bench, feeding, engines);
}

/// Snapshots in a bucket: restored from it; and when its server is gone, also at the start, the engine runs on.
/// `WARDWATCH_S3` is the folder of a server that tests/s3/s3.sh started.
#[test]
#[ignore = "needs a broker and a server that speaks S3"]
fn snapshots_in_a_bucket() {
    let folder = std::env::var("WARDWATCH_S3").expect("WARDWATCH_S3 is the folder of a server");
    let server = |action: &str| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/s3/s3.sh");
        let done = Command::new(script).args([action, &folder]).status().unwrap();
        assert!(done.success(), "{action}");
    };
    let mut bench = Bench::new(2);
    let environment = std::fs::read_to_string(format!("{folder}/environment")).unwrap();
    let pairs = environment.lines().filter_map(|line| line.split_once('='));
    bench.environment = pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    bench.store = format!("s3://ward/{}snapshots", bench.prefix);
    let feeding = bench.feed(35, BEDS);
    bench.engine("one", None).run_for(10).kill();
    let engine = bench.engine("one", None).run_for(8);
    let log = std::fs::read_to_string(&engine.log).unwrap();
    assert_eq!(
        log.matches("restored; the steps since then are taken again")
            .count(),
        2,
        "{log}"
    );
    server("stop");
    let engine = engine.run_for(6);
    engine.kill();
    let engine = bench.engine("one", None).run_for(8);
    let log = std::fs::read_to_string(&engine.log).unwrap();
    assert!(
        log.contains("snapshots cannot be kept now (--snapshots)"),
        "{log}"
    );
    server("start");
    let engine = engine.run_for(6);
    // The last word of each shard to its store at the end.
    engine.terminate();
    let engine = bench.engine("one", None).run_for(4);
    let log = std::fs::read_to_string(&engine.log).unwrap();
    assert_eq!(
        log.matches("restored; the steps since then are taken again")
            .count(),
        4,
        "{log}"
    );
    Case::new("snapshots in a bucket, its server gone for a while", 5.0).hold(&bench, feeding, [engine]);
}

/// Models that answer more than a journal record may hold, here a few hundred bytes: a restart asks them again, and comes to the
/// same.
#[test]
#[ignore = "needs a broker"]
fn answers_that_do_not_fit() {
    let brokers = std::env::var("WARDWATCH_TEST_BROKERS").expect("WARDWATCH_TEST_BROKERS is HOST:PORT");
    // The two models over seconds instead of hours.
    let pipeline = include_str!("../../../../pipelines/icu-deterioration.yaml")
        .replace("topic: vitals", "topic: PREFIXvitals")
        .replace("pipeline: icu-deterioration", "pipeline: lively")
        .replace("window: 48h", "window: 20s")
        .replace("window: 24h", "window: 20s")
        .replace("window: 6h", "window: 10s")
        .replace("every: 1h", "every: 2s");
    let mut bench = Bench::of(&pipeline, &brokers, 2);
    bench
        .environment
        .push(("WARDWATCH_MOST_JOURNALED".to_owned(), "436".to_owned()));
    let feeding = bench.feed(39, BEDS);
    bench.engine("one", None).run_for(20).kill();
    let engine = bench.engine("one", None).run_for(10);
    let journal = bench.journal();
    let left_out = journal.iter().filter(|step| step.answers_left_out).count();
    let kept = journal.iter().filter(|step| !step.answers.is_empty()).count();
    assert!(left_out > 10 && kept > 10, "{left_out} left out, {kept} kept");
    let begins = journal.iter().filter(|step| step.begins.is_some()).count();
    assert_eq!(begins, 2, "nothing is rebuilt");
    let case = Case::new("models' answers that do not fit into the journal", 10.0);
    case.hold(&bench, feeding, [engine]);
}
