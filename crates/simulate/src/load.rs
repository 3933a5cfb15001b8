//! Steady messages by the million, for benchmarks and load tests.

use wardwatch_event_time::Timestamp;

use crate::{Message, Ward};

/// How readings are put into messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Eight readings a message.
    Grouped,
    /// One reading a message.
    Single,
}

/// `seconds` seconds of `patients` stable patients who each send eight readings a second: `patients * seconds` grouped
/// messages, or eight times as many single ones, with the same readings, in order of arrival. Payloads have
/// about 510 bytes grouped and 150 single, and all stay in memory: for more than some million messages take a
/// [`Ward::steady`] second by second.
pub fn bench_batch(seed: u64, start: Timestamp, patients: usize, seconds: u32, form: Form) -> Vec<Message> {
    let mut ward = Ward::steady(seed, start, patients);
    let mut messages = Vec::new();
    for _ in 0..seconds {
        messages.append(&mut match form {
            Form::Grouped => ward.next_second(),
            Form::Single => ward.next_second_single(),
        });
    }
    messages
}
