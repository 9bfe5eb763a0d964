use flate2::{Compression, write::GzEncoder};

use super::super::checksum::Checksum;
use super::super::release::Source;
use super::*;

/// A program that reports `version`.
fn program(version: &str) -> Vec<u8> {
    format!("#!/bin/sh\necho Kubernetes v{version}\n").into_bytes()
}

fn archive(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, content.as_slice()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

/// Unpacks kube-apiserver and kube-scheduler; returns what each of them is then.
async fn unpack_both(archive: &[u8]) -> Result<Vec<Vec<u8>>, DownloadError> {
    let checksum = Checksum::parse(&"0".repeat(64)).unwrap();
    let release = Release::example("host/a.tar.gz", Source::Pinned(checksum));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("download");
    std::fs::write(&path, archive).unwrap();
    let tools = [Tool::Apiserver, Tool::Scheduler];
    unpack(&release, &path, &tools, directory.path()).await?;
    Ok(tools.iter().map(|tool| std::fs::read(directory.path().join(tool.name())).unwrap()).collect())
}

async fn failure(archive: &[u8]) -> String {
    let error = unpack_both(archive).await.unwrap_err().to_string();
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.contains("a.tar.gz"), "{error}");
    error
}

#[tokio::test]
async fn the_wanted_programs_are_taken_out() {
    let (good, other) = (program("1.34.4"), b"anything".to_vec());
    let members = [
        ("bin/kubeadm", other),
        ("./bin/kube-scheduler", good.clone()),
        ("bin/kube-apiserver", good.clone()),
    ];
    assert_eq!(unpack_both(&archive(&members)).await.unwrap(), [good.clone(), good]);
}

#[tokio::test]
async fn a_program_of_another_version_is_rejected() {
    let members = [("bin/kube-apiserver", program("1.34.4")), ("bin/kube-scheduler", program("1.34.5"))];
    let error = failure(&archive(&members)).await;
    assert!(error.contains("kube-scheduler of a.tar.gz: it is 1.34.5, expected 1.34.4"), "{error}");
}

#[tokio::test]
async fn a_program_that_does_not_run_is_rejected() {
    let members = [("bin/kube-apiserver", b"\x7fELF".to_vec()), ("bin/kube-scheduler", program("1.34.4"))];
    let error = failure(&archive(&members)).await;
    assert!(error.contains("kube-apiserver of a.tar.gz: it does not run"), "{error}");
}

#[tokio::test]
async fn a_program_without_a_version_is_rejected() {
    let silent = b"#!/bin/sh\nexit 3\n".to_vec();
    let members = [("bin/kube-apiserver", silent), ("bin/kube-scheduler", program("1.34.4"))];
    let error = failure(&archive(&members)).await;
    assert!(error.contains("it does not report its version (exit status: 3)"), "{error}");
}

#[tokio::test]
async fn a_missing_program_is_named() {
    let members = [("bin/kube-apiserver", program("1.34.4")), ("other/kube-scheduler", program("1.34.4"))];
    let error = failure(&archive(&members)).await;
    assert!(error.contains("it has no bin/kube-scheduler"), "{error}");
}

#[tokio::test]
async fn a_damaged_archive_is_reported() {
    let members = [("bin/kube-apiserver", program("1.34.4")), ("bin/kube-scheduler", program("1.34.4"))];
    let whole = archive(&members);
    failure(&whole[..whole.len() / 2]).await;
    failure(b"<html>this is no archive</html>").await;
    failure(b"").await;
}
