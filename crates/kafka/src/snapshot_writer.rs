//! The thread that writes snapshots away, so that no shard waits for a disk or a bucket.

use std::error::Error;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use wardwatch_shard::Snapshot;

use crate::journal::Position;
use crate::meter::{self, Stage};
use crate::snapshot_file::{self, Header};
use crate::snapshots::SnapshotStore;
use crate::worker::now;
use crate::{EngineConfig, EngineError};

/// So many snapshots wait at most, each of them a copy of a shard's state; one more is left out.
const MOST_WAITING: usize = 2;

/// A snapshot to be written.
pub(crate) struct Job {
    pub number: i32,
    pub position: Position,
    pub journal_offset: i64,
    pub snapshot: Snapshot,
}

/// Why a snapshot was not written: it cannot be encoded, or not be kept.
type Trouble = Box<dyn Error + Send + Sync>;

/// Takes snapshots.
#[derive(Clone)]
pub(crate) struct SnapshotWriter(SyncSender<Job>);

// === impl SnapshotWriter ===

impl SnapshotWriter {
    /// Starts the thread, if snapshots are configured. It ends once every [`SnapshotWriter`] is dropped.
    pub(crate) fn start(config: &Arc<EngineConfig>) -> Result<Option<(Self, JoinHandle<()>)>, EngineError> {
        let Some(store) = config.snapshots.clone() else {
            return Ok(None);
        };
        let (sender, jobs) = sync_channel(MOST_WAITING);
        let config = Arc::clone(config);
        let thread = thread::Builder::new()
            .name("wardwatch-snapshots".to_owned())
            .spawn(move || write_all(&config, &store, &jobs))
            .map_err(EngineError::Thread)?;
        Ok(Some((Self(sender), thread)))
    }

    /// Has it written. When earlier ones still wait, this one is left out.
    pub(crate) fn write(&self, job: Job) {
        if let Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) = self.0.try_send(job) {
            tracing::warn!(
                shard = job.number,
                "a snapshot is left out: earlier ones are still being written"
            );
            meter::snapshot_failed();
        }
    }
}

fn write_all(config: &EngineConfig, store: &SnapshotStore, jobs: &Receiver<Job>) {
    for job in jobs {
        let begun = now();
        let (lineage, sequence) = (job.position.lineage, job.position.sequence);
        let pieces = snapshot_file::write(&header(config, &job), &job.snapshot);
        // The tables are encoded: their memory is wanted for the next.
        let number = job.number;
        drop(job);
        let written = pieces.map_err(Trouble::from).and_then(|pieces| {
            let bytes: usize = pieces.iter().map(Vec::len).sum();
            store.save(&config.pipeline.name, number, (lineage, sequence), pieces)?;
            Ok(bytes)
        });
        match written {
            Ok(bytes) => {
                let seconds = begun.elapsed().as_secs_f64();
                tracing::debug!(shard = number, sequence, bytes, seconds, "a snapshot is written");
                meter::snapshot_written(number, bytes, config.clock.now());
            }
            Err(error) => {
                tracing::error!(
                    shard = number,
                    error = &*error as &dyn Error,
                    "a snapshot is not written; processing goes on"
                );
                meter::snapshot_failed();
            }
        }
        meter::stage(Stage::Snapshot, begun.elapsed().as_secs_f64());
    }
}

fn header(config: &EngineConfig, job: &Job) -> Header {
    let pipeline = &config.pipeline;
    Header {
        format: Snapshot::FORMAT,
        pipeline: Arc::clone(&pipeline.name),
        pipeline_version: pipeline.version,
        pipeline_hash: Arc::clone(&pipeline.hash),
        models: pipeline.model_identities(),
        build: Arc::clone(&config.build),
        shard: job.number,
        lineage: job.position.lineage,
        sequence: job.position.sequence,
        journal_offset: job.journal_offset,
        digest: job.position.digest,
        taken_at: config.clock.now(),
        tables: Vec::new(),
    }
}
