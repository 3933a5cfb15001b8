//! What writers state of one patient, and what follows from it.
//!
//! A record is its writer's whole statement of one visit, or of the patient where it names none. So of each writer and visit
//! the newest statement counts, and of several that are about the running visit each field is that of the newest one that
//! states it: a field that a writer no longer states is another writer's again.
//!
//! ```text
//!   writer    visit  newest statement             says that the patient is there   has gone
//!   adt       V1     discharge  11:00             08:00 to 09:30                   11:00      ─▶ V1 is over
//!   adt       V2     transfer   12:40, bed B2     12:00 to 12:40                              ─▶ V2 is the visit
//!   charting  -      update     12:30, scale 2                                                ─▶ bed B2, scale 2
//! ```
//!
//! - *The visit* is, of those that are not over, the one that was last said to be going on. A visit is over by a discharge that
//!   is no older than the last word that the patient is there. A discharge without a visit ends all of them.
//! - A statement without a visit is about the stay in which its time lies: the last discharge before the visit began ends what
//!   was stated until then.
//! - A writer that withdraws ends its own statements. That is a discharge, unless another writer says that the patient is there,
//!   or this one never did and another still states something.
//! - At one time a discharge counts before an update, that before a transfer, and that before an admission; then the content
//!   decides, and of two writers the first of the pipeline.
//!
//! CONTEXT-1: what follows is a function of the records that came, not of their order.

mod account;

use std::cmp::Reverse;
use std::sync::Arc;

use wardwatch_event_time::Timestamp;
use wardwatch_ingest::{ContextEvent, ContextRecord};

use crate::patient::Context;

pub(crate) use account::Account;

/// Pairs of writer and visit that are remembered of a patient at most; beyond it those of visits that are over go first.
const MOST_ACCOUNTS: usize = 64;

/// All that writers state of one patient.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Statements {
    pub(crate) accounts: Vec<Account>,
    /// Until when a writer has withdrawn what it stated.
    pub(crate) withdrawn: Vec<(u16, Timestamp)>,
}

/// What follows about the stay.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Standing {
    /// The running visit, where it is known.
    pub(crate) visit: Option<Arc<str>>,
    /// When somebody last said that the patient is there, if that still holds.
    pub(crate) present: Option<Timestamp>,
    /// The newest discharge of any visit.
    pub(crate) discharged: Option<Timestamp>,
    /// What was stated by then without a visit is of an earlier stay.
    until: Timestamp,
}

// === impl Statements ===

impl Statements {
    /// Takes a record in at log time `now`; false when something newer, or the same, is known. Visits that were over before
    /// `forget_before` are forgotten.
    pub(crate) fn take(
        &mut self,
        writer: u16,
        record: &ContextRecord,
        now: Timestamp,
        forget_before: Timestamp,
    ) -> bool {
        self.forget(forget_before);
        let is_withdrawn = record.ts <= self.withdrawn_until(writer);
        if record.event == ContextEvent::Withdraw {
            if !is_withdrawn {
                self.withdrawn.retain(|(of, _)| *of != writer);
                self.withdrawn.push((writer, record.ts));
            }
            return !is_withdrawn;
        }
        let visit = record.visit.as_deref();
        let is_it = |account: &Account| account.writer == writer && account.visit.as_deref() == visit;
        let at = self.accounts.iter().position(is_it).unwrap_or_else(|| {
            self.accounts.push(Account::new(writer, visit));
            self.accounts.len() - 1
        });
        let is_news = self.accounts[at].take(record);
        if is_news {
            self.accounts[at].heard_at = now;
        }
        self.bound();
        is_news && !is_withdrawn
    }

    pub(crate) fn standing(&self) -> Standing {
        let unnamed = self.unnamed_discharge();
        let discharged = self.newest(|account| account.discharged).max(unnamed);
        let running = self.accounts.iter().filter_map(|account| {
            let present = self.present(account);
            let visit = account.visit.as_ref()?;
            (present > self.over_at(visit).max(unnamed)).then_some((present, visit))
        });
        let of_visit = running.max();
        let of_patient = self.accounts.iter().filter(|account| account.visit.is_none());
        let of_patient = of_patient.map(|account| self.present(account)).max();
        let of_patient = of_patient.filter(|present| *present > discharged);
        let visit = of_visit
            .map(|(_, visit)| visit)
            .or_else(|| self.only_named(unnamed));
        let began = visit.map_or(Timestamp::MAX, |visit| self.began(visit));
        let ends = self.accounts.iter().map(|account| account.discharged);
        let until = ends.chain([unnamed]).filter(|end| *end <= began).max();
        Standing {
            present: of_visit.map(|(present, _)| present).max(of_patient),
            discharged: (discharged != Timestamp::MIN).then_some(discharged),
            until: until.unwrap_or(Timestamp::MIN),
            visit: visit.cloned(),
        }
    }

    /// The context of the stay, field by field.
    pub(crate) fn context(&self, standing: &Standing) -> Context {
        let mut stated: Vec<&Account> = self.counting(standing).collect();
        stated.sort_by_key(|account| (Reverse(account.ts), account.writer, account.visit.is_none()));
        let mut context = Context::default();
        stated.iter().for_each(|account| context.fill(&account.states));
        context
    }

