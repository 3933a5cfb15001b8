//! `wardwatch backtest`: what a pipeline would have told over recorded data, and how right it would have been.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use serde::Serialize;
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_pipeline::{Pipeline, Predicts};
use wardwatch_workbench::backtest::{
    Comparison, Courses, Options, Page, Report, read_outcomes, run as run_back,
};

mod words;

use super::inputs::{InputFiles, exit_code, say, unusable};
use super::models::ModelsFolder;
use super::output::{Output, grouped, print, print_json};
use super::replay::{advance, bar, nothing_twice};

/// Arguments of `wardwatch backtest`.
#[derive(clap::Args)]
#[command(
    override_usage = "wardwatch backtest [OPTIONS] <PIPELINE> [NEW] --input <FILE>...",
    after_help = "Outcomes are a CSV file with the columns patient_id, outcome (0 or 1) and, where known, kind, outcome_at, known_until, \
                  age, sex, unit; an outcome that came again has a row for each time. Each score and alarm is judged by what it \
                  `predicts`, in the pipeline or by --predicts. The noisiest patients are named, and the HTML report holds every \
                  patient's course: patient data."
)]
pub struct Args {
    /// The pipeline
    pipeline: PathBuf,
    /// Another, to compare with it over the same data
    new: Option<PathBuf>,
    #[command(flatten)]
    models: ModelsFolder,
    #[command(flatten)]
    files: InputFiles,
    /// What became of the patients
    #[arg(long, value_name = "FILE")]
    outcomes: Option<PathBuf>,
    /// What a score or an alarm predicts: NAME=OUTCOME, NAME=OUTCOME:HORIZON or NAME=OUTCOME:HORIZON:recurs
    #[arg(long, value_name = "PREDICTION", value_parser = prediction)]
    predicts: Vec<(String, Predicts)>,
    /// Within so long an outcome without a kind is to come
    #[arg(long, value_name = "LENGTH", default_value = "24h", value_parser = span)]
    horizon: Span,
    /// So long after a stay's first message its scores are compared
    #[arg(long, value_name = "LENGTH", default_value = "24h", value_parser = span)]
    landmark: Span,
    /// How many threads [default: one a core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Also write a report for the browser: one HTML file, at most 5 MB
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Also write the ids of all alerts, one a line
    #[arg(long, value_name = "FILE", conflicts_with = "new")]
    alert_ids: Option<PathBuf>,
    /// Also write the scores that are judged, as CSV: patient_id, score, at, value, lowest. Patient data
    #[arg(long, value_name = "FILE", conflicts_with = "new")]
    scores: Option<PathBuf>,
    /// Who reads the figures
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs the command.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let paths = || std::iter::once(&args.pipeline).chain(&args.new);
    nothing_twice(
        args.files.input.iter().chain(&args.outcomes).chain(paths()),
        &[
            ("--html", &args.html),
            ("--alert-ids", &args.alert_ids),
            ("--scores", &args.scores),
        ],
    )?;
    let pipelines = paths()
        .map(|path| args.models.load(path).map(Arc::new))
        .collect::<Result<Vec<_>, _>>()?;
    let options = options(&args, &pipelines)?;
    let read = |path| read_outcomes(path, args.files.multiline);
    let outcomes = args.outcomes.as_deref().map(read).transpose()?;
    // What cannot be written is told before the work, not after it.
    let files = [&args.html, &args.alert_ids, &args.scores];
    let [html, alert_ids, scores] = files.map(|path| path.as_deref().map(create).transpose());
    let (html, alert_ids, scores) = (html?, alert_ids?, scores?);
    let courses = pipelines
        .iter()
        .map(|pipeline| over_data(pipeline, &args))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut unusable = unusable(&courses[0].files);
    let patients = &courses[0].patients;
    anyhow::ensure!(
        patients.values().any(|course| course.readings > 0),
        "no reading was taken, of {} in the input: nothing can be told",
        grouped(courses[0].rows)
    );
    if let Some(outcomes) = &outcomes {
        anyhow::ensure!(
            patients
                .keys()
                .any(|patient| outcomes.patients.contains_key(&**patient)),
            "none of the {} patients of the outcomes is in the input; both have to name them alike",
            grouped(outcomes.patients.len() as u64)
        );
        let known = patients
            .keys()
            .filter(|patient| outcomes.patients.contains_key(&***patient))
            .count();
        if 2 * known < outcomes.patients.len().min(patients.len()) {
            let text = format!(
                "error: less than half of the outcomes could be used: of {} patients there and {} in the input, {} are in \
                 both; both have to name them alike\n",
                grouped(outcomes.patients.len() as u64),
                grouped(patients.len() as u64),
                grouped(known as u64)
            );
            say(&text);
            unusable = Some(unusable.unwrap_or_default() + &text);
        }
    }
    if let Some(file) = alert_ids {
        write(file, &(courses[0].alert_ids.join("\n") + "\n"))?;
    }
    if let Some(file) = scores {
        write_scores(file, &pipelines[0], &courses[0])?;
    }
    let runs: Vec<(&Pipeline, &Courses)> = pipelines.iter().map(Arc::as_ref).zip(&courses).collect();
    let outcomes = outcomes.as_ref();
    let page = Page {
        runs: &runs,
        outcomes,
    };
    match runs[..] {
        [old, new] => {
            let comparison = Comparison::new(old, new, outcomes, &options);
            html.map(|file| write(file, &page.of_comparison(&comparison)?))
                .transpose()?;
            tell(args.output, &comparison, words::of_both, unusable.as_deref())?;
        }
        _ => {
            let report = Report::new(runs[0].0, runs[0].1, outcomes, &options);
            html.map(|file| write(file, &page.of_report(&report)?))
                .transpose()?;
            tell(args.output, &report, words::of_one, unusable.as_deref())?;
        }
    }
    Ok(exit_code(unusable.as_deref()))
}

