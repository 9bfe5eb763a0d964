//! The `pause` container of a real node: this executable under another name, so its image needs no build.
//!
//! `pause` is the first process of every pod. It holds the pod's namespaces and reaps orphaned children.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;

use rustix::process::{WaitOptions, wait};
use tokio::signal::unix::{SignalKind, signal};

/// File name of the executable in the image [`PAUSE`](crate::image::PAUSE).
pub(crate) const PAUSE: &str = "pause";

/// Runs `pause` if this process was started under that name, and then never returns.
pub(crate) fn run_if_named() {
    let name = std::env::args_os().next().and_then(|path| Path::new(&path).file_name().map(OsStr::to_owned));
    if name.as_deref() != Some(OsStr::new(PAUSE)) {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime.and_then(|runtime| runtime.block_on(hold()));
    if let Err(error) = &outcome {
        // A closed stderr is no reason to stop.
        let _ = writeln!(std::io::stderr().lock(), "{error}");
    }
    std::process::exit(i32::from(outcome.is_err()))
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
