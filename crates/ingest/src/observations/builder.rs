//! Building observations message by message.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Int64Array, ListArray, RecordBatch, StringViewBuilder, StructArray,
    TimestampMicrosecondArray, UInt8Array, UInt16Array,
};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Timestamp;

use super::Observations;
use super::schema::{ELEMENT, OBSERVATIONS, READING, UTC};
use crate::reading::Reading;
use crate::status::Kind;

/// What the readings of one message share.
#[derive(Clone, Copy)]
pub struct MessageHead<'a> {
    /// The patient.
    pub patient_id: &'a str,
    /// When it was measured.
    pub ts: Timestamp,
    /// The device, if it says so.
    pub device_id: Option<&'a str>,
    /// The sender's own name for itself.
    pub source: Option<&'a str>,
    /// When it came to the log.
    pub append_time: Timestamp,
    /// Ordinal of the topic in the pipeline.
    pub topic: u16,
    /// Offset in the partition.
    pub offset: i64,
    /// What its readings do, but for those that say otherwise.
    pub kind: Kind,
}

/// Builds [`Observations`]: readings first ([`reading`](Self::reading)), then the message that holds them
/// ([`close`](Self::close)). At most `i32::MAX` readings a batch.
pub struct ObservationsBuilder {
    patient_id: StringViewBuilder,
    ts: Vec<i64>,
    device_id: StringViewBuilder,
    source: StringViewBuilder,
    offsets: Vec<i32>,
    vitals: Vec<u8>,
    values: Vec<f64>,
    append_time: Vec<i64>,
    topic: Vec<u16>,
    offset: Vec<i64>,
    kind: Vec<u8>,
    /// Vital signs of the open message, a bit each.
    open_vitals: u32,
    /// Readings of the open message that its first row has no place for: of another kind, or a second of one vital sign.
    extra: Vec<(Kind, Reading)>,
}

const _: () = assert!(
    VitalSign::COUNT <= u32::BITS as usize,
    "open_vitals has a bit for each"
);

/// What became of a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a reading that is not taken has to be counted or quarantined"]
pub enum Placed {
    /// It is in the open message.
    Taken,
    /// The message has it already, with the same value: count it.
    Repeat,
}

// === impl ObservationsBuilder ===

impl ObservationsBuilder {
    /// Room for so many messages and readings; both may be exceeded.
    pub fn with_capacity(messages: usize, readings: usize) -> Self {
        let mut offsets = Vec::with_capacity(messages + 1);
        offsets.push(0);
        Self {
            patient_id: StringViewBuilder::with_capacity(messages),
            ts: Vec::with_capacity(messages),
            device_id: StringViewBuilder::with_capacity(messages),
            source: StringViewBuilder::with_capacity(messages),
            offsets,
            vitals: Vec::with_capacity(readings),
            values: Vec::with_capacity(readings),
            append_time: Vec::with_capacity(messages),
            topic: Vec::with_capacity(messages),
            offset: Vec::with_capacity(messages),
            kind: Vec::with_capacity(messages),
            open_vitals: 0,
            extra: Vec::new(),
        }
    }

    /// Adds a reading to the open message, unless it has the same one already. Another value of a vital sign goes to a row of
    /// its own (OBS-2).
    #[inline]
    pub fn reading(&mut self, reading: Reading) -> Placed {
        let bit = 1 << reading.vital.index();
        if self.open_vitals & bit != 0 {
            return self.another(reading);
        }
        self.open_vitals |= bit;
        self.vitals.push(reading.vital as u8);
        self.values.push(reading.value);
        Placed::Taken
    }

    /// A second reading of a vital sign.
    #[cold]
    fn another(&mut self, reading: Reading) -> Placed {
        let mut open = self.closed_readings()..self.vitals.len();
        let same = |at: usize| usize::from(self.vitals[at]) == reading.vital.index();
        if open.any(|at| same(at) && self.values[at] == reading.value) {
            return Placed::Repeat;
        }
        self.special(Kind::Measured, reading)
    }

    /// Adds a reading that does something else than the message's others, unless the message has the same one already.
    #[cold]
    pub fn special(&mut self, kind: Kind, reading: Reading) -> Placed {
        if self.extra.contains(&(kind, reading)) {
            return Placed::Repeat;
        }
        self.extra.push((kind, reading));
        Placed::Taken
    }

