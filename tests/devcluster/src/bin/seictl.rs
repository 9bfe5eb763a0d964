//! `seictl serve`: the simulated sidecar as a container of one node runs it. It reads the variables that the real one
//! reads, and knows no other command.
//!
//! What it forgets when it ends is more than the real one forgets: its task store is memory, not a file of the volume.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use devcluster::sidecar::Sidecars;
use tokio::signal::unix::{SignalKind, signal};

/// The port when nothing else is said.
const PORT: u16 = 7777;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    if std::env::args().skip(1).collect::<Vec<_>>() != ["serve"] {
        say("this sidecar is a simulation; it knows one command: seictl serve");
        return ExitCode::from(2);
    }
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("seictl: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> std::io::Result<()> {
    let port = std::env::var("SEI_SIDECAR_PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(PORT);
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    let mut terminate = signal(SignalKind::terminate())?;
    let sidecar = Sidecars::alone(address).await?;
    say(&format!("the simulated sidecar listens on {address}"));
    terminate.recv().await;
    drop(sidecar);
    Ok(())
}

fn say(line: &str) {
    // Nobody to tell is no reason to stop.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
