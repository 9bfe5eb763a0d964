//! Errors of finding, downloading and building tools.

use std::path::PathBuf;

use super::checksum::Checksum;
use super::download::Pace;
use crate::supervisor::SpawnError;

/// Advice to someone without a Go that can build.
const GO: &str =
    "install Go from https://go.dev/dl/, or set KUBEBUILDER_ASSETS to a directory that has all the tools";

/// Reason why a tool cannot be provided.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// There is no Go to build it with.
    #[error("{tools} must be built, and there is no `go` on PATH; Go {wanted} or newer is needed: {GO}")]
    NoGo {
        /// The tools to be built.
        tools: String,
        /// The version that their module requires.
        wanted: String,
    },
    /// Go is too old and does not fetch a newer one by itself.
    #[error("{tools} must be built with Go {wanted} or newer, and `go` reports: {answer}; {GO}")]
    OldGo {
        /// The tools to be built.
        tools: String,
        /// The version that their module requires.
        wanted: String,
        /// Output of `go env GOVERSION` in the module's directory.
        answer: String,
    },
    /// The build failed.
    #[error("building {tools} failed ({status}); the end of {log}:\n{tail}", log = log.display())]
    Build {
        /// The tools to be built.
        tools: String,
        /// Exit status of `go build`.
        status: std::process::ExitStatus,
        /// File with its whole output.
        log: PathBuf,
        /// The last lines of its output.
        tail: String,
    },
    /// `go` could not be started.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// There is no place for the cache.
    #[error(
        "no place for downloaded and built tools: set SEINODE_DEVCLUSTER_CACHE to a directory (neither it nor XDG_CACHE_HOME nor HOME is set)"
    )]
    NoCache,
    /// The cache cannot be used.
    #[error("cannot use the tool cache at {path}: {source}; set SEINODE_DEVCLUSTER_CACHE to a writable directory", path = path.display())]
    Cache {
        /// The file or directory.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
}

/// Reason why a release file is not used.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// No answer, or not all of it.
    #[error("{url}: {reason}")]
    Transfer {
        /// The URL.
        url: String,
        /// The client's reason.
        reason: String,
    },
    /// The server has no such file, or does not give it.
    #[error("{url} answers {status}")]
    Status {
        /// The URL.
        url: String,
        /// The HTTP status.
        status: reqwest::StatusCode,
    },
    /// Nothing arrives, or too little.
    #[error("{url}: less than {} MiB arrived within {} s", pace.bytes >> 20, pace.time.as_secs_f32())]
    Slow {
        /// The URL.
        url: String,
        /// The time-out.
        pace: Pace,
    },
    /// More bytes than any release file has.
    #[error("{url} has more than {limit} bytes")]
    Large {
        /// The URL.
        url: String,
        /// The bound, in bytes.
        limit: u64,
    },
    /// The file is another one than the release's.
    #[error("{url} has the checksum {actual}, expected {expected}")]
    Mismatch {
        /// The URL.
        url: String,
        /// The file's own checksum.
        actual: Checksum,
        /// The release's checksum.
        expected: Checksum,
    },
    /// The published file of checksums does not list the release file.
    #[error("{url} has no checksum of {file}")]
    Unlisted {
        /// The URL of the checksums.
        url: String,
        /// The release file's name.
        file: String,
    },
    /// A published checksum would be read over plain HTTP.
    #[error("{url}: a checksum proves nothing without HTTPS, and the repository has none for this file")]
    Unprotected {
        /// The URL of the checksum.
        url: String,
    },
    /// The archive is damaged, or lacks a program.
    #[error("{file}: {reason}")]
    Archive {
        /// The release file's name.
        file: String,
        /// The reason.
        reason: String,
    },
    /// The archive holds another program than it should.
    #[error("{program} of {file}: {reason}")]
    Program {
        /// The program's name.
        program: &'static str,
        /// The release file's name.
        file: String,
        /// The reason.
        reason: String,
    },
    /// The disk is full, or the cache cannot be written.
    #[error("cannot write {path}: {source}", path = path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
}
