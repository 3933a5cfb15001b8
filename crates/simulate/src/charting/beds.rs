//! Who lies in which bed, and when.
//!
//! Stays are taken in order of their numbers, which MIMIC-III drew at random. Each goes to the bed that is free first, the
//! lowest-numbered of several.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use wardwatch_event_time::{Span, Timestamp};

use super::Rebase;
use super::file::Stay;

/// Where a stay is laid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// From 0.
    pub(crate) bed: usize,
    /// What is added to every time of the stay.
    pub(crate) shift: Span,
}

/// A place for each stay, in the order of the stays.
pub(crate) fn lay(stays: &[Stay], rebase: Rebase) -> Vec<Place> {
    let mut free: BinaryHeap<Reverse<(Timestamp, usize)>> = (0..rebase.beds.clamp(1, stays.len().max(1)))
        .map(|bed| {
            let after = rebase.pause.micros().saturating_mul(bed as i64);
            Reverse((rebase.start + Span::from_micros(after), bed))
        })
        .collect();
    stays
        .iter()
        .map(|stay| {
            let Reverse((from, bed)) = free.pop().expect("a bed goes back for each one taken");
            let shift = from - stay.first_arrival();
            free.push(Reverse((stay.discharge() + shift + rebase.pause, bed)));
            Place { bed, shift }
        })
        .collect()
}
