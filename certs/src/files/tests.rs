use std::{fs, os::unix::fs::symlink, path::Path, time::Duration};

use kube::{Client, Config};
use tempfile::TempDir;
use tokio::{sync::watch::Receiver, task::JoinHandle, time::timeout};

use super::*;
use crate::{
    certificates::{Handle, prepare},
    clock::Clock,
    issue::Authority,
    lifetimes::Lifetimes,
    names::Names,
    settings::Origin,
    tests::fixtures::{DAY, authority, names, on},
};

/// A directory as the kubelet mounts a Secret: the files are links through `..data`, which is swapped.
struct Mount(TempDir);

impl Mount {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in ["tls.crt", "tls.key"] {
            symlink(Path::new("..data").join(name), directory.path().join(name)).unwrap();
        }
        Self(directory)
    }

    /// Writes a new generation of the files and swaps the link, as the kubelet does.
    fn publish(&self, generation: &str, certificate: &str, key: &str) {
        let path = self.0.path();
        fs::create_dir(path.join(generation)).unwrap();
        fs::write(path.join(generation).join("tls.crt"), certificate).unwrap();
        fs::write(path.join(generation).join("tls.key"), key).unwrap();
        symlink(generation, path.join("..data_tmp")).unwrap();
        fs::rename(path.join("..data_tmp"), path.join("..data")).unwrap();
    }

    fn files(&self) -> Files {
        Files {
            certificate: self.0.path().join("tls.crt"),
            key: self.0.path().join("tls.key"),
            bundle: None,
            interval: Duration::from_millis(10),
        }
    }
}

/// A certificate and its key in PEM, of an authority made for it.
fn issued(made: Duration, names: &Names) -> (String, String) {
    let (certificate, key) = crate::issue::fixtures::pair(&authority(made), names, on(made));
    (certificate, key)
}

struct Running {
    handle: Handle,
    rest: CancellationToken,
    task: JoinHandle<()>,
}

fn start(mount: &Mount, now: Duration) -> Running {
    // No configuration is named: nobody is asked anything.
    let nobody = Client::try_from(Config::new("http://127.0.0.1:1".parse().unwrap())).unwrap();
    let (handle, certificates) = prepare(Settings {
        watch_client: nobody.clone(),
        client: nobody,
        origin: Origin::Files(mount.files()),
        names: names(),
        configurations: Vec::new(),
        lifetimes: Lifetimes::default(),
        clock: Clock::new(move || on(now)),
    });
    let rest = CancellationToken::new();
    Running { handle, rest: rest.clone(), task: tokio::spawn(certificates.run(rest)) }
}

impl Running {
    async fn until(&self, what: &str, holds: impl FnMut(&Report) -> bool) -> Report {
        let mut report: Receiver<Report> = self.handle.report.clone();
        let waited = timeout(Duration::from_secs(20), report.wait_for(holds)).await;
        let last = self.handle.report.borrow().clone();
        waited.unwrap_or_else(|_| panic!("{what}: {last:?}")).unwrap().clone()
    }

    async fn says(&self, words: &str) {
        let says =
            |report: &Report| matches!(&report.readiness, Readiness::Waiting(why) if why.contains(words));
        self.until(words, says).await;
    }

    async fn ready(&self) {
        self.until("ready", |report| report.readiness == Readiness::Ready).await;
    }

    fn presented(&self) -> Vec<u8> {
        self.handle.resolver.presented().unwrap().cert[0].to_vec()
    }

    async fn end(self) {
        self.rest.cancel();
        self.task.await.unwrap();
    }
}

fn der(pem: &str) -> Vec<u8> {
    crate::certificate::Certificate::from_pem(pem.as_bytes()).unwrap()[0].der().to_vec()
}

#[tokio::test]
async fn a_swap_of_links_presents_the_new_certificate() {
    let mount = Mount::new();
    let (first, second) = (issued(Duration::ZERO, &names()), issued(Duration::ZERO, &names()));
    mount.publish("..one", &first.0, &first.1);
    let running = start(&mount, DAY);
    running.ready().await;
    assert_eq!(running.presented(), der(&first.0));
    mount.publish("..two", &second.0, &second.1);
    running.until("the second is loaded", |report| report.leaf_renewals.succeeded == 2).await;
    assert_eq!(running.presented(), der(&second.0));
    running.end().await;
}

