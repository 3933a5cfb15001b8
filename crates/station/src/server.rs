//! Listening, the routes, and an orderly end.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, middleware};
use futures::stream::{self, Stream};
use tokio::net::TcpListener;
use tokio::sync::{broadcast, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::hub::Subscription;
use crate::patience::Patience;
use crate::{Station, StationError, guard, page};

/// Pages that may be connected at once.
const MAX_PAGES: usize = 64;

/// How long an orderly end may take before connections are cut.
const END: Duration = Duration::from_secs(3);

/// How the station listens.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Where: a loopback address; port 0 takes any free one.
    pub listen: SocketAddr,
    /// How long a page may take no bytes before its connection is dropped.
    pub patience: Duration,
}

/// A station that answers. Dropping it stops it.
#[derive(Debug)]
pub struct Running {
    addr: SocketAddr,
    station: Station,
    pulse: JoinHandle<()>,
    server: JoinHandle<io::Result<()>>,
    stop: Option<oneshot::Sender<()>>,
}

/// Starts to listen and to send. Call it within a tokio runtime.
///
/// # Errors
/// [`StationError`] if the address is not loopback or cannot be bound.
pub async fn serve(config: ServerConfig, station: Station) -> Result<Running, StationError> {
    let listen = config.listen;
    if !listen.ip().is_loopback() {
        return Err(StationError::NotLoopback { listen });
    }
    let failed = |source| StationError::Bind { listen, source };
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;

    let (stop, stopped) = oneshot::channel();
    let listener = Patience {
        listener,
        limit: config.patience,
    };
    let server = axum::serve(listener, router(station.clone())).with_graceful_shutdown(async {
        // An error means that `Running` was dropped, which ends the server just the same.
        stopped.await.ok();
    });
    Ok(Running {
        addr,
        pulse: tokio::spawn(station.clone().pulse()),
        server: tokio::spawn(server.into_future()),
        station,
        stop: Some(stop),
    })
}

// === impl ServerConfig ===

impl ServerConfig {
    /// Listens on `listen` with ten seconds of patience.
    pub const fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            patience: Duration::from_secs(10),
        }
    }
}

// === impl Running ===

impl Running {
    /// Where the station listens, with the port that it was given.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Sends what is left, ends every page's stream and stops, within three seconds. A page says so within 5 s.
    ///
    /// # Errors
    /// [`StationError::Server`] if the server had ended by itself before.
    pub async fn stop(mut self) -> Result<(), StationError> {
        self.station.close();
        self.stop.take();
        match timeout(END, &mut self.server).await {
            Ok(Ok(outcome)) => outcome.map_err(StationError::Server),
            Ok(Err(failed)) => Err(StationError::Server(io::Error::other(failed))),
            // Connections that do not end in time are cut when the task is aborted on drop.
            Err(_) => Ok(()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Connections are tasks of their own: they end with their streams, or with the runtime.
        self.station.close();
        self.pulse.abort();
        self.server.abort();
    }
}

fn router(station: Station) -> Router {
    page::routes()
        .route("/events", get(events))
        .layer(middleware::from_fn(guard::guard))
        .with_state(station)
}

/// `GET /events`: the stream of one page.
async fn events(State(station): State<Station>, headers: HeaderMap) -> Response {
    if station.pages() >= MAX_PAGES {
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            "too many pages look at this station\n",
        )
            .into_response();
    }
    let last_id = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let Some(subscription) = station.subscribe(last_id) else {
        return (StatusCode::SERVICE_UNAVAILABLE, "the station is ending\n").into_response();
    };
    (
        [(header::CONTENT_TYPE, "text/event-stream")],
        Body::from_stream(messages(subscription)),
    )
        .into_response()
}

/// The backlog, then what comes, until the station ends or the page has fallen too far behind.
fn messages(subscription: Subscription) -> impl Stream<Item = io::Result<Bytes>> {
    stream::unfold(subscription, |mut subscription| async {
        if let Some(message) = subscription.backlog.pop_front() {
            return Some((Ok(message), subscription));
        }
        match subscription.receiver.recv().await {
            Ok(message) => Some((Ok(message), subscription)),
            Err(broadcast::error::RecvError::Closed) => None,
            Err(broadcast::error::RecvError::Lagged(messages)) => {
                tracing::info!(
                    messages,
                    "a page fell too far behind; it gets a snapshot when it comes back"
                );
                None
            }
        }
    })
}
