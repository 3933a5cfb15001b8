//! Limits, judged reading by reading.
//!
//! A limit is judged per device: violated while the newest value of any device is, clear when those of all are. A value past
//! its maximum age says nothing. Of several values that a device gives one time, the worst judgement counts, whatever their
//! order; only a later time clears it, and once a device has given one time twice, not before [`INSTANT`] has passed: the next
//! value of that time may be worse again.

use wardwatch_alarms::{EndReason, Judgement, Transition};
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_pipeline::LimitAlarm;

use crate::Shard;
use crate::admit::Taken;
use crate::devices::DeviceId;
use crate::patient::{Judged, Latest, Patient, Rival, Role};
use crate::shard::Io;
use crate::technical::just_before;
use crate::timers::TimerKind;

/// Judgements beyond the first device's that are kept, over all limits of a patient.
const MOST_RIVALS: usize = 64;

/// In log time, how long values of one time come after one another.
const INSTANT: Span = Span::from_secs(1);

/// What became of a judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noted {
    /// The device has been judged by a newer value, or by a worse one of the same time.
    History,
    /// It is the device's newest.
    Newest,
    /// It is, and what it clears goes on until then.
    NewestAfter(Timestamp),
}

// === impl Patient ===

impl Patient {
    /// The judgement of a limit over all devices, as of now, and the value that decides it.
    pub(crate) fn judgement_of(&self, limit: usize, now: Timestamp, max_age: Span) -> (Judgement, Latest) {
        let judged = &self.judged[limit];
        let fresh = |latest: &Latest| latest.is_known() && now - latest.ts <= max_age;
        let counts = |rival: &&Rival| match rival.role {
            Role::Device => true,
            Role::Before { until, .. } => now < until,
        };
        // Before the newest time is complete nothing is clear, also where the time before is too old to say more.
        let is_open = |rival: &Rival| {
            rival.role != Role::Device && rival.judgement > self.judged_of(limit, rival.latest.device)
        };
        let rivals = || self.rivals_of(limit).filter(counts);
        let waits = rivals().any(|rival| is_open(rival) && !fresh(&rival.latest));
        let rivals = rivals().filter(|rival| fresh(&rival.latest));
        let first = match fresh(&judged.latest) {
            true => (judged.judgement, judged.latest),
            false => (Judgement::Unknown, judged.latest),
        };
        let (judgement, latest) = rivals.fold(first, |worst, rival| {
            let (judgement, latest) = (rival.judgement, rival.latest);
            match (judgement, latest.ts) > (worst.0, worst.1.ts) {
                true => (judgement, latest),
                false => worst,
            }
        });
        match judgement {
            Judgement::Clear | Judgement::Between if waits => (Judgement::Unknown, latest),
            judgement => (judgement, latest),
        }
    }

    /// What a limit has judged of the newest value of a device.
    fn judged_of(&self, limit: usize, device: DeviceId) -> Judgement {
        let judged = &self.judged[limit];
        let mut devices = self.rivals_of(limit).filter(|rival| rival.role == Role::Device);
        match devices.find(|rival| rival.latest.device == device) {
            Some(rival) => rival.judgement,
            None if judged.latest.device == device => judged.judgement,
            None => Judgement::Unknown,
        }
    }

    fn rivals_of(&self, limit: usize) -> impl Iterator<Item = &Rival> {
        self.rivals
            .iter()
            .filter(move |rival| usize::from(rival.limit) == limit)
    }

    /// The newest fresh values of a limit's vital sign by device, where there are several devices.
    pub(crate) fn values_of(&self, limit: usize, now: Timestamp, max_age: Span) -> Vec<Latest> {
        let rivals = self.rivals_of(limit).filter(|rival| rival.role == Role::Device);
        std::iter::once(self.judged[limit].latest)
            .chain(rivals.map(|rival| rival.latest))
            .filter(|latest| latest.is_known() && now - latest.ts <= max_age)
            .collect()
    }

