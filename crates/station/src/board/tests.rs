//! The board by script: commands on the left margin, after `->` what must follow.
//!
//! ```text
//! score PATIENT BED SECOND NEWS2     alarm PATIENT NAME PRIORITY on|off SECOND     alert PATIENT NAME PHASE ORDINAL
//! discharge PATIENT                  tick SHARD SECOND
//! delta -> PATIENT:URGENCY … gone PATIENT … alerts N   | nothing
//! ```

use std::time::Duration;

use serde_json::json;
use wardwatch_alarms::{AlertId, AlertKey, Phase};
use wardwatch_clinical::AlarmPriority;

use super::*;

fn at(second: &str) -> Timestamp {
    Timestamp::from_millis(second.parse::<i64>().unwrap() * 1_000)
}

fn score(patient: &str, bed: &str, second: &str, news2: &str) -> Update {
    let total: f64 = news2.parse().unwrap();
    let record = json!({
        "patient_id": patient, "bed": bed, "window_end": at(second), "at": at(second), "revision": 0,
        "scores": [{ "name": "news2", "value": total, "points": [["spo2", 0]] }],
        "inputs": [], "pipeline": "adult", "pipeline_version": 1,
    });
    Update::Score {
        shard: 0,
        record: serde_json::from_value(record).unwrap(),
    }
}

fn id(patient: &str, alarm: &str, ordinal: u32) -> AlertId {
    let condition_start = Timestamp::from_millis(0);
    AlertId::of(&AlertKey {
        visit: None,
        pipeline: "adult",
        patient_id: patient,
        alarm,
        condition_start,
        phase: Phase::Start,
        ordinal,
    })
}

fn kind(alarm: &str) -> &'static str {
    if alarm.contains(':') {
        "technical"
    } else {
        "physiological"
    }
}

fn alarm(patient: &str, alarm: &str, priority: &str, state: &str, second: &str) -> Update {
    let record = json!({
        "patient_id": patient, "alarm": alarm, "kind": kind(alarm), "priority": priority, "active": state == "on",
        "condition_start": at(second), "changed_at": at(second), "alert_id": id(patient, alarm, 0), "text": "SpO2 84 % < 88",
    });
    Update::Alarm {
        shard: 0,
        alarm: serde_json::from_value(record).unwrap(),
    }
}

fn alert(patient: &str, alarm: &str, phase: &str, ordinal: &str) -> Update {
    let time = at("5");
    let record = json!({
        "id": id(patient, alarm, ordinal.parse().unwrap()), "patient_id": patient, "alarm": alarm, "kind": kind(alarm),
        "priority": "high", "phase": phase, "ordinal": ordinal.parse::<u32>().unwrap(), "condition_start": time,
        "text": "SpO2 84 % < 88", "condition": "spo2 < 88", "contributors": [], "pipeline": "adult",
        "pipeline_version": 1, "pipeline_hash": "abc",
        "stages": { "observed_at": time, "due_at": time, "decided_at": time },
        "deadline": { "at": time, "missed": false },
    });
    Update::Alert {
        shard: 0,
        alert: serde_json::from_value(record).unwrap(),
    }
}

fn update(line: &str) -> Update {
    let words: Vec<_> = line.split_whitespace().collect();
    match words[..] {
        ["score", patient, bed, second, news2] => score(patient, bed, second, news2),
        ["alarm", patient, name, priority, state, second] => alarm(patient, name, priority, state, second),
        ["alert", patient, name, phase, ordinal] => alert(patient, name, phase, ordinal),
        ["discharge", patient] => Update::Discharged {
            patient_id: patient.to_owned(),
        },
        ["tick", shard, second, ref more @ ..] => Update::Tick {
            shard: shard.parse().unwrap(),
            log_time: at(second),
            now: at(second),
            speed: 1.0,
            edit_refused: more == ["refused"],
        },
        _ => panic!("no such command: {line}"),
    }
}

fn describe(delta: Option<Delta>) -> String {
    let Some(delta) = delta else {
        return "nothing".to_owned();
    };
    let mut words: Vec<_> = delta
        .tiles
        .iter()
        .map(|tile| format!("{}:{}", tile.patient, tile.urgency))
        .collect();
    words.extend(delta.gone.iter().map(|patient| format!("gone {patient}")));
    if !delta.alerts.is_empty() {
        words.push(format!("alerts {}", delta.alerts.len()));
    }
    words.join(" ")
}

#[allow(clippy::disallowed_methods, reason = "an Instant comes from nowhere else")]
fn start() -> Instant {
    Instant::now()
}

