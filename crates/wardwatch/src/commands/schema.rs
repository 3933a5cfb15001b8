//! `wardwatch schema`: the JSON Schema of a pipeline, for editors.

use wardwatch_pipeline::Pipeline;

use super::output::print_json;

/// Arguments of `wardwatch schema`.
#[derive(clap::Args)]
#[command(
    after_help = "Editors that speak YAML use it when the pipeline's first line is\n  # yaml-language-server: $schema=./pipeline.schema.json"
)]
pub struct Args {}

/// Runs the command.
pub fn run(_: Args) -> anyhow::Result<()> {
    print_json(&Pipeline::json_schema())
}
