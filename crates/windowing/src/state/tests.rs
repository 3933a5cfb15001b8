use arrow::array::AsArray;
use arrow::datatypes::Float64Type;
use wardwatch_event_time::{Span, Trailing};

use super::*;

const BASE_MICROS: i64 = 1_790_002_800_000_000;
const GENERIC: &str = "SELECT median(spo2) AS m, cardinality(array_agg(spo2 ORDER BY ts)) AS n,
    time_below(spo2, 90) AS below, avg(spo2) AS a FROM vitals GROUP BY patient_id";

fn state(panes: i64) -> SetState {
    let trailing = Trailing::new(Span::from_secs(panes * 10), Span::from_secs(10)).unwrap();
    SetState::new(Arc::new(SetPlan::new(GENERIC, trailing, &[]).unwrap()))
}

fn take(state: &mut SetState, slot: u32, millis: i64, spo2: f64) {
    let ts = Timestamp::from_micros(BASE_MICROS + millis * 1_000);
    state
        .take(slot, ts, ts, 0, &[VitalSign::Spo2.index() as u8], &[spo2])
        .unwrap();
}

fn close_all(state: &mut SetState, slot: u32) -> Option<RecordBatch> {
    let open: Vec<i64> = state.open(slot).map(|(pane, _)| pane).collect();
    let due: Vec<Due> = open
        .into_iter()
        .filter(|pane| state.close(slot, *pane))
        .map(|pane| Due { slot, pane })
        .collect();
    let features = (!due.is_empty()).then(|| state.features(&due).unwrap().0);
    state.prune(slot);
    features
}

#[test]
fn forgetting_everyone_frees_every_state() {
    let mut state = state(30);
    for slot in 0..50 {
        for pane in 0..20 {
            take(&mut state, slot, pane * 10_000 + i64::from(slot), 95.0);
        }
        if slot % 2 == 0 {
            close_all(&mut state, slot);
        }
    }
    state.flush().unwrap();
    assert_eq!(state.generic.live_and_held().0, 50 * 20, "one live state a pane");
    for slot in 0..50 {
        state.forget(slot).unwrap();
    }
    assert_eq!(state.generic.live_and_held(), (0, 0));
    assert!(state.generic.batches() == 0 && (0..50).all(|slot| state.oldest_open(slot) == i64::MAX));
}

#[test]
fn a_forgotten_patient_starts_afresh_and_leaves_the_others_alone() {
    let mut state = state(6);
    take(&mut state, 0, 0, 80.0);
    take(&mut state, 1, 0, 88.0);
    state.forget(0).unwrap();
    state.forget(7).unwrap();
    assert_eq!((state.newest_closed(0), state.open(0).count()), (None, 0));
    take(&mut state, 0, 1_000, 96.0);
    let pane = state.oldest_open(0);
    assert!(state.close(0, pane) && state.close(1, pane));
    let features = state
        .features(&[Due { slot: 0, pane }, Due { slot: 1, pane }])
        .unwrap()
        .0;
    let average = features.column(3).as_primitive::<Float64Type>();
    assert_eq!(average.values(), &[96.0, 88.0]);
}

/// Long-lived states beside short-lived ones: most of what is held dies, and what lives must not change.
#[test]
fn compaction_keeps_results_and_gives_memory_back() {
    let mut often = state(6);
    let mut held_most = 0;
    for round in 0..400 {
        for slot in 0..200u32 {
            let still = slot >= 198;
            if !still || round < 3 {
                take(
                    &mut often,
                    slot,
                    round * 10_000 + i64::from(slot),
                    85.0 + f64::from(slot % 20),
                );
            }
        }
        often.flush().unwrap();
        if round % 2 == 1 {
            (0..198).for_each(|slot| drop(close_all(&mut often, slot)));
        }
        let (live, held) = often.generic.live_and_held();
        assert!(held <= 2 * live + MOST_STAGED, "{held} held for {live}");
        held_most = held_most.max(held);
    }
    assert!(held_most > 200 * 6, "the test must hold more than lives");
    let features = close_all(&mut often, 199).unwrap();
    let value = 85.0 + f64::from(199 % 20);
    assert_eq!(features.num_rows(), 3);
    for (row, count) in [1.0, 2.0, 3.0].into_iter().enumerate() {
        let cell = |column: usize| features.column(column).as_primitive::<Float64Type>().value(row);
        assert_eq!((cell(0), cell(1), cell(2), cell(3)), (value, count, 0.0, value));
    }
}

#[test]
fn moving_every_state_changes_no_bit() {
    let mut state = state(12);
    for at in 0..600 {
        take(
            &mut state,
            at % 5,
            i64::from(at) * 177 % 110_000,
            80.0 + f64::from(at * 7 % 23),
        );
        if at % 7 == 0 {
            state.flush().unwrap();
        }
    }
    state.flush().unwrap();
    let due: Vec<Due> = (0..5)
        .flat_map(|slot| {
            state
                .open(slot)
                .map(move |(pane, _)| Due { slot, pane })
                .collect::<Vec<_>>()
        })
        .collect();
    let mut moved = state.clone();
    moved.move_together().unwrap();
    let (live, held) = moved.generic.live_and_held();
    assert_eq!((live, moved.generic.batches()), (held, 1));
    assert_eq!(moved.features(&due).unwrap().0, state.features(&due).unwrap().0);
}

#[test]
fn ten_thousand_flushes_do_not_grow() {
    let mut state = state(30);
    // Most that lived, most that was held and most batches, in the first thousand rounds and in the rest.
    let (mut early, mut late) = ([0; 3], [0; 3]);
    for round in 0..10_000i64 {
        take(&mut state, 0, round * 2_500, 90.0 + (round % 9) as f64);
        take(&mut state, 1, round * 2_500 + 1, 90.0);
        state.flush().unwrap();
        if round % 4 == 3 {
            close_all(&mut state, 0);
            close_all(&mut state, 1);
        }
        let (live, held) = state.generic.live_and_held();
        let most = if round < 1_000 { &mut early } else { &mut late };
        for (most, now) in most.iter_mut().zip([live, held, state.generic.batches()]) {
            *most = now.max(*most);
        }
    }
    assert_eq!(early, late);
    // Two windows of panes a patient, and a third more before pruning is worth the move.
    assert!(late[0] <= 2 * 81, "{late:?}");
}
