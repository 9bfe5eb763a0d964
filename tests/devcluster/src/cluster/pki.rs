//! The cluster's keys: a certificate authority, one serving certificate, a key for ServiceAccount tokens.
//!
//! They are made anew for each cluster and deleted with it. Handing them to the servers also saves each of them from
//! making an RSA key of its own at start.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};

use super::ClusterError;

/// The files, all PEM, and the authority for our own clients.
#[derive(Clone, Debug)]
pub(super) struct Pki {
    pub(super) authority: PathBuf,
    pub(super) authority_der: Vec<u8>,
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
    pub(super) token_key: PathBuf,
    pub(super) token_public_key: PathBuf,
}

impl Pki {
    /// Makes the keys and writes them to `directory`; the servers are called under these names.
    pub(super) fn create(directory: &Path, names: Vec<String>) -> Result<Self, ClusterError> {
        let authority = CertifiedIssuer::self_signed(authority()?, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, "devcluster");
        let certificate = params.signed_by(&key, &authority)?;
        let tokens = KeyPair::generate()?;
        let write = |name: &str, text: String| {
            let path = directory.join(name);
            super::launch::write(&path, &text).map(|()| path)
        };
        Ok(Self {
            authority: write("ca.crt", authority.pem())?,
            authority_der: authority.der().to_vec(),
            certificate: write("server.crt", certificate.pem())?,
            key: write("server.key", key.serialize_pem())?,
            token_key: write("tokens.key", tokens.serialize_pem())?,
            token_public_key: write("tokens.pub", tokens.public_key_pem())?,
        })
    }
}

fn authority() -> Result<CertificateParams, ClusterError> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, "devcluster authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}
