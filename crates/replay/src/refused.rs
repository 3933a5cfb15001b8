//! What the shard refused of a batch, reading by reading.
//!
//! The file's row is long decoded when the shard judges it, so the record is written as canonical observation JSON, in the
//! vital sign's own unit; file and row lead to the original.

use serde::Serialize;
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Timestamp;
use wardwatch_ingest::{Kind, Observations};
use wardwatch_shard::Refused;

use crate::lines::QuarantineLine;
use crate::{Reader, ReplayError};

#[derive(Serialize)]
struct Record<'a> {
    patient_id: &'a str,
    ts: Timestamp,
    code: &'static str,
    value: f64,
    unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    arrived_at: Timestamp,
}

/// A reading as canonical observation JSON: reading `place` of all, which is one of message `row`.
pub(crate) fn record(observations: &Observations, row: usize, place: usize) -> String {
    let vital = vital(observations, place);
    let record = Record {
        patient_id: observations.patient_id(row),
        ts: Timestamp::from_micros(observations.ts()[row]),
        code: vital.name(),
        value: observations.values()[place],
        unit: vital.unit(),
        status: Some(observations.kind(row))
            .filter(|kind| *kind != Kind::Measured)
            .map(Kind::status),
        device_id: observations.device_id(row),
        source: observations.source(row),
        arrived_at: Timestamp::from_micros(observations.append_time()[row]),
    };
    serde_json::to_string(&record).expect("a record is JSON")
}

/// Hands each refused reading to `write`, as a line of quarantine.
pub(crate) fn lines(
    observations: &Observations,
    refused: &Refused,
    reader: &Reader,
    mut write: impl FnMut(&QuarantineLine<'_>) -> Result<(), ReplayError>,
) -> Result<(), ReplayError> {
    let row = refused.row;
    let first = observations.readings_offsets()[row] as usize;
    for place in refused.readings(observations) {
        let position = reader.position(observations.offset()[row], place - first);
        write(&QuarantineLine {
            file: reader.path(position).display().to_string(),
            row: position.row,
            reason: refused.reason,
            detail: refused.detail,
            vitals: vec![vital(observations, place).name()],
            record: record(observations, row, place),
        })?;
    }
    Ok(())
}

fn vital(observations: &Observations, place: usize) -> VitalSign {
    VitalSign::from_index(observations.vitals()[place]).expect("readings have known vital signs")
}
