//! Parquet as other tools write it: compressed in every way, with times of every kind.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Decimal128Array, DictionaryArray, Float32Array, Float64Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray,
    TimestampSecondArray, UInt64Array,
};
use arrow::datatypes::Int32Type;
use parquet::arrow::ArrowWriter;
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int96, Int96Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use tempfile::TempDir;
use wardwatch_ingest::Reason;
use wardwatch_replay::{Reader, ReplayError};

/// 2026-01-31T09:00:00Z, in seconds.
const START: i64 = 1_769_850_000;

/// Instants (µs) and values that were read, and (reason, detail) of what was not.
type Read = (Vec<(i64, f64)>, Vec<(Reason, &'static str)>);

fn read(path: &Path) -> Result<Read, ReplayError> {
    let mut reader = Reader::open(&[path.to_owned()], &[])?;
    let (mut values, mut quarantined) = (Vec::new(), Vec::new());
    while let Some(batch) = reader.next_batch()? {
        let messages = batch.observations.messages();
        for row in 0..messages.len() {
            let message = messages.get(row);
            values.extend(message.values.iter().map(|value| (message.ts, *value)));
        }
        quarantined.extend(batch.quarantined.iter().map(|bad| (bad.reason, bad.detail)));
    }
    Ok((values, quarantined))
}

fn write(dir: &TempDir, columns: Vec<(&str, ArrayRef)>, compression: Compression) -> PathBuf {
    let path = dir.path().join("w.parquet");
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder().set_compression(compression).build();
    let file = File::create(&path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    path
}

/// Heart rates at these times.
fn beside(ts: ArrayRef, value: Option<ArrayRef>) -> Vec<(&'static str, ArrayRef)> {
    let rows = ts.len();
    let same = |text: &str| Arc::new(StringArray::from(vec![text; rows])) as ArrayRef;
    let value = value.unwrap_or_else(|| Arc::new(Float64Array::from(vec![72.0; rows])));
    vec![
        ("patient_id", same("p-1")),
        ("ts", ts),
        ("code", same("heart_rate")),
        ("value", value),
        ("unit", same("/min")),
    ]
}

fn seconds(rows: i64) -> ArrayRef {
    Arc::new(TimestampSecondArray::from_iter_values(
        (0..rows).map(|row| START + row),
    ))
}

#[test]
fn every_compression_but_lzo_is_read() {
    let dir = TempDir::new().unwrap();
    let all = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
        // Both framings: that of Hadoop and the raw one.
        Compression::LZ4,
        Compression::LZ4_RAW,
        Compression::ZSTD(ZstdLevel::default()),
    ];
    let rates = (0..9_000).map(|row| 60.0 + f64::from(row % 40));
    let expected: Vec<(i64, f64)> = (START..)
        .map(|second| second * 1_000_000)
        .zip(rates.clone())
        .collect();
    for compression in all {
        let rates: ArrayRef = Arc::new(Float64Array::from_iter_values(rates.clone()));
        let path = write(&dir, beside(seconds(9_000), Some(rates)), compression);
        assert_eq!(
            read(&path).unwrap(),
            (expected.clone(), Vec::new()),
            "{compression}"
        );
    }
}

#[test]
fn files_of_another_writer_are_read() {
    for name in ["gzip", "lz4", "brotli"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/{name}.parquet"));
        let (values, quarantined) = read(&path).unwrap();
        assert_eq!((values.len(), quarantined.len()), (120, 0), "{name}");
    }
}

#[test]
fn times_are_read_in_every_unit_and_never_wrap() {
    let dir = TempDir::new().unwrap();
    let columns: [(&str, ArrayRef, ArrayRef); 4] = [
        (
            "seconds",
            Arc::new(TimestampSecondArray::from(vec![START])),
            Arc::new(TimestampSecondArray::from(vec![
                i64::MAX,
                i64::MIN,
                253_402_300_799,
                i64::MAX / 1_000_000 + 1,
            ])),
        ),
        (
            "milliseconds",
            Arc::new(TimestampMillisecondArray::from(vec![START * 1_000])),
            // The second times a thousand is today once more, 2^64 microseconds later.
            Arc::new(TimestampMillisecondArray::from(vec![
                i64::MAX,
                18_446_744_073_709_551 + START * 1_000,
                -62_135_596_800_000,
                i64::MIN,
            ])),
        ),
        (
            "microseconds",
            Arc::new(TimestampMicrosecondArray::from(vec![START * 1_000_000]).with_timezone("+02:00")),
            Arc::new(TimestampMicrosecondArray::from(vec![i64::MAX, i64::MIN]).with_timezone("+02:00")),
        ),
        (
            "nanoseconds",
            Arc::new(TimestampNanosecondArray::from(vec![START * 1_000_000_000])),
            Arc::new(TimestampNanosecondArray::from(vec![
                i64::MAX,
                i64::MIN / 1_000 * 1_000,
                START * 1_000_000_000 + 1,
            ])),
        ),
    ];
    for (unit, good, bad) in columns {
        let path = write(&dir, beside(good, None), Compression::SNAPPY);
        assert_eq!(
            read(&path).unwrap(),
            (vec![(START * 1_000_000, 72.0)], Vec::new()),
            "{unit}"
        );
        let rows = bad.len();
        let (values, quarantined) = read(&write(&dir, beside(bad, None), Compression::SNAPPY)).unwrap();
        assert_eq!((values.len(), quarantined.len()), (0, rows), "{unit}");
        assert!(
            quarantined.iter().all(|(reason, _)| *reason == Reason::BadTime),
            "{quarantined:?}"
        );
    }
}

#[test]
fn int96_is_read_to_the_microsecond_and_never_wraps() {
    let schema = "message m { required binary patient_id (UTF8); required int96 ts; required binary code (UTF8); \
                  required double value; required binary unit (UTF8); optional int96 arrived_at; }";
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("old.parquet");
    // Julian day of 2026-01-31, and nanoseconds of nine o'clock.
    let (day, nine) = (2_461_072, 9 * 3_600 * 1_000_000_000_u64);
    let times = [
        (day, nine),
        (day, nine + 123_456_000),
        (day, nine + 1),                   // finer than a microsecond
        (day + 213_504, nine),             // 2^64 ns later: wraps to nearly today
        (2_440_588 + 2_932_896, nine),     // 9999-12-31
        (1_721_426, 0),                    // 0001-01-01
        (u32::MAX, 0),                     // the day -1
        (0x7fff_ffff, 86_399_999_999_999), // the last day there is
    ];
    let time = |(day, nanos): (u32, u64)| {
        let mut time = Int96::new();
        time.set_data(nanos as u32, (nanos >> 32) as u32, day);
        time
    };
    let mut writer = SerializedFileWriter::new(
        File::create(&path).unwrap(),
        Arc::new(parse_message_type(schema).unwrap()),
        Arc::new(WriterProperties::new()),
    )
    .unwrap();
    let mut group = writer.next_row_group().unwrap();
    for place in 0.. {
        let Some(mut column) = group.next_column().unwrap() else {
            break;
        };
        match place {
            1 => {
                let times = times.map(time);
                column
                    .typed::<Int96Type>()
                    .write_batch(&times, None, None)
                    .unwrap();
            }
            3 => {
                let values = [72.0; 8];
                column
                    .typed::<DoubleType>()
                    .write_batch(&values, None, None)
                    .unwrap();
            }
            // It arrived at once, or is not said to.
            5 => {
                let (known, levels) = (times.map(time), [1, 1, 0, 0, 0, 0, 0, 0]);
                column
                    .typed::<Int96Type>()
                    .write_batch(&known[..2], Some(&levels), None)
                    .unwrap();
            }
            text => {
                let texts = vec![ByteArray::from(["p-1", "heart_rate", "/min"][text / 2]); times.len()];
                column
                    .typed::<ByteArrayType>()
                    .write_batch(&texts, None, None)
                    .unwrap();
            }
        }
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
    let (values, quarantined) = read(&path).unwrap();
    let nine = START * 1_000_000;
    assert_eq!(values, [(nine, 72.0), (nine + 123_456, 72.0)]);
    assert_eq!(quarantined[0], (Reason::BadTime, "ts: finer than a microsecond"));
    assert_eq!(
        quarantined[1..],
        [(Reason::BadTime, "ts: before 1900 or after 2261"); 5]
    );
}

#[test]
fn numbers_of_every_type_are_the_numbers_that_were_measured() {
    let dir = TempDir::new().unwrap();
    let singles: Vec<f32> = vec![72.3, 88.1, 0.1, 99.9];
    let columns: [(ArrayRef, Vec<f64>); 5] = [
        (
            Arc::new(Float32Array::from(singles.clone())),
            vec![72.3, 88.1, 0.1, 99.9],
        ),
        (
            Arc::new(Float64Array::from_iter_values(
                singles.iter().map(|single| f64::from(*single)),
            )),
            vec![72.3, 88.1, 0.1, 99.9],
        ),
        (
            Arc::new(
                Decimal128Array::from(vec![723, 881, 1, 999])
                    .with_precision_and_scale(5, 1)
                    .unwrap(),
            ),
            vec![72.3, 88.1, 0.1, 99.9],
        ),
        (
            Arc::new(UInt64Array::from(vec![72, 88, 0, 99])),
            vec![72.0, 88.0, 0.0, 99.0],
        ),
        (
            Arc::new(Int64Array::from(vec![72, 88, 0, 99])),
            vec![72.0, 88.0, 0.0, 99.0],
        ),
    ];
    for (column, expected) in columns {
        let data_type = column.data_type().clone();
        let (values, quarantined) = read(&write(
            &dir,
            beside(seconds(4), Some(column)),
            Compression::SNAPPY,
        ))
        .unwrap();
        let values: Vec<f64> = values.into_iter().map(|(_, value)| value).collect();
        assert_eq!((values, quarantined.len()), (expected, 0), "{data_type}");
    }
    let far: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX]));
    let (_, quarantined) = read(&write(&dir, beside(seconds(1), Some(far)), Compression::SNAPPY)).unwrap();
    assert_eq!(quarantined, [(Reason::Implausible, "")]);
}

