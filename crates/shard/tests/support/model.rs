//! What a ward looks like, told anew from the rules: what becomes of each reading, which vital signs are fresh, which limits
//! are violated. It keeps everything that a stay ever sent and looks for what it needs; of the product it uses a device's
//! clock, whose own properties are in `event-time`.
//!
//! Where the shard may have forgotten what the model still knows (values older than lateness, after one was withdrawn), the
//! model is unsure, and nothing is asked of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use wardwatch_alarms::Alarm;
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::{Admission, DeviceClock, Span, Timestamp};
use wardwatch_ingest::Kind;
use wardwatch_pipeline::{LimitAlarm, Pipeline, lost_alarm};

use crate::ward::{Message, PATIENTS, at};

/// What is documented: how long a source that goes on has for each vital sign, how long values of one time come one after
/// another, how long ago a clock that is found wrong was set at most, how many corrections are remembered.
const SETTLE: Span = Span::from_secs(10);
const INSTANT: Span = Span::from_secs(1);
const FOUND_IN: Span = Span::from_secs(120);
const REMEMBERED: usize = 64;

/// The newest state of every alarm, by patient and name.
pub type Told = BTreeMap<(String, String), Alarm>;
type Key = (u16, Option<&'static str>);

/// What may become of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Used,
    Absent,
    Correction,
    Repeat,
    Late,
    Future,
    WrongClock,
}

pub struct Model {
    pipeline: Arc<Pipeline>,
    pub stays: BTreeMap<usize, Stay>,
    now: Timestamp,
    /// How often a limit was compared.
    pub compared: u64,
}

/// A patient who is monitored.
#[derive(Default)]
pub struct Stay {
    devices: BTreeMap<Key, Device>,
    sources: BTreeMap<u16, Heard>,
    signs: BTreeMap<VitalSign, Sign>,
    /// By limit: whether it goes on, and since which log time.
    going: BTreeMap<usize, Timestamp>,
    /// Usable in the message that came last.
    pub usable: BTreeSet<VitalSign>,
    pub heard_at: Option<Timestamp>,
}

struct Heard {
    at: Timestamp,
    went_on_at: Timestamp,
}

/// A vital sign.
#[derive(Default)]
struct Sign {
    usable_at: Option<Timestamp>,
    senders: BTreeSet<u16>,
    too_old_since: Option<Timestamp>,
    missing_since: Option<Timestamp>,
    is_unsure: bool,
    are_limits_unsure: bool,
}

#[derive(Default)]
struct Device {
    clock: DeviceClock,
    sent: Vec<Sent>,
    replaced: Vec<(i64, VitalSign)>,
    newest: BTreeMap<VitalSign, Newest>,
    /// Vital signs of which it has given one time twice.
    twice: BTreeSet<VitalSign>,
}

/// A value that counts, or did in an earlier epoch of its device's clock.
#[derive(Clone)]
struct Sent {
    ts: i64,
    at: Timestamp,
    vital: VitalSign,
    value: f64,
    is_of_epoch: bool,
    is_correction: bool,
    /// Whether it came later than lateness.
    is_late: bool,
}

/// All values of one time.
type Instant = (Timestamp, Vec<f64>);

/// What limits judge of a device.
struct Newest {
    instant: Instant,
    gives_twice: bool,
    /// The time before, and until when it counts.
    before: Option<(Instant, Timestamp)>,
}

/// How the worst of some values stands to a limit: clear, between, violating.
fn judge(limit: &LimitAlarm, values: &[f64]) -> u8 {
    let of = |value: &f64| match limit.clear {
        _ if limit.limit.is_violated_by(*value) => 3,
        Some(clear) if !clear.is_violated_by(*value) => 2,
        _ => 1,
    };
    values.iter().map(of).max().unwrap_or(0)
}

// === impl Device ===

impl Device {
    fn is_replaced(&self, ts: i64, vital: VitalSign) -> bool {
        self.replaced.contains(&(ts, vital))
    }

