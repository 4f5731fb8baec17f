//! This run's part in the hour's lease: what allows it to commit a version and to delete the one before.

use aws_adapters::dynamodb::{Holder, LeaseError, SeenLease};
use jiff::Timestamp;
use pipeline::lease;

use crate::{Context, Input};

/// The lease that `register-partition` took for this run's version, if the run still has it.
pub(crate) struct Turn<'a> {
    holder: Holder<'a>,
    context: &'a Context,
    /// Until when this call has taken part in the lease by itself, if it has.
    joined_until: Option<Timestamp>,
}

impl<'a> Turn<'a> {
    /// The turn of a run that published.
    pub(crate) fn of(input: &'a Input, context: &'a Context) -> Option<Self> {
        let publication = input.outcome.publication()?;
        let holder = Holder { hour: input.hour, version: publication.version, execution_arn: &input.execution_arn };
        Some(Self { holder, context, joined_until: None })
    }

    /// Whether `seen` is its lease.
    pub(crate) fn is(&self, seen: &SeenLease) -> bool {
        seen.is_held_by(&self.holder)
    }

    /// Whether objects may be deleted by a call that begins now: not if the lease has been lost.
    ///
    /// The call takes part in the lease by itself, so that another call for the same run, whose reply was lost, does not
    /// give the lease back while this one deletes.
    pub(crate) async fn may_delete(&mut self) -> Result<bool, LeaseError> {
        let (now, leases) = ((self.context.now)(), &self.context.tables.leases);
        self.joined_until = match self.joined_until {
            Some(until) if lease::is_safe(until, now) => Some(until),
            Some(_) => leases.renew(&self.holder, now).await?,
            None => leases.join(&self.holder, now).await?,
        };
        Ok(self.joined_until.is_some())
    }

    /// Gives the lease back.
    pub(crate) async fn end(self) -> Result<(), LeaseError> {
        let times = if self.joined_until.is_some() { 2 } else { 1 };
        self.context.tables.leases.give_back(&self.holder, times).await
    }
}
