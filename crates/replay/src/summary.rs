//! What a replay did, in numbers.

use std::collections::BTreeMap;

use serde::Serialize;
use wardwatch_alarms::{Alert, Phase};
use wardwatch_clinical::AlarmPriority;
use wardwatch_ingest::Reason;
use wardwatch_shard::{Counts, Failure};

use crate::FileReport;

/// What a replay did. A *reading* is one value of one vital sign: a row of Parquet and CSV, a part of a grouped line.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// Readings that came in: the sum of those below, up to `quarantined`. A line that is refused whole counts as one.
    pub rows: u64,
    /// Readings that were used: in a window, as newest value, or by a limit.
    pub observations: u64,
    /// Readings that say that nothing was measured.
    pub absent: u64,
    /// Readings that correct or withdraw an earlier one, and originals that came after their correction.
    pub corrections: u64,
    /// Equal repeats, dropped.
    pub repeats: u64,
    /// Readings in quarantine, by reason.
    pub quarantined: BTreeMap<Reason, u64>,
    /// Context records.
    pub context: u64,
    /// Windows evaluated.
    pub windows: u64,
    /// Of these, revisions after late data.
    pub revisions: u64,
    /// Parts of the pipeline whose SQL failed over some windows; the results are missing there.
    pub failures: BTreeMap<String, Failure>,
    /// Stays of patients: who comes back after a discharge, or after having been forgotten, counts again.
    pub stays: u64,
    /// Alerts by alarm.
    pub alerts: Vec<AlertCount>,
    /// What became of each input file.
    pub files: Vec<FileReport>,
    /// Wall-clock time, from opening the files to completing the results.
    pub seconds: f64,
    /// Rows by seconds.
    pub rows_per_second: f64,
}

/// How often an alarm was told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AlertCount {
    /// The alarm's name.
    pub alarm: String,
    /// Its priority.
    pub priority: AlarmPriority,
    /// How many conditions began.
    pub conditions: u64,
    /// How many alerts told of them, in all phases.
    pub alerts: u64,
}

/// Counts while a replay runs.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub rows: u64,
    pub context: u64,
    pub ended: u64,
    pub counts: Counts,
    pub quarantined: BTreeMap<Reason, u64>,
    failures: BTreeMap<String, Failure>,
    alerts: BTreeMap<(String, AlarmPriority), (u64, u64)>,
}

// === impl Tally ===

impl Tally {
    pub fn alert(&mut self, alert: &Alert) {
        let key = (alert.alarm.clone(), alert.priority);
        let (conditions, alerts) = self.alerts.entry(key).or_default();
        *conditions += u64::from(alert.phase == Phase::Start);
        *alerts += 1;
    }

    pub fn failures(&mut self, failures: BTreeMap<String, Failure>) {
        for (what, failure) in failures {
            self.failures
                .entry(what)
                .and_modify(|known| known.add(failure))
                .or_insert(failure);
        }
    }

    pub fn quarantine(&mut self, reason: Reason, readings: u64) {
        *self.quarantined.entry(reason).or_default() += readings;
    }

    /// The summary, the most urgent alarms first.
    pub fn summary(self, files: Vec<FileReport>, monitored: usize, seconds: f64) -> Summary {
        let mut alerts: Vec<AlertCount> = self
            .alerts
            .into_iter()
            .map(|((alarm, priority), (conditions, alerts))| AlertCount {
                alarm,
                priority,
                conditions,
                alerts,
            })
            .collect();
        alerts.sort_by(|one, other| {
            other
                .priority
                .cmp(&one.priority)
                .then_with(|| one.alarm.cmp(&other.alarm))
        });
        Summary {
            rows: self.rows,
            observations: self.counts.observations,
            absent: self.counts.absent,
            corrections: self.counts.corrections,
            repeats: self.counts.repeats,
            context: self.context,
            quarantined: self.quarantined,
            windows: self.counts.windows,
            revisions: self.counts.revisions,
            failures: self.failures,
            stays: self.ended + monitored as u64,
            alerts,
            files,
            seconds,
            rows_per_second: if seconds > 0.0 {
                self.rows as f64 / seconds
            } else {
                0.0
            },
        }
    }
}
