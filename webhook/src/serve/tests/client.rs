//! A client that speaks HTTP/1.1 over TLS by hand, so that it can also do so badly.

use std::{io, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
    version::TLS13,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::fixtures::{PATIENCE, Served, path};

#[derive(Debug)]
pub(super) struct Client {
    pub(super) stream: BufReader<TlsStream<TcpStream>>,
}

pub(super) struct Response {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Client {
    pub(super) async fn connect(served: &Served) -> Self {
        let versions = [&TLS13];
        let connecting = Self::try_connect(served, &served.authority, &versions);
        timeout(PATIENCE, connecting).await.expect("no handshake").unwrap()
    }

    /// Connects and waits for what comes of the handshake: under TLS 1.3 the server speaks last.
    pub(super) async fn try_connect(
        served: &Served,
        trusted: &CertificateDer<'static>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(trusted.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self::connect_with(served, config).await
    }

    /// Connects with a certificate of its own.
    pub(super) async fn connect_as(
        served: &Served,
        (certificate, key): (CertificateDer<'static>, PrivateKeyDer<'static>),
    ) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(served.authority.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![certificate], key)
            .unwrap();
        Self::connect_with(served, config).await
    }

    async fn connect_with(served: &Served, mut config: ClientConfig) -> io::Result<Self> {
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let stream = TcpStream::connect(served.address).await?;
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    pub(super) async fn post(&mut self, body: &[u8]) -> Response {
        self.send("POST", path(), body).await
    }

    pub(super) async fn send(&mut self, method: &str, path: &str, body: &[u8]) -> Response {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
        self.stream.write_all(head.as_bytes()).await.unwrap();
        self.stream.write_all(body).await.unwrap();
        self.stream.flush().await.unwrap();
        self.response().await
    }

    /// Sends a body without announcing its length.
    pub(super) async fn post_in_chunks(&mut self, chunk: &[u8], times: usize) -> Response {
        let head = format!("POST {} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", path());
        self.stream.write_all(head.as_bytes()).await.unwrap();
        for _ in 0..times {
            self.stream.write_all(format!("{:x}\r\n", chunk.len()).as_bytes()).await.unwrap();
            self.stream.write_all(chunk).await.unwrap();
            self.stream.write_all(b"\r\n").await.unwrap();
        }
        self.stream.write_all(b"0\r\n\r\n").await.unwrap();
        self.stream.flush().await.unwrap();
        self.response().await
    }

    /// Announces a body of so many bytes and sends the first of them.
    pub(super) async fn begin(&mut self, announced: usize, first: &[u8]) {
        let head = format!("POST {} HTTP/1.1\r\nHost: a\r\nContent-Length: {announced}\r\n\r\n", path());
        self.stream.write_all(head.as_bytes()).await.unwrap();
        self.stream.write_all(first).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Sends the rest of a body.
    pub(super) async fn finish(&mut self, rest: &[u8]) {
        self.stream.write_all(rest).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    pub(super) async fn response(&mut self) -> Response {
        timeout(PATIENCE, self.read()).await.expect("no response").unwrap()
    }

    async fn read(&mut self) -> io::Result<Response> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await?);
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        self.stream.read_exact(&mut body).await?;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Ok(Response { status, head, body: String::from_utf8(body).unwrap() })
    }

    /// Waits until the server has ended the connection.
    pub(super) async fn until_closed(mut self) {
        let read = timeout(PATIENCE, self.stream.read(&mut [0])).await.expect("it is still open");
        assert!(!matches!(read, Ok(1..)), "more came");
    }
}