    /// The newest values of this epoch.
    fn newest_of_epoch(&self, vital: VitalSign) -> Option<Instant> {
        let all = || {
            self.sent
                .iter()
                .filter(|sent| sent.is_of_epoch && sent.vital == vital)
        };
        let newest = all().map(|sent| sent.at).max()?;
        let values = all().filter(|sent| sent.at == newest).map(|sent| sent.value);
        Some((newest, values.collect()))
    }
}

// === impl Stay ===

impl Stay {
    fn newest(&self, vital: VitalSign) -> Option<Timestamp> {
        let sent = self.devices.values().flat_map(|device| &device.sent);
        sent.filter(|sent| sent.vital == vital).map(|sent| sent.at).max()
    }

    /// Judges a limit over all devices. `known` is what it is where no value is fresh.
    /// Gives what it is judged to be.
    fn move_limit(&mut self, index: usize, limit: &LimitAlarm, now: Timestamp, known: u8) -> u8 {
        let newest = self
            .devices
            .values()
            .filter_map(|device| device.newest.get(&limit.limit.vital));
        let mut waits = false;
        let judged = newest.map(|newest| {
            let of = |(at, values): &Instant| match now - *at <= limit.rules.max_age {
                true => judge(limit, values),
                false => 0,
            };
            let before = newest.before.as_ref().filter(|(_, until)| now < *until);
            let before = before.map(|(before, _)| before);
            let own = judge(limit, &newest.instant.1);
            waits |= before.is_some_and(|before| of(before) == 0 && judge(limit, &before.1) > own);
            of(&newest.instant).max(before.map_or(0, of))
        });
        let judged = match judged.max().unwrap_or(0) {
            0 => known,
            // More of one instant may come, and be worse again.
            1 | 2 if waits => 0,
            judged => judged,
        };
        match judged {
            3 => drop(self.going.entry(index).or_insert(now)),
            1 => drop(self.going.remove(&index)),
            _ => {}
        }
        judged
    }
}

// === impl Model ===

impl Model {
    pub fn new(pipeline: &Arc<Pipeline>) -> Self {
        Self {
            pipeline: Arc::clone(pipeline),
            stays: BTreeMap::new(),
            now: Timestamp::MIN,
            compared: 0,
        }
    }

    /// Log time moves on: what waited for more of one instant waits no longer, and of what is too old another device decides.
    pub fn advance(&mut self, now: Timestamp) {
        let pipeline = Arc::clone(&self.pipeline);
        for stay in self.stays.values_mut() {
            let mut due: Vec<(Timestamp, VitalSign)> = Vec::new();
            for device in stay.devices.values_mut() {
                for (vital, newest) in &mut device.newest {
                    if let Some((_, until)) = newest.before.take_if(|(_, until)| *until <= now) {
                        due.push((until, *vital));
                    }
                }
            }
            due.sort_unstable();
            for limit in &pipeline.limits {
                let vital = limit.limit.vital;
                let newest = stay
                    .devices
                    .values()
                    .filter_map(|device| device.newest.get(&vital));
                let too_old =
                    newest.map(|newest| newest.instant.0 + limit.rules.max_age + Span::from_micros(1));
                let now_too_old = too_old.filter(|at| self.now < *at && *at <= now);
                due.extend(now_too_old.map(|at| (at, vital)));
            }
            for (until, vital) in due {
                let limits = pipeline.limits.iter().enumerate();
                for (index, limit) in limits.filter(|(_, limit)| limit.limit.vital == vital) {
                    let Some(since) = stay.going.get(&index).copied() else {
                        continue;
                    };
                    let is_told = until - since >= limit.rules.hold_for;
                    // What has not lasted yet is forgotten with its value, unless the next one shows that it has lasted.
                    let is_unsure = stay.move_limit(index, limit, until, 0) == 0 && !is_told;
                    stay.signs.entry(vital).or_default().are_limits_unsure |= is_unsure;
                }
            }
        }
        self.now = now;
    }

