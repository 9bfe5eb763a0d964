//! Body of a scenario: a function of its fixture, waiting or blocking.

use std::any::{Any, type_name};
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use libtest_mimic::{Completion, Failed};

/// The fixture of a program, of a type that only its scenarios know.
#[derive(Clone)]
pub struct Fixture(Arc<dyn Any + Send + Sync>);

impl Fixture {
    pub(crate) fn new<F: Any + Send + Sync>(fixture: Arc<F>) -> Self {
        Self(fixture)
    }

    /// The fixture as a scenario takes it.
    ///
    /// # Errors
    ///
    /// If the program runs its scenarios with a fixture of another type.
    pub fn shared<F: Any + Send + Sync>(self) -> Result<Arc<F>, Failed> {
        let found = self.0.downcast();
        found.map_err(|_| format!("this program has no fixture of type {}", type_name::<F>()).into())
    }
}

/// A scenario that is ready to run.
pub enum Body {
    /// Runs on the program's runtime.
    Waiting(LocalBoxFuture<'static, Result<Completion, Failed>>),
    /// Runs on a thread of its own, and may start a runtime.
    Blocking(Box<dyn FnOnce() -> Result<Completion, Failed>>),
}

impl Body {
    /// The body of an `async fn`.
    pub fn waiting<T: Outcome + 'static>(future: impl Future<Output = T> + 'static) -> Self {
        Self::Waiting(future.map(T::completion).boxed_local())
    }

    /// The body of a synchronous function.
    pub fn blocking<T: Outcome>(function: impl FnOnce() -> T + 'static) -> Self {
        Self::Blocking(Box::new(|| function().completion()))
    }
}

/// Return value of a scenario.
pub trait Outcome {
    /// The outcome as the runner reports it.
    ///
    /// # Errors
    ///
    /// If the scenario failed.
    fn completion(self) -> Result<Completion, Failed>;
}

impl Outcome for () {
    fn completion(self) -> Result<Completion, Failed> {
        Ok(Completion::Completed)
    }
}

impl Outcome for Completion {
    fn completion(self) -> Result<Completion, Failed> {
        Ok(self)
    }
}

impl<T: Outcome> Outcome for Result<T, Failed> {
    fn completion(self) -> Result<Completion, Failed> {
        self.and_then(T::completion)
    }
}
