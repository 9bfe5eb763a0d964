//! Scenarios on a real node: containers run, probes probe, Services route. Nothing of the charts is rewritten.
//!
//! One process, one cluster, started when the first scenario asks for it. Where the machine cannot have a real node, the
//! scenarios are reported as ignored, with what is missing; with `SEINODE_REQUIRE_REAL_NODE=1`, as in CI, they fail.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says by panicking what is wrong"
)]
#![allow(clippy::print_stdout, reason = "what is measured is shown with the result")]

mod house;
mod image;
mod life;
mod nodes;
mod stage;
mod trouble;
#[path = "../it/kit/wait.rs"]
mod wait;

use std::{process::ExitCode, sync::Arc};

use devcluster::{host::Machine, supervisor};
use futures::{FutureExt, future::LocalBoxFuture};
use libtest_mimic::{Arguments, Completion, Trial};
use stage::Stage;
use tokio::runtime::Runtime;

/// A pod takes half a minute until its probes are content: scenarios wait side by side.
const AT_ONCE: usize = 4;

fn main() -> ExitCode {
    // First of all: this executable may be running as the watchdog of another run of itself, or in a container.
    sidecar_sim::container::run_if_named();
    let guard = supervisor::claim();
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(AT_ONCE));
    let runtime = Arc::new(Runtime::new().expect("no runtime could be made"));
    let stage = Arc::new(Stage::new(guard));
    let conclusion = libtest_mimic::run(&arguments, scenarios(&runtime, &stage));
    // The cluster goes before the runtime that its clients live in.
    runtime.block_on(async { drop(stage) });
    conclusion.exit_code()
}

type Scenario = fn(Arc<Stage>) -> LocalBoxFuture<'static, ()>;

/// In the order in which they begin. The last one ends what all others need: it waits for them.
fn scenarios(runtime: &Arc<Runtime>, stage: &Arc<Stage>) -> Vec<Trial> {
    macro_rules! all {
        ($($module:ident: $($scenario:ident)*;)*) => {
            vec![$($((
                concat!(stringify!($module), "::", stringify!($scenario)),
                (|stage| $module::$scenario(stage).boxed_local()) as Scenario,
            )),*),*]
        };
    }
    let all = all! {
        image:
            the_operators_image_is_small_and_always_the_same;
        life:
            helm_tests_the_release
            a_node_comes_up_to_a_ready_pod_that_dns_knows
            an_image_goes_there_and_a_bad_one_is_rolled_back;
        trouble:
            a_sidecar_that_is_killed_in_place_is_healed
            a_pod_that_is_deleted_or_evicted_comes_back
            a_hand_edit_is_refused_through_the_service;
        house:
            a_leader_that_is_killed_is_succeeded
            a_kubelet_that_restarts_disturbs_nothing
            uninstalled_the_nodes_run_on_and_can_be_deleted;
    };
    let able = Machine::find();
    let trial = |(name, scenario): (&'static str, Scenario)| {
        let (runtime, stage, able) = (Arc::clone(runtime), Arc::clone(stage), able.clone());
        Trial::ignorable_test(name, move || match able {
            Err(missing) if !required() => Ok(Completion::ignored_with(missing)),
            Err(missing) => Err(missing.into()),
            Ok(_) => {
                runtime.block_on(scenario(stage));
                Ok(Completion::Completed)
            }
        })
    };
    all.into_iter().map(trial).collect()
}

/// Whether it is a failure that this machine cannot have a real node.
fn required() -> bool {
    std::env::var_os("SEINODE_REQUIRE_REAL_NODE").is_some_and(|value| !value.is_empty())
}
