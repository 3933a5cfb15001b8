//! The state behind the page: a tile for each patient, the newest alerts, the engine's shards, what is wrong with the system.
//!
//! A pure state machine: updates go in with the moment at which they came, views come out. What changed since the last
//! delta is remembered by name, so a patient who changes ten times between two deltas is sent once.
//!
//! BOARD-1: a snapshot followed by the deltas taken after it shows what a later snapshot shows.
//! BOARD-2: no more than [`MAX_PATIENTS`] tiles, [`MAX_ALERTS`] alerts and [`MAX_CONDITIONS`] conditions are held; a patient too
//! many is announced.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use wardwatch_alarms::{Alert, SystemCondition};
use wardwatch_event_time::Timestamp;

use crate::Update;
use crate::tile::Tile;
use crate::view::{AlertView, ConditionView, Delta, FeedView, Heartbeat, Snapshot, TileView};

/// Patients on one page. A station is for wards; a hospital runs several.
pub const MAX_PATIENTS: usize = 1_000;

/// Alerts in the list.
pub const MAX_ALERTS: usize = 500;

/// Conditions in the technical lane; the first by key where there are more.
pub const MAX_CONDITIONS: usize = 200;

/// What a station shows besides its records.
#[derive(Clone, Debug)]
pub struct BoardConfig {
    /// The page's heading.
    pub title: String,
    /// A line that must be read with everything below it, such as "Demo: simulated ward".
    pub label: Option<String>,
}

/// How soon a change wants to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Haste {
    /// Nothing to see.
    Unchanged,
    /// With the next regular delta.
    Routine,
    /// At once: an alert or an alarm.
    AtOnce,
}

/// The board.
#[derive(Debug)]
pub struct Board {
    config: BoardConfig,
    tiles: BTreeMap<String, Tile>,
    /// Newest first.
    alerts: VecDeque<Arc<AlertView>>,
    feeds: BTreeMap<u32, Feed>,
    /// By key, those that are so now.
    conditions: BTreeMap<String, SystemCondition>,
    full: bool,
    /// Since the last delta: patients changed, patients gone, alerts come (oldest first), whether a feed ticked.
    changed: BTreeSet<String>,
    gone: BTreeSet<String>,
    fresh: VecDeque<Arc<AlertView>>,
    ticked: bool,
    conditions_changed: bool,
}

/// One shard, as last heard of.
#[derive(Clone, Copy, Debug)]
struct Feed {
    log_time: Timestamp,
    now: Timestamp,
    speed: f64,
    edit_refused: bool,
    heard: Instant,
}

// === impl BoardConfig ===

impl Default for BoardConfig {
    fn default() -> Self {
        Self {
            title: "All wards".to_owned(),
            label: None,
        }
    }
}

// === impl Board ===

impl Board {
    /// An empty board.
    pub fn new(config: BoardConfig) -> Self {
        Self {
            config,
            tiles: BTreeMap::new(),
            alerts: VecDeque::new(),
            feeds: BTreeMap::new(),
            conditions: BTreeMap::new(),
            full: false,
            changed: BTreeSet::new(),
            gone: BTreeSet::new(),
            fresh: VecDeque::new(),
            ticked: false,
            conditions_changed: false,
        }
    }

    /// Takes an update that came in at `heard`.
    pub fn apply(&mut self, update: Update, heard: Instant) -> Haste {
        match update {
            Update::Score { shard, record } => {
                let patient = record.patient_id.to_string();
                self.change(patient, Haste::Routine, |tile| tile.score(shard, *record))
            }
            Update::Alarm { shard, alarm } => {
                // The end of an alarm of a patient who is not here must not put an empty tile on the page.
                if !alarm.active && !self.tiles.contains_key(&*alarm.patient_id) {
                    return Haste::Unchanged;
                }
                let patient = alarm.patient_id.to_string();
                self.change(patient, Haste::AtOnce, |tile| tile.alarm(shard, *alarm))
            }
            Update::Alert { alert, .. } => self.alert(&alert),
            Update::Discharged { patient_id } => self.discharge(patient_id),
            Update::Condition { condition } => self.condition(*condition),
            Update::Tick {
                shard,
                log_time,
                now,
                speed,
                edit_refused,
            } => {
                self.feeds.insert(
                    shard,
                    Feed {
                        log_time,
                        now,
                        speed,
                        edit_refused,
                        heard,
                    },
                );
                self.ticked = true;
                Haste::Routine
            }
        }
    }

