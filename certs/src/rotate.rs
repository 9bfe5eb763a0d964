//! The loop that looks after a certificate of our own: look, decide, do one thing, look again.
//!
//! It looks when a watch reports a change, and at the wall clock every minute; never does it sleep until a
//! certificate is due, as clocks jump and machines are put to sleep. Whatever it does follows from what it has just read
//! from the API server itself: the configurations first, then the Secret, so that a bundle that is about to be written
//! is never older than the one it is written over.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use futures::{FutureExt, StreamExt};
use tokio::{sync::watch::Sender, time};
use tokio_util::sync::CancellationToken;

use crate::{
    announce::Announcer,
    backoff::Backoff,
    certificate::{Bundle, Certificate},
    configuration::{Configuration, Live},
    decide::{Act, Seen, Why, decide},
    error::Error,
    inject::{Injected, Injector},
    issue::Leaf,
    lifetimes::later,
    rate_limit::RateLimit,
    report::{self, Readiness, Report},
    resolver::Resolver,
    rotation::{Content, Rotation},
    settings::Settings,
    store::{Revision, SecretName, Store, Written},
    trust::Trust,
    watch,
};

/// More acts than this in a row mean that something is at odds with itself.
const ACTS: usize = 24;
/// New authorities allowed in the time that other replicas take to follow one. More mean that clocks disagree about
/// which authority is valid.
const AUTHORITIES: usize = 3;

/// The loop and its memory.
pub(crate) struct Rotator {
    settings: Settings,
    secret: SecretName,
    store: Store,
    injector: Injector,
    announcer: Announcer,
    rate_limit: RateLimit<()>,
    resolver: Arc<Resolver>,
    report: Sender<Report>,
    /// State that was read last; it may be outdated.
    view: Option<View>,
    /// Set when something has changed since.
    outdated: bool,
    trust: Trust,
    /// Authorities of the last Secret that was in order: what stays trusted should it vanish.
    known: Bundle,
    leaf: Option<Leaf>,
}

struct View {
    live: Vec<Live>,
    content: Content,
    revision: Revision,
}

impl Rotator {
    pub(crate) fn new(
        settings: Settings,
        secret: SecretName,
        resolver: Arc<Resolver>,
        report: Sender<Report>,
    ) -> Self {
        Self {
            store: Store::new(settings.client.clone(), secret.clone()),
            injector: Injector::new(settings.client.clone(), settings.configurations.clone()),
            announcer: Announcer::new(settings.client.clone(), &secret),
            rate_limit: RateLimit::new(AUTHORITIES, settings.lifetimes.patience()),
            settings,
            secret,
            resolver,
            report,
            view: None,
            outdated: true,
            trust: Trust::default(),
            known: Bundle::default(),
            leaf: None,
        }
    }

    pub(crate) async fn run(mut self, rest: CancellationToken) {
        let Settings { watch_client, configurations, .. } = &self.settings;
        let mut changes = watch::changes(watch_client, Some(&self.secret), configurations).fuse();
        let mut backoff = Backoff::default();
        loop {
            let outcome = tokio::select! {
                () = rest.cancelled() => return,
                outcome = self.reconcile() => outcome,
            };
            self.report_state(&outcome);
            let until = time::sleep(backoff.after(&outcome, self.settings.lifetimes.check));
            tokio::select! {
                () = rest.cancelled() => return,
                () = until => {}
                Some(()) = changes.next() => {
                    // What else has changed by now is seen by the same look.
                    while let Some(Some(())) = changes.next().now_or_never() {}
                    self.outdated = true;
                }
            }
        }
    }

    /// Acts until there is nothing left to do. Each act is decided once more on state that was read just before it.
    async fn reconcile(&mut self) -> Result<(), Error> {
        let mut looked = false;
        for _ in 0..ACTS {
            if self.outdated {
                if let Err(error) = self.look().await {
                    self.serve_stale()?;
                    return Err(error);
                }
                looked = true;
            }
            match self.decide() {
                Act::Rest => return Ok(()),
                _ if !looked => self.outdated = true,
                Act::Write(rotation) => self.write(&rotation).await?,
                Act::Mint(why) => self.mint(why)?,
                Act::Inject(which) => self.inject(&which).await?,
            }
        }
        Err(Error::Unsettled)
    }

    /// The configurations first: whoever reads the Secret after them knows every authority that they trust.
    async fn look(&mut self) -> Result<(), Error> {
        let live = self.injector.look().await?;
        let (content, revision) = self.store.read().await?;
        self.view = Some(View { live, content, revision });
        self.outdated = false;
        self.update_trust();
        Ok(())
    }

    /// Updates whom the configurations trust.
    fn update_trust(&mut self) {
        let Some(View { live, content, .. }) = &self.view else { return };
        if let Content::Sound(stored) = content {
            self.known = stored.bundle();
        }
        let ours = self.leaf.as_ref().map(|leaf| leaf.held.issuer);
        let candidates: Vec<_> = self.known.iter().map(Certificate::fingerprint).chain(ours).collect();
        self.trust.update(live, &candidates, Instant::now());
    }

