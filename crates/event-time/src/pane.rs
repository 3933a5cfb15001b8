//! The grid that slices a patient's stream into panes, and the trailing windows made of them.
//!
//! ```text
//!  pane      k=0      k=1      k=2      k=3      k=4      k=5      k=6
//!         |--------|--------|--------|--------|--------|--------|--------|   every
//!         0                                            E
//!  trailing window of 3 panes ending at E:  [E - window, E) = panes 2, 3, 4
//! ```
//!
//! A window is merged from aligned *pieces*: single panes at its edges and whole tiers between them. Which pieces is a
//! function of the window's end alone, never of history, so a restored shard merges in the same order and agrees to the
//! last bit.

use crate::{Span, Timestamp};

/// The slices `[k * every, (k + 1) * every)` of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaneGrid {
    every_micros: i64,
}

/// A trailing window: a whole number of panes, evaluated once a pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trailing {
    grid: PaneGrid,
    panes: i64,
    tier: i64,
}

/// A part of a window's merge order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// One pane, by number.
    Pane(i64),
    /// The aligned tier of [`Trailing::tier`] panes that starts at this pane number.
    Tier(i64),
}

/// Why a window and its slide do not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrailingError {
    /// `every` is not longer than zero.
    #[error("every: {every} is not longer than zero")]
    NoSlide {
        /// The slide as given.
        every: Span,
    },
    /// `window` is not a positive multiple of `every`.
    #[error("window: {window} is not a multiple of every: {every}")]
    NotAMultiple {
        /// The window as given.
        window: Span,
        /// The slide as given.
        every: Span,
    },
    /// The window holds more panes than the engine allows.
    #[error("window: {window} holds {panes} panes of {every}; at most {most} are allowed: lengthen every", most = Trailing::MOST_PANES)]
    TooManyPanes {
        /// The window as given.
        window: Span,
        /// The slide as given.
        every: Span,
        /// How many panes that makes.
        panes: i64,
    },
}

// === impl PaneGrid ===

impl PaneGrid {
    /// The number of the pane that holds an instant.
    #[inline]
    pub const fn pane_of(self, at: Timestamp) -> i64 {
        at.micros().div_euclid(self.every_micros)
    }

    /// Where a pane starts.
    pub const fn start(self, pane: i64) -> Timestamp {
        Timestamp::from_micros(pane.saturating_mul(self.every_micros))
    }

    /// Where a pane ends: the first instant that it does not hold.
    pub const fn end(self, pane: i64) -> Timestamp {
        Timestamp::from_micros((pane + 1).saturating_mul(self.every_micros))
    }

    /// The slide.
    pub const fn every(self) -> Span {
        Span::from_micros(self.every_micros)
    }
}

// === impl Trailing ===

impl Trailing {
    /// More panes than this in a window cost more state than a ward's patient is worth: 24 h of 10 s panes and a little.
    pub const MOST_PANES: i64 = 10_000;

    /// A window evaluated once every slide.
    ///
    /// # Errors
    /// [`TrailingError`] when the two do not fit.
    pub fn new(window: Span, every: Span) -> Result<Self, TrailingError> {
        if every <= Span::ZERO {
            return Err(TrailingError::NoSlide { every });
        }
        if window < every || window.micros() % every.micros() != 0 {
            return Err(TrailingError::NotAMultiple { window, every });
        }
        let panes = window.micros() / every.micros();
        if panes > Self::MOST_PANES {
            return Err(TrailingError::TooManyPanes { window, every, panes });
        }
        // Near the square root of the panes, a tier saves the most merges; below eight panes it saves none.
        let tier = if panes < 8 {
            1
        } else {
            (panes as f64).sqrt().round() as i64
        };
        Ok(Self {
            grid: PaneGrid {
                every_micros: every.micros(),
            },
            panes,
            tier,
        })
    }

    /// The grid of panes.
    pub const fn grid(self) -> PaneGrid {
        self.grid
    }

    /// How many panes a window holds.
    pub const fn panes(self) -> i64 {
        self.panes
    }

    /// How many panes a tier holds; 1 where windows are too short for tiers.
    pub const fn tier(self) -> i64 {
        self.tier
    }

    /// The window's length.
    pub const fn window(self) -> Span {
        Span::from_micros(self.panes * self.grid.every_micros)
    }

    /// The first pane of the window whose last pane is `last`.
    pub const fn first_pane(self, last: i64) -> i64 {
        last - self.panes + 1
    }

    /// The pieces of the window whose last pane is `last`, in merge order.
    pub fn pieces(self, last: i64) -> impl Iterator<Item = Piece> {
        let mut at = self.first_pane(last);
        std::iter::from_fn(move || {
            if at > last {
                return None;
            }
            if self.tier > 1 && at.rem_euclid(self.tier) == 0 && at + self.tier - 1 <= last {
                at += self.tier;
                return Some(Piece::Tier(at - self.tier));
            }
            at += 1;
            Some(Piece::Pane(at - 1))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds(count: i64) -> Span {
        Span::from_secs(count)
    }

    #[test]
    fn refuses_what_does_not_fit() {
        assert!(Trailing::new(seconds(300), seconds(0)).is_err());
        assert!(Trailing::new(seconds(300), seconds(7)).is_err());
        assert!(Trailing::new(seconds(5), seconds(10)).is_err());
        assert!(Trailing::new(seconds(100_000), seconds(1)).is_err());
    }

    #[test]
    fn five_minutes_of_ten_seconds_take_few_pieces() {
        let trailing = Trailing::new(seconds(300), seconds(10)).unwrap();
        assert_eq!((trailing.panes(), trailing.tier()), (30, 5));
        assert!((0..30).all(|last| trailing.pieces(last).count() <= 14));
    }

    proptest! {
        #[test]
        fn an_instant_lies_in_its_pane(micros in -4_000_000_000_000i64..4_000_000_000_000, every in 1i64..90_000_000) {
            let grid = PaneGrid { every_micros: every };
            let at = Timestamp::from_micros(micros);
            let pane = grid.pane_of(at);
            prop_assert!(grid.start(pane) <= at && at < grid.end(pane));
        }

        #[test]
        fn pieces_cover_the_window_once_in_order(panes in 1i64..400, last in -1_000i64..1_000) {
            let trailing = Trailing::new(seconds(panes * 10), seconds(10)).unwrap();
            let covered: Vec<i64> = trailing
                .pieces(last)
                .flat_map(|piece| match piece {
                    Piece::Pane(pane) => pane..pane + 1,
                    Piece::Tier(first) => first..first + trailing.tier(),
                })
                .collect();
            let expected: Vec<i64> = (trailing.first_pane(last)..=last).collect();
            prop_assert_eq!(covered, expected);
        }
    }
}
