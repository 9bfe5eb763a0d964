//! The certificate that rustls presents. The certificate is exchanged while connections are open: the next handshake has the new
//! one, and the others go on.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

/// Presents the newest certificate; while there is none, handshakes fail.
#[derive(Default)]
pub struct Resolver {
    presented: RwLock<Option<Arc<CertifiedKey>>>,
}

impl Resolver {
    /// Presents another certificate from now on.
    pub(crate) fn present(&self, certified: Arc<CertifiedKey>) {
        *self.presented.write().unwrap_or_else(PoisonError::into_inner) = Some(certified);
    }

    /// The certificate that is presented now.
    #[must_use]
    pub fn presented(&self) -> Option<Arc<CertifiedKey>> {
        self.presented.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.presented()
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.presented().is_some() {
            "Resolver(with a certificate)"
        } else {
            "Resolver(empty)"
        })
    }
}

#[cfg(test)]
mod tests;
