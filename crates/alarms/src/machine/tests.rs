//! Scripts of judgements and timers, and the invariants over random ones.

use proptest::prelude::*;

use super::*;
use crate::rules::Known;
use Judgement::{AtOnce, Between, Clear, Unknown, Violating};

const RULES: Rules = Rules {
    hold_for: Span::from_secs(15),
    max_age: Span::from_secs(600),
    repeat_after: Some(Span::from_secs(60)),
    confirm: Confirm::Never,
    known: Known::Always,
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1_000)
}

/// Runs a script of (judgement, event second = log second) and returns (phase, second) of what it told.
fn run(script: &[(Judgement, i64)]) -> Vec<(Phase, i64)> {
    let mut machine = Machine::default();
    let mut told = Vec::new();
    for (judgement, second) in script {
        told.extend(machine.on_time(at(*second), RULES));
        told.extend(machine.judge(*judgement, at(*second), at(*second), RULES));
    }
    told.iter()
        .map(|transition| (transition.phase, transition.at.millis() / 1_000))
        .collect()
}

#[test]
fn what_is_accepted_is_not_told_again_until_it_is_worse() {
    let mut machine = Machine::default();
    machine.judge(Violating, at(0), at(0), RULES);
    assert_eq!(machine.accept(at(0), at(1)), None, "it waits yet");
    let start = machine.judge(Violating, at(15), at(15), RULES).unwrap();
    assert_eq!(machine.accept(at(14), at(16)), None, "another condition");
    let accept = machine.accept(start.condition_start, at(16)).unwrap();
    assert_eq!(
        (accept.phase, accept.ordinal, accept.condition_start),
        (Phase::Accept, 1, at(0))
    );
    assert_eq!(
        machine.accept(start.condition_start, at(17)),
        None,
        "accepted already"
    );
    assert_eq!(
        (machine.due(RULES), machine.on_time(at(200), RULES)),
        (None, None)
    );
    assert_eq!(Machine::from_numbers(machine.to_numbers()), Some(machine));
    let worse = machine.judge(AtOnce, at(210), at(210), RULES).unwrap();
    assert_eq!(worse.phase, Phase::Escalate);
    assert_eq!(machine.due(RULES), Some(at(270)), "told of again");
    assert!(machine.accept(start.condition_start, at(211)).is_some());
    assert_eq!(
        machine.judge(Clear, at(300), at(300), RULES).unwrap().phase,
        Phase::End
    );
}

#[test]
fn a_delay_must_pass() {
    assert_eq!(
        run(&[
            (Violating, 0),
            (Violating, 10),
            (Clear, 14),
            (Violating, 20),
            (Violating, 30)
        ]),
        []
    );
    assert_eq!(
        run(&[(Violating, 0), (Violating, 14), (Violating, 15)]),
        [(Phase::Start, 15)]
    );
}

#[test]
fn a_single_low_value_and_then_nothing_is_enough() {
    let mut machine = Machine::default();
    assert_eq!(machine.judge(Violating, at(0), at(2), RULES), None);
    assert_eq!(machine.due(RULES), Some(at(17)));
    assert_eq!(machine.on_time(at(16), RULES), None);
    let told = machine.on_time(at(40), RULES).unwrap();
    assert_eq!(
        (told.phase, told.condition_start, told.at),
        (Phase::Start, at(0), at(17))
    );
}

#[test]
fn beyond_its_maximum_age_a_value_says_nothing() {
    let rules = Rules {
        max_age: Span::from_secs(10),
        ..RULES
    };
    let mut machine = Machine::default();
    assert_eq!(machine.judge(Violating, at(0), at(2), rules), None);
    assert_eq!(machine.on_time(at(17), rules), None);
    assert_eq!(machine.due(rules), None);
}

#[test]
fn the_worse_limit_does_not_wait() {
    assert_eq!(run(&[(AtOnce, 0)]), [(Phase::Start, 0)]);
    assert_eq!(run(&[(Violating, 0), (AtOnce, 3)]), [(Phase::Start, 3)]);
    let told = run(&[
        (Violating, 0),
        (Violating, 15),
        (AtOnce, 20),
        (AtOnce, 25),
        (Clear, 30),
    ]);
    assert_eq!(
        told,
        [(Phase::Start, 15), (Phase::Escalate, 20), (Phase::End, 30)]
    );
}

