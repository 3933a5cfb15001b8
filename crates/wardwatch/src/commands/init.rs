//! `wardwatch init`: a commented pipeline to start from, with a test.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::output::print;

const PIPELINE: &str = include_str!("init/pipeline.yaml");
const TESTS: &str = include_str!("init/pipeline.test.yaml");

/// Arguments of `wardwatch init`.
#[derive(clap::Args)]
pub struct Args {
    /// The pipeline's name: lower-case letters, digits and hyphens
    #[arg(default_value = "my-ward", value_parser = name)]
    name: String,
    /// The folder to write into
    #[arg(long, default_value = ".", value_name = "FOLDER")]
    into: PathBuf,
}

/// Runs the command.
pub fn run(args: Args) -> anyhow::Result<()> {
    let name = &args.name;
    let pipeline = args.into.join(format!("{name}.yaml"));
    let tests = args.into.join(format!("{name}.test.yaml"));
    write_new(&pipeline, &PIPELINE.replace("my-ward", name))?;
    write_new(&tests, &TESTS.replace("my-ward", name))?;
    let (pipeline, tests) = (pipeline.display(), tests.display());
    print(&format!(
        "Wrote {pipeline} and {tests}. Try:\n  wardwatch validate {pipeline}\n  wardwatch explain {pipeline}\n  wardwatch test {tests}\n"
    ))
}

/// Nothing that is there is written over.
fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.with_context(|| format!("writing {}; nothing is written over", path.display()))
}

fn name(text: &str) -> Result<String, String> {
    let is_name = text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.len() <= 64
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    match is_name {
        true => Ok(text.to_owned()),
        false => {
            Err("use a lower-case letter, then lower-case letters, digits and hyphens, at most 64".to_owned())
        }
    }
}
