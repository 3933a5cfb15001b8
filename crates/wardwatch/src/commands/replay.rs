//! `wardwatch replay`: runs files through a pipeline.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use wardwatch_pipeline::Pipeline;
use wardwatch_replay::{Progress, Results, Summary, replay};

use super::inputs::{InputFiles, exit_code, unusable};
use super::models::ModelsFolder;
use super::output::{Output, grouped, print, print_json};

/// The bar counts in parts of the input.
const PARTS: u64 = 1_000;

/// Arguments of `wardwatch replay`.
#[derive(clap::Args)]
#[command(override_usage = "wardwatch replay [OPTIONS] <PIPELINE> --input <FILE>...")]
pub struct Args {
    /// The pipeline's file
    pipeline: PathBuf,
    #[command(flatten)]
    models: ModelsFolder,
    #[command(flatten)]
    files: InputFiles,
    /// Write alerts, as NDJSON
    #[arg(long, value_name = "FILE")]
    alerts: Option<PathBuf>,
    /// Write features, as Parquet
    #[arg(long, value_name = "FILE")]
    features: Option<PathBuf>,
    /// Write scores, as NDJSON
    #[arg(long, value_name = "FILE")]
    scores: Option<PathBuf>,
    /// Write what was not taken, with reasons, as NDJSON; holds patient data
    #[arg(long, value_name = "FILE")]
    quarantine: Option<PathBuf>,
    /// Who reads the summary
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs the command.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let pipeline = Arc::new(args.models.load(&args.pipeline)?);
    nothing_twice(
        args.files.input.iter().chain([&args.pipeline]),
        &[
            ("--alerts", &args.alerts),
            ("--features", &args.features),
            ("--scores", &args.scores),
            ("--quarantine", &args.quarantine),
        ],
    )?;
    let results = Results {
        alerts: args.alerts,
        features: args.features,
        scores: args.scores,
        quarantine: args.quarantine,
    };
    let bar = bar();
    let summary = replay(&pipeline, args.files.inputs(), &results, |progress| {
        advance(&bar, progress)
    });
    bar.finish_and_clear();
    let summary = summary?;
    let unusable = unusable(&summary.files);
    match args.output {
        Output::Text => print(&(unusable.clone().unwrap_or_default() + &in_words(&pipeline, &summary)))?,
        Output::Json => print_json(&summary)?,
    }
    Ok(exit_code(unusable.as_deref()))
}

/// Refuses a result that would overwrite what is read, or another result.
pub fn nothing_twice<'p>(
    read: impl Iterator<Item = &'p PathBuf>,
    results: &[(&str, &Option<PathBuf>)],
) -> anyhow::Result<()> {
    // A file that is not there yet has no canonical path, its folder has.
    let place = |path: &Path| {
        path.canonicalize().or_else(|_| {
            let folder = path.parent().filter(|folder| *folder != Path::new(""));
            let folder = folder.unwrap_or(Path::new(".")).canonicalize()?;
            std::io::Result::Ok(folder.join(path.file_name().unwrap_or_default()))
        })
    };
    let mut taken: Vec<PathBuf> = read.filter_map(|path| place(path).ok()).collect();
    for (option, path) in results {
        let Some(place) = path.as_deref().and_then(|path| place(path).ok()) else {
            continue;
        };
        anyhow::ensure!(
            !taken.contains(&place),
            "{option} {}: this file is read, or written by another option; name another one",
            place.display()
        );
        taken.push(place);
    }
    Ok(())
}

/// A bar on standard error; hidden by itself where that is no terminal.
pub fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {percent:>3} %  {msg}  {elapsed} (still {eta})");
    let bar = ProgressBar::with_draw_target(Some(PARTS), ProgressDrawTarget::stderr_with_hz(5));
    bar.set_style(style.expect("the template is right"));
    bar
}

/// Shows how far a run has come.
pub fn advance(bar: &ProgressBar, progress: Progress) {
    bar.set_position((progress.fraction * PARTS as f64) as u64);
    let seconds = bar.elapsed().max(Duration::from_millis(1)).as_secs_f64();
    bar.set_message(format!(
        "{} rows, {}/s",
        grouped(progress.rows),
        grouped((progress.rows as f64 / seconds) as u64)
    ));
}

fn in_words(pipeline: &Pipeline, summary: &Summary) -> String {
    let mut text = format!(
        "{} version {}: {} rows in {:.2} s, {} rows/s\n",
        pipeline.name,
        pipeline.version,
        grouped(summary.rows),
        summary.seconds,
        grouped(summary.rows_per_second as u64),
    );
    let mut line = |name: &str, count: u64, note: String| {
        text.push_str(&format!("  {name:<14}{:>14}{note}\n", grouped(count)));
    };
    line("stays", summary.stays, String::new());
    line(
        "observations",
        summary.observations,
        format!("  used, {} equal repeats dropped", grouped(summary.repeats)),
    );
    if summary.absent > 0 {
        line("absent", summary.absent, "  say that nothing was measured".into());
    }
    if summary.corrections > 0 {
        line(
            "corrections",
            summary.corrections,
            "  correct or withdraw a reading, or came after their correction".into(),
        );
    }
    if summary.context > 0 {
        line("context", summary.context, "  records".into());
    }
    let quarantined: u64 = summary.quarantined.values().sum();
    let reasons = summary
        .quarantined
        .iter()
        .map(|(reason, count)| format!("{reason} {}", grouped(*count)));
    let reasons: Vec<String> = reasons.collect();
    line(
        "quarantined",
        quarantined,
        if reasons.is_empty() {
            String::new()
        } else {
            format!("  {}", reasons.join(", "))
        },
    );
    line(
        "windows",
        summary.windows,
        format!("  evaluated, {} of them revisions", grouped(summary.revisions)),
    );
    for (what, failure) in &summary.failures {
        for (count, noun) in [(failure.windows, "windows"), (failure.readings, "readings")] {
            if count > 0 {
                line(
                    "SQL failed",
                    count,
                    format!("  {noun} of {what}: {}", failure.reason),
                );
            }
        }
    }
    line(
        "alerts",
        summary.alerts.iter().map(|count| count.alerts).sum(),
        String::new(),
    );
    for count in &summary.alerts {
        let conditions = format!(
            "  {:<6} in {} conditions",
            count.priority,
            grouped(count.conditions)
        );
        text.push_str(&format!(
            "    {:<28}{:>10}{conditions}\n",
            count.alarm,
            grouped(count.alerts)
        ));
    }
    text
}
