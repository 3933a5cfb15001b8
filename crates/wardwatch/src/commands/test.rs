//! `wardwatch test`: runs the tests beside pipelines.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use serde::Serialize;
use wardwatch_pipeline::PipelineError;
use wardwatch_workbench::test::{Coverage, SuiteError, Verdict, junit, run as run_suite};
use wardwatch_yaml::with_causes;

use super::models::ModelsFolder;
use super::output::{self, Output, print, print_json};
use crate::failure;

/// How often files are looked at by `--watch`.
const LOOK: Duration = Duration::from_millis(300);

/// Folders are looked through so deep.
const DEEPEST: usize = 8;

/// Arguments of `wardwatch test`.
#[derive(clap::Args)]
#[command(
    after_help = "Exit codes: 0 all passed, 1 one failed or could not be run, 78 a test file or its pipeline is invalid."
)]
pub struct Args {
    /// Test files, or folders that hold some (`*.test.yaml`)
    #[arg(default_value = ".", value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    models: ModelsFolder,
    /// Also write a JUnit report
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Run again whenever a pipeline or a test changes, until Ctrl-C
    #[arg(long)]
    watch: bool,
    /// Who reads the result
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// What became of a file, for programs.
#[derive(Serialize)]
struct Told<'v> {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pipeline: Option<&'v str>,
    tests: Vec<TestTold<'v>>,
    alarms: &'v [Coverage],
    /// Why the tests could not be run.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'v str>,
}

#[derive(Serialize)]
struct TestTold<'v> {
    name: &'v str,
    passed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failures: Vec<FailureTold<'v>>,
}

#[derive(Serialize)]
struct FailureTold<'v> {
    line: usize,
    column: usize,
    cause: &'v str,
    fix: &'v str,
}

/// Runs the command.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    if !args.watch {
        return once(&args);
    }
    loop {
        let before = changed(&args.paths);
        if let Err(error) = once(&args) {
            failure::report(&error);
        }
        print("Waiting for a change; Ctrl-C ends.\n")?;
        while changed(&args.paths) == before {
            thread::sleep(LOOK);
        }
    }
}

fn once(args: &Args) -> anyhow::Result<ExitCode> {
    let files = files(&args.paths)?;
    let mut verdicts = Vec::new();
    let mut not_run = Vec::new();
    let mut worst = ExitCode::SUCCESS;
    let mut text = String::new();
    for file in &files {
        match run_suite(file, args.models.folder()) {
            Ok(verdict) => {
                text.push_str(&in_words(&verdict));
                if verdict.failed() > 0 && worst == ExitCode::SUCCESS {
                    worst = ExitCode::FAILURE;
                }
                verdicts.push(verdict);
            }
            Err(error) => {
                worst = ExitCode::from(if is_invalid(&error) {
                    failure::INVALID
                } else {
                    failure::FAILED
                });
                text.push_str(&refused(file, &error, output::is_in_colour()));
                not_run.push((file.clone(), refused(file, &error, false)));
            }
        }
    }
    let failed: usize = verdicts.iter().map(Verdict::failed).sum();
    let tests: usize = verdicts.iter().map(|verdict| verdict.outcomes.len()).sum();
    text.push_str(&format!("{} passed, {failed} failed", tests - failed));
    if !not_run.is_empty() {
        text.push_str(&format!(", {} files could not be run", not_run.len()));
    }
    text.push('\n');
    if let Some(path) = &args.junit {
        std::fs::write(path, junit(&verdicts, &not_run))
            .with_context(|| format!("writing {}", path.display()))?;
    }
    match args.output {
        Output::Text => print(&text)?,
        Output::Json => {
            let refused = not_run.iter().map(|(path, error)| Told {
                path: path.display().to_string(),
                pipeline: None,
                tests: Vec::new(),
                alarms: &[],
                error: Some(error),
            });
            let told: Vec<Told<'_>> = verdicts.iter().map(Told::of).chain(refused).collect();
            print_json(&told)?;
        }
    }
    Ok(worst)
}

