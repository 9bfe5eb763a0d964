//! A real cluster, from start to end: what the crate promises, seen from outside.
//!
//! The scenarios share one cluster and work side by side in namespaces of their own. Those in `endings` start and end
//! programs of their own. This binary brings its own `main`: it must be able to run as the watchdog of itself.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is a test; clippy sees a program"
)]

#[path = "cluster/endings.rs"]
mod endings;
#[path = "cluster/jobs.rs"]
mod jobs;
#[path = "cluster/kit.rs"]
mod kit;
#[path = "cluster/outage.rs"]
mod outage;
#[path = "cluster/pods.rs"]
mod pods;
#[path = "cluster/real_node.rs"]
mod real_node;
#[path = "cluster/tooling.rs"]
mod tooling;
#[path = "cluster/users.rs"]
mod users;
#[path = "cluster/volumes.rs"]
mod volumes;

use std::process::ExitCode;
use std::sync::Arc;

use devcluster::{Audit, Cluster, Guard, Options, Progress, supervisor};
use libtest_mimic::{Arguments, Trial};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

fn main() -> ExitCode {
    let guard = supervisor::claim();
    if let Some(role) = endings::role() {
        return endings::play(&role, &guard);
    }
    let arguments = Arguments::from_args();
    let runtime = Arc::new(Runtime::new().expect("a runtime"));
    // Started by the first scenario that asks for it.
    let shared: Arc<OnceCell<Arc<Cluster>>> = Arc::default();

    let scenarios = [pods::scenarios(), jobs::scenarios(), users::scenarios(), volumes::scenarios()];
    let mut trials: Vec<Trial> = scenarios
        .into_iter()
        .flatten()
        .map(|(name, run)| {
            let (runtime, shared, guard) = (Arc::clone(&runtime), Arc::clone(&shared), guard.clone());
            Trial::test(name, move || {
                runtime.block_on(async {
                    let cluster = shared.get_or_init(|| async { Arc::new(start(&guard).await) }).await;
                    run(Arc::clone(cluster)).await;
                });
                Ok(())
            })
        })
        .collect();
    trials.push(Trial::test("everybody_lives_through_an_outage", {
        let runtime = Arc::clone(&runtime);
        move || {
            runtime.block_on(outage::check(&guard));
            Ok(())
        }
    }));
    trials.extend(endings::trials());
    trials.extend(real_node::trials());
    trials.extend(tooling::trials());
    // Returns rather than exits, so that the cluster is dropped.
    libtest_mimic::run(&arguments, trials).exit_code()
}

async fn start(guard: &Guard) -> Cluster {
    let options = Options { audit: Audit::On, progress: Progress::lines(), ..Options::default() };
    Cluster::start(options, guard).await.expect("a cluster")
}
