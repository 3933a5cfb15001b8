//! Random wards: patients with devices that do what devices do, as messages in order of arrival.
//!
//! A device measures at true times. Its clock gives them `ts`, the network an append time; outages, lost probes, repeats,
//! corrections and values that are sent again and again are laid over that. Two devices may have one name: whoever reads the
//! log cannot know.

use std::fmt;

use proptest::prelude::*;
use wardwatch_clinical::VitalSign::{self, HeartRate, RespRate, Spo2, SystolicBp};
use wardwatch_event_time::Timestamp;
use wardwatch_ingest::{Kind, MessageHead, Observations, ObservationsBuilder, Reading};

use crate::support::BASE;

pub const PATIENTS: [&str; 2] = ["a", "b"];
const NAMES: [Option<&str>; 3] = [None, Some("monitor-1"), Some("monitor-2")];
/// Messages of a device at most, and for how long it sends, ms.
const MOST_MESSAGES: i64 = 90;
const LONGEST: i64 = 900_000;

/// One message; times in milliseconds after [`BASE`].
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub append: i64,
    pub ts: i64,
    pub patient: usize,
    pub source: u16,
    pub device: Option<&'static str>,
    pub kind: Kind,
    pub readings: Vec<(VitalSign, f64)>,
}

/// What the log holds, and when it is looked at.
#[derive(Clone, PartialEq)]
pub enum Event {
    Context {
        at: i64,
        patient: usize,
        event: &'static str,
    },
    Message(Message),
    Tick(i64),
}

/// How a device's clock stands to the true time.
#[derive(Clone, Copy, Debug)]
pub enum Setting {
    Right,
    /// So many ms ahead.
    Off(i64),
    /// Right at first; from then on so many ms ahead.
    Set {
        at: i64,
        ahead: i64,
    },
    /// Right at first; from then on it counts from the year 1970.
    Reset {
        at: i64,
    },
    /// It gains so many ms a second.
    Drift(i64),
}

/// What a device does.
#[derive(Clone, Debug)]
pub struct Device {
    pub patient: usize,
    pub source: u16,
    pub name: Option<&'static str>,
    pub vitals: Vec<VitalSign>,
    pub starts: i64,
    pub every: i64,
    pub messages: i64,
    /// The unit of its time stamps, ms.
    pub stamp: i64,
    pub setting: Setting,
    /// The network takes so long at most, ms.
    pub latency: i64,
    /// Begin, length, and by which factor the backlog comes faster than it was measured.
    pub outage: Option<(i64, i64, i64)>,
    /// Begin and length in which the first vital sign is not measured, and whether the device says so.
    pub lost: Option<(i64, i64, bool)>,
    /// A value that is sent again with every so many messages.
    pub again: Option<i64>,
    /// Every so many messages one comes again, so much later.
    pub repeats: Option<(i64, i64)>,
    /// Every so many messages one is corrected or withdrawn, so much later, or before it comes.
    pub corrects: Option<(i64, i64, Kind)>,
    /// Every so many messages one is dated so far ahead.
    pub glitch: Option<(i64, i64)>,
    pub seed: u64,
}

pub fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(BASE * 1_000 + ms)
}

// === impl Event ===

impl Event {
    pub fn time(&self) -> i64 {
        match self {
            Self::Context { at, .. } | Self::Tick(at) => *at,
            Self::Message(message) => message.append,
        }
    }

    pub fn message(&self) -> Option<&Message> {
        match self {
            Self::Message(message) => Some(message),
            Self::Context { .. } | Self::Tick(_) => None,
        }
    }

    /// At one time context comes first, then messages, then whoever looks.
    fn rank(&self) -> u8 {
        match self {
            Self::Context { .. } => 0,
            Self::Message(_) => 1,
            Self::Tick(_) => 2,
        }
    }
}

/// One line, as a failure lists them.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Context { at, patient, event } => write!(f, "{at}: {event} {}", PATIENTS[*patient]),
            Self::Tick(at) => write!(f, "{at}: tick"),
            Self::Message(message) => write!(
                f,
                "{}: ts {}, {} {}:{}, {:?} {:?}",
                message.append,
                message.ts,
                PATIENTS[message.patient],
                message.source,
                message.device.unwrap_or("-"),
                message.kind,
                message.readings,
            ),
        }
    }
}

// === impl Setting ===

impl Setting {
    fn read(self, now: i64) -> i64 {
        match self {
            Self::Right => now,
            Self::Off(ahead) => now + ahead,
            Self::Set { at, ahead } if now >= at => now + ahead,
            Self::Reset { at } if now >= at => now - at - BASE * 1_000,
            Self::Set { .. } | Self::Reset { .. } => now,
            Self::Drift(per_second) => now + now * per_second / 1_000,
        }
    }
}

// === impl Device ===

