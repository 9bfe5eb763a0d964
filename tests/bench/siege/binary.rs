//! The release binary as a process, with a certificate in files and no API server to talk to.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{ClientConfig, RootCertStore, crypto::ring, version::TLS13};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use xtask::platform::PLATFORM;

/// Time that the binary may take to serve its first review.
const STARTS: Duration = Duration::from_secs(60);

/// The binary. Dropping it kills it.
pub struct Binary {
    pub webhooks: u16,
    pub health: u16,
    pub metrics: u16,
    connector: TlsConnector,
    process: Child,
    _files: TempDir,
}

impl Binary {
    pub async fn start() -> Self {
        let files = tempfile::tempdir().unwrap();
        let roots = certificate(files.path());
        let [webhooks, health, metrics, nobody] = free_ports();
        let kubeconfig = files.path().join("kubeconfig");
        fs::write(&kubeconfig, kubeconfig_of(nobody)).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_seinode-operator"))
            .arg("run")
            .args(["--leader-elect=false", "--log-format=json"])
            .arg(format!("--webhook-bind-address=127.0.0.1:{webhooks}"))
            .arg(format!("--health-probe-bind-address=127.0.0.1:{health}"))
            .arg(format!("--metrics-bind-address=127.0.0.1:{metrics}"))
            .arg(format!("--webhook-certificate-directory={}", files.path().display()))
            .env_clear()
            .envs(PLATFORM)
            .env("KUBECONFIG", &kubeconfig)
            .env("RUST_LOG", "off")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = TlsConnector::from(Arc::new(config));
        let binary = Self { webhooks, health, metrics, connector, process, _files: files };
        let serves = async {
            while binary.connect().await.is_err() {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(STARTS, serves).await.expect("the binary does not serve webhooks");
        binary
    }

    /// Opens a connection to the webhooks.
    pub async fn connect(&self) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(("127.0.0.1", self.webhooks)).await?;
        stream.set_nodelay(true)?;
        self.connector.connect("127.0.0.1".try_into().unwrap(), stream).await
    }

    /// The time of one `/livez`, as a kubelet sends it; `most` when it was not answered by then.
    pub async fn livez(&self, most: Duration) -> Duration {
        let begun = Instant::now();
        let asking = async {
            let mut stream = TcpStream::connect(("127.0.0.1", self.health)).await?;
            stream.write_all(b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await?;
            let mut response = String::new();
            stream.read_to_string(&mut response).await?;
            Ok::<_, std::io::Error>(response.starts_with("HTTP/1.1 200"))
        };
        match timeout(most, asking).await {
            Ok(Ok(true)) => begun.elapsed(),
            _ => most,
        }
    }

    /// The most memory that was resident so far, in MiB.
    pub fn peak_mib(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let kib: u32 = line.trim().trim_end_matches(" kB").parse().unwrap();
        f64::from(kib) / 1024.0
    }
}

impl Drop for Binary {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn free_ports() -> [u16; 4] {
    let listeners = [(); 4].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

fn kubeconfig_of(port: u16) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: a\n\
         clusters: [{{name: a, cluster: {{server: 'http://127.0.0.1:{port}'}}}}]\n\
         users: [{{name: a, user: {{}}}}]\n\
         contexts: [{{name: a, context: {{cluster: a, user: a, namespace: sei}}}}]\n"
    )
}

/// Writes a certificate and its key, and returns the authority to trust.
fn certificate(directory: &Path) -> RootCertStore {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf =
        CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    fs::write(directory.join("tls.crt"), leaf.pem()).unwrap();
    fs::write(directory.join("tls.key"), key.serialize_pem()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(issuer.der().clone()).unwrap();
    roots
}
