//! `wardwatch completions`: what a shell needs to complete our commands.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use super::output::print;
use crate::Cli;

/// Arguments of `wardwatch completions`.
#[derive(clap::Args)]
#[command(after_help = "For bash: wardwatch completions bash > /etc/bash_completion.d/wardwatch")]
pub struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Runs the command.
pub fn run(args: Args) -> anyhow::Result<()> {
    let mut script = Vec::new();
    generate(args.shell, &mut Cli::command(), "wardwatch", &mut script);
    print(&String::from_utf8(script)?)
}
