//! The simulated sidecar as a container: the executable that links this crate, started under the name `seictl`.
//!
//! An image of the sidecar therefore needs no build, and is never older than the tests that use it. When the container
//! ends it forgets more than the real sidecar: its task store is memory, not a file of the volume.

use std::ffi::OsStr;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use tokio::signal::unix::{SignalKind, signal};

use crate::Sidecars;

/// File name of the executable in an image of the sidecar.
pub const PROGRAM: &str = "seictl";

/// Port of a sidecar without `SEI_SIDECAR_PORT`.
const PORT: u16 = 7777;

/// Serves the sidecar of one node if this process was started as [`PROGRAM`], and then never returns.
pub fn run_if_named() {
    let mut words = std::env::args_os();
    let name = words.next().and_then(|path| Path::new(&path).file_name().map(OsStr::to_owned));
    if name.as_deref() != Some(OsStr::new(PROGRAM)) {
        return;
    }
    let outcome = if words.eq(["serve"]) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.and_then(|runtime| runtime.block_on(serve()))
    } else {
        Err(std::io::Error::other("this simulation has one command: seictl serve"))
    };
    if let Err(error) = &outcome {
        report(&error.to_string());
    }
    std::process::exit(i32::from(outcome.is_err()))
}

async fn serve() -> std::io::Result<()> {
    let port = std::env::var("SEI_SIDECAR_PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(PORT);
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    let mut terminate = signal(SignalKind::terminate())?;
    let sidecar = Sidecars::alone(address).await?;
    report(&format!("the simulated sidecar listens on {address}"));
    terminate.recv().await;
    drop(sidecar);
    Ok(())
}

fn report(line: &str) {
    // A closed stderr is no reason to stop.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
