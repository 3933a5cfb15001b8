//! A running shard goes on under a newer pipeline.
//!
//! ```text
//!   old shard ──▶ patients, clocks, newest values, alarms, panes of sets that say the same ──▶ new shard
//!   filled    ──▶ panes of sets that are new or say something else ────────────────────────────▶
//! ```
//!
//! Scores that say something else, or of something else, are computed by the next step, of the newest windows: no alarm is judged
//! by what an old score said. They are told with their next window.
//!
//! `filled` is a shard of those sets alone that has stepped the log as far back as they reach, up to the same record and log
//! time. So each window is told once: by the old pipeline when it closed before, by the new one when it closes after.
//!
//! SUCCEED-1: a shard that goes on under a pipeline that says the same decides what the old one would have decided.

use std::sync::Arc;

use wardwatch_alarms::{EndReason, Machine};
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_inference::Scorer;
use wardwatch_pipeline::{Kin, Pipeline, Succession};

use crate::ended::{Ended, Left};
use crate::history::History;
use crate::inputs::View;
use crate::outcome::Outcome;
use crate::patient::{Judged, MachineKind, MachinePlace, Patient, Rival, SetStanding};
use crate::shard::Io;
use crate::technical::{Technical, silent_at};
use crate::timers::{Timer, TimerKind};
use crate::{Outputs, Shard};

/// Where the parts of the old pipeline stand in the new one.
struct Passage<'s> {
    to: &'s Succession,
    /// By set of the old pipeline.
    sets: Vec<Option<usize>>,
    /// By alarm of the old pipeline.
    limits: Vec<Option<(usize, Kin)>>,
    conditions: Vec<Option<(usize, Kin)>>,
}

// === impl Shard ===

impl Shard {
    /// The shard under a newer pipeline, from the same record on. `filled` is of [`Pipeline::only_sets`] with the sets that
    /// have no place in the succession, in their order, and stands at the same log time; none where there are no such sets.
    ///
    /// # Panics
    /// If windows wait to be evaluated, or `filled` stands elsewhere.
    #[must_use]
    pub fn succeed(mut self, pipeline: Arc<Pipeline>, succession: &Succession, filled: Option<Self>) -> Self {
        assert!(
            !self.has_more(),
            "decided windows are evaluated by the pipeline that decided them"
        );
        let mut filled = filled;
        let passage = Passage::new(&self.pipeline, succession);
        let mut new = Self::new(pipeline, self.wants);
        new.log_time = self.log_time;
        new.silent_patients = self.silent_patients;
        new.digest = self.digest;
        new.stays = self.stays;
        new.ended = std::mem::take(&mut self.ended).under(&passage);
        new.changed_scores = succession.fresh_scores();

        // By slot of the filled shard, the slot here.
        let slots: Vec<Option<u32>> = filled
            .iter()
            .flat_map(|filled| &filled.patients)
            .map(|patient| {
                let patient = patient.as_ref()?;
                self.roster.find(&patient.id)
            })
            .collect();
        let mut standings: Vec<Option<Vec<SetStanding>>> = vec![None; self.patients.len()];
        if let Some(filled) = &mut filled {
            assert!(
                filled.log_time == self.log_time && !filled.has_more(),
                "both have stepped the same"
            );
            for (patient, slot) in filled.patients.iter_mut().zip(&slots) {
                if let (Some(patient), Some(slot)) = (patient, slot) {
                    standings[*slot as usize] = Some(std::mem::take(&mut patient.sets));
                }
            }
        }
        new.roster = std::mem::take(&mut self.roster);
        for (patient, standings) in std::mem::take(&mut self.patients).into_iter().zip(standings) {
            let patient = patient.map(|patient| passage.patient(patient, standings, &new.pipeline));
            new.patients.push(patient);
        }

        let mut fresh = 0;
        let mut fresh_ranks = Vec::new();
        for (set, place) in succession.sets.iter().enumerate() {
            match (place, &mut filled) {
                (Some(place), _) => std::mem::swap(&mut new.sets[set], &mut self.sets[*place]),
                (None, Some(filled)) => {
                    let state = std::mem::replace(&mut filled.sets[fresh], new.sets[set].clone());
                    new.sets[set] = state.with_slots(&slots);
                    fresh_ranks.push((fresh, set));
                    fresh += 1;
                }
                (None, None) => {}
            }
        }
        new.take_timers(&self, &passage);
        if let Some(filled) = &filled {
            new.take_pane_timers(filled, &fresh_ranks, &slots);
        }
        new
    }

