//! What technical alarms say.

use wardwatch_alarms::{Text, Transition};
use wardwatch_clinical::{AlarmPriority, VitalSign};
use wardwatch_event_time::{Span, Standing, Timestamp};

use crate::Shard;
use crate::devices::{Device, DeviceId};
use crate::patient::Patient;
use crate::technical::Technical;

/// What a technical alarm says.
pub(crate) struct Words {
    pub(crate) priority: AlarmPriority,
    /// The definition that it was held against.
    pub(crate) condition: String,
    /// While it is active.
    pub(crate) text: String,
    /// When it has cleared.
    pub(crate) over: String,
    /// What it is about, for an end of another kind.
    pub(crate) what: String,
    pub(crate) device: Option<String>,
}

// === impl Patient ===

impl Patient {
    /// The name of a device, for a record.
    pub(crate) fn device_name(&self, id: DeviceId) -> Option<Text> {
        let source = self.sources.get(id.source())?;
        let device = source.devices.get(id.place())?;
        Some(name(device).to_owned().into())
    }
}

// === impl Shard ===

impl Shard {
    pub(crate) fn technical_words(
        &self,
        patient: &Patient,
        technical: Technical,
        transition: Transition,
    ) -> Words {
        let technical_alarms = &self.pipeline.technical;
        match technical {
            Technical::Silent(source) => {
                let rules = &self.pipeline.sources[source];
                Words {
                    priority: technical_alarms.silent,
                    condition: format!("no data for {}", rules.silent_after),
                    text: format!("No data from {} for {}", rules.name, rules.silent_after),
                    over: format!("Data from {} again", rules.name),
                    what: format!("No data from {}", rules.name),
                    device: None,
                }
            }
            Technical::DeviceClock(source) => self.clock_words(patient, source),
            Technical::RecordsLost(source) => {
                let name = &self.pipeline.sources[source].name;
                Words {
                    priority: technical_alarms.silent,
                    condition: "records deleted before they were read".to_owned(),
                    text: format!("Some data from {name} were deleted before they were read"),
                    over: format!("Data from {name} were lost some time ago"),
                    what: format!("Lost data from {name}"),
                    device: None,
                }
            }
            Technical::Lost(vital) => self.lost_words(patient, vital, transition),
            Technical::Overdue => {
                let signs: Vec<&str> = patient.presence.overdue_vitals().map(VitalSign::label).collect();
                Words {
                    priority: technical_alarms.overdue,
                    condition: "not charted within its maximum age".to_owned(),
                    text: format!("Overdue: {}", signs.join(", ")),
                    over: "Nothing is overdue any more".to_owned(),
                    what: "Overdue observations".to_owned(),
                    device: None,
                }
            }
        }
    }

    fn clock_words(&self, patient: &Patient, source: usize) -> Words {
        let rules = &self.pipeline.sources[source];
        let wrong = patient.sources[source]
            .devices
            .iter()
            .filter(|device| device.is_wrong());
        let said: Vec<String> = wrong
            .clone()
            .filter_map(|device| clock_text(device, rules.corrects_clocks))
            .collect();
        Words {
            priority: self.pipeline.technical.device_clock,
            condition: match rules.rules.past_skew {
                Some(past) => format!(
                    "ahead by more than {} or behind by more than {past}",
                    rules.rules.future_skew
                ),
                None => format!("ahead by more than {}", rules.rules.future_skew),
            },
            text: format!("{} ({})", said.join("; "), rules.name),
            over: format!("The clocks of {} are right again", rules.name),
            what: format!("A wrong clock of {}", rules.name),
            device: wrong
                .clone()
                .next()
                .and_then(|device| device.name.as_deref().map(str::to_owned)),
        }
    }

    fn lost_words(&self, patient: &Patient, vital: VitalSign, transition: Transition) -> Words {
        let latest = patient.latest[vital.index()];
        let (label, max_age) = (vital.label(), self.pipeline.max_age[vital.index()]);
        let after = self.pipeline.lost_after[vital.index()];
        let is_too_old = latest.is_known() && transition.at - latest.ts > max_age;
        let usable_at = patient.presence.usable_at[vital.index()];
        let is_recent = usable_at == Timestamp::MIN || transition.at - usable_at < after;
        let text = if !latest.is_known() {
            format!("No {label} since its value was withdrawn")
        } else if is_too_old && is_recent {
            format!("No {label} newer than {max_age}")
        } else {
            format!("No {label} for {after}")
        };
        let why = match patient.presence.is_absent(vital) {
            true => "its device says that it measures nothing",
            false => "other data come",
        };
        Words {
            priority: self.pipeline.technical.lost,
            condition: format!("no {} for {after}", vital.name()),
            text: format!("{text}: {why}"),
            over: format!("{label} again"),
            what: format!("No {label}"),
            device: None,
        }
    }
}

fn name(device: &Device) -> &str {
    device.name.as_deref().unwrap_or("without a name")
}

/// `The clock of device m is 1h behind: its times are corrected`
fn clock_text(device: &Device, corrects: bool) -> Option<String> {
    let (amount, direction) = match device.clock.standing() {
        Standing::Right => return None,
        Standing::Behind(amount) => (amount, "behind"),
        Standing::Ahead(amount) => (amount, "ahead"),
    };
    let is_sustained = device.clock.offset() != Span::ZERO;
    let effect = match is_sustained && corrects {
        true => "its times are corrected",
        false => "its data are set aside",
    };
    Some(format!(
        "The clock of device {} is {} {direction}: {effect}",
        name(device),
        in_seconds(amount)
    ))
}

/// Nobody reads a clock to the microsecond.
fn in_seconds(span: Span) -> Span {
    Span::from_secs((span.micros() + 500_000) / 1_000_000)
}
