//! One feed of the demo: messages at the pace of its clock, an engine for them, and its outputs to the page.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context;
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_kafka::{
    ClientSettings, Engine, EngineClock, EngineConfig, EngineError, EngineHandle, Feed as Producer, Health,
    Output, OutputReader, TopicNames,
};
use wardwatch_pipeline::Pipeline;
use wardwatch_simulate::{Message, ReplayClock, Topic};
use wardwatch_station::{Station, Update};

/// The longest sleep of a producer: an end is noticed within it.
const NAP: Duration = Duration::from_millis(50);

/// By how much ticks stay behind the wall clock, at speed 1.
const TICK_LAG: Span = Span::from_millis(500);

/// A feed to be started.
pub struct FeedConfig {
    /// Its name, which its topics begin with.
    pub name: String,
    /// The embedded broker.
    pub brokers: String,
    /// What its engine runs.
    pub pipeline: Arc<Pipeline>,
    /// Its number on the page.
    pub shard: u32,
    /// Its clock.
    pub clock: ScaledClock,
}

/// A feed that runs.
pub struct Feed {
    engine: EngineHandle,
    reader: OutputReader,
    producer: JoinHandle<Result<(), EngineError>>,
    stop: Arc<AtomicBool>,
}

/// Simulated time on this machine's monotonic clock.
#[derive(Clone, Copy)]
pub struct ScaledClock {
    replay: ReplayClock,
    speed: NonZeroU32,
    begun: Instant,
}

// === impl ScaledClock ===

impl ScaledClock {
    /// A clock that stood at `start` when this machine's stood at `begun`, and runs `speed` times as fast.
    pub fn new(start: Timestamp, speed: NonZeroU32, begun: Instant) -> Self {
        Self {
            replay: ReplayClock::new(start, speed),
            speed,
            begun,
        }
    }

    fn elapsed(&self) -> Span {
        Span::from_micros(i64::try_from(self.begun.elapsed().as_micros()).unwrap_or(i64::MAX))
    }

    /// How long until it shows `due`; zero if it does.
    fn until(&self, due: Timestamp) -> Duration {
        let wait = self.replay.elapsed_at(due).micros() - self.elapsed().micros();
        Duration::from_micros(u64::try_from(wait).unwrap_or(0))
    }
}

impl EngineClock for ScaledClock {
    fn now(&self) -> Timestamp {
        self.replay.at(self.elapsed())
    }
}

// === impl FeedConfig ===

impl FeedConfig {
    /// Its topics besides those of its pipeline.
    pub fn topics(&self) -> TopicNames {
        TopicNames::with_prefix(&format!("{}.", self.name))
    }
}

// === impl Feed ===

impl Feed {
    /// Starts the engine, then what reads its outputs, then the messages.
    pub fn start(
        config: FeedConfig,
        messages: impl Iterator<Item = Message> + Send + 'static,
        station: Station,
    ) -> anyhow::Result<Self> {
        let topics = config.topics();
        let group = format!("demo-{}", config.name);
        let mut engine = EngineConfig::new(&config.brokers, group, config.pipeline.clone());
        engine.topics = topics.clone();
        engine.trusts_topics = true;
        engine.clock = Arc::new(config.clock);
        // The same moment on this machine, whatever the clock's speed.
        engine.tick_lag = Span::from_micros(TICK_LAG.micros() * i64::from(config.clock.speed.get()));
        let engine = Engine::start(engine)?;

        let (shard, speed) = (config.shard, f64::from(config.clock.speed.get()));
        let tell = move |_partition, output| tell(&station, shard, speed, output);
        let reader = OutputReader::start(&config.brokers, &ClientSettings::new(), &topics, tell)?;

        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let producer = Producer::new(&config.brokers, &ClientSettings::new())?;
        let producer = thread::Builder::new()
            .name(format!("demo-{}", config.name))
            .spawn(move || produce(&config, &topics, messages, producer, &stopped))
            .context("starting the producer's thread")?;
        Ok(Self {
            engine,
            reader,
            producer,
            stop,
        })
    }

    /// How its engine fares.
    pub fn health(&self) -> Arc<Health> {
        self.engine.health()
    }

    /// Ends it from its source on.
    pub fn stop(self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::Release);
        self.producer
            .join()
            .map_err(|_| anyhow::anyhow!("a producer's thread panicked"))??;
        self.engine.stop()?;
        self.reader.stop()?;
        Ok(())
    }
}

/// Sends each message when the clock shows its arrival, until told to stop or there are no more.
fn produce(
    config: &FeedConfig,
    topics: &TopicNames,
    messages: impl Iterator<Item = Message>,
    producer: Producer,
    stop: &AtomicBool,
) -> Result<(), EngineError> {
    for message in messages {
        loop {
            if stop.load(Ordering::Acquire) {
                producer.finish();
                return Ok(());
            }
            let wait = config.clock.until(message.arrives);
            if wait.is_zero() {
                break;
            }
            thread::sleep(wait.min(NAP));
        }
        let topic = match message.topic {
            Topic::Context => &topics.context,
            Topic::Vitals => &config.pipeline.sources[0].topic,
        };
        producer.send(topic, message.key.as_bytes(), &message.payload, message.arrives)?;
    }
    producer.finish();
    Ok(())
}

/// Tells the page what the engine wrote.
fn tell(station: &Station, shard: u32, speed: f64, output: Output) {
    match output {
        Output::Alert(alert) => station.publish(Update::Alert { shard, alert }),
        Output::Alarm(alarm) => station.publish(Update::Alarm { shard, alarm }),
        Output::Score(record) => station.publish(Update::Score { shard, record }),
        Output::Condition(condition) => station.publish(Update::Condition { condition }),
        Output::Journal(journal) => {
            for patient_id in journal.ended {
                station.publish(Update::Discharged { patient_id });
            }
            station.publish(Update::Tick {
                shard,
                log_time: journal.log_time,
                now: journal.at,
                speed,
                edit_refused: journal.edit_refused,
            });
        }
    }
}
