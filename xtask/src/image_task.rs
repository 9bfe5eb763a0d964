//! `cargo xtask image`: the operator's image in an archive.

use std::path::PathBuf;

use xtask::image;

/// Build the operator's image, without a container engine, and write it into an archive for `docker load`, `podman load`
/// or `ctr images import`.
///
/// Needs the Rust target for musl and musl-gcc; a missing one is reported with the command that installs it.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The archive.
    file: PathBuf,
    /// The image's name.
    #[arg(long, default_value = image::OPERATOR)]
    name: String,
}

/// Builds the operator and writes its image.
///
/// # Errors
/// When something is missing on this machine, the operator does not compile, or the archive cannot be written.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let Arguments { file, name } = arguments;
    image::operator(&image::build()?)?.renamed(name).write(file)?;
    crate::say(&format!("{name} is in {}", file.display()))
}
