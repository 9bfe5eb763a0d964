//! The loop that looks after a certificate in files, of cert-manager or provided: read, and present what is new.
//!
//! The files are read again and again rather than watched: a mounted Secret changes by a swap of symbolic links, and a
//! path that is opened anew always leads to what is there now. A pair that cannot be used is reported, and the one
//! before stays.

mod pair;

use std::{sync::Arc, time::Instant};

use futures::StreamExt;
use tokio::{sync::watch::Sender, time};
use tokio_util::sync::CancellationToken;

use self::pair::Pair;
use crate::{
    backoff::Backoff,
    certificate::{Bundle, Fingerprint, Validity},
    configuration::{Live, Standing},
    error::Error,
    inject::{Injected, Injector},
    report::{self, Readiness, Report},
    resolver::Resolver,
    settings::{Files, Settings},
    watch,
};

/// Lost races in a row before this backs off.
const ATTEMPTS: usize = 8;

/// The loop and what it remembers.
pub(crate) struct Reloader {
    settings: Settings,
    files: Files,
    injector: Injector,
    resolver: Arc<Resolver>,
    report: Sender<Report>,
    pair: Option<Pair>,
    live: Vec<Live>,
    /// The leaf that every configuration trusts, and since when.
    trusted: Option<(Fingerprint, Instant)>,
    /// Set when something has changed since the configurations were read.
    outdated: bool,
}

impl Reloader {
    pub(crate) fn new(
        settings: Settings,
        files: Files,
        resolver: Arc<Resolver>,
        report: Sender<Report>,
    ) -> Self {
        let injector = Injector::new(settings.client.clone(), settings.configurations.clone());
        Self {
            settings,
            files,
            injector,
            resolver,
            report,
            pair: None,
            live: Vec::new(),
            trusted: None,
            outdated: true,
        }
    }

    pub(crate) async fn run(mut self, rest: CancellationToken) {
        let Settings { watch_client, configurations, .. } = &self.settings;
        let mut changes = watch::changes(watch_client, None, configurations).fuse();
        let mut backoff = Backoff::default();
        loop {
            let read = self.reload().await;
            let trusted = tokio::select! {
                () = rest.cancelled() => return,
                trusted = self.publish() => trusted,
            };
            self.report_state(&[read.as_ref().err(), trusted.as_ref().err()]);
            let until = time::sleep(backoff.after(&trusted, self.files.interval));
            tokio::select! {
                () = rest.cancelled() => return,
                () = until => {}
                Some(()) = changes.next() => self.outdated = true,
            }
        }
    }

    /// Reads the files, and presents what is new and can be used.
    async fn reload(&mut self) -> Result<(), Error> {
        let read = match Pair::read(&self.files).await {
            // The links may have been swapped between one file and the other.
            Err(Error::File { .. }) => Pair::read(&self.files).await,
            read => read,
        };
        let before = self.pair.as_ref().map(Pair::leaf);
        if read.as_ref().is_ok_and(|pair| Some(pair.leaf()) == before) {
            return Ok(());
        }
        self.report.send_modify(|report| report.leaf_renewals.count(&read));
        let pair = read?;
        let not_after = pair.leaf().not_after;
        tracing::info!(%not_after, file = %self.files.certificate.display(), "a new certificate is presented");
        self.resolver.present(Arc::clone(&pair.certified));
        self.pair = Some(pair);
        Ok(())
    }

    /// Reads the configurations where they have changed, and writes those that need it.
    async fn publish(&mut self) -> Result<(), Error> {
        for _ in 0..ATTEMPTS {
            if self.outdated {
                self.live = self.injector.look().await?;
                self.outdated = false;
            }
            self.update_trust(Instant::now());
            self.write_bundles().await?;
            if !self.outdated {
                self.update_trust(Instant::now());
                return Ok(());
            }
        }
        Err(Error::Unsettled)
    }

    /// Records since when every configuration has trusted the presented certificate.
    fn update_trust(&mut self, now: Instant) {
        let leaf = self.pair.as_ref().filter(|pair| self.live.iter().all(|live| self.trusts(live, pair)));
        let leaf = leaf.map(|pair| pair.leaf().fingerprint());
        let since = self.trusted.filter(|(before, _)| Some(*before) == leaf);
        self.trusted = since.or_else(|| leaf.map(|leaf| (leaf, now)));
    }

