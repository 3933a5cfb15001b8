//! `wardwatch validate`: checks pipelines and tells everything that is wrong with them.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;
use wardwatch_pipeline::{Pipeline, PipelineError, SetCost};
use wardwatch_yaml::{Problem, with_causes};

use super::models::ModelsFolder;
use super::output::{self, Output, grouped, print, print_json};
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
    /// For how many patients to tell the cost
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    patients: u32,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Cost>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<Told>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Told>,
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

/// What some patients need who are measured every pane.
#[derive(Serialize)]
struct Cost {
    patients: u32,
    state_bytes: u64,
    windows_per_second: f64,
    sets: Vec<SetCost>,
}

/// Runs the command.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut worst = ExitCode::SUCCESS;
    let in_colour = output::is_in_colour();
    let (mut text, mut verdicts) = (String::new(), Vec::new());
    let (tests, pipelines): (Vec<_>, Vec<_>) = args
        .pipelines
        .iter()
        .partition(|path| path.to_string_lossy().ends_with(".test.yaml"));
    for path in &tests {
        eprintln!(
            "{}: left out: these are tests, for `wardwatch test`",
            path.display()
        );
    }
    anyhow::ensure!(!pipelines.is_empty(), "no pipeline is named");
    for path in pipelines {
        let loaded = args.models.load(path);
        text.push_str(&match &loaded {
            Ok(pipeline) => format!(
                "{}: valid: {}\n{}",
                path.display(),
                in_words(pipeline, args.patients),
                pipeline.warnings.with_lines(in_colour)
            ),
            Err(PipelineError::Invalid(invalid)) => invalid.with_lines(in_colour),
            Err(error) => format!("{}\n", with_causes(error)),
        });
        verdicts.push(Verdict::of(path, &loaded, args.patients));
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
        Output::Json => print_json(&verdicts)?,
    }
    Ok(worst)
}

fn in_words(pipeline: &Pipeline, patients: u32) -> String {
    let valid = Valid::of(pipeline);
    let cost = Cost::of(pipeline, patients);
    format!(
        "{} version {}, {} features in {} sets, {} scores, {} alarms, {} models\n  \
         measured every pane, {} patients need {} MB of state and {} windows/s",
        valid.name,
        valid.version,
        valid.features,
        pipeline.sets.len(),
        valid.scores,
        valid.alarms,
        valid.models,
        grouped(patients.into()),
        grouped(cost.state_bytes.div_ceil(1_000_000)),
        grouped(cost.windows_per_second.ceil() as u64),
    )
}

// === impl Verdict ===

impl Verdict {
    fn of(path: &Path, loaded: &Result<Pipeline, PipelineError>, patients: u32) -> Self {
        Self {
            path: path.display().to_string(),
            valid: loaded.is_ok(),
            pipeline: loaded.as_ref().ok().map(Valid::of),
            cost: loaded.as_ref().ok().map(|pipeline| Cost::of(pipeline, patients)),
            problems: loaded.as_ref().err().map(told).unwrap_or_default(),
            warnings: loaded.as_ref().map_or(Vec::new(), |pipeline| {
                pipeline.warnings.all().iter().map(Told::of).collect()
            }),
        }
    }
}

// === impl Cost ===

impl Cost {
    fn of(pipeline: &Pipeline, patients: u32) -> Self {
        let sets = pipeline.cost();
        let bytes: usize = sets.iter().map(|set| set.state_bytes_per_patient).sum();
        let windows: f64 = sets.iter().map(|set| set.windows_per_second_per_patient).sum();
        Self {
            patients,
            state_bytes: bytes as u64 * u64::from(patients),
            windows_per_second: windows * f64::from(patients),
            sets,
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
