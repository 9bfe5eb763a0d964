//! The simulated sidecars follow the pods of a real control plane: those of a StatefulSet, and those of a bootstrap Job
//! before it.
//!
//! This binary brings its own `main`: it must be able to run as the supervisor of itself.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is a test; clippy sees a program"
)]

#[path = "cluster/fixtures.rs"]
mod fixtures;
#[path = "cluster/scenarios.rs"]
mod scenarios;

use std::process::ExitCode;
use std::sync::Arc;

use devcluster::{Cluster, Options, Progress, supervisor};
use libtest_mimic::{Arguments, Trial};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

fn main() -> ExitCode {
    let guard = supervisor::claim();
    let runtime = Arc::new(Runtime::new().expect("a runtime"));
    // Started by the first scenario that needs it.
    let shared: Arc<OnceCell<Cluster>> = Arc::default();
    let trials = scenarios::all().map(|(name, run)| {
        let (runtime, shared, guard) = (Arc::clone(&runtime), Arc::clone(&shared), guard.clone());
        Trial::test(name, move || {
            runtime.block_on(async {
                let options = Options { progress: Progress::lines(), ..Options::default() };
                let start = || async { Cluster::start(options, &guard).await.expect("a cluster") };
                run(shared.get_or_init(start).await).await;
            });
            Ok(())
        })
    });
    // Returns rather than exits, so that the cluster is dropped.
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
}
