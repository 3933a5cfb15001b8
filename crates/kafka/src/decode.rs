//! Records to a batch of the shard, and what the shard refuses back to its bytes.

use std::collections::BTreeMap;

use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Timestamp;
use wardwatch_ingest::{
    Arrival, Flaw, Observations, Quarantined, Reason, decode_command, decode_context, decode_observations,
};
use wardwatch_pipeline::Pipeline;
use wardwatch_shard::{Batch, CommandInput, ContextInput, Refused};

use crate::lane::Received;

/// A batch with what did not become part of it.
pub(crate) struct DecodedBatch {
    pub batch: Batch,
    /// Records and readings that are no observations.
    pub quarantined: Vec<Quarantined>,
    /// Readings repeated within their own message.
    pub repeats: u64,
}

/// A message, or some of its readings, that the shard refused, whole again.
pub(crate) struct RefusedRecord {
    pub quarantined: Quarantined,
    /// The readings concerned; empty for the whole message.
    pub vitals: Vec<VitalSign>,
}

/// Decodes records in log order. Of several `shards` any may hold a record without a key, so none takes it.
pub(crate) fn decode(records: &[Received<'_>], pipeline: &Pipeline, shards: i32) -> DecodedBatch {
    // Ordinals: the sources, the writers of context, the commands.
    let count = |count: usize| u16::try_from(count).expect("checked when it was loaded");
    let sources = count(pipeline.sources.len());
    let commands = sources + count(pipeline.writers.len());
    let is_owned = |record: &&Received<'_>| shards < 2 || record.has_key();
    let of_sources = records.iter().filter(|record| record.topic < sources);
    let decoded = decode_observations(of_sources.filter(is_owned).map(Received::record), Arrival::Broker);
    let mut quarantined = decoded.quarantined;
    let keyless = records.iter().filter(|record| !is_owned(record));
    quarantined
        .extend(keyless.map(|record| Quarantined::record(&record.record(), Reason::MissingKey.into())));
    let mut batch = Batch {
        observations: decoded.observations,
        ..Batch::default()
    };
    let others = records.iter().filter(|record| record.topic >= sources);
    for received in others.filter(is_owned) {
        let (append_time, record) = (received.append_time, received.record());
        let pushed = match received.topic < commands {
            true => decode_context(&record).map(|record| {
                batch.context.push(ContextInput {
                    append_time,
                    writer: received.topic - sources,
                    record,
                });
            }),
            false => decode_command(&record)
                .and_then(|command| match pipeline.has_alarm(&command.alarm) {
                    true => Ok(command),
                    false => Err(Reason::UnknownAlarm.into()),
                })
                .map(|record| batch.commands.push(CommandInput { append_time, record })),
        };
        if let Err(flaw) = pushed {
            quarantined.push(Quarantined::record(&record, flaw));
        }
    }
    DecodedBatch {
        batch,
        quarantined,
        repeats: decoded.repeats,
    }
}

/// The records behind what a step refused: one entry a record and reason, in order of the batch.
pub(crate) fn refused_records(
    refused: &[Refused],
    observations: &Observations,
    records: &[Received<'_>],
) -> Vec<RefusedRecord> {
    let mut entries: BTreeMap<(usize, Reason, &'static str), Vec<VitalSign>> = BTreeMap::new();
    for one in refused {
        let vitals = entries.entry((one.row, one.reason, one.detail)).or_default();
        vitals.extend(one.vital);
    }
    let (append_times, topics, offsets) = (
        observations.append_time(),
        observations.topic(),
        observations.offset(),
    );
    let restore = |((row, reason, detail), vitals)| {
        let row: usize = row;
        let place = (
            Timestamp::from_micros(append_times[row]),
            topics[row],
            offsets[row],
        );
        RefusedRecord {
            quarantined: Quarantined::record(&at(records, place).record(), Flaw::new(reason, detail)),
            vitals,
        }
    };
    entries.into_iter().map(restore).collect()
}

/// The places where a record lay in quarantine before it was sent again and refused again.
pub(crate) fn redriven_from<'r>(entry: &Quarantined, records: &'r [Received<'_>]) -> Option<&'r str> {
    at(records, (entry.append_time, entry.topic, entry.offset)).redriven_from()
}

fn at<'r, 'q>(records: &'r [Received<'q>], place: (Timestamp, u16, i64)) -> &'r Received<'q> {
    let found = records.binary_search_by_key(&place, Received::place);
    &records[found.expect("what was decided is about a record of the batch")]
}
