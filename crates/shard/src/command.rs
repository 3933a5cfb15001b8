//! What people say: context and commands, in log order among the messages; and what a command does.

use std::iter::Peekable;
use std::slice::Iter;

use wardwatch_event_time::Timestamp;
use wardwatch_ingest::{CommandAction, CommandRecord};

use crate::batch::{CommandInput, ContextInput};
use crate::digest::{Decision, Event};
use crate::patient::{MachineKind, MachinePlace};
use crate::shard::Io;
use crate::technical::Technical;
use crate::{Batch, Shard, StepError};

/// What a batch holds besides messages, the next first.
pub(crate) struct Sayings<'b> {
    context: Peekable<Iter<'b, ContextInput>>,
    commands: Peekable<Iter<'b, CommandInput>>,
}

/// One of them.
pub(crate) enum Saying<'b> {
    Context(&'b ContextInput),
    Command(&'b CommandInput),
}

// === impl Sayings ===

impl<'b> Sayings<'b> {
    pub(crate) fn new(batch: &'b Batch) -> Self {
        Self {
            context: batch.context.iter().peekable(),
            commands: batch.commands.iter().peekable(),
        }
    }

    /// The next one that was appended by then. At equal times context comes first.
    pub(crate) fn next_until(&mut self, until: Timestamp) -> Option<Saying<'b>> {
        let command = self
            .commands
            .peek()
            .map_or(Timestamp::MAX, |input| input.append_time);
        let context = self
            .context
            .next_if(|input| input.append_time <= until.min(command));
        context.map(Saying::Context).or_else(|| {
            let command = self.commands.next_if(|input| input.append_time <= until);
            command.map(Saying::Command)
        })
    }
}

// === impl Shard ===

impl Shard {
    pub(crate) fn take_saying(&mut self, saying: &Saying<'_>, io: &mut Io<'_>) -> Result<(), StepError> {
        match saying {
            Saying::Context(input) => {
                self.advance(input.append_time, io)?;
                self.take_context(&input.record, io)
            }
            Saying::Command(input) => {
                self.advance(input.append_time, io)?;
                self.take_command(&input.record, io)
            }
        }
    }

    fn take_command(&mut self, command: &CommandRecord, io: &mut Io<'_>) -> Result<(), StepError> {
        let place = self
            .places()
            .find(|place| self.alarm_name(*place) == command.alarm);
        let Some((slot, place)) = self.roster.find(&command.patient_id).zip(place) else {
            io.out.counts.idle_commands += 1;
            return Ok(());
        };
        // What was decided before comes first; it may have ended the condition.
        self.catch_up(slot, self.log_time, io)?;
        match command.action {
            CommandAction::Accept => self.accept(slot, place, command, io),
        }
        Ok(())
    }

    fn accept(&mut self, slot: u32, place: MachinePlace, command: &CommandRecord, io: &mut Io<'_>) {
        let now = self.log_time;
        let machine = self
            .patient_mut(slot)
            .machine_mut(place)
            .expect("a place of this pipeline");
        let Some(transition) = machine.accept(command.condition_start, now) else {
            io.out.counts.idle_commands += 1;
            return;
        };
        let index = usize::from(place.index);
        match place.kind {
            MachineKind::Limit => self.tell_limit(slot, index, transition, io),
            MachineKind::Condition => {
                let set = self.pipeline.conditions[index].set;
                let view = self.patient_mut(slot).view_at(set, now);
                self.tell_condition(slot, index, transition, view.as_ref(), io);
            }
            MachineKind::Silent => {
                self.tell_technical(slot, index, Technical::Silent, transition, None, io);
            }
            MachineKind::RecordsLost => {
                self.tell_technical(slot, index, Technical::RecordsLost, transition, None, io);
            }
            MachineKind::DeviceClock => {
                let device = self.patient_mut(slot).sources[index]
                    .fast_device
                    .clone()
                    .flatten();
                let technical = Technical::DeviceClock;
                self.tell_technical(slot, index, technical, transition, device.as_deref(), io);
            }
        }
        if let (Some(alert), Some(alarm)) = (io.out.alerts.last_mut(), io.out.alarms.last_mut()) {
            alert.accepted_by = Some(command.by.clone());
            alarm.accepted_by = Some(command.by.clone());
        }
        let key = self.patient_mut(slot).key;
        let event = Event::new(Decision::Accepted, key).text(&command.alarm);
        self.digest.add(event.text(&command.by).whole(now.micros()));
    }
}