    /// Notes a device's judgement at log time `now`.
    #[inline]
    pub(crate) fn note_judgement(
        &mut self,
        limit: usize,
        latest: Latest,
        judgement: Judgement,
        now: Timestamp,
    ) -> Noted {
        let judged = &mut self.judged[limit];
        let is_first = judged.latest.device == latest.device || !judged.latest.is_known();
        if is_first && latest.ts > judged.latest.ts && self.rivals.is_empty() {
            (judged.latest, judged.judgement) = (latest, judgement);
            return Noted::Newest;
        }
        self.note_unusual(limit, latest, judgement, now)
    }

    #[inline(never)]
    fn note_unusual(&mut self, limit: usize, latest: Latest, judgement: Judgement, now: Timestamp) -> Noted {
        let judged = &mut self.judged[limit];
        let of_device = |rival: &&mut Rival| {
            usize::from(rival.limit) == limit
                && rival.latest.device == latest.device
                && rival.role == Role::Device
        };
        let known = match self.rivals.iter_mut().find(of_device) {
            Some(rival) => Some((&mut rival.latest, &mut rival.judgement)),
            None if judged.latest.device == latest.device || !judged.latest.is_known() => {
                Some((&mut judged.latest, &mut judged.judgement))
            }
            None => None,
        };
        let Some((known, known_judgement)) = known else {
            self.add_rival(limit, latest, judgement, Role::Device);
            return Noted::Newest;
        };
        let before = (*known, *known_judgement);
        let is_history = latest.ts < before.0.ts || (latest.ts == before.0.ts && judgement < before.1);
        if !is_history {
            (*known, *known_judgement) = (latest, judgement);
        }
        self.note_before(limit, before, latest, judgement, now, is_history)
    }

    /// Where a device has given one time twice, what the time before said counts a little longer.
    fn note_before(
        &mut self,
        limit: usize,
        (before, before_judgement): (Latest, Judgement),
        latest: Latest,
        judgement: Judgement,
        now: Timestamp,
        is_history: bool,
    ) -> Noted {
        let mut rivals = self.rivals.iter_mut();
        let marker = rivals.find(|rival| {
            usize::from(rival.limit) == limit
                && rival.latest.device == latest.device
                && rival.role != Role::Device
        });
        let until = now + INSTANT;
        match marker {
            None if latest.ts == before.ts => {
                let role = Role::Before {
                    until: Timestamp::MIN,
                    came_at: now,
                };
                self.add_rival(limit, latest, Judgement::Unknown, role);
            }
            Some(marker) if latest.ts > before.ts => {
                // Where that was withdrawn it has no device.
                let device = latest.device;
                (marker.latest, marker.judgement) = (Latest { device, ..before }, before_judgement);
                marker.role = Role::Before { until, came_at: now };
                if judgement < before_judgement {
                    return Noted::NewestAfter(until);
                }
            }
            _ => {}
        }
        if is_history { Noted::History } else { Noted::Newest }
    }

    /// Until when more of a newest time may come, where that is waited for.
    pub(crate) fn open_until(&self, limit: usize, now: Timestamp) -> Option<Timestamp> {
        let open = self.rivals_of(limit).filter_map(|rival| match rival.role {
            Role::Before { until, .. } => Some(until),
            Role::Device => None,
        });
        open.filter(|until| now < *until).max()
    }

    fn add_rival(&mut self, limit: usize, latest: Latest, judgement: Judgement, role: Role) {
        if self.rivals.len() == MOST_RIVALS {
            let oldest = (0..self.rivals.len()).min_by_key(|place| self.rivals[*place].latest.ts);
            self.rivals.swap_remove(oldest.unwrap_or_default());
        }
        self.rivals.push(Rival {
            limit: limit as u16,
            latest,
            judgement,
            role,
        });
    }

    /// When the newest time of a device came whose time before counts no longer, as of now.
    fn settled(&mut self, limit: usize, now: Timestamp) -> Option<Timestamp> {
        let mut settled = None;
        for rival in &mut self.rivals {
            if let Role::Before { until, came_at } = rival.role
                && usize::from(rival.limit) == limit
                && Timestamp::MIN < until
                && until <= now
            {
                let role = Timestamp::MIN;
                rival.role = Role::Before { until: role, came_at };
                settled = settled.max(Some(came_at));
            }
        }
        settled
    }