    /// Ends what is active of alarms that the newer pipeline does not have: nobody would ever tell its end. Comes before
    /// [`Shard::succeed`].
    pub fn end_removed(
        &mut self,
        pipeline: &Pipeline,
        succession: &Succession,
        scorer: &mut dyn Scorer,
        out: &mut Outputs,
    ) {
        let passage = Passage::new(&self.pipeline, succession);
        let mut io = Io { scorer, out };
        let removed = |kind, alarms: &[Option<(usize, Kin)>]| -> Vec<MachinePlace> {
            let alarms = (0..).zip(alarms);
            let removed = alarms.filter(|(_, to)| to.is_none());
            removed.map(|(index, _)| MachinePlace { kind, index }).collect()
        };
        let limits = removed(MachineKind::Limit, &passage.limits);
        let conditions = removed(MachineKind::Condition, &passage.conditions);
        let watched = self.pipeline.watched.iter();
        let unwatched = watched.filter(|vital| !pipeline.watched.contains(vital));
        let unwatched: Vec<MachinePlace> = unwatched.map(|vital| Technical::Lost(*vital).place()).collect();
        let now = self.log_time;
        for slot in 0..self.patients.len() as u32 {
            for place in limits.iter().chain(&conditions).chain(&unwatched) {
                self.end_alarm(slot, *place, EndReason::Removed, now, &mut io);
            }
        }
    }

    /// The old shard's timers, as far as there still is something that they are for; what other rules call for is set anew.
    fn take_timers(&mut self, old: &Self, passage: &Passage<'_>) {
        let rank = |shard: &Self, set: usize| {
            shard
                .ranks
                .iter()
                .position(|other| *other == set)
                .map(|rank| rank as u16)
        };
        let of_rank = |of: u16| {
            let set = passage.sets[old.ranks[usize::from(of)]]?;
            rank(self, set)
        };
        let same = |found: Option<(usize, Kin)>| {
            found
                .filter(|(_, kin)| kin.is_same)
                .map(|(place, _)| place as u16)
        };
        let kept: Vec<Timer> = old
            .timers
            .iter()
            .filter_map(|timer| {
                let kind = match timer.kind {
                    TimerKind::Pane { rank, pane } => TimerKind::Pane {
                        rank: of_rank(rank)?,
                        pane,
                    },
                    TimerKind::Revision { rank } => TimerKind::Revision { rank: of_rank(rank)? },
                    TimerKind::Limit { index } => TimerKind::Limit {
                        index: same(passage.limits[usize::from(index)])?,
                    },
                    TimerKind::Condition { index } => TimerKind::Condition {
                        index: same(passage.conditions[usize::from(index)])?,
                    },
                    TimerKind::Silence { .. }
                    | TimerKind::RecordsLost { .. }
                    | TimerKind::Presence
                    | TimerKind::Forget => timer.kind,
                };
                Some(Timer { kind, ..*timer })
            })
            .collect();
        kept.into_iter().for_each(|timer| self.timers.set(timer));
        for slot in 0..self.patients.len() as u32 {
            if self.patients[slot as usize].is_some() {
                self.rearm(slot, old, passage);
            }
        }
    }

