//! Logs: `tracing` to standard error, as text or as JSON lines. `RUST_LOG` chooses what is written; the default is `info`
//! of Wardwatch and warnings of its libraries.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// A JSON object a line, for programs.
    Json,
}

/// Starts logging. Called once.
pub fn start(format: LogFormat) {
    const DEFAULT: &str =
        "warn,wardwatch=info,wardwatch_kafka=info,wardwatch_shard=info,wardwatch_station=info";
    let filter = match std::env::var(EnvFilter::DEFAULT_ENV) {
        Ok(chosen) => EnvFilter::builder()
            .with_default_directive(LevelFilter::WARN.into())
            .parse_lossy(chosen),
        Err(_) => EnvFilter::new(DEFAULT),
    };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => subscriber.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => subscriber.json().init(),
    }
}
