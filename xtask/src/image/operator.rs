//! The operator's image: its static binary and nothing else, not even a directory.
//!
//! `Dockerfile` in the checkout makes the same for those who have a builder; a test compares the two.

use std::path::Path;

use devcluster::image::{File, Image, ImageError};

/// The name under which the operator's chart looks for it.
pub const OPERATOR: &str = concat!("ghcr.io/sei-protocol/seinode-operator:", env!("CARGO_PKG_VERSION"));

/// Labels of the image, with the keys of the OCI image specification.
pub const LABELS: [(&str, &str); 5] = [
    ("org.opencontainers.image.title", "seinode-operator"),
    ("org.opencontainers.image.description", "Kubernetes operator that runs Sei blockchain nodes"),
    ("org.opencontainers.image.version", env!("CARGO_PKG_VERSION")),
    ("org.opencontainers.image.source", env!("CARGO_PKG_REPOSITORY")),
    ("org.opencontainers.image.licenses", env!("CARGO_PKG_LICENSE")),
];

/// The image of the operator whose static binary is at `binary`.
///
/// # Errors
/// When the binary cannot be read.
pub fn operator(binary: &Path) -> Result<Image, ImageError> {
    let image = Image::named(OPERATOR)
        .with("/seinode-operator", File::program(binary)?)
        .started_with(&["/seinode-operator"]);
    Ok(LABELS.iter().fold(image, |image, (name, value)| image.with_label(name, value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use devcluster::image::NOBODY;

    #[test]
    fn the_dockerfile_makes_the_same_image() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Dockerfile");
        let dockerfile = std::fs::read_to_string(path).unwrap();
        let (_, image) = dockerfile.split_once("\nFROM scratch\n").unwrap();
        let says =
            |line: &str| assert!(image.lines().any(|it| it == line), "the Dockerfile does not say: {line}");
        says(&format!("USER {NOBODY}"));
        says("ENTRYPOINT [\"/seinode-operator\"]");
        let copies = image.lines().filter(|line| line.starts_with("COPY"));
        let copies: Vec<_> = copies.filter_map(|line| line.split_whitespace().next_back()).collect();
        assert_eq!(copies, ["/seinode-operator"]);
        for (name, value) in LABELS {
            // The version is the builder's to say.
            let value = if name.ends_with(".version") { "$VERSION" } else { value };
            says(&format!("LABEL {name}=\"{value}\""));
        }
        assert!(dockerfile.contains(&format!("ARG VERSION={}\n", env!("CARGO_PKG_VERSION"))));
    }
}
