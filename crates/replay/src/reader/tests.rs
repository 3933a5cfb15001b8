use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray, TimestampMillisecondArray};
use parquet::arrow::ArrowWriter;
use tempfile::TempDir;
use wardwatch_clinical::VitalSign;
use wardwatch_ingest::Reason;

use super::*;

const SOURCES: [&str; 2] = ["bedside", "wearable"];

/// What a test looks at: (seconds of the append time, patient, vital sign, value, topic, row).
type Seen = (i64, String, VitalSign, f64, u16, u64);

fn write(dir: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, text).unwrap();
    path
}

/// What is read of files: observations, what is none, context.
type Read = (Vec<Seen>, Vec<Quarantined>, Vec<(Timestamp, ContextRecord)>);

fn open(paths: &[PathBuf]) -> Reader {
    Reader::open(paths, &SOURCES.map(String::from)).unwrap()
}

fn read(paths: &[PathBuf]) -> Read {
    read_all(&mut open(paths))
}

fn read_all(reader: &mut Reader) -> Read {
    let (mut seen, mut quarantined, mut context) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(batch) = reader.next_batch().unwrap() {
        let read = &batch.observations;
        for row in 0..read.len() {
            let ends = &read.readings_offsets()[row..row + 2];
            for place in ends[0] as usize..ends[1] as usize {
                seen.push((
                    read.append_time()[row].rem_euclid(3_600_000_000) / 1_000_000,
                    read.patient_id(row).to_owned(),
                    VitalSign::from_index(read.vitals()[place]).unwrap(),
                    read.values()[place],
                    read.topic()[row],
                    reader.position(read.offset()[row], place - ends[0] as usize).row,
                ));
            }
        }
        quarantined.extend(batch.quarantined);
        context.extend(batch.context);
    }
    (seen, quarantined, context)
}

#[test]
fn csv_rows_are_taken_or_quarantined_as_they_stood() {
    let dir = TempDir::new().unwrap();
    let path = write(
        &dir,
        "ward.csv",
        "patient_id,ts,code,value,unit,source,status\n\
         p-1,2026-01-31T09:00:01Z,heart_rate,72,bpm,bedside,final\n\
         p-1,2026-01-31T09:00:01Z,temperature,98.6,[degF],bedside,final\n\
         p-1,2026-01-31T09:00:02Z,shoe_size,43,cm,bedside,final\n\
         \"p,2\",2026-01-31T09:00:03,spo2,97,%,,\n\
         p-2,2026-01-31T09:00:03Z,consciousness,V,,wearable,\n\
         p-2,2026-01-31T09:00:04Z,spo2,,%,,\n\
         p-2,2026-01-31T09:00:05Z,spo2,97,%,,entered-in-error\n\
         p-2,2026-01-31T09:00:06Z,spo2,97,%,,,one too many\n\
         ,2026-01-31T09:00:07Z,spo2,97,%\n",
    );
    let (seen, quarantined, _) = read(&[path]);
    assert_eq!(
        seen,
        [
            (1, "p-1".into(), VitalSign::HeartRate, 72.0, 0, 1),
            (1, "p-1".into(), VitalSign::Temperature, 37.0, 0, 2),
            (3, "p-2".into(), VitalSign::Consciousness, 2.0, 1, 5),
            // Withdrawn.
            (5, "p-2".into(), VitalSign::Spo2, 0.0, 0, 7),
        ]
    );
    let told: Vec<(i64, Reason)> = quarantined.iter().map(|bad| (bad.offset, bad.reason)).collect();
    assert_eq!(
        told,
        [
            (3, Reason::UnknownCode),
            (4, Reason::BadTime),
            (6, Reason::MissingField),
            (8, Reason::BadRow),
            (9, Reason::MissingField),
        ]
    );
    assert_eq!(quarantined[1].payload, b"\"p,2\",2026-01-31T09:00:03,spo2,97,%,,");
}

#[test]
fn arrival_order_comes_before_file_order() {
    let dir = TempDir::new().unwrap();
    let path = write(
        &dir,
        "late.csv",
        "patient_id,ts,code,value,unit,arrived_at\n\
         p-1,2026-01-31T09:00:01Z,heart_rate,71,/min,2026-01-31T09:00:09Z\n\
         p-1,2026-01-31T09:00:02Z,heart_rate,72,/min,2026-01-31T09:00:03Z\n\
         p-2,2026-01-31T09:00:03Z,heart_rate,73,/min,2026-01-31T09:00:03Z\n",
    );
    let (seen, ..) = read(&[path]);
    let order: Vec<(i64, f64, u64)> = seen
        .iter()
        .map(|(at, _, _, value, _, row)| (*at, *value, *row))
        .collect();
    assert_eq!(order, [(3, 72.0, 2), (3, 73.0, 3), (9, 71.0, 1)]);
}

