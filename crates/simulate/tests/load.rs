//! Messages for load tests: how many, of what form, how fast.
#![allow(clippy::unwrap_used)]

mod canonical;

use canonical::start;
use wardwatch_simulate::{Form, Ward, bench_batch};

#[test]
fn a_bench_batch_is_eight_readings_a_patient_and_second_in_either_form() {
    let grouped = bench_batch(1, start(), 50, 4, Form::Grouped);
    let single = bench_batch(1, start(), 50, 4, Form::Single);
    assert_eq!((grouped.len(), single.len()), (200, 1_600));
    assert!(
        grouped
            .iter()
            .all(|message| canonical::observations(message).observations.len() == 8)
    );
    assert!(
        single
            .iter()
            .all(|message| canonical::observations(message).observations.len() == 1)
    );
    assert!(single.is_sorted_by_key(|message| message.arrives));
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a measurement reads the clock")]
#[ignore = "measures; only a release build means anything"]
fn a_million_messages_a_second() {
    let mut ward = Ward::new(1, start(), 10_000);
    let began = std::time::Instant::now();
    let (mut messages, mut bytes) = (0, 0);
    for _ in 0..100 {
        let second = ward.next_second();
        messages += second.len();
        bytes += second.iter().map(|message| message.payload.len()).sum::<usize>();
    }
    let seconds = began.elapsed().as_secs_f64();
    let rate = messages as f64 / seconds;
    eprintln!(
        "{messages} messages, {} bytes each, {rate:.0} messages/s",
        bytes / messages
    );
    assert!(rate > 1e6);
}
