//! `cargo demo`: a SeiNode comes up on a real Kubernetes API, on this machine, before your eyes.
//!
//! It is a user of what the project ships: it installs the charts of this checkout with helm, runs the operator binary as the
//! Deployment says, and applies the YAML of `examples/` with kubectl. It says at every moment what it is doing, and whatever ends it, nothing it started stays.
//! It must never touch a cluster that it did not start.

mod arguments;
mod compile;
mod daily;
mod examples;
mod follow;
mod guardrails;
mod invitation;
mod operator;
mod play;
mod real;
mod release;
mod screen;
mod signals;
mod standing;
mod summary;

use std::process::ExitCode;

use devcluster::Guard;

pub(crate) use arguments::{Arguments, Ending};
use play::Stage;
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
    let mut stage = Stage::default();
    // What has been started ends when its owner is dropped: so an interruption works at every moment.
    let outcome = tokio::select! {
        outcome = play::play(arguments, guard, screen, &mut stage) => outcome,
        code = signals.next() => {
            stage.clear(screen);
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
    if arguments.ending() == Ending::OnInterrupt && stage.is_set() {
        stage.invite(screen);
        signals.next().await;
    }
    stage.clear(screen);
    if arguments.ending() == Ending::AtOnce {
        screen.say("To look around in it: cargo demo --keep. At leisure: cargo demo --slow. All flags: cargo demo --help.");
    }
    Ok(code)
}
