//! The simulated ward from outside: what it sends, in which order, the same every time.
#![allow(clippy::unwrap_used)]

mod canonical;

use canonical::{run, start, values};
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Span;
use wardwatch_simulate::{Message, Topic, Ward};

#[test]
fn a_seed_and_a_start_give_the_same_bytes() {
    assert_eq!(run(7, 24, 120), run(7, 24, 120));
    assert_ne!(run(7, 24, 10), run(8, 24, 10));
    // The bytes themselves, so that an upgrade that changes them is noticed.
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for byte in run(7, 24, 600).iter().flat_map(|message| &message.payload) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    }
    assert_eq!(
        hash, 0x4002_d01f_3549_5c6d,
        "ten minutes of seed 7 have changed: {hash:#x}"
    );
}

#[test]
fn messages_arrive_in_order_within_their_second() {
    for beds in [1, 24, 250] {
        let mut ward = Ward::new(3, start(), beds);
        for second in 0..200 {
            let from = start() + Span::from_secs(second);
            assert_eq!(ward.next_starts(), from);
            let messages = ward.next_second();
            assert!(messages.is_sorted_by_key(|message| message.arrives));
            for message in &messages {
                assert!(message.arrives >= from && message.arrives < from + Span::from_secs(1));
                match message.topic {
                    Topic::Vitals => drop(canonical::observations(message)),
                    Topic::Context => drop(canonical::context(message)),
                }
            }
        }
    }
}

#[test]
fn every_bed_is_admitted_before_it_speaks() {
    let messages = run(1, 24, 1);
    let admitted: Vec<_> = messages[..24].iter().map(canonical::context).collect();
    for (index, context) in admitted.iter().enumerate() {
        let number = index + 1;
        assert_eq!(context.bed, format!("SIM-{number:02}"));
        assert_eq!(context.name, format!("Simulated patient {number:02}"));
        assert_eq!(
            (context.event.as_str(), context.ward.as_str(), context.ts),
            ("admit", "SIM", start())
        );
        assert_eq!(context.spo2_scale, Some(if number == 5 { 2 } else { 1 }));
        assert_eq!(context.on_oxygen, Some(number == 5));
        assert!(context.age.is_some() && context.sex.is_some());
    }
    assert!(
        messages[24..]
            .iter()
            .all(|message| message.topic == Topic::Vitals)
    );
}

#[test]
fn a_steady_ward_sends_eight_readings_a_patient_and_second_in_either_form() {
    let readings = |form: fn(&mut Ward) -> Vec<Message>| -> Vec<usize> {
        let mut ward = Ward::steady(1, start(), 50);
        let messages: Vec<_> = (0..4).flat_map(|_| form(&mut ward)).collect();
        assert!(messages.is_sorted_by_key(|message| message.arrives));
        messages
            .iter()
            .map(|message| canonical::observations(message).observations.len())
            .collect()
    };
    assert_eq!(readings(Ward::next_second), [8; 200]);
    assert_eq!(readings(Ward::next_second_single), [1; 1_600]);
}

#[test]
fn a_larger_ward_holds_the_same_patients_and_more() {
    let (small, large) = (run(5, 24, 60), run(5, 99, 60));
    for number in (1..=24).filter(|number| *number != 20) {
        for vital in [VitalSign::HeartRate, VitalSign::Spo2, VitalSign::SystolicBp] {
            assert_eq!(
                values(&small, number, vital),
                values(&large, number, vital),
                "bed {number}"
            );
        }
    }
}
