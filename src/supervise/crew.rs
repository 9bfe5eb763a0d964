//! Tasks that are to run as long as the process does, each with a name to blame.

use std::{collections::HashMap, future};

use tokio::task::{Id, JoinError, JoinSet};

/// Named tasks.
#[derive(Debug, Default)]
pub struct Crew {
    tasks: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

/// How a task ended that should have gone on.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// It returned.
    #[error("{0} ended although nothing asked it to")]
    Returned(&'static str),
    /// It panicked.
    #[error("{0} panicked, which is a defect: {1}")]
    Panicked(&'static str, String),
}

impl Crew {
    /// Starts a task.
    pub fn add(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let started = self.tasks.spawn(task);
        self.names.insert(started.id(), name);
    }

    /// The first task that ends. Never returns while all go on, or there is none.
    pub async fn first_end(&mut self) -> Ended {
        match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => Ended::Returned(self.name(id)),
            Some(Err(error)) => self.panicked(error),
            None => future::pending().await,
        }
    }

    /// Waits until all have ended, as they were asked to.
    ///
    /// # Errors
    /// The last panic, when there was one.
    pub async fn all_end(&mut self) -> Result<(), Ended> {
        let mut outcome = Ok(());
        while let Some(end) = self.tasks.join_next().await {
            outcome = outcome.and(end.map_err(|error| self.panicked(error)));
        }
        outcome
    }

    fn panicked(&self, error: JoinError) -> Ended {
        let name = self.name(error.id());
        let message = error.try_into_panic().map_or_else(
            |cancelled| cancelled.to_string(),
            |panic| match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
                (Some(text), _) => text.clone(),
                (_, Some(text)) => (*text).to_owned(),
                (None, None) => "without a message".to_owned(),
            },
        );
        Ended::Panicked(name, message)
    }

    fn name(&self, id: Id) -> &'static str {
        self.names.get(&id).copied().unwrap_or("a task")
    }
}
