use proptest::prelude::*;

use super::*;

const RULES: ClockRules = ClockRules {
    lateness: Span::from_secs(120),
    future_skew: Span::from_secs(10),
    past_skew: Some(Span::from_secs(60)),
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1_000)
}

fn seconds(count: i64) -> Span {
    Span::from_secs(count)
}

/// Readings that arrive every five seconds from `from` until `until`, dated `ahead` of their arrival.
fn feed(clock: &mut DeviceClock, from: i64, until: i64, ahead: i64) -> Vec<(i64, Admitted)> {
    (from..until)
        .step_by(5)
        .map(|now| (now, clock.admit(at(now + ahead), at(now), RULES)))
        .collect()
}

#[test]
fn edges() {
    let mut clock = DeviceClock::default();
    let mut admit = |ts, append_time| clock.admit(at(ts), at(append_time), RULES).admission;
    assert_eq!(admit(1_011, 1_000), Admission::Future);
    assert_eq!(admit(1_010, 1_000), Admission::Newest);
    assert_eq!(admit(1_010, 1_001), Admission::WithinLateness);
    assert_eq!(admit(890, 1_001), Admission::WithinLateness);
    assert_eq!(admit(889, 1_001), Admission::Late);
}

#[test]
fn a_clock_that_is_steadily_wrong_counts_at_its_effective_time_after_a_minute() {
    const DECADES: i64 = 56 * 365 * 86_400;
    for behind in [61, 121, 300, 3_600, 5 * 3_600, DECADES, -11, -300, -3_600] {
        let mut clock = DeviceClock::default();
        let seen = feed(&mut clock, DECADES, DECADES + 300, -behind);
        for (now, admitted) in seen {
            let is_corrected = now - DECADES >= 60;
            assert_eq!(
                admitted.at == at(now),
                is_corrected,
                "{behind} s behind, at {now}"
            );
            assert_eq!(admitted.new_epoch, now - DECADES == 60, "{behind}");
        }
        let standing = match behind {
            behind if behind > 0 => Standing::Behind(seconds(behind)),
            behind => Standing::Ahead(seconds(-behind)),
        };
        assert_eq!(clock.standing(), standing);
    }
}

#[test]
fn a_clock_that_is_set_begins_an_epoch() {
    let mut clock = DeviceClock::default();
    feed(&mut clock, 10_000, 10_100, 0);
    assert_eq!(clock.standing(), Standing::Right);
    feed(&mut clock, 10_100, 10_200, -3_600);
    assert_eq!(clock.standing(), Standing::Behind(seconds(3_600)));
    // Set right: at once, since no reading can come before it was measured.
    let right = clock.admit(at(10_200), at(10_200), RULES);
    assert_eq!((right.at, right.new_epoch), (at(10_200), true));
    assert_eq!(clock.standing(), Standing::Right);
    // Half an hour of an hour: it may be what was sent half an hour ago, so that takes a minute.
    feed(&mut clock, 10_205, 10_300, -3_600);
    let nearer = clock.admit(at(10_300 - 1_800), at(10_300), RULES);
    assert_eq!((nearer.admission, nearer.new_epoch), (Admission::Future, false));
    feed(&mut clock, 10_305, 10_370, -1_800);
    assert_eq!(clock.standing(), Standing::Behind(seconds(1_800)));
    // Set back further: known after a minute.
    feed(&mut clock, 10_370, 10_470, -7_200);
    assert_eq!(clock.standing(), Standing::Behind(seconds(7_200)));
    // What was never right is believed at once: it cannot have sent that before.
    let mut slow = DeviceClock::default();
    feed(&mut slow, 10_000, 10_100, -3_600);
    let nearer = slow.admit(at(10_100 - 1_800), at(10_100), RULES);
    assert_eq!((nearer.at, nearer.new_epoch), (at(10_100), true));
}

#[test]
fn one_reading_of_another_setting_ends_no_epoch() {
    let mut clock = DeviceClock::default();
    feed(&mut clock, 9_000, 10_000, 0);
    for now in (10_000..11_200).step_by(5) {
        // A cuff pressure of before the clock was set back, sent again; and now and then a time of nowhere.
        clock.admit(at(9_700), at(now), RULES);
        let admitted = clock.admit(at(now - 3_600), at(now), RULES);
        if now % 100 == 0 {
            clock.admit(at(now + 5_000), at(now), RULES);
        }
        let is_found = now >= 10_060;
        assert_eq!(admitted.at == at(now), is_found, "{now}");
        assert_eq!(
            clock.standing() == Standing::Behind(seconds(3_600)),
            is_found,
            "{now}"
        );
    }
}

