//! A real cluster, from start to end: what the crate promises, seen from outside.
//!
//! The scenarios share one cluster and work side by side in namespaces of their own. Those in `endings` start and end
//! programs of their own. This binary brings its own `main`: it must be able to run as the keeper of itself.

#[path = "cluster/endings.rs"]
mod endings;
#[path = "cluster/kit.rs"]
mod kit;
#[path = "cluster/outage.rs"]
mod outage;
#[path = "cluster/pods.rs"]
mod pods;
#[path = "cluster/users.rs"]
mod users;
#[path = "cluster/volumes.rs"]
mod volumes;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use devcluster::{Audit, Cluster, Options, Progress, guardian};
use libtest_mimic::{Arguments, Trial};
use tokio::runtime::Runtime;

/// Measured: 3.1 s on 2 cores. Twice the target, because other tests may be compiling meanwhile.
const STARTED_WITHIN: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let guard = guardian::claim();
    if let Some(role) = endings::role() {
        return endings::play(&role, &guard);
    }
    let arguments = Arguments::from_args();
    let runtime = Arc::new(Runtime::new().expect("a runtime"));
    // Found or built before the clock starts: a first build takes minutes.
    let tools = runtime.block_on(devcluster::Tools::provide(&guard, &Progress::lines()));
    tools.expect("the tools");
    let begin = Instant::now();
    let options = Options { audit: Audit::On, progress: Progress::lines(), ..Options::default() };
    let cluster = runtime.block_on(Cluster::start(options, &guard)).expect("a cluster");
    let started_after = begin.elapsed();
    let cluster = Arc::new(cluster);

    let mut trials = vec![Trial::test("a_warm_start_takes_seconds", move || {
        assert!(started_after < STARTED_WITHIN, "ready only after {started_after:?}");
        Ok(())
    })];
    let mut scenario = |name: &str, run: kit::Scenario| {
        let (runtime, cluster) = (Arc::clone(&runtime), Arc::clone(&cluster));
        trials.push(Trial::test(name, move || {
            runtime.block_on(run(cluster));
            Ok(())
        }));
    };
    for (name, run) in pods::scenarios().into_iter().chain(users::scenarios()).chain(volumes::scenarios()) {
        scenario(name, run);
    }
    trials.extend(endings::trials());
    let conclusion = libtest_mimic::run(&arguments, trials);
    // Alone: it takes the API server away from everybody.
    let last = runtime.block_on(outage::check(&cluster));
    drop(cluster);
    match last {
        Ok(()) => conclusion.exit_code(),
        Err(_) => ExitCode::FAILURE,
    }
}