    /// Whether a discharge has ended a visit.
    pub(crate) fn is_over(&self, visit: &str) -> bool {
        let of_it = || self.accounts.iter().filter(|account| account.is_of(visit));
        let (named, unnamed) = (self.over_at(visit), self.unnamed_discharge());
        let present = of_it().filter(|account| account.has_said_so());
        match present.map(|account| self.present(account)).max() {
            Some(present) => named.max(unnamed) >= present,
            None => named != Timestamp::MIN || of_it().all(|account| account.ts <= unnamed),
        }
    }

    /// Whether something is stated that a discharge has not ended.
    pub(crate) fn are_current(&self) -> bool {
        let standing = self.standing();
        standing.present.is_some() || self.counting(&standing).next().is_some()
    }

    /// The statements that make up the context of the stay.
    fn counting<'s>(&'s self, standing: &'s Standing) -> impl Iterator<Item = &'s Account> {
        self.accounts.iter().filter(move |account| {
            let is_of_it = match (&account.visit, &standing.visit) {
                (None, _) => account.ts > standing.until,
                (of, visit) => of == visit,
            };
            is_of_it && self.stands(account)
        })
    }

    /// Whether its newest statement states something.
    fn stands(&self, account: &Account) -> bool {
        account.event != ContextEvent::Discharge && account.ts > self.withdrawn_until(account.writer)
    }

    fn present(&self, account: &Account) -> Timestamp {
        match account.present > self.withdrawn_until(account.writer) {
            true => account.present,
            false => Timestamp::MIN,
        }
    }

    /// The newest visit that records name though none says that the patient is there: of a compacted topic only the newest
    /// record is left.
    fn only_named(&self, unnamed: Timestamp) -> Option<&Arc<str>> {
        let named = self.accounts.iter().filter_map(|account| {
            let visit = account.visit.as_ref()?;
            let mut of_it = self.accounts.iter().filter(|other| other.is_of(visit));
            let is_only_named = of_it.all(|other| other.present.max(other.discharged) == Timestamp::MIN);
            (is_only_named && account.ts > unnamed && self.stands(account)).then_some((account.ts, visit))
        });
        named.max().map(|(_, visit)| visit)
    }

    /// The newest discharge of a visit.
    fn over_at(&self, visit: &str) -> Timestamp {
        let of_it = self.accounts.iter().filter(|account| account.is_of(visit));
        of_it
            .map(|account| account.discharged)
            .max()
            .unwrap_or(Timestamp::MIN)
    }

    /// The first that is known of a visit.
    fn began(&self, visit: &str) -> Timestamp {
        let of_it = self.accounts.iter().filter(|account| account.is_of(visit));
        let since = of_it.map(|account| account.since.max(self.withdrawn_until(account.writer)));
        since.min().unwrap_or(Timestamp::MAX)
    }

    /// The newest discharge that names no visit, or withdrawal that comes to the same.
    fn unnamed_discharge(&self) -> Timestamp {
        let unnamed = self.accounts.iter().filter(|account| account.visit.is_none());
        let said = unnamed.map(|account| account.discharged).max();
        let said = said.unwrap_or(Timestamp::MIN);
        let all = self.newest(|account| account.discharged);
        let is_there = |other: &Account| {
            let end = other
                .visit
                .as_ref()
                .map_or(all, |visit| self.over_at(visit).max(said));
            self.present(other) > end
        };
        let withdrawn = self.withdrawn.iter().filter(|(writer, until)| {
            let is_own = |account: &&Account| account.writer == *writer;
            let mut others = self.accounts.iter().filter(|account| !is_own(account));
            let has_said_so = self.accounts.iter().filter(is_own).any(Account::has_said_so);
            match has_said_so {
                true => !others.any(|other| other.since <= *until && is_there(other)),
                false => !others.any(|other| self.stands(other)),
            }
        });
        withdrawn.map(|(_, until)| *until).fold(said, Timestamp::max)
    }

    fn withdrawn_until(&self, writer: u16) -> Timestamp {
        let found = self.withdrawn.iter().find(|(of, _)| *of == writer);
        found.map_or(Timestamp::MIN, |(_, until)| *until)
    }

    fn newest(&self, time: impl Fn(&Account) -> Timestamp) -> Timestamp {
        self.accounts.iter().map(time).max().unwrap_or(Timestamp::MIN)
    }

    /// Forgets visits that are over: all at once, when the last record about them is older than `before`. A discharge that is
    /// forgotten ahead of what it ended would bring that back.
    pub(crate) fn forget(&mut self, before: Timestamp) {
        let is_old = |account: &Account| account.heard_at < before;
        if self.accounts.iter().any(is_old) {
            let over = self.over();
            if over.iter().all(is_old) {
                self.accounts.retain(|account| !over.contains(account));
            }
        }
    }

    /// Keeps [`MOST_ACCOUNTS`], those of visits that are over last.
    fn bound(&mut self) {
        if self.accounts.len() <= MOST_ACCOUNTS {
            return;
        }
        let over = self.over();
        self.accounts
            .sort_by_key(|account| (over.contains(account), Reverse(account.ts)));
        self.accounts.truncate(MOST_ACCOUNTS);
    }

    /// What is of visits that are over.
    fn over(&self) -> Vec<Account> {
        let standing = self.standing();
        let discharged = standing.discharged.unwrap_or(Timestamp::MIN);
        let is_over = |account: &&Account| {
            let counts = self.counting(&standing).any(|counting| counting == *account);
            !counts && self.present(account) <= discharged
        };
        self.accounts.iter().filter(is_over).cloned().collect()
    }
}

#[cfg(test)]
mod tests;
