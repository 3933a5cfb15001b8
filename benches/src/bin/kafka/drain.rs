//! A topic is loaded beforehand; then an engine reads it to its end. Closed loop: throughput, not latency.

use std::thread;
use std::time::{Duration, Instant};

use wardwatch_event_time::Span;
use wardwatch_kafka::{ClientSettings, Engine, Feed};
use wardwatch_simulate::{Message, Ward};

use crate::topics;

/// Arguments of `drain`.
#[derive(clap::Args)]
pub struct Args {
    /// Patients who each send eight readings a second
    #[arg(long, default_value_t = 10_000)]
    patients: usize,
    /// Seconds of their time
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// One reading a message instead of eight
    #[arg(long)]
    single: bool,
    #[command(flatten)]
    engine: topics::EngineArgs,
}

/// Loads, drains, and prints one line.
pub fn run(brokers: &str, args: &Args) -> anyhow::Result<()> {
    let config = topics::engine(brokers, &args.engine)?;
    // All of it lies in the past when it is loaded: nobody's clock runs fast.
    let start = topics::now() - Span::from_secs(i64::from(args.seconds) + 1);
    let mut ward = Ward::steady(1, start, args.patients);
    let feed = Feed::new(brokers, &load_settings())?;
    let (mut messages, mut bytes) = (0_u64, 0_usize);
    for _ in 0..args.seconds {
        let second: Vec<Message> = if args.single {
            ward.next_second_single()
        } else {
            ward.next_second()
        };
        for message in &second {
            feed.send(
                &config.pipeline.sources[0].topic,
                message.key.as_bytes(),
                &message.payload,
                message.arrives,
            )?;
            bytes += message.payload.len();
        }
        messages += second.len() as u64;
    }
    feed.finish();

    let engine = Engine::start(config)?;
    // Joining the group and opening the shard is not draining.
    while engine.stats().records == 0 {
        anyhow::ensure!(!engine.health().has_ended(), "the engine ended");
        thread::sleep(Duration::from_millis(1));
    }
    let (began, before) = (Instant::now(), engine.stats().records);
    // Ready: all topics are at their end, and no window waits to be evaluated.
    while engine.stats().records < messages || !engine.health().is_ready() {
        anyhow::ensure!(!engine.health().has_ended(), "the engine ended");
        thread::sleep(Duration::from_millis(5));
    }
    let took = began.elapsed().as_secs_f64();
    let stats = engine.stats();
    engine.stop()?;
    let observations = args.patients as u64 * 8 * u64::from(args.seconds);
    let share = (messages - before) as f64 / messages as f64;
    println!(
        "{}: {observations} observations in {messages} messages of {} bytes: {took:.2} s, {:.0} observations/s \
         ({} steps, {} windows, {} alerts, {} quarantined)",
        if args.single { "single" } else { "grouped" },
        bytes / messages as usize,
        observations as f64 * share / took,
        stats.steps,
        stats.windows,
        stats.alerts,
        stats.quarantined,
    );
    Ok(())
}

/// As a busy gateway would send.
fn load_settings() -> ClientSettings {
    [("linger.ms", "20"), ("batch.num.messages", "5000")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}
