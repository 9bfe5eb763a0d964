//! Container images made of files, without a container engine.
//!
//! An image here has one layer. Its archive can be loaded by containerd (`ctr images import`), Docker (`docker load`),
//! Podman and skopeo. The same files make the same bytes, whoever writes them and when. It never asks a registry.

mod archive;
mod closure;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::pause;

/// Name under which the container runtime looks for the image of [`pause`](mod@pause).
pub const PAUSE: &str = "devcluster.local/pause:1";

/// Default user and group of an image: unprivileged.
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

/// Content of an image at a path, owned by root.
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
    /// An empty image under a name as registries have them, such as `ghcr.io/example/app:0.1.0`.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), user: NOBODY.to_owned(), ..Self::default() }
    }

    /// The same image under another name.
    #[must_use]
    pub fn renamed(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// The image, run as this user and group, such as `0:0`.
    #[must_use]
    pub fn run_as(self, user: &str) -> Self {
        Self { user: user.to_owned(), ..self }
    }

    /// The image with this environment variable, such as `PATH=/bin`.
    #[must_use]
    pub fn with_variable(mut self, variable: &str) -> Self {
        self.variables.push(variable.to_owned());
        self
    }

    /// The image with this label.
    #[must_use]
    pub fn with_label(mut self, name: &str, value: &str) -> Self {
        self.labels.insert(name.to_owned(), value.to_owned());
        self
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

    /// The image with a file at this path.
    #[must_use]
    pub fn with(mut self, path: &str, file: File) -> Self {
        self.files.insert(PathBuf::from(path), file);
        self
    }

    /// The image with the program at `source`, and the libraries that it is linked with, at `target`.
    ///
    /// # Errors
    /// When `ldd` does not run, or a file cannot be read.
    pub fn with_linked_program(self, source: &Path, target: &str) -> Result<Self, ImageError> {
        closure::put(self, source, target)
    }

    /// The image with this entrypoint.
    #[must_use]
    pub fn started_with(mut self, entrypoint: &[&str]) -> Self {
        self.entrypoint = entrypoint.iter().map(|&word| word.to_owned()).collect();
        self
    }
}

/// Image of the container that holds a pod's namespaces: this executable, which acts as `pause` under that name.
///
/// # Errors
/// When a file of this machine cannot be read.
pub fn pause() -> Result<Image, ImageError> {
    let program = format!("/bin/{}", pause::PAUSE);
    let image = Image::named(PAUSE).with_linked_program(&this_executable()?, &program)?;
    Ok(image.started_with(&[&program]))
}

/// Path of this executable.
///
/// # Errors
/// When the operating system does not know it.
pub fn this_executable() -> Result<PathBuf, ImageError> {
    std::env::current_exe()
        .map_err(|source| ImageError::Missing { path: "the path of this executable".into(), source })
}

impl File {
    /// Reads a program of this machine.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn program(path: &Path) -> Result<Self, ImageError> {
        let read = std::fs::read(path).map(Self::Program);
        read.map_err(|source| ImageError::Missing { path: path.to_owned(), source })
    }
}
