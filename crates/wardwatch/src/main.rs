//! The `wardwatch` command.
//!
//! | file | room |
//! |---|---|
//! | `commands` | the commands, a file each |
//! | `telemetry` | logs |
//! | `failure` | what a failed command prints, and its exit code |
//! | `panics` | what a panic prints: where, never what |
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage, 78 a pipeline is invalid (`EX_CONFIG` of sysexits.h).
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod commands;
mod failure;
mod panics;
mod telemetry;

use std::process::ExitCode;

use clap::Parser;

use commands::Command;
use telemetry::LogFormat;

/// Windows and scores allocate and free in bursts, which this allocator serves best.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Real-time patient monitoring on Kafka: features in SQL, early-warning scores, models, alarms.
///
/// Secondary notification, not a medical device.
#[derive(Parser)]
#[command(name = "wardwatch", version, propagate_version = true)]
struct Cli {
    /// How logs are written to standard error.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, env = "WARDWATCH_LOG_FORMAT")]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    panics::hide_payloads();
    let cli = Cli::parse();
    telemetry::start(cli.log_format);
    cli.command.run().unwrap_or_else(|error| failure::report(&error))
}
