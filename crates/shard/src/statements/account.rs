//! What one writer states of one visit, or of the patient where it names none.

use std::sync::Arc;

use wardwatch_clinical::scores::Spo2Scale;
use wardwatch_event_time::Timestamp;
use wardwatch_ingest::{ContextEvent, ContextRecord, Sex};

use crate::patient::Context;

/// What one writer states of one visit, or of the patient. Times are [`Timestamp::MIN`] where there is none.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Account {
    pub(crate) writer: u16,
    pub(crate) visit: Option<Arc<str>>,
    /// Log time of the newest record that changed it.
    pub(crate) heard_at: Timestamp,
    /// The newest statement.
    pub(crate) ts: Timestamp,
    pub(crate) event: ContextEvent,
    pub(crate) states: Context,
    /// The oldest record of it that is no discharge; [`Timestamp::MAX`] where there is none.
    pub(crate) since: Timestamp,
    /// When it last said that the patient is there.
    pub(crate) present: Timestamp,
    /// When it last said that the patient has gone.
    pub(crate) discharged: Timestamp,
}

// === impl Account ===

impl Account {
    pub(super) fn new(writer: u16, visit: Option<&str>) -> Self {
        Self {
            writer,
            visit: visit.map(Arc::from),
            heard_at: Timestamp::MIN,
            ts: Timestamp::MIN,
            event: ContextEvent::Admit,
            states: Context::default(),
            since: Timestamp::MAX,
            present: Timestamp::MIN,
            discharged: Timestamp::MIN,
        }
    }

    /// Takes a record in; false when something newer, or the same, is known.
    pub(super) fn take(&mut self, record: &ContextRecord) -> bool {
        let states = Context::of(record);
        let before = (self.ts, self.present, self.discharged);
        let is_newer = (record.ts, record.event, states.order()) > (self.ts, self.event, self.states.order());
        if is_newer {
            (self.ts, self.event, self.states) = (record.ts, record.event, states);
        }
        match record.event {
            ContextEvent::Admit | ContextEvent::Transfer => self.present = self.present.max(record.ts),
            ContextEvent::Discharge => self.discharged = self.discharged.max(record.ts),
            ContextEvent::Update | ContextEvent::Withdraw => {}
        }
        if record.event != ContextEvent::Discharge {
            self.since = self.since.min(record.ts);
        }
        is_newer || before != (self.ts, self.present, self.discharged)
    }

    pub(super) fn is_of(&self, visit: &str) -> bool {
        self.visit.as_deref() == Some(visit)
    }

    /// Whether it has ever said that the patient is there.
    pub(super) fn has_said_so(&self) -> bool {
        self.present != Timestamp::MIN
    }
}

// === impl Context ===

impl Context {
    fn of(record: &ContextRecord) -> Self {
        Self {
            ward: record.ward.as_deref().map(Arc::from),
            bed: record.bed.as_deref().map(Arc::from),
            age: record.age,
            sex: record.sex,
            spo2_scale: record.spo2_scale,
            on_oxygen: record.on_oxygen,
            pregnant: record.pregnant,
        }
    }

    /// Takes from an older statement what is not known yet.
    pub(super) fn fill(&mut self, older: &Self) {
        fn fill<T: Clone>(known: &mut Option<T>, older: &Option<T>) {
            if known.is_none() {
                known.clone_from(older);
            }
        }
        fill(&mut self.ward, &older.ward);
        fill(&mut self.bed, &older.bed);
        fill(&mut self.age, &older.age);
        fill(&mut self.sex, &older.sex);
        fill(&mut self.spo2_scale, &older.spo2_scale);
        fill(&mut self.on_oxygen, &older.on_oxygen);
        fill(&mut self.pregnant, &older.pregnant);
    }

    /// Any order will do where nothing else decides, as long as it is one.
    fn order(&self) -> impl Ord + use<'_> {
        (
            (&self.ward, &self.bed),
            self.age.map(f64::to_bits),
            self.sex.map(|sex: Sex| sex as u8),
            self.spo2_scale.map(|scale: Spo2Scale| scale as u8),
            (self.on_oxygen, self.pregnant),
        )
    }
}
