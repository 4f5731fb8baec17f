//! This run's part in the hour's lease: what allows it to commit a version and to delete others.

use aws_lake::{Holder, LeaseError, SeenLease};
use jiff::Timestamp;
use pipeline::{Version, lease};

use crate::{Context, Input};

/// The lease that `register-partition` took for this run's version, if the run still has it.
pub(crate) struct Turn<'a> {
    holder: Holder<'a>,
    context: &'a Context,
    /// How often the run has taken the lease.
    taken: u32,
    /// Until when this call has taken part in the lease by itself, if it has.
    joined_until: Option<Timestamp>,
}

impl<'a> Turn<'a> {
    /// The turn of a run that published.
    pub(crate) fn of(input: &'a Input, context: &'a Context) -> Option<Self> {
        let publication = input.outcome.publication()?;
        let holder = Holder { hour: input.hour, version: publication.version, execution_arn: &input.execution_arn };
        Some(Self { holder, context, taken: 1, joined_until: None })
    }

    /// The turn of a run that publishes nothing, under the lease for the `published` version, which it takes; none while
    /// another version has it.
    pub(crate) async fn take(
        input: &'a Input,
        published: Version,
        context: &'a Context,
    ) -> Result<Option<Self>, LeaseError> {
        let (leases, now) = (&context.tables.leases, (context.now)());
        let holder = Holder { hour: input.hour, version: published, execution_arn: &input.execution_arn };
        let mut taken = leases.take(&holder, now).await;
        if let Err(LeaseError::Held(held)) = &taken {
            // It may be the run's own: `register-partition` has refused that version, and could not give the lease back.
            leases.give_back(&Holder { version: held.held, ..holder }, u32::MAX).await?;
            taken = leases.take(&holder, now).await;
        }
        match taken {
            Ok(until) => Ok(Some(Self { holder, context, taken: 1, joined_until: Some(until) })),
            Err(LeaseError::Held(_) | LeaseError::Busy { .. }) => Ok(None),
            Err(error) => Err(error),
        }
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
            None => {
                let joined = leases.join(&self.holder, now).await?;
                self.taken += u32::from(joined.is_some());
                joined
            }
        };
        Ok(self.joined_until.is_some())
    }

    /// Gives the lease back.
    pub(crate) async fn end(self) -> Result<(), LeaseError> {
        self.context.tables.leases.give_back(&self.holder, self.taken).await
    }
}
