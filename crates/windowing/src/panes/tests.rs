//! A patient's panes: what opens, closes, expires, and that history is not in a result.

use super::*;
use proptest::prelude::*;
use wardwatch_event_time::Span;

fn trailing(panes: i64) -> Trailing {
    Trailing::new(Span::from_secs(panes * 10), Span::from_secs(10)).unwrap()
}

const NOW: Timestamp = Timestamp::from_millis(0);

#[test]
fn a_late_first_row_opens_its_pane_and_closing_goes_on() {
    let trailing = trailing(30);
    let mut panes = Panes::default();
    assert_eq!(
        panes.place(100, NOW, 0, trailing).0,
        Placed::Open {
            pane: 100,
            first: true
        }
    );
    assert!(panes.close(100));
    assert!(!panes.close(100), "PANE-1");
    assert_eq!(panes.place(100, NOW, 0, trailing).0, Placed::Closed { pane: 100 });
    assert_eq!(
        panes.place(90, NOW, 0, trailing).0,
        Placed::Open {
            pane: 90,
            first: true
        }
    );
    assert_eq!(panes.open().collect::<Vec<_>>(), [(90, NOW)]);
    assert_eq!(
        panes.place(71, NOW, 0, trailing).0,
        Placed::Open {
            pane: 71,
            first: true
        }
    );
    assert!(panes.close(71) && panes.close(90));
    assert_eq!(panes.open().count(), 0);
    assert_eq!(panes.newest_closed(), Some(100));
}

/// Regression: with panes of one window kept, a pane that opened late was evaluated over what pruning had left.
#[test]
fn a_pane_that_opens_late_finds_its_whole_window() {
    let trailing = trailing(30);
    let mut panes = Panes::default();
    for number in 0..=100 {
        if number != 71 {
            panes.place(number, NOW, 0, trailing);
            panes.close(number);
            panes.prune(trailing, 0);
        }
    }
    assert_eq!(panes.place(41, NOW, 0, trailing).0, Placed::Expired, "PANE-2");
    assert_eq!(
        panes.place(71, NOW, 0, trailing).0,
        Placed::Open {
            pane: 71,
            first: true
        }
    );
    assert!((42..=100).all(|number| panes.position(number).is_ok()));
    assert_eq!(panes.place(42, NOW, 0, trailing).0, Placed::Closed { pane: 42 });
}

#[test]
fn a_pane_too_old_to_open_still_counts_in_the_windows_that_may_come() {
    let trailing = trailing(30);
    let mut panes = Panes::default();
    panes.place(100, NOW, 0, trailing);
    panes.close(100);
    assert_eq!(panes.place(70, NOW, 0, trailing).0, Placed::Closed { pane: 70 });
    assert_eq!(panes.open().count(), 0);
}

proptest! {
    /// PANE-3: tiers made and rows folded early, late or never give the same bits.
    #[test]
    fn history_is_not_in_the_result(
        rows in proptest::collection::vec((0i64..60, 50.0f64..150.0), 1..120),
        evaluations in proptest::collection::vec(0i64..60, 0..20),
    ) {
        let trailing = trailing(30);
        let grid = trailing.grid();
        let mut eager = Panes::default();
        let mut lazy = Panes::default();
        let mut scratch = [Group::EMPTY];
        for (step, (number, value)) in rows.iter().enumerate() {
            for panes in [&mut eager, &mut lazy] {
                let (_, index) = panes.place(*number, NOW, 1, trailing);
                panes.take(index, 1, trailing, grid.start(*number), [(Place::of(0), *value)].into_iter());
            }
            if let Some(last) = evaluations.get(step) {
                scratch = [Group::EMPTY];
                eager.window(*last, trailing, 1, &mut scratch);
            }
        }
        for last in 0..60 {
            let (mut left, mut right) = ([Group::EMPTY], [Group::EMPTY]);
            eager.window(last, trailing, 1, &mut left);
            lazy.window(last, trailing, 1, &mut right);
            prop_assert_eq!(left[0].lane(0).to_numbers().map(f64::to_bits), right[0].lane(0).to_numbers().map(f64::to_bits));
        }
        prop_assert!(scratch.len() == 1);
    }
}
