//! Canonical JSON to Arrow.

use criterion::{Criterion, Throughput};
use wardwatch_benches::{records, start};
use wardwatch_ingest::{Arrival, decode_observations};
use wardwatch_simulate::{Message, Ward};

/// Batches as large as the engine's.
const MESSAGES: usize = 10_000;

pub fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for (name, form) in [
        (
            "single",
            Ward::next_second_single as fn(&mut Ward) -> Vec<Message>,
        ),
        ("grouped", Ward::next_second),
    ] {
        let mut ward = Ward::steady(1, start(), MESSAGES);
        let mut messages = form(&mut ward);
        messages.truncate(MESSAGES);
        let readings = decode_observations(records(&messages), Arrival::Broker)
            .observations
            .readings_len();
        group.throughput(Throughput::Elements(readings as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let decoded = decode_observations(records(&messages), Arrival::Broker);
                assert_eq!(decoded.observations.readings_len(), readings);
                decoded
            });
        });
    }
    group.finish();
}
