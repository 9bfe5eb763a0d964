//! Programs of our own that run as containers on a real node. They are this very executable under another name: so the
//! image of one is made in no time, and is never older than what it is tested with.
//!
//! `pause` is the first process of every pod: it holds the pod's namespaces and waits for children that others left
//! behind. `seictl serve` is the simulated sidecar of one node; it reads the variable that the real one reads. When it ends
//! it forgets more than the real one: its task store is memory, not a file of the volume.

use std::ffi::OsStr;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use rustix::process::{WaitOptions, wait};
use tokio::signal::unix::{SignalKind, signal};

use crate::sidecar::Sidecars;

/// What [`PAUSE`](crate::image::PAUSE) starts.
pub(crate) const PAUSE: &str = "pause";
/// What the container of a sidecar starts.
pub(crate) const SIDECAR: &str = "seictl";

/// The port of a sidecar that is told none.
const PORT: u16 = 7777;

/// Plays the part that this process was started under the name of, and then never returns.
pub(crate) fn play_if_asked() {
    let mut words = std::env::args_os();
    let name = words.next().and_then(|path| Path::new(&path).file_name().map(OsStr::to_owned));
    let outcome = match name.as_deref().and_then(OsStr::to_str) {
        Some(PAUSE) => on_a_runtime(hold),
        Some(SIDECAR) if words.eq(["serve"]) => on_a_runtime(serve),
        Some(SIDECAR) => Err(std::io::Error::other("it is a simulation and knows one command: seictl serve")),
        _ => return,
    };
    if let Err(error) = &outcome {
        say(&format!("{error}"));
    }
    std::process::exit(i32::from(outcome.is_err()))
}

fn on_a_runtime<F: Future<Output = std::io::Result<()>>>(part: impl FnOnce() -> F) -> std::io::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(part())
}

async fn hold() -> std::io::Result<()> {
    let mut child = signal(SignalKind::child())?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    loop {
        tokio::select! {
            _ = child.recv() => while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {},
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
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
