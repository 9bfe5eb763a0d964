//! A program of this machine with the libraries that it is linked with, for an image that has nothing else.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{File, Image, ImageError};

/// Puts the program at `source` into an image under the path `target`, and its libraries where it looks for them.
pub(super) fn put(image: Image, source: &Path, target: &str) -> Result<Image, ImageError> {
    let missing = |source: std::io::Error| ImageError::Missing { path: "ldd".into(), source };
    // Of a static program it only says that it is one.
    let output = Command::new("ldd").arg(source).output().map_err(missing)?;
    let libraries = libraries(&String::from_utf8_lossy(&output.stdout));
    let image = image.with(target, File::program(source)?);
    libraries
        .iter()
        .try_fold(image, |image, path| Ok(image.with(&path.display().to_string(), File::program(path)?)))
}

/// The files in what ldd tells.
fn libraries(output: &str) -> Vec<PathBuf> {
    let file = |line: &str| line.split_whitespace().find(|word| word.starts_with('/')).map(PathBuf::from);
    output.lines().filter_map(file).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_and_their_loader_are_found() {
        let output = "\tlinux-vdso.so.1 (0x00007ffd)\n\
                    \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f1c)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x00007f1c)\n";
        let expected = ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"];
        assert_eq!(libraries(output), expected.map(PathBuf::from));
        assert!(libraries("\tstatically linked\n").is_empty());
    }
}
