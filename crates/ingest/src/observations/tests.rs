use std::sync::Arc;

use arrow::array::Int64Array;
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Schema};
use wardwatch_event_time::Timestamp;

use super::*;
use crate::reading::Reading;
use crate::status::Kind;

fn head(patient_id: &str, seconds: i64) -> MessageHead<'_> {
    MessageHead {
        patient_id,
        ts: Timestamp::from_millis(seconds * 1_000),
        device_id: (seconds % 2 == 0).then_some("a device with a long name"),
        source: None,
        append_time: Timestamp::from_millis(seconds * 1_000 + 250),
        topic: 3,
        offset: 40 + seconds,
        kind: Kind::Measured,
    }
}

fn two_messages() -> Observations {
    let mut builder = ObservationsBuilder::with_capacity(2, 3);
    builder.push(
        &head("p-1", 1),
        &[
            Reading {
                vital: VitalSign::HeartRate,
                value: 72.0,
            },
            Reading {
                vital: VitalSign::Spo2,
                value: 97.0,
            },
        ],
    );
    builder.push(
        &head("p-2", 2),
        &[Reading {
            vital: VitalSign::Temperature,
            value: 37.2,
        }],
    );
    builder.finish()
}

#[test]
fn rows_come_back_as_they_went_in() {
    let observations = two_messages();
    assert_eq!((observations.len(), observations.readings_len()), (2, 3));
    assert_eq!(
        (observations.patient_id(0), observations.patient_id(1)),
        ("p-1", "p-2")
    );
    assert_eq!(observations.ts(), [1_000_000, 2_000_000]);
    assert_eq!(observations.append_time(), [1_250_000, 2_250_000]);
    assert_eq!(
        (observations.device_id(0), observations.device_id(1)),
        (None, Some("a device with a long name"))
    );
    assert_eq!(observations.source(0), None);
    assert_eq!(observations.readings_offsets(), [0, 2, 3]);
    assert_eq!(observations.vitals(), [0, 2, 10]);
    assert_eq!(observations.values(), [72.0, 97.0, 37.2]);
    assert_eq!(
        (observations.topic(), observations.offset()),
        (&[3u16, 3][..], &[41i64, 42][..])
    );
}

#[test]
fn a_slice_keeps_its_rows_readings() {
    let slice = two_messages().slice(1, 1);
    assert_eq!(
        (slice.len(), slice.readings_len(), slice.patient_id(0)),
        (1, 1, "p-2")
    );
    let offsets = slice.readings_offsets();
    assert_eq!(slice.values()[offsets[0] as usize..offsets[1] as usize], [37.2]);
}

#[test]
fn a_message_without_readings_is_no_row() {
    let mut builder = ObservationsBuilder::with_capacity(0, 0);
    builder.close(&head("p-1", 1));
    assert!(builder.is_empty());
    assert!(builder.finish().is_empty());
}

#[test]
#[should_panic = "close the open message"]
fn open_readings_are_never_lost() {
    let mut builder = ObservationsBuilder::with_capacity(0, 0);
    let pulse = Reading {
        vital: VitalSign::Pulse,
        value: 60.0,
    };
    assert_eq!(builder.reading(pulse), Placed::Taken);
    builder.finish();
}

#[test]
fn a_row_has_one_reading_of_a_vital_sign_and_one_kind() {
    let mut builder = ObservationsBuilder::with_capacity(0, 0);
    let of = |vital, value| Reading { vital, value };
    builder.push(&head("p-1", 1), &[of(VitalSign::Pulse, 61.0)]);
    assert_eq!(builder.reading(of(VitalSign::Spo2, 97.0)), Placed::Taken);
    assert_eq!(builder.reading(of(VitalSign::Pulse, 60.0)), Placed::Taken);
    assert_eq!(builder.reading(of(VitalSign::Pulse, 60.0)), Placed::Repeat);
    // Another value of the same vital sign, twice; and what is no measurement.
    assert_eq!(builder.reading(of(VitalSign::Pulse, 61.0)), Placed::Taken);
    assert_eq!(builder.reading(of(VitalSign::Pulse, 61.0)), Placed::Repeat);
    assert_eq!(
        builder.special(Kind::Absent, of(VitalSign::Etco2, 0.0)),
        Placed::Taken
    );
    assert_eq!(
        builder.special(Kind::Absent, of(VitalSign::Etco2, 0.0)),
        Placed::Repeat
    );
    assert_eq!(builder.reading(of(VitalSign::Pulse, 62.0)), Placed::Taken);
    builder.close(&head("p-1", 2));
    let all = builder.finish();
    assert_eq!(all.values(), [61.0, 97.0, 60.0, 61.0, 0.0, 62.0]);
    assert_eq!(all.readings_offsets(), [0, 1, 3, 4, 5, 6]);
    let kinds: Vec<Kind> = (0..all.len()).map(|row| all.kind(row)).collect();
    assert_eq!(
        kinds,
        [
            Kind::Measured,
            Kind::Measured,
            Kind::Measured,
            Kind::Absent,
            Kind::Measured
        ]
    );
    assert_eq!(Observations::from_batch(all.batch().clone()), Ok(all));
}

#[test]
fn a_batch_is_checked_on_the_way_in() {
    let good = two_messages().into_batch();
    assert_eq!(Observations::from_batch(good.clone()), Ok(two_messages()));

    let narrow = good.project(&[0, 1, 2]).unwrap();
    assert_eq!(
        Observations::from_batch(narrow),
        Err(IngestError::Column {
            position: 3,
            expected: "source"
        })
    );

    let mut builder = ObservationsBuilder::with_capacity(1, 1);
    builder.push(
        &head("p-1", 1),
        &[Reading {
            vital: VitalSign::Pulse,
            value: f64::NAN,
        }],
    );
    assert_eq!(
        Observations::from_batch(builder.finish().into_batch()),
        Err(IngestError::NotFinite { position: 0 })
    );

    assert_eq!(
        Observations::from_batch(with_offsets(&good, vec![0, 3, 3])),
        Err(IngestError::Readings { row: 1 })
    );
    let mut builder = ObservationsBuilder::with_capacity(2, 2);
    for second in [1, 2] {
        let pulse = Reading {
            vital: VitalSign::Pulse,
            value: 60.0,
        };
        builder.push(&head("p-1", second), &[pulse]);
    }
    let twice = with_offsets(builder.finish().batch(), vec![0, 0, 2]).slice(1, 1);
    assert_eq!(
        Observations::from_batch(twice),
        Err(IngestError::Readings { row: 0 })
    );

    let mut fields = good.schema().fields().to_vec();
    fields.push(Arc::new(Field::new("more", DataType::Int64, false)));
    let mut columns = good.columns().to_vec();
    columns.push(Arc::new(Int64Array::from(vec![1, 2])));
    let wide = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    assert_eq!(
        Observations::from_batch(wide),
        Err(IngestError::Columns { got: 10, expected: 9 })
    );
}

/// The batch with its readings dealt out anew.
fn with_offsets(batch: &RecordBatch, offsets: Vec<i32>) -> RecordBatch {
    let mut columns = batch.columns().to_vec();
    let list: &ListArray = columns[column::READINGS].as_list();
    let offsets = OffsetBuffer::new(offsets.into());
    let dealt = ListArray::new(schema::ELEMENT.clone(), offsets, list.values().clone(), None);
    columns[column::READINGS] = Arc::new(dealt);
    RecordBatch::try_new(batch.schema(), columns).unwrap()
}
