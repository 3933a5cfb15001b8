//! `wardwatch validate`: checks pipelines and tells everything that is wrong with them.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;
use wardwatch_pipeline::{Pipeline, PipelineError, Problem};

use super::models::ModelsFolder;
use super::output::{self, Output, print};
use crate::failure;

/// Arguments of `wardwatch validate`.
#[derive(clap::Args)]
#[command(after_help = "Exit codes: 0 all are valid, 78 one is not, 1 one cannot be read.")]
pub struct Args {
    /// The pipelines' files
    #[arg(required = true, value_name = "PIPELINE")]
    pipelines: Vec<PathBuf>,
    #[command(flatten)]
    models: ModelsFolder,
    /// Who reads the result
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// A pipeline's verdict, for programs.
#[derive(Serialize)]
struct Verdict {
    path: String,
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pipeline: Option<Valid>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<Told>,
}

#[derive(Serialize)]
struct Valid {
    name: String,
    version: u32,
    sha256: String,
    features: usize,
    scores: usize,
    alarms: usize,
    models: usize,
}

#[derive(Serialize, Default)]
struct Told {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "String::is_empty")]
    place: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    cause: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    fix: String,
}

/// Runs the command.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut worst = ExitCode::SUCCESS;
    let in_colour = output::is_in_colour();
    let (mut text, mut verdicts) = (String::new(), Vec::new());
    for path in &args.pipelines {
        let loaded = args.models.load(path);
        text.push_str(&match &loaded {
            Ok(pipeline) => format!("{}: valid: {}\n", path.display(), in_words(pipeline)),
            Err(PipelineError::Invalid(invalid)) => invalid.with_lines(in_colour),
            Err(error) => format!("{}\n", with_causes(error)),
        });
        verdicts.push(Verdict::of(path, &loaded));
        if let Err(error) = loaded {
            let unreadable = !failure::is_invalid(&error);
            // A file that cannot be read outranks one that is wrong: its verdict is still open.
            if unreadable || worst == ExitCode::SUCCESS {
                worst = failure::exit_code(&error.into());
            }
        }
    }
    match args.output {
        Output::Text => print(&text)?,
        Output::Json => print(&(serde_json::to_string_pretty(&verdicts)? + "\n"))?,
    }
    Ok(worst)
}

fn in_words(pipeline: &Pipeline) -> String {
    let valid = Valid::of(pipeline);
    format!(
        "{} version {}, {} features in {} sets, {} scores, {} alarms, {} models",
        valid.name,
        valid.version,
        valid.features,
        pipeline.sets.len(),
        valid.scores,
        valid.alarms,
        valid.models
    )
}

fn with_causes(error: &PipelineError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

// === impl Verdict ===

impl Verdict {
    fn of(path: &Path, loaded: &Result<Pipeline, PipelineError>) -> Self {
        Self {
            path: path.display().to_string(),
            valid: loaded.is_ok(),
            pipeline: loaded.as_ref().ok().map(Valid::of),
            problems: loaded.as_ref().err().map(told).unwrap_or_default(),
        }
    }
}

// === impl Valid ===

impl Valid {
    fn of(pipeline: &Pipeline) -> Self {
        Self {
            name: pipeline.name.to_string(),
            version: pipeline.version,
            sha256: pipeline.hash.to_string(),
            features: pipeline
                .sets
                .iter()
                .map(|set| set.plan.features().fields().len())
                .sum(),
            scores: pipeline.scores.len(),
            alarms: pipeline.limits.len() + pipeline.conditions.len(),
            models: pipeline.models.len(),
        }
    }
}

fn told(error: &PipelineError) -> Vec<Told> {
    match error {
        PipelineError::Invalid(invalid) => invalid.problems().iter().map(Told::of).collect(),
        other => vec![Told {
            cause: with_causes(other),
            ..Told::default()
        }],
    }
}

// === impl Told ===

impl Told {
    fn of(problem: &Problem) -> Self {
        Self {
            code: Some(problem.code.as_str()),
            place: problem.place.clone(),
            file: Some(problem.file.clone()),
            line: Some(problem.line),
            column: Some(problem.column),
            cause: problem.cause.clone(),
            fix: problem.fix.clone(),
        }
    }
}