#[test]
fn a_value_that_is_sent_again_before_each_reading_hides_no_wrong_clock() {
    for ahead in [-3_600, 3_600] {
        let mut clock = DeviceClock::default();
        for now in (10_000..10_200).step_by(5) {
            clock.admit(at(9_000 + ahead), at(now), RULES);
            let admitted = clock.admit(at(now + ahead), at(now), RULES);
            assert!(admitted.at == at(now) || now < 10_130, "{ahead} at {now}");
        }
    }
}

/// Every minute a batch of a minute, each a little over a minute late: the clock is behind by the least of that, if at all.
#[test]
fn a_device_that_uploads_in_batches_gets_no_times_of_the_future() {
    for (every, delay) in [(15, 61), (20, 70), (5, 61), (1, 90)] {
        let mut clock = DeviceClock::default();
        for upload in (10_000..20_000).step_by(60) {
            for ts in (upload - 60..upload).step_by(every) {
                let admitted = clock.admit(at(ts), at(upload + delay), RULES);
                assert_ne!(
                    admitted.admission,
                    Admission::Future,
                    "every {every} s, at {upload}"
                );
            }
        }
    }
}

#[test]
fn one_reading_of_the_future_is_no_epoch_and_tells_of_the_clock_until_a_right_one_comes() {
    let mut clock = DeviceClock::default();
    feed(&mut clock, 1_000, 1_100, 0);
    assert_eq!(
        clock.admit(at(9_000), at(1_100), RULES).admission,
        Admission::Future
    );
    assert_eq!(clock.standing(), Standing::Ahead(seconds(7_900)));
    assert_eq!(
        clock.admit(at(1_101), at(1_101), RULES).admission,
        Admission::Newest
    );
    assert_eq!(clock.standing(), Standing::Right);
}

#[test]
fn what_is_late_for_another_reason_is_no_wrong_clock() {
    // A cuff pressure that is sent again and again, beside readings of now.
    let mut clock = DeviceClock::default();
    for now in (10_000..11_500).step_by(5) {
        assert!(!clock.admit(at(9_900), at(now), RULES).new_epoch);
        assert!(!clock.admit(at(now), at(now), RULES).new_epoch);
    }
    // The same alone: its time stands still.
    let mut clock = DeviceClock::default();
    assert!(
        (10_000..20_000)
            .step_by(60)
            .all(|now| !clock.admit(at(9_900), at(now), RULES).new_epoch)
    );
    // Charted by hand, each entry a few minutes after it was taken.
    let mut clock = DeviceClock::default();
    for (entry, late) in (0..).zip([300, 420, 290, 610, 200, 330, 500, 280, 700, 340]) {
        assert!(
            !clock
                .admit(at(entry * 3_600), at(entry * 3_600 + late), RULES)
                .new_epoch
        );
    }
    // Rules that ask for no estimate.
    let off = ClockRules {
        past_skew: None,
        ..RULES
    };
    let mut clock = DeviceClock::default();
    assert!(
        (10_000..20_000)
            .step_by(5)
            .all(|now| !clock.admit(at(now - 600), at(now), off).new_epoch)
    );
}

#[test]
fn words_on_earlier_readings_are_no_wrong_clock() {
    let mut clock = DeviceClock::default();
    for now in (10_000..10_300).step_by(5) {
        assert!(!clock.admit_correction(at(now - 600), at(now), RULES).new_epoch);
    }
    assert_eq!(clock.standing(), Standing::Right);
    feed(&mut clock, 10_300, 10_400, -3_600);
    let word = clock.admit_correction(at(10_395 - 3_600), at(10_410), RULES);
    assert_eq!((word.at, word.admission), (at(10_395), Admission::WithinLateness));
}

#[test]
fn a_clock_that_drifts_is_followed_in_epochs() {
    let mut clock = DeviceClock::default();
    let mut worst = 0;
    for now in (100_000..200_000).step_by(5) {
        // Five seconds slow a minute, from right.
        let behind = (now - 100_000) / 12;
        let admitted = clock.admit(at(now - behind), at(now), RULES);
        worst = worst.max((at(now) - admitted.at).micros() / 1_000_000);
        assert_ne!(admitted.admission, Admission::Late);
    }
    assert!(worst < 130, "{worst} s off at the worst");
}

/// A stamp of whole minutes is slow by a minute at most, and by an hour if the clock is.
#[test]
fn coarse_stamps_are_judged_by_where_they_change() {
    for (every, grain) in [(1, 60), (5, 60), (20, 60), (5, 30), (7, 10)] {
        let coarse = |now: i64, behind: i64| at((now - behind).div_euclid(grain) * grain);
        let mut clock = DeviceClock::default();
        assert!(
            (10_000..12_000)
                .step_by(every)
                .all(|now| !clock.admit(coarse(now, 0), at(now), RULES).new_epoch)
        );
        let found = (12_000..13_000)
            .step_by(every)
            .find(|now| clock.admit(coarse(*now, 3_600), at(*now), RULES).new_epoch);
        assert!(
            found.is_some_and(|now| now <= 12_400),
            "{grain} s, every {every} s: {found:?}"
        );
        let Standing::Behind(amount) = clock.standing() else {
            panic!("{grain} s, every {every} s")
        };
        assert!(
            (seconds(3_600)..=seconds(3_600 + every as i64)).contains(&amount),
            "{grain} s, every {every} s: {amount}"
        );
    }
}