/// Runs a script on a new board and returns the board.
fn check(script: &str) -> Board {
    let (mut board, now) = (Board::new(BoardConfig::default()), start());
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (command, expected) = line
            .split_once("->")
            .map_or((line, None), |(command, rest)| (command, Some(rest.trim())));
        let outcome = match command.trim() {
            "delta" => describe(board.take_delta(now)),
            command => match board.apply(update(command), now) {
                Haste::Unchanged => "unchanged".to_owned(),
                Haste::Routine => "routine".to_owned(),
                Haste::AtOnce => "at once".to_owned(),
            },
        };
        if let Some(expected) = expected {
            assert_eq!(outcome, expected, "{line}");
        }
    }
    board
}

#[test]
fn a_patient_who_changes_often_is_sent_once() {
    check(
        "score p1 B1 10 3 -> routine
         score p1 B1 20 4 -> routine
         score p2 B2 20 0 -> routine
         delta            -> p1:4 p2:0
         delta            -> nothing",
    );
}

#[test]
fn a_feed_may_repeat_itself() {
    check(
        "score p1 B1 20 4
         score p1 B1 20 4                    -> unchanged
         score p1 B1 10 9                    -> unchanged
         alarm p1 desaturation high on 20    -> at once
         alarm p1 desaturation high on 20    -> unchanged
         alarm p1 desaturation high off 10   -> unchanged
         alert p1 desaturation start 0       -> at once
         alert p1 desaturation start 0       -> unchanged
         alert p1 desaturation end 1         -> at once
         delta                               -> p1:3004 alerts 2",
    );
}

#[test]
fn the_highest_alarm_goes_first_then_less_known_then_the_score() {
    check(
        "score p1 B1 1 12
         alarm p2 news2_urgent medium on 1
         alarm p3 desaturation high on 1
         alarm p4 silent:bedside medium on 1
         score p2 B2 1 7
         delta -> p1:12 p2:2007 p3:3000 p4:2500
         alarm p3 desaturation high off 2    -> at once
         alarm p3 desaturation high off 2    -> unchanged
         delta -> p3:0",
    );
}

#[test]
fn a_discharge_takes_everything_with_it() {
    let board = check(
        "score p1 B1 1 12
         alarm p1 desaturation high on 1
         discharge p1                        -> routine
         delta                               -> gone p1
         discharge p1                        -> unchanged
         alarm p1 desaturation high off 2    -> unchanged
         delta                               -> nothing
         score p1 B9 3 1
         delta                               -> p1:1",
    );
    assert!(board.snapshot(start()).tiles[0].alarms.is_empty());
}

#[test]
fn silence_is_told_by_source_and_apart_from_other_alarms() {
    let board = check(
        "alarm p1 silent:wearable low on 10
         alarm p1 silent:bedside medium on 20
         alarm p1 device_clock:bedside low on 30
         alarm p1 silent_hypoxia low on 40",
    );
    let tile = &board.snapshot(start()).tiles[0];
    let lost = tile.lost.as_ref().unwrap();
    assert_eq!(
        (lost.since, lost.sources.join(" ")),
        (20_000, "bedside wearable".to_owned())
    );
    assert_eq!(
        (lost.priority, tile.priority),
        (AlarmPriority::Medium, Some(AlarmPriority::Medium))
    );
    let others: Vec<_> = tile.alarms.iter().map(|alarm| alarm.alarm.as_str()).collect();
    assert_eq!(others, ["silent_hypoxia", "device_clock:bedside"]);
}

#[test]
fn a_record_without_a_bed_does_not_empty_it() {
    let mut board = check("score p1 B1 1 0");
    board.apply(alarm("p1", "desaturation", "high", "on", "2"), start());
    assert_eq!(board.snapshot(start()).tiles[0].bed.as_deref(), Some("B1"));
}

#[test]
fn a_tick_ages_until_the_next() {
    let (mut board, heard) = (Board::new(BoardConfig::default()), start());
    assert!(board.heartbeat(heard).feeds.is_empty());
    board.apply(update("tick 3 50"), heard);
    let later = heard + Duration::from_millis(4_200);
    let expected = FeedView {
        shard: 3,
        log_time: 50_000,
        now: 50_000,
        speed: 1.0,
        edit_refused: false,
        tick_age: 4_200,
    };
    assert_eq!(board.heartbeat(later).feeds, [expected]);
    board.apply(update("tick 3 51"), later);
    assert_eq!(board.take_delta(later).unwrap().feeds[0].tick_age, 0);
    let mut refused = check("tick 0 9 refused");
    assert!(refused.take_delta(later).unwrap().feeds[0].edit_refused);
}

