//! Container images made of files, without a container engine: the operator's own, and those that stand in on a real
//! node for programs that are not ours.
//!
//! An image here has one layer. Its archive can be loaded by containerd (`ctr images import`), Docker (`docker load`),
//! Podman and skopeo. The same files make the same bytes, whoever writes them and when. It never asks a registry.

mod archive;
mod build;
mod closure;
mod operator;
mod stand_in;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use build::{BuildError, build};
pub use operator::{LABELS, OPERATOR, operator};
pub use stand_in::{PAUSE, Seid, Statics, pause, seid, sidecar};

/// The user that images run as unless they say otherwise: nobody's, and not root.
pub const NOBODY: &str = "65532:65532";

/// An image: what its containers see as `/`, and how they start.
#[derive(Clone, Debug, Default)]
pub struct Image {
    name: String,
    user: String,
    entrypoint: Vec<String>,
    variables: Vec<String>,
    labels: BTreeMap<String, String>,
    files: BTreeMap<PathBuf, File>,
}

/// What lies at a path of an image. Everything belongs to root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum File {
    /// A directory with these permissions.
    Directory(u32),
    /// A program: everybody may read and run it.
    Program(Vec<u8>),
    /// A symbolic link.
    Link(PathBuf),
}

/// Why an image could not be made or written.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A file that belongs into it cannot be read.
    #[error("{path} is needed for an image: {source}", path = path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// Its archive cannot be written.
    #[error("cannot write the image {name}: {source}")]
    Write {
        /// The image.
        name: String,
        /// The operating system's reason.
        source: std::io::Error,
    },
}

impl Image {
    /// An empty image under a name as registries have them, such as `ghcr.io/sei-protocol/seinode-operator:0.1.0`.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), user: NOBODY.to_owned(), ..Self::default() }
    }

    /// The same image under another name.
    #[must_use]
    pub fn renamed(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Writes its archive into a file.
    ///
    /// # Errors
    /// When that does not work.
    pub fn write(&self, path: &Path) -> Result<(), ImageError> {
        let written = archive::bytes(self).and_then(|bytes| std::fs::write(path, bytes));
        written.map_err(|source| ImageError::Write { name: self.name.clone(), source })
    }

    fn with(mut self, path: &str, file: File) -> Self {
        self.files.insert(PathBuf::from(path), file);
        self
    }

    fn started_with(mut self, entrypoint: &[&str]) -> Self {
        self.entrypoint = entrypoint.iter().map(|&word| word.to_owned()).collect();
        self
    }
}

/// Reads a program of this machine.
fn program(path: &Path) -> Result<File, ImageError> {
    let read = std::fs::read(path).map(File::Program);
    read.map_err(|source| ImageError::Missing { path: path.to_owned(), source })
}
