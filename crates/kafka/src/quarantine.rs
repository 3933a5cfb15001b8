//! The quarantine, read back: what could not be taken, why, and sending it again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::ControlFlow;
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use wardwatch_event_time::Timestamp;

use crate::bundle::CUT;
use crate::log_reader::read_all;
use crate::topics::PATIENCE;
use crate::{ClientSettings, EngineError, TopicNames, settings};

/// How long a full local queue is waited for at a time.
const LOOK: Duration = Duration::from_millis(50);

/// The header of a record that was sent again, and of its entry when it came back: the places where it lay in quarantine.
pub(crate) const REDRIVEN: &str = "redriven_from";

/// A record in quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineEntry {
    /// Where it lies in the quarantine topic.
    pub partition: i32,
    /// Where it lies in the quarantine topic.
    pub offset: i64,
    /// When it came there.
    pub at: Timestamp,
    /// Why, how, and where from: `reason`, `detail`, `topic`, `partition`, `offset`, `append_time`; `readings` or `vitals`
    /// where only some of it was refused; `redriven_from` where it came back; `cut_from_bytes` where only its begin is kept.
    pub headers: BTreeMap<String, String>,
    /// The original key: patient data.
    pub key: Option<Vec<u8>>,
    /// The original bytes: patient data.
    pub payload: Vec<u8>,
    /// It was sent again and came back: there is a newer entry of it.
    pub came_back: bool,
}

/// The newest entries that `wanted` names, oldest first, at most `most` of them. Blocks.
///
/// # Errors
/// [`EngineError`]: no broker answers, or the topic does not exist.
pub fn quarantined(
    brokers: &str,
    more: &ClientSettings,
    names: &TopicNames,
    most: usize,
    wanted: impl Fn(&QuarantineEntry) -> bool,
) -> Result<Vec<QuarantineEntry>, EngineError> {
    let mut entries: VecDeque<QuarantineEntry> = VecDeque::new();
    let mut came_back = BTreeSet::new();
    read_all(brokers, more, &names.quarantine, |message| {
        let entry = entry(message);
        came_back.extend(entry.redriven_from().map(str::to_owned));
        if wanted(&entry) {
            entries.push_back(entry);
        }
        if entries.len() > 2 * most {
            keep_newest(&mut entries, most);
        }
        ControlFlow::Continue(())
    })?;
    keep_newest(&mut entries, most);
    for entry in &mut entries {
        entry.came_back = came_back.contains(&entry.place());
    }
    Ok(entries.into())
}

/// Sends entries again, each to the topic and partition that it came from, with its original key and bytes; a record that has
/// several entries goes once. What is taken this time counts; readings that had been taken already are repeats. Blocks until
/// the broker has them. An entry that is only the begin of its record is not for this.
///
/// # Errors
/// [`EngineError::Produce`]: some may have been sent; sending them again does no harm.
pub fn redrive(brokers: &str, more: &ClientSettings, entries: &[QuarantineEntry]) -> Result<(), EngineError> {
    let producer: BaseProducer = settings::producer(brokers, more)
        .create()
        .map_err(EngineError::client)?;
    let mut of_record: BTreeMap<_, (&QuarantineEntry, Vec<String>)> = BTreeMap::new();
    for entry in entries {
        let origin = ["topic", "partition", "offset"].map(|name| entry.header(name));
        let (_, places) = of_record.entry(origin).or_insert((entry, Vec::new()));
        places.push(entry.place());
    }
    for (entry, places) in of_record.into_values() {
        let topic = entry.header("topic");
        let failed = |source| EngineError::Produce {
            topic: topic.to_owned(),
            source,
        };
        let headers = OwnedHeaders::new().insert(Header {
            key: REDRIVEN,
            value: Some(&places.join(",")),
        });
        let mut record: BaseRecord<'_, [u8], [u8]> =
            BaseRecord::to(topic).payload(&entry.payload[..]).headers(headers);
        record.key = entry.key.as_deref();
        record.partition = entry.header("partition").parse().ok();
        while let Err((error, again)) = producer.send(record) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return Err(failed(error));
            }
            producer.poll(LOOK);
            record = again;
        }
    }
    producer.flush(PATIENCE).map_err(|source| EngineError::Produce {
        topic: "of a source".to_owned(),
        source,
    })
}

fn entry(message: &BorrowedMessage<'_>) -> QuarantineEntry {
    let headers = message.headers().into_iter().flat_map(Headers::iter);
    let text = |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
    QuarantineEntry {
        partition: message.partition(),
        offset: message.offset(),
        at: Timestamp::from_millis(message.timestamp().to_millis().unwrap_or(0)),
        headers: headers
            .map(|header| (header.key.to_owned(), text(header.value)))
            .collect(),
        key: message.key().map(<[u8]>::to_vec),
        payload: message.payload().unwrap_or_default().to_vec(),
        came_back: false,
    }
}

fn keep_newest(entries: &mut VecDeque<QuarantineEntry>, most: usize) {
    entries
        .make_contiguous()
        .sort_by_key(|entry| (entry.at, entry.partition, entry.offset));
    entries.drain(..entries.len().saturating_sub(most));
}

// === impl QuarantineEntry ===

impl QuarantineEntry {
    /// A header, empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// PARTITION:OFFSET in the quarantine topic.
    pub fn place(&self) -> String {
        format!("{}:{}", self.partition, self.offset)
    }

    /// The entries that it was before it was sent again.
    pub fn redriven_from(&self) -> impl Iterator<Item = &str> {
        self.header(REDRIVEN).split(',').filter(|place| !place.is_empty())
    }

    /// Whether only the begin of the record is kept; the whole lies where it came from.
    pub fn is_cut(&self) -> bool {
        self.headers.contains_key(CUT)
    }
}