    /// Reports whether every replica presents the new certificate by now: the kubelet brings the files to each of them
    /// within some two minutes.
    fn overlap_is_over(&self) -> bool {
        let patience = self.settings.lifetimes.patience();
        self.trusted.is_some_and(|(_, since)| since.elapsed() >= patience)
    }

    /// Adds our authorities where a configuration lacks them. What else is in a bundle stays for the overlap: another
    /// replica may see new files a minute later than this one. After that, only our authorities stay.
    async fn write_bundles(&mut self) -> Result<(), Error> {
        let (Some(path), Some(pair)) = (&self.files.bundle, &self.pair) else { return Ok(()) };
        let only_ours = self.overlap_is_over();
        let present = self.live.iter().enumerate().filter(|(_, live)| live.exists());
        let lacking = |live: &Live| !self.trusts(live, pair);
        let needy = present.filter(|(_, live)| only_ours || lacking(live) || live.has_applied_fields());
        let needy: Vec<_> = needy.map(|(at, live)| (at, live.clone())).collect();
        if needy.is_empty() {
            return Ok(());
        }
        let ours = pair::bundle(path).await?;
        if !pair.is_trusted(&ours, &self.settings.names, self.settings.clock.now()) {
            let certificate = self.files.certificate.display();
            let why = format!("a client that trusts these authorities does not trust {certificate}");
            return Err(Error::File { path: path.clone(), why });
        }
        for (at, live) in needy {
            let bundle = if only_ours { ours.pem() } else { self.beside_others(&live, &ours).pem() };
            if !live.needs(&bundle) {
                continue;
            }
            match self.injector.inject(&live, &bundle).await? {
                Injected::Done(now_there) => {
                    if let Some(live) = self.live.get_mut(at) {
                        *live = now_there;
                    }
                }
                Injected::Overtaken => self.outdated = true,
            }
        }
        Ok(())
    }

    /// Our authorities, and those of a configuration that have not expired.
    fn beside_others(&self, live: &Live, ours: &Bundle) -> Bundle {
        let now = self.settings.clock.now();
        let authorities = live.authorities();
        let valid = authorities.iter().filter(|it| it.validity(now) != Validity::Expired);
        valid.chain(ours.iter()).cloned().collect()
    }

    fn trusts(&self, live: &Live, pair: &Pair) -> bool {
        let Settings { names, clock, .. } = &self.settings;
        live.every_bundle(|bundle| pair.is_trusted(bundle, names, clock.now()))
    }

    /// Reports the state to the process.
    fn report_state(&self, errors: &[Option<&Error>]) {
        for error in errors.iter().flatten() {
            tracing::warn!("the certificate is not in order, this is tried again: {error}");
        }
        let readiness = self.readiness(errors);
        let standing = |live: &Live| match &self.pair {
            _ if !live.exists() => Standing::Absent,
            Some(pair) if self.trusts(live, pair) => Standing::InSync,
            _ => Standing::Differs,
        };
        let standings = self.live.iter().map(|live| (live.configuration.clone(), standing(live)));
        self.report.send_modify(|report| {
            report.readiness = readiness;
            report.configurations = standings.collect();
            report.leaf_not_after = self.pair.as_ref().map(|pair| pair.leaf().not_after);
        });
    }

    fn readiness(&self, errors: &[Option<&Error>]) -> Readiness {
        let Settings { clock, lifetimes, names, .. } = &self.settings;
        let now = clock.now();
        let mut readiness = match &self.pair {
            None => Readiness::Waiting("there is no certificate yet".into()),
            Some(pair) => report::of_times(pair.leaf().validity(now), pair.leaf().not_after, now, lifetimes)
                .or_else(|| pair.unfit(names).map(Readiness::Waiting))
                .or_else(|| report::of_trust(&self.live, |live| self.trusts(live, pair)))
                .unwrap_or(Readiness::Ready),
        };
        if let Readiness::Waiting(why) = &mut readiness {
            for error in errors.iter().flatten() {
                *why = format!("{why}: {error}");
            }
        }
        readiness
    }
}

#[cfg(test)]
mod tests;
