//! Where snapshots are kept: a folder or a bucket. They are caches of the log, so losing them costs time, not alerts.
//!
//! ```text
//!   PIPELINE/JOURNAL/00003/00000000000000000001-00000000000000001234.snapshot     topic, shard, lineage, sequence
//! ```
//!
//! The newest is the one written last: after a journal was begun anew its numbers are lower than those of older files.
//!
//! STORE-1: the newest two of a shard are kept, to restore. Of the others the first of each lineage in every six hours is kept, to
//! derive an alert again, and of those the newest 28: seven days, as far as topics reach back. Bounding their number and not their
//! age bounds the disk, and a host whose clock once was wrong does not take them all for old.
//!
//! STORE-2: an object is there whole or not at all.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{BackoffConfig, ObjectMeta, ObjectStore, ObjectStoreExt, PutPayload, RetryConfig};
use tokio::runtime::{Builder, Runtime};
use wardwatch_event_time::{Span, Timestamp};

use crate::failpoint::failpoint;

/// A shard that starts does not wait longer than this for a store that does not answer.
const RETRY: RetryConfig = RetryConfig {
    backoff: BackoffConfig {
        init_backoff: Duration::from_millis(100),
        max_backoff: Duration::from_secs(2),
        base: 2.0,
    },
    max_retries: 3,
    retry_timeout: Duration::from_secs(10),
};

/// Where a machine of Amazon's asks who it is.
const AMAZONS_HOST: &str = "169.254.169.254";

/// So many snapshots of a shard are kept to restore.
pub(crate) const KEPT: usize = 2;

/// Of the others one is kept of each such time, and so many in all.
const KEPT_EVERY: Span = Span::from_secs(6 * 3_600);
const KEPT_OTHERS: usize = 28;

/// A place for snapshots.
#[derive(Debug)]
pub struct SnapshotStore {
    store: Arc<dyn ObjectStore>,
    root: Path,
    /// Its own, so that a slow bucket holds up no shard.
    runtime: Runtime,
    /// As it was given.
    url: String,
}

/// Whose snapshots: a shard's, of a journal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'p> {
    pub pipeline: &'p str,
    /// The topic: engines of several hospitals may share a folder.
    pub journal: &'p str,
    pub shard: i32,
}

/// A snapshot in the store.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub path: Path,
    /// When, by the store's clock.
    pub written: Timestamp,
    pub lineage: u64,
    /// Of the step after it.
    pub sequence: u64,
}

/// Why snapshots cannot be kept or had. Processing goes on without them.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Configuration: the place cannot be used.
    #[error(
        "snapshots cannot be kept in {url}: give a folder that may be written to, or s3://BUCKET/FOLDER with AWS_ACCESS_KEY_ID, \
         AWS_SECRET_ACCESS_KEY, AWS_REGION and, where it is not Amazon's, AWS_ENDPOINT"
    )]
    Unusable {
        /// As it was given.
        url: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Configuration: no engine has kept anything there.
    #[error("there is no folder {url} for snapshots: give the one that engines were started with")]
    Missing {
        /// As it was given.
        url: String,
    },
    /// Outside system: the store does not answer, or its disk is full.
    #[error("{action} in {url} failed")]
    Failed {
        /// What was tried.
        action: &'static str,
        /// As it was given.
        url: String,
        /// Why.
        source: object_store::Error,
    },
}

fn unusable(url: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Unusable {
        url: url.to_owned(),
        source: source.into(),
    }
}

// === impl SnapshotStore ===

impl SnapshotStore {
    /// A place for an engine's snapshots: a folder, which is made, or `s3://BUCKET/FOLDER` with the usual `AWS_…` variables for
    /// the rest. A file is written and removed, so that a wrong setting is noticed at once. A disk that is full or a store that
    /// does not answer is no reason to leave patients unwatched: that is told, and tried again with each snapshot.
    ///
    /// # Errors
    /// [`StoreError::Unusable`]
    pub fn create(url: &str) -> Result<Self, StoreError> {
        if !url.contains("://") {
            std::fs::create_dir_all(url).map_err(|error| unusable(url, error))?;
        }
        let opened = Self::open(url)?;
        match opened.probe() {
            Ok(()) => {}
            Err(error) if passes(&error, url) => tracing::error!(
                url,
                error = &error as &dyn std::error::Error,
                "snapshots cannot be kept now (--snapshots): see that the disk has room, or that the store at AWS_ENDPOINT answers; \
                 the engine goes on without until they can"
            ),
            Err(error) => return Err(unusable(url, error)),
        }
        Ok(opened)
    }

