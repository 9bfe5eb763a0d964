//! Issues certificates: an authority, and leaves that never outlive it. A private key leaves an [`Authority`] in one
//! way only, towards the Secret; it never reaches a log line, an error or `Debug`.

use std::{fmt, sync::Arc};

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::{
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
    sign::CertifiedKey,
};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::{
    certificate::{Certificate, Fingerprint, Unreadable, Validity, validity},
    lifetimes::{Lifetimes, between, earlier, later},
    names::Names,
};

/// Reason why no certificate could be issued. It names no key.
#[derive(Debug, thiserror::Error)]
pub enum Unissued {
    /// The key could not be made, or the certificate not be signed.
    #[error("the certificate cannot be made: {0}")]
    Signing(#[from] rcgen::Error),
    /// TLS cannot use the new certificate.
    #[error("the certificate cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
    /// The new certificate cannot be read back.
    #[error("the certificate cannot be read back: {0}")]
    Unreadable(#[from] Unreadable),
    /// The clock shows a time that certificates cannot express.
    #[error("the clock shows {0}, which no certificate can express")]
    Clock(Timestamp),
}

/// Defect of a stored authority.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The certificate.
    #[error("its certificate cannot be read: {0}")]
    Certificate(#[from] Unreadable),
    /// More certificates than one.
    #[error("it has a chain of certificates where one is expected")]
    Chain,
    /// A certificate that may not sign others.
    #[error("its certificate is not that of an authority")]
    NotAnAuthority,
    /// The key.
    #[error("its private key cannot be read")]
    Key,
    /// Both are fine, but not for each other.
    #[error("its private key does not belong to its certificate")]
    Strangers,
}

/// A certificate that signs leaves, with its private key.
pub struct Authority {
    certificate: Certificate,
    key: KeyPair,
}

impl Authority {
    /// Makes a new authority, which may sign for these names only.
    ///
    /// # Errors
    /// When there is no randomness for a key, or the clock shows an impossible time.
    pub fn create(names: &Names, now: Timestamp, lifetimes: &Lifetimes) -> Result<Self, Unissued> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, format!("seinode-operator webhooks {now:.0}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.name_constraints = Some(names.constraints());
        params.not_before = date(earlier(now, lifetimes.back_dating))?;
        params.not_after = date(later(now, lifetimes.authority))?;
        let signed = params.self_signed(&key)?;
        Ok(Self { certificate: Certificate::from_der(signed.der())?, key })
    }

    /// Takes an authority up again from what was stored.
    ///
    /// # Errors
    /// When either part cannot be used, or they do not belong together.
    pub fn read(certificate: &[u8], key: &[u8]) -> Result<Self, Flaw> {
        let mut certificates = Certificate::from_pem(certificate)?;
        let certificate = certificates.pop().filter(|_| certificates.is_empty()).ok_or(Flaw::Chain)?;
        if !certificate.is_authority() {
            return Err(Flaw::NotAnAuthority);
        }
        let text = std::str::from_utf8(key).map_err(|_| Flaw::Key)?;
        let key = KeyPair::from_pem(text).map_err(|_| Flaw::Key)?;
        if key.public_key_raw() != certificate.public_key() {
            return Err(Flaw::Strangers);
        }
        Ok(Self { certificate, key })
    }

    /// Its certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Its private key as PEM, for the Secret and for nothing else.
    pub(crate) fn key_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(self.key.serialize_pem())
    }

    /// Mints a leaf with a key of its own, which is never stored.
    ///
    /// # Errors
    /// When there is no randomness for a key, or the clock shows an impossible time.
    pub fn mint(&self, names: &Names, now: Timestamp, lifetimes: &Lifetimes) -> Result<Leaf, Unissued> {
        self.mint_for(&KeyPair::generate()?, names, now, lifetimes)
    }

    fn mint_for(
        &self,
        key: &KeyPair,
        names: &Names,
        now: Timestamp,
        lifetimes: &Lifetimes,
    ) -> Result<Leaf, Unissued> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "seinode-operator webhooks");
        params.subject_alt_names = names.subject_alt_names();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let not_after = later(now, lifetimes.leaf).min(self.certificate.not_after);
        params.not_before = date(earlier(now, lifetimes.back_dating))?;
        params.not_after = date(not_after)?;

        let authority = CertificateDer::from(self.certificate.der());
        let issuer = Issuer::from_ca_cert_der(&authority, &self.key)?;
        let signed = params.signed_by(key, &issuer)?;
        let certificate = Certificate::from_der(signed.der())?;
        let private = PrivateKeyDer::try_from(key.serialize_der())
            .map_err(|words| rustls::Error::General(words.to_owned()))?;
        let certified =
            CertifiedKey::from_der(vec![signed.der().clone()], private, &ring::default_provider())?;
        // A tenth more or less, so that replicas do not all renew at once.
        let share = 2.0 / 3.0 * (0.9 + 0.2 * certificate.fingerprint().lot());
        Ok(Leaf {
            certified: Arc::new(certified),
            held: Held {
                issuer: self.certificate.fingerprint(),
                not_before: certificate.not_before,
                not_after: certificate.not_after,
                renew_at: later(now, between(now, certificate.not_after).mul_f64(share)),
            },
        })
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({:?})", self.certificate)
    }
}

/// A leaf of this replica: what TLS presents, and what rotation has to know of it.
#[derive(Clone)]
pub struct Leaf {
    /// Certificate and private key, as rustls takes them.
    pub certified: Arc<CertifiedKey>,
    /// The facts that are decided by.
    pub held: Held,
}

impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.held.fmt(f)
    }
}

/// Facts about the leaf that a replica presents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The authority that signed it.
    pub issuer: Fingerprint,
    /// Begin of its validity.
    pub not_before: Timestamp,
    /// End of its validity.
    pub not_after: Timestamp,
    /// Time of its renewal.
    pub renew_at: Timestamp,
}

impl Held {
    pub(crate) fn validity(&self, now: Timestamp) -> Validity {
        validity(self.not_before, self.not_after, now)
    }
}

fn date(at: Timestamp) -> Result<OffsetDateTime, Unissued> {
    OffsetDateTime::from_unix_timestamp(at.as_second()).map_err(|_| Unissued::Clock(at))
}

#[cfg(test)]
pub(crate) mod fixtures {
    //! Fixtures for tests of other modules.

    use super::*;

    /// A certificate and its key in PEM, as somebody else would provide them.
    pub(crate) fn pair(authority: &Authority, names: &Names, now: Timestamp) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let leaf = authority.mint_for(&key, names, now, &Lifetimes::default()).unwrap();
        (Certificate::from_der(&leaf.certified.cert[0]).unwrap().pem(), key.serialize_pem())
    }
}

#[cfg(test)]
mod tests;