fn in_words(verdict: &Verdict) -> String {
    let in_colour = output::is_in_colour();
    let mut text = format!("{} ({})\n", verdict.path.display(), verdict.pipeline);
    for outcome in &verdict.outcomes {
        match &outcome.failure {
            None => text.push_str(&format!("  ok      {}\n", outcome.name)),
            Some(failure) => {
                text.push_str(&format!("  FAILED  {}\n", outcome.name));
                text.push_str(&failure.with_lines(in_colour));
            }
        }
    }
    let never = verdict.never_raised();
    let all = verdict.coverage.len();
    text.push_str(&format!(
        "  {} of {all} alarms are raised by a test",
        all - never.len()
    ));
    if !never.is_empty() {
        text.push_str(&format!("; never raised: {}", never.join(", ")));
    }
    text + "\n"
}

fn refused(file: &Path, error: &SuiteError, in_colour: bool) -> String {
    match error {
        SuiteError::Invalid(invalid) | SuiteError::Pipeline(PipelineError::Invalid(invalid)) => {
            format!("{}\n{}", file.display(), invalid.with_lines(in_colour))
        }
        error => format!("{}: {}\n", file.display(), with_causes(error)),
    }
}

fn is_invalid(error: &SuiteError) -> bool {
    match error {
        SuiteError::Pipeline(error) => failure::is_invalid(error),
        error => matches!(error, SuiteError::Invalid(_) | SuiteError::TooLarge { .. }),
    }
}

/// The test files of some paths, in order; a path that is given must hold one.
fn files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        let before = files.len();
        if path.is_dir() {
            below(path, 0, &mut |file| {
                if file.to_string_lossy().ends_with(".test.yaml") {
                    files.push(file.to_path_buf());
                }
            });
            files[before..].sort();
        } else {
            files.push(path.clone());
        }
        anyhow::ensure!(
            files.len() > before,
            "{} holds no tests; a test file's name ends in .test.yaml",
            path.display()
        );
    }
    files.dedup();
    Ok(files)
}

/// Every file below a folder, but for hidden ones and build output.
fn below(folder: &Path, depth: usize, found: &mut impl FnMut(&Path)) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let path = entry.path();
        let name = entry.file_name();
        if name.to_string_lossy().starts_with('.') || name == "target" || name == "node_modules" {
            continue;
        }
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth < DEEPEST => below(&path, depth + 1, found),
            Ok(kind) if kind.is_file() => found(&path),
            _ => {}
        }
    }
}

/// When the YAML files near some paths were changed: pipelines stand beside their tests.
fn changed(paths: &[PathBuf]) -> BTreeMap<PathBuf, Option<SystemTime>> {
    let mut times = BTreeMap::new();
    for path in paths {
        let folder = match path.is_dir() {
            true => path.clone(),
            false => path
                .parent()
                .filter(|folder| *folder != Path::new(""))
                .unwrap_or(Path::new("."))
                .to_path_buf(),
        };
        below(&folder, 0, &mut |file| {
            let is_watched = file
                .extension()
                .is_some_and(|ending| ["yaml", "csv", "sql"].iter().any(|known| ending == *known));
            if is_watched {
                let changed = file.metadata().and_then(|metadata| metadata.modified());
                times.insert(file.to_path_buf(), changed.ok());
            }
        });
    }
    times
}

// === impl Told ===

impl<'v> Told<'v> {
    fn of(verdict: &'v Verdict) -> Self {
        let test = |outcome: &'v wardwatch_workbench::test::Outcome| TestTold {
            name: &outcome.name,
            passed: outcome.failure.is_none(),
            failures: outcome
                .failure
                .iter()
                .flat_map(|failure| failure.problems())
                .map(|problem| FailureTold {
                    line: problem.line,
                    column: problem.column,
                    cause: &problem.cause,
                    fix: &problem.fix,
                })
                .collect(),
        };
        Self {
            path: verdict.path.display().to_string(),
            pipeline: Some(&verdict.pipeline),
            tests: verdict.outcomes.iter().map(test).collect(),
            alarms: &verdict.coverage,
            error: None,
        }
    }
}