fn condition(place: &str, active: bool, second: i64) -> Update {
    let record = json!({
        "writer": "engine/ward", "kind": "open_transaction", "place": place, "active": active, "blocks_readiness": true,
        "since": Timestamp::from_millis(1_000), "changed_at": Timestamp::from_millis(second * 1_000),
        "text": "a producer's transaction is open", "remedy": "restart the producer",
    });
    Update::Condition {
        condition: Box::new(serde_json::from_value(record).unwrap()),
    }
}

#[test]
fn the_technical_lane_shows_what_is_wrong_with_the_system() {
    let (mut board, now) = (Board::new(BoardConfig::default()), start());
    let lane = |board: &Board| -> Vec<String> {
        let lane = board.snapshot(now).conditions;
        lane.into_iter().map(|condition| condition.place).collect()
    };
    assert_eq!(board.apply(condition("vitals/0", true, 1), now), Haste::AtOnce);
    assert_eq!(board.apply(condition("vitals/0", true, 1), now), Haste::Unchanged);
    assert_eq!(board.apply(condition("vitals/1", true, 2), now), Haste::AtOnce);
    let delta = board.take_delta(now).unwrap();
    assert_eq!(delta.conditions, Some(board.snapshot(now).conditions));
    assert_eq!(lane(&board), ["vitals/0", "vitals/1"]);
    // What was so before it was last heard of, and the end of what is not shown, change nothing.
    assert_eq!(
        board.apply(condition("vitals/1", false, 1), now),
        Haste::Unchanged
    );
    assert_eq!(
        board.apply(condition("vitals/2", false, 3), now),
        Haste::Unchanged
    );
    assert!(board.take_delta(now).is_none());
    assert_eq!(board.apply(condition("vitals/0", false, 4), now), Haste::AtOnce);
    assert_eq!(lane(&board), ["vitals/1"]);
    board.apply(update("tick 0 9"), now);
    assert!(board.take_delta(now).unwrap().conditions.is_some());
    board.apply(update("tick 0 10"), now);
    assert!(board.take_delta(now).unwrap().conditions.is_none());
    for place in 0..2 * MAX_CONDITIONS {
        board.apply(condition(&format!("more/{place}"), true, 5), now);
    }
    assert_eq!(lane(&board).len(), MAX_CONDITIONS);
}

#[test]
fn the_board_is_bounded_and_says_so() {
    let (mut board, now) = (Board::new(BoardConfig::default()), start());
    for count in 0..=MAX_PATIENTS {
        board.apply(update(&format!("score p{count} B{count} 1 0")), now);
        board.apply(update(&format!("alert p{count} desaturation start 0")), now);
    }
    let snapshot = board.snapshot(now);
    assert_eq!(
        (snapshot.tiles.len(), snapshot.alerts.len()),
        (MAX_PATIENTS, MAX_ALERTS)
    );
    assert!(snapshot.full && board.heartbeat(now).full);
    assert_eq!(
        snapshot.alerts[0].patient,
        format!("p{MAX_PATIENTS}"),
        "the newest is kept"
    );
    assert_eq!(board.take_delta(now).unwrap().alerts.len(), MAX_ALERTS);
    board.apply(update("discharge p1"), now);
    assert!(!board.heartbeat(now).full);
}

#[test]
fn a_snapshot_and_its_deltas_show_what_a_later_snapshot_shows() {
    let script =
        "score p1 B1 1 2 | score p2 B2 1 3 | alarm p1 desaturation high on 2 | alert p1 desaturation start 0
        | discharge p2 | score p3 B3 3 1 | alarm p1 desaturation high off 4 | score p2 B7 5 5 | discharge p3";
    let (mut board, now) = (Board::new(BoardConfig::default()), start());
    let mut page: BTreeMap<String, String> = BTreeMap::new();
    for command in script.split('|') {
        board.apply(update(command), now);
        let delta = board.take_delta(now).unwrap();
        for tile in delta.tiles {
            page.insert(tile.patient.clone(), serde_json::to_string(&tile).unwrap());
        }
        delta.gone.iter().for_each(|patient| drop(page.remove(patient)));
        let shown: Vec<_> = board
            .snapshot(now)
            .tiles
            .iter()
            .map(|tile| serde_json::to_string(tile).unwrap())
            .collect();
        assert_eq!(
            page.values().cloned().collect::<Vec<_>>(),
            shown,
            "after {command}"
        );
    }
}
