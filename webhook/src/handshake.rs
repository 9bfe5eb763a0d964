//! Reasons why a handshake failed, as labels of a metric.

use std::io;

use rustls::{AlertDescription, Error};

/// The reason why a handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The client does not trust the certificate, or it is not for the name that was called, or not valid.
    CertificateRejected,
    /// There is no certificate to present.
    NoCertificate,
    /// The handshake took too long.
    Timeout,
    /// The connection was evicted for a new one.
    Displaced,
    /// The connection ended.
    Closed,
    /// The client has no certificate that is accepted here.
    ClientRejected,
    /// The client does not speak TLS, or no version that is accepted here.
    Protocol,
}

impl Reason {
    /// The value of the label.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::CertificateRejected => "certificate_rejected",
            Self::NoCertificate => "no_certificate",
            Self::Timeout => "timeout",
            Self::Displaced => "displaced",
            Self::Closed => "closed",
            Self::ClientRejected => "client_rejected",
            Self::Protocol => "protocol",
        }
    }
}

/// The reason behind an error of the acceptor.
pub(crate) fn of(error: &io::Error) -> Reason {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        None => Reason::Closed,
        Some(Error::AlertReceived(alert)) => of_alert(*alert),
        // The error of rustls when the resolver has no certificate.
        Some(Error::General(_)) => Reason::NoCertificate,
        Some(Error::NoCertificatesPresented | Error::InvalidCertificate(_)) => Reason::ClientRejected,
        Some(_) => Reason::Protocol,
    }
}

/// Alerts about our certificate: <https://www.rfc-editor.org/rfc/rfc8446#section-6.2>.
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
