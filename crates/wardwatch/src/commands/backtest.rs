//! `wardwatch backtest`: what a pipeline would have told over recorded data, and how right it would have been.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use serde::Serialize;
use wardwatch_event_time::Span;
use wardwatch_pipeline::Pipeline;
use wardwatch_workbench::backtest::{
    Comparison, Courses, Difference, Interval, Options, Page, Report, ScoreFigures, read_outcomes,
    run as run_back,
};

use super::inputs::{InputFiles, exit_code, say, unusable};
use super::models::ModelsFolder;
use super::output::{Output, grouped, print, print_json};
use super::replay::{advance, bar, nothing_twice};

/// Arguments of `wardwatch backtest`.
#[derive(clap::Args)]
#[command(
    override_usage = "wardwatch backtest [OPTIONS] <PIPELINE> [NEW] --input <FILE>...",
    after_help = "Outcomes are a CSV file with the columns patient_id, outcome (0 or 1) and, where known, outcome_at, age, sex, unit. \
                  The noisiest patients are named, and the HTML report holds every patient's course: patient data."
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
    /// An alert is right when the outcome comes within so long after it
    #[arg(long, value_name = "LENGTH", default_value = "24h", value_parser = span)]
    horizon: Span,
    /// How many threads [default: one a core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Also write a report for the browser: one HTML file, at most 5 MB
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Also write the ids of all alerts, one a line
    #[arg(long, value_name = "FILE", conflicts_with = "new")]
    alert_ids: Option<PathBuf>,
    /// Who reads the figures
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs the command.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let paths = || std::iter::once(&args.pipeline).chain(&args.new);
    nothing_twice(
        args.files.input.iter().chain(&args.outcomes).chain(paths()),
        &[("--html", &args.html), ("--alert-ids", &args.alert_ids)],
    )?;
    let pipelines = paths()
        .map(|path| args.models.load(path).map(Arc::new))
        .collect::<Result<Vec<_>, _>>()?;
    let outcomes = |path| read_outcomes(path, args.files.multiline);
    let fates = args.outcomes.as_deref().map(outcomes).transpose()?;
    // What cannot be written is told before the work, not after it.
    let files = [&args.html, &args.alert_ids].map(|path| path.as_deref().map(create).transpose());
    let [html, alert_ids] = files;
    let (html, alert_ids) = (html?, alert_ids?);
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
    if let Some(fates) = &fates {
        anyhow::ensure!(
            patients.keys().any(|patient| fates.contains_key(&**patient)),
            "none of the {} patients of the outcomes is in the input; both have to name them alike",
            grouped(fates.len() as u64)
        );
        let known = patients
            .keys()
            .filter(|patient| fates.contains_key(&***patient))
            .count();
        if 2 * known < fates.len().min(patients.len()) {
            let text = format!(
                "error: less than half of the outcomes could be used: of {} patients there and {} in the input, {} are in \
                 both; both have to name them alike\n",
                grouped(fates.len() as u64),
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
    let runs: Vec<(&Pipeline, &Courses)> = pipelines.iter().map(Arc::as_ref).zip(&courses).collect();
    let (fates, options) = (
        fates.as_ref(),
        Options {
            horizon: args.horizon,
        },
    );
    let page = Page {
        runs: &runs,
        fates,
        options,
    };
    match runs[..] {
        [old, new] => {
            let comparison = Comparison::new(old, new, fates, options);
            html.map(|file| write(file, &page.of_comparison(&comparison)?))
                .transpose()?;
            tell(args.output, &comparison, in_words_both, unusable.as_deref())?;
        }
        _ => {
            let report = Report::new(runs[0].0, runs[0].1, fates, options);
            html.map(|file| write(file, &page.of_report(&report)?))
                .transpose()?;
            tell(args.output, &report, in_words, unusable.as_deref())?;
        }
    }
    Ok(exit_code(unusable.as_deref()))
}

fn over_data(pipeline: &Arc<Pipeline>, args: &Args) -> anyhow::Result<Courses> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let bar = bar();
    let courses = run_back(
        pipeline,
        args.files.inputs(),
        args.threads.unwrap_or(cores),
        |progress| advance(&bar, progress),
    );
    bar.finish_and_clear();
    Ok(courses?)
}

/// A file that is to be written, with its path.
type Created<'p> = (File, &'p Path);

fn create(path: &Path) -> anyhow::Result<Created<'_>> {
    let file = File::create(path).with_context(|| format!("writing {}", path.display()))?;
    Ok((file, path))
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