    /// A place where engines have kept snapshots; nothing is written.
    ///
    /// # Errors
    /// [`StoreError::Missing`] where the folder is not there; [`StoreError::Unusable`]
    pub fn open(url: &str) -> Result<Self, StoreError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("wardwatch-store")
            .enable_all()
            .build()
            .map_err(|error| unusable(url, error))?;
        let (store, root): (Arc<dyn ObjectStore>, Path) = match url.strip_prefix("s3://") {
            Some(bucket) => {
                let (bucket, folder) = bucket.split_once('/').unwrap_or((bucket, ""));
                let store = AmazonS3Builder::from_env()
                    .with_bucket_name(bucket)
                    .with_retry(RETRY)
                    .build();
                (
                    Arc::new(store.map_err(|error| unusable(url, error))?),
                    Path::from(folder),
                )
            }
            None if url.contains("://") => return Err(unusable(url, "this kind of store is not known")),
            None if !std::path::Path::new(url).exists() => {
                return Err(StoreError::Missing { url: url.to_owned() });
            }
            None => {
                let store = LocalFileSystem::new_with_prefix(url).map_err(|error| unusable(url, error))?;
                (Arc::new(store), Path::default())
            }
        };
        Ok(Self {
            store,
            root,
            runtime,
            url: url.to_owned(),
        })
    }

    /// Whether a file can be written there, and removed.
    ///
    /// # Errors
    /// [`StoreError::Failed`]
    pub fn check(&self) -> Result<(), StoreError> {
        self.probe()
            .map_err(|source| self.failed("writing a file", source))
    }

    fn probe(&self) -> object_store::Result<()> {
        let probe = self.root.clone().join("probe");
        self.runtime.block_on(async {
            self.store
                .put(&probe, PutPayload::from_static(b"Wardwatch"))
                .await?;
            match self.store.delete(&probe).await {
                // Another engine that starts at this moment was quicker.
                Err(object_store::Error::NotFound { .. }) => Ok(()),
                deleted => deleted,
            }
        })
    }

    /// Writes a snapshot, given in pieces, and removes those that it makes superfluous.
    pub(crate) fn save(
        &self,
        place: Place<'_>,
        (lineage, sequence): (u64, u64),
        pieces: Vec<Vec<u8>>,
    ) -> Result<(), StoreError> {
        let path = self
            .folder(place)
            .join(format!("{lineage:020}-{sequence:020}.snapshot"));
        let payload: PutPayload = pieces.into_iter().map(bytes::Bytes::from).collect();
        failpoint("snapshot_write");
        self.runtime
            .block_on(self.store.put(&path, payload))
            .map_err(|source| self.failed("writing a snapshot", source))?;
        failpoint("snapshot_written");
        for old in superfluous(&self.list(place)?) {
            self.runtime
                .block_on(self.store.delete(old))
                .map_err(|source| self.failed("removing an old snapshot", source))?;
        }
        Ok(())
    }

    /// A shard's snapshots, the newest first.
    pub(crate) fn list(&self, place: Place<'_>) -> Result<Vec<Stored>, StoreError> {
        let folder = self.folder(place);
        let objects: Vec<_> = self
            .runtime
            .block_on(self.store.list(Some(&folder)).try_collect())
            .map_err(|source| self.failed("listing snapshots", source))?;
        let mut found: Vec<Stored> = objects.iter().filter_map(Stored::from_object).collect();
        found.sort_unstable_by(|one, other| (other.written, &other.path).cmp(&(one.written, &one.path)));
        Ok(found)
    }

    pub(crate) fn load(&self, path: &Path) -> Result<bytes::Bytes, StoreError> {
        let object = async { self.store.get(path).await?.bytes().await };
        self.runtime
            .block_on(object)
            .map_err(|source| self.failed("reading a snapshot", source))
    }

    fn folder(&self, place: Place<'_>) -> Path {
        let of_pipeline = self.root.clone().join(place.pipeline).join(place.journal);
        of_pipeline.join(format!("{:05}", place.shard))
    }

    /// What is in it; names begin with [`SnapshotStore::root`].
    pub(crate) fn objects(&self) -> &dyn ObjectStore {
        &*self.store
    }

    pub(crate) fn root(&self) -> Path {
        self.root.clone()
    }

    /// Waits for something that is done in it.
    pub(crate) fn wait_for<T>(
        &self,
        action: &'static str,
        done: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, StoreError> {
        let outcome = self.runtime.block_on(done);
        outcome.map_err(|source| self.failed(action, source))
    }

    fn failed(&self, action: &'static str, source: object_store::Error) -> StoreError {
        StoreError::Failed {
            action,
            url: self.url.clone(),
            source,
        }
    }
}

