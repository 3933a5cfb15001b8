//! Beside a running shard: another one that fills the windows of a newer pipeline from the log.
//!
//! ```text
//!   worker   ── turns ── turns ── waits ──────────── goes on under the newer pipeline
//!                │ here    │ here   │ here, the last     ▲
//!   filler   ── steps the log ── steps what came ── shard┘
//! ```
//!
//! The filler never steps what the worker has not, so both can be brought to the same record and log time. The worker waits for
//! that a moment only; when it takes longer it goes on as it was, and tries again later.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer;
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_inference::Models;
use wardwatch_pipeline::Pipeline;
use wardwatch_shard::{Outputs, Shard, Wants};

use crate::catch_up::patience;
use crate::decode::decode;
use crate::inbox::Inbox;
use crate::journal::Position;
use crate::lane::consumer_error;
use crate::member::{EngineConsumer, MemberContext, split_off};
use crate::recovery::offsets_at;
use crate::worker::{IDLE, MOST_RECORDS, failed, now};
use crate::{EngineConfig, EngineError, settings};

/// The worker waits for the filler when it is no further behind than this, in log time.
const NEAR: Span = Span::from_millis(1_500);

/// How long the worker waits at most: within a second patients have fresh scores again.
const MOST_PAUSE: Duration = Duration::from_millis(700);

/// After a wait that was too short.
const LATER: Duration = Duration::from_secs(2);

/// A place in the shard's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// By topic ordinal, after the last record.
    pub offsets: BTreeMap<u16, i64>,
    pub log_time: Timestamp,
    /// How many shards there are.
    pub shards: i32,
}

/// What worker and filler tell each other.
#[derive(Debug)]
struct Talk {
    /// Where the worker stands.
    wanted: Place,
    /// The worker waits there.
    is_last: bool,
    /// Where the filler stands.
    reached: Option<Timestamp>,
    /// The shard is on its way to the worker.
    given: bool,
}

/// A filler at work.
pub(crate) struct Filler {
    talk: Arc<Mutex<Talk>>,
    stop: Arc<AtomicBool>,
    shard: Receiver<Result<Shard, EngineError>>,
    /// No wait before this.
    not_before: std::time::Instant,
}

/// What it works with.
struct Work {
    config: Arc<EngineConfig>,
    number: i32,
    /// With the sets that are to be filled alone.
    pipeline: Arc<Pipeline>,
    talk: Arc<Mutex<Talk>>,
}

/// Fills the windows of `pipeline` up to a place of the log. Blocks.
///
/// # Errors
/// Why they cannot be filled; [`EngineError::LogSilent`] once `stop` is set.
pub(crate) fn fill(
    config: &EngineConfig,
    number: i32,
    pipeline: Arc<Pipeline>,
    here: Place,
    stop: &AtomicBool,
) -> Result<Shard, EngineError> {
    let work = Work {
        config: Arc::new(config.clone()),
        number,
        pipeline,
        talk: Arc::new(Mutex::new(Talk::begin(here, true))),
    };
    work.run(stop)?.ok_or(EngineError::LogSilent { shard: number })
}

// === impl Talk ===

impl Talk {
    fn begin(wanted: Place, is_last: bool) -> Self {
        Self {
            wanted,
            is_last,
            reached: None,
            given: false,
        }
    }
}

// === impl Filler ===

impl Filler {
    /// Starts to fill the windows of `pipeline`, up to where the worker stands.
    pub(crate) fn start(
        config: Arc<EngineConfig>,
        number: i32,
        pipeline: Arc<Pipeline>,
        here: Place,
    ) -> Result<Self, EngineError> {
        let talk = Arc::new(Mutex::new(Talk::begin(here, false)));
        let stop = Arc::new(AtomicBool::new(false));
        let (sender, shard) = sync_channel(1);
        let work = Work {
            config,
            number,
            pipeline,
            talk: Arc::clone(&talk),
        };
        let stopped = Arc::clone(&stop);
        thread::Builder::new()
            .name(format!("fill-{number}"))
            .spawn(move || {
                if let Some(outcome) = work.run(&stopped).transpose() {
                    // Nobody waits for it any more: the worker has ended.
                    drop(sender.send(outcome));
                }
            })
            .map_err(EngineError::Thread)?;
        Ok(Self {
            talk,
            stop,
            shard,
            not_before: now(),
        })
    }

