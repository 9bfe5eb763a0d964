//! The one copy of the state behind its lock, and the clock that fires its timers.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::{runtime, sync::watch};
use tokio_util::sync::CancellationToken;

use crate::world::{Due, Timer, World};

/// State shared by the server, the watches, the timers and the handles that tests hold.
#[derive(Debug)]
pub(crate) struct Shared {
    world: Mutex<World>,
    /// Told after every change.
    changed: watch::Sender<()>,
    /// Ends everything that was spawned.
    stop: CancellationToken,
    runtime: runtime::Handle,
}

impl Shared {
    /// Must be called on a runtime: everything is spawned there, whatever thread asks for it later.
    pub(crate) fn new(stop: CancellationToken) -> Arc<Self> {
        Arc::new(Self {
            world: Mutex::default(),
            changed: watch::Sender::new(()),
            stop,
            runtime: runtime::Handle::current(),
        })
    }

    /// Changes the state, schedules what follows from the change, and tells those who wait.
    pub(crate) fn change<T>(self: &Arc<Self>, change: impl FnOnce(&mut World, Timestamp) -> T) -> T {
        let (result, timers) = {
            let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
            let result = change(&mut world, Timestamp::now());
            (result, world.take_timers())
        };
        for timer in timers {
            self.schedule(timer);
        }
        self.changed.send_replace(());
        result
    }

    /// Reads the state.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&World) -> T) -> T {
        read(&self.world.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Resolves after every change from now on.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Runs a future until it is done or everything ends.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(self.stop.clone().run_until_cancelled_owned(future));
    }

    fn schedule(self: &Arc<Self>, Timer { after, due }: Timer) {
        let shared = Arc::clone(self);
        self.spawn(async move {
            if !after.is_zero() {
                tokio::time::sleep(after).await;
            }
            shared.fire(due);
        });
    }

    fn fire(self: &Arc<Self>, due: Due) {
        self.change(|world, now| world.fire(due, now));
    }
}
