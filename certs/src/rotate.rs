//! The loop that looks after a certificate of our own: look, decide, do one thing, look again.
//!
//! It looks when a watch says that something changed, and at the wall clock every minute; never does it sleep until a
//! certificate is due, as clocks jump and machines are put to sleep. Whatever it does follows from what it has just read
//! from the API server itself: the configurations first, then the Secret, so that a bundle that is about to be written
//! is never older than the one it is written over.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use futures::{FutureExt, StreamExt};
use tokio::{sync::watch::Sender, time};
use tokio_util::sync::CancellationToken;

use crate::{
    certificate::{Bundle, Certificate},
    configuration::{Configuration, Live},
    decide::{Act, Seen, Why, decide},
    inject::{Injected, Injector},
    issue::Leaf,
    lives::later,
    pace::Pace,
    pause::Pause,
    report::{self, Readiness, Report},
    resolver::Resolver,
    rotation::{Content, Rotation},
    settings::Settings,
    store::{Seat, SecretName, Store, Written},
    trouble::Trouble,
    trust::Trust,
    watch,
};

/// More acts than this in a row mean that something is at odds with itself.
const ACTS: usize = 24;
/// So many new authorities in the time that others take to follow one are fine. More mean that clocks disagree about
/// which authority is valid.
const AUTHORITIES: usize = 3;

/// The loop and what it remembers.
pub(crate) struct Rotator {
    settings: Settings,
    secret: SecretName,
    store: Store,
    injector: Injector,
    pace: Pace<()>,
    resolver: Arc<Resolver>,
    report: Sender<Report>,
    /// What was read last; it may be outdated.
    view: Option<View>,
    /// Whether something has changed since.
    outdated: bool,
    trust: Trust,
    /// Authorities of the last Secret that was in order: what stays trusted should it vanish.
    known: Bundle,
    leaf: Option<Leaf>,
}

