//! Official release files, from a mirror on loopback. Where one cannot be used, its programs are built.

use std::process::Output;
use std::time::{Duration, Instant};

use devcluster::tools::Tool;
use scenario::{Failed, scenario};
use tempfile::TempDir;

use super::server::{Answer, archive, serve, serve_tls, sha256, sha512};
use super::{GO, built, devcluster, paths, sandbox};

const ARCH: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };

/// Answers of a mirror that has etcd, with the checksum of `listed`.
fn answers(archived: Vec<u8>, listed: &[u8]) -> impl Fn(&str) -> Answer + Send + 'static {
    let base = "/github.com/etcd-io/etcd/releases/download/v3.6.16/";
    let name = format!("etcd-v3.6.16-linux-{ARCH}.tar.gz");
    let sums = sha256(listed, &name);
    move |path| match path.strip_prefix(base) {
        Some("SHA256SUMS") => Answer::Body(sums.clone()),
        Some(file) if file == name => Answer::Body(archived.clone()),
        _ => Answer::NotFound,
    }
}

fn etcd(archived: Vec<u8>, listed: &[u8]) -> Result<String, Failed> {
    serve(answers(archived, listed))
}

fn etcd_archive(version: &str) -> Result<Vec<u8>, Failed> {
    archive(&format!("etcd-v3.6.16-linux-{ARCH}/etcd"), &format!("echo etcd Version: {version}"))
}

fn path_of(tool: &str, sandbox: &TempDir, mirror: &str) -> Result<Output, Failed> {
    Ok(devcluster(sandbox, mirror).args(["path", tool]).output()?)
}

/// The one line that gives the reason of a build.
fn reason(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let mut lines = stderr.lines().filter(|line| line.contains("instead of downloading"));
    let line = lines.next().unwrap_or_else(|| panic!("no reason in {stderr}")).to_owned();
    assert_eq!(lines.next(), None, "{stderr}");
    line
}

#[scenario]
fn a_release_file_saves_the_build() -> Result<(), Failed> {
    let file = etcd_archive("3.6.16")?;
    // Without a Go nothing can be built.
    let (sandbox, mirror) = (sandbox(None)?, etcd(file.clone(), &file)?);
    let output = path_of("etcd", &sandbox, &mirror)?;
    let program = std::fs::read_to_string(&paths(&output)[0])?;
    assert!(program.contains("etcd Version: 3.6.16"), "{program}");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(stderr.contains("downloaded etcd from github.com/etcd-io"), "{stderr}");
    Ok(())
}

#[scenario]
fn the_second_run_downloads_nothing() -> Result<(), Failed> {
    let file = etcd_archive("3.6.16")?;
    let (sandbox, mirror) = (sandbox(None)?, etcd(file.clone(), &file)?);
    let first = paths(&path_of("etcd", &sandbox, &mirror)?);
    let output = path_of("etcd", &sandbox, "http://127.0.0.1:1")?;
    assert_eq!(paths(&output), first);
    assert!(output.stderr.is_empty(), "{output:?}");
    Ok(())
}

#[scenario]
fn a_release_file_that_is_missing_is_built() -> Result<(), Failed> {
    let (sandbox, mirror) = (sandbox(Some(GO))?, serve(|_| Answer::NotFound)?);
    let output = path_of("etcd", &sandbox, &mirror)?;
    assert!(reason(&output).contains("answers 404"), "{output:?}");
    assert_eq!((paths(&output).len(), built(&sandbox)), (1, vec!["etcd".to_owned()]));
    Ok(())
}

#[scenario]
fn a_release_file_with_a_wrong_checksum_is_built() -> Result<(), Failed> {
    let (sandbox, mirror) = (sandbox(Some(GO))?, etcd(etcd_archive("3.6.16")?, b"another file")?);
    let output = path_of("etcd", &sandbox, &mirror)?;
    assert!(reason(&output).contains("expected sha256:"), "{output:?}");
    assert_eq!(built(&sandbox), ["etcd"]);
    let program = std::fs::read_to_string(&paths(&output)[0])?;
    assert!(program.starts_with("CGO_ENABLED=0"), "the rejected program is used: {program}");
    Ok(())
}

