//! The loop that looks after a certificate in files, of cert-manager or provided: read, and present what is new.
//!
//! The files are read again and again rather than watched: a mounted Secret changes by a swap of symbolic links, and a
//! path that is opened anew always leads to what is there now. A pair that cannot be used is reported, and the one
//! before stays.

mod pair;

use std::sync::Arc;

use futures::StreamExt;
use tokio::{sync::watch::Sender, time};
use tokio_util::sync::CancellationToken;

use self::pair::Pair;
use crate::{
    certificate::{Bundle, Validity},
    configuration::{Live, Standing},
    inject::{Injected, Injector},
    pause::Pause,
    report::{self, Readiness, Report},
    resolver::Resolver,
    settings::{Files, Settings},
    trouble::Trouble,
    watch,
};

/// How often others may be first before this waits for a while.
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
    /// Whether something has changed since the configurations were read.
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
        Self { settings, files, injector, resolver, report, pair: None, live: Vec::new(), outdated: true }
    }

    pub(crate) async fn run(mut self, rest: CancellationToken) {
        let Settings { watch_client, configurations, .. } = &self.settings;
        let mut changes = watch::changes(watch_client, None, configurations).fuse();
        let mut pause = Pause::default();
        loop {
            let read = self.reload().await;
            let trusted = tokio::select! {
                () = rest.cancelled() => return,
                trusted = self.publish() => trusted,
            };
            self.tell(&[read.as_ref().err(), trusted.as_ref().err()]);
            let until = time::sleep(pause.after(&trusted, self.files.interval));
            tokio::select! {
                () = rest.cancelled() => return,
                () = until => {}
                Some(()) = changes.next() => self.outdated = true,
            }
        }
    }

    /// Reads the files, and presents what is new and can be used.
    async fn reload(&mut self) -> Result<(), Trouble> {
        let read = match Pair::read(&self.files).await {
            // The links may have been swapped between one file and the other.
            Err(Trouble::File { .. }) => Pair::read(&self.files).await,
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

    /// Looks at the configurations, and adds our authorities where a configuration does not trust our certificate.
    async fn publish(&mut self) -> Result<(), Trouble> {
        for _ in 0..ATTEMPTS {
            if self.outdated {
                self.live = self.injector.look().await?;
                self.outdated = false;
            }
            self.add_ours().await?;
            if !self.outdated {
                return Ok(());
            }
        }
        Err(Trouble::Unsettled)
    }

    /// Only what is missing is added, and what has expired is left out: another replica may see new files a minute
    /// earlier than this one, and each must leave alone what the other needs.
    async fn add_ours(&mut self) -> Result<(), Trouble> {
        let (Some(path), Some(pair)) = (&self.files.bundle, &self.pair) else { return Ok(()) };
        let now = self.settings.clock.now();
        let lacking = self.live.iter().enumerate();
        let lacking = lacking.filter(|(_, live)| live.exists() && !self.trusts(live, pair));
        let lacking: Vec<_> = lacking.map(|(at, live)| (at, live.clone())).collect();
        if lacking.is_empty() {
            return Ok(());
        }
        let ours = pair::bundle(path).await?;
        for (at, live) in lacking {
            let authorities = live.authorities();
            let valid = authorities.iter().filter(|it| it.validity(now) != Validity::Expired);
            let bundle = valid.chain(ours.iter()).cloned().collect::<Bundle>().pem();
            if live.standing(&bundle) == Standing::InSync {
                let certificate = self.files.certificate.display();
                let why = format!("whoever trusts these authorities does not trust {certificate}");
                return Err(Trouble::File { path: path.clone(), why });
            }
            match self.injector.inject(&live, &bundle).await? {
                Injected::Done(now_there) => self.live[at] = now_there,
                Injected::Overtaken => self.outdated = true,
            }
        }
        Ok(())
    }

    fn trusts(&self, live: &Live, pair: &Pair) -> bool {
        let Settings { names, clock, .. } = &self.settings;
        live.every_bundle(|bundle| pair.is_trusted(bundle, names, clock.now()))
    }

    /// Tells the process how things stand.
    fn tell(&self, troubles: &[Option<&Trouble>]) {
        for trouble in troubles.iter().flatten() {
            tracing::warn!("the certificate is not in order, this is tried again: {trouble}");
        }
        let readiness = self.readiness(troubles);
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

    fn readiness(&self, troubles: &[Option<&Trouble>]) -> Readiness {
        let Settings { clock, lives, names, .. } = &self.settings;
        let now = clock.now();
        let mut readiness = match &self.pair {
            None => Readiness::Waiting("there is no certificate yet".into()),
            Some(pair) => report::of_times(pair.leaf().validity(now), pair.leaf().not_after, now, lives)
                .or_else(|| pair.unfit(names).map(Readiness::Waiting))
                .or_else(|| report::of_trust(&self.live, |live| self.trusts(live, pair)))
                .unwrap_or(Readiness::Ready),
        };
        if let Readiness::Waiting(why) = &mut readiness {
            for trouble in troubles.iter().flatten() {
                *why = format!("{why}: {trouble}");
            }
        }
        readiness
    }
}

#[cfg(test)]
mod tests;
