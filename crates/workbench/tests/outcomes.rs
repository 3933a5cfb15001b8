//! Each score and alarm is judged by its own outcome, and by nothing that the outcomes do not tell.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use wardwatch_event_time::{Span, Timestamp};
use wardwatch_pipeline::{Pipeline, Predicts};
use wardwatch_replay::{Results, replay};
use wardwatch_workbench::backtest::{
    AlarmFigures, Courses, Options, RankingFigures, Report, ScoreFigures, read_outcomes, run,
};

/// 2026-01-01T00:00:00Z, in seconds.
const START: i64 = 1_767_225_600;

const PIPELINE: &str = "pipeline: judged
version: 1
sources: [{ name: bedside, topic: vitals.bedside, format: observation-json }]
time: { lateness: 1h, silent_after: 10m, forget_after: 20h }
features:
  - name: short
    window: 10m
    every: 10m
    sql: SELECT patient_id, avg(heart_rate) AS heart_rate_mean FROM vitals GROUP BY patient_id
scores:
  - { name: rate, sql: heart_rate_mean, predicts: { outcome: death, horizon: 2h } }
  - name: pressure
    sql: 200 - mean_bp
    predicts: { outcome: shock, horizon: 1h, recurs: true }
    present_when: mean_bp < 60
  - { name: early, sql: 'qsofa(resp_rate, systolic_bp, gcs_total)' }
alarms:
  - { name: fast, limit: heart_rate > 120, priority: high, predicts: { outcome: death, horizon: 2h } }
  - { name: falling, when: pressure > 120, priority: medium }
  - { name: both, when: pressure > 120 AND rate > 100, priority: medium }
  - { name: low, limit: mean_bp < 60, priority: high, predicts: { outcome: sepsis } }
  - { name: cold, limit: temperature < 35, priority: low }
";

fn at(minute: i64) -> String {
    Timestamp::from_millis((START + minute * 60) * 1_000).to_string()
}

/// A value a minute for six hours: (patient, minute) to heart rate and mean pressure.
fn ward(folder: &Path, value: impl Fn(i64, i64) -> (i64, i64)) -> std::path::PathBuf {
    let mut rows = vec!["patient_id,ts,code,value,unit".to_owned()];
    for minute in 0..360 {
        for patient in 0..4 {
            let (heart_rate, mean_bp) = value(patient, minute);
            let ts = at(minute);
            rows.push(format!("p-{patient},{ts},heart_rate,{heart_rate},/min"));
            rows.push(format!("p-{patient},{ts},mean_bp,{mean_bp},mm[Hg]"));
        }
    }
    let path = folder.join("ward.csv");
    fs::write(&path, rows.join("\n") + "\n").unwrap();
    path
}

/// p-0 dies at 300 min, its heart fast from 100 to 110 and from 200 to 210 min; p-1's from 250 to 260; p-2's pressure is 75 from
/// 62 to 120 min and 50 from 120 to 180, in shock at 121 and again at 300 min.
fn course(patient: i64, minute: i64) -> (i64, i64) {
    let fast = match patient {
        0 => (100..110).contains(&minute) || (200..210).contains(&minute),
        1 => (250..260).contains(&minute),
        _ => false,
    };
    let pressure = match (patient, minute) {
        (2, 62..120) => 75,
        (2, 120..180) => 50,
        _ => 90,
    };
    (if fast { 130 } else { 70 + patient }, pressure)
}

fn outcomes_text() -> String {
    format!(
        "patient_id,kind,outcome,outcome_at\np-0,death,1,{}\np-1,death,0,\np-2,death,0,\np-0,shock,0,\np-1,shock,0,\np-2,shock,1,{}\np-2,shock,1,{}\n",
        at(300),
        at(121),
        at(300)
    )
}

fn options() -> Options {
    Options {
        horizon: Span::from_secs(24 * 3_600),
        landmark: Span::from_secs(3 * 3_600),
        predicts: BTreeMap::new(),
        threads: 2,
    }
}

struct Judged {
    report: Report,
}

