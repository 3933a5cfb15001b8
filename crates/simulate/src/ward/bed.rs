//! One bed: a patient, a monitor, a cuff, and a nurse who charts.

use wardwatch_event_time::{Span, Timestamp};

use super::Outbox;
use super::artefact::Artefacts;
use super::chart::Chart;
use super::course::{self, Course, Effect};
use super::device::Device;
use super::monitor::Readings;
use super::person::{Person, number};
use super::physiology::{Baseline, Physiology, Vitals};
use super::post::Post;
use crate::Rng;
use crate::json::StampText;

/// The beds' messages are spread over this much of each second; the rest is for their way to the broker.
const SPREAD_MILLIS: usize = 900;

/// One bed of a simulated ward.
#[derive(Clone, Debug)]
pub(crate) struct Bed {
    person: Person,
    monitor_id: String,
    /// From a second's start to this bed's measurement.
    phase: Span,
    rng: Rng,
    baseline: Baseline,
    physiology: Physiology,
    course: Option<&'static Course>,
    artefacts: Artefacts,
    device: Device,
    /// An arterial line makes pressures part of every message.
    arterial: bool,
    /// Admission, cuff and charting; `None` in a steady ward.
    chart: Option<Chart>,
    stamp: StampText,
}

// === impl Bed ===

impl Bed {
    /// The bed at `index`, from 0, with its part in the schedule of [`Ward`](super::Ward).
    pub(crate) fn new(seed: u64, index: usize, beds: usize) -> Self {
        let mut bed = Self::steady(seed, index, beds);
        bed.course = match index + 1 {
            3 => Some(&course::RESPIRATORY_FAILURE),
            7 => Some(&course::SEPSIS),
            11 => Some(&course::HAEMORRHAGE),
            14 => Some(&course::BRADYCARDIA),
            _ => None,
        };
        bed.device = match index + 1 {
            16 => Device::FastClock,
            18 => Device::FallsSilent,
            20 => Device::UploadsLate,
            22 => Device::Repeats,
            _ => Device::Sound,
        };
        bed.artefacts = match (bed.course, index + 1) {
            (Some(_), _) => Artefacts::Never,
            (None, 9) => Artefacts::Scheduled,
            (None, _) => Artefacts::Random { now: None },
        };
        if let Some(course) = bed.course {
            bed.baseline = course.baseline;
        }
        bed.arterial = matches!(index + 1, 7 | 11) || index % 3 == 1;
        let lung_disease = index + 1 == 5;
        if lung_disease {
            bed.person.spo2_scale = 2;
            bed.baseline.spo2 = 90.0;
        }
        bed.chart = Some(Chart::new(
            index,
            &number(index, beds),
            bed.course.is_some(),
            lung_disease,
        ));
        bed
    }

    /// A bed of a steady ward.
    pub(crate) fn steady(seed: u64, index: usize, beds: usize) -> Self {
        let mut rng = Rng::stream(seed, index as u64);
        Self {
            person: Person::new(&mut rng, index, beds),
            monitor_id: format!("SIM-MON-{}", number(index, beds)),
            phase: Span::from_millis((index * SPREAD_MILLIS / beds) as i64),
            baseline: Baseline::well(&mut rng),
            physiology: Physiology::default(),
            course: None,
            artefacts: Artefacts::Never,
            device: Device::Sound,
            arterial: true,
            chart: None,
            stamp: StampText::new(),
            rng,
        }
    }

    /// Sends the admission, unless the ward is steady.
    pub(crate) fn admit(&mut self, at: Timestamp, outbox: &mut Outbox) {
        if let Some(chart) = &self.chart {
            let on_oxygen = chart.on_oxygen(self.course, 0);
            self.post(outbox).send_context("admit", at, on_oxygen);
        }
    }

    /// Lives through one second of the ward and sends what is measured and charted in it.
    pub(crate) fn live(&mut self, from: Timestamp, second: u32, outbox: &mut Outbox) {
        let (vitals, readings) = self.measure(second);
        let (at, course) = (from + self.phase, self.course);
        // Taken out while it writes with the rest of the bed.
        let mut chart = self.chart.take();
        let mut post = self.post(outbox);
        post.send(at, second, readings.as_slice());
        if let Some(chart) = &mut chart {
            chart.measure_pressure(&mut post, at, second, &vitals);
            chart.write(&mut post, at, second, course);
        }
        self.chart = chart;
    }

    /// Like [`Bed::live`], but each of the monitor's readings is a message of its own and nothing else is sent.
    pub(crate) fn live_single(&mut self, from: Timestamp, second: u32, outbox: &mut Outbox) {
        let (_, readings) = self.measure(second);
        let at = from + self.phase;
        let mut post = self.post(outbox);
        for reading in readings.as_slice() {
            post.send(at, second, std::slice::from_ref(reading));
        }
    }

    /// One second of the patient, and what the monitor makes of it.
    fn measure(&mut self, second: u32) -> (Vitals, Readings) {
        let effect = self
            .course
            .map_or_else(Effect::default, |course| course.effect(second));
        let vitals = self.physiology.step(&mut self.rng, &self.baseline, &effect);
        let artefact = self.artefacts.at(&mut self.rng, second);
        (vitals, Readings::of_monitor(&vitals, artefact, self.arterial))
    }

    fn post<'a>(&'a mut self, outbox: &'a mut Outbox) -> Post<'a> {
        Post {
            person: &self.person,
            monitor_id: &self.monitor_id,
            rng: &mut self.rng,
            stamp: &mut self.stamp,
            device: self.device,
            outbox,
        }
    }
}
