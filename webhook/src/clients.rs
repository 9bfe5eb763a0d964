//! The certificates of API servers, where only they may call.
//!
//! Kubernetes lets an API server present a client certificate to webhooks (`AdmissionConfiguration`, `kubeConfigFile`). The
//! authority that signs it is read from a file, which may change at any time.

use std::{
    convert::Infallible,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use rustls::{
    DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::ring,
    pki_types::{CertificateDer, UnixTime, pem, pem::PemObject},
    server::{
        VerifierBuilderError, WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};
use thiserror::Error;
use tokio::time::sleep;

/// Interval at which the file is read again. The kubelet itself updates a mounted file within a minute or so.
const INTERVAL: Duration = Duration::from_secs(10);

/// Reasons why a file is not an authority for client certificates.
#[derive(Debug, Error)]
pub enum BadAuthority {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// A block of the file is malformed.
    #[error("is malformed: {0}")]
    Malformed(#[from] pem::Error),
    /// A certificate is not usable as an authority.
    #[error("holds a certificate that cannot be an authority: {0}")]
    Unusable(#[from] rustls::Error),
    /// No certificate is in the file.
    #[error("holds no certificate: {0}")]
    Empty(#[from] VerifierBuilderError),
}

/// Verifies that clients have a certificate of the authority in a file.
#[derive(Debug)]
pub struct Clients {
    file: PathBuf,
    current: RwLock<Current>,
}

#[derive(Debug)]
struct Current {
    pem: Vec<u8>,
    verifier: Arc<dyn ClientCertVerifier>,
}

impl Clients {
    /// Reads the authority.
    ///
    /// # Errors
    /// When the file cannot be read, or holds no authority.
    pub fn read(file: &Path) -> Result<Self, BadAuthority> {
        let current = RwLock::new(Current::parse(fs::read(file)?)?);
        Ok(Self { file: file.to_owned(), current })
    }

    /// Reads the file again and again. An authority that cannot be read leaves the one before in place. Never returns.
    pub async fn follow(&self) -> Infallible {
        loop {
            sleep(INTERVAL).await;
            if let Err(error) = self.refresh() {
                let file = self.file.display();
                tracing::warn!(%file, %error, "the authority of webhook clients stays as it was: its file changed");
            }
        }
    }

    /// Reads the file again.
    ///
    /// # Errors
    /// When the file cannot be read, or holds no authority; the one before stays in place.
    pub fn refresh(&self) -> Result<(), BadAuthority> {
        let pem = fs::read(&self.file)?;
        if self.current.read().unwrap_or_else(PoisonError::into_inner).pem == pem {
            return Ok(());
        }
        let next = Current::parse(pem)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = next;
        tracing::info!(file = %self.file.display(), "the authority of webhook clients was read again");
        Ok(())
    }

    fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).verifier)
    }
}

impl Current {
    fn parse(pem: Vec<u8>) -> Result<Self, BadAuthority> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            roots.add(certificate?)?;
        }
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
        Ok(Self { pem, verifier })
    }
}

impl ClientCertVerifier for Clients {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // Hints are optional, and would be those of an authority that may change.
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.verifier().verify_client_cert(certificate, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier().verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier().verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier().supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn authority() -> String {
        CertificateParams::default().self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
    }

    #[test]
    fn a_changed_file_replaces_the_authority_and_a_bad_one_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ca.crt");
        std::fs::write(&file, authority()).unwrap();
        let clients = Clients::read(&file).unwrap();
        let first = clients.verifier();
        clients.refresh().unwrap();
        assert!(Arc::ptr_eq(&first, &clients.verifier()), "nothing changed");
        std::fs::write(&file, "").unwrap();
        assert!(matches!(clients.refresh(), Err(BadAuthority::Empty(_))));
        assert!(Arc::ptr_eq(&first, &clients.verifier()));
        std::fs::write(&file, authority()).unwrap();
        clients.refresh().unwrap();
        assert!(!Arc::ptr_eq(&first, &clients.verifier()));
    }

    #[test]
    fn a_file_without_an_authority_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ca.crt");
        assert!(matches!(Clients::read(&file), Err(BadAuthority::Unreadable(_))));
        std::fs::write(&file, "-----BEGIN CERTIFICATE-----\n").unwrap();
        assert!(matches!(Clients::read(&file), Err(BadAuthority::Malformed(_))));
    }
}
