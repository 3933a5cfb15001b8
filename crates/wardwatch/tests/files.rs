//! Files as people have them: with open quotation marks, other separators, wrong dates, half of them of no use.
#![allow(clippy::unwrap_used, missing_docs)]

mod program;

use std::fs;
use std::process::Output;

use program::{text, wardwatch};
use tempfile::TempDir;

const PIPELINE: &str = r#"
pipeline: small
version: 1
sources: [{ name: bedside, topic: vitals.bedside, format: observation-json }]
time: { lateness: 2m, hold: 0s, grace: 2s, future_skew: 10s, silent_after: 60s, forget_after: 24h }
features:
  - { name: short, window: 1m, every: 10s, sql: "SELECT patient_id, avg(spo2) AS spo2_mean FROM vitals GROUP BY patient_id" }
alarms:
  - { name: desaturation, limit: spo2 < 88, for: 15s, at_once: spo2 < 80, priority: high }
technical: { silent: high, device_clock: medium }
"#;

const HEADER: &str = "patient_id,ts,code,value,unit";

/// A folder with a pipeline.
struct Ward {
    dir: TempDir,
}

// === impl Ward ===

impl Ward {
    fn new() -> Self {
        let ward = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        ward.write("p.yaml", PIPELINE);
        ward
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.dir.path().join(name), bytes).unwrap();
    }

    fn read(&self, name: &str) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.dir.path().join(name)).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn run(&self, arguments: &[&str]) -> Done {
        wardwatch(self.dir.path(), arguments).into()
    }

    fn replay(&self, file: &str, more: &[&str]) -> Done {
        let arguments = [
            "replay",
            "p.yaml",
            "--input",
            file,
            "--alerts",
            "a.ndjson",
            "--quarantine",
            "q.ndjson",
        ];
        self.run(&[&arguments[..], more].concat())
    }
}

/// What a command did: its exit code, and what it wrote.
struct Done {
    code: Option<i32>,
    out: String,
    err: String,
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }
}

// === impl Done ===

impl Done {
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.err))
    }
}

fn row(second: u32, spo2: u32) -> String {
    format!(
        "p-1,2026-03-01T10:{:02}:{:02}Z,spo2,{spo2},%",
        second / 60,
        second % 60
    )
}

/// A row a second with a comment, which is quoted on one line and not closed.
fn with_open_quote() -> String {
    let values = [96, 96, 96, 75, 75, 75];
    let rows = values.into_iter().zip(0..).map(|(value, second)| {
        let comment = if second == 1 { "\"moved to bed 5" } else { "ok" };
        format!("{},{comment}\n", row(second, value))
    });
    format!("{HEADER},comment\n{}", rows.collect::<String>())
}

#[test]
fn an_open_quotation_mark_hides_no_row() {
    let ward = Ward::new();
    ward.write("in.csv", with_open_quote());
    for more in [&[][..], &["--multiline"]] {
        let done = ward.replay("in.csv", &[&["--output", "json"], more].concat());
        assert_eq!(done.code, Some(0), "{}", done.err);
        let summary = done.json();
        assert_eq!(
            (&summary["rows"], &summary["observations"]),
            (&6.into(), &5.into()),
            "{summary}"
        );
        assert_eq!(summary["quarantined"], serde_json::json!({ "bad_row": 1 }));
        assert!(
            done.err.contains("in.csv:3: a quotation mark opens here"),
            "{}",
            done.err
        );
        assert!(!done.err.contains("bed 5"), "{}", done.err);
        assert_eq!(ward.read("a.ndjson")[0]["value"], 75.0);
        assert_eq!(ward.read("q.ndjson")[0]["row"], 2);
    }
}

#[test]
fn a_quoted_line_break_is_read_where_it_is_asked_for() {
    let ward = Ward::new();
    let rows = format!(
        "{},\"two\nlines\"\n{},one\n{},\n",
        row(0, 96),
        row(1, 96),
        row(2, 75)
    );
    ward.write("in.csv", format!("{HEADER},comment\n{rows}"));
    let taken = |more: &[&str]| {
        ward.replay("in.csv", &[&["--output", "json"], more].concat())
            .json()["observations"]
            .clone()
    };
    assert_eq!((taken(&[]), taken(&["--multiline"])), (2.into(), 3.into()));
    let query = [
        "sql",
        "select count(*) as n from vitals",
        "--output",
        "json",
        "--input",
        "in.csv",
    ];
    assert_eq!(
        ward.run(&[&query[..], &["--multiline"]].concat()).out,
        "[{\"n\":3}]\n"
    );
    let without = ward.run(&query);
    assert_eq!(without.out, "[{\"n\":2}]\n");
    assert!(
        without.err.contains("in.csv:2: a quotation mark") && without.err.contains("2 of 4 readings"),
        "{}",
        without.err
    );
}

