//! Transport of a server: HTTP in the clear, or through TLS with a certificate that renews itself.

use std::{io, sync::Arc};

use rustls::{
    ServerConfig,
    crypto::ring,
    server::{NoServerSessionStorage, ResolvesServerCert},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// The transport of a server.
#[derive(Clone)]
pub enum Transport {
    /// HTTP.
    Plain,
    /// HTTPS.
    Tls(TlsAcceptor),
}

/// A connection that is ready for HTTP.
pub enum Stream {
    /// Without TLS.
    Plain(TcpStream),
    /// After the handshake.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Transport {
    /// HTTPS, TLS 1.2 or newer, with whatever certificate the resolver has at the time of a handshake.
    ///
    /// # Errors
    /// When the TLS provider lacks a version; a defect of ours.
    pub fn tls(certificates: Arc<dyn ResolvesServerCert>) -> Result<Self, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(certificates);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // A resumed session would outlive the authority of its certificate.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Self::Tls(TlsAcceptor::from(Arc::new(config))))
    }

    /// Makes an accepted connection ready for HTTP.
    ///
    /// # Errors
    /// When the handshake fails.
    pub async fn open(&self, stream: TcpStream) -> io::Result<Stream> {
        Ok(match self {
            Self::Plain => Stream::Plain(stream),
            Self::Tls(acceptor) => Stream::Tls(Box::new(acceptor.accept(stream).await?)),
        })
    }
}
