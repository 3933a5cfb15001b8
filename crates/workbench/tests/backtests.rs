//! Back-tests: the same on any number of threads, the same alerts as a replay, and figures that can be counted by hand.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wardwatch_event_time::{Span, Timestamp};
use wardwatch_pipeline::Pipeline;
use wardwatch_replay::{Results, replay};
use wardwatch_workbench::backtest::{
    Comparison, Courses, Fate, Options, Outcome, Outcomes, Page, Report, UNNAMED, run,
};

/// 2026-01-01T00:00:00Z, in seconds.
const START: i64 = 1_767_225_600;

fn options(threads: usize) -> Options {
    Options {
        horizon: Span::from_secs(24 * 3_600),
        landmark: Span::from_secs(3_600),
        predicts: BTreeMap::new(),
        threads,
    }
}

/// Forty patients for two hours, a value a minute; every fourth becomes ill after a while, some late, some with a gap.
fn ward(folder: &Path) -> PathBuf {
    let mut rows = Vec::new();
    for patient in 0..40_i64 {
        let is_ill = patient % 4 == 0;
        for minute in 0..120_i64 {
            if patient % 7 == 3 && (60..75).contains(&minute) {
                continue;
            }
            let ts = START + minute * 60 + patient;
            let ill = is_ill && minute > 40 + patient;
            let spo2 = if ill { 84 } else { 95 + (patient + minute) % 4 };
            let heart_rate = if ill {
                135
            } else {
                70 + (patient * 7 + minute) % 20
            };
            let late = if patient % 5 == 0 && minute % 11 == 0 {
                90
            } else {
                1
            };
            rows.push((
                ts + late,
                format!("p-{patient},{},spo2,{spo2},%,{}", at(ts), at(ts + late)),
            ));
            rows.push((
                ts + late,
                format!(
                    "p-{patient},{},heart_rate,{heart_rate},/min,{}",
                    at(ts),
                    at(ts + late)
                ),
            ));
        }
    }
    rows.sort();
    let lines: Vec<String> = rows.into_iter().map(|(_, line)| line).collect();
    let path = folder.join("ward.csv");
    fs::write(
        &path,
        format!("patient_id,ts,code,value,unit,arrived_at\n{}\n", lines.join("\n")),
    )
    .unwrap();
    path
}

fn at(seconds: i64) -> String {
    Timestamp::from_millis(seconds * 1_000).to_string()
}

/// Everybody who is ill has the outcome; it is known when of every second, six hours after the start.
fn outcomes() -> Outcomes {
    let fate = |patient: i64| {
        let outcome = Outcome {
            came: patient % 4 == 0,
            at: (patient % 8 == 0)
                .then(|| Timestamp::from_millis((START + 6 * 3_600) * 1_000))
                .into_iter()
                .collect(),
            known_until: None,
        };
        Fate {
            outcomes: BTreeMap::from([(UNNAMED.to_owned(), outcome)]),
            age: Some(40.0 + patient as f64),
            sex: Some(if patient % 2 == 0 { "female" } else { "male" }.to_owned()),
            unit: None,
        }
    };
    let patients = (0..40).map(|patient| (format!("p-{patient}"), fate(patient)));
    Outcomes {
        patients: patients.collect(),
        kinds: [UNNAMED.to_owned()].into(),
    }
}

fn pipeline() -> Arc<Pipeline> {
    Arc::new(Pipeline::load(Path::new("../../pipelines/adult-ward.yaml"), None).unwrap())
}