#[tokio::test]
async fn files_that_come_late_are_waited_for_and_named() {
    let mount = Mount::new();
    let running = start(&mount, DAY);
    running.says("tls.crt: No such file or directory").await;
    let pair = issued(Duration::ZERO, &names());
    mount.publish("..one", &pair.0, &pair.1);
    running.ready().await;
    running.end().await;
}

#[tokio::test]
async fn an_unusable_pair_is_counted_and_the_one_before_stays() {
    let mount = Mount::new();
    let (good, other) = (issued(Duration::ZERO, &names()), issued(Duration::ZERO, &names()));
    mount.publish("..good", &good.0, &good.1);
    let running = start(&mount, DAY);
    running.ready().await;
    for (generation, certificate, key) in [
        ("..strangers", &good.0, &other.1),
        ("..cut", &good.0[..40].to_owned(), &good.1),
        ("..swapped", &good.1, &good.0),
    ] {
        let before = running.handle.report.borrow().leaf_renewals.failed;
        mount.publish(generation, certificate, key);
        running.until(generation, |report| report.leaf_renewals.failed > before).await;
        assert_eq!(running.presented(), der(&good.0), "{generation}");
        assert_eq!(running.handle.report.borrow().readiness, Readiness::Ready, "{generation}");
    }
    running.end().await;
}

#[tokio::test]
async fn a_certificate_of_other_names_or_times_is_not_ready() {
    let pair = issued(Duration::ZERO, &Names::parse(&["another.svc"]).unwrap());
    let check = async |names: Option<&(String, String)>, now, words: &str| {
        let mount = Mount::new();
        let fine = issued(DAY, &crate::tests::fixtures::names());
        let pair = names.unwrap_or(&fine);
        mount.publish("..one", &pair.0, &pair.1);
        let running = start(&mount, now);
        running.says(words).await;
        running.end().await;
    };
    check(Some(&pair), DAY, "the certificate is not valid for seinode-webhook.sei-system.svc").await;
    check(None, Duration::ZERO, "the certificate is not valid yet: is the clock right?").await;
    check(None, 8 * DAY, "the certificate has expired").await;
    check(None, 8 * DAY - Duration::from_secs(1800), "the certificate is valid for less than 3600s more")
        .await;
}

#[tokio::test]
async fn a_bundle_is_checked_as_a_client_does() {
    let mount = Mount::new();
    let trusted = authority(Duration::ZERO);
    let (certificate, key) = crate::issue::fixtures::pair(&trusted, &names(), on(Duration::ZERO));
    mount.publish("..one", &certificate, &key);
    let pair = Pair::read(&mount.files()).await.unwrap();
    let bundle = |authorities: &[&Authority]| -> Bundle {
        authorities.iter().map(|authority| authority.certificate().clone()).collect()
    };
    let other = authority(Duration::ZERO);
    let check = |bundle: Bundle, names: &Names, now, expected| {
        assert_eq!(pair.is_trusted(&bundle, names, on(now)), expected);
    };
    check(bundle(&[&trusted]), &names(), DAY, true);
    check(bundle(&[&other, &trusted]), &names(), DAY, true);
    check(bundle(&[&other]), &names(), DAY, false);
    check(bundle(&[]), &names(), DAY, false);
    check(bundle(&[&trusted]), &names(), 9 * DAY, false);
    check(bundle(&[&trusted]), &Names::parse(&["another.svc"]).unwrap(), DAY, false);
}

#[tokio::test]
async fn debug_and_errors_of_a_pair_show_no_key() {
    let mount = Mount::new();
    let (certificate, key) = issued(Duration::ZERO, &names());
    let secret = &key.lines().nth(1).unwrap()[..16];
    mount.publish("..one", &certificate, &key);
    let pair = Pair::read(&mount.files()).await.unwrap();
    assert!(!format!("{pair:?}").contains(secret));
    mount.publish("..two", &key, &key.replace("END", "FIN"));
    for error in
        [Pair::read(&mount.files()).await.unwrap_err(), pair::bundle(&mount.files().key).await.unwrap_err()]
    {
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(secret), "{shown}");
    }
}
