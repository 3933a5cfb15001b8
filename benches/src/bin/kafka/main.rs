//! The whole engine on a real Kafka: how much it takes, and how soon an alert is out. See `benches/README.md`.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "measurements read the clock and print"
)]

mod drain;
mod latency;
mod restart;
mod topics;

use clap::Parser;

/// As in the product, so that allocation costs the same.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures the engine on a real Kafka.
#[derive(Parser)]
struct Args {
    /// Where Kafka is, HOST:PORT
    #[arg(long)]
    brokers: String,
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Loads a topic, then lets an engine read it to its end
    Drain(drain::Args),
    /// Sends messages at their intended times, and takes the time until their alerts are read
    Latency(latency::Args),
    /// Kills an engine's process, starts it again, and takes the time until it is back
    Restart(restart::Args),
    /// The process that `restart` kills
    #[command(hide = true)]
    Engine(restart::EngineArgs),
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    match args.what {
        What::Drain(what) => drain::run(&args.brokers, &what),
        What::Latency(what) => latency::run(&args.brokers, &what),
        What::Restart(what) => restart::run(&args.brokers, &what),
        What::Engine(what) => restart::engine(&args.brokers, &what),
    }
}