    /// Told after each turn where the worker stands. Gives the filled shard, which then stands there too, if the filler is near
    /// enough to wait for.
    ///
    /// # Errors
    /// Why it cannot be filled.
    pub(crate) fn meet(&mut self, here: Place) -> Result<Option<Shard>, EngineError> {
        match self.shard.try_recv() {
            Ok(Err(error)) => return Err(error),
            Ok(Ok(_)) | Err(TryRecvError::Disconnected) => return Err(EngineError::Panicked),
            Err(TryRecvError::Empty) => {}
        }
        {
            let mut talk = self.talk();
            let is_near = talk
                .reached
                .is_some_and(|reached| here.log_time - reached <= NEAR);
            talk.wanted = here;
            talk.is_last = is_near && now() >= self.not_before;
            if !talk.is_last {
                return Ok(None);
            }
        }
        let waited = self.shard.recv_timeout(MOST_PAUSE);
        match waited {
            Ok(outcome) => outcome.map(Some),
            Err(RecvTimeoutError::Disconnected) => Err(EngineError::Panicked),
            Err(RecvTimeoutError::Timeout) => {
                let mut talk = self.talk();
                talk.is_last = false;
                let is_coming = talk.given;
                drop(talk);
                if is_coming {
                    return self.shard.recv().map_err(|_| EngineError::Panicked)?.map(Some);
                }
                self.not_before = now() + LATER;
                Ok(None)
            }
        }
    }

    fn talk(&self) -> std::sync::MutexGuard<'_, Talk> {
        self.talk.lock().expect("no panic while it is held")
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

// === impl Work ===

impl Work {
    /// Fills until it has met the worker, or is no longer wanted.
    fn run(&self, stop: &AtomicBool) -> Result<Option<Shard>, EngineError> {
        let config = &*self.config;
        let inputs = config.topics.inputs(&config.pipeline);
        let here = self.talk().wanted.clone();
        let from = here.log_time - self.pipeline.reach();
        let position = Position {
            offsets: offsets_at(config, self.number, &inputs, from, &here.offsets)?,
            ..Position::default()
        };
        let consumer: EngineConsumer = Arc::new(
            settings::consumer(&config.brokers, &config.group, &config.settings)
                .create_with_context(MemberContext::default())
                .map_err(EngineError::client)?,
        );
        let mut assignment = TopicPartitionList::new();
        let queues = split_off(&consumer, &inputs, self.number, &position, &mut assignment)?;
        consumer.assign(&assignment).map_err(EngineError::Consume)?;
        let mut inbox = Inbox::new(&queues, &position);
        let mut shard = Shard::new(Arc::clone(&self.pipeline), Wants::default());
        loop {
            let wanted = self.talk().wanted.clone();
            self.step_to(&wanted, &consumer, &mut inbox, &mut shard, stop)?;
            if stop.load(Ordering::Acquire) {
                return Ok(None);
            }
            let mut talk = self.talk();
            talk.reached = Some(wanted.log_time);
            if talk.is_last && talk.wanted == wanted {
                talk.given = true;
                return Ok(Some(shard));
            }
            let is_there = talk.wanted == wanted;
            drop(talk);
            if is_there {
                thread::park_timeout(IDLE);
            }
        }
    }

    fn step_to(
        &self,
        to: &Place,
        consumer: &EngineConsumer,
        inbox: &mut Inbox<'_>,
        shard: &mut Shard,
        stop: &AtomicBool,
    ) -> Result<(), EngineError> {
        // Its sets have no scores, so no model is asked.
        let mut models = Models::default();
        let mut wait = patience(stop, self.number);
        inbox.pass_time(Timestamp::MIN, to.log_time);
        inbox.limit(&to.offsets);
        let mut reached = false;
        while !reached || shard.has_more() {
            if let Some(Err(error)) = consumer.poll(Duration::ZERO) {
                consumer_error(error)?;
            }
            inbox.fill()?;
            reached = inbox.has_come_to_limits();
            let records = inbox.take();
            wait(!records.is_empty() || reached)?;
            for records in records.chunks(MOST_RECORDS).chain(reached.then_some(&[][..])) {
                let decoded = decode(records, &self.pipeline, to.shards);
                let tick = records.is_empty().then_some(to.log_time);
                shard
                    .step(&decoded.batch, tick, &mut models, &mut Outputs::default())
                    .map_err(|source| failed(self.number, source))?;
            }
        }
        Ok(())
    }

    fn talk(&self) -> std::sync::MutexGuard<'_, Talk> {
        self.talk.lock().expect("no panic while it is held")
    }
}