fn judged(outcomes: &str, options: &Options) -> Judged {
    let folder = tempfile::tempdir().unwrap();
    let input = ward(folder.path(), course);
    let path = folder.path().join("outcomes.csv");
    fs::write(&path, outcomes).unwrap();
    let outcomes = read_outcomes(&path, false).unwrap();
    let pipeline = pipeline(PIPELINE);
    let courses = run(&pipeline, &[input], 2, |_| ()).unwrap();
    Judged {
        report: Report::new(&pipeline, &courses, Some(&outcomes), options),
    }
}

fn pipeline(text: &str) -> Arc<Pipeline> {
    Arc::new(Pipeline::parse(text, Path::new("../../models")).unwrap())
}

impl Judged {
    fn alarm(&self, name: &str) -> &AlarmFigures {
        self.report
            .alarms
            .iter()
            .find(|alarm| alarm.alarm == name)
            .unwrap()
    }

    fn score(&self, name: &str) -> &ScoreFigures {
        self.report
            .scores
            .iter()
            .find(|score| score.score == name)
            .unwrap()
    }

    fn ranking(&self, score: &str, ranking: &str) -> &RankingFigures {
        let mut rankings = self.score(score).rankings.iter();
        rankings.find(|found| found.ranking == ranking).unwrap()
    }
}

#[test]
fn alerts_are_right_within_the_horizon_before_their_own_outcome() {
    let judged = judged(&outcomes_text(), &options());
    let fast = judged.alarm("fast");
    // p-0 at 100 min is too early for its death at 300 min, at 200 min it is not; p-1 lives.
    assert_eq!((fast.alerts, fast.judged, fast.right), (3, 3, 1));
    assert!((fast.precision.unwrap().value - 1.0 / 3.0).abs() < 1e-12);
    assert_eq!((fast.outcomes, fast.alerted), (1, 1));
    assert_eq!(fast.lead_hours, Some([100.0 / 60.0; 3]));
    assert_eq!(fast.predicts.as_deref(), Some("death within 2h"));
    // A condition on one score predicts what that predicts; one on two that differ says nothing.
    let falling = judged.alarm("falling");
    assert_eq!(falling.predicts.as_deref(), Some("shock within 1h"));
    assert_eq!((falling.alerts, falling.right), (1, 1));
    // The second shock had no alert within the hour before.
    assert_eq!((falling.outcomes, falling.alerted), (2, 1));
    assert_eq!(judged.alarm("both").predicts, None);
    assert_eq!(
        judged.alarm("low").not_judged,
        Some("the outcomes hold none of the kind that it predicts")
    );
    assert!(judged.alarm("cold").not_judged.is_some());
    let silent = judged.alarm("silent:bedside");
    assert_eq!(silent.not_judged, Some("it is about equipment and data"));
    assert_eq!((silent.precision, silent.sensitivity), (None, None));
}

#[test]
fn the_command_line_says_what_the_pipeline_does_not() {
    let predicts = |outcome: &str, hours: i64| Predicts {
        outcome: outcome.to_owned(),
        horizon: Some(Span::from_secs(hours * 3_600)),
        recurs: false,
    };
    let mut options = options();
    options.predicts = BTreeMap::from([
        ("fast".to_owned(), predicts("death", 4)),
        ("low".to_owned(), predicts("shock", 1)),
    ]);
    let judged = judged(&outcomes_text(), &options);
    let fast = judged.alarm("fast");
    assert_eq!((fast.judged, fast.right), (3, 2));
    assert_eq!(fast.lead_hours, Some([200.0 / 60.0; 3]));
    let low = judged.alarm("low");
    assert_eq!((low.alerts, low.judged, low.right, low.outcomes), (1, 1, 1, 1));
}

