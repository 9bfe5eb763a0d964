//! Why a handshake failed, in few words: they become a label.

use std::io;

use rustls::{AlertDescription, Error};

/// Why a handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The client does not trust the certificate, or it is not for the name that was called, or not valid.
    CertificateRejected,
    /// There is no certificate to present.
    NoCertificate,
    /// It took too long.
    Timeout,
    /// It gave way to a newcomer.
    Displaced,
    /// The connection ended.
    Closed,
    /// What came is no TLS, or no TLS that is spoken here.
    Protocol,
}

impl Reason {
    /// Its label.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::CertificateRejected => "certificate_rejected",
            Self::NoCertificate => "no_certificate",
            Self::Timeout => "timeout",
            Self::Displaced => "displaced",
            Self::Closed => "closed",
            Self::Protocol => "protocol",
        }
    }
}

/// Reads what an acceptor says.
pub(crate) fn of(error: &io::Error) -> Reason {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        None => Reason::Closed,
        Some(Error::AlertReceived(alert)) => of_alert(*alert),
        // What rustls says when the resolver has none.
        Some(Error::General(_)) => Reason::NoCertificate,
        Some(_) => Reason::Protocol,
    }
}

/// Which alerts are about the certificate: <https://www.rfc-editor.org/rfc/rfc8446#section-6.2>.
fn of_alert(alert: AlertDescription) -> Reason {
    match alert {
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        // Signed by another authority of the same name.
        | AlertDescription::DecryptError => Reason::CertificateRejected,
        _ => Reason::Protocol,
    }
}
