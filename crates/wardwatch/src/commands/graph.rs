//! `wardwatch graph`: what reads what in a pipeline.

use std::path::PathBuf;

use wardwatch_workbench::explain::mermaid;

use super::models::ModelsFolder;
use super::output::print;

/// Arguments of `wardwatch graph`.
#[derive(clap::Args)]
#[command(after_help = "Prints a Mermaid flowchart, which GitHub, GitLab and mermaid.live show.")]
pub struct Args {
    /// The pipeline
    pipeline: PathBuf,
    #[command(flatten)]
    models: ModelsFolder,
}

/// Runs the command.
pub fn run(args: Args) -> anyhow::Result<()> {
    print(&mermaid(&args.models.load(&args.pipeline)?))
}
