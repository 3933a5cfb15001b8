//! The plan for people.

use std::fmt;

use super::{Change, Kind, Plan, Section, State};

// === impl Plan ===

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} version {} → {} version {}",
            self.old.name, self.old.version, self.new.name, self.new.version
        )?;
        if self.changes.is_empty() {
            return writeln!(f, "Nothing changes.");
        }
        self.changes
            .iter()
            .try_for_each(|change| write!(f, "\n{change}"))?;
        writeln!(f)?;
        match (&self.needs_restart, self.reads_back) {
            (Some(why), span) => writeln!(
                f,
                "State: {why}.\n\
                 All windows are then built anew from the last {} of the log, and alarms go on as they were told. Lost are values older\n\
                 than that, and the usual values that models compare with.",
                span.unwrap_or_default()
            )?,
            (None, Some(span)) => writeln!(
                f,
                "State: a running engine fills these windows from the last {span} of the log beside its shards, and then goes over \
                 between\ntwo steps. Everything else is kept."
            )?,
            (None, None) => writeln!(
                f,
                "State: a running engine goes over to it between two steps. What is not named here is kept: windows, values, alarms."
            )?,
        }
        if let Some(reach) = self.reaches_further {
            writeln!(
                f,
                "Windows reach back further than before: topics must keep records for {reach} and a day (wardwatch topics plan), or\n\
                 engines refuse it."
            )?;
        }
        let breaking = self.breaking().count();
        match breaking {
            0 => Ok(()),
            1 => writeln!(f, "1 change is breaking."),
            many => writeln!(f, "{many} changes are breaking."),
        }
    }
}

// === impl Change ===

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.kind {
            Kind::Added => '+',
            Kind::Removed => '-',
            Kind::Changed => '~',
            Kind::Affected => ' ',
        };
        let state = match (self.section, self.state) {
            (_, State::Rebuilt) => "  (rebuilt from the log)",
            (Section::Features, State::Lost) => "  (its panes are dropped)",
            (Section::Alarm, State::Kept) if self.kind == Kind::Changed => "  (goes on as it was told)",
            _ => "",
        };
        let name = match self.section {
            Section::Time | Section::Technical => String::new(),
            _ => format!(" {}", self.name),
        };
        writeln!(f, "{sign} {}{name}{state}", self.section)?;
        for detail in &self.details {
            writeln!(f, "    {detail}")?;
        }
        match &self.breaking {
            Some(why) => writeln!(f, "    BREAKING: {why}"),
            None => Ok(()),
        }
    }
}

// === impl Section ===

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pipeline => "pipeline",
            Self::Source => "source",
            Self::Writer => "writer",
            Self::Time => "time",
            Self::MaxAge => "max_age",
            Self::LostAfter => "lost_after",
            Self::Features => "features",
            Self::Score => "score",
            Self::Alarm => "alarm",
            Self::Technical => "technical",
        })
    }
}
