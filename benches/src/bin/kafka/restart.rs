//! How long an engine is away when its process is killed and started again in place: until its first fresh score.
//!
//! Patients send without pause. The engine is a process of its own; it is killed between two snapshots, as late as can be.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use wardwatch_event_time::{Span, Timestamp};
use wardwatch_kafka::{ClientSettings, Engine, EngineConfig, Feed, Output, OutputReader};
use wardwatch_simulate::Ward;

use crate::topics;

/// Arguments of `restart`.
#[derive(clap::Args)]
pub struct Args {
    /// Patients who each send a message of eight readings a second
    #[arg(long, default_value_t = 10_000)]
    patients: usize,
    /// Partitions
    #[arg(long, default_value_t = 1)]
    partitions: i32,
    /// Seconds between two snapshots
    #[arg(long, default_value_t = 60)]
    snapshot_every: u64,
    /// How often it is killed
    #[arg(long, default_value_t = 3)]
    kills: u32,
    /// Where snapshots are kept meanwhile
    #[arg(long)]
    snapshots: String,
}

/// Arguments of the engine's own process.
#[derive(clap::Args)]
pub struct EngineArgs {
    run: String,
    snapshots: String,
    snapshot_every: u64,
}

/// The engine's own process.
pub fn engine(brokers: &str, args: &EngineArgs) -> anyhow::Result<()> {
    let mut config = topics::named(brokers, &args.run)?;
    config.instance = Some("bench".to_owned());
    config.snapshots = Some(Arc::new(wardwatch_kafka::SnapshotStore::create(&args.snapshots)?));
    config.snapshot_every = Duration::from_secs(args.snapshot_every);
    let engine = Engine::start(config)?;
    while !engine.health().has_ended() {
        thread::sleep(Duration::from_millis(100));
    }
    Ok(engine.stop()?)
}

/// Feeds, kills, and prints a line for each kill.
pub fn run(brokers: &str, args: &Args) -> anyhow::Result<()> {
    let run = topics::create(brokers, args.partitions)?;
    let config = topics::named(brokers, &run)?;
    // The newest score: when it was read, and of which log time it is.
    let (read_at, score_at) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicI64::new(0)));
    let scores = Arc::new(AtomicU64::new(0));
    let (noted_read, noted_score, counted) =
        (Arc::clone(&read_at), Arc::clone(&score_at), Arc::clone(&scores));
    let reader = OutputReader::start(
        brokers,
        &ClientSettings::new(),
        &config.topics,
        move |_, output| {
            if let Output::Score(score) = output {
                noted_score.fetch_max(score.at.micros(), Ordering::Relaxed);
                noted_read.store(topics::now().micros(), Ordering::Relaxed);
                counted.fetch_add(1, Ordering::Relaxed);
            }
        },
    )?;
    let stop = Arc::new(AtomicBool::new(false));
    let feeding = feed(brokers, &config, args.patients, Arc::clone(&stop))?;
    let mut engine = start(brokers, &run, args)?;
    for kill in 1..=args.kills {
        thread::sleep(Duration::from_secs(args.snapshot_every + 10));
        wait_for_last_second();
        engine.kill()?;
        engine.wait()?;
        let killed = topics::now();
        let begun = Instant::now();
        engine = start(brokers, &run, args)?;
        // Fresh: of a window that closed after the engine had gone.
        while Timestamp::from_micros(score_at.load(Ordering::Relaxed)) <= killed {
            anyhow::ensure!(
                begun.elapsed() < Duration::from_secs(120),
                "no fresh score within 120 s"
            );
            anyhow::ensure!(engine.try_wait()?.is_none(), "the engine ended");
            thread::sleep(Duration::from_millis(1));
        }
        let fresh = begun.elapsed().as_secs_f64();
        while topics::now() - Timestamp::from_micros(score_at.load(Ordering::Relaxed)) > Span::from_secs(2) {
            anyhow::ensure!(
                begun.elapsed() < Duration::from_secs(120),
                "it does not catch up within 120 s"
            );
            thread::sleep(Duration::from_millis(1));
        }
        println!(
            "kill {kill}: {} patients in {} partitions: first fresh score after {fresh:.2} s, caught up after {:.2} s ({} scores so far)",
            args.patients,
            args.partitions,
            begun.elapsed().as_secs_f64(),
            scores.load(Ordering::Relaxed),
        );
    }
    engine.kill()?;
    engine.wait()?;
    stop.store(true, Ordering::Release);
    feeding
        .join()
        .map_err(|_| anyhow::anyhow!("the feed panicked"))??;
    Ok(reader.stop()?)
}

/// A score is due every ten seconds, for all at once. Killed a second before that, an engine has not to wait for it afterwards.
fn wait_for_last_second() {
    let into = topics::now().micros().rem_euclid(10_000_000);
    let wait = (9_000_000 - into).rem_euclid(10_000_000);
    thread::sleep(Duration::from_micros(wait.unsigned_abs()));
}

fn start(brokers: &str, run: &str, args: &Args) -> anyhow::Result<Child> {
    let every = args.snapshot_every.to_string();
    Ok(Command::new(std::env::current_exe()?)
        .args(["--brokers", brokers, "engine", run, &args.snapshots, &every])
        .stdout(Stdio::null())
        .spawn()?)
}

fn feed(
    brokers: &str,
    config: &EngineConfig,
    patients: usize,
    stop: Arc<AtomicBool>,
) -> anyhow::Result<thread::JoinHandle<anyhow::Result<()>>> {
    let feed = Feed::new(brokers, &ClientSettings::new())?;
    let source = config.pipeline.sources[0].topic.clone();
    Ok(thread::spawn(move || {
        let mut ward = Ward::steady(1, topics::now(), patients);
        while !stop.load(Ordering::Acquire) {
            for message in ward.next_second() {
                let wait = message.arrives - topics::now();
                if wait > Span::from_millis(1) {
                    thread::sleep(Duration::from_micros(wait.micros().unsigned_abs()));
                }
                feed.send(&source, message.key.as_bytes(), &message.payload, message.arrives)?;
            }
        }
        feed.finish();
        Ok(())
    }))
}
