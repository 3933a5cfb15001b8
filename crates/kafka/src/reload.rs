//! An edit of the pipeline goes live while the engine runs: which pipeline is wanted, and how a shard goes over to it.
//!
//! ```text
//!   wanted ─▶ what of the state can be gone on with? ─▶ fill the windows that changed, beside the shard ─▶ go over:
//!             a lineage begins, with the new text in the journal and a snapshot
//! ```
//!
//! RELOAD-1: a record is stepped under one pipeline, and a window told by one: going over happens between two steps, at a place
//! of the log to which the new windows are filled exactly.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use wardwatch_event_time::Timestamp;
use wardwatch_inference::{Models, Recording};
use wardwatch_pipeline::{NoSuccession, Pipeline, Succession};
use wardwatch_shard::Shard;

use crate::desk::Desk;
use crate::failpoint::failpoint;
use crate::filler::{Filler, Place};
use crate::handover::{handed_over, unfilled};
use crate::health::Stats;
use crate::journal::LineageRecord;
use crate::worker::{Worker, now};
use crate::{EngineConfig, EngineError, meter, topics};

/// After windows could not be filled.
const AGAIN: Duration = Duration::from_secs(30);

/// The pipeline that an engine's shards are to run.
#[derive(Debug)]
pub(crate) struct Wanted {
    pipeline: Mutex<Arc<Pipeline>>,
    /// An edit of it is refused.
    edit_refused: AtomicBool,
}

/// What an engine runs, for whoever edits that.
#[derive(Clone)]
pub struct RunningPipeline {
    pub(crate) wanted: Arc<Wanted>,
    /// As the engine was started.
    pub(crate) config: Arc<EngineConfig>,
}

/// A shard on its way to another pipeline.
pub(crate) struct GoingOver {
    pipeline: Arc<Pipeline>,
    succession: Succession,
    filler: Option<Filler>,
    begun: Instant,
    /// It failed; another attempt is made then.
    again_at: Option<Instant>,
}

// === impl RunningPipeline ===

impl RunningPipeline {
    /// The pipeline that the shards run, or are on their way to.
    pub fn pipeline(&self) -> Arc<Pipeline> {
        self.wanted.pipeline()
    }

    /// Goes over to an edited pipeline: each shard when its new windows are filled. Tells what of the state is kept. Blocks
    /// while topics are asked whether they keep records for as long as its windows reach back.
    ///
    /// # Errors
    /// [`EngineError::Succession`] when it cannot be gone over to while the engine runs, or as [`Engine::start`](crate::Engine)
    /// would refuse it; nothing changes.
    pub fn go_over(&self, pipeline: Arc<Pipeline>) -> Result<Succession, EngineError> {
        pipeline.succession(&self.pipeline())?;
        topics::check(&EngineConfig {
            pipeline: Arc::clone(&pipeline),
            ..EngineConfig::clone(&self.config)
        })?;
        Ok(self.wanted.set(pipeline)?)
    }

    /// Says in journal and metrics, until told otherwise, whether an edit of the pipeline is refused.
    pub fn refuse_edit(&self, is_refused: bool) {
        self.wanted.refuse_edit(is_refused);
    }
}

// === impl Wanted ===

impl Wanted {
    pub(crate) fn new(pipeline: Arc<Pipeline>) -> Self {
        Self {
            pipeline: Mutex::new(pipeline),
            edit_refused: AtomicBool::new(false),
        }
    }

    pub(crate) fn pipeline(&self) -> Arc<Pipeline> {
        Arc::clone(&self.pipeline.lock().expect("no panic while it is held"))
    }

    /// From now on this one.
    ///
    /// # Errors
    /// [`NoSuccession`]: the shards cannot go over to it while they run.
    pub(crate) fn set(&self, new: Arc<Pipeline>) -> Result<Succession, NoSuccession> {
        let mut wanted = self.pipeline.lock().expect("no panic while it is held");
        let succession = new.succession(&wanted)?;
        *wanted = new;
        drop(wanted);
        self.refuse_edit(false);
        Ok(succession)
    }

    pub(crate) fn refuse_edit(&self, is_refused: bool) {
        self.edit_refused.store(is_refused, Ordering::Release);
        meter::edit_refused(is_refused);
    }

    pub(crate) fn is_edit_refused(&self) -> bool {
        self.edit_refused.load(Ordering::Acquire)
    }

    /// An engine's configuration with the pipeline that is wanted now.
    pub(crate) fn config(&self, started_with: &Arc<EngineConfig>) -> Arc<EngineConfig> {
        let pipeline = self.pipeline();
        match Arc::ptr_eq(&pipeline, &started_with.pipeline) {
            true => Arc::clone(started_with),
            false => Arc::new(EngineConfig {
                pipeline,
                ..EngineConfig::clone(started_with)
            }),
        }
    }
}

// === impl Worker ===

