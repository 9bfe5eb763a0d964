//! `cargo demo`: SeiNodes come up on a real Kubernetes API, on this machine, before your eyes.
//!
//! The demo uses what the project ships: it installs the charts of this checkout with helm, runs the operator with the
//! Deployment's command, and applies the YAML of `examples/` with kubectl. It reports every step, and ends everything that
//! it started. It must never touch a cluster that it did not start.

mod arguments;
mod compile;
mod day_two;
mod examples;
mod follow;
mod guardrails;
mod operator;
mod outro;
mod play;
mod real;
mod screen;
mod signals;
mod standing;
mod summary;

use std::process::ExitCode;

use devcluster::Guard;

pub(crate) use arguments::{Arguments, Ending};
use play::Running;
use screen::Screen;
use signals::Signals;

/// Runs the demo. Failures are shown on its screen.
pub(crate) fn run(arguments: &Arguments, guard: &Guard) -> ExitCode {
    let screen = Screen::on_stdout();
    match perform(arguments, guard, &screen) {
        Ok(code) => code,
        Err(error) => {
            screen.failure(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn perform(arguments: &Arguments, guard: &Guard, screen: &Screen) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen()?;
    let mut running = Running::default();
    // What has been started ends when its owner is dropped: so an interruption works at every moment.
    let outcome = tokio::select! {
        outcome = play::play(arguments, guard, screen, &mut running) => outcome,
        code = signals.next() => {
            running.end(screen);
            return Ok(code);
        }
    };
    let code = match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            screen.failure(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    };
    if arguments.ending() == Ending::OnInterrupt && running.is_up() {
        running.explain(screen);
        signals.next().await;
    }
    running.end(screen);
    if arguments.ending() == Ending::AtOnce {
        screen.say("To look around in it: cargo demo --keep. At leisure: cargo demo --slow. All flags: cargo demo --help.");
    }
    Ok(code)
}
