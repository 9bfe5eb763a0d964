//! Runs the registered scenarios with libtest's arguments.

use std::any::Any;
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use tokio::runtime::Runtime;

use crate::registry::{self, Scenario, Tier};
use crate::timing::Times;
use crate::{Body, Fixture, seed};

/// Settings by which a program runs its scenarios.
#[derive(Default)]
pub struct Settings {
    /// Number of scenarios that run side by side, unless `--test-threads` says otherwise; 0 for one per core.
    pub at_once: usize,
    /// Looks whether this machine can run the scenarios at all.
    pub precondition: Option<Precondition>,
}

/// A look at the machine: `Ok(Some(…))` says how to report every scenario instead of running it.
pub type Precondition = fn() -> Result<Option<Completion>, Failed>;

/// Runs the scenarios that the command line selects, then drops the fixture, then reports the slowest.
#[allow(clippy::print_stdout, reason = "the runner of a test program reports there")]
pub fn run<F: Any + Send + Sync>(fixture: Arc<F>, settings: &Settings) -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or((settings.at_once > 0).then_some(settings.at_once));
    let runtime = match Runtime::new() {
        Ok(runtime) => Arc::new(runtime),
        Err(error) => {
            println!("the runtime did not start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let times = Times::default();
    let fixture = Fixture::new(fixture);
    let trials = registry::all()
        .into_iter()
        .map(|scenario| trial(scenario, &runtime, &fixture, &times, settings.precondition))
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    // Clients and servers of the fixture end inside the runtime that they live in.
    runtime.block_on(async { drop(fixture) });
    print!("{}{}", times.slowest(), seed::report());
    conclusion.exit_code()
}

fn trial(
    scenario: Scenario,
    runtime: &Arc<Runtime>,
    fixture: &Fixture,
    times: &Times,
    precondition: Option<Precondition>,
) -> Trial {
    let (runtime, fixture, times) = (Arc::clone(runtime), fixture.clone(), times.clone());
    let name = scenario.name();
    let run = {
        let name = name.clone();
        move || {
            if let Some(instead) = precondition.map_or(Ok(None), |look| look())? {
                return Ok(instead);
            }
            let _stopwatch = times.start(&name);
            match (scenario.body)(fixture)? {
                Body::Waiting(future) => runtime.block_on(future),
                Body::Blocking(function) => function(),
            }
        }
    };
    Trial::ignorable_test(name, run).with_ignored_flag(scenario.tier == Tier::Exhaustive)
}
