//! `/metrics` through TLS, for accounts that may read it.

use std::{sync::Arc, time::Instant};

use futures::{StreamExt, stream};
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
    rbac::v1::{ClusterRole, ClusterRoleBinding},
};
use kube::{Api, api::PostParams};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use scenario::scenario;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::Command,
};
use tokio_rustls::TlsConnector;

use super::cluster::Cluster;
use crate::kit::{Kit, within};

#[scenario]
async fn secure_metrics_need_an_account_that_may_read_them(kit: Arc<Kit>) {
    let cluster = Cluster::of(&kit).await;
    let replica = cluster.replica_with(&["--metrics-secure"]).await;
    let address = replica.address("metrics").await;
    reqwest::get(format!("http://{address}/metrics")).await.unwrap_err();

    let authority = cluster.authority().await;
    let scrape = async |token: Option<&str>| scrape(&address, &authority, token).await;
    let (status, body) = scrape(None).await;
    assert_eq!((status, body.contains("bearer token")), (401, true), "{body}");
    assert_eq!(scrape(Some("nonsense")).await.0, 401);

    let (stranger, scraper) = (token(&cluster, "stranger").await, token(&cluster, "scraper").await);
    grant(&cluster, "scraper").await;
    let (status, body) = scrape(Some(&stranger)).await;
    assert_eq!((status, body.contains(":stranger may not get")), (403, true), "{body}");
    let (status, body) = scrape(Some(&scraper)).await;
    assert_eq!((status, body.contains("sei_controller_build_info")), (200, true), "{body}");

    // A crowd of tokens that nobody knows costs the API server little, and the scraper nothing.
    let crowd: Vec<_> = (0..200).map(|number| format!("nonsense-{number}")).collect();
    let begun = Instant::now();
    let answers = stream::iter(&crowd).map(|token| scrape(Some(token))).buffer_unordered(4);
    let answers: Vec<_> = answers.collect().await;
    let reviewed = answers.iter().filter(|(status, _)| *status == 401).count();
    // Twenty within ten seconds.
    let most = 20 * (1 + usize::try_from(begun.elapsed().as_secs()).unwrap().div_ceil(10));
    assert!(
        reviewed <= most.min(crowd.len() / 2)
            && answers.iter().all(|(status, _)| matches!(status, 401 | 429)),
        "{answers:?}"
    );
    assert_eq!(scrape(Some(&scraper)).await.0, 200);

    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let mut selftest = Command::new(env!("CARGO_BIN_EXE_seinode-operator"));
    selftest.args(["selftest", "--within=0", "--metrics-name=127.0.0.1", "--metrics", &address]);
    selftest.arg("--metrics-ca").arg(file("ca.crt", &authority));
    selftest.arg("--metrics-token").arg(file("token", &scraper));
    let output = selftest.env("KUBECONFIG", cluster.kubeconfig()).output().await.unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    assert!(output.contains("ok    every replica serves /metrics, and one of them leads"), "{output}");
}

/// Makes an account, and returns a token of it.
async fn token(cluster: &Cluster, name: &str) -> String {
    let accounts = cluster.ns.api::<ServiceAccount>();
    let account = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
    accounts.create(&PostParams::default(), &account).await.unwrap();
    let request = TokenRequest { spec: TokenRequestSpec::default(), ..TokenRequest::default() };
    let made = accounts.create_token_request(name, &PostParams::default(), &request).await.unwrap();
    made.status.unwrap().token
}

/// Grants an account what docs/operations.md says for scrapers.
async fn grant(cluster: &Cluster, account: &str) {
    let (client, namespace) = (cluster.ns.client.clone(), &cluster.ns.name);
    let name = format!("{account}-{namespace}");
    let role = json!({"metadata": {"name": name},
                      "rules": [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]});
    let roles: Api<ClusterRole> = Api::all(client.clone());
    roles.create(&PostParams::default(), &serde_json::from_value(role).unwrap()).await.unwrap();
    let binding = json!({
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
    });
    let bindings: Api<ClusterRoleBinding> = Api::all(client);
    bindings.create(&PostParams::default(), &serde_json::from_value(binding).unwrap()).await.unwrap();
}

/// Status and body of a scrape by a client that trusts the authority.
async fn scrape(address: &str, authority: &str, token: Option<&str>) -> (u16, String) {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\n{token}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    within("an answer", stream.read_to_end(&mut answer)).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}
