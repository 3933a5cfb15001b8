//! Metrics: base units, and never a patient in a label.

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use wardwatch_alarms::Alert;
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_ingest::Reason;
use wardwatch_shard::Counts;

/// A stage of a turn, whose duration is measured.
#[derive(Clone, Copy)]
pub(crate) enum Stage {
    /// Bytes to observations.
    Decode,
    /// The shard's step.
    Step,
    /// A transaction, from its begin to its commit.
    Commit,
    /// Copying a shard's state; the shard waits meanwhile.
    Capture,
    /// Writing a snapshot away; nobody waits.
    Snapshot,
}

const STAGE: &str = "wardwatch_stage_seconds";
const RECORDS: &str = "wardwatch_records_total";
const READINGS: &str = "wardwatch_readings_total";
const EXPIRED: &str = "wardwatch_expired_total";
const EVICTED_DEVICES: &str = "wardwatch_evicted_devices_total";
const QUARANTINED: &str = "wardwatch_quarantined_total";
const WINDOWS: &str = "wardwatch_windows_total";
const REVISIONS: &str = "wardwatch_revisions_total";
const FAILED: &str = "wardwatch_sql_failures_total";
const ALERTS: &str = "wardwatch_alerts_total";
const DEADLINE_MISSES: &str = "wardwatch_deadline_misses_total";
const PATIENTS: &str = "wardwatch_patients";
const SILENT: &str = "wardwatch_silent_patients";
const OLDEST: &str = "wardwatch_oldest_record_age_seconds";
const DISTURBED: &str = "wardwatch_consumer_errors_total";
const TROUBLED: &str = "wardwatch_transactions_looked_up_total";
const REBUILT: &str = "wardwatch_rebuilds_total";
const DIVERGED: &str = "wardwatch_digest_mismatches_total";
const REFUSED: &str = "wardwatch_snapshots_refused_total";
const NOT_WRITTEN: &str = "wardwatch_snapshot_failures_total";
const SNAPSHOT_BYTES: &str = "wardwatch_snapshot_bytes";
const SNAPSHOT_AT: &str = "wardwatch_snapshot_timestamp_seconds";
const OUTDATED_CONTEXT: &str = "wardwatch_context_outdated_total";
const VERSION: &str = "wardwatch_pipeline_version";
const EDIT_REFUSED: &str = "wardwatch_pipeline_edit_refused";
const CONDITION: &str = "wardwatch_system_condition";
const CONDITIONS: &str = "wardwatch_system_conditions_total";
const RECORDS_LOST: &str = "wardwatch_records_lost_total";

/// Tells the recorder what every metric means. Call once it is installed.
pub fn describe_metrics() {
    describe_histogram!(STAGE, Unit::Seconds, "Duration of a stage of one turn, by stage");
    describe_counter!(RECORDS, "Records read from sources and context");
    describe_counter!(
        READINGS,
        "Readings decoded, by what became of each: used, absent, correction, repeat, late, future, wrong_clock"
    );
    describe_counter!(
        EXPIRED,
        "Messages that came after the last window that could have used them, once a feature set"
    );
    describe_counter!(
        EVICTED_DEVICES,
        "Devices forgotten, since a patient has more than 16 of one source"
    );
    describe_counter!(QUARANTINED, "Records or readings in quarantine, by reason");
    describe_counter!(
        OUTDATED_CONTEXT,
        "Context records that changed nothing: something newer, or the same, was known"
    );
    describe_counter!(WINDOWS, "Windows evaluated, revisions among them");
    describe_counter!(REVISIONS, "Windows evaluated again after late data");
    describe_counter!(
        FAILED,
        "Results missing because a part of the pipeline's SQL failed over a window"
    );
    describe_counter!(ALERTS, "Alerts, by priority");
    describe_counter!(DEADLINE_MISSES, "Alerts decided after their deadline");
    describe_gauge!(PATIENTS, "Patients monitored, by shard");
    describe_gauge!(SILENT, "Patients with a silent source, by shard");
    describe_gauge!(
        OLDEST,
        Unit::Seconds,
        "Age of the oldest record not yet stepped, by shard"
    );
    describe_counter!(
        DISTURBED,
        "Errors of the consumer that librdkafka mends by itself"
    );
    describe_counter!(
        TROUBLED,
        "Transactions that failed or whose outcome had to be looked up"
    );
    describe_counter!(REBUILT, "Shards whose state was rebuilt from the log");
    describe_counter!(
        DIVERGED,
        "Recoveries in which stepping the journal again came to another digest"
    );
    describe_counter!(REFUSED, "Snapshots that were passed over in recovery");
    describe_counter!(NOT_WRITTEN, "Snapshots that were not written");
    describe_gauge!(
        SNAPSHOT_BYTES,
        Unit::Bytes,
        "Size of the newest snapshot, by shard"
    );
    describe_gauge!(
        SNAPSHOT_AT,
        Unit::Seconds,
        "When the newest snapshot was written, in Unix time, by shard"
    );
    describe_gauge!(VERSION, "Version of the pipeline that a shard runs, by shard");
    describe_gauge!(
        CONDITION,
        "1 while something is wrong with the log, the cluster or the engines, by code and place"
    );
    describe_counter!(CONDITIONS, "How many times such a condition began, by code");
    describe_counter!(RECORDS_LOST, "Records deleted before they were read, at most");
    describe_gauge!(
        EDIT_REFUSED,
        "1 while an edit of the pipeline is refused and the version before it goes on, else 0"
    );
}

