//! A certificate that somebody else looks after, in files.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use seinode_certs::Files;
use tempfile::TempDir;

const HOUR: Duration = Duration::from_secs(3600);

/// A certificate in files, for a day, and the authority that it is of.
pub struct Provided {
    directory: TempDir,
    pub authority: String,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Provided {
    pub fn new() -> Self {
        let issuer = issuer();
        let authority = pem(&issuer);
        Self { directory: tempfile::tempdir().unwrap(), authority, issuer }
    }

    /// Signs with another authority from now on.
    pub fn replace_authority(&mut self) {
        self.issuer = issuer();
        self.authority = pem(&self.issuer);
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn files(&self) -> Files {
        Files {
            certificate: self.path("tls.crt"),
            key: self.path("tls.key"),
            bundle: None,
            interval: Duration::from_millis(50),
        }
    }

    /// Writes a new certificate for this name or address. For a moment the files do not belong together: nobody swaps them at once.
    pub fn write(&self, name: &str) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let now = SystemTime::now();
        params.not_before = (now - HOUR).into();
        params.not_after = (now + 24 * HOUR).into();
        fs::write(self.path("ca.crt"), &self.authority).unwrap();
        fs::write(self.path("tls.key"), key.serialize_pem()).unwrap();
        fs::write(self.path("tls.crt"), params.signed_by(&key, &self.issuer).unwrap().pem()).unwrap();
    }
}

fn issuer() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "somebody else's authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn pem(issuer: &CertifiedIssuer<'static, KeyPair>) -> String {
    issuer.pem().replace("\r\n", "\n")
}