#[test]
fn threads_change_nothing_and_alerts_are_those_of_a_replay() {
    let folder = tempfile::tempdir().unwrap();
    let (pipeline, input) = (pipeline(), ward(folder.path()));
    let run = |threads| run(&pipeline, std::slice::from_ref(&input), threads, |_| ()).unwrap();
    let (one, three) = (run(1), run(3));
    assert_eq!(one.alert_ids, three.alert_ids);
    let report =
        |courses: &Courses, threads| Report::new(&pipeline, courses, Some(&outcomes()), &options(threads));
    let json = |courses: &Courses, threads| serde_json::to_string(&report(courses, threads)).unwrap();
    assert_eq!(json(&one, 1), json(&three, 3));
    let page = |courses: &Courses, threads| {
        let page = Page {
            runs: &[(&pipeline, courses)],
            outcomes: Some(&outcomes()),
        };
        page.of_report(&report(courses, threads)).unwrap()
    };
    assert_eq!(page(&one, 1), page(&three, 2));

    let alerts = folder.path().join("alerts.ndjson");
    let results = Results {
        alerts: Some(alerts.clone()),
        ..Results::default()
    };
    replay(&pipeline, std::slice::from_ref(&input), &results, |_| ()).unwrap();
    let mut ids: Vec<String> = fs::read_to_string(alerts)
        .unwrap()
        .lines()
        .map(|line| {
            let alert: serde_json::Value = serde_json::from_str(line).unwrap();
            alert["id"].as_str().unwrap().to_owned()
        })
        .collect();
    ids.sort();
    assert!(ids.len() > 20, "{}", ids.len());
    assert_eq!(ids, one.alert_ids);
}

#[test]
fn figures_are_what_can_be_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (pipeline, input) = (pipeline(), ward(folder.path()));
    let courses = run(&pipeline, &[input], 2, |_| ()).unwrap();
    let report = Report::new(&pipeline, &courses, Some(&outcomes()), &options(2));
    let kinds = report.outcomes.unwrap();
    assert_eq!((report.patients, kinds.len()), (40, 1));
    assert_eq!(
        (kinds[0].patients, kinds[0].came, kinds[0].without_time),
        (40, 10, 5)
    );
    assert!(report.notes[0].starts_with("Of 5 patients the outcomes do not say when"));
    // 119 minutes each, but for what came late at the end.
    assert!(
        (report.bed_days - 40.0 * 119.0 / 1_440.0).abs() < 0.05,
        "{}",
        report.bed_days
    );
    let desaturation = report
        .alarms
        .iter()
        .find(|alarm| alarm.alarm == "desaturation")
        .unwrap();
    // Every patient who is ill has one; nobody else. Of half of them nobody knows when the outcome came.
    assert_eq!((desaturation.alerts, desaturation.patients), (10, 10));
    assert_eq!((desaturation.judged, desaturation.right), (5, 5));
    assert_eq!((desaturation.outcomes, desaturation.alerted), (5, 5));
    let [precision, sensitivity] = [desaturation.precision, desaturation.sensitivity].map(Option::unwrap);
    assert_eq!((precision.value, sensitivity.value), (1.0, 1.0));
    assert_eq!(desaturation.number_needed_to_evaluate, Some(1.0));
    assert_eq!(desaturation.patients_with_outcome, Some(10));
    assert_eq!(desaturation.predicts.as_deref(), Some("outcome within 1d"));
    // Five outcomes have a time, six hours after the start; the illness of p-0 begins after 41 minutes, of p-16 after 57.
    let [low, median, high] = desaturation.lead_hours.unwrap();
    assert!(
        low <= median && median <= high && (4.0..5.4).contains(&median),
        "{low} {median} {high}"
    );
    let of_desaturation = report
        .denominators
        .iter()
        .find(|of| of.of == "desaturation" && of.unit == "alerts");
    let fell_out = &of_desaturation.unwrap().fell_out;
    assert_eq!(fell_out.values().copied().collect::<Vec<_>>(), [5]);
    let tachycardia = report
        .alarms
        .iter()
        .find(|alarm| alarm.alarm == "tachycardia")
        .unwrap();
    assert!(tachycardia.alerts >= 10);
    let together = report
        .overlaps
        .iter()
        .find(|overlap| overlap.alarm == "desaturation" && overlap.with == "tachycardia");
    assert_eq!(together.unwrap().share, 1.0);
    assert_eq!(report.noisiest.len(), 10);
    let silent = report
        .alarms
        .iter()
        .find(|alarm| alarm.alarm == "silent:bedside")
        .unwrap();
    // Of equipment nothing is right or wrong.
    assert!(silent.alerts > 0 && silent.precision.is_none() && silent.judged == 0);
    assert!(silent.not_judged.is_some());
}