    /// Forgets what a device measured: its place is taken by another.
    pub(crate) fn forget_device(&mut self, device: DeviceId) {
        self.rivals.retain(|rival| rival.latest.device != device);
        let judged = self.judged.iter_mut().map(|judged| &mut judged.latest);
        for latest in judged.chain(&mut self.latest) {
            if latest.device == device {
                latest.device = DeviceId::NONE;
            }
        }
    }

    /// Puts another judgement in the place of a device's one of that time, after a correction; none where nothing is left.
    /// Whether there was one.
    pub(crate) fn rejudge(&mut self, limit: usize, was: Latest, now: Option<(Latest, Judgement)>) -> bool {
        let judged = self.judged[limit];
        if judged.latest.device == was.device && judged.latest.ts == was.ts {
            // Where nothing is left of the first device, the next stands in its place: none is judged at two.
            let (latest, judgement) = now
                .or_else(|| self.take_rival(limit))
                .unwrap_or((Latest::NONE, Judgement::Unknown));
            self.judged[limit] = Judged {
                latest,
                judgement,
                ..judged
            };
            return true;
        }
        let mut found = false;
        self.rivals.retain_mut(|rival| {
            let is_meant = usize::from(rival.limit) == limit
                && rival.role == Role::Device
                && (rival.latest.device, rival.latest.ts) == (was.device, was.ts);
            found |= is_meant;
            if let Some((latest, judgement)) = now.filter(|_| is_meant) {
                (rival.latest, rival.judgement) = (latest, judgement);
            }
            !is_meant || now.is_some()
        });
        found
    }

    /// Takes out what was judged of one further device.
    fn take_rival(&mut self, limit: usize) -> Option<(Latest, Judgement)> {
        let is_meant = |rival: &Rival| usize::from(rival.limit) == limit && rival.role == Role::Device;
        let place = self.rivals.iter().position(is_meant)?;
        let rival = self.rivals.remove(place);
        Some((rival.latest, rival.judgement))
    }
}

// === impl Shard ===

impl Shard {
    /// Judges the limits on the readings. A value behind a newer one is history and moves no alarm, one past its maximum age
    /// says nothing, and a source that is only for trends never does. Gives the vital signs that were judged, a bit each.
    pub(crate) fn judge_limits(&mut self, slot: u32, at: &Latest, taken: Taken<'_>, io: &mut Io<'_>) -> u32 {
        if self.pipeline.sources[at.device.source()].trend_only {
            return 0;
        }
        let now = self.log_time;
        let given = taken.vitals.iter().fold(0u32, |all, vital| all | 1 << vital);
        let mut used = 0;
        for index in 0..self.pipeline.limits.len() {
            let alarm = &self.pipeline.limits[index];
            let vital = alarm.limit.vital.index() as u8;
            if given & 1 << vital == 0 || now - at.ts > alarm.rules.max_age {
                continue;
            }
            // A message may hold a vital sign twice.
            for (_, value) in taken
                .vitals
                .iter()
                .zip(taken.values)
                .filter(|(other, _)| **other == vital)
            {
                if self.judge_limit(slot, index, Latest { value: *value, ..*at }, now, io) {
                    used |= 1 << vital;
                }
            }
        }
        used
    }

    /// Judges one limit on a value; whether that is not history.
    #[inline]
    fn judge_limit(
        &mut self,
        slot: u32,
        index: usize,
        latest: Latest,
        now: Timestamp,
        io: &mut Io<'_>,
    ) -> bool {
        let alarm = &self.pipeline.limits[index];
        let (judgement, max_age) = (judge(alarm, latest.value), alarm.rules.max_age);
        let patient = self.patient_mut(slot);
        let noted = patient.note_judgement(index, latest, judgement, now);
        if noted == Noted::History {
            return false;
        }
        // What another device has measured does not last any longer by this reading, and is not confirmed by it.
        let (judgement, decided_by) = match patient.rivals.is_empty() {
            true => (judgement, latest.ts),
            false => {
                let (judgement, latest) = patient.judgement_of(index, now, max_age);
                (judgement, latest.ts)
            }
        };
        if patient.judged[index].is_idle && matches!(judgement, Judgement::Clear | Judgement::Between) {
            return true;
        }
        if let Noted::NewestAfter(until) = noted {
            self.set_timer(slot, TimerKind::Limit { index: index as u16 }, until);
        }
        self.move_limit(slot, index, (judgement, decided_by), now, None, io);
        true
    }

