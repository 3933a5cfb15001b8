//! Observations into panes, and windows out of them, without the rest of the shard.

use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use wardwatch_benches::{pipeline, start};
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_windowing::{Due, SetPlan, SetState};

const PATIENTS: u32 = 10_000;
const EVERY: i64 = 10;
const VITALS: [VitalSign; 8] = [
    VitalSign::HeartRate,
    VitalSign::Pulse,
    VitalSign::Spo2,
    VitalSign::RespRate,
    VitalSign::ArterialSystolic,
    VitalSign::ArterialDiastolic,
    VitalSign::ArterialMean,
    VitalSign::Temperature,
];

/// A set's state in its stride: every patient has a full window of panes behind it, and has begun the next one. That is how
/// it stands when a pane closes, and what folds the rows that waited.
struct Ward {
    plan: Arc<SetPlan>,
    state: SetState,
    vitals: [u8; 8],
    second: i64,
}

impl Ward {
    fn new() -> Self {
        let plan = Arc::clone(&pipeline().sets[0].plan);
        let mut ward = Self {
            state: SetState::new(Arc::clone(&plan)),
            plan,
            vitals: VITALS.map(|vital| vital.index() as u8),
            second: 0,
        };
        ward.second();
        for _ in 0..600 / EVERY {
            ward.ten_seconds();
            let due = ward.close();
            ward.state
                .features(&due)
                .expect("the benchmarks' pipeline is sound");
            ward.prune();
        }
        ward
    }

    fn now(&self) -> Timestamp {
        start() + Span::from_secs(self.second)
    }

    /// Ten seconds of every patient, a message a second; how long that took.
    fn ten_seconds(&mut self) -> Duration {
        let began = Instant::now();
        (0..EVERY).for_each(|_| self.second());
        began.elapsed()
    }

    fn second(&mut self) {
        let mut values = [72.0, 71.0, 97.0, 16.0, 118.0, 71.0, 87.0, 36.8];
        let now = self.now();
        for slot in 0..PATIENTS {
            values[0] = 70.0 + f64::from(slot % 7);
            self.state
                .take(slot, now, now, 0, &self.vitals, &values)
                .expect("no aggregate is generic");
        }
        self.second += 1;
    }

    /// Decides the window that has just ended, for every patient.
    fn close(&mut self) -> Vec<Due> {
        let pane = self.plan.trailing().grid().pane_of(self.now()) - 1;
        (0..PATIENTS)
            .map(|slot| {
                assert!(self.state.close(slot, pane));
                Due { slot, pane }
            })
            .collect()
    }

    fn prune(&mut self) {
        (0..PATIENTS).for_each(|slot| self.state.prune(slot));
    }
}

pub fn bench(criterion: &mut Criterion) {
    // Warmed up only when it is measured.
    let mut ward = None;
    let mut group = criterion.benchmark_group("windows");
    group.throughput(Throughput::Elements(u64::from(PATIENTS) * 8 * EVERY as u64));
    group.bench_function("panes, 8 vitals x 7 aggregates", |bencher| {
        let ward = ward.get_or_insert_with(Ward::new);
        bencher.iter_custom(|rounds| {
            let mut took = Duration::ZERO;
            for _ in 0..rounds {
                took += ward.ten_seconds();
                let due = ward.close();
                ward.state
                    .features(&due)
                    .expect("the benchmarks' pipeline is sound");
                ward.prune();
            }
            took
        });
    });
    group.throughput(Throughput::Elements(u64::from(PATIENTS)));
    group.bench_function("close, 10,000 windows of 5 min / 10 s", |bencher| {
        let ward = ward.get_or_insert_with(Ward::new);
        bencher.iter_custom(|rounds| {
            let mut took = Duration::ZERO;
            for _ in 0..rounds {
                ward.ten_seconds();
                let began = Instant::now();
                let due = ward.close();
                let features = ward.state.features(&due);
                ward.prune();
                took += began.elapsed();
                assert_eq!(features.expect("sound").0.num_rows(), PATIENTS as usize);
            }
            took
        });
    });
    group.finish();
}
