use std::{sync::Mutex, time::Duration};

use kube::{Client, Config};
use tokio::sync::watch::{Receiver, channel};

use super::*;
use crate::{
    clock::Clock,
    lifetimes::Lifetimes,
    settings::Origin,
    stored::Stored,
    tests::fixtures::{DAY, HOUR, authority, both, names, on},
};

/// A replica that has served for a while and now asks an API server that does not answer.
struct CutOff {
    rotator: Rotator,
    now: Arc<Mutex<Duration>>,
    report: Receiver<Report>,
}

impl CutOff {
    /// It remembers this Secret, if any.
    fn with(stored: Option<Stored>) -> Self {
        let nobody = Client::try_from(Config::new("http://127.0.0.1:1".parse().unwrap())).unwrap();
        let secret = SecretName { namespace: "sei-system".into(), name: "authority".into() };
        let now = Arc::new(Mutex::new(Duration::ZERO));
        let clock = Arc::clone(&now);
        let settings = Settings {
            watch_client: nobody.clone(),
            client: nobody,
            origin: Origin::SelfManaged(secret.clone()),
            names: names(),
            configurations: Vec::new(),
            lifetimes: Lifetimes::default(),
            clock: Clock::new(move || on(*clock.lock().unwrap())),
        };
        let (sender, report) = channel(Report::default());
        let mut rotator = Rotator::new(settings, secret, Arc::default(), sender);
        rotator.view = stored.map(|stored| View {
            live: both(&stored.bundle()),
            content: Content::Sound(stored),
            revision: Revision::default(),
        });
        Self { rotator, now, report }
    }

    /// Looks at this time; returns the certificate that is presented afterwards.
    async fn look(&mut self, now: Duration) -> Option<Vec<u8>> {
        *self.now.lock().unwrap() = now;
        self.rotator.outdated = true;
        let outcome = self.rotator.reconcile().await;
        assert!(matches!(outcome, Err(Error::Unreachable { .. })), "{outcome:?}");
        self.rotator.report_state(&outcome);
        self.rotator.resolver.presented().map(|certified| certified.cert[0].to_vec())
    }
}

#[tokio::test]
async fn without_an_api_server_a_leaf_is_minted_only_when_needed() {
    let stored = Stored::begun(authority(Duration::ZERO), &Bundle::default(), on(Duration::ZERO));
    let mut replica = CutOff::with(Some(stored));
    let first = replica.look(Duration::ZERO).await;
    assert!(first.is_some(), "there was none");
    let aged = 6 * DAY;
    assert_eq!(
        replica.look(aged).await,
        first,
        "the Secret may say something else by now, and there is time"
    );
    assert_eq!(replica.look(7 * DAY - 2 * HOUR - HOUR / 2).await, first);
    let second = replica.look(7 * DAY - 2 * HOUR).await;
    assert_ne!(second, first, "it is about to run out");
    assert_ne!(replica.look(30 * DAY).await, second, "the clock jumped");
    assert_eq!(replica.report.borrow().leaf_renewals.succeeded, 3);
    assert_eq!(replica.report.borrow().readiness, Readiness::Ready, "it can still be called");
}

#[tokio::test]
async fn an_unreachable_api_server_is_reported() {
    let mut replica = CutOff::with(None);
    assert_eq!(replica.look(Duration::ZERO).await, None);
    assert_eq!(
        replica.report.borrow().readiness,
        Readiness::Waiting(
            "there is no certificate yet: get Secret sei-system/authority: the API server cannot be reached"
                .into()
        )
    );
}