/// Of all snapshots of a shard, the newest first, those that nobody needs any more.
fn superfluous(all: &[Stored]) -> impl Iterator<Item = &Path> {
    let time = |one: &Stored| one.written.micros().div_euclid(KEPT_EVERY.micros());
    let mut firsts = BTreeSet::new();
    let oldest_first = all.iter().skip(KEPT).rev();
    let (kept, not_first): (Vec<_>, Vec<_>) =
        oldest_first.partition(|one| firsts.insert((one.lineage, time(one))));
    let too_many = kept.len().saturating_sub(KEPT_OTHERS);
    let too_old = kept.into_iter().take(too_many);
    too_old.chain(not_first).map(|one| &one.path)
}

// === impl Stored ===

impl Stored {
    fn from_object(object: &ObjectMeta) -> Option<Self> {
        let name = object.location.filename()?.strip_suffix(".snapshot")?;
        let (lineage, sequence) = name.split_once('-')?;
        Some(Self {
            path: object.location.clone(),
            written: Timestamp::from_micros(object.last_modified.timestamp_micros()),
            lineage: lineage.parse().ok()?,
            sequence: sequence.parse().ok()?,
        })
    }
}

/// Whether it may pass by itself: a full disk, a store that does not answer. Everything else is a setting.
fn passes(error: &object_store::Error, url: &str) -> bool {
    let is_full = |cause: &(dyn std::error::Error + 'static)| {
        let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        matches!(kind, Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded))
    };
    let mut causes = std::iter::successors(Some(error as &(dyn std::error::Error + 'static)), |cause| {
        cause.source()
    });
    match error {
        // Nothing says who this is, so a machine of Amazon's was asked; there is none.
        object_store::Error::Generic { source, .. } if format!("{source:?}").contains(AMAZONS_HOST) => false,
        object_store::Error::Generic { .. } if url.starts_with("s3://") => true,
        object_store::Error::Generic { .. } => causes.any(is_full),
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    const PLACE: Place<'_> = Place {
        pipeline: "ward",
        journal: "journal",
        shard: 3,
    };

    fn stored(hours: i64, lineage: u64, sequence: u64) -> Stored {
        Stored {
            path: Path::from(format!("{lineage}-{sequence}")),
            written: Timestamp::from_millis(hours * 3_600_000),
            lineage,
            sequence,
        }
    }

    /// After the topics were made anew, sequences begin with nothing again; and junk may have any name.
    #[test]
    fn the_newest_are_those_written_last() {
        let folder = tempfile::tempdir().unwrap();
        let store = SnapshotStore::open(folder.path().to_str().unwrap()).unwrap();
        for sequence in [900, 901, 5, 6] {
            store.save(PLACE, (1, sequence), vec![b"whole".to_vec()]).unwrap();
            // A file's time is that of the kernel's last tick.
            std::thread::sleep(Duration::from_millis(20));
        }
        std::fs::write(folder.path().join("ward/journal/00003/junk.snapshot"), "junk").unwrap();
        let sequences = store.list(PLACE).unwrap().into_iter().map(|one| one.sequence);
        assert_eq!(sequences.take(2).collect::<Vec<_>>(), [6, 5]);
        let other = Place {
            journal: "other.journal",
            ..PLACE
        };
        assert!(store.list(other).unwrap().is_empty());
    }

    #[test]
    fn one_of_every_six_hours_is_kept() {
        let all = [
            stored(174, 3, 90),
            stored(174, 3, 89),
            // The first of its lineage in these hours, and one more.
            stored(173, 3, 80),
            stored(173, 2, 70),
            stored(172, 2, 61),
            stored(168, 2, 60),
            stored(5, 1, 40),
        ];
        let old: Vec<_> = superfluous(&all).map(Path::to_string).collect();
        assert_eq!(old, ["2-61", "2-70"]);
        assert_eq!(superfluous(&all[..2]).count(), 0);
    }

    #[test]
    fn thirty_are_kept_at_most() {
        let all: Vec<Stored> = (0..32).rev().map(|n| stored(6 * n, 1, n as u64)).collect();
        let old: Vec<_> = superfluous(&all).map(Path::to_string).collect();
        assert_eq!(old, ["1-0", "1-1"]);
    }
}