    /// Whether the open message has a reading of this vital sign.
    #[inline]
    pub fn holds(&self, vital: VitalSign) -> bool {
        self.open_vitals & 1 << vital.index() != 0
    }

    /// Closes the open message: its readings get their head. Without open readings nothing happens, since a message
    /// without readings is no observation.
    #[inline]
    pub fn close(&mut self, head: &MessageHead<'_>) {
        self.close_row(head);
        if !self.extra.is_empty() {
            self.close_extra(head);
        }
    }

    /// The rows of the readings that the first one has no place for.
    #[cold]
    fn close_extra(&mut self, head: &MessageHead<'_>) {
        while let Some((kind, _)) = self.extra.first().copied() {
            let mut later = Vec::new();
            for (other, reading) in std::mem::take(&mut self.extra) {
                if other != kind || self.holds(reading.vital) {
                    later.push((other, reading));
                    continue;
                }
                self.open_vitals |= 1 << reading.vital.index();
                self.vitals.push(reading.vital as u8);
                self.values.push(reading.value);
            }
            self.extra = later;
            self.close_row(&MessageHead { kind, ..*head });
        }
    }

    #[inline]
    fn close_row(&mut self, head: &MessageHead<'_>) {
        if self.vitals.len() == self.closed_readings() {
            return;
        }
        self.open_vitals = 0;
        self.patient_id.append_value(head.patient_id);
        self.ts.push(head.ts.micros());
        self.device_id.append_option(head.device_id);
        self.source.append_option(head.source);
        self.offsets
            .push(i32::try_from(self.vitals.len()).expect("a batch holds fewer than 2^31 readings"));
        self.append_time.push(head.append_time.micros());
        self.topic.push(head.topic);
        self.offset.push(head.offset);
        self.kind.push(head.kind as u8);
    }

    /// Takes the readings of the open message back, so that a later batch can have the whole of it.
    pub fn withdraw(&mut self) -> Vec<Reading> {
        self.open_vitals = 0;
        let from = self.closed_readings();
        let vitals = self.vitals.drain(from..);
        let vitals = vitals.map(|vital| VitalSign::from_index(vital).expect("`reading` wrote it"));
        let readings = vitals.zip(self.values.drain(from..));
        readings.map(|(vital, value)| Reading { vital, value }).collect()
    }

    /// Adds a whole message.
    ///
    /// # Panics
    /// If two readings are of one vital sign; where that can happen, use [`reading`](Self::reading).
    pub fn push(&mut self, head: &MessageHead<'_>, readings: &[Reading]) {
        for reading in readings {
            assert!(!self.holds(reading.vital), "one reading a vital sign");
            assert_eq!(self.reading(*reading), Placed::Taken);
        }
        self.close(head);
    }

    /// Closed messages so far.
    pub fn len(&self) -> usize {
        self.ts.len()
    }

    /// Whether no message has been closed.
    pub fn is_empty(&self) -> bool {
        self.ts.is_empty()
    }

    /// The observations of all messages.
    ///
    /// # Panics
    /// If a message is still open: its readings would be lost without a trace.
    pub fn finish(mut self) -> Observations {
        assert_eq!(
            self.vitals.len(),
            self.closed_readings(),
            "close the open message before finishing"
        );
        let readings = StructArray::new(
            READING.clone(),
            vec![
                Arc::new(UInt8Array::from(self.vitals)),
                Arc::new(Float64Array::from(self.values)),
            ],
            None,
        );
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.patient_id.finish()),
            Arc::new(TimestampMicrosecondArray::from(self.ts).with_timezone(UTC)),
            Arc::new(self.device_id.finish()),
            Arc::new(self.source.finish()),
            Arc::new(ListArray::new(ELEMENT.clone(), offsets, Arc::new(readings), None)),
            Arc::new(TimestampMicrosecondArray::from(self.append_time).with_timezone(UTC)),
            Arc::new(UInt16Array::from(self.topic)),
            Arc::new(Int64Array::from(self.offset)),
            Arc::new(UInt8Array::from(self.kind)),
        ];
        let batch = RecordBatch::try_new(OBSERVATIONS.clone(), columns)
            .expect("the builder makes columns of the schema, all of one length");
        Observations::wrap(batch)
    }

    fn closed_readings(&self) -> usize {
        self.offsets.last().map_or(0, |&end| end as usize)
    }
}
