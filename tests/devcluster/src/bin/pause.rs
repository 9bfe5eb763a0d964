//! `pause`: the first process of every pod on a real node. It holds the pod's namespaces, waits for the children that
//! others left behind, and ends when it is told to. It does nothing else.

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let kinds = [SignalKind::child(), SignalKind::terminate(), SignalKind::interrupt()];
    let [Ok(mut child), Ok(mut terminate), Ok(mut interrupt)] = kinds.map(signal) else {
        return ExitCode::FAILURE;
    };
    loop {
        tokio::select! {
            _ = child.recv() => reap(),
            _ = terminate.recv() => return ExitCode::SUCCESS,
            _ = interrupt.recv() => return ExitCode::SUCCESS,
        }
    }
}

fn reap() {
    use rustix::process::{WaitOptions, wait};
    while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
}