#[test]
fn hysteresis_and_unknown_keep_the_state() {
    let told = run(&[
        (AtOnce, 0),
        (Between, 10),
        (Unknown, 20),
        (Clear, 30),
        (Between, 40),
    ]);
    assert_eq!(told, [(Phase::Start, 0), (Phase::End, 30)]);
}

#[test]
fn an_active_condition_is_told_of_again() {
    let told = run(&[
        (AtOnce, 0),
        (Violating, 59),
        (Violating, 60),
        (Violating, 130),
        (Clear, 140),
    ]);
    assert_eq!(
        told,
        [
            (Phase::Start, 0),
            (Phase::Update, 60),
            (Phase::Update, 120),
            (Phase::End, 140)
        ]
    );
}

#[test]
fn the_end_of_monitoring_ends_the_condition_once() {
    let mut machine = Machine::default();
    machine.judge(AtOnce, at(0), at(0), RULES).unwrap();
    let ended = machine.end(at(9), EndReason::Discharged).unwrap();
    assert_eq!(
        (ended.phase, ended.reason),
        (Phase::End, Some(EndReason::Discharged))
    );
    assert_eq!(machine.end(at(10), EndReason::Discharged), None);
}

#[test]
fn one_wild_reading_begins_nothing_where_it_must_be_confirmed() {
    let confirmed = |confirm| Rules { confirm, ..RULES };
    let run = |rules: Rules, script: &[(Judgement, i64)]| {
        let mut machine = Machine::default();
        let mut told = Vec::new();
        for (judgement, second) in script {
            while let Some(due) = machine.on_time(at(*second), rules) {
                told.push((due.phase, due.at.millis() / 1_000));
            }
            let judged = machine.judge(*judgement, at(*second), at(*second), rules);
            told.extend(judged.map(|judged| (judged.phase, judged.at.millis() / 1_000)));
            assert_eq!(Machine::from_numbers(machine.to_numbers()), Some(machine));
        }
        told
    };
    let three_seconds = confirmed(Confirm::For(Span::from_secs(3)));
    assert_eq!(
        run(
            three_seconds,
            &[(AtOnce, 0), (Clear, 1), (AtOnce, 2), (Clear, 3), (Clear, 9)]
        ),
        []
    );
    assert_eq!(
        run(
            three_seconds,
            &[(AtOnce, 0), (AtOnce, 1), (AtOnce, 2), (AtOnce, 3)]
        ),
        [(Phase::Start, 3)]
    );
    // Nothing follows: then it is believed by the log's time.
    assert_eq!(
        run(three_seconds, &[(AtOnce, 0), (Clear, 8)]),
        [(Phase::Start, 3), (Phase::End, 8)]
    );
    // A violation in between drops the doubt, not the wait for `for`.
    assert_eq!(
        run(three_seconds, &[(AtOnce, 0), (Violating, 2), (Violating, 15)]),
        [(Phase::Start, 15)]
    );
    let escalates = [
        (Violating, 0),
        (Violating, 15),
        (AtOnce, 16),
        (Violating, 17),
        (AtOnce, 20),
        (AtOnce, 23),
    ];
    assert_eq!(
        run(three_seconds, &escalates),
        [(Phase::Start, 15), (Phase::Escalate, 23)]
    );
    let twice = confirmed(Confirm::Times(2));
    assert_eq!(run(twice, &[(AtOnce, 0), (AtOnce, 0), (Clear, 1)]), []);
    assert_eq!(run(twice, &[(AtOnce, 0), (AtOnce, 5)]), [(Phase::Start, 5)]);
    assert_eq!(
        run(twice, &[(AtOnce, 0), (Clear, 20)]),
        [(Phase::Start, 15), (Phase::End, 20)]
    );
}

