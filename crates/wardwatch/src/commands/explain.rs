//! `wardwatch explain`: what a pipeline does.

use std::path::PathBuf;

use wardwatch_workbench::explain::{plans, words};

use super::models::ModelsFolder;
use super::output::print;

/// Arguments of `wardwatch explain`.
#[derive(clap::Args)]
pub struct Args {
    /// The pipeline
    pipeline: PathBuf,
    #[command(flatten)]
    models: ModelsFolder,
    /// Also show how windows are computed: DataFusion's plans, panes and merges, and their cost
    #[arg(long)]
    plans: bool,
}

/// Runs the command.
pub fn run(args: Args) -> anyhow::Result<()> {
    let pipeline = args.models.load(&args.pipeline)?;
    let mut text = words(&pipeline);
    if args.plans {
        text.push_str("\nHow windows are computed\n\n");
        text.push_str(&plans(&pipeline)?);
    }
    print(&text)
}
