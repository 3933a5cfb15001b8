//! The way from a bed to the outbox.

use wardwatch_event_time::Timestamp;

use super::device::Device;
use super::person::Person;
use super::{Outbox, SOURCE};
use crate::json::{Header, Reading, StampText, observation};
use crate::{Rng, Topic};

/// What a bed lends for sending.
pub(crate) struct Post<'a> {
    pub(crate) person: &'a Person,
    pub(crate) monitor_id: &'a str,
    pub(crate) rng: &'a mut Rng,
    pub(crate) stamp: &'a mut StampText,
    pub(crate) device: Device,
    pub(crate) outbox: &'a mut Outbox,
}

// === impl Post ===

impl Post<'_> {
    /// Sends what the monitor measured at `at`, in a second of the ward, the way that this monitor delivers.
    pub(crate) fn send(&mut self, at: Timestamp, second: u32, readings: &[Reading<'_>]) {
        self.send_by(self.device, at, second, Some(self.monitor_id), readings);
    }

    /// Sends what the cuff measured; it is plugged into the monitor, so it shares the monitor's clock and habits.
    pub(crate) fn send_by_cuff(
        &mut self,
        at: Timestamp,
        second: u32,
        cuff_id: &str,
        readings: &[Reading<'_>],
    ) {
        self.send_by(self.device, at, second, Some(cuff_id), readings);
    }

    /// Sends what a nurse charts: by the ward's clock, not the device's. In a silent bed nobody charts.
    pub(crate) fn send_by_hand(&mut self, at: Timestamp, second: u32, readings: &[Reading<'_>]) {
        let hand = match self.device {
            Device::FallsSilent => Device::FallsSilent,
            Device::Sound | Device::FastClock | Device::UploadsLate | Device::Repeats => Device::Sound,
        };
        self.send_by(hand, at, second, None, readings);
    }

    /// Sends a context record at once.
    pub(crate) fn send_context(&mut self, event: &'static str, at: Timestamp, on_oxygen: bool) {
        let payload = self.person.context(event, at, on_oxygen);
        self.outbox
            .send(at, Topic::Context, &self.person.patient_id, payload);
    }

    fn send_by(
        &mut self,
        device: Device,
        at: Timestamp,
        second: u32,
        device_id: Option<&str>,
        readings: &[Reading<'_>],
    ) {
        let Some(delivery) = device.deliver(self.rng, at, second) else {
            return;
        };
        let patient_id = &self.person.patient_id;
        let header = Header {
            patient_id,
            ts: self.stamp.of(delivery.ts),
            device_id,
            source: SOURCE,
        };
        let payload = observation(header, readings);
        if let Some(again) = delivery.again {
            self.outbox
                .send(again, Topic::Vitals, patient_id, payload.clone());
        }
        self.outbox
            .send(delivery.arrives, Topic::Vitals, patient_id, payload);
    }
}
