//! Permission of this process to change anything right now. It is checked right before every request that would.

mod moment;

use std::time::Duration;

use tokio::{sync::watch, time};

pub(crate) use self::moment::Moment;

/// Reign that the fence of a process goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reign {
    /// There is no election: this process is the only one.
    Alone,
    /// It has not begun.
    Awaited,
    /// It lasts until then at least.
    Until(Moment),
    /// It is over.
    Over,
}

/// Permission of this process to change anything. Clones are one fence.
#[derive(Clone, Debug)]
pub struct Fence(watch::Receiver<Reign>);

/// Opens and shuts the fence that it was made with.
#[derive(Debug)]
pub struct Baton(watch::Sender<Reign>);

/// Why a request was not sent, or not waited for any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this replica does not lead")]
pub struct NotLeading;

impl Fence {
    /// A fence that is always open: there is no election.
    #[must_use]
    pub fn open() -> Self {
        Self(watch::channel(Reign::Alone).1)
    }

    /// A fence that is open while the process leads, and the baton that opens and shuts it.
    #[must_use]
    pub fn contested() -> (Self, Baton) {
        let (baton, fence) = watch::channel(Reign::Awaited);
        (Self(fence), Baton(baton))
    }

    /// True if this process may change anything now.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.left().is_some()
    }

    /// Waits until it may; for ever if it never does.
    pub async fn opens(&self) {
        let mut reign = self.0.clone();
        let begun = reign.wait_for(|reign| !matches!(reign, Reign::Awaited)).await.is_ok();
        if !begun {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until it may no longer.
    pub async fn shuts(&self) {
        while let Some(left) = self.left() {
            time::sleep(left).await;
        }
    }

    /// Time for which it may go on as far as is known; `None` when it may not.
    fn left(&self) -> Option<Duration> {
        /// Long enough for those who wait for an end that does not come.
        const LONG: Duration = Duration::from_secs(3600);
        match *self.0.borrow() {
            Reign::Alone => Some(LONG),
            Reign::Awaited | Reign::Over => None,
            Reign::Until(until) => {
                Some(until.since(Moment::now())).filter(|left| !left.is_zero()).map(|left| left.min(LONG))
            }
        }
    }
}

impl Baton {
    /// The process leads until then at least.
    pub(crate) fn carry(&self, until: Moment) {
        self.0.send_replace(Reign::Until(until));
    }

    /// The process leads for so long from now.
    pub fn carry_for(&self, time: Duration) {
        self.carry(Moment::now().plus(time));
    }

    /// The process leads no more.
    pub(crate) fn lay_down(&self) {
        self.0.send_replace(Reign::Over);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn it_is_open_while_the_process_leads_and_never_after() {
        let (fence, baton) = Fence::contested();
        assert!(!fence.holds() && fence.opens().now_or_never().is_none());
        baton.carry(Moment::now().plus(Duration::from_secs(60)));
        assert!(fence.holds() && fence.opens().now_or_never().is_some());
        assert!(fence.shuts().now_or_never().is_none());
        baton.lay_down();
        assert!(!fence.holds());
        fence.shuts().await;
    }

    #[tokio::test]
    async fn it_shuts_by_itself_when_nobody_carries_on() {
        let (fence, baton) = Fence::contested();
        baton.carry(Moment::now().plus(Duration::from_millis(50)));
        fence.shuts().await;
        assert!(!fence.holds());
        assert!(Fence::open().holds());
    }
}