#[test]
fn without_arrival_rows_are_taken_by_their_time_or_as_they_are() {
    let dir = TempDir::new().unwrap();
    let path = write(
        &dir,
        "shuffled.csv",
        "patient_id,ts,code,value,unit\n\
         p-1,2026-01-31T09:00:05Z,heart_rate,75,/min\n\
         p-1,2026-01-31T09:00:02Z,heart_rate,72,/min\n\
         p-2,2026-01-31T09:00:05Z,heart_rate,65,/min\n",
    );
    let order = |as_is| {
        let inputs = Inputs {
            as_is,
            ..Inputs::from(std::slice::from_ref(&path))
        };
        let (seen, ..) = read_all(&mut Reader::open(inputs, &[]).unwrap());
        seen.iter()
            .map(|(at, _, _, value, ..)| (*at, *value))
            .collect::<Vec<_>>()
    };
    assert_eq!(order(false), [(2, 72.0), (5, 75.0), (5, 65.0)]);
    // The append time never goes back.
    assert_eq!(order(true), [(5, 75.0), (5, 72.0), (5, 65.0)]);
}

/// Rows of two patients, a second apart, and one row with another time.
fn with_one_time(other: &str) -> String {
    let mut text = "patient_id,ts,code,value,unit\n".to_owned();
    for second in 0..10 {
        if second == 4 {
            text += &format!("p-1,{other},heart_rate,99,/min\n");
        }
        for patient in ["p-1", "p-2"] {
            text += &format!("{patient},2026-03-01T09:00:0{second}Z,heart_rate,7{second},/min\n");
        }
    }
    text
}

#[test]
fn a_date_that_stands_alone_is_no_date_of_the_file() {
    let dir = TempDir::new().unwrap();
    for date in [
        "2062-03-01T09:00:04Z",
        "1970-01-01T00:00:04Z",
        "2026-01-03T09:00:04Z",
        "2025-03-01T09:00:04Z",
    ] {
        let mut reader = open(&[write(&dir, "one.csv", &with_one_time(date))]);
        let (seen, quarantined, _) = read_all(&mut reader);
        assert_eq!(seen.len(), 20, "{date}");
        assert_eq!(quarantined.len(), 1, "{date}");
        assert_eq!(quarantined[0].flaw(), ALONE);
        assert_eq!(Position::of_offset(quarantined[0].offset).row, 9);
        let record: serde_json::Value = serde_json::from_slice(&quarantined[0].payload).unwrap();
        assert_eq!((&record["ts"], &record["value"]), (&date.into(), &99.0.into()));
        let report = &reader.into_reports().into_vec()[0];
        assert_eq!((report.readings, report.used()), (21, 20));
    }
}

#[test]
fn times_that_may_well_be_right_stay() {
    let dir = TempDir::new().unwrap();
    // Within a week: somebody who comes back.
    let (seen, quarantined, _) = read(&[write(&dir, "back.csv", &with_one_time("2026-03-07T09:00:04Z"))]);
    assert_eq!((seen.len(), quarantined.len()), (21, 0));
    let rows = |rows: &[(&str, &str)]| {
        let rows = rows
            .iter()
            .map(|(patient, ts)| format!("{patient},{ts}T09:00:00Z,heart_rate,70,/min\n"));
        let text = rows.fold("patient_id,ts,code,value,unit\n".to_owned(), |text, row| {
            text + &row
        });
        let (seen, quarantined, _) = read(&[write(&dir, "few.csv", &text)]);
        (seen.len(), quarantined.len())
    };
    // Monthly visits: no date is any more alone than the others.
    assert_eq!(
        rows(&[
            ("p-1", "2026-01-01"),
            ("p-1", "2026-02-01"),
            ("p-1", "2026-03-01")
        ]),
        (3, 0)
    );
    // Two patients at one time, and two days at either end.
    let ward = [
        ("p-1", "2026-01-01"),
        ("p-2", "2026-01-01"),
        ("p-1", "2026-02-01"),
        ("p-2", "2026-02-02"),
    ];
    assert_eq!(rows(&ward), (4, 0));
    assert_eq!(rows(&[("p-1", "2026-01-01")]), (1, 0));
    assert_eq!(rows(&[]), (0, 0));
}

#[test]
fn with_arrival_times_every_date_is_the_shards_to_judge() {
    let dir = TempDir::new().unwrap();
    let text = with_one_time("2062-03-01T09:00:04Z");
    let mut lines = text.lines().map(|line| format!("{line},2026-03-01T09:00:10Z\n"));
    let header = lines
        .next()
        .unwrap()
        .replace("2026-03-01T09:00:10Z", "arrived_at");
    let (seen, quarantined, _) = read(&[write(&dir, "all.csv", &(header + &lines.collect::<String>()))]);
    assert_eq!((seen.len(), quarantined.len()), (21, 0));
}

