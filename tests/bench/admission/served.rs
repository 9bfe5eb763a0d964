//! The server, as a process of its own: this executable, started again with a variable that selects the reviewer.

use std::{
    env,
    io::{BufRead, BufReader, Read},
    process::{Child, Command, ExitCode, Stdio},
    sync::Arc,
};

use prometheus::Registry;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
    sign::{CertifiedKey, SingleCertAndKey},
    version::TLS13,
};
use seinode_webhook::{
    Limits, Listener, Metrics, Reviewer,
    review::{Response, Summary, respond},
};
use tokio::net::TcpListener;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

const VARIABLE: &str = "SEI_BENCH_ADMISSION";
/// The constant response: a review that allows, of the usual length.
const CONSTANT: &[u8] = br#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"705ab4f5-6393-11e8-b7cc-42010a800002","allowed":true}}"#;

/// The reviewer of a server.
#[derive(Clone, Copy)]
pub enum Kind {
    Real,
    Constant,
}

/// A running server. Dropping it kills it.
pub struct Served {
    pub port: u16,
    pub connector: TlsConnector,
    process: Child,
}

impl Served {
    pub async fn start(kind: Kind) -> Self {
        let name = match kind {
            Kind::Real => "real",
            Kind::Constant => "constant",
        };
        let mut command = Command::new(env::current_exe().unwrap());
        let mut process = command.env(VARIABLE, name).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut port = String::new();
        output.read_line(&mut port).unwrap();
        let mut length = String::new();
        output.read_line(&mut length).unwrap();
        let mut authority = vec![0; length.trim().parse().unwrap()];
        output.read_exact(&mut authority).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(authority)).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { port: port.trim().parse().unwrap(), connector: TlsConnector::from(Arc::new(config)), process }
    }

    /// Its resident memory.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// The server that this process is to be, if it is to be one.
pub fn asked_for() -> Option<Kind> {
    match &*env::var(VARIABLE).ok()? {
        "real" => Some(Kind::Real),
        "constant" => Some(Kind::Constant),
        other => panic!("{VARIABLE} is {other:?}"),
    }
}

/// Prints its port and its authority, and serves until it is killed.
pub fn serve(kind: Kind) -> ExitCode {
    let reviewer: Reviewer = match kind {
        Kind::Real => Arc::new(respond),
        Kind::Constant => Arc::new(|_, _| Response {
            status: 200,
            body: CONSTANT.to_vec(),
            summary: Summary { operation: "UPDATE", allowed: true, code: 200, ..Summary::default() },
        }),
    };
    let (authority, certified) = certificate();
    let serving = async move {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}\n{}", socket.local_addr().unwrap().port(), authority.len());
        std::io::Write::write_all(&mut std::io::stdout(), &authority).unwrap();
        std::io::Write::flush(&mut std::io::stdout()).unwrap();
        let certificates = Arc::new(SingleCertAndKey::from(certified));
        let listener = Listener { socket, certificates, clients: None };
        let metrics = Metrics::register(&Registry::new()).unwrap();
        seinode_webhook::serve(listener, reviewer, Limits::default(), metrics, CancellationToken::new()).await
    };
    tokio::runtime::Runtime::new().unwrap().block_on(serving).unwrap();
    ExitCode::SUCCESS
}

fn certificate() -> (Vec<u8>, CertifiedKey) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf =
        CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let certified =
        CertifiedKey::from_der(vec![leaf.der().clone()], private, &ring::default_provider()).unwrap();
    (issuer.der().to_vec(), certified)
}