#[test]
fn without_times_nothing_is_called_precision() {
    let judged = judged(
        "patient_id,kind,outcome\np-0,death,1\np-1,death,0\np-2,death,0\n",
        &options(),
    );
    let fast = judged.alarm("fast");
    assert_eq!(
        (fast.precision, fast.sensitivity, fast.lead_hours),
        (None, None, None)
    );
    assert_eq!((fast.patients, fast.patients_with_outcome), (2, Some(1)));
    assert!(
        judged.report.notes[0].contains("nothing precision"),
        "{:?}",
        judged.report.notes
    );
    // Stays are ranked all the same: the highest of p-0 and of p-1 are equal.
    assert_eq!(judged.ranking("rate", "highest").auroc.unwrap().value, 0.75);
    assert_eq!(judged.ranking("rate", "each value").outcomes, 0);
    assert!(
        judged
            .score("rate")
            .flagged
            .iter()
            .all(|flagged| flagged.precision.is_none())
    );
    assert!(
        judged
            .score("rate")
            .at_rates
            .iter()
            .all(|rate| rate.precision.is_none())
    );
}

#[test]
fn stays_are_ranked_at_a_landmark_by_the_last_and_by_the_highest_value() {
    let judged = judged(&outcomes_text(), &options());
    let of = |ranking| {
        let found = judged.ranking("rate", ranking);
        (found.rows, found.outcomes, found.auroc.map(|area| area.value))
    };
    // Three hours in, all hearts are quiet; p-0's is the quietest.
    assert_eq!(of("at 3h"), (3, 1, Some(0.0)));
    assert_eq!(of("last"), (3, 1, Some(0.0)));
    assert_eq!(of("highest"), (3, 1, Some(0.75)));
    let (rows, outcomes, _) = of("each value");
    // Windows of ten minutes; those of p-0 up to its death, of which twelve are within two hours before it.
    assert_eq!((rows, outcomes), (29 + 35 + 35, 12));
    let fell_out: BTreeMap<&str, u64> = judged
        .report
        .denominators
        .iter()
        .filter(|of| of.of == "rate" && of.ranking == "at 3h")
        .flat_map(|of| of.fell_out.clone())
        .collect();
    assert_eq!(
        fell_out,
        BTreeMap::from([("the outcomes say nothing of the patient", 1)])
    );
}

#[test]
fn a_score_is_unavailable_while_what_it_predicts_is_there() {
    let judged = judged(&outcomes_text(), &options());
    let (pressure, rate) = (judged.score("pressure"), judged.score("rate"));
    assert_eq!(pressure.evaluated + pressure.unavailable, rate.evaluated);
    // An hour of ten-minute windows.
    assert_eq!(pressure.unavailable, 6);
    let each = judged.ranking("pressure", "each value");
    // At 120 min the pressure is low already.
    assert_eq!(each.outcomes, 5 + 6);
}

#[test]
fn an_outcome_without_a_kind_is_for_what_predicts_nothing() {
    let judged = judged("patient_id,outcome\np-0,1\np-1,0\n", &options());
    assert_eq!(
        judged.alarm("cold").predicts.as_deref(),
        Some("outcome within 1d")
    );
    assert!(judged.alarm("fast").not_judged.is_some());
    assert_eq!(judged.alarm("silent:bedside").predicts, None);
    let kind = &judged.report.outcomes.as_ref().unwrap()[0];
    assert_eq!((kind.patients, kind.came, kind.without_time), (2, 1, 1));
}

#[test]
fn a_partial_point_score_is_judged_by_its_lowest_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut rows = vec!["patient_id,ts,code,value,unit".to_owned()];
    for minute in 0..60 {
        for patient in 0..40 {
            let ts = at(minute);
            let ill = patient % 4 == 0;
            rows.push(format!(
                "p-{patient},{ts},resp_rate,{},/min",
                if ill { 30 } else { 14 }
            ));
            // Every second patient has all that the score reads.
            if patient % 2 == 1 {
                rows.push(format!("p-{patient},{ts},systolic_bp,120,mm[Hg]"));
                rows.push(format!("p-{patient},{ts},gcs_total,15,{{score}}"));
            }
        }
    }
    let input = folder.path().join("ward.csv");
    fs::write(&input, rows.join("\n") + "\n").unwrap();
    let fates: String = (0..40)
        .map(|patient| format!("p-{patient},{}\n", u8::from(patient % 4 == 0)))
        .collect();
    let path = folder.path().join("outcomes.csv");
    fs::write(&path, format!("patient_id,outcome\n{fates}")).unwrap();
    let text = PIPELINE.replace(
        "  - { name: cold",
        "  - { name: screen, when: early_lowest >= 1, priority: low }\n  - { name: cold",
    );
    let pipeline = pipeline(&text);
    let courses = run(&pipeline, &[input], 2, |_| ()).unwrap();
    let report = Report::new(
        &pipeline,
        &courses,
        Some(&read_outcomes(&path, false).unwrap()),
        &options(),
    );
    let of = |name: &str| {
        let score = report.scores.iter().find(|score| score.score == name).unwrap();
        let last = score
            .rankings
            .iter()
            .find(|ranking| ranking.ranking == "last")
            .unwrap();
        (last.rows, last.outcomes, last.auroc.map(|area| area.value))
    };
    // The total is known of those alone who are well.
    assert_eq!(of("early"), (20, 0, None));
    assert_eq!(of("early_lowest"), (40, 10, Some(1.0)));
}