fn options(args: &Args, pipelines: &[Arc<Pipeline>]) -> anyhow::Result<Options> {
    for (name, _) in &args.predicts {
        let is_known = |pipeline: &Arc<Pipeline>| {
            pipeline.has_alarm(name) || pipeline.scores.iter().any(|score| *score.name == **name)
        };
        anyhow::ensure!(
            pipelines.iter().any(is_known),
            "--predicts: there is no score or alarm {name}; `wardwatch explain` lists them"
        );
    }
    Ok(Options {
        horizon: args.horizon,
        landmark: args.landmark,
        predicts: args.predicts.iter().cloned().collect::<BTreeMap<_, _>>(),
        threads: threads(args),
    })
}

fn threads(args: &Args) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    args.threads.unwrap_or_else(cores)
}

fn over_data(pipeline: &Arc<Pipeline>, args: &Args) -> anyhow::Result<Courses> {
    let bar = bar();
    let courses = run_back(pipeline, args.files.inputs(), threads(args), |progress| {
        advance(&bar, progress)
    });
    bar.finish_and_clear();
    Ok(courses?)
}

/// A file that is to be written, with its path.
type Created<'p> = (File, &'p Path);

fn create(path: &Path) -> anyhow::Result<Created<'_>> {
    let file = File::create(path).with_context(|| format!("writing {}", path.display()))?;
    Ok((file, path))
}

fn write_scores((file, path): Created<'_>, pipeline: &Pipeline, courses: &Courses) -> anyhow::Result<()> {
    let write = || -> std::io::Result<()> {
        let mut out = BufWriter::new(&file);
        writeln!(out, "patient_id,score,at,value,lowest")?;
        let number = |value: f64| {
            if value.is_nan() {
                String::new()
            } else {
                value.to_string()
            }
        };
        for (patient, course) in &courses.patients {
            // Ids are not ours to choose.
            let id = format!("\"{}\"", patient.replace('"', "\"\""));
            for (score, scores) in pipeline.scores.iter().zip(&course.scores) {
                for scored in &scores.values {
                    let at = Timestamp::from_micros(scored.at);
                    let (value, lowest) = (number(scored.value), number(scored.lowest));
                    writeln!(out, "{id},{},{at},{value},{lowest}", score.name)?;
                }
            }
        }
        out.flush()
    };
    write().with_context(|| format!("writing {}", path.display()))
}

fn write((mut file, path): Created<'_>, text: &str) -> anyhow::Result<()> {
    file.write_all(text.as_bytes())
        .with_context(|| format!("writing {}", path.display()))
}

/// What was of no use stands before figures in words.
fn tell<T: Serialize>(
    output: Output,
    figures: &T,
    in_words: fn(&T) -> String,
    unusable: Option<&str>,
) -> anyhow::Result<()> {
    match output {
        Output::Text => print(&(unusable.unwrap_or_default().to_owned() + &in_words(figures))),
        Output::Json => print_json(figures),
    }
}

fn span(text: &str) -> Result<Span, String> {
    Span::parse(text).map_err(|error| error.to_string())
}

fn prediction(text: &str) -> Result<(String, Predicts), String> {
    let wrong = || {
        format!("{text:?} is no prediction; write NAME=OUTCOME, NAME=OUTCOME:4h or NAME=OUTCOME:4h:recurs")
    };
    let (name, rest) = text.split_once('=').ok_or_else(wrong)?;
    let mut parts = rest.split(':');
    let outcome = parts
        .next()
        .filter(|outcome| !outcome.is_empty())
        .ok_or_else(wrong)?;
    let horizon = parts.next().map(span).transpose()?;
    let recurs = match parts.next() {
        None => false,
        Some("recurs") => true,
        Some(_) => return Err(wrong()),
    };
    if parts.next().is_some() {
        return Err(wrong());
    }
    let predicts = Predicts {
        outcome: outcome.to_owned(),
        horizon,
        recurs,
    };
    Ok((name.to_owned(), predicts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictions_are_read_as_they_are_written() {
        let read = |text: &str| {
            prediction(text)
                .map(|(name, predicts)| (name, predicts.outcome, predicts.horizon, predicts.recurs))
        };
        let hours = |count: i64| Some(Span::from_secs(count * 3_600));
        let expected = |name: &str, outcome: &str, horizon, recurs| {
            Ok((name.to_owned(), outcome.to_owned(), horizon, recurs))
        };
        assert_eq!(read("news2=death"), expected("news2", "death", None, false));
        assert_eq!(
            read("news2=death:24h"),
            expected("news2", "death", hours(24), false)
        );
        assert_eq!(
            read("fall=low:4h:recurs"),
            expected("fall", "low", hours(4), true)
        );
        for wrong in [
            "news2",
            "news2=",
            "news2=death:soon",
            "a=b:4h:again",
            "a=b:4h:recurs:2",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