#[test]
fn what_is_no_table_with_commas_is_named() {
    let ward = Ward::new();
    let semicolons = format!("{HEADER}\n{}\n", "p-1,2026-03-01T10:00:00Z,temperature,38.3,Cel")
        .replace(',', ";")
        .replace("38.3", "38,3");
    let utf_16 = format!("\u{feff}{HEADER}\n")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let files: [(&str, Vec<u8>); 7] = [
        ("separated by semicolons", semicolons.clone().into()),
        ("decimal points, not decimal commas", semicolons.clone().into()),
        ("separated by tabs", HEADER.replace(',', "\t").into()),
        ("`sep=` for Excel", format!("sep=;\r\n{semicolons}").into()),
        ("UTF-16 text", utf_16),
        (
            "rename its column `Value`",
            HEADER.replace("value", "Value").into(),
        ),
        ("the file is empty", Vec::new()),
    ];
    for (told, bytes) in files {
        ward.write("in.csv", bytes);
        for command in [
            &["replay", "p.yaml", "--input", "in.csv"][..],
            &["backtest", "p.yaml", "--input", "in.csv"],
            &["sql", "select 1", "--input", "in.csv"],
        ] {
            let done = ward.run(command);
            assert_eq!(done.code, Some(1), "{told}");
            assert!(
                done.err.contains(told) && !done.err.contains("p-1"),
                "{told}: {}",
                done.err
            );
        }
    }
}

/// Every row but the first with a date that has no offset; with enough of them, less than half can be used.
fn with_bad_dates(rows: u32, bad: u32) -> String {
    let rows = (0..rows).map(|second| {
        let row = row(second, 96);
        if second < bad { row.replace('Z', "") } else { row }
    });
    format!("{HEADER}\n{}\n", rows.collect::<Vec<_>>().join("\n"))
}

#[test]
fn a_file_of_which_less_than_half_could_be_used_is_a_failure() {
    let ward = Ward::new();
    ward.write("half.csv", with_bad_dates(10, 5));
    ward.write("bad.csv", with_bad_dates(10, 6));
    ward.write("none.csv", format!("{HEADER}\n"));
    ward.write("good.csv", with_bad_dates(100, 0));
    assert_eq!(ward.replay("half.csv", &[]).code, Some(0));
    let done = ward.replay("bad.csv", &[]);
    assert_eq!(done.code, Some(1));
    let first = "error: less than half of a file could be used: bad.csv: 4 of 10 readings; in quarantine bad_time 6\n";
    assert!(
        done.out.starts_with(first) && done.err.starts_with(first),
        "{}{}",
        done.out,
        done.err
    );
    assert!(
        done.out.contains("observations"),
        "the summary follows: {}",
        done.out
    );
    let json = ward.replay("bad.csv", &["--output", "json"]);
    assert_eq!(
        (json.code, &json.json()["files"][0]["readings"]),
        (Some(1), &10.into())
    );
    assert!(json.err.starts_with(first));
    // The good one does not make up for it.
    let both = ward.run(&["replay", "p.yaml", "--input", "good.csv", "bad.csv"]);
    assert!(
        both.code == Some(1) && both.err.contains("bad.csv") && !both.err.contains("good.csv"),
        "{}",
        both.err
    );
    let none = ward.replay("none.csv", &[]);
    assert!(
        none.code == Some(1) && none.err.contains("none.csv: no row to read"),
        "{}",
        none.err
    );
    let back = ward.run(&["backtest", "p.yaml", "--input", "bad.csv"]);
    assert!(
        back.code == Some(1) && back.out.starts_with(first),
        "{}{}",
        back.out,
        back.err
    );
    assert!(back.out.contains("Alerts a bed and day"), "{}", back.out);
    assert_eq!(
        ward.run(&["backtest", "p.yaml", "--input", "half.csv"]).code,
        Some(0)
    );
}

#[test]
fn readings_that_a_shard_refuses_count_as_well() {
    let ward = Ward::new();
    // One arrives first and is the newest; all others are an hour late.
    let rows = (0..9).map(|second| format!("{},2026-03-01T12:00:0{}Z\n", row(second, 96), second + 1));
    let newest = "p-1,2026-03-01T12:00:00Z,spo2,96,%,2026-03-01T12:00:00Z\n";
    ward.write(
        "late.csv",
        format!("{HEADER},arrived_at\n{newest}{}", rows.collect::<String>()),
    );
    for command in ["replay", "backtest"] {
        let done = ward.run(&[command, "p.yaml", "--input", "late.csv"]);
        assert_eq!(done.code, Some(1), "{}", done.out);
        assert!(
            done.err
                .contains("late.csv: 1 of 10 readings; in quarantine late 9"),
            "{}",
            done.err
        );
    }
}