impl<'w> Worker<'w> {
    /// Goes over to the pipeline that is wanted, as soon as its windows are filled.
    ///
    /// # Errors
    /// Why the shard cannot be stepped, or nothing be put on the desk.
    pub(crate) fn follow(&mut self, desk: &Desk<'w>) -> Result<(), EngineError> {
        let wanted = self.wanted.pipeline();
        if Arc::ptr_eq(&wanted, &self.pipeline) || self.begins.is_some() {
            self.going_over = None;
            return Ok(());
        }
        let mut going = match self.going_over.take() {
            Some(going) if !Arc::ptr_eq(&going.pipeline, &wanted) => self.set_out(wanted),
            Some(going) if going.again_at.is_some_and(|at| now() < at) => {
                self.going_over = Some(going);
                return Ok(());
            }
            Some(going) if going.again_at.is_none() => going,
            _ => self.set_out(wanted),
        };
        if let Some(filler) = &mut going.filler {
            // Those that are decided are the old pipeline's to tell, so that the shard stands where its records end.
            self.drain(desk)?;
            let waited = now();
            match filler.meet(self.place()) {
                Ok(None) => self.going_over = Some(going),
                Ok(Some(filled)) => self.go_over(&going, Some(filled), waited),
                Err(error) => {
                    tracing::error!(
                        shard = self.number,
                        error = &error as &dyn std::error::Error,
                        "the new windows cannot be filled; the shard goes on as it was, and tries again"
                    );
                    (going.filler, going.again_at) = (None, Some(now() + AGAIN));
                    self.going_over = Some(going);
                }
            }
            return Ok(());
        }
        if going.again_at.is_some() {
            self.going_over = Some(going);
            return Ok(());
        }
        let waited = now();
        self.drain(desk)?;
        let to_fill = going.pipeline.to_fill(&going.succession).map(Arc::new);
        let nothing = to_fill.map(unfilled);
        self.go_over(&going, nothing, waited);
        Ok(())
    }

    /// Sees what there is to do before the shard can go over.
    fn set_out(&self, pipeline: Arc<Pipeline>) -> GoingOver {
        let succession = pipeline
            .succession(&self.pipeline)
            .expect("only what can be gone over to is wanted");
        let to_fill = pipeline.to_fill(&succession).map(Arc::new);
        let here = self.place();
        let mut going = GoingOver {
            pipeline,
            succession,
            filler: None,
            begun: now(),
            again_at: None,
        };
        // Before the first record there is nothing to fill windows from.
        let Some(only) = to_fill.filter(|_| here.log_time != Timestamp::MIN) else {
            return going;
        };
        match Filler::start(Arc::new(self.config.clone()), self.number, only, here) {
            Ok(filler) => going.filler = Some(filler),
            Err(error) => {
                tracing::error!(
                    shard = self.number,
                    error = &error as &dyn std::error::Error,
                    "windows cannot be filled"
                );
                going.again_at = Some(now() + AGAIN);
            }
        }
        going
    }

    /// Where the shard stands.
    fn place(&self) -> Place {
        Place {
            offsets: self.position.offsets.clone(),
            log_time: self.shard.log_time(),
            shards: self.log.shards,
        }
    }

    /// Evaluates what is decided, under the pipeline that decided it.
    fn drain(&mut self, desk: &Desk<'w>) -> Result<(), EngineError> {
        let (mut bundle, mut did) = (self.bundle(), Stats::default());
        while self.shard.has_more() {
            self.step(&[], None, self.config.clock.now(), &mut bundle, &mut did)?;
        }
        if did.steps > 0 {
            desk.put(bundle)?;
            self.health.turned(self.number, did, false);
        }
        Ok(())
    }

    fn go_over(&mut self, going: &GoingOver, filled: Option<Shard>, waited: Instant) {
        failpoint("go_over");
        let (old, new) = (self.take_shard(), Arc::clone(&going.pipeline));
        let reason = format!(
            "the pipeline went from version {} to {}, and its state went along",
            old.pipeline().version,
            new.version
        );
        self.begins = Some(Box::new(LineageRecord::of(&new, reason, true)));
        let new = handed_over(old, new, &going.succession, filled, &mut self.ended);
        self.run_as(new);
        tracing::info!(
            shard = self.number,
            version = self.pipeline.version,
            filled = going.succession.fresh_sets().len(),
            seconds = going.begun.elapsed().as_secs_f64(),
            pause = waited.elapsed().as_secs_f64(),
            "the shard goes on under the edited pipeline; a new lineage begins"
        );
        failpoint("went_over");
    }

    /// The shard, to be given back under another pipeline by [`run_as`](Self::run_as).
    pub(crate) fn take_shard(&mut self) -> Shard {
        let nothing = unfilled(Arc::clone(&self.pipeline));
        std::mem::replace(&mut self.shard, nothing)
    }

    /// Goes on with the shard under its new pipeline.
    pub(crate) fn run_as(&mut self, shard: Shard) {
        self.pipeline = Arc::clone(shard.pipeline());
        self.scorer = Recording::new(Models::new(self.pipeline.models.clone()));
        self.position.lineage += 1;
        self.position.digest = shard.digest();
        self.shard = shard;
        self.is_new_lineage = true;
        self.warned.clear();
        meter::runs(self.number, self.pipeline.version);
    }
}