    /// Takes a message; what may become of each of its readings.
    pub fn take(&mut self, message: &Message) -> Vec<Vec<Fate>> {
        let pipeline = Arc::clone(&self.pipeline);
        let source = &pipeline.sources[usize::from(message.source)];
        let (ts, now) = (at(message.ts), at(message.append));
        let key = (message.source, message.device);
        let all = |fate: Fate| vec![vec![fate]; message.readings.len()];
        let stay = self.stays.entry(message.patient).or_default();
        stay.usable.clear();
        let device = stay.devices.entry(key).or_default();
        let admitted = match message.kind {
            Kind::Measured | Kind::Absent => device.clock.admit(ts, now, source.rules),
            Kind::Corrected | Kind::Withdrawn => device.clock.admit_correction(ts, now, source.rules),
        };
        let offset = device.clock.offset();
        if admitted.new_epoch {
            let epoch = std::mem::take(&mut device.replaced);
            drop(epoch);
            let mut again = Vec::new();
            let of_epoch = device.sent.iter().filter(|sent| sent.is_of_epoch);
            let newest_ts = of_epoch.map(|sent| at(message.ts).micros().max(sent.ts)).max();
            let oldest_kept = newest_ts.unwrap_or_default() - source.rules.lateness.micros();
            for sent in device.sent.iter_mut().filter(|sent| sent.is_of_epoch) {
                sent.is_of_epoch = false;
                let at = Timestamp::from_micros(sent.ts) + offset;
                // What came in time of a clock that was set may be of the setting before.
                let is_found = (admitted.from_start || sent.is_late) && at <= now && now - at <= FOUND_IN;
                if is_found && !sent.is_late && sent.ts < oldest_kept {
                    let sign = stay.signs.entry(sent.vital).or_default();
                    (sign.is_unsure, sign.are_limits_unsure) = (true, true);
                } else if is_found && source.corrects_clocks && !sent.is_correction {
                    again.push(Sent { at, ..sent.clone() });
                }
            }
            again.sort_by_key(|sent| (sent.at, sent.vital));
            for sent in again {
                self.reading(message, sent, now, &pipeline);
            }
        }
        if admitted.admission == Admission::Future {
            return all(Fate::Future);
        }
        let stay = self.stays.entry(message.patient).or_default();
        stay.heard_at = Some(now);
        let heard = stay.sources.entry(message.source).or_insert(Heard {
            at: now,
            went_on_at: now,
        });
        if now - heard.at > SETTLE {
            heard.went_on_at = now;
        }
        heard.at = now;
        if offset != Span::ZERO && !source.corrects_clocks {
            return all(Fate::WrongClock);
        }
        match message.kind {
            Kind::Absent => return all(Fate::Absent),
            Kind::Measured => {}
            Kind::Corrected | Kind::Withdrawn => {
                for (vital, value) in &message.readings {
                    let value = (message.kind == Kind::Corrected).then_some(*value);
                    self.correct(message, *vital, value, admitted.at, &pipeline);
                }
                return all(Fate::Correction);
            }
        }
        let mut fates = Vec::new();
        for (vital, value) in &message.readings {
            let sent = Sent {
                ts: ts.micros(),
                at: admitted.at,
                vital: *vital,
                value: *value,
                is_of_epoch: true,
                is_correction: false,
                is_late: admitted.admission == Admission::Late,
            };
            fates.push(self.measured(message, sent, admitted.admission, &pipeline));
        }
        fates
    }