struct View {
    live: Vec<Live>,
    content: Content,
    seat: Seat,
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
            pace: Pace::new(AUTHORITIES, settings.lives.patience()),
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
        let mut pause = Pause::default();
        loop {
            let outcome = tokio::select! {
                () = rest.cancelled() => return,
                outcome = self.pass() => outcome,
            };
            self.tell(&outcome);
            let until = time::sleep(pause.after(&outcome, self.settings.lives.check));
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

    /// Does one thing after the other until there is nothing to do. What has to be done is decided once more on what
    /// was read just then, before it is done.
    async fn pass(&mut self) -> Result<(), Trouble> {
        let mut looked = false;
        for _ in 0..ACTS {
            if self.outdated {
                if let Err(trouble) = self.look().await {
                    self.make_do()?;
                    return Err(trouble);
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
        Err(Trouble::Unsettled)
    }

    /// The configurations first: whoever reads the Secret after them knows every authority that they trust.
    async fn look(&mut self) -> Result<(), Trouble> {
        let live = self.injector.look().await?;
        let (content, seat) = self.store.read().await?;
        self.view = Some(View { live, content, seat });
        self.outdated = false;
        self.weigh();
        Ok(())
    }

    /// Takes in whom the configurations trust now.
    fn weigh(&mut self) {
        let Some(View { live, content, .. }) = &self.view else { return };
        if let Content::Sound(stored) = content {
            self.known = stored.bundle();
        }
        let ours = self.leaf.as_ref().map(|leaf| leaf.held.issuer);
        let candidates: Vec<_> = self.known.iter().map(Certificate::fingerprint).chain(ours).collect();
        self.trust.saw(live, &candidates, Instant::now());
    }

    fn decide(&self) -> Act {
        let Some(View { live, content, .. }) = &self.view else { return Act::Rest };
        let trusted = self.trust.lasting(Instant::now());
        let leaf = self.leaf.as_ref().map(|leaf| &leaf.held);
        let seen = Seen { now: self.settings.clock.now(), content, live, trusted: &trusted, leaf };
        decide(&seen, &self.settings.lives)
    }

    async fn write(&mut self, rotation: &Rotation) -> Result<(), Trouble> {
        let Some(View { live, content, seat }) = &mut self.view else { return Ok(()) };
        if matches!(rotation, Rotation::Replace(_)) && !self.pace.may(&(), Instant::now()) {
            return Err(Trouble::Disputed);
        }
        let mut known = self.known.clone();
        known.extend(live.iter().flat_map(|live| live.authorities().iter().cloned().collect::<Vec<_>>()));
        let (now, lives) = (self.settings.clock.now(), &self.settings.lives);
        let stored = rotation.carry_out(content, &known, now, lives);
        if rotation.makes_an_authority() {
            self.report.send_modify(|report| report.authority_renewals.count(&stored));
        }
        let stored = stored?;
        match self.store.write(&stored, seat).await? {
            Written::Won(now_there) => {
                tracing::info!(secret = self.secret.name, "{rotation}");
                (*content, *seat) = (Content::Sound(stored), now_there);
                self.weigh();
            }
            Written::Lost => {
                tracing::info!(secret = self.secret.name, "another replica was first: {rotation}");
                self.outdated = true;
            }
        }
        Ok(())
    }

    fn mint(&mut self, why: Why) -> Result<(), Trouble> {
        let Some(View { content: Content::Sound(stored), .. }) = &self.view else { return Ok(()) };
        let Settings { names, clock, lives, .. } = &self.settings;
        let minted = stored.signer.mint(names, clock.now(), lives);
        self.report.send_modify(|report| report.leaf_renewals.count(&minted));
        let leaf = minted?;
        tracing::info!(not_after = %leaf.held.not_after, issuer = %leaf.held.issuer, "{}", Act::Mint(why));
        self.resolver.present(Arc::clone(&leaf.certified));
        self.leaf = Some(leaf);
        self.weigh();
        Ok(())
    }

    /// While the API server does not answer: a leaf from the authority that is remembered is better than one of no use,
    /// or one that is about to be.
    fn make_do(&mut self) -> Result<(), Trouble> {
        let Settings { clock, lives, .. } = &self.settings;
        let until = later(clock.now(), 2 * lives.margin);
        let runs_out = self.leaf.as_ref().is_some_and(|leaf| leaf.held.not_after <= until);
        match self.decide() {
            Act::Mint(why) if why.is_urgent() || runs_out => self.mint(why),
            Act::Mint(_) | Act::Write(_) | Act::Inject(_) | Act::Rest => Ok(()),
        }
    }

    async fn inject(&mut self, which: &BTreeSet<Configuration>) -> Result<(), Trouble> {
        let Some(View { live, content: Content::Sound(stored), .. }) = &mut self.view else { return Ok(()) };
        let bundle = stored.bundle().pem();
        let mut outcome = Ok(());
        for live in live.iter_mut().filter(|live| which.contains(&live.configuration)) {
            match self.injector.inject(live, &bundle).await {
                Ok(Injected::Done(now_there)) => *live = now_there,
                Ok(Injected::Overtaken) => self.outdated = true,
                // The others get theirs all the same.
                Err(trouble) => outcome = Err(trouble),
            }
        }
        self.weigh();
        outcome
    }

    /// Tells the process how things stand.
    fn tell(&self, outcome: &Result<(), Trouble>) {
        if let Err(trouble) = outcome {
            tracing::warn!("the certificates are not in order, this is tried again: {trouble}");
        }
        let Settings { clock, lives, .. } = &self.settings;
        let leaf = self.leaf.as_ref().map(|leaf| &leaf.held);
        let view = self.view.as_ref();
        let live = view.map_or(&[][..], |view| &view.live);
        let mut readiness = report::of_leaf(leaf, live, clock.now(), lives);
        if let (Readiness::Waiting(why), Err(trouble)) = (&mut readiness, outcome) {
            *why = format!("{why}: {trouble}");
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
