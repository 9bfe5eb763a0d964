//! Fills the cache: downloads the release files of missing tools, and builds the tools whose file cannot be had.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::build::{Position, build};
use super::cache::{Cache, Lock};
use super::download::{Order, PACE, download};
use super::error::DownloadError;
use super::mirror::{self, Mirror};
use super::module::{Module, module};
use super::release::Release;
use super::unpack::unpack;
use super::{Tool, ToolError, expected};
use crate::progress::{Event, Progress};
use crate::supervisor::Guard;

/// Interval at which waiting for another process is reported.
const TICK: Duration = Duration::from_secs(1);

/// The missing tools of one module, which nobody else obtains meanwhile.
#[derive(Debug)]
struct Batch {
    module: &'static Module,
    tools: Vec<Tool>,
    scratch: PathBuf,
    #[expect(dead_code, reason = "released when the tools of the module are in the cache")]
    lock: Lock,
}

/// Puts every one of `tools` into the cache, and returns where each is. Waits for another process that obtains the same.
pub(super) async fn obtain(
    tools: &[Tool],
    cache: &Cache,
    guard: &Guard,
    progress: &Progress,
) -> Result<Vec<(Tool, PathBuf)>, ToolError> {
    let mut batches = Vec::new();
    for (module, tools) in by_module(tools) {
        let lock = wait_for_lock(module, &tools, cache, progress).await?;
        let tools: Vec<_> = tools.into_iter().filter(|&tool| cache.program(tool).is_none()).collect();
        if !tools.is_empty() {
            batches.push(Batch { module, tools, scratch: cache.scratch(module)?, lock });
        }
    }
    let mirror = Mirror::parse(std::env::var_os(mirror::VARIABLE));
    let unreleased = match mirror {
        Mirror::Off => batches,
        _ if batches.is_empty() => batches,
        _ => released(batches, cache, &mirror, progress).await?,
    };
    if !unreleased.is_empty() {
        let costs = unreleased.iter().map(|batch| (batch.tools.clone(), expected(&batch.tools))).collect();
        progress.report(&Event::BuildsPlanned { costs });
    }
    let of = unreleased.len();
    for (index, batch) in unreleased.into_iter().enumerate() {
        let (tools, position) = (&batch.tools, Position { number: index + 1, of });
        // A release file that was of no use may lie there.
        let scratch = cache.scratch(batch.module)?;
        build(batch.module, tools, cache, &scratch, position, guard, progress).await?;
        batch.keep(cache)?;
    }
    Ok(tools.iter().filter_map(|&tool| Some((tool, cache.program(tool)?))).collect())
}

/// The tools grouped by module, in one order for all processes: two that need the same modules never wait for each other.
fn by_module(tools: &[Tool]) -> Vec<(&'static Module, Vec<Tool>)> {
    let mut groups: Vec<(&'static Module, Vec<Tool>)> = Vec::new();
    for &tool in tools {
        let module = module(tool);
        match groups.iter_mut().find(|(other, _)| other.name == module.name) {
            Some((_, tools)) => tools.push(tool),
            None => groups.push((module, vec![tool])),
        }
    }
    groups.sort_by_key(|(module, _)| module.name);
    groups
}

async fn wait_for_lock(
    module: &Module,
    tools: &[Tool],
    cache: &Cache,
    progress: &Progress,
) -> Result<Lock, ToolError> {
    let begin = Instant::now();
    loop {
        if let Some(lock) = cache.try_lock(module)? {
            return Ok(lock);
        }
        progress.report(&Event::WaitingForTools { tools: tools.to_vec(), elapsed: begin.elapsed() });
        tokio::time::sleep(TICK).await;
    }
}

/// Takes the tools that official release files have into the cache; returns the batches that have to be built.
async fn released(
    missing: Vec<Batch>,
    cache: &Cache,
    mirror: &Mirror,
    progress: &Progress,
) -> Result<Vec<Batch>, ToolError> {
    let (mut unreleased, mut batches, mut orders) = (Vec::new(), Vec::new(), Vec::new());
    for batch in missing {
        // One file has all tools of a module, or none has one of them.
        let releases: Option<Vec<Release>> = batch.tools.iter().map(|&tool| Release::of(tool)).collect();
        match releases.and_then(|mut releases| releases.pop()) {
            Some(release) => {
                orders.push(Order { release, path: batch.scratch.join("download") });
                batches.push(batch);
            }
            None => unreleased.push(batch),
        }
    }
    let begin = Instant::now();
    let results = download(&orders, mirror, PACE, progress).await;
    for ((batch, Order { release, path }), result) in batches.into_iter().zip(orders).zip(results) {
        let tools = batch.tools.clone();
        match unpack_if(result, &release, &path, &batch).await {
            Ok(()) => {
                batch.keep(cache)?;
                let file = release.file;
                progress.report(&Event::Downloaded { tools, file, elapsed: begin.elapsed() });
            }
            Err(error) => {
                progress.report(&Event::NotDownloaded { tools, reason: error.to_string() });
                unreleased.push(batch);
            }
        }
    }
    Ok(unreleased)
}

async fn unpack_if(
    download: Result<(), DownloadError>,
    release: &Release,
    archive: &Path,
    batch: &Batch,
) -> Result<(), DownloadError> {
    download?;
    unpack(release, archive, &batch.tools, &batch.scratch).await
}

impl Batch {
    /// Moves the finished tools into the cache.
    fn keep(&self, cache: &Cache) -> Result<(), ToolError> {
        for &tool in &self.tools {
            cache.keep(tool, &self.scratch.join(tool.name()))?;
        }
        // Only of use to this process.
        let _ = std::fs::remove_dir_all(&self.scratch);
        Ok(())
    }
}
