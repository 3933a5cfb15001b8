//! Watches a pipeline's file, or the folder of its parts, while an engine runs it.
//!
//! ```text
//!   an edit ─▶ the same at two looks ─▶ valid?  ─▶ planned, gone over to, kept for a way back
//!                                       invalid? ─▶ told in the log, in the journal and in metrics; what ran goes on
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use wardwatch_kafka::{EngineError, RunningPipeline, SnapshotStore};
use wardwatch_pipeline::Pipeline;
use wardwatch_workbench::plan::Plan;

use super::models::ModelsFolder;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// Tells two states of the files apart; what cannot be read is a state too.
pub type Fingerprint = Result<String, String>;

/// Looks after one engine's pipeline.
pub struct Watch {
    pub path: PathBuf,
    /// Of its files, taken before they were loaded: what is edited while the engine starts is an edit, too.
    pub judged: Fingerprint,
    pub models: ModelsFolder,
    pub running: RunningPipeline,
    /// Where pipelines that have run are kept, and under which journal.
    pub store: Option<(Arc<SnapshotStore>, String)>,
}

// === impl Watch ===

impl Watch {
    /// Starts to look, until told to stop.
    pub fn start(self, stop: Arc<AtomicBool>) -> anyhow::Result<()> {
        let look = move || {
            self.keep(&self.running.pipeline());
            let mut judged = self.judged.clone();
            let mut seen = judged.clone();
            while !stop.load(Ordering::Acquire) {
                thread::sleep(LOOK);
                let now = fingerprint(&self.path);
                // What is still being written is not judged.
                if now == seen && now != judged && self.judge() {
                    judged = now.clone();
                }
                seen = now;
            }
        };
        thread::Builder::new()
            .name("wardwatch-watch".to_owned())
            .spawn(look)
            .map(drop)
            .context("starting the thread that watches the pipeline")
    }

    /// Returns whether that is done; else it has to be tried again.
    fn judge(&self) -> bool {
        let old = self.running.pipeline();
        match self.models.load(&self.path) {
            Err(error) => self.refuse(&old, &error),
            Ok(new) if new.hash == old.hash => {
                tracing::info!("the pipeline's file says again what runs");
                self.running.refuse_edit(false);
            }
            Ok(new) => return self.go_over(&old, Arc::new(new)),
        }
        true
    }

    fn go_over(&self, old: &Pipeline, new: Arc<Pipeline>) -> bool {
        let plan = Plan::between(old, &new);
        match self.running.go_over(Arc::clone(&new)) {
            Err(error @ EngineError::Unreachable { .. }) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the pipeline is edited, and Kafka cannot be asked about its topics; that is tried again"
                );
                return false;
            }
            Err(error) => self.refuse(old, &error),
            Ok(_) => {
                tracing::info!("the pipeline is edited; its shards go over\n{plan}");
                for change in plan.breaking() {
                    tracing::warn!(
                        part = change.name,
                        why = change.breaking,
                        "the edit has a breaking change"
                    );
                }
                self.keep(&new);
            }
        }
        true
    }

    fn refuse(&self, old: &Pipeline, error: &dyn std::error::Error) {
        let causes = wardwatch_yaml::with_causes(error);
        tracing::error!(
            version = old.version,
            "an edit of the pipeline is refused, and the version that runs goes on: {causes}"
        );
        self.running.refuse_edit(true);
    }

    /// So that there is a way back to it.
    fn keep(&self, pipeline: &Pipeline) {
        if let Some((store, journal)) = &self.store
            && let Err(error) = store.keep_pipeline(journal, pipeline)
        {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the pipeline is not kept for a rollback"
            );
        }
    }
}

/// The state of a pipeline's files.
pub fn fingerprint(path: &Path) -> Fingerprint {
    Pipeline::fingerprint(path).map_err(|error| error.to_string())
}
