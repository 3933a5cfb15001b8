//! One patient on the board.
//!
//! *Urgency* orders the tiles: the highest priority among the active alarms first; at equal priority a patient with a
//! technical alarm goes before one without, since less is known; then the score.
//!
//! TILE-1: a record older than the one that is shown changes nothing, so that a feed may repeat itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use wardwatch_alarms::{Alarm, AlarmKind, ScoreRecord};
use wardwatch_clinical::AlarmPriority;

use crate::view::{AlarmView, LostView, ReadingView, ScoreView, TileView};

/// Active alarms kept for one patient; a pipeline with more alarms than that shows the first by name.
const MAX_ALARMS: usize = 64;

/// The alarm of a silent source, before the colon and the source's name. The tile shows it in a way of its own.
const SILENT: &str = "silent";

/// What is known about one patient.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tile {
    shard: u32,
    ward: Option<Arc<str>>,
    bed: Option<Arc<str>>,
    record: Option<ScoreRecord>,
    /// Active alarms by name.
    alarms: BTreeMap<String, Alarm>,
}

// === impl Tile ===

impl Tile {
    /// Takes an evaluation. Returns whether anything changed.
    pub fn score(&mut self, shard: u32, record: ScoreRecord) -> bool {
        let age = |record: &ScoreRecord| (record.at, record.window_end, record.revision);
        if self
            .record
            .as_ref()
            .is_some_and(|known| age(known) >= age(&record))
        {
            return false;
        }
        self.place(shard, &record.ward, &record.bed);
        self.record = Some(record);
        true
    }

    /// Takes the state of an alarm. Returns whether anything changed.
    pub fn alarm(&mut self, shard: u32, alarm: Alarm) -> bool {
        let known = self.alarms.get(&alarm.alarm);
        if known.is_some_and(|known| known.changed_at > alarm.changed_at || *known == alarm) {
            return false;
        }
        if known.is_none() && (!alarm.active || self.alarms.len() >= MAX_ALARMS) {
            return false;
        }
        self.place(shard, &alarm.ward, &alarm.bed);
        match alarm.active {
            true => self.alarms.insert(alarm.alarm.clone(), alarm),
            false => self.alarms.remove(&alarm.alarm),
        };
        true
    }

    fn place(&mut self, shard: u32, ward: &Option<Arc<str>>, bed: &Option<Arc<str>>) {
        self.shard = shard;
        // A record from before the admission was known must not empty the bed.
        self.ward = ward.clone().or(self.ward.take());
        self.bed = bed.clone().or(self.bed.take());
    }

    /// How the patient is drawn.
    pub fn view(&self, patient: &str) -> TileView {
        let mut alarms: Vec<_> = self
            .alarms
            .values()
            .filter(|alarm| silent_source(alarm).is_none())
            .collect();
        // The newest first among equals.
        alarms.sort_by_key(|alarm| std::cmp::Reverse((alarm.priority, alarm.condition_start)));
        TileView {
            patient: patient.to_owned(),
            bed: self.bed.as_deref().map(str::to_owned),
            ward: self.ward.as_deref().map(str::to_owned),
            shard: self.shard,
            urgency: self.urgency(),
            scores: self
                .record
                .iter()
                .flat_map(|record| &record.scores)
                .map(ScoreView::of)
                .collect(),
            evaluated_at: self.record.as_ref().map(|record| record.at.millis()),
            readings: self
                .record
                .as_ref()
                .map_or_else(Vec::new, |record| ReadingView::all(&record.inputs)),
            priority: self.priority(),
            alarms: alarms.into_iter().map(AlarmView::of).collect(),
            lost: self.lost(),
        }
    }

    fn lost(&self) -> Option<LostView> {
        let silent = || {
            self.alarms
                .values()
                .filter(|alarm| silent_source(alarm).is_some())
        };
        Some(LostView {
            since: silent().map(|alarm| alarm.condition_start).max()?.millis(),
            priority: silent().map(|alarm| alarm.priority).max()?,
            sources: silent().filter_map(silent_source).map(str::to_owned).collect(),
        })
    }

    fn priority(&self) -> Option<AlarmPriority> {
        self.alarms.values().map(|alarm| alarm.priority).max()
    }

    fn urgency(&self) -> u32 {
        let priority = match self.priority() {
            None => 0,
            Some(AlarmPriority::Low) => 1,
            Some(AlarmPriority::Medium) => 2,
            Some(AlarmPriority::High) => 3,
        };
        let technical = self
            .alarms
            .values()
            .any(|alarm| alarm.kind == AlarmKind::Technical);
        priority * 1_000 + u32::from(technical) * 500 + self.points().min(499)
    }

    /// The first point score's total, or its lowest while partial.
    fn points(&self) -> u32 {
        let scores = self.record.iter().flat_map(|record| &record.scores);
        let total = scores
            .filter(|score| !score.points.is_empty())
            .find_map(|score| score.value.or(score.lowest));
        total.unwrap_or(0.0).max(0.0) as u32
    }
}

/// The source that fell silent: `bedside` of `silent:bedside`.
fn silent_source(alarm: &Alarm) -> Option<&str> {
    let source = alarm.alarm.strip_prefix(SILENT)?.strip_prefix(':')?;
    (alarm.kind == AlarmKind::Technical).then_some(source)
}
