//! `wardwatch engine`: runs a pipeline on Kafka until told to stop, and goes over to what its file is edited to.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};
use wardwatch_kafka::{Engine, EngineConfig, Health, SnapshotStore};

use super::cluster::Cluster;
use super::metrics;
use super::models::ModelsFolder;
use super::watch::{Watch, fingerprint};

/// How often it is looked whether the engine still runs.
const WATCH: Duration = Duration::from_millis(250);

/// Arguments of `wardwatch engine`.
#[derive(clap::Args)]
pub struct Args {
    /// The pipeline's file
    pipeline: PathBuf,
    #[command(flatten)]
    models: ModelsFolder,
    #[command(flatten)]
    cluster: Cluster,
    /// This engine's own name in the group, kept over restarts (on Kubernetes: the pod's name)
    #[arg(long, value_name = "NAME", env = "WARDWATCH_INSTANCE")]
    instance: Option<String>,
    /// Where snapshots are kept: a folder, or s3://BUCKET/FOLDER; without it a restart steps the whole journal again, or rebuilds
    #[arg(long, value_name = "FOLDER", env = "WARDWATCH_SNAPSHOTS")]
    snapshots: Option<String>,
    /// Seconds between two snapshots of a shard
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    snapshot_every: u64,
    /// Where metrics and health are served
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9464")]
    listen: SocketAddr,
}

/// Runs the command.
pub fn run(args: Args) -> anyhow::Result<()> {
    let recorder = metrics::install()?;
    let judged = fingerprint(&args.pipeline);
    let pipeline = Arc::new(args.models.load(&args.pipeline)?);
    let group = args.cluster.group(&pipeline);
    let mut config = EngineConfig::new(&args.cluster.brokers, group, pipeline);
    config.topics = args.cluster.topics();
    config.settings = args.cluster.settings()?;
    config.instance = args.instance;
    let (models, path) = (args.models.clone(), args.pipeline.clone());
    config.load = Some(Arc::new(move |text| models.load_text(&path, text)));
    config.snapshot_every = Duration::from_secs(args.snapshot_every);
    match &args.snapshots {
        Some(place) => config.snapshots = Some(Arc::new(SnapshotStore::create(place)?)),
        None => tracing::warn!(
            "without --snapshots a restart steps the whole journal again, or rebuilds the state from the log"
        ),
    }
    let listener = metrics::listen(args.listen)?;
    let addr = listener
        .local_addr()
        .context("the address of the metrics listener")?;
    tracing::info!(brokers = config.brokers, %addr, "connecting; metrics and health will be served");
    let store = config.snapshots.clone();
    let journal = config.topics.journal.clone();
    let engine = Engine::start(config)?;
    let stop_watching = Arc::new(AtomicBool::new(false));
    let watch = Watch {
        path: args.pipeline,
        judged,
        models: args.models,
        running: engine.running(),
        store: store.map(|store| (store, journal)),
    };
    watch.start(Arc::clone(&stop_watching))?;
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("starting the runtime for metrics")?;
    let outcome = runtime.block_on(async {
        metrics::serve(listener, recorder, engine.health())?;
        told_to_stop(&[engine.health()]).await
    });
    stop_watching.store(true, Ordering::Release);
    let stats = engine.stats();
    engine.stop()?;
    tracing::info!(
        records = stats.records,
        alerts = stats.alerts,
        "the engine has ended in order"
    );
    outcome
}

/// Returns on Ctrl-C, on SIGTERM, or when one of the engines has ended by itself.
pub async fn told_to_stop(engines: &[Arc<Health>]) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut watch = tokio::time::interval(WATCH);
    loop {
        tokio::select! {
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            _ = watch.tick() => if engines.iter().any(|engine| engine.has_ended()) {
                // Stopping it tells why.
                return Ok(());
            },
        }
    }
}