    /// Timers that other rules make due earlier, or that are for other rules.
    fn rearm(&mut self, slot: u32, old: &Self, passage: &Passage<'_>) {
        // What a changed rule makes overdue comes with the next step, which is in the journal.
        let soonest = self.log_time + Span::from_micros(1);
        let pipeline = Arc::clone(&self.pipeline);
        let is_other = |kin: &Option<Kin>| kin.is_some_and(|kin| !kin.is_same);
        for (index, limit) in pipeline.limits.iter().enumerate() {
            if !is_other(&passage.to.limits[index]) {
                continue;
            }
            if let Some(due) = self.patient_mut(slot).limits[index].arm(limit.rules) {
                self.set_timer(slot, TimerKind::Limit { index: index as u16 }, due.max(soonest));
            }
        }
        for (index, condition) in pipeline.conditions.iter().enumerate() {
            if !is_other(&passage.to.conditions[index]) {
                continue;
            }
            if let Some(due) = self.patient_mut(slot).conditions[index].arm(condition.rules) {
                self.set_timer(
                    slot,
                    TimerKind::Condition { index: index as u16 },
                    due.max(soonest),
                );
            }
        }
        for (index, (source, was)) in pipeline.sources.iter().zip(&old.pipeline.sources).enumerate() {
            let is_sooner = source.silent_after < was.silent_after || was.trend_only && !source.trend_only;
            let heard_at = self.patient_mut(slot).sources[index].heard_at;
            if let Some(heard_at) = heard_at.filter(|_| is_sooner && !source.trend_only) {
                let kind = TimerKind::Silence { source: index as u16 };
                self.set_timer(slot, kind, silent_at(heard_at, source.silent_after).max(soonest));
            }
        }
        // What is watched for, and for how long it may stay away, may have changed; to look early for another reason would tell
        // of an overdue round before it has settled.
        let is_same = pipeline.watched == old.pipeline.watched
            && pipeline.lost_after == old.pipeline.lost_after
            && pipeline.max_age == old.pipeline.max_age
            && pipeline.sources == old.pipeline.sources;
        if !is_same {
            self.arm_presence(slot, soonest);
        }
        if pipeline.time.forget_after < old.pipeline.time.forget_after {
            let due = self.patient_mut(slot).heard_at + pipeline.time.forget_after;
            self.set_timer(slot, TimerKind::Forget, due.max(soonest));
        }
    }

    /// Timers of the panes of sets that were filled: (its place there, its place here).
    fn take_pane_timers(&mut self, filled: &Self, sets: &[(usize, usize)], slots: &[Option<u32>]) {
        let here = |of: u16| {
            let there = filled.ranks[usize::from(of)];
            let (_, set) = sets.iter().find(|(place, _)| *place == there)?;
            self.ranks
                .iter()
                .position(|other| other == set)
                .map(|rank| rank as u16)
        };
        let kinds: Vec<(u32, TimerKind, Timestamp)> = filled
            .timers
            .iter()
            .filter_map(|timer| {
                let kind = match timer.kind {
                    TimerKind::Pane { rank, pane } => TimerKind::Pane {
                        rank: here(rank)?,
                        pane,
                    },
                    TimerKind::Revision { rank } => TimerKind::Revision { rank: here(rank)? },
                    _ => return None,
                };
                let is_current = filled.patients[timer.slot as usize]
                    .as_ref()
                    .is_some_and(|patient| patient.stay == timer.stay);
                Some((
                    slots[timer.slot as usize].filter(|_| is_current)?,
                    kind,
                    timer.due,
                ))
            })
            .collect();
        for (slot, kind, due) in kinds {
            self.set_timer(slot, kind, due);
        }
    }
}

// === impl Passage ===

impl<'s> Passage<'s> {
    fn new(old: &Pipeline, to: &'s Succession) -> Self {
        let mut sets = vec![None; old.sets.len()];
        for (set, place) in to.sets.iter().enumerate() {
            if let Some(place) = place {
                sets[*place] = Some(set);
            }
        }
        let alarms = |count: usize, kin: &[Option<Kin>]| {
            let mut places = vec![None; count];
            for (place, kin) in kin.iter().enumerate() {
                if let Some(kin) = kin {
                    places[kin.place] = Some((place, *kin));
                }
            }
            places
        };
        Self {
            to,
            sets,
            limits: alarms(old.limits.len(), &to.limits),
            conditions: alarms(old.conditions.len(), &to.conditions),
        }
    }