#[scenario]
fn a_release_file_of_another_version_is_built() -> Result<(), Failed> {
    let file = etcd_archive("3.6.15")?;
    let (sandbox, mirror) = (sandbox(Some(GO))?, etcd(file.clone(), &file)?);
    let output = path_of("etcd", &sandbox, &mirror)?;
    assert!(reason(&output).contains("it is 3.6.15, expected 3.6.16"), "{output:?}");
    assert_eq!(built(&sandbox), ["etcd"]);
    let program = std::fs::read_to_string(&paths(&output)[0])?;
    assert!(program.starts_with("CGO_ENABLED=0"), "the rejected program is used: {program}");
    Ok(())
}

#[scenario]
fn a_mirror_cannot_replace_a_pinned_checksum() -> Result<(), Failed> {
    let file = archive("kubernetes/server/bin/kube-scheduler", "echo Kubernetes v1.34.4")?;
    let sums = sha512(&file, &format!("kubernetes-server-linux-{ARCH}.tar.gz"));
    let mirror =
        serve(move |path| Answer::Body(if path.ends_with(".sha512") { sums.clone() } else { file.clone() }))?;
    let sandbox = sandbox(Some(GO))?;
    let output = path_of("kube-scheduler", &sandbox, &mirror)?;
    assert!(reason(&output).contains("expected sha512:"), "{output:?}");
    assert_eq!(built(&sandbox), ["kube-scheduler"]);
    Ok(())
}

#[scenario]
fn an_unreachable_mirror_is_reported_in_a_line() -> Result<(), Failed> {
    let sandbox = sandbox(Some(GO))?;
    let output = path_of("helm", &sandbox, "http://127.0.0.1:1")?;
    assert!(reason(&output).contains("refused"), "{output:?}");
    assert_eq!(built(&sandbox), ["helm"]);
    Ok(())
}

#[scenario]
fn a_silent_mirror_costs_one_timeout_for_all() -> Result<(), Failed> {
    let (sandbox, begin) = (sandbox(Some(GO))?, Instant::now());
    let output = devcluster(&sandbox, &serve(|_| Answer::Silence)?).arg("tools").output()?;
    let elapsed = begin.elapsed();
    assert_eq!(paths(&output).len(), Tool::CONTROL_PLANE.len());
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let timed_out =
        stderr.lines().filter(|line| line.contains("less than 5 MiB arrived within 10 s")).count();
    // One line each for etcd, Kubernetes and Helm.
    assert_eq!(timed_out, 3, "{stderr}");
    assert!((Duration::from_secs(10)..Duration::from_secs(28)).contains(&elapsed), "{elapsed:?}: {stderr}");
    Ok(())
}

/// `devcluster path etcd` with a mirror behind TLS whose certificate is trusted.
fn over_tls(sandbox: &TempDir, mirror: &str, certificate: &str) -> Result<Output, Failed> {
    let file = sandbox.path().join("ca.pem");
    std::fs::write(&file, certificate)?;
    Ok(devcluster(sandbox, mirror).args(["path", "etcd"]).env("SSL_CERT_FILE", file).output()?)
}

#[scenario]
fn https_downloads_from_a_trusted_server() -> Result<(), Failed> {
    let file = etcd_archive("3.6.16")?;
    let (mirror, certificate) = serve_tls(answers(file.clone(), &file))?;
    let output = over_tls(&sandbox(None)?, &mirror, &certificate)?;
    assert_eq!(paths(&output).len(), 1);
    Ok(())
}

#[scenario]
fn https_refuses_an_untrusted_server() -> Result<(), Failed> {
    let file = etcd_archive("3.6.16")?;
    let (mirror, _) = serve_tls(answers(file.clone(), &file))?;
    let (_, other) = serve_tls(|_| Answer::NotFound)?;
    let sandbox = sandbox(Some(GO))?;
    let output = over_tls(&sandbox, &mirror, &other)?;
    assert!(reason(&output).contains("invalid peer certificate"), "{output:?}");
    assert_eq!(built(&sandbox), ["etcd"]);
    Ok(())
}

#[scenario]
fn https_is_never_redirected_to_http() -> Result<(), Failed> {
    let file = etcd_archive("3.6.16")?;
    let plain = etcd(file.clone(), &file)?;
    let (mirror, certificate) = serve_tls(move |path| Answer::Redirect(format!("{plain}{path}")))?;
    let sandbox = sandbox(Some(GO))?;
    let output = over_tls(&sandbox, &mirror, &certificate)?;
    assert!(reason(&output).contains("URL scheme is not allowed"), "{output:?}");
    assert_eq!(built(&sandbox), ["etcd"]);
    Ok(())
}
