//! The kube-proxy's place, as far as the API server goes: what it calls by a Service, such as webhooks, is a port on
//! loopback.
//!
//! The API server asks here for each connection into the cluster (`CONNECT`, as its egress selector does it). An address
//! that nobody has given a port is dialled as it is; for the cluster IP of a Service that leads nowhere, as without pods.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio_util::task::AbortOnDropHandle;

/// Addresses as the API server writes them, and the port on loopback that each leads to.
type Routes = Arc<Mutex<BTreeMap<String, u16>>>;

/// Routes for the API server's connections into the cluster. Connections end with it.
#[derive(Debug)]
pub struct Services {
    routes: Routes,
    #[expect(dead_code, reason = "held so that it runs; dropped with the cluster")]
    task: AbortOnDropHandle<()>,
}

impl Services {
    /// Listens on a socket in this directory, and writes what the API server is told of it.
    pub(crate) fn listen(directory: &Path) -> io::Result<Self> {
        let listener = UnixListener::bind(socket(directory))?;
        std::fs::write(configuration(directory), egress(&socket(directory)))?;
        let routes = Routes::default();
        let task = AbortOnDropHandle::new(tokio::spawn(accept(listener, Arc::clone(&routes))));
        Ok(Self { routes, task })
    }

    /// Has what is sent to a port of a Service's cluster IP sent to this port on loopback.
    pub fn route(&self, cluster_ip: &str, port: u16, to: u16) {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        routes.insert(format!("{cluster_ip}:{port}"), to);
    }
}

/// The file that the API server reads.
pub(crate) fn configuration(directory: &Path) -> PathBuf {
    directory.join("egress.yaml")
}

fn socket(directory: &Path) -> PathBuf {
    directory.join("egress.sock")
}

fn egress(socket: &Path) -> String {
    format!(
        "apiVersion: apiserver.k8s.io/v1beta1\nkind: EgressSelectorConfiguration\negressSelections:\n- name: cluster\n  \
         connection:\n    proxyProtocol: HTTPConnect\n    transport: {{uds: {{udsName: {socket:?}}}}}\n"
    )
}

async fn accept(listener: UnixListener, routes: Routes) {
    while let Ok((client, _)) = listener.accept().await {
        let routes = Arc::clone(&routes);
        tokio::spawn(async move { carry(client, &routes).await });
    }
}

/// One connection, from its `CONNECT` to its end.
async fn carry(client: UnixStream, routes: &Routes) -> io::Result<()> {
    let mut client = BufReader::new(client);
    let mut first = String::new();
    client.read_line(&mut first).await?;
    let mut line = first.clone();
    while !line.trim().is_empty() {
        line.clear();
        client.read_line(&mut line).await?;
    }
    let address = first.split(' ').nth(1).unwrap_or_default();
    let known = routes.lock().unwrap_or_else(PoisonError::into_inner).get(address).copied();
    let dialled = match known {
        Some(port) => TcpStream::connect(("127.0.0.1", port)).await,
        None => TcpStream::connect(address).await,
    };
    match dialled {
        Ok(mut server) => {
            client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
            copy_bidirectional(&mut client, &mut server).await.map(drop)
        }
        Err(error) => {
            let words = format!("HTTP/1.1 502 Bad Gateway\r\n\r\n{address}: {error}\n");
            client.write_all(words.as_bytes()).await
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_connection_to_a_service_leads_to_its_port_and_others_where_they_say() {
        let directory = tempfile::tempdir().unwrap();
        let services = Services::listen(directory.path()).unwrap();
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = server.local_addr().unwrap().port();
        services.route("10.0.0.7", 443, port);
        for address in ["10.0.0.7:443".to_owned(), format!("127.0.0.1:{port}")] {
            let mut client = UnixStream::connect(socket(directory.path())).await.unwrap();
            client
                .write_all(format!("CONNECT {address} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
                .await
                .unwrap();
            let (mut accepted, _) = server.accept().await.unwrap();
            accepted.write_all(b"hello").await.unwrap();
            drop(accepted);
            let mut received = String::new();
            client.read_to_string(&mut received).await.unwrap();
            assert_eq!(received, "HTTP/1.1 200 Connection established\r\n\r\nhello");
        }
        let mut client = UnixStream::connect(socket(directory.path())).await.unwrap();
        client.write_all(b"CONNECT 127.0.0.1:1 HTTP/1.1\r\n\r\n").await.unwrap();
        let mut received = String::new();
        client.read_to_string(&mut received).await.unwrap();
        assert!(received.starts_with("HTTP/1.1 502"), "{received}");
    }
}
