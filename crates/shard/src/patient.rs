//! One patient's state, from the first record of a stay to its end.

use std::sync::Arc;

use wardwatch_alarms::{Judgement, Machine};
use wardwatch_clinical::VitalSign;
use wardwatch_clinical::scores::Spo2Scale;
use wardwatch_event_time::{Clock, Span, Timestamp};
use wardwatch_ingest::Sex;
use wardwatch_pipeline::Pipeline;
use wardwatch_prefetch::{prefetch, prefetch_all};

use crate::baseline::Baseline;
use crate::devices::{DeviceId, Devices};
use crate::digest::{Decision, Event, hash};
use crate::history::History;
use crate::inputs::View;
use crate::outcome::Outcome;
use crate::presence::Presence;
use crate::statements::Statements;

/// The newest value of a vital sign, by effective time; [`Timestamp::MIN`] before the first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Latest {
    pub(crate) ts: Timestamp,
    pub(crate) value: f64,
    /// Which device measured it.
    pub(crate) device: DeviceId,
    /// Whether the device's clock is wrong, so that `ts` is not what it gave.
    pub(crate) is_corrected: bool,
}

/// What a limit has judged last of one device. Every reading needs this, and the limit's machine only when there is something
/// to judge.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judged {
    pub(crate) latest: Latest,
    pub(crate) judgement: Judgement,
    /// Whether the machine is idle.
    pub(crate) is_idle: bool,
}

/// What a limit has judged beside the newest value of the first device that measures its vital sign.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rival {
    pub(crate) limit: u16,
    pub(crate) latest: Latest,
    pub(crate) judgement: Judgement,
    pub(crate) role: Role,
}

/// Why a judgement counts beside the first device's newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It is the newest of a further device.
    Device,
    /// Its device gives several values one time, and this is the time before the newest. It counts until then, in log time:
    /// until more of the newest time, which came at `came_at`, cannot be expected.
    Before { until: Timestamp, came_at: Timestamp },
}

/// A reading that was corrected or withdrawn after windows had taken it in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Replaced {
    pub(crate) vital: u8,
    pub(crate) at: Timestamp,
}

/// The newest values of all vital signs, by [`VitalSign::index`].
pub(crate) type LatestValues = [Latest; VitalSign::COUNT];

/// What is known of the patient beyond observations.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Context {
    pub(crate) ward: Option<Arc<str>>,
    pub(crate) bed: Option<Arc<str>>,
    pub(crate) age: Option<f64>,
    pub(crate) sex: Option<Sex>,
    pub(crate) spo2_scale: Option<Spo2Scale>,
    pub(crate) on_oxygen: Option<bool>,
    pub(crate) pregnant: Option<bool>,
}

/// One source of one patient.
#[derive(Debug, Default)]
pub(crate) struct SourceState {
    /// The greatest effective time of its devices: no device holds a pane open for the others.
    pub(crate) clock: Clock,
    pub(crate) devices: Devices,
    /// Log time of its newest message that was not of the future.
    pub(crate) heard_at: Option<Timestamp>,
    /// Log time of its first message, or of the first after a pause; `MIN` before there was one.
    pub(crate) went_on_at: Timestamp,
    pub(crate) silent: Machine,
    pub(crate) device_clock: Machine,
    pub(crate) records_lost: Machine,
}

/// A patient's standing in one feature set.
#[derive(Clone, Debug, Default)]
pub(crate) struct SetStanding {
    /// The newest evaluated window: its end and its features, NaN where missing.
    pub(crate) newest: Option<(Timestamp, Arc<[f64]>)>,
    /// Since late data made the newest window out of date, when a revision is due.
    pub(crate) revision_due: Option<Timestamp>,
    pub(crate) revision: u32,
    /// What was known when the newest window was evaluated, for timers to tell of; none while all its conditions are idle.
    pub(crate) view: Option<Box<View>>,
    /// The patient's usual values, where a model explains itself by them.
    pub(crate) baseline: Baseline,
}