pub(crate) fn stage(stage: Stage, seconds: f64) {
    let stage = match stage {
        Stage::Decode => "decode",
        Stage::Step => "step",
        Stage::Commit => "commit",
        Stage::Capture => "capture",
        Stage::Snapshot => "snapshot",
    };
    histogram!(STAGE, "stage" => stage).record(seconds);
}

pub(crate) fn records(count: usize) {
    counter!(RECORDS).increment(count as u64);
}

pub(crate) fn quarantined(reason: Reason) {
    counter!(QUARANTINED, "reason" => reason.code()).increment(1);
}

pub(crate) fn oldest_record(shard: i32, age: Span) {
    gauge!(OLDEST, "shard" => shard.to_string()).set(age.secs_f64().max(0.0));
}

pub(crate) fn stepped(shard: i32, counts: &Counts, repeats_decoded: u64, patients: u64, alerts: &[Alert]) {
    let shard = shard.to_string();
    for (outcome, count) in outcomes(counts, repeats_decoded) {
        counter!(READINGS, "outcome" => outcome).increment(count);
    }
    counter!(EXPIRED).increment(counts.expired);
    counter!(EVICTED_DEVICES).increment(counts.evicted_devices);
    counter!(OUTDATED_CONTEXT).increment(counts.outdated_context);
    counter!(WINDOWS).increment(counts.windows);
    counter!(REVISIONS).increment(counts.revisions);
    counter!(FAILED).increment(counts.failed);
    counter!(DEADLINE_MISSES).increment(counts.deadline_misses);
    gauge!(PATIENTS, "shard" => shard.clone()).set(patients as f64);
    gauge!(SILENT, "shard" => shard).set(counts.silent_patients as f64);
    for alert in alerts {
        counter!(ALERTS, "priority" => alert.priority.name()).increment(1);
    }
}

/// What became of the readings of a step, each counted once: READINGS-1. Repeats within one message never reach the shard.
fn outcomes(counts: &Counts, repeats_decoded: u64) -> [(&'static str, u64); 7] {
    [
        ("used", counts.observations),
        ("absent", counts.absent),
        ("correction", counts.corrections),
        ("repeat", counts.repeats + repeats_decoded),
        ("late", counts.late),
        ("future", counts.future),
        ("wrong_clock", counts.wrong_clock),
    ]
}

pub(crate) fn consumer_disturbed() {
    counter!(DISTURBED).increment(1);
}

pub(crate) fn transaction_troubled() {
    counter!(TROUBLED).increment(1);
}

pub(crate) fn rebuilt() {
    counter!(REBUILT).increment(1);
}

pub(crate) fn diverged() {
    counter!(DIVERGED).increment(1);
}

pub(crate) fn snapshot_refused() {
    counter!(REFUSED).increment(1);
}

pub(crate) fn snapshot_failed() {
    counter!(NOT_WRITTEN).increment(1);
}

/// A shard runs this version from now on.
pub(crate) fn runs(shard: i32, version: u32) {
    gauge!(VERSION, "shard" => shard.to_string()).set(f64::from(version));
}

pub(crate) fn edit_refused(is_refused: bool) {
    gauge!(EDIT_REFUSED).set(f64::from(u8::from(is_refused)));
}

/// A condition of the system begins.
pub(crate) fn condition_began(code: &str, place: &str) {
    gauge!(CONDITION, "code" => code.to_owned(), "place" => place.to_owned()).set(1.0);
    counter!(CONDITIONS, "code" => code.to_owned()).increment(1);
}

/// A condition of the system is over.
pub(crate) fn condition_ended(code: &str, place: &str) {
    gauge!(CONDITION, "code" => code.to_owned(), "place" => place.to_owned()).set(0.0);
}

/// So many records were deleted before they were read.
pub(crate) fn records_lost(records: i64) {
    counter!(RECORDS_LOST).increment(u64::try_from(records).unwrap_or(0));
}

pub(crate) fn snapshot_written(shard: i32, bytes: usize, at: Timestamp) {
    let shard = shard.to_string();
    gauge!(SNAPSHOT_BYTES, "shard" => shard.clone()).set(bytes as f64);
    gauge!(SNAPSHOT_AT, "shard" => shard).set(at.micros() as f64 / 1e6);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A count that the shard learns to make has to find its way here.
    #[test]
    fn outcomes_add_up_to_the_readings_that_came() {
        let counts = Counts {
            readings: 28,
            observations: 1,
            absent: 2,
            corrections: 3,
            repeats: 4,
            late: 5,
            future: 6,
            wrong_clock: 7,
            ..Counts::default()
        };
        assert!(counts.balance());
        let total: u64 = outcomes(&counts, 10).iter().map(|(_, count)| count).sum();
        assert_eq!(total, counts.readings + 10);
    }
}
