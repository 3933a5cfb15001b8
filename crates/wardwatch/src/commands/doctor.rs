//! `wardwatch doctor`: whether an engine could run here, and what is in its way.

use std::borrow::Cow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;
use wardwatch_kafka::{EngineConfig, Finding, SnapshotStore, StoreError, examine};
use wardwatch_yaml::with_causes;

use super::cluster::Cluster;
use super::models::ModelsFolder;
use super::output::{Output, print, print_json};

/// Arguments of `wardwatch doctor`.
#[derive(clap::Args)]
#[command(
    after_help = "Looks and changes nothing. Exit codes: 0 an engine could run, 1 something is in its way, 78 the pipeline is invalid."
)]
pub struct Args {
    /// The pipeline
    pipeline: PathBuf,
    #[command(flatten)]
    models: ModelsFolder,
    #[command(flatten)]
    cluster: Cluster,
    /// Where snapshots are kept: a folder, or s3://BUCKET/FOLDER
    #[arg(long, value_name = "FOLDER", env = "WARDWATCH_SNAPSHOTS")]
    snapshots: Option<String>,
    /// Who reads the result
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Serialize)]
struct Told<'f> {
    what: &'f str,
    ok: bool,
    found: Cow<'f, str>,
}

/// Runs the command.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let pipeline = args.models.load(&args.pipeline)?;
    let (name, version, models) = (
        Arc::clone(&pipeline.name),
        pipeline.version,
        pipeline.models.len(),
    );
    let mut findings = vec![Finding {
        what: "pipeline",
        found: Ok(format!(
            "{name} version {version} is valid; {models} models load and know their golden rows"
        )),
    }];
    let group = args.cluster.group(&pipeline);
    let mut config = EngineConfig::new(&args.cluster.brokers, group, Arc::new(pipeline));
    config.topics = args.cluster.topics();
    config.settings = args.cluster.settings()?;
    findings.extend(examine(&config));
    if let Some(place) = &args.snapshots {
        findings.push(Finding {
            what: "snapshots",
            found: match SnapshotStore::open(place).and_then(|store| store.check()) {
                Ok(()) => Ok(format!("{place} can be written to")),
                Err(StoreError::Missing { .. }) => Ok(format!(
                    "{place} is not there yet; an engine makes it when it starts"
                )),
                Err(error) => Err(error.into()),
            },
        });
    }
    match args.output {
        Output::Text => findings
            .iter()
            .try_for_each(|finding| print(&in_words(finding)))?,
        Output::Json => {
            let told: Vec<Told<'_>> = findings.iter().map(Told::of).collect();
            print_json(&told)?;
        }
    }
    let is_well = findings.iter().all(|finding| finding.found.is_ok());
    Ok(if is_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn in_words(finding: &Finding) -> String {
    match &finding.found {
        Ok(found) => format!("ok    {}: {found}\n", finding.what),
        Err(wrong) => format!("WRONG {}: {}\n", finding.what, with_causes(&**wrong)),
    }
}

// === impl Told ===

impl<'f> Told<'f> {
    fn of(finding: &'f Finding) -> Self {
        let (ok, found) = match &finding.found {
            Ok(found) => (true, Cow::from(found)),
            Err(wrong) => (false, with_causes(&**wrong).into()),
        };
        Self {
            what: finding.what,
            ok,
            found,
        }
    }
}