#[test]
fn without_outcomes_nothing_is_said_of_right_and_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let (pipeline, input) = (pipeline(), ward(folder.path()));
    let courses = run(&pipeline, &[input], 2, |_| ()).unwrap();
    let report = Report::new(&pipeline, &courses, None, &options(2));
    assert_eq!(report.outcomes, None);
    assert!(
        report
            .alarms
            .iter()
            .all(|alarm| alarm.precision.is_none() && alarm.sensitivity.is_none())
    );
    assert!(
        report
            .scores
            .iter()
            .all(|score| score.rankings.is_empty() && score.at_rates.is_empty())
    );
}

#[test]
fn data_are_told_by_vital_sign() {
    let folder = tempfile::tempdir().unwrap();
    let (pipeline, input) = (pipeline(), ward(folder.path()));
    let more = folder.path().join("more.csv");
    fs::write(
        &more,
        format!(
            "patient_id,ts,code,value,unit\np-1,{0},spo2,140,%\np-1,{0},temperature,37,Cel\n",
            at(START + 30)
        ),
    )
    .unwrap();
    let courses = run(&pipeline, &[input, more], 2, |_| ()).unwrap();
    let data = Report::new(&pipeline, &courses, None, &options(2)).data;
    let of = |name: &str| {
        data.vital_signs
            .iter()
            .find(|vital| vital.vital_sign == name)
            .unwrap()
    };
    assert_eq!(data.vital_signs.len(), 3);
    let spo2 = of("spo2");
    assert_eq!(spo2.quarantined["implausible"], 1);
    // Two hours each, and for some a few minutes of a third; the gaps are shorter than an hour.
    assert_eq!((spo2.patients_without, spo2.hours_without < 0.3), (0, true));
    let late = spo2.quarantined.get("late").copied().unwrap_or_default();
    let gaps = 40 / 7 + 1;
    assert_eq!(spo2.taken + late, 40 * 120 - 15 * gaps);
    let temperature = of("temperature");
    assert_eq!((temperature.taken, temperature.patients_without), (1, 39));
    assert!(temperature.hours_without > 0.98);
}

#[test]
fn two_pipelines_differ_by_what_was_changed() {
    let folder = tempfile::tempdir().unwrap();
    let input = ward(folder.path());
    let text = fs::read_to_string("../../pipelines/adult-ward.yaml").unwrap();
    let stricter = text.replace("name: desaturation,", "name: desaturation_at_80,");
    assert_ne!(stricter, text);
    let old = pipeline();
    let new = Arc::new(Pipeline::parse(&stricter, Path::new("../../models")).unwrap());
    let [of_old, of_new] =
        [&old, &new].map(|pipeline| run(pipeline, std::slice::from_ref(&input), 2, |_| ()).unwrap());
    let compare =
        |new, of_new| Comparison::new((&old, &of_old), (new, of_new), Some(&outcomes()), &options(2));
    let comparison = compare(&new, &of_new);
    let of = |name: &str, figure: &str| {
        let found = comparison.differences.iter();
        let mut found = found.filter(|row| row.of == name && row.figure == figure);
        found.next().cloned().unwrap()
    };
    let gone = of("desaturation", "sensitivity");
    assert_eq!((gone.old, gone.new, gone.difference), (Some(1.0), None, None));
    assert_eq!(of("desaturation_at_80", "precision").new, Some(1.0));
    let all = of("tachycardia", "alerts a bed and day");
    assert_eq!(
        all.difference.map(|at| (at.value, at.low, at.high)),
        Some((0.0, 0.0, 0.0))
    );

    let same = compare(&old, &of_old);
    let zero = |at: wardwatch_workbench::backtest::Interval| [at.value, at.low, at.high] == [0.0; 3];
    assert!(same.differences.iter().all(|row| row.difference.is_none_or(zero)));
    assert_eq!(same.old, same.new);
}