/// The window that ends with a stay's last value is decided by both, whether its end is that of the file or not.
#[test]
fn a_replay_and_a_back_test_end_alike() {
    for time in [
        "{ lateness: 1h, silent_after: 10m, forget_after: 20h }",
        "{ lateness: 1h, hold: 1h, grace: off, silent_after: 10m, forget_after: 20h }",
        "{ lateness: 1h, hold: 30m, grace: 1h, silent_after: 10m, forget_after: 3h }",
    ] {
        let folder = tempfile::tempdir().unwrap();
        // Stays that end at and beside the ends of windows, some long before the file's.
        let ends = [0, 9, 10, 11, 59, 60, 61, 119, 120, 240, 249, 250];
        let mut rows = Vec::new();
        for (patient, last) in ends.iter().enumerate() {
            let minutes = (0..*last).step_by(3).chain([*last]);
            rows.extend(
                minutes.map(|minute| (minute, format!("p-{patient},{},heart_rate,80,/min", at(minute)))),
            );
        }
        rows.sort();
        let lines: Vec<String> = rows.into_iter().map(|(_, row)| row).collect();
        let input = folder.path().join("ward.csv");
        fs::write(
            &input,
            format!("patient_id,ts,code,value,unit\n{}\n", lines.join("\n")),
        )
        .unwrap();
        let text = PIPELINE.replace("{ lateness: 1h, silent_after: 10m, forget_after: 20h }", time);
        let pipeline = pipeline(&text);
        let scores = folder.path().join("scores.ndjson");
        let results = Results {
            scores: Some(scores.clone()),
            ..Results::default()
        };
        replay(&pipeline, std::slice::from_ref(&input), &results, |_| ()).unwrap();
        let mut replayed: BTreeMap<String, Vec<(i64, u64)>> = BTreeMap::new();
        for line in fs::read_to_string(scores).unwrap().lines() {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            let of_set = record["scores"][0]["window_end"] == record["window_end"];
            if let Some(value) = record["scores"][0]["value"].as_f64().filter(|_| of_set) {
                let at = Timestamp::parse_rfc3339(record["at"].as_str().unwrap().as_bytes()).unwrap();
                let patient = record["patient_id"].as_str().unwrap().to_owned();
                replayed
                    .entry(patient)
                    .or_default()
                    .push((at.micros(), value.to_bits()));
            }
        }
        let of = |courses: &Courses| -> BTreeMap<String, Vec<(i64, u64)>> {
            let patients = courses.patients.iter();
            let scores = patients.map(|(patient, course)| {
                let values = course.scores[0].values().map(|(at, value)| (at, value.to_bits()));
                (patient.to_string(), values.collect::<Vec<_>>())
            });
            scores.filter(|(_, values)| !values.is_empty()).collect()
        };
        for threads in [1, 3] {
            let courses = run(&pipeline, std::slice::from_ref(&input), threads, |_| ()).unwrap();
            assert_eq!(of(&courses), replayed, "{time}");
        }
        // p-4's last value is in the window that ends at 60 min; p-10's in one that ends with the file's last.
        assert_eq!((replayed["p-4"].len(), replayed["p-9"].len()), (6, 25), "{time}");
        assert_eq!(
            (replayed["p-10"].len(), replayed["p-11"].len()),
            (25, 25),
            "{time}"
        );
    }
}