#[test]
fn a_clock_that_was_ahead_is_right_again_after_a_minute() {
    for ahead in [15, 45, 300, 3_600] {
        let mut clock = DeviceClock::default();
        feed(&mut clock, 10_000, 10_200, ahead);
        assert_eq!(clock.standing(), Standing::Ahead(seconds(ahead)));
        // A delay of the network is none.
        assert!(!clock.admit(at(10_200 + ahead - 30), at(10_200), RULES).new_epoch);
        feed(&mut clock, 10_205, 10_300, ahead);
        assert_eq!(clock.standing(), Standing::Ahead(seconds(ahead)));
        feed(&mut clock, 10_300, 10_365, 0);
        assert_eq!(clock.standing(), Standing::Right, "{ahead} s");
    }
}

#[test]
fn a_wrong_date_moves_no_clock_that_is_known_to_be_wrong() {
    for behind in [300, 3_600, -300] {
        let mut clock = DeviceClock::default();
        feed(&mut clock, 10_000, 10_200, -behind);
        let known = clock.standing();
        let wrong = clock.admit(at(99_000), at(10_200), RULES);
        assert_eq!((wrong.admission, wrong.new_epoch), (Admission::Future, false));
        assert!(
            feed(&mut clock, 10_205, 10_300, -behind)
                .iter()
                .all(|(now, admitted)| admitted.at == at(*now))
        );
        assert_eq!(clock.standing(), known);
    }
}

/// Rules that take clocks as they are, also for one that was found to be wrong under others.
#[test]
fn without_an_estimate_there_is_no_offset() {
    let off = ClockRules {
        past_skew: None,
        ..RULES
    };
    for ahead in [-3_600, 3_600] {
        let mut clock = DeviceClock::default();
        feed(&mut clock, 10_000, 10_200, ahead);
        let admitted = clock.admit(at(10_205), at(10_205), off);
        assert_eq!(
            (admitted.at, admitted.admission, admitted.new_epoch),
            (at(10_205), Admission::Newest, true)
        );
        assert_eq!(clock.standing(), Standing::Right);
    }
}

#[test]
fn numbers_round_trip() {
    let mut clock = DeviceClock::default();
    for ahead in [0, -3_600, -3_600, 50, 0, 90] {
        feed(&mut clock, 20_000 + ahead, 20_045 + ahead, ahead);
        assert_eq!(DeviceClock::from_numbers(clock.to_numbers()), Some(clock.clone()));
    }
    let mut numbers = clock.to_numbers();
    numbers[DeviceClock::NUMBERS - 2] = -1;
    assert_eq!(DeviceClock::from_numbers(numbers), None);
}

proptest! {
    #[test]
    fn clock_1_and_clock_2_hold(records in proptest::collection::vec((0i64..2_000, 0i64..2_000), 1..60)) {
        let mut clock = DeviceClock::default();
        for (ts, append_time) in records {
            let before = clock.now();
            let admitted = clock.admit(at(ts), at(append_time), RULES);
            prop_assert!(admitted.new_epoch || clock.now() >= before);
            if matches!(admitted.admission, Admission::Newest | Admission::WithinLateness) {
                prop_assert!(admitted.at <= at(append_time) + RULES.future_skew);
                prop_assert!(admitted.new_epoch || admitted.at >= before - RULES.lateness);
            }
        }
    }

    /// CLOCK-3: however long the outage, however fast its backlog comes, then and now as it should be.
    #[test]
    fn a_backlog_begins_no_epoch(
        outage in 61i64..20_000, every in 1i64..30, percent in 112i64..20_000, jitter in proptest::collection::vec(0i64..3, 50),
    ) {
        let mut clock = DeviceClock::default();
        let (mut ts, mut now) = (10_000_000i64, 10_000_000 + outage * 1_000);
        for step in 0..3_000usize {
            let late = jitter[step % jitter.len()] * 300;
            let admitted = clock.admit(Timestamp::from_millis(ts), Timestamp::from_millis(now + late), RULES);
            prop_assert!(!admitted.new_epoch, "after {} s, lag {} ms", step as i64 * every, now - ts);
            ts += every * 1_000;
            now = (now + every * 100_000 / percent).max(ts);
        }
        prop_assert_eq!(clock.standing(), Standing::Right);
    }
}
