//! The pipelines that engines have run, kept beside their snapshots, so that a way back is at hand.
//!
//! ```text
//!   PIPELINE/JOURNAL/pipelines/SHA-256.yaml
//! ```
//!
//! An object is written again when its pipeline is gone over to again, so their times are the order in which they ran.

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};
use wardwatch_event_time::Timestamp;
use wardwatch_pipeline::Pipeline;

use crate::snapshots::{SnapshotStore, StoreError};

/// So many pipelines are kept.
const KEPT: usize = 100;

/// A pipeline that engines have run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptPipeline {
    /// SHA-256 of its text.
    pub hash: String,
    /// When engines went over to it last, by the store's clock.
    pub since: Timestamp,
}

// === impl SnapshotStore ===

impl SnapshotStore {
    /// Keeps a pipeline's text, as that which runs from now on.
    ///
    /// # Errors
    /// [`StoreError::Failed`]
    pub fn keep_pipeline(&self, journal: &str, pipeline: &Pipeline) -> Result<(), StoreError> {
        let path = self.pipeline_path(&pipeline.name, journal, &pipeline.hash);
        let text = pipeline.text.as_bytes().to_vec();
        self.wait_for("keeping the pipeline", self.objects().put(&path, text.into()))?;
        for old in self
            .kept_pipelines(&pipeline.name, journal)?
            .into_iter()
            .skip(KEPT)
        {
            let path = self.pipeline_path(&pipeline.name, journal, &old.hash);
            self.wait_for("removing an old pipeline", self.objects().delete(&path))?;
        }
        Ok(())
    }

    /// The pipelines of this name that engines have run, the newest first.
    ///
    /// # Errors
    /// [`StoreError::Failed`]
    pub fn kept_pipelines(&self, name: &str, journal: &str) -> Result<Vec<KeptPipeline>, StoreError> {
        let folder = self.pipelines_folder(name, journal);
        let listing = self.objects().list(Some(&folder)).try_collect();
        let objects: Vec<_> = self.wait_for("listing pipelines", listing)?;
        let mut kept: Vec<KeptPipeline> = objects.iter().filter_map(KeptPipeline::from_object).collect();
        kept.sort_unstable_by(|one, other| (other.since, &other.hash).cmp(&(one.since, &one.hash)));
        Ok(kept)
    }

    /// The text of a pipeline that engines have run.
    ///
    /// # Errors
    /// [`StoreError::Failed`]
    pub fn kept_text(&self, name: &str, journal: &str, hash: &str) -> Result<String, StoreError> {
        let path = self.pipeline_path(name, journal, hash);
        let object = async { self.objects().get(&path).await?.bytes().await };
        let bytes = self.wait_for("reading a pipeline", object)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn pipelines_folder(&self, name: &str, journal: &str) -> Path {
        self.root().join(name).join(journal).join("pipelines")
    }

    fn pipeline_path(&self, name: &str, journal: &str, hash: &str) -> Path {
        self.pipelines_folder(name, journal).join(format!("{hash}.yaml"))
    }
}

// === impl KeptPipeline ===

impl KeptPipeline {
    fn from_object(object: &ObjectMeta) -> Option<Self> {
        let hash = object.location.filename()?.strip_suffix(".yaml")?;
        Some(Self {
            hash: hash.to_owned(),
            since: Timestamp::from_micros(object.last_modified.timestamp_micros()),
        })
    }
}
