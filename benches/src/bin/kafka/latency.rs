//! From the moment at which a message is due to be sent until its alert has been read from the topic.
//!
//! Open loop: messages are sent when they are due, whatever has become of those before them, and time is counted from when
//! a message was *due*, so a stall is charged to everything that it delayed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use hdrhistogram::Histogram;
use wardwatch_alarms::Phase;
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_kafka::{ClientSettings, Engine, Feed, Output, OutputReader, TopicNames};
use wardwatch_simulate::Ward;

use crate::topics;

/// Arguments of `latency`.
#[derive(clap::Args)]
pub struct Args {
    /// Observations a second, eight a message
    #[arg(long, default_value_t = 10_000)]
    rate: usize,
    /// How long
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Alerts a second that are waited for
    #[arg(long, default_value_t = 20)]
    probes: u32,
    /// So often the pipeline is edited meanwhile: a limit and the window in turn
    #[arg(long, default_value_t = 0)]
    edits: u32,
    #[command(flatten)]
    engine: topics::EngineArgs,
}

/// A probe's patient desaturates, and is well again a second later. By patient: when that was due to be sent.
type Awaited = Arc<Mutex<BTreeMap<String, Timestamp>>>;

/// What a reader has seen.
struct Seen {
    isolation: &'static str,
    awaited: Awaited,
    taken: Arc<Mutex<Histogram<u64>>>,
    reader: OutputReader,
}

/// A message and when it is due to be sent.
struct Due {
    at: Timestamp,
    patient: String,
    payload: Vec<u8>,
    is_probe: bool,
}

/// Of the histogram; what takes longer counts as this.
const MOST_MICROS: u64 = 60_000_000;

/// Longest wait for the last alerts.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends, waits, and prints the distribution.
pub fn run(brokers: &str, args: &Args) -> anyhow::Result<()> {
    let config = topics::engine(brokers, &args.engine)?;
    let (source, names) = (config.pipeline.sources[0].topic.clone(), config.topics.clone());
    let mut edited = topics::edited(&config.pipeline, args.edits)?.into_iter();
    let engine = Engine::start(config)?;
    let running = engine.running();
    let seen =
        ["read_committed", "read_uncommitted"].map(|isolation| Seen::start(brokers, &names, isolation));
    let [committed, uncommitted] = seen;
    let seen = [committed?, uncommitted?];

    while !engine.health().is_ready() {
        anyhow::ensure!(!engine.health().has_ended(), "the engine ended");
        thread::sleep(Duration::from_millis(10));
    }
    // Time to subscribe and to warm up.
    let start = topics::now() + Span::from_secs(2);
    let mut ward = Ward::steady(1, start, args.rate / 8);
    let feed = Feed::new(brokers, &ClientSettings::new())?;
    let mut probes = Vec::new();
    for second in 0..args.seconds {
        if second > 0
            && args.edits > 0
            && second.is_multiple_of((args.seconds / (args.edits + 1)).max(1))
            && let Some(pipeline) = edited.next()
        {
            running.go_over(pipeline)?;
        }
        let mut due: Vec<Due> = ward
            .next_second()
            .into_iter()
            .map(|message| Due {
                at: message.arrives,
                patient: message.key,
                payload: message.payload,
                is_probe: false,
            })
            .collect();
        for probe in 0..args.probes {
            let patient = format!("probe-{second}-{probe}");
            let at = start
                + Span::from_secs(i64::from(second))
                + Span::from_micros(1_000_000 / i64::from(args.probes) * i64::from(probe) + 137);
            due.push(Due::reading(&patient, at, 75, true));
            probes.push((at + Span::from_secs(1), patient));
        }
        let well = probes.partition_point(|(at, _)| *at < start + Span::from_secs(i64::from(second) + 1));
        for (at, patient) in probes.drain(..well) {
            due.push(Due::reading(&patient, at, 97, false));
        }
        due.sort_by_key(|due| due.at);
        for due in due {
            let wait = due.at - topics::now();
            if wait > Span::ZERO {
                thread::sleep(Duration::from_micros(wait.micros().unsigned_abs()));
            }
            if due.is_probe {
                for seen in &seen {
                    lock(&seen.awaited).insert(due.patient.clone(), due.at);
                }
            }
            feed.send(&source, due.patient.as_bytes(), &due.payload, due.at)?;
        }
    }
    let until = std::time::Instant::now() + PATIENCE;
    while seen.iter().any(|seen| !lock(&seen.awaited).is_empty()) && std::time::Instant::now() < until {
        thread::sleep(Duration::from_millis(10));
    }
    feed.finish();
    engine.stop()?;
    println!(
        "{} observations/s for {} s, {} edits of the pipeline",
        args.rate / 8 * 8,
        args.seconds,
        args.edits
    );
    let mut lost = 0;
    for seen in seen {
        lost += seen.tell()?;
    }
    anyhow::ensure!(lost == 0, "{lost} alerts did not come within {PATIENCE:?}");
    Ok(())
}

// === impl Seen ===

impl Seen {
    fn start(brokers: &str, names: &TopicNames, isolation: &'static str) -> anyhow::Result<Self> {
        let awaited = Awaited::default();
        let taken = Arc::new(Mutex::new(Histogram::<u64>::new_with_max(MOST_MICROS, 3)?));
        let settings: ClientSettings = [("isolation.level".to_owned(), isolation.to_owned())].into();
        Ok(Self {
            reader: OutputReader::start(brokers, &settings, names, tell(&awaited, &taken))?,
            awaited,
            taken,
            isolation,
        })
    }

    /// Ends it and prints the distribution; returns how many alerts did not come.
    fn tell(self) -> anyhow::Result<usize> {
        self.reader.stop()?;
        let taken = lock(&self.taken);
        let lost = lock(&self.awaited).len();
        let millis = |quantile| taken.value_at_quantile(quantile) as f64 / 1_000.0;
        println!(
            "{:<16} {} alerts, {lost} lost; due to read: p50 {:.1} ms, p90 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms, max {:.1} ms",
            self.isolation,
            taken.len(),
            millis(0.5),
            millis(0.9),
            millis(0.99),
            millis(0.999),
            taken.max() as f64 / 1_000.0,
        );
        Ok(lost)
    }
}

fn tell(awaited: &Awaited, taken: &Arc<Mutex<Histogram<u64>>>) -> impl FnMut(i32, Output) + Send + 'static {
    let (awaited, taken) = (Arc::clone(awaited), Arc::clone(taken));
    move |_, output| {
        let Output::Alert(alert) = output else { return };
        if alert.phase != Phase::Start {
            return;
        }
        if let Some(due) = lock(&awaited).remove(&*alert.patient_id) {
            let micros = (topics::now() - due).micros();
            lock(&taken).saturating_record(u64::try_from(micros).unwrap_or(0));
        }
    }
}

impl Due {
    fn reading(patient: &str, at: Timestamp, spo2: u32, is_probe: bool) -> Self {
        let payload =
            format!(r#"{{"patient_id":"{patient}","ts":"{at}","code":"spo2","value":{spo2},"unit":"%"}}"#);
        Self {
            at,
            patient: patient.to_owned(),
            payload: payload.into_bytes(),
            is_probe,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("no panic while it is held")
}
