//! Who a patient is: records of several writers and visits, in whatever order they come, and what they do to a stay.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use support::{Row, alerts, at, observations, row};
use wardwatch_alarms::{Alert, EndReason, Phase};
use wardwatch_clinical::VitalSign::{self, Spo2};
use wardwatch_inference::Models;
use wardwatch_ingest::{Record, decode_context};
use wardwatch_pipeline::Pipeline;
use wardwatch_shard::{Batch, ContextInput, Outputs, Shard, Wants};

const PIPELINE: &str = "pipeline: test
version: 1
sources:
  - { name: bedside, topic: vitals.bedside, format: observation-json }
  - { name: pump, topic: vitals.pump, format: observation-json }
context:
  - { name: adt, topic: context.adt }
  - { name: charting, topic: context.charting }
time: { lateness: 2m, hold: 0s, grace: 2s, future_skew: 10s, silent_after: 20s, forget_after: 10m }
features:
  - name: short
    window: 1m
    every: 10s
    sql: SELECT patient_id, min(spo2) AS spo2_min FROM vitals GROUP BY patient_id
scores:
  - { name: news2, sql: \"news2(resp_rate, spo2, spo2_scale, on_oxygen, systolic_bp, pulse, consciousness, temperature)\" }
alarms:
  - { name: desaturation, limit: spo2 < 80, priority: high }
  - { name: urgent, when: news2_lowest >= 3, priority: medium }
";

const ADT: u16 = 0;
const CHARTING: u16 = 1;

/// A shard, restored from a snapshot after each step where it is to be.
struct Ward {
    pipeline: Arc<Pipeline>,
    shard: Shard,
    models: Models,
    out: Outputs,
    restarts: bool,
}

impl Ward {
    fn new() -> Self {
        let pipeline = Arc::new(Pipeline::parse(PIPELINE, Path::new("models")).unwrap());
        Self {
            shard: Shard::new(Arc::clone(&pipeline), Wants::default()),
            pipeline,
            models: Models::default(),
            out: Outputs::default(),
            restarts: true,
        }
    }

    fn step(&mut self, batch: &Batch, tick: Option<i64>) {
        self.shard
            .step(batch, tick.map(at), &mut self.models, &mut self.out)
            .unwrap();
        if self.restarts {
            let stored = self.shard.capture().unwrap();
            self.shard = Shard::restore(Arc::clone(&self.pipeline), Wants::default(), &stored).unwrap();
            assert_eq!(self.shard.capture().unwrap(), stored);
        }
    }

    fn rows(&mut self, rows: &[Row]) {
        let batch = Batch {
            observations: observations(rows),
            ..Batch::default()
        };
        self.step(&batch, None);
    }

    fn spo2(&mut self, second: i64, value: f64) {
        self.rows(&[row("a", second, Spo2, value)]);
    }

    fn tick(&mut self, second: i64) {
        self.step(&Batch::default(), Some(second));
    }

    /// A record of patient `a` that arrives at `now`: `EVENT TS`, and further fields as JSON.
    fn context(&mut self, now: i64, writer: u16, event: &str, ts: i64, more: &str) {
        let payload = format!(
            r#"{{"patient_id":"a","event":"{event}","ts":"{}"{more}}}"#,
            at(ts)
        );
        let record = Record {
            payload: payload.as_bytes(),
            key: Some(b"a"),
            append_time: at(now),
            topic: 2,
            partition: 0,
            offset: 0,
        };
        let input = ContextInput {
            append_time: at(now),
            writer,
            record: decode_context(&record).unwrap(),
        };
        let batch = Batch {
            context: vec![input],
            ..Batch::default()
        };
        self.step(&batch, None);
    }

    fn adt(&mut self, now: i64, event: &str, ts: i64, more: &str) {
        self.context(now, ADT, event, ts, more);
    }

    fn last(&self) -> &Alert {
        self.out.alerts.last().expect("an alert")
    }

    /// Visit and bed of the newest alert.
    fn whereabouts(&self) -> (Option<&str>, Option<&str>) {
        let alert = self.last();
        (alert.visit.as_deref(), alert.bed.as_deref())
    }
}

#[test]
fn what_is_older_changes_nothing_whenever_it_comes() {
    let mut ward = Ward::new();
    ward.adt(0, "admit", -60, r#","bed":"B1""#);
    ward.adt(5, "transfer", 0, r#","bed":"B2""#);
    ward.adt(6, "update", -30, r#","bed":"B1""#);
    ward.spo2(7, 75.0);
    assert_eq!(ward.whereabouts(), (None, Some("B2")));
    ward.adt(10, "discharge", 10, "");
    assert_eq!(
        (ward.last().phase, ward.last().reason),
        (Phase::End, Some(EndReason::Discharged))
    );
    // Late, and again: the patient stays discharged, and is not silent.
    ward.adt(11, "update", -30, r#","bed":"B3""#);
    ward.adt(12, "admit", -60, r#","bed":"B1""#);
    ward.adt(13, "transfer", 0, r#","bed":"B2""#);
    ward.adt(14, "update", 12, r#","bed":"B2""#);
    let told = ward.out.alerts.len();
    ward.tick(300);
    assert_eq!((ward.shard.patients(), ward.out.alerts.len()), (0, told));
    assert_eq!(ward.out.counts.outdated_context, 4);
}

#[test]
fn a_discharge_that_comes_before_the_admission_counts() {
    let mut ward = Ward::new();
    ward.adt(5, "discharge", 4, r#","visit":"V1""#);
    ward.adt(6, "admit", 1, r#","visit":"V1","bed":"A""#);
    assert_eq!(ward.shard.patients(), 0);
    ward.adt(7, "admit", 6, r#","visit":"V2","bed":"B""#);
    ward.spo2(8, 75.0);
    assert_eq!(ward.whereabouts(), (Some("V2"), Some("B")));
}

#[test]
fn a_readmission_is_a_new_stay_with_its_visit_in_the_ids() {
    let mut ward = Ward::new();
    ward.adt(0, "admit", 0, r#","visit":"V1","bed":"A","age":71"#);
    ward.spo2(5, 75.0);
    let first = ward.last().clone();
    // Nobody has said that V1 is over.
    ward.adt(20, "admit", 20, r#","visit":"V2","bed":"B""#);
    let end = ward.last().clone();
    assert_eq!((end.phase, end.reason), (Phase::End, Some(EndReason::Discharged)));
    assert_eq!(
        (end.visit.as_deref(), end.bed.as_deref()),
        (Some("V1"), Some("A"))
    );
    assert_eq!(ward.out.ended, ["a"]);
    // The same reading again, as late data would give it: another stay, so another alert.
    ward.rows(&[Row {
        append: 21,
        ..row("a", 5, Spo2, 75.0)
    }]);
    assert_eq!(ward.whereabouts(), (Some("V2"), Some("B")));
    assert_eq!(ward.last().condition_start, first.condition_start);
    assert_ne!(ward.last().id, first.id);
    let states = ward
        .out
        .alarms
        .iter()
        .filter(|alarm| alarm.alarm == "desaturation");
    let visits: Vec<_> = states.map(|alarm| alarm.visit.as_deref()).collect();
    assert_eq!(visits, [Some("V1"), Some("V1"), Some("V2")]);
    // The discharge of V1, late: V2 goes on.
    ward.adt(22, "discharge", 19, r#","visit":"V1""#);
    ward.adt(23, "update", 23, r#","visit":"V1","bed":"C""#);
    assert_eq!((ward.shard.patients(), ward.out.ended.len()), (1, 1));
    ward.adt(24, "discharge", 24, r#","visit":"V2""#);
    assert_eq!((ward.shard.patients(), ward.last().phase), (0, Phase::End));
}

#[test]
fn a_visit_within_another_gives_way_to_it() {
    let mut ward = Ward::new();
    ward.adt(0, "admit", 0, r#","visit":"V1","bed":"A""#);
    ward.adt(5, "admit", 5, r#","visit":"V2","bed":"dialysis 3""#);
    ward.spo2(6, 75.0);
    assert_eq!(ward.whereabouts(), (Some("V2"), Some("dialysis 3")));
    ward.adt(9, "discharge", 9, r#","visit":"V2""#);
    assert_eq!((ward.last().phase, ward.shard.patients()), (Phase::End, 1));
    ward.spo2(10, 75.0);
    assert_eq!(ward.whereabouts(), (Some("V1"), Some("A")));
}

#[test]
fn a_visit_that_becomes_known_is_that_of_the_stay() {
    let mut ward = Ward::new();
    ward.spo2(1, 75.0);
    assert_eq!(ward.whereabouts(), (None, None));
    ward.adt(2, "admit", 0, r#","visit":"V1","bed":"A""#);
    ward.spo2(3, 96.0);
    assert_eq!(ward.last().phase, Phase::End);
    assert_eq!(ward.whereabouts(), (Some("V1"), Some("A")));
    assert_eq!(ward.out.ended, [""; 0]);
}

#[test]
fn each_field_is_of_the_writer_that_states_it_last() {
    let mut ward = Ward::new();
    ward.adt(0, "admit", 0, r#","visit":"V1","bed":"A","on_oxygen":false"#);
    ward.context(1, CHARTING, "update", 1, r#","spo2_scale":2,"on_oxygen":true"#);
    let full = [
        (VitalSign::RespRate, 16.0),
        (Spo2, 90.0),
        (VitalSign::SystolicBp, 120.0),
        (VitalSign::Pulse, 70.0),
        (VitalSign::Consciousness, 0.0),
        (VitalSign::Temperature, 37.0),
    ];
    let score = |ward: &mut Ward, second: i64| {
        for second in [second, second + 10] {
            let rows: Vec<Row> = full
                .iter()
                .map(|(vital, value)| row("a", second, *vital, *value))
                .collect();
            ward.rows(&rows);
        }
        let record = ward.out.scores.last().unwrap();
        assert_eq!(record.bed.as_deref(), Some("A"));
        record.scores[0].value
    };
    // Scale 2 with oxygen: 90 % is on target, oxygen two points.
    assert_eq!(score(&mut ward, 2), Some(2.0));
    // The bed's correction states no oxygen any more; charting's word stands.
    ward.adt(15, "update", 15, r#","visit":"V1","bed":"A""#);
    assert_eq!(score(&mut ward, 22), Some(2.0));
    // Charting takes back what it stated: scale 1, and no word about oxygen; 3 points, and up to 2 more.
    ward.context(35, CHARTING, "withdraw", 35, "");
    assert_eq!(score(&mut ward, 42), None);
    ward.adt(55, "update", 55, r#","visit":"V1","bed":"A","on_oxygen":false"#);
    assert_eq!(score(&mut ward, 62), Some(3.0));
}

/// Somebody is measured there, so limits hold; but the bed has been given up, and nobody is told that the monitor stops.
#[test]
fn a_discharged_patients_monitor_is_watched_until_it_stops() {
    let mut ward = Ward::new();
    ward.adt(0, "admit", 0, r#","visit":"V1","bed":"A""#);
    ward.spo2(5, 96.0);
    ward.adt(6, "discharge", 6, r#","visit":"V1""#);
    for second in 7..30 {
        ward.spo2(second, 96.0);
    }
    ward.spo2(30, 75.0);
    assert_eq!(
        (ward.last().phase, ward.whereabouts()),
        (Phase::Start, (None, None))
    );
    // The pump stops, and that is missed while the monitor goes on; then that stops too.
    ward.rows(&[Row {
        topic: 1,
        ..row("a", 31, VitalSign::O2Flow, 0.0)
    }]);
    for second in 32..70 {
        ward.spo2(second, 75.0);
    }
    assert_eq!(ward.shard.patients(), 1);
    ward.tick(100);
    assert_eq!(ward.shard.patients(), 0);
    let told = alerts(&ward.out, "a");
    let silent = told.iter().filter(|(alarm, ..)| alarm.starts_with("silent"));
    let silent: Vec<_> = silent
        .map(|(alarm, phase, _)| (alarm.as_str(), &**phase))
        .collect();
    assert_eq!(silent, [("silent:pump", "start"), ("silent:pump", "end")]);
    assert_eq!(ward.last().reason, Some(EndReason::Discharged));
}

#[test]
fn who_comes_back_before_any_word_of_it_is_missed_when_silent() {
    let mut ward = Ward::new();
    ward.adt(0, "admit", 0, r#","visit":"V1","bed":"A""#);
    ward.adt(6, "discharge", 6, r#","visit":"V1""#);
    ward.spo2(60, 96.0);
    ward.tick(85);
    assert_eq!(ward.last().alarm, "silent:bedside");
    // Admitted while the monitor of the last visit goes on: from then on silence is told again.
    let mut ward = Ward::new();
    ward.adt(0, "admit", 0, r#","visit":"V1","bed":"A""#);
    ward.adt(6, "discharge", 6, r#","visit":"V1""#);
    ward.spo2(8, 96.0);
    ward.adt(9, "admit", 9, r#","visit":"V2","bed":"B""#);
    ward.tick(40);
    assert_eq!(ward.last().alarm, "silent:bedside");
    assert_eq!(ward.whereabouts(), (Some("V2"), Some("B")));
}

#[test]
fn an_old_discharge_ends_no_stay_that_began_by_data() {
    let mut ward = Ward::new();
    ward.spo2(60, 75.0);
    ward.adt(61, "discharge", 30, r#","visit":"V0""#);
    ward.adt(62, "discharge", 40, "");
    assert_eq!((ward.shard.patients(), ward.out.alerts.len()), (1, 1));
    ward.adt(63, "discharge", 63, "");
    assert_eq!((ward.shard.patients(), ward.last().phase), (0, Phase::End));
}

#[test]
fn what_is_stated_of_who_is_not_monitored_is_there_when_data_come() {
    let mut ward = Ward::new();
    // A correction of a record says nothing about whether the patient is there.
    ward.adt(0, "update", 0, r#","visit":"V1","bed":"A""#);
    ward.tick(60);
    assert_eq!((ward.shard.patients(), ward.out.alerts.len()), (0, 0));
    ward.spo2(61, 75.0);
    assert_eq!(ward.whereabouts(), (Some("V1"), Some("A")));
    // Without a monitor for longer than forget_after, and twice that, and back.
    ward.tick(61 + 601);
    assert_eq!(ward.shard.patients(), 0);
    let restarts = ward.restarts;
    ward.tick(61 + 2_000);
    assert!(restarts && ward.shard.patients() == 0);
    ward.adt(2_100, "update", 2_100, r#","visit":"V1","bed":"B""#);
    ward.spo2(2_101, 75.0);
    assert_eq!(ward.whereabouts(), (Some("V1"), Some("B")));
}

/// A rebuild reads context from the topic's start, and values from some windows back.
#[test]
fn an_admission_of_days_ago_is_known_when_the_state_is_rebuilt() {
    let mut ward = Ward::new();
    ward.adt(0, "admit", 0, r#","visit":"V1","bed":"A""#);
    ward.context(60, CHARTING, "update", 60, r#","spo2_scale":2"#);
    ward.adt(3_600, "transfer", 3_600, r#","visit":"V1","bed":"B""#);
    ward.spo2(5 * 86_400, 75.0);
    assert_eq!(ward.whereabouts(), (Some("V1"), Some("B")));
}

#[test]
fn a_discharge_is_remembered_for_as_long_as_a_patient_is() {
    let remembered = |late: i64| {
        let mut ward = Ward::new();
        ward.adt(0, "admit", 0, r#","visit":"V1""#);
        ward.adt(10, "discharge", 10, r#","visit":"V1""#);
        ward.adt(10 + late, "admit", 0, r#","visit":"V1""#);
        ward.shard.patients() == 0
    };
    assert!(remembered(1) && remembered(599));
    assert!(!remembered(601), "what is remembered is bounded");
}

#[test]
fn a_tombstone_of_one_writer_is_no_discharge_by_another() {
    let mut ward = Ward::new();
    ward.adt(0, "admit", 0, r#","visit":"V1","bed":"A""#);
    ward.context(1, CHARTING, "update", 1, r#","spo2_scale":2"#);
    ward.context(2, CHARTING, "withdraw", 2, "");
    assert_eq!(ward.shard.patients(), 1);
    ward.adt(3, "withdraw", 3, "");
    assert_eq!(ward.shard.patients(), 0);
}

/// NEWS2 of patients with these facts: the total, or why there is none; and whether the condition on it started.
fn news2(more: &str) -> (Option<f64>, Option<String>, bool) {
    let mut ward = Ward::new();
    ward.adt(
        0,
        "admit",
        0,
        &format!(r#","spo2_scale":1,"on_oxygen":true{more}"#),
    );
    for second in [1, 11, 21] {
        let values = [
            (VitalSign::RespRate, 24.0),
            (Spo2, 93.0),
            (VitalSign::SystolicBp, 100.0),
            (VitalSign::Pulse, 111.0),
            (VitalSign::Consciousness, 0.0),
            (VitalSign::Temperature, 38.1),
        ];
        ward.rows(&values.map(|(vital, value)| row("a", second, vital, value)));
    }
    let score = &ward.out.scores.last().unwrap().scores[0];
    let is_told = ward.out.alerts.iter().any(|alert| alert.alarm == "urgent");
    // Nothing of it is shown as if it were partial.
    assert_eq!(score.lowest.is_none(), score.unavailable.is_some());
    assert_eq!(score.points.is_empty(), score.unavailable.is_some());
    (
        score.value,
        score.unavailable.as_deref().map(str::to_owned),
        is_told,
    )
}

#[test]
fn news2_is_for_adults_who_are_not_pregnant() {
    let applies = (Some(11.0), None, true);
    let child = (
        None,
        Some("NEWS2 is for patients from 16 years".to_owned()),
        false,
    );
    let pregnant = (None, Some("NEWS2 is not for pregnant patients".to_owned()), false);
    for more in [
        "",
        r#","age":16"#,
        r#","age":71,"pregnant":false"#,
        r#","pregnant":false"#,
        r#","age":130"#,
    ] {
        assert_eq!(news2(more), applies, "{more}");
    }
    for more in [
        r#","age":0"#,
        r#","age":0.02"#,
        r#","age":15.99"#,
        r#","age":15,"pregnant":true"#,
    ] {
        assert_eq!(news2(more), child, "{more}");
    }
    for more in [
        r#","pregnant":true"#,
        r#","age":31,"sex":"female","pregnant":true"#,
    ] {
        assert_eq!(news2(more), pregnant, "{more}");
    }
}

#[derive(Clone, Debug)]
struct Stated {
    writer: u16,
    event: &'static str,
    ts: i64,
    more: String,
}

fn stated() -> impl Strategy<Value = Stated> {
    let event = prop::sample::select(vec!["admit", "transfer", "update", "discharge"]);
    let visit = prop::sample::select(vec!["", r#","visit":"V1""#, r#","visit":"V2""#]);
    (0..2u16, event, 0..40i64, visit, 0..5u8).prop_map(|(writer, event, ts, visit, bed)| Stated {
        writer,
        event,
        ts,
        more: format!(r#"{visit},"bed":"B{bed}""#),
    })
}

proptest! {
    /// CONTEXT-1: whatever the order in which records come, the next alert says the same.
    #[test]
    fn any_order_of_arrival_gives_the_same_whereabouts(
        (records, turned) in prop::collection::vec(stated(), 1..12)
            .prop_flat_map(|records| (Just(records.clone()), Just(records).prop_shuffle())),
    ) {
        let told = |records: &[Stated]| {
            let mut ward = Ward::new();
            ward.restarts = false;
            for (second, stated) in (50..).zip(records) {
                ward.context(second, stated.writer, stated.event, stated.ts, &stated.more);
            }
            ward.spo2(70, 75.0);
            let (visit, bed) = ward.whereabouts();
            (visit.map(str::to_owned), bed.map(str::to_owned))
        };
        prop_assert_eq!(told(&records), told(&turned));
    }
}
