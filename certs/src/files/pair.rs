//! A certificate and its key from files, and the check that a client would trust them. A key leaves the pair towards
//! rustls only.

use std::{path::Path, sync::Arc, time::Duration};

use jiff::Timestamp;
use rustls::{
    RootCertStore,
    client::{verify_server_cert_signed_by_trust_anchor, verify_server_name},
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject},
    server::ParsedCertificate,
    sign::CertifiedKey,
};
use zeroize::Zeroizing;

use crate::{
    certificate::{Bundle, Certificate},
    error::Error,
    names::Names,
    settings::Files,
};

/// A certificate with its chain and its key.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) certified: Arc<CertifiedKey>,
    leaf: Certificate,
}

impl Pair {
    /// Reads both files.
    pub(super) async fn read(files: &Files) -> Result<Self, Error> {
        let chain = read(&files.certificate).await?;
        let bad = |why: String| Error::File { path: files.certificate.clone(), why };
        let chain = Certificate::from_pem(&chain).map_err(|error| bad(error.to_string()))?;
        let bad_key = |why: &str| Error::File { path: files.key.clone(), why: why.to_owned() };
        let key = read(&files.key).await?;
        let key =
            PrivateKeyDer::from_pem_slice(&key).map_err(|_| bad_key("it is not a private key in PEM"))?;
        let ders = chain.iter().map(|certificate| CertificateDer::from(certificate.der().to_vec()));
        let certified = CertifiedKey::from_der(ders.collect(), key, &ring::default_provider());
        let certified = certified.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => bad_key("the key does not belong to the certificate"),
            _ => bad_key("the key cannot be used"),
        })?;
        let leaf = chain.into_iter().next().ok_or_else(|| bad("it is empty".into()))?;
        Ok(Self { certified: Arc::new(certified), leaf })
    }

    pub(super) fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// Reports whether a client with these authorities would trust it under every name.
    pub(super) fn is_trusted(&self, bundle: &Bundle, names: &Names, now: Timestamp) -> bool {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(bundle.iter().map(|it| CertificateDer::from(it.der())));
        let (Ok(parsed), Ok(now)) = (self.parsed(), u64::try_from(now.as_second())) else { return false };
        let now = UnixTime::since_unix_epoch(Duration::from_secs(now));
        let intermediates = self.certified.cert.get(1..).unwrap_or_default();
        let algorithms = ring::default_provider().signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&parsed, &roots, intermediates, now, algorithms).is_ok()
            && self.unfit(names).is_none()
    }

    /// A name that it is not valid for, as an error.
    pub(super) fn unfit(&self, names: &Names) -> Option<String> {
        let Ok(parsed) = self.parsed() else { return Some("the certificate cannot be used".into()) };
        let unfit = names.server_names().find(|name| verify_server_name(&parsed, name).is_err())?;
        Some(format!("the certificate is not valid for {}", unfit.to_str()))
    }

    fn parsed(&self) -> Result<ParsedCertificate<'_>, rustls::Error> {
        let end = self.certified.end_entity_cert()?;
        ParsedCertificate::try_from(end)
    }
}

/// Reads a file of authorities.
pub(super) async fn bundle(path: &Path) -> Result<Bundle, Error> {
    let text = read(path).await?;
    let certificates = Certificate::from_pem(&text);
    let certificates =
        certificates.map_err(|error| Error::File { path: path.to_owned(), why: error.to_string() })?;
    Ok(certificates.into_iter().collect())
}

async fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let read = tokio::fs::read(path).await.map(Zeroizing::new);
    read.map_err(|error| Error::File { path: path.to_owned(), why: error.to_string() })
}
