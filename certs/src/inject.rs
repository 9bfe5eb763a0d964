//! Puts the bundle into the webhook configurations, by server-side apply under one field manager. Every replica does,
//! without a leader: all of them read the same Secret, so all of them write the same.
//!
//! It never makes a configuration, and never touches any other field of one.

use std::time::{Duration, Instant};

use futures::future::try_join_all;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
    core::DynamicObject,
};

use crate::{
    configuration::{Configuration, Live},
    pace::Pace,
    trouble::{Trouble, code},
};

/// Who owns `caBundle`.
pub const FIELD_MANAGER: &str = "seinode-certs";

/// So many writes of one configuration are fine within [`WINDOW`].
const WRITES: usize = 20;
const WINDOW: Duration = Duration::from_secs(60);

/// The configurations that are looked after.
pub(crate) struct Injector {
    client: Client,
    configurations: Vec<Configuration>,
    pace: Pace<Configuration>,
}

/// What became of an injection.
pub(crate) enum Injected {
    /// The configuration as it is now.
    Done(Live),
    /// Somebody else wrote it meanwhile, or deleted it. It has to be read again.
    Overtaken,
}

impl Injector {
    pub(crate) fn new(client: Client, configurations: Vec<Configuration>) -> Self {
        Self { client, configurations, pace: Pace::new(WRITES, WINDOW) }
    }

    /// Reads all configurations from the API server itself.
    pub(crate) async fn look(&self) -> Result<Vec<Live>, Trouble> {
        let look = async |configuration: &Configuration| {
            let object = self.api(configuration).get_opt(&configuration.name).await;
            let object = object.map_err(|error| Trouble::of(&error, format!("get {configuration}")))?;
            Ok(Live::of(configuration.clone(), object.as_ref()))
        };
        try_join_all(self.configurations.iter().map(look)).await
    }

    /// Gives a configuration a bundle, if it is still the one that was read.
    pub(crate) async fn inject(&mut self, live: &Live, bundle: &str) -> Result<Injected, Trouble> {
        let configuration = &live.configuration;
        let Some(patch) = live.patch(bundle) else { return Ok(Injected::Overtaken) };
        if !self.pace.may(configuration, Instant::now()) {
            return Err(Trouble::Contested(configuration.clone()));
        }
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        let api = self.api(configuration);
        match api.patch(&configuration.name, &parameters, &Patch::Apply(&patch)).await {
            Ok(object) => {
                tracing::info!(%configuration, "the bundle of authorities was put in");
                Ok(Injected::Done(Live::of(configuration.clone(), Some(&object))))
            }
            Err(error) if matches!(code(&error), Some(404 | 409)) => Ok(Injected::Overtaken),
            Err(error) => Err(Trouble::of(&error, format!("apply {configuration}"))),
        }
    }

    fn api(&self, configuration: &Configuration) -> Api<DynamicObject> {
        Api::all_with(self.client.clone(), &configuration.kind.resource())
    }
}
