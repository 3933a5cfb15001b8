//! The thread that writes snapshots away, so that no shard waits for a disk or a bucket.
//!
//! A snapshot is a copy of a shard's state, so there is room for a few only. A shard that finds none is not captured now: it
//! stays due and asks again.

use std::error::Error;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use wardwatch_pipeline::Pipeline;
use wardwatch_shard::Snapshot;

use crate::journal::Position;
use crate::meter::{self, Stage};
use crate::snapshot_file::{self, Header};
use crate::snapshots::SnapshotStore;
use crate::worker::now;
use crate::{EngineConfig, EngineError};

/// So many snapshots there are at most, from their capture until they are written.
const ROOM: usize = 2;

/// A snapshot to be written.
pub(crate) struct Job {
    pub number: i32,
    /// What the shard runs.
    pub pipeline: Arc<Pipeline>,
    pub position: Position,
    pub journal_offset: i64,
    pub snapshot: Snapshot,
    pub room: Room,
}

/// Why a snapshot was not written: it cannot be encoded, or not be kept.
type Trouble = Box<dyn Error + Send + Sync>;

/// Takes snapshots.
#[derive(Clone)]
pub(crate) struct SnapshotWriter {
    jobs: SyncSender<Job>,
    rooms: Arc<Rooms>,
}

/// How many snapshots there are, and a sign when there is one less.
#[derive(Default)]
struct Rooms {
    taken: Mutex<usize>,
    freed: Condvar,
}

/// Leave to capture a state; given back when it is dropped.
pub(crate) struct Room(Arc<Rooms>);

// === impl SnapshotWriter ===

impl SnapshotWriter {
    /// Starts the thread, if snapshots are configured. It ends once every [`SnapshotWriter`] is dropped.
    pub(crate) fn start(config: &Arc<EngineConfig>) -> Result<Option<(Self, JoinHandle<()>)>, EngineError> {
        let Some(store) = config.snapshots.clone() else {
            return Ok(None);
        };
        let (sender, jobs) = sync_channel(ROOM);
        let config = Arc::clone(config);
        let thread = thread::Builder::new()
            .name("wardwatch-snapshots".to_owned())
            .spawn(move || write_all(&config, &store, &jobs))
            .map_err(EngineError::Thread)?;
        let writer = Self {
            jobs: sender,
            rooms: Arc::default(),
        };
        Ok(Some((writer, thread)))
    }

    /// Leave to capture a state, if there is room within this time.
    pub(crate) fn room(&self, patience: Duration) -> Option<Room> {
        let taken = self.rooms.taken.lock().expect("no panic while it is held");
        let is_full = |taken: &mut usize| *taken >= ROOM;
        let waited = self.rooms.freed.wait_timeout_while(taken, patience, is_full);
        let (mut taken, waited) = waited.expect("no panic while it is held");
        if waited.timed_out() {
            return None;
        }
        *taken += 1;
        Some(Room(Arc::clone(&self.rooms)))
    }

    /// Has it written.
    pub(crate) fn write(&self, job: Job) {
        if self.jobs.send(job).is_err() {
            tracing::error!("a snapshot is not written: the thread that writes them has ended");
            meter::snapshot_failed();
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        *self.0.taken.lock().expect("no panic while it is held") -= 1;
        self.0.freed.notify_one();
    }
}

fn write_all(config: &EngineConfig, store: &SnapshotStore, jobs: &Receiver<Job>) {
    for job in jobs {
        let begun = now();
        let (lineage, sequence) = (job.position.lineage, job.position.sequence);
        let pieces = snapshot_file::write(&header(config, &job), &job.snapshot);
        let Job {
            number,
            snapshot,
            room,
            ..
        } = job;
        // The tables are encoded: their memory is wanted for the next.
        drop(snapshot);
        let written = pieces.map_err(Trouble::from).and_then(|pieces| {
            let bytes: usize = pieces.iter().map(Vec::len).sum();
            store.save(config.snapshots_of(number), (lineage, sequence), pieces)?;
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
        drop(room);
    }
}

fn header(config: &EngineConfig, job: &Job) -> Header {
    let pipeline = &job.pipeline;
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_two() {
        let writer = SnapshotWriter {
            jobs: sync_channel(ROOM).0,
            rooms: Arc::default(),
        };
        let (one, _two) = (
            writer.room(Duration::ZERO).unwrap(),
            writer.room(Duration::ZERO).unwrap(),
        );
        assert!(writer.room(Duration::from_millis(1)).is_none());
        drop(one);
        assert!(writer.room(Duration::ZERO).is_some());
    }
}