    fn change(&mut self, patient: String, haste: Haste, apply: impl FnOnce(&mut Tile) -> bool) -> Haste {
        if !self.tiles.contains_key(&patient) && self.tiles.len() >= MAX_PATIENTS {
            self.full = true;
            return Haste::Unchanged;
        }
        if !apply(self.tiles.entry(patient.clone()).or_default()) {
            return Haste::Unchanged;
        }
        self.gone.remove(&patient);
        self.changed.insert(patient);
        haste
    }

    fn alert(&mut self, alert: &Alert) -> Haste {
        let view = Arc::new(AlertView::of(alert));
        // A feed that resumes may repeat itself; the id is the same in every run.
        if self.alerts.iter().any(|known| known.id == view.id) {
            return Haste::Unchanged;
        }
        self.alerts.push_front(view.clone());
        self.alerts.truncate(MAX_ALERTS);
        self.fresh.push_back(view);
        if self.fresh.len() > MAX_ALERTS {
            self.fresh.pop_front();
        }
        Haste::AtOnce
    }

    fn condition(&mut self, condition: SystemCondition) -> Haste {
        let key = condition.key();
        let known = self.conditions.get(&key);
        if known.is_some_and(|known| known.changed_at > condition.changed_at || *known == condition) {
            return Haste::Unchanged;
        }
        if known.is_none() && (!condition.active || self.conditions.len() >= MAX_CONDITIONS) {
            return Haste::Unchanged;
        }
        match condition.active {
            true => self.conditions.insert(key, condition),
            false => self.conditions.remove(&key),
        };
        self.conditions_changed = true;
        Haste::AtOnce
    }

    fn discharge(&mut self, patient: String) -> Haste {
        if self.tiles.remove(&patient).is_none() {
            return Haste::Unchanged;
        }
        self.full = false;
        self.changed.remove(&patient);
        self.gone.insert(patient);
        Haste::Routine
    }

    /// Everything as of `now`.
    pub fn snapshot(&self, now: Instant) -> Snapshot {
        Snapshot {
            title: self.config.title.clone(),
            label: self.config.label.clone(),
            tiles: self
                .tiles
                .iter()
                .map(|(patient, tile)| tile.view(patient))
                .collect(),
            alerts: self.alerts.iter().cloned().collect(),
            conditions: self.lane(),
            feeds: self.feeds(now),
            full: self.full,
        }
    }

    /// What changed since the last delta, or `None`.
    pub fn take_delta(&mut self, now: Instant) -> Option<Delta> {
        let ticked = std::mem::take(&mut self.ticked);
        let conditions_changed = std::mem::take(&mut self.conditions_changed);
        if !ticked
            && !conditions_changed
            && self.changed.is_empty()
            && self.gone.is_empty()
            && self.fresh.is_empty()
        {
            return None;
        }
        let tiles = std::mem::take(&mut self.changed)
            .iter()
            .filter_map(|patient| self.view(patient))
            .collect();
        Some(Delta {
            tiles,
            gone: std::mem::take(&mut self.gone).into_iter().collect(),
            alerts: std::mem::take(&mut self.fresh).into(),
            conditions: conditions_changed.then(|| self.lane()),
            feeds: self.feeds(now),
        })
    }

    /// The sign of life as of `now`.
    pub fn heartbeat(&self, now: Instant) -> Heartbeat {
        Heartbeat {
            feeds: self.feeds(now),
            full: self.full,
        }
    }

    fn view(&self, patient: &str) -> Option<TileView> {
        self.tiles.get(patient).map(|tile| tile.view(patient))
    }

    fn lane(&self) -> Vec<ConditionView> {
        self.conditions.values().map(ConditionView::of).collect()
    }

    fn feeds(&self, now: Instant) -> Vec<FeedView> {
        let view = |(shard, feed): (&u32, &Feed)| FeedView {
            shard: *shard,
            log_time: feed.log_time.millis(),
            now: feed.now.millis(),
            speed: feed.speed,
            edit_refused: feed.edit_refused,
            tick_age: u64::try_from(now.saturating_duration_since(feed.heard).as_millis())
                .unwrap_or(u64::MAX),
        };
        self.feeds.iter().map(view).collect()
    }
}

#[cfg(test)]
mod tests;
