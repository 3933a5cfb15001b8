//! What monitoring sees of an engine: `/metrics`, `/livez`, `/readyz`.
//!
//! `/livez` never depends on Kafka: an engine that waits for its brokers is not to be restarted. `/readyz` does.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use wardwatch_kafka::{Health, describe_metrics};

/// Bounds of the buckets of durations, in seconds: from a step of a quiet second to one that misses its deadline.
const SECONDS: [f64; 13] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5,
];

/// Between two sweeps over the histograms, which otherwise keep every sample until they are asked for.
const UPKEEP: Duration = Duration::from_secs(5);

/// Installs the recorder of this process. Once, before the engine starts.
pub fn install() -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .and_then(PrometheusBuilder::install_recorder)
        .context("installing the metrics recorder")?;
    describe_metrics();
    Ok(handle)
}

/// Listens. Before the engine joins its group, so that one which cannot start takes no shard.
pub fn listen(addr: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(addr).with_context(|| format!("listening on {addr} (--listen)"))?;
    listener
        .set_nonblocking(true)
        .context("setting up the metrics listener")?;
    Ok(listener)
}

/// Serves in the background for as long as the runtime lives. Call within a tokio runtime.
pub fn serve(listener: TcpListener, metrics: PrometheusHandle, health: Arc<Health>) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener).context("setting up the metrics listener")?;
    let upkeep = metrics.clone();
    tokio::spawn(async move {
        let mut interval = tokio::time::interval(UPKEEP);
        loop {
            interval.tick().await;
            upkeep.run_upkeep();
        }
    });
    let server = axum::serve(listener, routes(metrics, health));
    tokio::spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "metrics and health are no longer served");
        }
    });
    Ok(())
}

fn routes(metrics: PrometheusHandle, health: Arc<Health>) -> Router {
    Router::new()
        .route("/metrics", get(async move || metrics.render()))
        .route("/livez", get(async || "alive\n"))
        .route(
            "/readyz",
            get(async move || {
                let why: Vec<String> = health
                    .conditions()
                    .iter()
                    .filter(|condition| condition.blocks_readiness)
                    .map(|condition| format!("{} {}: {}\n", condition.kind, condition.place, condition.text))
                    .collect();
                match (health.is_ready(), why.is_empty()) {
                    (true, _) => (StatusCode::OK, "ready\n".to_owned()),
                    (false, true) => (
                        StatusCode::SERVICE_UNAVAILABLE,
                        "not ready: catching up, waiting for Kafka, or ended\n".to_owned(),
                    ),
                    (false, false) => (
                        StatusCode::SERVICE_UNAVAILABLE,
                        format!("not ready:\n{}", why.concat()),
                    ),
                }
            }),
        )
}
