//! Writing results to standard output.

use std::io::{ErrorKind, Write};

use anyhow::Context;
use clap::ValueEnum;

/// Who reads the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// People.
    #[default]
    Text,
    /// Programs.
    Json,
}

/// Writes text to standard output. A reader who has seen enough (`| head`) is no failure.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("writing to standard output"),
    }
}
