//! Takes programs out of a downloaded release file and moves them into the cache.
//!
//! A program enters the cache only after it ran and reported the version of its release.

use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::io::{self, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use super::error::DownloadError;
use super::find::version_of;
use super::release::Release;
use super::{Tool, Version};

/// Bytes above which a program is refused. The largest has some 100 million.
const LARGEST: u64 = 1 << 30;

/// Extracts `tools` from the archive at `archive` into the directory `into`, and checks the version that each reports.
pub(super) async fn unpack(
    release: &Release,
    archive: &Path,
    tools: &[Tool],
    into: &Path,
) -> Result<(), DownloadError> {
    let members = tools.iter().map(|&tool| (release.member(tool), into.join(tool.name()))).collect();
    let (path, file) = (archive.to_owned(), release.name().to_owned());
    let outcome = tokio::task::spawn_blocking(move || extract(&path, members)).await;
    let damaged = |reason: String| DownloadError::Archive { file: file.clone(), reason };
    outcome
        .map_err(|error| damaged(error.to_string()))?
        .map_err(|error| damaged(error.to_string().replace('\n', " ")))?;
    let expected = Version::find(&release.version);
    for &tool in tools {
        let reason = match version_of(tool, &into.join(tool.name())).await {
            Ok(version) if Some(version) == expected => continue,
            Ok(version) => format!("it is {version}, expected {}", release.version),
            Err(reason) => reason,
        };
        return Err(DownloadError::Program { program: tool.name(), file: file.clone(), reason });
    }
    Ok(())
}

/// Extracts each member of the archive to its path.
fn extract(archive: &Path, mut members: BTreeMap<String, PathBuf>) -> io::Result<()> {
    let mut archive = tar::Archive::new(GzDecoder::new(BufReader::new(File::open(archive)?)));
    for entry in archive.entries()? {
        let entry = entry?;
        let name = entry.path()?.to_string_lossy().trim_start_matches("./").to_owned();
        if let Some(path) = members.remove(&name) {
            let mut program = File::create(path)?;
            if io::copy(&mut entry.take(LARGEST), &mut program)? == LARGEST {
                return Err(io::Error::other(format!("{name} has more than {LARGEST} bytes")));
            }
            program.set_permissions(Permissions::from_mode(0o755))?;
        }
        if members.is_empty() {
            return Ok(());
        }
    }
    let missing: Vec<_> = members.into_keys().collect();
    Err(io::Error::other(format!("it has no {}", missing.join(", "))))
}

#[cfg(test)]
mod tests;