    fn measured(
        &mut self,
        message: &Message,
        sent: Sent,
        admission: Admission,
        pipeline: &Pipeline,
    ) -> Vec<Fate> {
        let now = at(message.append);
        let source = &pipeline.sources[usize::from(message.source)];
        let max_age = pipeline.max_age[sent.vital.index()];
        let stay = self.stays.get_mut(&message.patient).expect("a patient");
        let key = (message.source, message.device);
        let device = &stay.devices[&key];
        if device.is_replaced(sent.ts, sent.vital) {
            let kept_for = max_age.max(source.rules.lateness);
            let is_remembered = device.replaced.len() <= REMEMBERED && now - sent.at <= kept_for;
            let sign = stay.signs.entry(sent.vital).or_default();
            sign.are_limits_unsure |= !is_remembered;
            return match is_remembered {
                true => vec![Fate::Correction],
                false => vec![Fate::Correction, Fate::Repeat, Fate::Used, Fate::Late],
            };
        }
        let is_same = |other: &Sent| {
            other.is_of_epoch
                && (other.ts, other.vital) == (sent.ts, sent.vital)
                && other.value as f32 == sent.value as f32
        };
        let is_fresh = now - sent.at <= max_age;
        let newest = stay.newest(sent.vital);
        // The newest value is known whatever the epoch.
        let is_again = |other: &Sent| {
            (admission, newest) == (Admission::Late, Some(sent.at))
                && (other.at, other.vital) == (sent.at, sent.vital)
                && other.value as f32 == sent.value as f32
        };
        if device.sent.iter().any(|other| is_same(other) || is_again(other)) {
            if admission != Admission::Late {
                return vec![Fate::Repeat];
            }
            // It may be remembered no more, and then it is a reading as any other.
            let device = stay.devices.get_mut(&key).expect("a device");
            let known = device.sent.iter_mut().filter(|other| is_same(other));
            known.for_each(|known| known.is_late |= newest > Some(sent.at));
            let sign = stay.signs.entry(sent.vital).or_default();
            if is_fresh {
                sign.are_limits_unsure = true;
            }
            if is_fresh && newest.is_none_or(|newest| sent.at >= newest) {
                sign.usable_at = Some(now);
                stay.usable.insert(sent.vital);
            }
            return vec![Fate::Repeat, Fate::Used, Fate::Late];
        }
        let is_judged = !source.trend_only
            && pipeline
                .limits
                .iter()
                .any(|limit| limit.limit.vital == sent.vital)
            && device
                .newest
                .get(&sent.vital)
                .is_none_or(|newest| sent.at > newest.instant.0);
        let is_useful = is_fresh && (is_judged || newest.is_none_or(|newest| sent.at >= newest));
        let is_unsure = stay.signs.get(&sent.vital).is_some_and(|sign| sign.is_unsure);
        self.reading(message, sent, now, pipeline);
        match is_useful && !is_unsure {
            true => vec![Fate::Used],
            false => vec![Fate::Used, Fate::Late],
        }
    }

    /// A value counts: as newest value, by limits.
    fn reading(&mut self, message: &Message, sent: Sent, now: Timestamp, pipeline: &Pipeline) {
        let vital = sent.vital;
        let stay = self.stays.get_mut(&message.patient).expect("a patient");
        let newest = stay.newest(vital);
        let is_fresh = now - sent.at <= pipeline.max_age[vital.index()];
        let sign = stay.signs.entry(vital).or_default();
        if newest.is_none_or(|newest| sent.at >= newest) {
            sign.senders.insert(message.source);
        }
        if newest.is_none_or(|newest| sent.at >= newest) && is_fresh {
            sign.usable_at = Some(now);
            stay.usable.insert(vital);
            sign.is_unsure &= newest.is_some_and(|newest| sent.at <= newest);
        }
        let key = (message.source, message.device);
        let device = stay.devices.get_mut(&key).expect("a device");
        device.sent.push(sent.clone());
        if pipeline.sources[usize::from(message.source)].trend_only || !is_fresh {
            return;
        }
        let instant = (sent.at, vec![sent.value]);
        let was = device.newest.get(&vital).map(|newest| newest.instant.clone());
        match device.newest.get_mut(&vital) {
            Some(newest) if sent.at < newest.instant.0 => return,
            Some(newest) if sent.at == newest.instant.0 => {
                newest.gives_twice = true;
                device.twice.insert(vital);
                newest.instant.1.push(sent.value);
            }
            Some(newest) => {
                let before = std::mem::replace(&mut newest.instant, instant);
                newest.before = newest.gives_twice.then_some((before, now + INSTANT));
            }
            None => {
                let newest = Newest {
                    instant,
                    gives_twice: device.twice.contains(&vital),
                    before: None,
                };
                device.newest.insert(vital, newest);
            }
        }
        for (index, limit) in pipeline.limits.iter().enumerate() {
            let is_history = was.as_ref().is_some_and(|(at, values)| {
                *at == sent.at && judge(limit, &[sent.value]) < judge(limit, values)
            });
            if limit.limit.vital == vital && !is_history {
                stay.move_limit(index, limit, now, 0);
            }
        }
    }