#[test]
fn texts_may_be_dictionaries() {
    let dir = TempDir::new().unwrap();
    let dictionary =
        |text: &str| Arc::new([text; 2].into_iter().collect::<DictionaryArray<Int32Type>>()) as ArrayRef;
    let columns = vec![
        ("patient_id", dictionary("p-1")),
        ("ts", dictionary("2026-01-31T09:00:00Z")),
        ("code", dictionary("temperature")),
        ("value", dictionary("100.94")),
        ("unit", dictionary("℉")),
    ];
    let (values, quarantined) = read(&write(&dir, columns, Compression::SNAPPY)).unwrap();
    assert_eq!(
        (values, quarantined.len()),
        (vec![(START * 1_000_000, 38.3); 2], 0)
    );
}

#[test]
fn a_table_that_does_not_serve_says_why() {
    let dir = TempDir::new().unwrap();
    let told = |columns| {
        read(&write(&dir, columns, Compression::SNAPPY))
            .unwrap_err()
            .to_string()
    };
    let mut renamed = beside(seconds(1), None);
    renamed[0].0 = "Patient ID";
    assert!(told(renamed).ends_with("rename its column `Patient ID`"));
    let mut without = beside(seconds(1), None);
    without.remove(3);
    assert!(told(without).ends_with("no column `value`; observations need patient_id, ts, code, value"));
    let half: ArrayRef = Arc::new(
        arrow::compute::cast(
            &Float64Array::from(vec![38.3]),
            &arrow::datatypes::DataType::Float16,
        )
        .unwrap(),
    );
    let refused = told(beside(seconds(1), Some(half)));
    assert!(
        refused.contains("Float16") && refused.contains("single precision"),
        "{refused}"
    );
    let epoch: ArrayRef = Arc::new(Int64Array::from(vec![START]));
    assert!(told(beside(epoch, None)).contains("column `ts` is of type Int64; expected a timestamp"));
}
