//! Builds one tool from its pinned Go module into the cache.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::cache::{Cache, Lock, failed};
use super::module::{ENVIRONMENT, build_arguments, module};
use super::{Tool, ToolError, expected};
use crate::progress::{Event, Progress};
use crate::supervisor::Guard;

/// How often progress is told.
const TICK: Duration = Duration::from_secs(1);
/// How many lines of a failed build's output an error shows.
const TAIL: usize = 30;

/// Which of the builds this is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Counted from 1.
    pub(super) number: usize,
    pub(super) of: usize,
}

/// Builds `tool`, or waits until another process has built it.
pub(super) async fn build(
    tool: Tool,
    cache: &Cache,
    place: Place,
    guard: &Guard,
    progress: &Progress,
) -> Result<PathBuf, ToolError> {
    let lock = wait_for_lock(tool, cache, progress).await?;
    let binary = cache.binary(tool);
    if cache.built(tool).is_none() {
        let sources = cache.sources(tool)?;
        check_go(tool, &sources).await?;
        // Beside the binary, so that the rename stays within one file system.
        let unfinished = binary.with_extension(format!("building-{}", std::process::id()));
        compile(tool, &sources, &unfinished, place, guard, progress).await?;
        std::fs::rename(&unfinished, &binary).map_err(|source| failed(&binary, source))?;
    }
    drop(lock);
    Ok(binary)
}

async fn wait_for_lock(tool: Tool, cache: &Cache, progress: &Progress) -> Result<Lock, ToolError> {
    let begin = Instant::now();
    loop {
        if let Some(lock) = cache.try_lock(tool)? {
            return Ok(lock);
        }
        progress.report(&Event::WaitingForBuild { tool, elapsed: begin.elapsed() });
        tokio::time::sleep(TICK).await;
    }
}

/// In the module's directory `go` tells the version that it would use there: a Go of 1.21 or later that may download
/// fetches the one that the module asks for.
async fn check_go(tool: Tool, sources: &Path) -> Result<(), ToolError> {
    let wanted = module(tool).go_version().to_owned();
    let asked = tokio::process::Command::new("go")
        .args(["env", "GOVERSION"])
        .current_dir(sources)
        .envs(ENVIRONMENT)
        .output()
        .await;
    let Ok(answer) = asked else { return Err(ToolError::NoGo { tool, wanted }) };
    let version = super::Version::find(&String::from_utf8_lossy(&answer.stdout));
    if answer.status.success() && version.is_some() && version >= super::Version::find(&wanted) {
        return Ok(());
    }
    let said = if answer.status.success() { answer.stdout } else { answer.stderr };
    Err(ToolError::OldGo { tool, wanted, answer: String::from_utf8_lossy(&said).trim().to_owned() })
}

async fn compile(
    tool: Tool,
    sources: &Path,
    output: &Path,
    place: Place,
    guard: &Guard,
    progress: &Progress,
) -> Result<(), ToolError> {
    let Place { number, of } = place;
    let [build, arguments @ ..] = build_arguments(tool);
    let mut command = Command::new("go");
    command.arg(build).arg("-o").arg(output).args(arguments).current_dir(sources).envs(ENVIRONMENT);
    let log = output.with_file_name(format!("{tool}.log"));
    let begin = Instant::now();
    let go = guard.spawn("go build", command, &log)?;
    let status = loop {
        let elapsed = begin.elapsed();
        progress.report(&Event::Building { tool, number, of, elapsed, expected: expected(tool) });
        if let Ok(status) = tokio::time::timeout(TICK, go.wait()).await {
            break status;
        }
    };
    if !status.success() {
        let tail = go.last_lines(TAIL);
        return Err(ToolError::Build { tool, status, log, tail });
    }
    progress.report(&Event::Built { tool, elapsed: begin.elapsed() });
    Ok(())
}