    fn correct(
        &mut self,
        message: &Message,
        vital: VitalSign,
        value: Option<f64>,
        effective: Timestamp,
        pipeline: &Pipeline,
    ) {
        let (ts, now) = (at(message.ts).micros(), at(message.append));
        let source = &pipeline.sources[usize::from(message.source)];
        let key = (message.source, message.device);
        let stay = self.stays.get_mut(&message.patient).expect("a patient");
        let newest_before = stay.newest(vital);
        let device = stay.devices.get_mut(&key).expect("a device");
        device.replaced.retain(|known| *known != (ts, vital));
        device.replaced.push((ts, vital));
        let is_meant = |sent: &Sent| sent.is_of_epoch && (sent.ts, sent.vital) == (ts, vital);
        let is_known = device.sent.iter().any(is_meant);
        device.sent.retain(|sent| !is_meant(sent));
        let corrected = value.map(|value| Sent {
            ts,
            at: effective,
            vital,
            value,
            is_of_epoch: true,
            is_correction: true,
            is_late: false,
        });
        let was_newest = device
            .newest
            .get(&vital)
            .is_some_and(|newest| newest.instant.0 == effective);
        let is_newer = device
            .newest
            .get(&vital)
            .is_none_or(|newest| newest.instant.0 < effective);
        if let Some(sent) = corrected.clone().filter(|_| is_newer && !is_known) {
            self.reading(message, sent, now, pipeline);
        } else {
            device.sent.extend(corrected);
            if was_newest && !source.trend_only {
                self.rejudge(message, vital, pipeline);
            }
        }
        let stay = self.stays.get_mut(&message.patient).expect("a patient");
        let newest = stay.newest(vital);
        if newest < newest_before {
            // The shard may have forgotten it.
            let oldest_kept = |device: &Device| device.clock.now() - source.rules.lateness;
            let mut devices = stay.devices.values();
            let is_kept = devices.any(|device| {
                let mut sent = device.sent.iter().filter(|sent| sent.is_of_epoch);
                sent.any(|sent| {
                    sent.vital == vital && Some(sent.at) == newest && sent.at >= oldest_kept(device)
                })
            });
            stay.signs.entry(vital).or_default().is_unsure |= !is_kept;
        }
        if newest > newest_before && now - effective <= pipeline.max_age[vital.index()] {
            let sign = stay.signs.entry(vital).or_default();
            sign.usable_at = Some(now);
            sign.senders.insert(message.source);
            stay.usable.insert(vital);
        }
    }

    /// The newest values of a device are others, or none.
    fn rejudge(&mut self, message: &Message, vital: VitalSign, pipeline: &Pipeline) {
        let now = at(message.append);
        let stay = self.stays.get_mut(&message.patient).expect("a patient");
        let device = stay
            .devices
            .get_mut(&(message.source, message.device))
            .expect("a device");
        let lateness = pipeline.sources[usize::from(message.source)].rules.lateness;
        let left = device.newest_of_epoch(vital);
        let is_kept = left
            .as_ref()
            .is_some_and(|(at, _)| *at >= device.clock.now() - lateness);
        let of_earlier = |sent: &Sent| sent.vital == vital && !sent.is_of_epoch;
        let is_unsure = !is_kept && (left.is_some() || device.sent.iter().any(of_earlier));
        stay.signs.entry(vital).or_default().are_limits_unsure |= is_unsure;
        match left {
            None => drop(device.newest.remove(&vital)),
            Some(left) => {
                let newest = device.newest.get_mut(&vital).expect("it was the newest");
                newest.instant = left;
            }
        }
        let limits = pipeline.limits.iter().enumerate();
        for (index, limit) in limits.filter(|(_, limit)| limit.limit.vital == vital) {
            // Where it is between the thresholds now, it depends on which value began it.
            let is_between = stay.move_limit(index, limit, now, 1) == 2 && stay.going.contains_key(&index);
            stay.signs.entry(vital).or_default().are_limits_unsure |= is_between;
        }
    }

