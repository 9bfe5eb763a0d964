//! The clients of the Kubernetes API: one for watches, one for everything else, and one for what only a leader may do.
//!
//! Building them sends nothing: an unreachable API server is found out, and waited for, by whoever uses them. Only
//! credentials that cannot be read end the start.

pub mod count;
mod fenced;
mod opened;
mod redact;

use std::{collections::BTreeMap, fmt, time::Duration};

use http::{HeaderValue, header::USER_AGENT};
use kube::{Client, Config, client::ClientBuilder, config::KubeConfigOptions};

use seinode_controller::Fence;

use self::{count::Requests, fenced::Fencing};

/// User agent of every request; audit logs and flow schemas of the API server see it.
const AGENT: &str = concat!("seinode-operator/", env!("CARGO_PKG_VERSION"));

/// A TCP connection takes milliseconds, or the address is dead.
const CONNECT: Duration = Duration::from_secs(5);
/// Sending a request.
const WRITE: Duration = Duration::from_secs(10);
/// Waiting for the response of a request that is no watch; the API server itself gives up after 60 s.
const READ: Duration = Duration::from_secs(15);

/// The clients.
pub struct Clients {
    /// For watches: no read timeout, as silence is normal there and the watcher has its own idle timeout.
    pub watch: Client,
    /// For everything else.
    pub request: Client,
    /// The same for the controller: behind the fence.
    pub fenced: Client,
}

/// Reason why no client can be built.
#[derive(Debug, thiserror::Error)]
pub enum NoCluster {
    /// `KUBECONFIG` cannot be used.
    #[error("KUBECONFIG is {paths:?}, but {why}")]
    Named {
        /// Value of the variable.
        paths: String,
        /// Its problem.
        why: String,
    },
    /// In a pod, but without its ServiceAccount.
    #[error("this pod's ServiceAccount cannot be read: {0}; is automountServiceAccountToken false?")]
    Pod(String),
    /// Neither `KUBECONFIG` nor a pod, and the home directory does not help.
    #[error(
        "no cluster is named: KUBECONFIG is not set, this is not a pod (KUBERNETES_SERVICE_HOST is not set), \
         and ~/.kube/config does not help: {0}"
    )]
    Home(String),
    /// The credentials cannot be used.
    #[error("the credentials for the API server cannot be used: {0}")]
    Credentials(String),
}

/// Source of the API server's address and the credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// In the files of `KUBECONFIG`. It was set on purpose, so nothing else is tried.
    Named(String),
    /// In the pod this runs in.
    Pod,
    /// In `~/.kube/config`.
    Home,
}

/// Reads the credentials and builds the clients, whose requests are counted.
///
/// # Errors
/// When no credentials are found, or they cannot be used.
pub async fn connect(source: Source, requests: &Requests, fence: &Fence) -> Result<Clients, NoCluster> {
    // The workspace has one TLS provider. Naming it keeps rustls from having to guess when a dependency brings another;
    // that it is named already is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let from_file = async || Config::from_kubeconfig(&KubeConfigOptions::default()).await;
    let config = match &source {
        Source::Named(paths) => from_file()
            .await
            .map_err(|error| NoCluster::Named { paths: paths.clone(), why: redact::kubeconfig(&error) })?,
        Source::Pod => Config::incluster().map_err(|error| NoCluster::Pod(error.to_string()))?,
        Source::Home => from_file().await.map_err(|error| NoCluster::Home(redact::kubeconfig(&error)))?,
    };
    // Not the whole URL: it may hold a password.
    let (host, port) = (config.cluster_url.host(), config.cluster_url.port_u16());
    tracing::info!(host, port, "using the API server of {source}");
    all(config, requests, fence)
}

fn all(mut config: Config, requests: &Requests, fence: &Fence) -> Result<Clients, NoCluster> {
    config.connect_timeout = Some(CONNECT);
    config.write_timeout = Some(WRITE);
    config.headers.push((USER_AGENT, HeaderValue::from_static(AGENT)));
    // kube would repeat any request, deletes too, for minutes; retries are the controller's decision.
    config.default_retry = false;
    let builder = |config| {
        ClientBuilder::try_from(config).map_err(|error| NoCluster::Credentials(redact::client(&error)))
    };
    let watch = builder(config.clone())?.with_layer(requests).build();

    config.read_timeout = Some(READ);
    // Else the time that a pooled connection was idle counts as waiting.
    config.reset_reader_on_write = true;
    let request = builder(config.clone())?.with_layer(requests).build();
    let fenced = builder(config)?.with_layer(requests).with_layer(&Fencing(fence.clone())).build();
    Ok(Clients { watch, request, fenced })
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(paths) => write!(f, "KUBECONFIG={paths}"),
            Self::Pod => f.write_str("the cluster this pod runs in"),
            Self::Home => f.write_str("~/.kube/config"),
        }
    }
}

impl Source {
    /// The source that this environment selects.
    pub fn of(environment: &BTreeMap<String, String>) -> Self {
        let set = |variable: &str| environment.get(variable).filter(|value| !value.is_empty());
        match (set("KUBECONFIG"), set("KUBERNETES_SERVICE_HOST")) {
            (Some(paths), _) => Self::Named(paths.clone()),
            (None, Some(_)) => Self::Pod,
            (None, None) => Self::Home,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn kubeconfig_takes_precedence_over_the_pod_and_the_home() {
        let check = |environment: &[(&str, &str)], expected: Source| {
            let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            assert_eq!(Source::of(&environment), expected);
        };
        let pod = ("KUBERNETES_SERVICE_HOST", "10.0.0.1");
        check(&[("KUBECONFIG", "/a:/b"), pod], Source::Named("/a:/b".into()));
        check(&[("KUBECONFIG", ""), pod], Source::Pod);
        check(&[("HOME", "/root")], Source::Home);
    }
    /// Answers every request with 503 and gives back what was asked, head by head.
    async fn overloaded() -> (http::Uri, tokio::sync::mpsc::UnboundedReceiver<String>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let (sender, heads) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = vec![0; 4096];
                let length = stream.read(&mut head).await.unwrap();
                sender.send(String::from_utf8_lossy(&head[..length]).into_owned()).unwrap();
                let answer =
                    b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                stream.write_all(answer).await.unwrap();
            }
        });
        (url, heads)
    }

    #[tokio::test]
    async fn a_request_has_our_agent_and_is_never_repeated() {
        let (url, mut heads) = overloaded().await;
        let requests = Requests::register(&prometheus::Registry::new()).unwrap();
        let Clients { watch, request, fenced } = all(Config::new(url), &requests, &Fence::open()).unwrap();
        for client in [watch, request, fenced] {
            let answer = tokio::time::timeout(Duration::from_secs(10), client.apiserver_version()).await;
            answer.expect("the request is still repeated").unwrap_err();
            let head = heads.recv().await.unwrap().to_lowercase();
            assert!(head.contains("\r\nuser-agent: seinode-operator/"), "{head}");
            assert!(heads.try_recv().is_err(), "the request was repeated");
        }
    }
}