/// Figures that differ, side by side.
fn in_words_both(comparison: &Comparison) -> String {
    let (old, new) = (&comparison.old, &comparison.new);
    let mut text = format!(
        "old: {} version {}\nnew: {} version {}\n{} patients, {:.1} days, {} readings\n\n\
         New less old; in brackets where it lies in 95 of 100 resamples of the patients.\n  \
         {:<28} {:<20} {:>8} {:>8}  difference\n",
        old.pipeline,
        old.version,
        new.pipeline,
        new.version,
        grouped(new.patients as u64),
        new.bed_days,
        grouped(new.data.readings),
        "of",
        "figure",
        "old",
        "new"
    );
    let is_same = |row: &Difference| {
        let same = |at: Interval| [at.value, at.low, at.high] == [0.0; 3];
        row.difference.is_some_and(same)
    };
    let differs = |of: &str| {
        comparison
            .differences
            .iter()
            .any(|row| row.of == of && !is_same(row))
    };
    let mut same: Vec<&str> = Vec::new();
    for row in &comparison.differences {
        if !differs(&row.of) {
            if !same.contains(&row.of.as_str()) {
                same.push(&row.of);
            }
            continue;
        }
        let (scale, decimals) = match row.figure {
            "precision" | "sensitivity" => (100.0, 1),
            "AUROC" | "AUPRC" => (1.0, 3),
            _ => (1.0, 2),
        };
        let unit = if scale > 1.0 { " %" } else { "" };
        let shown = |value: Option<f64>| {
            value.map_or("-".to_owned(), |value| {
                format!("{:.decimals$}{unit}", value * scale)
            })
        };
        let difference = row
            .difference
            .map_or(String::new(), |Interval { value, low, high }| {
                let [value, low, high] =
                    [value, low, high].map(|value| format!("{:+.decimals$}", value * scale));
                format!("{value}{unit} ({low} to {high})")
            });
        text.push_str(&format!(
            "  {:<28} {:<20} {:>8} {:>8}  {difference}\n",
            row.of,
            row.figure,
            shown(row.old),
            shown(row.new)
        ));
    }
    if !same.is_empty() {
        text.push_str(&format!("The same in both: {}\n", same.join(", ")));
    }
    text
}

fn span(text: &str) -> Result<Span, String> {
    Span::parse(text).map_err(|error| error.to_string())
}

fn in_words(report: &Report) -> String {
    let mut text = format!(
        "{} version {}: {} patients, {:.1} days, {} readings\n",
        report.pipeline,
        report.version,
        grouped(report.patients as u64),
        report.bed_days,
        grouped(report.data.readings)
    );
    let put_aside: Vec<String> = report
        .data
        .quarantined
        .iter()
        .map(|(reason, count)| format!("{reason} {}", grouped(*count)))
        .collect();
    if !put_aside.is_empty() {
        text.push_str(&format!("put aside: {}\n", put_aside.join(", ")));
    }
    if let Some((known, came)) = report.outcomes {
        text.push_str(&format!(
            "outcomes: known of {}, came to {}\n",
            grouped(known as u64),
            grouped(came as u64)
        ));
    }
    let priorities = report.alerts_per_bed_day_by_priority.iter();
    let priorities: Vec<String> = priorities
        .map(|(priority, rate)| format!("{priority} {rate:.2}"))
        .collect();
    text.push_str(&format!(
        "\nAlerts a bed and day: {:.2} ({})\n",
        report.alerts_per_bed_day,
        priorities.join(", ")
    ));
    text.push_str(
        "  alarm                        priority   alerts  a bed-day  precision  sensitivity  lead (h)\n",
    );
    for alarm in &report.alarms {
        let percent =
            |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{:.1} %", share * 100.0));
        let lead = alarm.lead_hours.map_or("-".to_owned(), |[low, median, high]| {
            format!("{median:.1} ({low:.1} to {high:.1})")
        });
        text.push_str(&format!(
            "  {:<28} {:<8} {:>8}  {:>9.2}  {:>9}  {:>11}  {lead}\n",
            alarm.alarm,
            alarm.priority,
            grouped(alarm.alerts),
            alarm.per_bed_day,
            percent(alarm.precision),
            percent(alarm.sensitivity)
        ));
    }
    report
        .scores
        .iter()
        .for_each(|score| text.push_str(&of_score(score)));
    text
}

fn of_score(score: &ScoreFigures) -> String {
    let share = score.unavailable as f64 / (score.evaluated + score.unavailable).max(1) as f64;
    let mut text = format!(
        "\n{}: {} values, {:.1} % of evaluations without one\n",
        score.score,
        grouped(score.evaluated),
        share * 100.0
    );
    let interval = |name: &str, figure: Option<Interval>| {
        figure.map_or(String::new(), |Interval { value, low, high }| {
            format!("  {name} {value:.3} ({low:.3} to {high:.3})\n")
        })
    };
    text.push_str(&interval("AUROC", score.auroc));
    text.push_str(&interval("AUPRC", score.auprc));
    for rate in &score.at_rates {
        text.push_str(&format!(
            "  at {} alerts for 100 patients and days: {:.3} or more, sensitivity {:.1} %, precision {:.1} %\n",
            rate.alerts_per_100_patient_days,
            rate.threshold,
            rate.sensitivity * 100.0,
            rate.precision * 100.0
        ));
    }
    text
}
