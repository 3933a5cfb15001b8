//! The replay itself: read, step, write, to the end of the files.
//!
//! It drives the same shard as the engine does, with the same models; only the log is a file and nothing waits for a wall
//! clock. No ticks are given: log time moves with the records alone.

use std::path::PathBuf;
use std::sync::Arc;

use wardwatch_inference::Models;
use wardwatch_ingest::Observations;
use wardwatch_pipeline::Pipeline;
use wardwatch_shard::{Batch, ContextInput, Outputs, Shard, Wants};

use crate::lines::{LineWriter, QuarantineLine};
use crate::summary::{Summary, Tally};
use crate::{FeatureWriter, Inputs, Reader, ReplayError, refused};

/// Where results go; nothing is written for what has no path.
#[derive(Clone, Debug, Default)]
pub struct Results {
    /// Alerts, as NDJSON.
    pub alerts: Option<PathBuf>,
    /// Features, as Parquet.
    pub features: Option<PathBuf>,
    /// Scores, as NDJSON.
    pub scores: Option<PathBuf>,
    /// What was not taken, as NDJSON of [`QuarantineLine`]. It holds patient data.
    pub quarantine: Option<PathBuf>,
}

/// How far a replay has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Readings so far.
    pub rows: u64,
    /// How much of the input has been read, from 0 to 1.
    pub fraction: f64,
}

struct Writers {
    alerts: Option<LineWriter>,
    scores: Option<LineWriter>,
    quarantine: Option<LineWriter>,
    features: Option<FeatureWriter>,
}

/// Runs `inputs` through a pipeline. `progress` is called after each batch.
///
/// # Errors
/// An input cannot be read, a result cannot be written, or the pipeline's SQL fails on the data. Results are then
/// incomplete.
pub fn replay(
    pipeline: &Arc<Pipeline>,
    inputs: impl Into<Inputs>,
    results: &Results,
    mut progress: impl FnMut(Progress),
) -> Result<Summary, ReplayError> {
    #[allow(
        clippy::disallowed_methods,
        reason = "how long a replay took is no part of its results"
    )]
    let started = std::time::Instant::now();
    let sources: Vec<String> = pipeline
        .sources
        .iter()
        .map(|source| source.name.clone())
        .collect();
    let mut reader = Reader::open(inputs, &sources)?;
    let mut writers = Writers::create(results, pipeline)?;
    let wants = Wants {
        features: results.features.is_some(),
        scores: results.scores.is_some(),
        per_step: usize::MAX,
    };
    let mut shard = Shard::new(Arc::clone(pipeline), wants);
    let mut models = Models::new(pipeline.models.clone());
    let mut tally = Tally::default();
    while let Some(read) = reader.next_batch()? {
        for quarantined in &read.quarantined {
            let readings = quarantined.readings.len().max(1) as u64;
            tally.rows += readings;
            tally.quarantine(quarantined.reason, readings);
            if let Some(writer) = &mut writers.quarantine {
                writer.write(&QuarantineLine::of(quarantined, &reader))?;
            }
        }
        tally.rows += read.observations.readings_len() as u64 + read.repeats;
        tally.counts.repeats += read.repeats;
        tally.context += read.context.len() as u64;
        let context = read
            .context
            .into_iter()
            .map(|(append_time, record)| ContextInput {
                append_time,
                writer: pipeline.writer(record.writer.as_deref()),
                record,
            });
        let batch = Batch {
            observations: read.observations,
            context: context.collect(),
            ..Batch::default()
        };
        let mut outputs = Outputs::default();
        shard.step(&batch, None, &mut models, &mut outputs)?;
        writers.take(outputs, &batch.observations, &mut reader, &mut tally)?;
        progress(Progress {
            rows: tally.rows,
            fraction: reader.fraction(),
        });
    }
    let mut outputs = Outputs::default();
    // A window that ends later was never whole.
    shard.finish(shard.log_time(), &mut models, &mut outputs)?;
    writers.take(outputs, &Observations::empty(), &mut reader, &mut tally)?;
    writers.finish()?;
    let files = reader.into_reports().into_vec();
    Ok(tally.summary(files, shard.patients(), started.elapsed().as_secs_f64()))
}

// === impl Writers ===

impl Writers {
    fn create(results: &Results, pipeline: &Pipeline) -> Result<Self, ReplayError> {
        let lines = |path: &Option<PathBuf>| path.as_deref().map(LineWriter::create).transpose();
        Ok(Self {
            alerts: lines(&results.alerts)?,
            scores: lines(&results.scores)?,
            quarantine: lines(&results.quarantine)?,
            features: results
                .features
                .as_deref()
                .map(|path| FeatureWriter::create(path, pipeline))
                .transpose()?,
        })
    }

    /// Counts and writes a step's outputs.
    fn take(
        &mut self,
        outputs: Outputs,
        observations: &Observations,
        reader: &mut Reader,
        tally: &mut Tally,
    ) -> Result<(), ReplayError> {
        for alert in &outputs.alerts {
            tally.alert(alert);
            if let Some(writer) = &mut self.alerts {
                writer.write(alert)?;
            }
        }
        if let Some(writer) = &mut self.scores {
            outputs.scores.iter().try_for_each(|score| writer.write(score))?;
        }
        for refused in &outputs.refused {
            let readings = refused.readings(observations).count() as u64;
            tally.quarantine(refused.reason, readings);
            reader.refuse(observations.offset()[refused.row], refused.reason, readings);
            if let Some(writer) = &mut self.quarantine {
                refused::lines(observations, refused, reader, |line| writer.write(line))?;
            }
        }
        if let Some(writer) = &mut self.features {
            writer.write(outputs.features)?;
        }
        tally.failures(outputs.failures);
        tally.ended += outputs.ended.len() as u64;
        tally.counts.add(&outputs.counts);
        Ok(())
    }

    fn finish(self) -> Result<(), ReplayError> {
        for writer in [self.alerts, self.scores, self.quarantine].into_iter().flatten() {
            writer.finish()?;
        }
        self.features.map_or(Ok(()), FeatureWriter::finish)
    }
}
