//! Runner of scenarios: tests that share one expensive fixture, such as a control plane, and run side by side.
//!
//! ```text
//! #[scenario]
//! async fn a_deleted_service_is_restored(kit: Arc<Kit>) { … }
//!
//! fn main() -> ExitCode {
//!     scenario::run(Arc::new(Kit::new()), Settings { at_once: 8, ..Settings::default() })
//! }
//! ```
//!
//! The attribute registers the function; nothing else names it. A scenario is named `module::function`, by the first
//! module of the program. It may be synchronous, take no fixture, and return `()`, a `Result` or [`Completion`].
//! Options of the attribute are the constant methods of [`Scenario`]: `#[scenario(first)]`.
//!
//! A scenario that cannot try all of a matrix takes a sample by [`seed()`]; another, `#[scenario(exhaustive)]`, tries all.
//!
//! A program that brings its own `main` can run code before its tests, and drop the fixture after the last one.

mod body;
mod registry;
mod run;
mod seed;
mod timing;

pub use body::{Body, Fixture, Outcome};
/// Collects scenarios at link time; for the attribute.
pub use inventory::submit;
pub use libtest_mimic::{Completion, Failed};
pub use registry::Scenario;
pub use run::{Settings, run};
pub use scenario_macros::scenario;
pub use seed::seed;
