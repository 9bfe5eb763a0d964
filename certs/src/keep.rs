//! The front door: starts what keeps the certificate in order, whichever way it comes.

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

/// What the webhook server takes: the certificate that it presents, and what is known of it.
#[derive(Clone, Debug)]
pub struct Certificates {
    /// For [`rustls::ConfigBuilder::with_cert_resolver`].
    pub resolver: Arc<Resolver>,
    /// Changes whenever something about the certificates changes.
    pub report: watch::Receiver<Report>,
}

/// Keeps the certificate in order while it [runs](Keeper::run).
pub struct Keeper(Origination);

enum Origination {
    SelfManaged(Box<Rotator>),
    Files(Box<Reloader>),
}

/// Prepares everything and does nothing yet.
#[must_use]
pub fn prepare(settings: Settings) -> (Certificates, Keeper) {
    let resolver = Arc::new(Resolver::default());
    let (sender, report) = watch::channel(Report::default());
    let presented = Arc::clone(&resolver);
    let keeper = match settings.origin.clone() {
        Origin::SelfManaged(secret) => {
            Origination::SelfManaged(Box::new(Rotator::new(settings, secret, presented, sender)))
        }
        Origin::Files(files) => {
            Origination::Files(Box::new(Reloader::new(settings, files, presented, sender)))
        }
    };
    (Certificates { resolver, report }, Keeper(keeper))
}

impl Keeper {
    /// Runs until `rest` is cancelled. Nothing that goes wrong ends it: it is reported, and tried again.
    pub async fn run(self, rest: CancellationToken) {
        match self.0 {
            Origination::SelfManaged(rotator) => rotator.run(rest).await,
            Origination::Files(reloader) => reloader.run(rest).await,
        }
    }
}