    fn patient(&self, old: Patient, filled: Option<Vec<SetStanding>>, pipeline: &Pipeline) -> Patient {
        let mut new = Patient::new(Arc::clone(&old.id), old.stay, old.begun_at, pipeline);
        new.stated = old.stated;
        new.context = old.context;
        new.visit = old.visit;
        new.lingers = old.lingers;
        new.sources = old.sources;
        new.history = new.history.map(|_| {
            let history = old.history;
            history.unwrap_or_else(|| Box::new(History::starting_with(&old.latest)))
        });
        new.latest = old.latest;
        new.replaced = old.replaced;
        new.presence = old.presence;
        new.heard_at = old.heard_at;
        for rival in old.rivals {
            let place = self.limits[usize::from(rival.limit)].filter(|(_, kin)| kin.is_same);
            new.rivals.extend(place.map(|(place, _)| Rival {
                limit: place as u16,
                ..rival
            }));
        }
        for (place, kin) in self.to.limits.iter().enumerate() {
            let Some(kin) = kin else { continue };
            let machine = under(old.limits[kin.place], *kin);
            new.limits[place] = machine;
            new.judged[place] = Judged {
                is_idle: machine.is_idle(),
                ..match kin.is_same {
                    true => old.judged[kin.place],
                    false => new.judged[place],
                }
            };
        }
        for (place, kin) in self.to.conditions.iter().enumerate() {
            let Some(kin) = kin else { continue };
            new.conditions[place] = under(old.conditions[kin.place], *kin);
        }
        for (place, was) in self.to.scores.iter().enumerate() {
            if let Some(was) = was {
                new.scores[place] = Arc::clone(&old.scores[*was]);
            }
        }
        let mut filled = filled.into_iter().flatten();
        let mut standings = old.sets;
        for (place, was) in self.to.sets.iter().enumerate() {
            let standing = match was {
                Some(was) => std::mem::take(&mut standings[*was]),
                None => filled.next().unwrap_or_default(),
            };
            new.sets[place] = self.standing(standing, was.is_some());
        }
        new
    }

    /// A standing in a set; what was known at its newest evaluation is read by the places of the new pipeline.
    fn standing(&self, standing: SetStanding, is_old: bool) -> SetStanding {
        let view = standing.view.filter(|_| is_old).map(|view| {
            let newest = self.to.sets.iter().map(|was| view.newest[(*was)?].clone());
            let scores = self.to.scores.iter().map(|was| match was {
                Some(was) => Arc::clone(&view.scores[*was]),
                None => Arc::new(Outcome::number(None)),
            });
            Box::new(View {
                newest: newest.collect(),
                scores: scores.collect(),
                ..*view
            })
        });
        SetStanding { view, ..standing }
    }

    /// Where a machine of the old pipeline stands in the new one, and what it is there.
    fn machine(&self, place: MachinePlace, machine: Machine) -> Option<(MachinePlace, Machine)> {
        let alarms = match place.kind {
            MachineKind::Limit => &self.limits,
            MachineKind::Condition => &self.conditions,
            _ => return Some((place, machine)),
        };
        let (index, kin) = alarms[usize::from(place.index)]?;
        let place = MachinePlace {
            index: index as u16,
            ..place
        };
        Some((place, under(machine, kin)))
    }
}

fn under(machine: Machine, kin: Kin) -> Machine {
    match kin.is_same {
        true => machine,
        false => machine.under_other_rules(),
    }
}

// === impl Ended ===

impl Ended {
    fn under(self, passage: &Passage<'_>) -> Self {
        let mut new = Self::default();
        for (id, left) in self.iter() {
            let machines = left.machines.iter();
            let machines = machines.filter_map(|(place, machine)| passage.machine(*place, *machine));
            let left = Left {
                at: left.at,
                is_discharged: left.is_discharged,
                machines: machines.collect(),
                stated: left.stated.clone(),
            };
            new.keep(Arc::clone(id), left);
        }
        new
    }
}
