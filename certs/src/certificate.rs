//! A certificate as far as rotation has to know it: bytes, identity and validity. Public facts only.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use pem::{EncodeConfig, LineEnding, Pem};
use sha2::{Digest, Sha256};
use x509_parser::{certificate::X509Certificate, parse_x509_certificate, time::ASN1Time};

use crate::names::Names;

/// Name of a certificate's block in PEM.
const BLOCK: &str = "CERTIFICATE";

/// SHA-256 of a certificate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

/// A certificate that could be read.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    fingerprint: Fingerprint,
    public_key: Vec<u8>,
    is_authority: bool,
    /// The names that it may sign for, where these are constrained.
    permitted: Option<Names>,
    /// Begin of its validity.
    pub(crate) not_before: Timestamp,
    /// End of its validity.
    pub(crate) not_after: Timestamp,
}

/// Reason why a certificate cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// No PEM, or none that holds a certificate.
    #[error("it is not a certificate in PEM")]
    NotPem,
    /// PEM, but no X.509 in it.
    #[error("it is not an X.509 certificate")]
    NotX509,
}

/// Position of a moment relative to a certificate's validity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validity {
    /// It begins later: a clock was or is wrong.
    NotYet,
    /// It is valid.
    Valid,
    /// It is over.
    Expired,
}

/// Position of `now` between the beginning and the end.
pub(crate) fn validity(not_before: Timestamp, not_after: Timestamp, now: Timestamp) -> Validity {
    if now < not_before {
        Validity::NotYet
    } else if now >= not_after {
        Validity::Expired
    } else {
        Validity::Valid
    }
}

impl Certificate {
    /// Reads DER.
    ///
    /// # Errors
    /// When it is no X.509 certificate.
    pub fn from_der(der: &[u8]) -> Result<Self, Unreadable> {
        let (rest, read) = parse_x509_certificate(der).map_err(|_| Unreadable::NotX509)?;
        if !rest.is_empty() {
            return Err(Unreadable::NotX509);
        }
        let validity = read.validity();
        Ok(Self {
            fingerprint: Fingerprint(Sha256::digest(der).into()),
            public_key: read.public_key().subject_public_key.data.to_vec(),
            is_authority: read.is_ca(),
            permitted: permitted(&read)?,
            not_before: moment(validity.not_before)?,
            not_after: moment(validity.not_after)?,
            der: der.to_vec(),
        })
    }

    /// Reads every certificate of a PEM text, in order.
    ///
    /// # Errors
    /// When there is none, or one of them cannot be read.
    pub fn from_pem(text: &[u8]) -> Result<Vec<Self>, Unreadable> {
        let blocks = pem::parse_many(text).map_err(|_| Unreadable::NotPem)?;
        let blocks: Vec<_> = blocks.iter().filter(|block| block.tag() == BLOCK).collect();
        if blocks.is_empty() {
            return Err(Unreadable::NotPem);
        }
        blocks.into_iter().map(|block| Self::from_der(block.contents())).collect()
    }

    /// The certificate as PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        let unix = EncodeConfig::new().set_line_ending(LineEnding::LF);
        pem::encode_config(&Pem::new(BLOCK, self.der.as_slice()), unix)
    }

    /// Its bytes.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Its fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    pub(crate) fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// Reports whether it may sign other certificates.
    pub(crate) fn is_authority(&self) -> bool {
        self.is_authority
    }

    /// The names that it may sign for; `None` where it may sign for all.
    pub(crate) fn permitted(&self) -> Option<&Names> {
        self.permitted.as_ref()
    }

    /// Reports whether it may sign for all these names.
    pub(crate) fn permits(&self, names: &Names) -> bool {
        self.permitted.as_ref().is_none_or(|permitted| permitted.contain(names))
    }

    pub(crate) fn validity(&self, now: Timestamp) -> Validity {
        validity(self.not_before, self.not_after, now)
    }
}

fn permitted(read: &X509Certificate<'_>) -> Result<Option<Names>, Unreadable> {
    let constraints = read.name_constraints().map_err(|_| Unreadable::NotX509)?;
    Ok(constraints.map(|constraints| Names::permitted_by(constraints.value)))
}

fn moment(time: ASN1Time) -> Result<Timestamp, Unreadable> {
    Timestamp::from_second(time.timestamp()).map_err(|_| Unreadable::NotX509)
}

/// Authorities that are to be trusted. Their order is that of their fingerprints, so that the text of a bundle
/// changes only when a member comes or goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bundle(BTreeMap<Fingerprint, Certificate>);

impl Bundle {
    /// Reads the authorities of a live `caBundle` that can be read; whatever else is in there is left out.
    #[must_use]
    pub fn salvage(text: &[u8]) -> Self {
        let blocks = pem::parse_many(text).unwrap_or_default();
        let read = blocks.iter().filter_map(|block| Certificate::from_der(block.contents()).ok());
        read.filter(Certificate::is_authority).collect()
    }

    /// The bundle as it is published.
    #[must_use]
    pub fn pem(&self) -> String {
        self.0.values().map(Certificate::pem).collect()
    }

    /// Reports whether an authority is trusted.
    #[must_use]
    pub fn trusts(&self, issuer: &Fingerprint) -> bool {
        self.0.contains_key(issuer)
    }

    /// Reports whether nobody is to be trusted.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The member with a fingerprint.
    pub(crate) fn get(&self, fingerprint: &Fingerprint) -> Option<&Certificate> {
        self.0.get(fingerprint)
    }

    /// Its members.
    pub fn iter(&self) -> impl Iterator<Item = &Certificate> {
        self.0.values()
    }
}

impl FromIterator<Certificate> for Bundle {
    fn from_iter<I: IntoIterator<Item = Certificate>>(certificates: I) -> Self {
        Self(certificates.into_iter().map(|certificate| (certificate.fingerprint, certificate)).collect())
    }
}

impl Extend<Certificate> for Bundle {
    fn extend<I: IntoIterator<Item = Certificate>>(&mut self, certificates: I) {
        self.0.extend(Self::from_iter(certificates).0);
    }
}

impl fmt::Display for Fingerprint {
    /// The first bytes: enough to tell authorities apart in a log line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(6).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Fingerprint {
    /// A number from 0 to 1 that nobody chose.
    pub(crate) fn lot(&self) -> f64 {
        f64::from(u16::from_be_bytes([self.0[0], self.0[1]])) / f64::from(u16::MAX)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} to {})", self.fingerprint, self.not_before, self.not_after)
    }
}
