//! The entry point: prepares the loop that keeps the certificate valid and trusted, from whichever source.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    files::Reloader,
    report::Report,
    resolver::Resolver,
    rotate::Rotator,
    settings::{Origin, Settings},
};

/// Handle for a server: the certificate that it presents, and the state of the certificates.
#[derive(Clone, Debug)]
pub struct Handle {
    /// For [`rustls::ConfigBuilder::with_cert_resolver`].
    pub resolver: Arc<Resolver>,
    /// The state of the certificates, and every change of it.
    pub report: watch::Receiver<Report>,
}

/// The certificates of this replica; they are renewed and trusted while this [runs](Certificates::run).
pub struct Certificates(Source);

enum Source {
    SelfManaged(Box<Rotator>),
    Files(Box<Reloader>),
}

/// Prepares the certificates; nothing runs yet.
#[must_use]
pub fn prepare(settings: Settings) -> (Handle, Certificates) {
    let resolver = Arc::new(Resolver::default());
    let (sender, report) = watch::channel(Report::default());
    let presented = Arc::clone(&resolver);
    let certificates = match settings.origin.clone() {
        Origin::SelfManaged(secret) => {
            Source::SelfManaged(Box::new(Rotator::new(settings, secret, presented, sender)))
        }
        Origin::Files(files) => Source::Files(Box::new(Reloader::new(settings, files, presented, sender))),
    };
    (Handle { resolver, report }, Certificates(certificates))
}

impl Certificates {
    /// Runs until `rest` is cancelled. Nothing that goes wrong ends it: it is reported, and tried again.
    pub async fn run(self, rest: CancellationToken) {
        match self.0 {
            Source::SelfManaged(rotator) => rotator.run(rest).await,
            Source::Files(reloader) => reloader.run(rest).await,
        }
    }
}