    fn decide(&self) -> Act {
        let Some(View { live, content, .. }) = &self.view else { return Act::Rest };
        let trusted = self.trust.lasting(Instant::now());
        let leaf = self.leaf.as_ref().map(|leaf| &leaf.held);
        let Settings { names, clock, .. } = &self.settings;
        let seen = Seen { now: clock.now(), names, content, live, trusted: &trusted, leaf };
        decide(&seen, &self.settings.lifetimes)
    }

    async fn write(&mut self, rotation: &Rotation) -> Result<(), Error> {
        let Some(View { live, content, revision }) = &mut self.view else { return Ok(()) };
        if matches!(rotation, Rotation::Replace(_)) && !self.rate_limit.admit(&(), Instant::now()) {
            return Err(Error::Disputed);
        }
        let mut known = self.known.clone();
        known.extend(live.iter().flat_map(|live| live.authorities().iter().cloned().collect::<Vec<_>>()));
        let Settings { names, clock, lifetimes, .. } = &self.settings;
        let stored = rotation.carry_out(content, &known, names, clock.now(), lifetimes);
        if rotation.makes_an_authority() {
            self.report.send_modify(|report| report.authority_renewals.count(&stored));
        }
        let stored = stored?;
        match self.store.write(&stored, revision).await? {
            Written::Won(now_there) => {
                (*content, *revision) = (Content::Sound(stored), now_there);
                self.update_trust();
                self.announcer.announce(rotation).await;
            }
            Written::Lost => {
                tracing::info!(secret = self.secret.name, "another replica was first: {rotation}");
                self.outdated = true;
            }
        }
        Ok(())
    }

    fn mint(&mut self, why: Why) -> Result<(), Error> {
        let Some(View { content: Content::Sound(stored), .. }) = &self.view else { return Ok(()) };
        let Settings { names, clock, lifetimes, .. } = &self.settings;
        let minted = stored.signer.mint(names, clock.now(), lifetimes);
        self.report.send_modify(|report| report.leaf_renewals.count(&minted));
        let leaf = minted?;
        tracing::info!(not_after = %leaf.held.not_after, issuer = %leaf.held.issuer, "{}", Act::Mint(why));
        self.resolver.present(Arc::clone(&leaf.certified));
        self.leaf = Some(leaf);
        self.update_trust();
        Ok(())
    }

    /// Mints from the remembered authority while the API server does not answer, where the leaf is useless or about to
    /// expire.
    fn serve_stale(&mut self) -> Result<(), Error> {
        let Settings { clock, lifetimes, .. } = &self.settings;
        let until = later(clock.now(), lifetimes.margin.saturating_mul(2));
        let runs_out = self.leaf.as_ref().is_some_and(|leaf| leaf.held.not_after <= until);
        match self.decide() {
            Act::Mint(why) if why.is_urgent() || runs_out => self.mint(why),
            Act::Mint(_) | Act::Write(_) | Act::Inject(_) | Act::Rest => Ok(()),
        }
    }

    async fn inject(&mut self, which: &BTreeSet<Configuration>) -> Result<(), Error> {
        let Some(View { live, content: Content::Sound(stored), .. }) = &mut self.view else { return Ok(()) };
        let bundle = stored.bundle().pem();
        let mut outcome = Ok(());
        for live in live.iter_mut().filter(|live| which.contains(&live.configuration)) {
            match self.injector.inject(live, &bundle).await {
                Ok(Injected::Done(now_there)) => *live = now_there,
                Ok(Injected::Overtaken) => self.outdated = true,
                // The others get theirs all the same.
                Err(error) => outcome = Err(error),
            }
        }
        self.update_trust();
        outcome
    }

    /// Reports the state to the process.
    fn report_state(&self, outcome: &Result<(), Error>) {
        if let Err(error) = outcome {
            tracing::warn!("the certificates are not in order, this is tried again: {error}");
        }
        let Settings { clock, lifetimes, .. } = &self.settings;
        let leaf = self.leaf.as_ref().map(|leaf| &leaf.held);
        let view = self.view.as_ref();
        let live = view.map_or(&[][..], |view| &view.live);
        let mut readiness = report::of_leaf(leaf, live, clock.now(), lifetimes);
        if let (Readiness::Waiting(why), Err(error)) = (&mut readiness, outcome) {
            *why = format!("{why}: {error}");
        }
        let stored = view.and_then(|view| match &view.content {
            Content::Sound(stored) => Some(stored),
            Content::Absent | Content::Corrupt(_) => None,
        });
        let bundle = self.known.pem();
        self.report.send_modify(|report| {
            report.readiness = readiness;
            report.leaf_not_after = leaf.map(|leaf| leaf.not_after);
            report.authority_not_after = stored.map(|stored| stored.signer.certificate().not_after);
            report.configurations =
                live.iter().map(|live| (live.configuration.clone(), live.standing(&bundle))).collect();
        });
    }
}

#[cfg(test)]
mod tests;
