//! Named tasks that run as long as the process does.

use std::{collections::HashMap, fmt::Display, future};

use tokio::task::{Id, JoinError, JoinSet};

/// Named tasks.
#[derive(Debug, Default)]
pub struct Tasks {
    tasks: JoinSet<Result<(), String>>,
    names: HashMap<Id, &'static str>,
}

/// Unexpected end of a task.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// The task returned.
    #[error("{0} ended although nothing asked it to")]
    Returned(&'static str),
    /// The task gave up.
    #[error("{0} failed: {1}")]
    Failed(&'static str, String),
    /// The task panicked.
    #[error("{0} panicked, which is a defect: {1}")]
    Panicked(&'static str, String),
}

impl Tasks {
    /// Starts a task.
    pub fn add<E: Display>(
        &mut self,
        name: &'static str,
        task: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        let started = self.tasks.spawn(async { task.await.map_err(|error| error.to_string()) });
        self.names.insert(started.id(), name);
    }

    /// The first task that ends. Never returns while all go on, or there is none.
    pub async fn first_end(&mut self) -> Ended {
        match self.tasks.join_next_with_id().await {
            Some(end) => match self.outcome(end) {
                Ok(name) => Ended::Returned(name),
                Err(ended) => ended,
            },
            None => future::pending().await,
        }
    }

    /// Waits until all have ended, as they were asked to.
    ///
    /// # Errors
    /// The first of them that failed or panicked instead.
    pub async fn all_end(&mut self) -> Result<(), Ended> {
        let mut outcome = Ok(());
        while let Some(end) = self.tasks.join_next_with_id().await {
            outcome = outcome.and(self.outcome(end).map(drop));
        }
        outcome
    }

    fn outcome(&self, end: Result<(Id, Result<(), String>), JoinError>) -> Result<&'static str, Ended> {
        match end {
            Ok((id, Ok(()))) => Ok(self.name(id)),
            Ok((id, Err(why))) => Err(Ended::Failed(self.name(id), why)),
            Err(error) => Err(self.panicked(error)),
        }
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
