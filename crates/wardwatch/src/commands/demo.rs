//! `wardwatch demo`: a ward in one process, from data to screen.
//!
//! ```text
//!  simulated ward, 1 Hz  ──▶ ┌ embedded ┐ ──▶ engine (adult-ward)  ──▶ ┌ embedded ┐ ──▶ station
//!  charting at speed     ──▶ │  broker  │ ──▶ engine (ICU)         ──▶ │  broker  │
//!                            └──────────┘                              └──────────┘
//! ```
//!
//! Each feed has an engine and a clock of its own: the ward lives on the wall clock, the charting on a clock that runs
//! `--speed` times as fast. The data keep the distances that they had at the bedside.

mod feed;

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use tokio::runtime;
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_kafka::{EmbeddedBroker, EngineClock, SystemClock};
use wardwatch_pipeline::Pipeline;
use wardwatch_simulate::{Charting, Message, Rebase, Ward};
use wardwatch_station::{BoardConfig, ServerConfig, Station, serve};

use super::engine::told_to_stop;
use super::output::print;
use feed::{Feed, FeedConfig, ScaledClock};

const LABEL: &str = "Demo: simulated 1 Hz ward and replayed MIMIC-III charting";
const WARD: &str = include_str!("../../../../pipelines/adult-ward.yaml");
const CHARTING: &str = include_str!("../../../../pipelines/icu-charting.yaml");
/// The charting with models beside the score; used where the models are at hand.
const DETERIORATION: &str = include_str!("../../../../pipelines/icu-deterioration.yaml");

/// Beds of the simulated ward; its schedule of deteriorations is made for so many.
const WARD_BEDS: usize = 24;
/// Beds of the intensive-care ward.
const ICU_BEDS: usize = 12;
/// Between two first admissions to it, and between a discharge and the next admission, in its own time.
const ICU_PAUSE: Span = Span::from_secs(300);

/// Arguments of `wardwatch demo`.
#[derive(clap::Args)]
pub struct Args {
    /// Port of the page on this machine; 0 takes any free one
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// How many times as fast as it happened the charting is replayed
    #[arg(long, default_value = "60", value_parser = speed)]
    speed: NonZeroU32,
    /// Which simulated patients lie in the ward
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder of the models [default: the nearest folder `models` above this program or the current folder]
    #[arg(long, value_name = "FOLDER", env = "WARDWATCH_MODELS")]
    models: Option<std::path::PathBuf>,
}

/// Runs the command.
pub fn run(args: Args) -> anyhow::Result<()> {
    let broker = EmbeddedBroker::start()?;
    let ward = pipeline(WARD)?;
    let charting = charting(args.models)?;

    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("starting the runtime for the page")?;
    let station = Station::new(BoardConfig {
        title: "Wardwatch".to_owned(),
        label: Some(LABEL.to_owned()),
    });
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    let running = runtime.block_on(serve(ServerConfig::new(listen), station.clone()))?;

    let start = SystemClock.now();
    let messages = ward_messages(args.seed, start);
    let one = NonZeroU32::MIN;
    let ward = start_feed(
        &broker,
        "ward",
        0,
        ward,
        ScaledClock::new(start, one, begun()),
        messages,
        &station,
    )?;
    let rebase = Rebase {
        start,
        pause: ICU_PAUSE,
        beds: ICU_BEDS,
    };
    let messages = Charting::new(rebase)?;
    let clock = ScaledClock::new(start, args.speed, begun());
    let charting = start_feed(&broker, "charting", 1, charting, clock, messages, &station)?;

    print(&format!("station: http://{}/\n", running.addr()))?;
    let told = runtime.block_on(told_to_stop(&[ward.health(), charting.health()]));

    let ended = [ward.stop(), charting.stop()];
    runtime.block_on(running.stop())?;
    ended.into_iter().collect::<anyhow::Result<()>>()?;
    told
}

/// Creates a feed's topics behind its name, and starts its engine, its producer and what the page is told.
fn start_feed(
    broker: &EmbeddedBroker,
    name: &str,
    shard: u32,
    mut pipeline: Pipeline,
    clock: ScaledClock,
    messages: impl Iterator<Item = Message> + Send + 'static,
    station: &Station,
) -> anyhow::Result<Feed> {
    for source in &mut pipeline.sources {
        source.topic = format!("{name}.{}", source.topic);
    }
    let config = FeedConfig {
        name: name.to_owned(),
        brokers: broker.brokers(),
        pipeline: Arc::new(pipeline),
        shard,
        clock,
    };
    broker.create_topics(&config.pipeline, &config.topics(), 1)?;
    Feed::start(config, messages, station.clone()).with_context(|| format!("starting the {name} feed"))
}

/// The ward's messages for ever, second by second.
fn ward_messages(seed: u64, start: Timestamp) -> impl Iterator<Item = Message> {
    let mut ward = Ward::new(seed, start, WARD_BEDS);
    std::iter::repeat_with(move || ward.next_second()).flatten()
}

/// A built-in pipeline without models.
fn pipeline(text: &str) -> anyhow::Result<Pipeline> {
    Ok(Pipeline::parse(text, std::path::Path::new("models"))?)
}

/// The pipeline for the charting: with models if their folder is found.
fn charting(models: Option<std::path::PathBuf>) -> anyhow::Result<Pipeline> {
    match models.or_else(nearest_models) {
        Some(folder) => Ok(Pipeline::parse(DETERIORATION, &folder)?),
        None => {
            tracing::warn!("no folder `models` was found: the charting runs with NEWS2 alone (see --models)");
            pipeline(CHARTING)
        }
    }
}

/// The nearest folder `models` above this program, as in a clone of the repository, or above the current folder.
fn nearest_models() -> Option<std::path::PathBuf> {
    let places = [std::env::current_exe(), std::env::current_dir()];
    places.into_iter().flatten().find_map(|place| {
        let mut above = place.ancestors().map(|folder| folder.join("models"));
        above.find(|models| models.join("mortality").is_dir())
    })
}

#[allow(clippy::disallowed_methods, reason = "a demo's clocks run on this machine's")]
fn begun() -> Instant {
    Instant::now()
}

/// Faster than an hour a second nobody could follow, nor could the engine.
fn speed(text: &str) -> Result<NonZeroU32, String> {
    text.parse::<NonZeroU32>()
        .ok()
        .filter(|speed| speed.get() <= 3_600)
        .ok_or_else(|| "a whole number from 1 to 3600".to_owned())
}