impl Device {
    /// A number that looks random and belongs to one message and one purpose.
    fn draw(&self, message: i64, purpose: u64) -> u64 {
        let mut hash = self.seed ^ (message as u64) << 8 ^ purpose;
        for _ in 0..3 {
            hash = (hash ^ hash >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
        hash >> 16
    }

    /// A value around the limits; it stays for some messages.
    fn value(&self, vital: VitalSign, message: i64) -> f64 {
        let values: &[f64] = match vital {
            Spo2 => &[96.0, 96.0, 89.0, 88.0, 87.0, 79.0],
            HeartRate => &[80.0, 119.0, 125.0, 131.0, 165.0],
            RespRate => &[14.0, 14.0, 31.0],
            _ => &[120.0, 93.0, 85.0],
        };
        let run = message / (1 + (self.seed % 6) as i64);
        values[self.draw(run, vital as u64) as usize % values.len()]
    }

    fn message(&self, append: i64, measured: i64, kind: Kind, readings: Vec<(VitalSign, f64)>) -> Message {
        let ts = self.setting.read(measured);
        Message {
            append,
            ts: ts.div_euclid(self.stamp) * self.stamp,
            patient: self.patient,
            source: self.source,
            device: self.name,
            kind,
            readings,
        }
    }

    /// When a message that was measured then reaches the log.
    fn arrival(&self, measured: i64, message: i64) -> i64 {
        let latency = self.draw(message, 99) as i64 % (self.latency + 1);
        match self.outage {
            Some((begin, length, factor)) if (begin..begin + length).contains(&measured) => {
                begin + length + (measured - begin) / factor + latency
            }
            _ => measured + latency,
        }
    }

    /// What it sends, in no order.
    pub fn messages(&self) -> Vec<Message> {
        let mut all = Vec::new();
        let many = self.messages.min(LONGEST / self.every);
        let due = |every: i64, number: i64| number % every == every - 1;
        for number in 0..many {
            let measured = self.starts + number * self.every;
            let append = self.arrival(measured, number);
            let is_lost = self
                .lost
                .filter(|(begin, length, _)| (*begin..begin + length).contains(&measured));
            let vitals = self.vitals.iter().skip(usize::from(is_lost.is_some()));
            let readings: Vec<_> = vitals.map(|vital| (*vital, self.value(*vital, number))).collect();
            if let Some((_, _, true)) = is_lost {
                let absent = vec![(self.vitals[0], 0.0)];
                all.push(self.message(append, measured, Kind::Absent, absent));
            }
            if let Some(every) = self.again.filter(|every| due(*every, number)) {
                let first = number / (20 * every) * 20 * every;
                let taken = self.starts + first * self.every - 240_000;
                let value = self.value(SystolicBp, first);
                all.push(self.message(append, taken, Kind::Measured, vec![(SystolicBp, value)]));
            }
            if readings.is_empty() {
                continue;
            }
            let mut message = self.message(append, measured, Kind::Measured, readings);
            if let Some((every, ahead)) = self.glitch
                && due(every, number)
            {
                message.ts += ahead;
            }
            if let Some((every, later)) = self.repeats
                && due(every, number)
            {
                all.push(Message {
                    append: append + later,
                    ..message.clone()
                });
            }
            if let Some((every, later, kind)) = self.corrects
                && due(every, number)
            {
                let vital = message.readings[number as usize % message.readings.len()].0;
                all.push(Message {
                    append: append + later,
                    kind,
                    readings: vec![(vital, self.value(vital, number + 7))],
                    ..message.clone()
                });
            }
            all.push(message);
        }
        all
    }
}

fn setting() -> impl Strategy<Value = Setting> {
    let amount = prop_oneof![
        2 => 11_000i64..60_000, 2 => 61_000i64..130_000, 2 => 130_000i64..7_200_000,
    ];
    let ahead =
        (amount, prop_oneof![3 => Just(-1i64), 2 => Just(1)]).prop_map(|(amount, sign)| amount * sign);
    let time = 20_000i64..240_000;
    prop_oneof![
        6 => Just(Setting::Right),
        3 => ahead.clone().prop_map(Setting::Off),
        3 => (time.clone(), ahead).prop_map(|(at, ahead)| Setting::Set { at, ahead }),
        1 => time.prop_map(|at| Setting::Reset { at }),
        1 => (-150i64..150).prop_map(Setting::Drift),
    ]
}

fn vitals() -> impl Strategy<Value = Vec<VitalSign>> {
    prop_oneof![
        2 => Just(vec![HeartRate]),
        2 => Just(vec![Spo2]),
        3 => Just(vec![Spo2, HeartRate]),
        3 => Just(vec![Spo2, HeartRate, RespRate]),
        1 => Just(vec![SystolicBp]),
        1 => Just(vec![RespRate]),
    ]
}

pub fn device() -> impl Strategy<Value = Device> {
    let who = (
        0..PATIENTS.len(),
        prop_oneof![6 => Just(0u16), 2 => Just(1), 1 => Just(2), 1 => Just(3)],
        proptest::sample::select(&NAMES[..]),
        vitals(),
    );
    let pace = (
        0i64..60_000,
        proptest::sample::select(
            &[
                1_000i64, 2_000, 5_000, 5_000, 7_000, 10_000, 15_000, 30_000, 60_000,
            ][..],
        ),
        3i64..MOST_MESSAGES,
        prop_oneof![5 => Just(1i64), 2 => Just(1_000), 1 => Just(60_000)],
        setting(),
        prop_oneof![Just(0i64), Just(300), Just(4_000)],
    );
    let span = |most: i64| (0i64..300_000, 5_000..most);
    let faults = (
        proptest::option::weighted(0.3, (span(240_000), prop_oneof![2i64..6, Just(1_000_000)])),
        proptest::option::weighted(0.4, (span(180_000), any::<bool>())),
        proptest::option::weighted(0.2, 1i64..8),
        proptest::option::weighted(0.4, (1i64..9, prop_oneof![0i64..3_000, 0i64..200_000])),
        proptest::option::weighted(
            0.4,
            (
                1i64..12,
                prop_oneof![3 => 0i64..3_000, 2 => 0i64..120_000, 1 => -3_000i64..0],
                prop_oneof![2 => Just(Kind::Corrected), 1 => Just(Kind::Withdrawn)],
            ),
        ),
        proptest::option::weighted(
            0.15,
            (
                2i64..30,
                prop_oneof![Just(3_600_000i64), Just(-3_600_000), Just(8_000)],
            ),
        ),
    );
    (who, pace, faults, any::<u64>()).prop_map(|(who, pace, faults, seed)| {
        let (patient, source, name, vitals) = who;
        let (starts, every, messages, stamp, setting, latency) = pace;
        let (outage, lost, again, repeats, corrects, glitch) = faults;
        Device {
            patient,
            source,
            name,
            vitals,
            starts,
            every,
            messages,
            stamp,
            setting,
            latency,
            outage: outage.map(|((begin, length), factor)| (begin, length, factor)),
            lost: lost.map(|((begin, length), says_so)| (begin, length, says_so)),
            again,
            repeats,
            corrects,
            glitch,
            seed,
        }
    })
}

/// Everything that devices send, with admissions and discharges, looked at every so many ms until all is quiet.
pub fn ward_of(devices: &[Device], context: Vec<Event>, every: i64) -> Vec<Event> {
    let messages = devices.iter().flat_map(Device::messages);
    let mut events: Vec<Event> = messages.map(Event::Message).chain(context).collect();
    let last = events.iter().map(Event::time).max().unwrap_or(0);
    events.extend((0..=last + 400_000).step_by(every as usize).map(Event::Tick));
    events.sort_by_key(|event| (event.time(), event.rank()));
    events
}

pub fn wards() -> impl Strategy<Value = Vec<Event>> {
    let context = (
        0i64..900_000,
        0..PATIENTS.len(),
        prop_oneof![Just("admit"), Just("discharge")],
    );
    let context = context.prop_map(|(at, patient, event)| Event::Context { at, patient, event });
    let devices = proptest::collection::vec(device(), 1..5);
    let context = proptest::collection::vec(context, 0..3);
    (devices, context, 4_000i64..20_000)
        .prop_map(|(devices, context, every)| ward_of(&devices, context, every))
}

pub fn observations(messages: &[&Message]) -> Observations {
    let mut builder = ObservationsBuilder::with_capacity(messages.len(), messages.len());
    for (offset, message) in messages.iter().enumerate() {
        let head = MessageHead {
            patient_id: PATIENTS[message.patient],
            ts: at(message.ts),
            device_id: message.device,
            source: None,
            append_time: at(message.append),
            topic: message.source,
            offset: offset as i64,
            kind: message.kind,
        };
        let readings = message.readings.iter();
        let readings: Vec<Reading> = readings
            .map(|(vital, value)| Reading {
                vital: *vital,
                value: *value,
            })
            .collect();
        builder.push(&head, &readings);
    }
    builder.finish()
}

/// The fewest of the events that still fail, in their order: one is left out after the other.
pub fn minimal(mut events: Vec<Event>, fails: impl Fn(&[Event]) -> bool) -> Vec<Event> {
    let mut length = events.len().div_ceil(2);
    while length > 0 {
        let (mut place, before) = (0, events.len());
        while place < events.len() {
            let mut fewer = events.clone();
            fewer.drain(place..(place + length).min(events.len()));
            if fails(&fewer) {
                events = fewer;
            } else {
                place += length;
            }
        }
        if length > 1 || events.len() == before {
            length /= 2;
        }
    }
    events
}