#[test]
fn past_its_maximum_age_an_active_condition_is_unknown_once() {
    let rules = Rules {
        known: Known::WhileValueIs(Span::from_secs(100)),
        ..RULES
    };
    let mut machine = Machine::default();
    machine.judge(AtOnce, at(0), at(0), rules).unwrap();
    let mut fired = Vec::new();
    let mut until = |machine: &mut Machine, second: i64| {
        while let Some(told) = machine.on_time(at(second), rules) {
            fired.push((told.phase, told.at.millis() / 1_000, told.unknown));
        }
        std::mem::take(&mut fired)
    };
    assert_eq!(until(&mut machine, 100), [(Phase::Update, 60, false)]);
    assert_eq!(until(&mut machine, 500), [(Phase::Unknown, 100, true)]);
    assert!(machine.is_active() && machine.due(rules).is_none());
    assert_eq!(machine.judge(Unknown, at(510), at(510), rules), None);
    let known = machine.judge(Between, at(520), at(520), rules).unwrap();
    assert_eq!((known.phase, known.unknown), (Phase::Update, false));
    assert_eq!(until(&mut machine, 580), [(Phase::Update, 580, false)]);
    assert_eq!(until(&mut machine, 1_000), [(Phase::Unknown, 620, true)]);
    assert_eq!(
        machine.judge(Clear, at(1_001), at(1_001), rules).unwrap().phase,
        Phase::End
    );
}

#[test]
fn a_timer_is_asked_for_once() {
    let rules = Rules {
        known: Known::WhileValueIs(Span::from_secs(100)),
        ..RULES
    };
    let mut machine = Machine::default();
    machine.judge(Violating, at(0), at(0), rules);
    assert_eq!(machine.arm(rules), Some(at(15)));
    assert_eq!(machine.arm(rules), None);
    machine.judge(AtOnce, at(2), at(2), rules).unwrap();
    assert_eq!(machine.arm(rules), None, "the one that is set comes earlier");
    machine.disarm(at(15));
    assert_eq!(machine.on_time(at(15), rules), None);
    assert_eq!(machine.arm(rules), Some(at(62)));
}

fn judgement() -> impl Strategy<Value = Judgement> {
    prop_oneof![
        Just(Unknown),
        Just(Clear),
        Just(Between),
        Just(Violating),
        Just(AtOnce)
    ]
}

proptest! {
    /// ALARM-1 and ALARM-2, with event times that repeat as those of revisions do.
    #[test]
    fn transitions_are_well_formed(
        script in proptest::collection::vec((judgement(), 0i64..20, any::<bool>(), any::<bool>()), 1..80),
        confirm in prop_oneof![Just(Confirm::Never), Just(Confirm::For(Span::from_secs(3))), Just(Confirm::Times(2))],
        known in prop_oneof![
            Just(Known::Always),
            Just(Known::WhileValueIs(Span::from_secs(40))),
            Just(Known::AfterJudgement(Span::from_secs(40))),
        ],
    ) {
        let rules = Rules { confirm, known, ..RULES };
        let mut machine = Machine::default();
        let (mut now, mut event_time) = (at(0), at(0));
        let mut seen = std::collections::HashSet::new();
        let mut active = None;
        let (mut accepted, mut unknown) = (false, false);
        for (judgement, step, same_event, accepts) in script {
            now = now + Span::from_secs(step);
            if !same_event {
                event_time = now;
            }
            let mut told: Vec<Transition> = machine.on_time(now, rules).into_iter().collect();
            told.extend(machine.judge(judgement, event_time, now, rules));
            let newest = told.last().map(|transition| transition.condition_start).or(active);
            if let Some(start) = newest.filter(|_| accepts) {
                told.extend(machine.accept(start, now));
            }
            for transition in told {
                prop_assert!(seen.insert((transition.condition_start, transition.ordinal)));
                match transition.phase {
                    Phase::Start => {
                        prop_assert_eq!(active, None);
                        active = Some(transition.condition_start);
                        accepted = false;
                    }
                    Phase::Update => {
                        prop_assert_eq!(active, Some(transition.condition_start));
                        // What is accepted is told again only when something is known of it again.
                        prop_assert!(!accepted || unknown);
                    }
                    Phase::Escalate => {
                        prop_assert_eq!(active, Some(transition.condition_start));
                        accepted = false;
                    }
                    Phase::Accept => {
                        prop_assert_eq!(active, Some(transition.condition_start));
                        prop_assert!(!accepted);
                        accepted = true;
                    }
                    Phase::Unknown => {
                        prop_assert_eq!(active, Some(transition.condition_start));
                        prop_assert!(transition.unknown && !unknown);
                    }
                    Phase::End => {
                        prop_assert_eq!(active, Some(transition.condition_start));
                        active = None;
                    }
                }
                unknown = transition.unknown;
            }
            prop_assert_eq!(machine.is_active(), active.is_some());
            prop_assert_eq!(Machine::from_numbers(machine.to_numbers()), Some(machine));
        }
    }
}
