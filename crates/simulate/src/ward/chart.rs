//! What does not come every second: cuff pressures, and what a nurse charts (consciousness, oxygen).
//!
//! A cuff measures every 15 min, on a deteriorating patient every 3. A nurse charts every 30 min and whenever something
//! has changed; a change of oxygen also goes to the patient's context. All of it comes within the ward's first 16 s.

use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Timestamp;

use super::course::Course;
use super::monitor::{in_unit, whole};
use super::physiology::Vitals;
use super::post::Post;
use crate::json::{Reading, Value};

const CUFF_SECONDS: u32 = 900;
const CUFF_SECONDS_WHEN_WATCHED: u32 = 180;
const CHART_SECONDS: u32 = 1_800;

/// The rounds of one bed.
#[derive(Clone, Debug)]
pub(crate) struct Chart {
    cuff_id: String,
    cuff_seconds: u32,
    /// Which second of the rounds is this bed's; beds differ, so that they do not all come at once.
    turn: u32,
    /// Oxygen is this patient's normal.
    always_on_oxygen: bool,
    /// The state charted last.
    charted: Option<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    responds_to_voice: bool,
    on_oxygen: bool,
}

// === impl Chart ===

impl Chart {
    pub(crate) fn new(index: usize, number: &str, watched: bool, always_on_oxygen: bool) -> Self {
        Self {
            cuff_id: format!("SIM-NIBP-{number}"),
            cuff_seconds: if watched {
                CUFF_SECONDS_WHEN_WATCHED
            } else {
                CUFF_SECONDS
            },
            turn: (index % 10) as u32,
            always_on_oxygen,
            charted: None,
        }
    }

    /// Whether the patient is on oxygen at a second of the ward.
    pub(crate) fn on_oxygen(&self, course: Option<&Course>, second: u32) -> bool {
        self.always_on_oxygen || course.is_some_and(|course| course.gives_oxygen(second))
    }

    /// A cuff reading when its turn comes; within a few mm[Hg] of the truth, as cuffs are.
    pub(crate) fn measure_pressure(&self, post: &mut Post<'_>, at: Timestamp, second: u32, vitals: &Vitals) {
        if second % self.cuff_seconds != 4 + self.turn {
            return;
        }
        let error = post.rng.below(7) as i64 - 3;
        let readings = [
            whole(VitalSign::SystolicBp, vitals.systolic + error),
            whole(VitalSign::DiastolicBp, vitals.diastolic + error),
            whole(VitalSign::MeanBp, vitals.mean + error),
        ];
        post.send_by_cuff(at, second, &self.cuff_id, &readings);
    }

    /// Charts consciousness and oxygen when the turn comes or something has changed.
    pub(crate) fn write(&mut self, post: &mut Post<'_>, at: Timestamp, second: u32, course: Option<&Course>) {
        let state = State {
            responds_to_voice: course.is_some_and(|course| course.responds_to_voice(second)),
            on_oxygen: self.on_oxygen(course, second),
        };
        let changed = self.charted.is_some_and(|charted| charted != state);
        if second % CHART_SECONDS != 6 + self.turn && !changed {
            return;
        }
        if self
            .charted
            .is_some_and(|charted| charted.on_oxygen != state.on_oxygen)
        {
            post.send_context("update", at, state.on_oxygen);
        }
        self.charted = Some(state);
        let letter = if state.responds_to_voice { 'V' } else { 'A' };
        let flow_tenths = match (state.on_oxygen, self.always_on_oxygen) {
            (false, _) => 0,
            (true, true) => 20,
            (true, false) => 100,
        };
        let consciousness = Reading {
            unit: None,
            ..in_unit(VitalSign::Consciousness, Value::Letter(letter))
        };
        let flow = in_unit(VitalSign::O2Flow, Value::Tenths(flow_tenths));
        post.send_by_hand(at, second, &[consciousness, flow]);
    }
}
