//! A scrape of `/metrics` through TLS, with a bearer token.

use std::{io, net::SocketAddr, path::Path, sync::Arc};

use axum::body::{Body, to_bytes};
use http::{
    Request, StatusCode,
    header::{AUTHORIZATION, HOST},
};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, InvalidDnsNameError, ServerName, pem, pem::PemObject},
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Longest response, in bytes: thousands of nodes have some ten MiB.
const LONGEST: usize = 256 << 20;

/// A client of secure metrics.
pub struct Secure {
    connector: TlsConnector,
    name: ServerName<'static>,
    token: String,
}

/// Reason why secure metrics cannot be scraped. It holds no token.
#[derive(Debug, thiserror::Error)]
pub enum SecureError {
    /// A file of the arguments.
    #[error("{0}: {1}")]
    File(String, io::Error),
    /// The file of authorities.
    #[error("the authorities of the metrics' certificate: {0}")]
    Authorities(#[from] pem::Error),
    /// The name of the certificate.
    #[error("the name of the metrics' certificate: {0}")]
    Name(#[from] InvalidDnsNameError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    /// No connection, or no TLS on it.
    #[error(transparent)]
    Connection(#[from] io::Error),
    /// No HTTP response.
    #[error(transparent)]
    Http(#[from] hyper::Error),
    /// The request cannot be written, such as with a token of several lines.
    #[error("the request cannot be written: {0}")]
    Request(#[from] http::Error),
    /// The response is too long or was cut off.
    #[error("the response cannot be read: {0}")]
    Body(#[from] axum::Error),
    /// Another status than 200.
    #[error("{0}: {1}")]
    Status(StatusCode, String),
}

impl Secure {
    /// A client that trusts the authorities of a file, for a certificate with this name, with the token of a file.
    ///
    /// # Errors
    /// When a file cannot be read or used, or the name is not one of a server.
    pub fn new(authorities: &Path, name: &str, token: &Path) -> Result<Self, SecureError> {
        let read = |path: &Path| {
            std::fs::read_to_string(path)
                .map_err(|error| SecureError::File(path.display().to_string(), error))
        };
        let mut roots = RootCertStore::empty();
        for authority in CertificateDer::pem_slice_iter(read(authorities)?.as_bytes()) {
            roots.add(authority?)?;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
            name: ServerName::try_from(name.to_owned())?,
            token: read(token)?.trim().to_owned(),
        })
    }

    /// The text of one replica's metrics.
    ///
    /// # Errors
    /// When there is no connection, or the response is not 200.
    pub async fn scrape(&self, address: SocketAddr) -> Result<String, SecureError> {
        let stream = self.connector.connect(self.name.clone(), TcpStream::connect(address).await?).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let request = Request::get("/metrics")
            .header(HOST, self.name.to_str().as_ref())
            .header(AUTHORIZATION, format!("Bearer {}", self.token))
            .body(Body::empty())?;
        let answered = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            let body = to_bytes(Body::new(response.into_body()), LONGEST).await?;
            let text = String::from_utf8_lossy(&body).into_owned();
            if status == StatusCode::OK { Ok(text) } else { Err(SecureError::Status(status, text)) }
        };
        tokio::select! {
            answered = answered => answered,
            Err(error) = connection => Err(error.into()),
        }
    }
}
