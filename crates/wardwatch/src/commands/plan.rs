//! `wardwatch plan`: what an edit of a pipeline does to the ward.

use std::path::PathBuf;

use serde::Serialize;
use wardwatch_workbench::plan::Plan;

use super::models::ModelsFolder;
use super::output::{Output, print, print_json};

/// Arguments of `wardwatch plan`.
#[derive(clap::Args)]
#[command(
    after_help = "Exit codes: 0 the plan is told, 78 one of the pipelines is invalid, 1 one cannot be read."
)]
pub struct Args {
    /// The pipeline that runs
    old: PathBuf,
    /// The pipeline that is to run
    new: PathBuf,
    #[command(flatten)]
    models: ModelsFolder,
    /// Who reads the plan
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// A plan, for programs.
#[derive(Serialize)]
struct Told<'p> {
    breaking: bool,
    #[serde(flatten)]
    plan: &'p Plan,
}

/// Runs the command.
pub fn run(args: Args) -> anyhow::Result<()> {
    let old = args.models.load(&args.old)?;
    let new = args.models.load(&args.new)?;
    let plan = Plan::between(&old, &new);
    match args.output {
        Output::Text => print(&plan.to_string()),
        Output::Json => {
            let told = Told {
                breaking: plan.breaking().next().is_some(),
                plan: &plan,
            };
            print_json(&told)
        }
    }
}