    /// PRESENT-1, and that what is lost is told on time: as of now, by what has been told.
    pub fn check_presence(&mut self, now: Timestamp, told: &Told) -> Result<(), String> {
        let pipeline = Arc::clone(&self.pipeline);
        for (patient, stay) in &mut self.stays {
            let active = |alarm: &str| {
                let key = (PATIENTS[*patient].to_owned(), alarm.to_owned());
                told.get(&key).filter(|alarm| alarm.active)
            };
            let is_silent =
                |source: &u16| active(&pipeline.sources[usize::from(*source)].silent_alarm()).is_some();
            for vital in &pipeline.watched {
                let newest = stay.newest(*vital);
                let Some(sign) = stay.signs.get_mut(vital) else {
                    continue;
                };
                // Whoever has sent only what was too old when it came is missed too.
                let Some(usable_at) = sign.usable_at.or(newest) else {
                    (sign.too_old_since, sign.missing_since) = (None, None);
                    continue;
                };
                if stay.usable.contains(vital) && active(&lost_alarm(*vital)).is_some() {
                    return Err(format!("{} is usable, and told of as lost", vital.name()));
                }
                let is_told = active(&lost_alarm(*vital)).is_some()
                    || active("overdue").is_some_and(|alarm| alarm.text.contains(vital.label()))
                    || sign.senders.iter().all(is_silent);
                let max_age = pipeline.max_age[vital.index()];
                let is_too_old = now - newest.unwrap_or(usable_at) > max_age && !sign.is_unsure && !is_told;
                let heard = sign.senders.iter().map(|source| &stay.sources[source]);
                let goes_on = heard.clone().any(|heard| heard.at > usable_at + SETTLE);
                let after = pipeline.lost_after[vital.index()];
                let is_missing = now - usable_at > after && goes_on && !is_told;
                let is_settling = heard.clone().any(|heard| now - heard.went_on_at <= SETTLE);
                let since = |known: &mut Option<Timestamp>, is: bool| {
                    *known = is.then(|| known.unwrap_or(now));
                    known.map_or(Span::ZERO, |since| now - since)
                };
                let (too_old_for, missing_for) = (
                    since(&mut sign.too_old_since, is_too_old),
                    since(&mut sign.missing_since, is_missing),
                );
                let allowed = match is_settling {
                    true => SETTLE,
                    false => Span::ZERO,
                };
                if is_too_old && too_old_for > allowed {
                    return Err(format!(
                        "PRESENT-1: {} is too old for {too_old_for}, and nobody is told",
                        vital.name()
                    ));
                }
                if missing_for > SETTLE + SETTLE {
                    return Err(format!(
                        "{} is missing for {missing_for} more, and nobody is told",
                        vital.name()
                    ));
                }
            }
        }
        Ok(())
    }

    /// LIMIT-1: limits are active while the worst fresh value violates them, or will be once that has lasted.
    pub fn check_limits(&mut self, now: Timestamp, told: &Told) -> Result<(), String> {
        let pipeline = Arc::clone(&self.pipeline);
        for (patient, stay) in &self.stays {
            for (index, limit) in pipeline.limits.iter().enumerate() {
                let sign = stay.signs.get(&limit.limit.vital);
                if sign.is_some_and(|sign| sign.are_limits_unsure) {
                    continue;
                }
                self.compared += 1;
                let key = (PATIENTS[*patient].to_owned(), limit.name.clone());
                let is_active = told.get(&key).is_some_and(|alarm| alarm.active);
                let since = stay.going.get(&index);
                let is_due = since.is_some_and(|since| now - *since >= limit.rules.hold_for);
                if is_active && since.is_none() {
                    return Err(format!("LIMIT-1: {} is active, and all is clear", limit.name));
                }
                if !is_active && is_due {
                    return Err(format!("LIMIT-1: {} is violated, and nobody is told", limit.name));
                }
            }
        }
        Ok(())
    }
}