/// One patient.
#[derive(Debug)]
pub(crate) struct Patient {
    pub(crate) id: Arc<str>,
    /// The id's hash, by which the digest knows the patient.
    pub(crate) key: u64,
    /// Tells this stay's timers from those of the slot's last patient.
    pub(crate) stay: u64,
    /// What writers state, and the context that follows from it.
    pub(crate) stated: Statements,
    pub(crate) context: Context,
    /// The visit that the stay is, where it is known.
    pub(crate) visit: Option<Arc<str>>,
    /// The patient is discharged, and the monitor went on: nobody is told when it stops.
    pub(crate) lingers: bool,
    pub(crate) sources: Vec<SourceState>,
    pub(crate) latest: LatestValues,
    /// The newest values as of the ends of windows; none where `hold` is zero, and windows read `latest`.
    pub(crate) history: Option<Box<History>>,
    pub(crate) limits: Vec<Machine>,
    /// By limit.
    pub(crate) judged: Vec<Judged>,
    /// Where several devices measure one vital sign, what limits judged of the others.
    pub(crate) rivals: Vec<Rival>,
    /// Values that windows hold and that are wrong, the oldest first.
    pub(crate) replaced: Vec<Replaced>,
    /// Which vital signs still come.
    pub(crate) presence: Presence,
    pub(crate) conditions: Vec<Machine>,
    pub(crate) sets: Vec<SetStanding>,
    pub(crate) scores: Vec<Arc<Outcome>>,
    /// Windows that are decided but not evaluated.
    pub(crate) waiting: u32,
    /// While any waits, at least the largest of their ends: rows before it must wait for the evaluation.
    pub(crate) pending_until: Timestamp,
    /// Log time of the stay's begin.
    pub(crate) begun_at: Timestamp,
    /// Log time of the newest accepted message or context record.
    pub(crate) heard_at: Timestamp,
}

/// Where a machine of a patient stands: its kind, and its index among those of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MachinePlace {
    pub(crate) kind: MachineKind,
    pub(crate) index: u16,
}

/// What a machine is about; its number stands in snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum MachineKind {
    Limit = 0,
    Condition = 1,
    Silent = 2,
    DeviceClock = 3,
    RecordsLost = 4,
    /// Its index is that of the vital sign.
    Lost = 5,
    /// There is one.
    Overdue = 6,
}

// === impl MachineKind ===

impl MachineKind {
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        let all = [
            Self::Limit,
            Self::Condition,
            Self::Silent,
            Self::DeviceClock,
            Self::RecordsLost,
            Self::Lost,
            Self::Overdue,
        ];
        all.get(usize::from(number)).copied()
    }
}

// === impl Context ===

impl Context {
    /// Whether no context record has said anything of the patient.
    pub(crate) fn is_unknown(&self) -> bool {
        let Self {
            ward,
            bed,
            age,
            sex,
            spo2_scale,
            on_oxygen,
            pregnant,
        } = self;
        ward.is_none()
            && bed.is_none()
            && age.is_none()
            && sex.is_none()
            && spo2_scale.is_none()
            && on_oxygen.is_none()
            && pregnant.is_none()
    }

    /// As a decision about a patient.
    pub(crate) fn event(&self, patient: u64) -> Event {
        let flag = |known: Option<bool>| known.map_or(-1, i64::from);
        Event::new(Decision::Context, patient)
            .text(self.ward.as_deref().unwrap_or_default())
            .text(self.bed.as_deref().unwrap_or_default())
            .option(self.age)
            .whole(self.sex.map_or(-1, |sex| sex as i64))
            .whole(flag(self.spo2_scale.map(|scale| scale == Spo2Scale::Two)))
            .whole(flag(self.on_oxygen))
            .whole(flag(self.pregnant))
    }
}

// === impl Latest ===

impl Latest {
    pub(crate) const NONE: Self = Self {
        ts: Timestamp::MIN,
        value: f64::NAN,
        device: DeviceId::NONE,
        is_corrected: false,
    };

    pub(crate) fn is_known(&self) -> bool {
        self.ts != Timestamp::MIN
    }

    /// Whether another value of its vital sign stands in its place. Of two values at one instant the worse stays, as in
    /// `latest(x)`: the order of arrival does not matter.
    #[inline]
    pub(crate) fn gives_way_to(&self, vital: VitalSign, other: Self) -> bool {
        other.ts > self.ts || (other.ts == self.ts && vital.info().is_worse(other.value, self.value))
    }
}

// === impl Judged ===

impl Judged {
    pub(crate) const NONE: Self = Self {
        latest: Latest::NONE,
        judgement: Judgement::Unknown,
        is_idle: true,
    };
}

// === impl Patient ===

impl Patient {
    pub(crate) fn new(id: Arc<str>, stay: u64, now: Timestamp, pipeline: &Pipeline) -> Self {
        let mut sources = Vec::new();
        sources.resize_with(pipeline.sources.len(), SourceState::default);
        Self {
            key: hash(&id),
            id,
            stay,
            stated: Statements::default(),
            context: Context::default(),
            visit: None,
            lingers: false,
            sources,
            latest: [Latest::NONE; VitalSign::COUNT],
            history: (pipeline.time.hold > Span::ZERO).then(Box::default),
            limits: vec![Machine::default(); pipeline.limits.len()],
            judged: vec![Judged::NONE; pipeline.limits.len()],
            rivals: Vec::new(),
            replaced: Vec::new(),
            presence: Presence::default(),
            conditions: vec![Machine::default(); pipeline.conditions.len()],
            sets: vec![SetStanding::default(); pipeline.sets.len()],
            scores: pipeline
                .scores
                .iter()
                .map(|_| Arc::new(Outcome::number(None)))
                .collect(),
            waiting: 0,
            pending_until: Timestamp::MIN,
            begun_at: now,
            heard_at: now,
        }
    }