#[test]
fn an_open_quotation_mark_is_reported_with_its_line() {
    let dir = TempDir::new().unwrap();
    let row = |second, comment| format!("p-1,2026-03-01T09:00:0{second}Z,spo2,96,%,{comment}\n");
    let text = "patient_id,ts,code,value,unit,comment\n".to_owned()
        + &row(0, "ok")
        + &row(1, "\"moved to bed 5")
        + &row(2, "")
        + &row(3, "\"fine, too\"");
    let path = write(&dir, "quote.csv", &text);
    let mut reader = open(&[path]);
    let (seen, quarantined, _) = read_all(&mut reader);
    assert_eq!(seen.iter().map(|seen| seen.5).collect::<Vec<_>>(), [1, 3, 4]);
    assert_eq!(quarantined.len(), 1);
    assert_eq!(quarantined[0].reason, Reason::BadRow);
    assert_eq!(
        quarantined[0].payload,
        row(1, "\"moved to bed 5").trim_end().as_bytes()
    );
    let report = &reader.into_reports().into_vec()[0];
    assert_eq!((report.open_quotes, &report.open_quote_lines[..]), (1, &[3][..]));
    assert!(report.is_usable());
}

#[test]
fn a_second_value_of_one_vital_sign_is_left_to_the_shard() {
    let dir = TempDir::new().unwrap();
    let line = "p-1,2026-01-31T09:00:05Z,heart_rate,";
    let path = write(
        &dir,
        "twice.csv",
        &format!("patient_id,ts,code,value,unit\n{line}75,/min\n{line}76,/min\n"),
    );
    let (seen, quarantined, _) = read(&[path]);
    assert_eq!(
        seen.iter().map(|seen| (seen.3, seen.5)).collect::<Vec<_>>(),
        [(75.0, 1), (76.0, 2)]
    );
    assert!(quarantined.is_empty());
}

/// Regression: an instant across the end of a chunk became two messages, and its window closed between them.
#[test]
fn a_message_across_the_end_of_a_chunk_stays_one() {
    let dir = TempDir::new().unwrap();
    for rows_before in [CHUNK_ROWS - 1, CHUNK_ROWS - 2, CHUNK_ROWS, 2 * CHUNK_ROWS - 1] {
        let mut text = "patient_id,ts,code,value,unit\n".to_owned();
        for row in 0..rows_before {
            let (minute, second) = (row / 60 % 60, row % 60);
            text += &format!(
                "q{row},2026-03-01T{:02}:{minute:02}:{second:02}Z,spo2,97,%\n",
                row / 3600
            );
        }
        text += "p,2026-03-01T09:00:00Z,heart_rate,80,/min\np,2026-03-01T09:00:00Z,spo2,95,%\n";
        let path = write(&dir, "rows.csv", &text);
        let mut reader = open(&[path]);
        let (mut messages, mut last) = (0, 0);
        while let Some(batch) = reader.next_batch().unwrap() {
            let rows = batch.observations.messages();
            messages += rows.len();
            last = rows
                .len()
                .checked_sub(1)
                .map_or(last, |row| rows.get(row).vitals.len());
        }
        assert_eq!(
            (messages, last),
            (rows_before + 1, 2),
            "{rows_before} rows before"
        );
    }
}

#[test]
fn ndjson_holds_observations_and_context() {
    let dir = TempDir::new().unwrap();
    let path = write(
        &dir,
        "all.ndjson",
        r#"{"patient_id":"p-1","ts":"2026-01-31T09:00:02Z","observations":[{"code":"heart_rate","value":72,"unit":"/min"},{"code":"spo2","value":9999,"unit":"%"}]}
{"patient_id":"p-1","ts":"2026-01-31T09:00:01Z","event":"admit","ward":"W","bed":"3"}

not json
{"patient_id":"p-1","ts":"2026-01-31T09:00:03Z","event":"promote"}
{"patient_id":"p-1","ts":"2026-01-31T09:00:04Z","code":"spo2","value":97,"unit":"%","source":"wearable"}
"#,
    );
    let (seen, quarantined, context) = read(&[path]);
    assert_eq!(
        seen,
        [
            (2, "p-1".into(), VitalSign::HeartRate, 72.0, 0, 1),
            (4, "p-1".into(), VitalSign::Spo2, 97.0, 1, 6),
        ]
    );
    assert_eq!(context.len(), 1);
    let mut told: Vec<(i64, Reason)> = quarantined.iter().map(|bad| (bad.offset, bad.reason)).collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            (1, Reason::Implausible),
            (4, Reason::BadJson),
            (5, Reason::BadValue)
        ]
    );
}

