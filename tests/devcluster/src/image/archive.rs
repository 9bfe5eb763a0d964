//! An image as a tar archive: an OCI image layout, with the `manifest.json` that Docker looks for beside it.
//!
//! Pure: nothing of the machine gets in, no time, no user, no order of a directory.

use std::io;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

use super::{File, Image};

/// Creation time of everything: the epoch, so that archives are reproducible.
const CREATED: &str = "1970-01-01T00:00:00Z";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// The archive of an image.
pub(super) fn bytes(image: &Image) -> io::Result<Vec<u8>> {
    let layer = Blob::of(layer(image)?);
    let config = Blob::of(config(image, &layer).to_string().into_bytes());
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config.described(CONFIG),
        "layers": [layer.described(LAYER)],
    });
    let manifest = Blob::of(manifest.to_string().into_bytes());
    let mut entry = manifest.described(MANIFEST);
    entry["platform"] = json!({ "os": "linux", "architecture": architecture() });
    entry["annotations"] = json!({
        "io.containerd.image.name": image.name,
        "org.opencontainers.image.ref.name": image.name,
    });
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [entry],
    });
    let docker = json!([{ "Config": config.path(), "RepoTags": [image.name], "Layers": [layer.path()] }]);

    let mut archive = Builder::new(Vec::new());
    for blob in [&config, &layer, &manifest] {
        put(&mut archive, Path::new(&blob.path()), EntryType::Regular, 0o644, &blob.bytes)?;
    }
    for (name, content) in [
        ("index.json", index),
        ("manifest.json", docker),
        ("oci-layout", json!({ "imageLayoutVersion": "1.0.0" })),
    ] {
        put(&mut archive, Path::new(name), EntryType::Regular, 0o644, content.to_string().as_bytes())?;
    }
    archive.into_inner()
}

/// Something that is known by its digest.
struct Blob {
    bytes: Vec<u8>,
    digest: String,
}

impl Blob {
    fn of(bytes: Vec<u8>) -> Self {
        let digest = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        Self { bytes, digest }
    }

    fn path(&self) -> String {
        format!("blobs/sha256/{}", self.digest)
    }

    fn described(&self, media_type: &str) -> Value {
        let digest = format!("sha256:{}", self.digest);
        json!({ "mediaType": media_type, "digest": digest, "size": self.bytes.len() })
    }
}

fn config(image: &Image, layer: &Blob) -> Value {
    json!({
        "architecture": architecture(),
        "os": "linux",
        "created": CREATED,
        "config": {
            "User": image.user,
            "Entrypoint": image.entrypoint,
            "Env": image.variables,
            "Labels": image.labels,
            "WorkingDir": "/",
        },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", layer.digest)] },
        "history": [{ "created": CREATED, "created_by": "devcluster image" }],
    })
}

/// The files in the order of their paths, so that a directory comes before what is in it.
fn layer(image: &Image) -> io::Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    for (path, file) in &image.files {
        let path = path.strip_prefix("/").unwrap_or(path);
        match file {
            File::Directory(mode) => put(&mut archive, path, EntryType::Directory, *mode, &[])?,
            File::Program(bytes) => put(&mut archive, path, EntryType::Regular, 0o755, bytes)?,
            File::Link(target) => {
                let mut header = header(EntryType::Symlink, 0o777, 0);
                archive.append_link(&mut header, path, target)?;
            }
        }
    }
    archive.into_inner()
}

fn put(
    archive: &mut Builder<Vec<u8>>,
    path: &Path,
    kind: EntryType,
    mode: u32,
    bytes: &[u8],
) -> io::Result<()> {
    let mut header = header(kind, mode, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    archive.append_data(&mut header, path, bytes)
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

/// As container images call it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read as _;

    use super::*;
    use crate::image::NOBODY;

    fn image() -> Image {
        Image::named("example.com/a:1")
            .started_with(&["/a", "run"])
            .with("/b", File::Directory(0o1777))
            .with("/a", File::Program(b"program".to_vec()))
            .with("/c", File::Link("/a".into()))
    }

    fn entries(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let mut archive = tar::Archive::new(archive);
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (entry.path().unwrap().display().to_string(), bytes)
        });
        entries.collect()
    }

    #[test]
    fn the_same_image_has_the_same_bytes_in_whatever_order_it_was_made() {
        let other = Image::named("example.com/a:1")
            .with("/c", File::Link("/a".into()))
            .with("/a", File::Program(b"program".to_vec()))
            .with("/b", File::Directory(0o1777))
            .started_with(&["/a", "run"]);
        assert_eq!(bytes(&image()).unwrap(), bytes(&other).unwrap());
    }

    #[test]
    fn every_blob_is_where_its_digest_says_and_both_readers_find_it() {
        let entries = entries(&bytes(&image()).unwrap());
        for (path, bytes) in entries.iter().filter(|(path, _)| path.starts_with("blobs/")) {
            assert_eq!(*path, Blob::of(bytes.clone()).path());
        }
        let read = |name: &str| serde_json::from_slice::<Value>(&entries[name]).unwrap();
        let at = |digest: &Value| format!("blobs/{}", digest.as_str().unwrap().replace(':', "/"));
        let manifest = read(&at(&read("index.json")["manifests"][0]["digest"]));
        let docker = &read("manifest.json")[0];
        assert_eq!(docker["Config"], at(&manifest["config"]["digest"]));
        assert_eq!(docker["Layers"][0], at(&manifest["layers"][0]["digest"]));
        assert_eq!(docker["RepoTags"][0], "example.com/a:1");
        let config = read(&at(&manifest["config"]["digest"]));
        assert_eq!(config["config"]["User"], NOBODY);
        assert_eq!(config["config"]["Entrypoint"], json!(["/a", "run"]));
        assert_eq!(config["rootfs"]["diff_ids"][0], manifest["layers"][0]["digest"]);
    }

    #[test]
    fn a_layer_has_programs_directories_and_links_of_roots() {
        let layer = layer(&image()).unwrap();
        let mut archive = tar::Archive::new(&*layer);
        let entries: Vec<String> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let header = entry.header();
                let [path, kind] =
                    [entry.path().unwrap().display().to_string(), format!("{:?}", header.entry_type())];
                let [mode, uid, time] =
                    [u64::from(header.mode().unwrap()), header.uid().unwrap(), header.mtime().unwrap()];
                format!("{path} {kind} {mode:o} {uid} {time}")
            })
            .collect();
        assert_eq!(entries, ["a Regular 755 0 0", "b Directory 1777 0 0", "c Symlink 777 0 0"]);
    }
}
