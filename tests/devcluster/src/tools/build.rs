//! Builds the tools of one pinned Go module, all in one `go build`.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::cache::Cache;
use super::module::{ENVIRONMENT, Module, build_arguments, output};
use super::{Tool, ToolError, Version, expected, list};
use crate::progress::{Event, Progress};
use crate::supervisor::Guard;

/// Interval at which progress is reported.
const TICK: Duration = Duration::from_secs(1);
/// Lines of a failed build's output that an error shows.
const TAIL: usize = 30;

/// Not looked up on `PATH`, which may lead to `go` alone.
const NICE: &str = "/usr/bin/nice";

/// Position of a build among all that are needed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    /// Counted from 1.
    pub(super) number: usize,
    pub(super) of: usize,
}

/// Builds `tools`, which are all of `module`, into the directory `scratch`, each under its own name.
pub(super) async fn build(
    module: &Module,
    tools: &[Tool],
    cache: &Cache,
    scratch: &Path,
    position: Position,
    guard: &Guard,
    progress: &Progress,
) -> Result<(), ToolError> {
    let sources = cache.sources(module)?;
    check_go(module, tools, &sources).await?;
    let mut command = nice("go");
    command
        .args(["build", "-o"])
        // With a slash at its end, `go` takes it for a directory, also for one program.
        .arg(scratch.join(""))
        .args(build_arguments(module, tools))
        .current_dir(sources)
        .envs(ENVIRONMENT);
    let log = scratch.with_file_name("build.log");
    let begin = Instant::now();
    let go = guard.spawn("go build", command, &log)?;
    let status = loop {
        let Position { number, of } = position;
        let (tools, elapsed, expected) = (tools.to_vec(), begin.elapsed(), expected(tools));
        progress.report(&Event::Building { tools, number, of, elapsed, expected });
        if let Ok(status) = tokio::time::timeout(TICK, go.wait()).await {
            break status;
        }
    };
    if !status.success() {
        let tail = go.last_lines(TAIL);
        return Err(ToolError::Build { tools: list(tools), status, log, tail });
    }
    for &tool in tools.iter().filter(|&&tool| output(tool) != tool.name()) {
        let (from, to) = (scratch.join(output(tool)), scratch.join(tool.name()));
        std::fs::rename(from, &to).map_err(|source| ToolError::Cache { path: to, source })?;
    }
    progress.report(&Event::Built { tools: tools.to_vec(), elapsed: begin.elapsed() });
    Ok(())
}

/// The command of `program`, at a low priority where this machine has POSIX' `nice`: scenarios may be running beside it.
fn nice(program: &str) -> Command {
    if !Path::new(NICE).exists() {
        return Command::new(program);
    }
    let mut command = Command::new(NICE);
    command.arg(program);
    command
}

/// In the module's directory `go` reports the version that it would use there: a Go of 1.21 or later that may download
/// fetches the one that the module requires.
async fn check_go(module: &Module, tools: &[Tool], sources: &Path) -> Result<(), ToolError> {
    let (tools, wanted) = (list(tools), module.go_version().to_owned());
    let reply = tokio::process::Command::new("go")
        .args(["env", "GOVERSION"])
        .current_dir(sources)
        .envs(ENVIRONMENT)
        .output()
        .await;
    let Ok(reply) = reply else { return Err(ToolError::NoGo { tools, wanted }) };
    let version = Version::find(&String::from_utf8_lossy(&reply.stdout));
    if reply.status.success() && version.is_some() && version >= Version::find(&wanted) {
        return Ok(());
    }
    let output = if reply.status.success() { reply.stdout } else { reply.stderr };
    let answer = String::from_utf8_lossy(&output).trim().to_owned();
    Err(ToolError::OldGo { tools, wanted, answer })
}
