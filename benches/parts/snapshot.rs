//! The state of a shard with full windows: how long it stands still while it is captured, and how long a restore takes.

use std::sync::Arc;
use std::time::Instant;

use criterion::{BatchSize, Criterion, Throughput};
use wardwatch_benches::pipeline;
use wardwatch_shard::{Shard, Wants};
use wardwatch_simulate::Ward;

use crate::whole::{PATIENTS, Run};

pub fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("snapshot");
    group.throughput(Throughput::Elements(PATIENTS as u64));
    group.sample_size(10);
    let mut run = None;
    group.bench_function("capture", |bencher| {
        let run = run.get_or_insert_with(|| Run::new(Ward::next_second));
        bencher.iter_custom(|rounds| {
            (0..rounds)
                .map(|_| {
                    // Between two captures the shard goes on, as it does in the engine.
                    run.second();
                    let began = Instant::now();
                    let snapshot = run.shard.capture().expect("a sound state");
                    let took = began.elapsed();
                    drop(snapshot);
                    took
                })
                .sum()
        });
    });
    let mut snapshot = None;
    group.bench_function("restore", |bencher| {
        let snapshot = snapshot.get_or_insert_with(|| {
            let run = run.take().unwrap_or_else(|| Run::new(Ward::next_second));
            run.shard.capture().expect("a sound state")
        });
        let pipeline = Arc::new(pipeline());
        bencher.iter_batched(
            || Arc::clone(&pipeline),
            |pipeline| Shard::restore(pipeline, Wants::default(), snapshot).expect("a sound snapshot"),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}
