//! Bytes to alerts and score records in one process: what the engine does between Kafka and Kafka.

use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use wardwatch_benches::{pipeline, records, start};
use wardwatch_inference::Models;
use wardwatch_ingest::{Arrival, decode_observations};
use wardwatch_shard::{Batch, Outputs, Shard, Wants};
use wardwatch_simulate::{Message, Ward};

pub const PATIENTS: usize = 10_000;
/// Until no patient's state grows any more: up to two windows of panes are kept, and some that are dropped together.
const WARM_UP: usize = 800;
/// One slide.
const SECONDS: usize = 10;
/// As the engine takes them.
const MOST_RECORDS: usize = 2_000;

pub struct Run {
    ward: Ward,
    form: fn(&mut Ward) -> Vec<Message>,
    pub shard: Shard,
    observations: u64,
    windows: u64,
}

impl Run {
    /// Whose windows are full.
    pub fn new(form: fn(&mut Ward) -> Vec<Message>) -> Self {
        let mut run = Self {
            ward: Ward::steady(1, start(), PATIENTS),
            form,
            shard: Shard::new(Arc::new(pipeline()), Wants::default()),
            observations: 0,
            windows: 0,
        };
        for _ in 0..WARM_UP {
            run.second();
        }
        run
    }

    /// One second of the ward; how long it took, without the making of its messages.
    pub fn second(&mut self) -> Duration {
        let messages = (self.form)(&mut self.ward);
        let mut took = Duration::ZERO;
        for messages in messages.chunks(MOST_RECORDS) {
            let began = Instant::now();
            let decoded = decode_observations(records(messages), Arrival::Broker);
            let batch = Batch {
                observations: decoded.observations,
                ..Batch::default()
            };
            let outputs = self.step(&batch);
            drop((batch, outputs));
            took += began.elapsed();
        }
        while self.shard.has_more() {
            let began = Instant::now();
            drop(self.step(&Batch::default()));
            took += began.elapsed();
        }
        took
    }

    fn step(&mut self, batch: &Batch) -> Outputs {
        let mut outputs = Outputs::default();
        self.shard
            .step(batch, None, &mut Models::default(), &mut outputs)
            .expect("the benchmarks' pipeline is sound");
        self.observations += outputs.counts.observations;
        self.windows += outputs.counts.windows;
        outputs
    }
}

pub fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("whole");
    group.throughput(Throughput::Elements((PATIENTS * SECONDS * 8) as u64));
    group.sample_size(10);
    for (name, form) in [
        ("grouped", Ward::next_second as fn(&mut Ward) -> Vec<Message>),
        ("single", Ward::next_second_single),
    ] {
        // Warmed up only when it is measured.
        let mut run = None;
        group.bench_function(name, |bencher| {
            let run = run.get_or_insert_with(|| Run::new(form));
            bencher.iter_custom(|rounds| (0..rounds * SECONDS as u64).map(|_| run.second()).sum());
            let seconds = run.observations / (PATIENTS as u64 * 8);
            assert!(
                run.windows >= seconds / SECONDS as u64 * PATIENTS as u64 - PATIENTS as u64,
                "windows are missing"
            );
        });
    }
    group.finish();
}
