//! Where snapshots are kept: a folder or a bucket. They are caches of the log, so losing them costs time, not alerts.
//!
//! ```text
//!   PIPELINE/JOURNAL/00003/00000000000000000001-00000000000000001234.snapshot     topic, shard, lineage, sequence
//! ```
//!
//! The newest is the one written last: after a journal was begun anew its numbers are lower than those of older files.
//! STORE-1: the newest two of a shard are kept. STORE-2: an object is there whole or not at all.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{BackoffConfig, ObjectStore, ObjectStoreExt, PutPayload, RetryConfig};
use tokio::runtime::{Builder, Runtime};

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

/// So many snapshots of a shard are kept.
const KEPT: usize = 2;

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

// === impl SnapshotStore ===

impl SnapshotStore {
    /// A folder, or `s3://BUCKET/FOLDER` with the usual `AWS_…` variables for the rest. A file is written and removed, so
    /// that a wrong setting is noticed at once. A disk that is full or a store that does not answer is no reason to leave
    /// patients unwatched: that is told, and tried again with each snapshot.
    ///
    /// # Errors
    /// [`StoreError::Unusable`]
    pub fn open(url: &str) -> Result<Self, StoreError> {
        let unusable = |source: Box<dyn std::error::Error + Send + Sync>| StoreError::Unusable {
            url: url.to_owned(),
            source,
        };
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("wardwatch-store")
            .enable_all()
            .build()
            .map_err(|error| unusable(error.into()))?;
        let (store, root): (Arc<dyn ObjectStore>, Path) = match url.strip_prefix("s3://") {
            Some(bucket) => {
                let (bucket, folder) = bucket.split_once('/').unwrap_or((bucket, ""));
                let store = AmazonS3Builder::from_env()
                    .with_bucket_name(bucket)
                    .with_retry(RETRY)
                    .build();
                (
                    Arc::new(store.map_err(|error| unusable(error.into()))?),
                    Path::from(folder),
                )
            }
            None if url.contains("://") => return Err(unusable("this kind of store is not known".into())),
            None => {
                std::fs::create_dir_all(url).map_err(|error| unusable(error.into()))?;
                let store = LocalFileSystem::new_with_prefix(url).map_err(|error| unusable(error.into()))?;
                (Arc::new(store), Path::default())
            }
        };
        let opened = Self {
            store,
            root,
            runtime,
            url: url.to_owned(),
        };
        let probe = opened.root.clone().join("probe");
        let probed = opened.runtime.block_on(async {
            opened
                .store
                .put(&probe, PutPayload::from_static(b"Wardwatch"))
                .await?;
            match opened.store.delete(&probe).await {
                // Another engine that starts at this moment was quicker.
                Err(object_store::Error::NotFound { .. }) => Ok(()),
                deleted => deleted,
            }
        });
        match probed {
            Ok(()) => {}
            Err(error) if passes(&error, url) => tracing::error!(
                url,
                error = &error as &dyn std::error::Error,
                "snapshots cannot be kept now (--snapshots): see that the disk has room, or that the store at AWS_ENDPOINT answers; \
                 the engine goes on without until they can"
            ),
            Err(error) => return Err(unusable(error.into())),
        }
        Ok(opened)
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
        let all = self.list(place)?;
        for old in all.iter().skip(KEPT) {
            self.runtime
                .block_on(self.store.delete(old))
                .map_err(|source| self.failed("removing an old snapshot", source))?;
        }
        Ok(())
    }

    /// A shard's snapshots, the newest first.
    pub(crate) fn list(&self, place: Place<'_>) -> Result<Vec<Path>, StoreError> {
        let folder = self.folder(place);
        let objects: Vec<_> = self
            .runtime
            .block_on(self.store.list(Some(&folder)).try_collect())
            .map_err(|source| self.failed("listing snapshots", source))?;
        let mut found: Vec<_> = objects
            .into_iter()
            .map(|object| (object.last_modified, object.location))
            .filter(|(_, path)| path.extension() == Some("snapshot"))
            .collect();
        found.sort_unstable_by(|one, other| other.cmp(one));
        Ok(found.into_iter().map(|(_, path)| path).collect())
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

    fn failed(&self, action: &'static str, source: object_store::Error) -> StoreError {
        StoreError::Failed {
            action,
            url: self.url.clone(),
            source,
        }
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

    /// After the topics were made anew, sequences begin with nothing again; and junk may have any name.
    #[test]
    fn the_newest_are_those_written_last() {
        let folder = tempfile::tempdir().unwrap();
        let store = SnapshotStore::open(folder.path().to_str().unwrap()).unwrap();
        for sequence in [900, 901, 5, 6] {
            store.save(PLACE, (1, sequence), vec![b"whole".to_vec()]).unwrap();
        }
        let listed = store.list(PLACE).unwrap();
        let names: Vec<&str> = listed.iter().filter_map(Path::filename).collect();
        let name = |sequence| format!("{:020}-{sequence:020}.snapshot", 1);
        assert_eq!(names, [name(6), name(5)]);
        let other = Place {
            journal: "other.journal",
            ..PLACE
        };
        assert!(store.list(other).unwrap().is_empty());
    }
}
