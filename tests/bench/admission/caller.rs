//! A connection as an API server keeps one: HTTP/1.1 over TLS, one call after the other.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

use super::served::Served;

pub struct Caller(BufReader<TlsStream<TcpStream>>);

impl Caller {
    pub async fn connect(served: &Served) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", served.port)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let name = "127.0.0.1".try_into().unwrap();
        Self(BufReader::new(served.connector.connect(name, stream).await.unwrap()))
    }

    /// Sends a request and reads its response, which must be 200.
    pub async fn call(&mut self, request: &[u8]) {
        self.0.write_all(request).await.unwrap();
        self.0.flush().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        assert!(head.starts_with("http/1.1 200"), "{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        self.0.read_exact(&mut body).await.unwrap();
    }
}
