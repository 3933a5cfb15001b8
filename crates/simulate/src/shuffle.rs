//! Disorder on demand, for tests: late, repeated, and cut into batches at random.
//!
//! SHUFFLE-1: after [`shuffle_within`] no item comes after another whose time is more than `bound` later, so lateness of
//! `bound` refuses none of them. [`delay`] adds at most `bound` to the lateness that messages already had.

use wardwatch_event_time::{Span, Timestamp};

use crate::{Message, Rng};

/// Orders items by their time plus a random delay of up to `bound`. Items keep their times.
pub fn shuffle_within<T>(rng: &mut Rng, items: Vec<T>, ts: impl Fn(&T) -> Timestamp, bound: Span) -> Vec<T> {
    let mut keyed: Vec<(Timestamp, T)> = items
        .into_iter()
        .map(|item| (ts(&item) + up_to(rng, bound), item))
        .collect();
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, item)| item).collect()
}

/// Lets every message arrive up to `bound` later than it did, and returns them in their new order of arrival. Nothing
/// arrives earlier, since that could put a timestamp ahead of its append time.
pub fn delay(rng: &mut Rng, mut messages: Vec<Message>, bound: Span) -> Vec<Message> {
    for message in &mut messages {
        message.arrives = message.arrives + up_to(rng, bound);
    }
    messages.sort_by_key(|message| message.arrives);
    messages
}

/// Repeats about one item in `one_in` (none for 0), each copy at most `within` places behind its original.
pub fn repeat<T: Clone>(rng: &mut Rng, items: Vec<T>, one_in: u64, within: usize) -> Vec<T> {
    let mut placed: Vec<(usize, T)> = Vec::with_capacity(items.len());
    for (place, item) in items.into_iter().enumerate() {
        if one_in > 0 && rng.below(one_in) == 0 {
            let distance = rng.below(within as u64 + 1) as usize;
            placed.push((place + distance, item.clone()));
        }
        placed.push((place, item));
    }
    // Two items may share a place; copies of one item are equal, so which of them comes first does not matter.
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, item)| item).collect()
}

/// Cuts items into batches of 1 to `most` (at least 1), in order.
pub fn cut<T>(rng: &mut Rng, items: Vec<T>, most: usize) -> Vec<Vec<T>> {
    let mut batches = Vec::new();
    let mut rest = items.into_iter().peekable();
    while rest.peek().is_some() {
        let size = 1 + rng.below(most.max(1) as u64) as usize;
        batches.push(rest.by_ref().take(size).collect());
    }
    batches
}

/// A random span from zero to `bound`, both included.
fn up_to(rng: &mut Rng, bound: Span) -> Span {
    Span::from_micros(rng.below(bound.micros().unsigned_abs() + 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;
    use proptest::prelude::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    proptest! {
        #[test]
        fn shuffle_1_holds(times in proptest::collection::vec(0i64..500, 0..80), bound in 0i64..60, seed: u64) {
            let items: Vec<Timestamp> = times.iter().copied().map(at).collect();
            let shuffled = shuffle_within(&mut Rng::new(seed), items.clone(), |ts| *ts, Span::from_secs(bound));
            let mut newest = Timestamp::MIN;
            for ts in &shuffled {
                prop_assert!(*ts >= newest - Span::from_secs(bound));
                newest = newest.max(*ts);
            }
            let (mut before, mut after) = (items, shuffled);
            before.sort();
            after.sort();
            prop_assert_eq!(before, after);
        }

        #[test]
        fn cuts_lose_nothing_and_repeats_stay_behind_their_originals(count in 0usize..200, seed: u64) {
            let mut rng = Rng::new(seed);
            let repeated = repeat(&mut rng, (0..count).collect(), 3, 5);
            for number in 0..count {
                let places: Vec<usize> = (0..repeated.len()).filter(|at| repeated[*at] == number).collect();
                prop_assert!((1..=2).contains(&places.len()));
            }
            let batches = cut(&mut rng, repeated.clone(), 7);
            prop_assert!(batches.iter().all(|batch| (1..=7).contains(&batch.len())));
            prop_assert_eq!(batches.concat(), repeated);
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_disorder_and_disorder_it_is() {
        let items: Vec<i64> = (0..100).collect();
        let shuffled = |seed| {
            shuffle_within(
                &mut Rng::new(seed),
                items.clone(),
                |s| at(*s),
                Span::from_secs(20),
            )
        };
        assert_eq!(shuffled(1), shuffled(1));
        assert_ne!(shuffled(1), shuffled(2));
        assert_ne!(shuffled(1), items);
    }

    #[test]
    fn delays_only_ever_delay() {
        let message = |second: i64| Message {
            arrives: at(second),
            topic: crate::Topic::Vitals,
            key: second.to_string(),
            payload: Vec::new(),
        };
        let delayed = delay(
            &mut Rng::new(3),
            (0..50).map(message).collect(),
            Span::from_secs(10),
        );
        assert!(delayed.is_sorted_by_key(|m| m.arrives));
        for m in &delayed {
            let sent: i64 = m.key.parse().unwrap();
            assert!(m.arrives >= at(sent) && m.arrives <= at(sent + 10));
        }
    }
}
