//! One patient's state, from the first record of a stay to its end.

use std::sync::Arc;

use wardwatch_alarms::Machine;
use wardwatch_clinical::VitalSign;
use wardwatch_clinical::scores::Spo2Scale;
use wardwatch_event_time::{Clock, Timestamp};
use wardwatch_ingest::{ContextRecord, Sex};
use wardwatch_pipeline::Pipeline;
use wardwatch_prefetch::{prefetch, prefetch_all};

use crate::baseline::Baseline;
use crate::digest::{Decision, Event, hash};
use crate::inputs::View;
use crate::outcome::Outcome;
use crate::seen::Seen;

/// The newest value of a vital sign; [`Timestamp::MIN`] before the first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Latest {
    pub(crate) ts: Timestamp,
    pub(crate) value: f64,
}

/// What a limit has judged last. Every reading needs this, and the limit's machine only when there is something to judge.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judged {
    pub(crate) latest: Latest,
    /// Whether the machine is idle.
    pub(crate) is_idle: bool,
}

/// The newest values of all vital signs, by [`VitalSign::index`].
pub(crate) type LatestValues = [Latest; VitalSign::COUNT];

/// What is known of the patient beyond observations.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    pub(crate) ward: Option<Arc<str>>,
    pub(crate) bed: Option<Arc<str>>,
    pub(crate) age: Option<f64>,
    pub(crate) sex: Option<Sex>,
    pub(crate) spo2_scale: Option<Spo2Scale>,
    pub(crate) on_oxygen: Option<bool>,
}

/// One source of one patient.
#[derive(Debug, Default)]
pub(crate) struct SourceState {
    pub(crate) clock: Clock,
    pub(crate) seen: Seen,
    /// Log time of its newest accepted message.
    pub(crate) heard_at: Option<Timestamp>,
    pub(crate) silent: Machine,
    pub(crate) device_clock: Machine,
    pub(crate) records_lost: Machine,
    /// The device whose clock ran fast.
    pub(crate) fast_device: Option<Option<Box<str>>>,
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
    pub(crate) context: Context,
    pub(crate) sources: Vec<SourceState>,
    pub(crate) latest: LatestValues,
    pub(crate) limits: Vec<Machine>,
    /// By limit.
    pub(crate) judged: Vec<Judged>,
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
        } = self;
        ward.is_none()
            && bed.is_none()
            && age.is_none()
            && sex.is_none()
            && spo2_scale.is_none()
            && on_oxygen.is_none()
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
    }
}

// === impl Latest ===

impl Latest {
    pub(crate) const NONE: Self = Self {
        ts: Timestamp::MIN,
        value: f64::NAN,
    };

    pub(crate) fn is_known(&self) -> bool {
        self.ts != Timestamp::MIN
    }
}

// === impl Judged ===

impl Judged {
    const NONE: Self = Self {
        latest: Latest::NONE,
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
            context: Context::default(),
            sources,
            latest: [Latest::NONE; VitalSign::COUNT],
            limits: vec![Machine::default(); pipeline.limits.len()],
            judged: vec![Judged::NONE; pipeline.limits.len()],
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
        }
    }

    /// Asks for where that leads to.
    #[inline]
    pub(crate) fn prefetch_seen(&self, topic: u16) {
        if let Some(source) = self.sources.get(usize::from(topic)) {
            source.seen.prefetch();
        }
    }

    /// Asks for what the close of a window will need of it.
    #[inline]
    pub(crate) fn prefetch_standing(&self) {
        prefetch_all(&self.sets);
        prefetch_all(&self.scores);
        prefetch_all(&self.conditions);
    }

    /// Takes over a context record: it states the whole context, so what it leaves out is unknown.
    pub(crate) fn set_context(&mut self, record: &ContextRecord) {
        self.context = Context {
            ward: record.ward.as_deref().map(Arc::from),
            bed: record.bed.as_deref().map(Arc::from),
            age: record.age,
            sex: record.sex,
            spo2_scale: record.spo2_scale,
            on_oxygen: record.on_oxygen,
        };
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
            .filter(|(_, machine)| *machine != Machine::default())
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
        }
    }

    /// What its last evaluation of a set saw, as of later.
    pub(crate) fn view_at(&self, set: usize, at: Timestamp) -> Option<View> {
        let view = self.sets[set].view.as_deref()?;
        Some(View { at, ..view.clone() })
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
