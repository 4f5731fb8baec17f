//! The lease of the hour, which allows a run to commit a version and to delete others.

use aws_lake::{LeaseError, LeaseHolder, LeaseSnapshot};
use jiff::Timestamp;
use pipeline::{Version, lease};

use crate::{Context, Input};

/// The lease that `register-partition` took for the version of this run.
pub(crate) struct LeaseGuard<'a> {
    holder: LeaseHolder<'a>,
    context: &'a Context,
    /// How often this run took the lease.
    taken: u32,
    /// The end of the lease that this call took itself, if it did.
    joined_until: Option<Timestamp>,
}

impl<'a> LeaseGuard<'a> {
    /// Returns the guard of a run that published.
    pub(crate) fn of(input: &'a Input, context: &'a Context) -> Option<Self> {
        let publication = input.outcome.publication()?;
        let holder =
            LeaseHolder { hour: input.hour, version: publication.version, execution_arn: &input.execution_arn };
        Some(Self { holder, context, taken: 1, joined_until: None })
    }

    /// Takes the lease for the `published` version, for a run that publishes nothing. Returns `None` while another version has
    /// the lease.
    pub(crate) async fn take(
        input: &'a Input,
        published: Version,
        context: &'a Context,
    ) -> Result<Option<Self>, LeaseError> {
        let (leases, now) = (&context.tables.leases, context.clock.now());
        let holder = LeaseHolder { hour: input.hour, version: published, execution_arn: &input.execution_arn };
        let mut taken = leases.take(&holder, now).await;
        if let Err(LeaseError::Held(held)) = &taken {
            // It may be this run's own lease: `register-partition` refused the version and could not give the lease back.
            leases.give_back(&LeaseHolder { version: held.held, ..holder }, u32::MAX).await?;
            taken = leases.take(&holder, now).await;
        }
        match taken {
            Ok(until) => Ok(Some(Self { holder, context, taken: 1, joined_until: Some(until) })),
            Err(LeaseError::Held(_) | LeaseError::Busy { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn holds(&self, lease: &LeaseSnapshot) -> bool {
        lease.is_held_by(&self.holder)
    }

    /// Returns whether a call that begins now may delete objects: only while the run has the lease.
    ///
    /// This call joins the lease itself. Otherwise another call for the same run, whose response was lost, could give the lease
    /// back while this one deletes.
    pub(crate) async fn may_delete(&mut self) -> Result<bool, LeaseError> {
        let (now, leases) = (self.context.clock.now(), &self.context.tables.leases);
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

    pub(crate) async fn give_back(self) -> Result<(), LeaseError> {
        self.context.tables.leases.give_back(&self.holder, self.taken).await
    }
}
