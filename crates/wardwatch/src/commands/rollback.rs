//! `wardwatch rollback`: the pipeline's file says again what ran before.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use wardwatch_kafka::{KeptPipeline, SnapshotStore, TopicNames};
use wardwatch_pipeline::Pipeline;
use wardwatch_workbench::plan::{Plan, Section};

use super::models::ModelsFolder;
use super::output::print;

/// What a part of a folder is called once it no longer counts.
const SET_ASIDE: &str = "before-rollback";

/// Arguments of `wardwatch rollback`.
#[derive(clap::Args)]
#[command(
    after_help = "Engines that watch the file go over to it. A rollback after a rollback is where it was. Where the file may not be \
                  written, such as in a ConfigMap, --print gives the text for whatever writes it."
)]
pub struct Args {
    /// The pipeline's file, or the folder of its parts
    pipeline: PathBuf,
    #[command(flatten)]
    models: ModelsFolder,
    /// Where the engines keep snapshots: what they ran is kept there too
    #[arg(long, value_name = "FOLDER", env = "WARDWATCH_SNAPSHOTS")]
    snapshots: String,
    /// Put before the names of the context and output topics, as for the engines
    #[arg(long, value_name = "PREFIX", default_value = "")]
    topic_prefix: String,
    /// The pipeline's name, where the file does not say it any more
    #[arg(long)]
    name: Option<String>,
    /// To the one whose SHA-256 begins so, and not to the newest that the file does not say
    #[arg(long, value_name = "SHA-256")]
    to: Option<String>,
    /// List what engines have run, and change nothing
    #[arg(long)]
    list: bool,
    /// Print the text, and change nothing
    #[arg(long, conflicts_with = "list")]
    print: bool,
}

/// Runs the command.
pub fn run(args: Args) -> anyhow::Result<()> {
    let now = args.models.load(&args.pipeline);
    let name = match (&args.name, &now) {
        (Some(name), _) => name.clone(),
        (None, Ok(now)) => now.name.to_string(),
        (None, Err(_)) => name_in(&args.pipeline).with_context(|| {
            format!(
                "{}: no pipeline's name is in it; give --name",
                args.pipeline.display()
            )
        })?,
    };
    let store = SnapshotStore::open(&args.snapshots)?;
    let journal = TopicNames::with_prefix(&args.topic_prefix).journal;
    let kept = store.kept_pipelines(&name, &journal)?;
    let text = |kept: &KeptPipeline| store.kept_text(&name, &journal, &kept.hash);
    let load = |kept: &KeptPipeline| -> anyhow::Result<Pipeline> {
        Ok(args.models.load_text(&args.pipeline, &text(kept)?)?)
    };
    if args.list {
        let lines = kept.iter().map(|one| {
            let version = load(one).map_or("?".to_owned(), |pipeline| pipeline.version.to_string());
            let is_now = now.as_ref().is_ok_and(|now| *now.hash == *one.hash);
            let mark = if is_now { "  as the file says" } else { "" };
            format!("{}  version {version:<4} {}{mark}\n", one.since, one.hash)
        });
        return print(&lines.collect::<String>());
    }
    let is_meant = |one: &&KeptPipeline| match &args.to {
        Some(begin) => one.hash.starts_with(&begin.to_lowercase()),
        None => now.as_ref().map_or(true, |now| *now.hash != *one.hash),
    };
    if let Some(begin) = &args.to {
        let meant = kept.iter().filter(is_meant).count();
        anyhow::ensure!(
            meant == 1 && !begin.is_empty(),
            "--to {begin}: {meant} of the {} pipelines that are kept begin so; --list shows them",
            kept.len()
        );
    }
    let target = kept.iter().find(is_meant).with_context(|| {
        format!(
            "nothing to go back to: {} holds {} pipelines of the name {name} and the journal {journal}; --list shows them",
            args.snapshots,
            kept.len()
        )
    })?;
    let before = load(target).context("what ran before cannot be loaded any more")?;
    let text = text(target)?;
    if args.print {
        return print(&text);
    }
    write(&args.pipeline, &name, &text)?;
    let plan = match &now {
        Ok(now) => {
            let mut plan = Plan::between(now, &before);
            // That the version falls is what was asked for.
            plan.changes.retain(|change| change.section != Section::Pipeline);
            plan.to_string()
        }
        Err(_) => format!(
            "{name}: the file was invalid; it says version {} again\n",
            before.version
        ),
    };
    print(&plan)
}

/// The name in a file that is no valid pipeline.
fn name_in(path: &Path) -> Option<String> {
    let named = |text: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix("pipeline:"))?;
        Some(line.trim().trim_matches(['"', '\'']).to_owned())
    };
    match path.is_dir() {
        false => named(&fs::read_to_string(path).ok()?),
        true => parts(path)
            .ok()?
            .iter()
            .find_map(|part| named(&fs::read_to_string(part).ok()?)),
    }
}

/// Puts the text in the place of the file, or of all parts of the folder.
fn write(path: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    let (file, aside) = match path.is_dir() {
        // What a link leads to is written, and the link stays.
        false => (path.canonicalize().unwrap_or(path.to_path_buf()), Vec::new()),
        true => (path.join(format!("{name}.yaml")), parts(path)?),
    };
    let cannot = || {
        format!(
            "writing {}; --print gives the text for whatever may write it",
            file.display()
        )
    };
    // Whole or not at all, and never half under the eyes of an engine.
    let beside = file.with_extension("yaml.new");
    fs::write(&beside, text).with_context(cannot)?;
    if let Ok(before) = fs::metadata(&file) {
        fs::set_permissions(&beside, before.permissions()).with_context(cannot)?;
    }
    for part in aside {
        let name = part.file_name().unwrap_or_default().to_string_lossy();
        fs::rename(&part, part.with_file_name(format!("{name}.{SET_ASIDE}"))).with_context(cannot)?;
    }
    fs::rename(&beside, &file).with_context(cannot)
}

fn parts(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    Ok(Pipeline::files(folder)?)
}