    /// Asks for what a message will need of it; see [`wardwatch_prefetch`].
    #[inline]
    pub(crate) fn prefetch(&self, topic: u16) {
        prefetch_all(self.id.as_bytes());
        prefetch_all(&self.judged);
        if let Some(source) = self.sources.get(usize::from(topic)) {
            prefetch(source);
            source.devices.prefetch();
        }
    }

    /// Asks for where that leads to.
    #[inline]
    pub(crate) fn prefetch_seen(&self, topic: u16) {
        if let Some(source) = self.sources.get(usize::from(topic)) {
            source.devices.prefetch_seen();
        }
    }

    /// Asks for what the close of a window will need of it.
    #[inline]
    pub(crate) fn prefetch_standing(&self) {
        prefetch_all(&self.sets);
        prefetch_all(&self.scores);
        prefetch_all(&self.conditions);
    }

    /// Its machines that have ever moved.
    pub(crate) fn machines(&self) -> impl Iterator<Item = (MachinePlace, Machine)> {
        let numbered = |kind, machines: &'_ [Machine]| {
            let places = (0..).map(move |index| MachinePlace { kind, index });
            places.zip(machines.to_vec())
        };
        let technical = |kind, machine: fn(&SourceState) -> Machine| {
            numbered(kind, &self.sources.iter().map(machine).collect::<Vec<_>>())
        };
        numbered(MachineKind::Limit, &self.limits)
            .chain(numbered(MachineKind::Condition, &self.conditions))
            .chain(technical(MachineKind::Silent, |source| source.silent))
            .chain(technical(MachineKind::DeviceClock, |source| source.device_clock))
            .chain(technical(MachineKind::RecordsLost, |source| source.records_lost))
            .chain(numbered(MachineKind::Lost, &self.presence.lost))
            .chain(numbered(MachineKind::Overdue, &[self.presence.overdue]))
            .filter(|(_, machine)| *machine != Machine::default())
    }

    /// Whether there is a machine at a place that may have moved. Of lost vital signs there is none before the first is lost.
    pub(crate) fn has_machine(&self, place: MachinePlace) -> bool {
        place.kind != MachineKind::Lost || !self.presence.lost.is_empty()
    }

    /// The machine at a place; none when the pipeline has no such one.
    pub(crate) fn machine_mut(&mut self, MachinePlace { kind, index }: MachinePlace) -> Option<&mut Machine> {
        let index = usize::from(index);
        match kind {
            MachineKind::Limit => self.limits.get_mut(index),
            MachineKind::Condition => self.conditions.get_mut(index),
            MachineKind::Silent => self.sources.get_mut(index).map(|source| &mut source.silent),
            MachineKind::DeviceClock => self.sources.get_mut(index).map(|source| &mut source.device_clock),
            MachineKind::RecordsLost => self.sources.get_mut(index).map(|source| &mut source.records_lost),
            MachineKind::Lost => self.presence.lost_mut(index),
            MachineKind::Overdue => (index == 0).then_some(&mut self.presence.overdue),
        }
    }

    /// The newest values that a window reads which ends at `end`.
    pub(crate) fn latest_for(&self, end: Timestamp) -> LatestValues {
        match &self.history {
            Some(history) => history.as_of(end),
            None => self.latest,
        }
    }

    /// What its last evaluation of a set saw, as of later.
    pub(crate) fn view_at(&self, set: usize, at: Timestamp) -> Option<View> {
        let view = self.sets[set].view.as_deref()?;
        Some(View {
            at,
            as_of: at,
            ..view.clone()
        })
    }

    /// Whether any of its sources is silent.
    pub(crate) fn is_silent(&self) -> bool {
        self.sources.iter().any(|source| source.silent.is_active())
    }

    /// How far all active sources have come: the least of their clocks. A silent source does not hold up the others; a
    /// source that is only for trends counts where there is no other.
    pub(crate) fn clock(&self, pipeline: &Pipeline) -> Timestamp {
        let (mut least, mut least_of_trends) = (None, None);
        for (state, source) in self.sources.iter().zip(&pipeline.sources) {
            let clock = state.clock.now();
            let place = match source.trend_only {
                true => &mut least_of_trends,
                false if state.silent.is_active() => continue,
                false => &mut least,
            };
            if state.clock.has_started() && place.is_none_or(|least| clock < least) {
                *place = Some(clock);
            }
        }
        least.or(least_of_trends).unwrap_or(Timestamp::MIN)
    }
}