    /// Moves a limit's machine by a judgement; `ended` is why it ends, where that is not that values are clear.
    pub(crate) fn move_limit(
        &mut self,
        slot: u32,
        index: usize,
        (judgement, at): (Judgement, Timestamp),
        now: Timestamp,
        ended: Option<EndReason>,
        io: &mut Io<'_>,
    ) {
        let rules = self.pipeline.limits[index].rules;
        let patient = self.patient_mut(slot);
        let machine = &mut patient.limits[index];
        let mut transition = machine.judge(judgement, at, now, rules);
        if let Some(transition) = &mut transition {
            transition.reason = transition.reason.map(|cleared| ended.unwrap_or(cleared));
        }
        self.limit_moved(slot, index, transition, io);
    }

    /// After each move of a limit's machine: sets its timer, and tells what there is to tell.
    fn limit_moved(&mut self, slot: u32, index: usize, transition: Option<Transition>, io: &mut Io<'_>) {
        let rules = self.pipeline.limits[index].rules;
        let patient = self.patient_mut(slot);
        let machine = &mut patient.limits[index];
        let due = machine.arm(rules);
        patient.judged[index].is_idle = machine.is_idle();
        if let Some(due) = due {
            self.set_timer(slot, TimerKind::Limit { index: index as u16 }, due);
        }
        if let Some(transition) = transition {
            self.tell_limit(slot, index, transition, io);
        }
    }

    /// Where the value that has decided is past its maximum age, another device's may still be fresh.
    fn decide_by_another(&mut self, slot: u32, index: usize, now: Timestamp, io: &mut Io<'_>) {
        let max_age = self.pipeline.limits[index].rules.max_age;
        let patient = self.patient_mut(slot);
        if patient.rivals.is_empty() || patient.judged[index].is_idle {
            return;
        }
        let (judgement, latest) = patient.judgement_of(index, now, max_age);
        let since = match judgement {
            Judgement::Unknown => return,
            Judgement::Clear | Judgement::Between => just_before(now),
            Judgement::Violating | Judgement::AtOnce => now,
        };
        self.move_limit(slot, index, (judgement, latest.ts), since, None, io);
    }

    pub(crate) fn limit_on_time(&mut self, slot: u32, index: usize, now: Timestamp, io: &mut Io<'_>) {
        let rules = self.pipeline.limits[index].rules;
        let Some(patient) = self.patients[slot as usize].as_mut() else {
            return;
        };
        if let Some(came_at) = patient.settled(index, now) {
            let (judgement, latest) = patient.judgement_of(index, now, rules.max_age);
            let is_over = matches!(judgement, Judgement::Clear | Judgement::Between);
            let since = if is_over { came_at } else { now };
            if !patient.judged[index].is_idle {
                self.move_limit(slot, index, (judgement, latest.ts), since, None, io);
            }
        }
        self.decide_by_another(slot, index, now, io);
        let Some(patient) = self.patients[slot as usize].as_mut() else {
            return;
        };
        let machine = &mut patient.limits[index];
        machine.disarm(now);
        let transition = machine.on_time(now, rules);
        self.limit_moved(slot, index, transition, io);
    }
}

/// How a value stands to a limit.
#[inline]
pub(crate) fn judge(alarm: &LimitAlarm, value: f64) -> Judgement {
    if alarm.at_once.is_some_and(|limit| limit.is_violated_by(value)) {
        return Judgement::AtOnce;
    }
    if alarm.limit.is_violated_by(value) {
        return Judgement::Violating;
    }
    match alarm.clear {
        Some(clear) if !clear.is_violated_by(value) => Judgement::Between,
        Some(_) | None => Judgement::Clear,
    }
}

/// The limits on a vital sign.
pub(crate) fn limits_on(
    limits: &[LimitAlarm],
    vital: VitalSign,
) -> impl Iterator<Item = (usize, &LimitAlarm)> {
    limits
        .iter()
        .enumerate()
        .filter(move |(_, alarm)| alarm.limit.vital == vital)
}