#[test]
fn outcomes_that_cannot_be_used_are_a_failure() {
    let ward = Ward::new();
    ward.write("in.csv", with_bad_dates(10, 0));
    let back = |outcomes: &str, more: &[&str]| {
        ward.write("outcomes.csv", outcomes);
        let arguments = [
            "backtest",
            "p.yaml",
            "--input",
            "in.csv",
            "--outcomes",
            "outcomes.csv",
        ];
        ward.run(&[&arguments[..], more].concat())
    };
    let open = "patient_id,outcome,unit\np-1,1,ICU\nb,0,\"ICU\nc,1,ICU\nd,0,ICU\n";
    let done = back(open, &[]);
    assert!(
        done.code == Some(1) && done.err.contains("outcomes.csv:3: bad_row"),
        "{}",
        done.err
    );
    assert_eq!(back(open, &["--multiline"]).code, Some(1));
    let lines = "patient_id,outcome,unit\np-1,1,\"ICU\nnorth\"\n";
    assert_eq!(
        (back(lines, &[]).code, back(lines, &["--multiline"]).code),
        (Some(1), Some(0))
    );
    let semicolons = back("patient_id;outcome\np-1;1\n", &[]);
    assert!(
        semicolons.err.contains("separated by semicolons"),
        "{}",
        semicolons.err
    );
    assert_eq!(
        back("patient_id,outcome\np-1,1\nelsewhere,0\n", &[]).code,
        Some(0)
    );

    let patients = (1..=9).map(|patient| row(0, 96).replace("p-1", &format!("p-{patient}")));
    ward.write(
        "in.csv",
        format!("{HEADER}\n{}\n", patients.collect::<Vec<_>>().join("\n")),
    );
    let outcomes = |named: &str| {
        (1..=9)
            .map(|patient| format!("{}{patient},0\n", if patient < 5 { "p-" } else { named }))
            .collect::<String>()
    };
    let unlike = back(&format!("patient_id,outcome\n{}", outcomes("P-")), &[]);
    let first = "error: less than half of the outcomes could be used: of 9 patients there and 9 in the input, 4 are in both";
    assert!(
        unlike.code == Some(1) && unlike.out.starts_with(first) && unlike.err.starts_with(first),
        "{}{}",
        unlike.out,
        unlike.err
    );
    assert_eq!(
        back(&format!("patient_id,outcome\n{}", outcomes("p-")), &[]).code,
        Some(0)
    );
}

/// Two patients for two minutes, a row a second each; one row of the first with another time.
fn with_one_time(ts: &str) -> String {
    let mut rows = Vec::new();
    for second in 0..120 {
        rows.push(row(second, 96));
        rows.push(row(second, 96).replace("p-1", "p-2"));
    }
    rows[100] = format!("p-1,{ts},spo2,96,%");
    format!("{HEADER}\n{}\n", rows.join("\n"))
}

#[test]
fn one_bad_date_makes_no_other_row_late_and_nobody_silent() {
    let ward = Ward::new();
    for date in [
        "2062-03-01T10:00:50Z",
        "1970-01-01T00:00:50Z",
        "2026-01-03T10:00:50Z",
    ] {
        ward.write("in.csv", with_one_time(date));
        let summary = ward.replay("in.csv", &["--output", "json"]).json();
        assert_eq!(
            summary["quarantined"],
            serde_json::json!({ "bad_time": 1 }),
            "{date}"
        );
        assert_eq!(
            (&summary["observations"], &summary["stays"]),
            (&239.into(), &2.into())
        );
        assert_eq!(summary["alerts"], serde_json::json!([]));
        let wrong = &ward.read("q.ndjson")[0];
        assert_eq!(
            (&wrong["row"], &wrong["reason"]),
            (&101.into(), &"bad_time".into())
        );
    }
}

#[test]
fn rows_keep_their_order_where_it_is_asked_for() {
    let ward = Ward::new();
    let mut rows: Vec<String> = (0..300).map(|second| row(second, 96)).collect();
    rows.reverse();
    ward.write("in.csv", format!("{HEADER}\n{}\n", rows.join("\n")));
    let late = |more: &[&str]| {
        let done = ward.replay("in.csv", &[&["--output", "json"], more].concat());
        (done.code, done.json()["quarantined"]["late"].as_u64())
    };
    // Newest first: in the order of time nothing is late, as it stands all beyond two minutes is, and
    // what no window can take any more.
    assert_eq!(
        (late(&[]), late(&["--as-is"])),
        ((Some(0), None), (Some(1), Some(180)))
    );
}