#[test]
fn repeats_within_a_message_are_counted_and_a_byte_order_mark_is_not_json() {
    let dir = TempDir::new().unwrap();
    let spo2 = r#"{"code":"spo2","value":97,"unit":"%"}"#;
    let line =
        format!(r#"{{"patient_id":"p-1","ts":"2026-01-31T09:00:01Z","observations":[{spo2},{spo2}]}}"#);
    for (name, arrived) in [
        ("plain.ndjson", ""),
        ("arrived.ndjson", r#""arrived_at":"2026-01-31T09:00:02Z","#),
    ] {
        let line = line.replacen('{', &format!("{{{arrived}"), 1);
        let path = write(&dir, name, &format!("\u{feff}{line}\n"));
        let mut reader = open(&[path]);
        let batch = reader.next_batch().unwrap().unwrap();
        assert_eq!((batch.observations.readings_len(), batch.repeats), (1, 1));
        assert!(batch.quarantined.is_empty() && reader.next_batch().unwrap().is_none());
    }
}

#[test]
fn parquet_takes_the_types_that_other_tools_write() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("typed.parquet");
    let start = 1_769_850_000_000; // 2026-01-31T09:00:00Z
    let columns: [(&str, ArrayRef); 5] = [
        ("patient_id", Arc::new(Int64Array::from(vec![7, 7, 8]))),
        (
            "ts",
            Arc::new(TimestampMillisecondArray::from(vec![
                Some(start + 1_000),
                None,
                Some(start + 3_000),
            ])),
        ),
        (
            "code",
            Arc::new(StringArray::from(vec!["8867-4", "8867-4", "spo2"])),
        ),
        ("value", Arc::new(Float64Array::from(vec![72.0, 73.0, f64::NAN]))),
        (
            "unit",
            Arc::new(StringArray::from(vec![Some("/min"), Some("/min"), Some("%")])),
        ),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = ArrowWriter::try_new(fs::File::create(&path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let (seen, quarantined, _) = read(&[path]);
    let nothing = (3, "8".into(), VitalSign::Spo2, 0.0, 0, 3);
    assert_eq!(seen, [(1, "7".into(), VitalSign::HeartRate, 72.0, 0, 1), nothing]);
    let told: Vec<(i64, Reason)> = quarantined.iter().map(|bad| (bad.offset, bad.reason)).collect();
    assert_eq!(told, [(2, Reason::NoTime)]);
    let row: serde_json::Value = serde_json::from_slice(&quarantined[0].payload).unwrap();
    assert_eq!((row["patient_id"].as_i64(), row["ts"].is_null()), (Some(7), true));
}

#[test]
fn files_are_merged_by_append_time_context_first() {
    let dir = TempDir::new().unwrap();
    let row =
        |second: u32, value: u32| format!("p-1,2026-01-31T09:00:{second:02}Z,heart_rate,{value},/min\n");
    let header = "patient_id,ts,code,value,unit\n";
    let one = write(&dir, "one.csv", &format!("{header}{}{}", row(1, 61), row(4, 64)));
    let two = write(&dir, "two.csv", &format!("{header}{}{}", row(1, 71), row(3, 73)));
    let who = write(
        &dir,
        "who.ndjson",
        "{\"patient_id\":\"p-1\",\"ts\":\"2026-01-31T09:00:03Z\",\"event\":\"admit\"}\n",
    );
    let (seen, _, context) = read(&[one, two, who]);
    assert_eq!(
        seen.iter().map(|seen| seen.3).collect::<Vec<_>>(),
        [61.0, 71.0, 73.0, 64.0]
    );
    assert_eq!(context.len(), 1);
}

#[test]
fn what_is_no_table_of_observations_is_refused() {
    let dir = TempDir::new().unwrap();
    let open = |path: PathBuf| Reader::open(&[path], &[]).and_then(|mut reader| reader.next_batch());
    assert!(matches!(
        open(dir.path().join("x.txt")),
        Err(ReplayError::Format { .. })
    ));
    assert!(matches!(
        open(dir.path().join("absent.csv")),
        Err(ReplayError::Read { .. })
    ));
    assert!(matches!(
        open(write(&dir, "no.parquet", "PAR?")),
        Err(ReplayError::Parquet { .. })
    ));
    let path = write(
        &dir,
        "short.csv",
        "patient_id,ts,code\np-1,2026-01-31T09:00:03Z,spo2\n",
    );
    assert!(matches!(
        open(path),
        Err(ReplayError::NoColumn { column: "value", .. })
    ));
}
